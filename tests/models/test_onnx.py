"""Exported classifiers, asked by other runtimes, answer as the classifier itself does."""

import json
import os
import sys
from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from keras_chains import chains, filled, keras, layers, steps_of
from runtimes import import_openvino

from stormlens import datasets
from stormlens.errors import InputError
from stormlens.models import (
    Classifier,
    Confidence,
    Ensemble,
    Network,
    _onnx,
    _onnx_graph,
    export_onnx,
    list_models,
    network_graph,
)
from stormlens.models._layers import GlobalMeanMax, LocalResponseNormalization, Residual
from stormlens.models._novelty import fit_novelty
from stormlens.training import fit, load_recipe

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

CLASSES = ("a", "b", "c")
EXAMPLES = int(os.environ.get("STORMLENS_FUZZ", "6"))  # two runtimes take seconds for each


def by_onnxruntime(model, **given):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


def by_openvino(model, **given):
    openvino = import_openvino()
    # Where a processor has bfloat16, it would compute in that unless told.
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(model, "CPU", precise)(given)[0]


RUNTIMES = (by_onnxruntime, by_openvino)


@pytest.fixture(scope="module")
def boxes():
    return datasets.load("simulated", split="test", count=64)["reflectivity"].values


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("graphs")


def images(n=9, shape=(30, 30)):
    """Images as patchy as radar's."""
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 80, (n, -(-shape[0] // 5), -(-shape[1] // 5)), np.uint8)
    whole = np.kron(blocks * (blocks > 30), np.ones((1, 5, 5), np.uint8))
    return np.ascontiguousarray(whole[:, : shape[0], : shape[1]])


def own(*parts, shape=(30, 30), end=(), seed=2):
    classes = layers.Dense(len(CLASSES), activation="softmax")
    model = keras.Sequential([keras.Input((*shape, 1)), *parts, classes, *end])
    return Classifier(filled(model, np.random.default_rng(seed)), None, CLASSES, 0.0, 75.0)


def assert_alike(classifier, path, raw, tolerance=1e-5):
    due = classifier.probabilities(raw)
    for ask in RUNTIMES:
        found = ask(str(path), reflectivity=raw)
        assert found.dtype == np.float32
        npt.assert_allclose(found, due, rtol=0, atol=tolerance, err_msg=ask.__name__)


NETWORKS = [
    pytest.param(held.name, marks=[] if held.name == "svrimg-3conv" else [pytest.mark.slow])
    for held in list_models()
    if held.is_network
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_zoo_answers_alike(name, boxes, tmp_path):
    network = Network.untrained(name, (136, 136, 1), 6, seed=5)
    classifier = Classifier(network, name, maximum=74.0)
    exported = export_onnx(classifier, tmp_path / "zoo.onnx")
    assert exported.size == exported.path.stat().st_size
    assert exported.largest_difference < 1e-6
    assert_alike(classifier, exported.path, boxes[:7])
    assert not network.is_loaded


@pytest.mark.slow
def test_the_shipped_classifier_answers_alike_for_any_number_of_boxes(boxes, tmp_path):
    classifier, path = Classifier.shipped(), tmp_path / "shipped.onnx"
    export_onnx(classifier, path)
    for count in (1, 7, 64):
        assert_alike(classifier, path, boxes[:count])
    assert by_onnxruntime(str(path), reflectivity=boxes[:0]).shape == (0, 6)


OWN = {
    "normed": lambda: [
        layers.Conv2D(6, 3, dilation_rate=2, padding="same"),
        layers.BatchNormalization(),
        layers.LeakyReLU(0.3),
        layers.SeparableConv2D(8, 3, strides=2, padding="same", activation="silu"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu6"),
        layers.LayerNormalization(),
        layers.GlobalAveragePooling2D(),
    ],
    "pooled": lambda: [
        layers.Rescaling(2.0, -1.0),
        layers.Conv2D(4, (3, 5), strides=3, padding="same", activation="elu"),
        layers.AveragePooling2D(3, strides=2, padding="same"),
        layers.MaxPooling2D((2, 3), padding="same"),
        layers.ReLU(negative_slope=0.1, max_value=1.5, threshold=0.2),
        layers.Flatten(),
        layers.Dense(9, activation="softplus"),
        layers.BatchNormalization(),
    ],
    "curved": lambda: [
        layers.Conv2D(8, 5, activation="gelu", groups=1),
        LocalResponseNormalization(size=3, alpha=0.1),
        layers.Conv2D(8, 3, groups=4, activation="softsign"),
        layers.Dense(5, activation="hard_sigmoid"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(7, activation="selu"),
        layers.LayerNormalization(epsilon=1e-5),
    ],
    "residual": lambda: [
        layers.Conv2D(4, 3, activation="tanh"),
        Residual(),
        layers.Softmax(),
        Residual(),
        GlobalMeanMax(),
        layers.Dropout(0.5),
        layers.Dense(4, activation="exponential"),
    ],
    "augmented": lambda: [
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomZoom(0.1),
        layers.RandomContrast(0.2),
        layers.RandomBrightness(0.2, value_range=(0.0, 1.0)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
    ],
    "rows": lambda: [layers.Flatten(), layers.Dense(9, activation="sigmoid")],
}


# Of networks with many kinds of layers, one is enough for the fast suite.
OWN_NAMES = [
    pytest.param(name, marks=[] if name in ("pooled", "rows") else [pytest.mark.slow])
    for name in OWN
]


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN_NAMES)
def test_own_models_answer_alike(name, tmp_path):
    parts = OWN[name]()
    classifier = own(*parts)
    exported = export_onnx(classifier, tmp_path / "own.onnx")
    assert exported.written_by == "Stormlens"
    assert_alike(classifier, exported.path, images())
    given = classifier.model((images().astype(np.float32) / 75)[..., None], training=False)
    npt.assert_allclose(
        by_onnxruntime(str(exported.path), reflectivity=images()), np.asarray(given), atol=1e-5
    )


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(chains(), st.sampled_from([1, 2, 9]))
def test_every_chain_answers_as_keras_does(folder, make, batch):
    model, rng = make()
    shape = model.input_shape[1:]
    path = folder / "chain.onnx"
    onnx.save(network_graph(steps_of(model), shape), path)
    onnx.checker.check_model(path, full_check=True)
    scaled = rng.normal(size=(batch, *shape)).astype(np.float32)
    due = np.asarray(model(scaled, training=False))
    assume(np.isfinite(due).all())
    for ask in RUNTIMES:
        found = ask(str(path), images=scaled)
        npt.assert_allclose(found, due, rtol=0, atol=1e-5, err_msg=ask.__name__)


def beyond(which):
    """Layers behind the softmax, which is the last one no more."""
    if which == "softmax":
        return []
    return [layers.ReLU(max_value=0.9995)] if which == "relu" else [layers.Rescaling(0.9995)]


@pytest.mark.parametrize("end", ["relu", "scale"])
def test_what_ends_in_no_softmax_is_divided_by_its_sum(end, tmp_path):
    classifier = own(layers.Flatten(), end=beyond(end))
    classifier.model.layers[1].bias.assign([-40.0, 0.0, 0.5])
    path = export_onnx(classifier, tmp_path / "shares.onnx").path
    assert_alike(classifier, path, images(), 1e-6)
    found = by_onnxruntime(str(path), reflectivity=images())
    assert found.min() == np.float32(1e-7)  # clipped, as Keras clips in its loss


def confidence(temperature):
    novelty = fit_novelty(images(40))
    return Confidence(temperature, 0.9, 0.25, novelty)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "temperature"), [("softmax", 0.05), ("softmax", 20.0), ("relu", 0.7)]
)
def test_orientations_and_temperature_are_inside(end, temperature, tmp_path):
    classifier = replace(
        own(layers.Conv2D(3, 5, activation="relu"), layers.Flatten(), end=beyond(end)),
        orientations=8,
        confidence=confidence(temperature),
    )
    classifier.model.layers[2].bias.assign([-95.0, 0.0, 0.5])  # to nearly nothing, by a softmax
    path = export_onnx(classifier, tmp_path / "turned.onnx").path
    assert_alike(classifier, path, images())
    plain = replace(classifier, orientations=1, confidence=None)
    assert np.abs(plain.probabilities(images()) - classifier.probabilities(images())).max() > 1e-3
    assert by_onnxruntime(str(path), reflectivity=images(1)[:0]).shape == (0, 3)


@pytest.mark.slow
def test_the_mean_of_an_ensemble_is_exported(boxes, tmp_path):
    members = [Network.untrained("lenet5", (136, 136, 1), 6, seed) for seed in range(3)]
    for member in members:  # so that they disagree
        member.assign([10 * weight for weight in member.tensors().values()], [])
    classifier = Classifier(Ensemble(members), "lenet5", maximum=74.0)
    path = export_onnx(classifier, tmp_path / "ensemble.onnx").path
    assert_alike(classifier, path, boxes[:5])
    parts = [member.probabilities(boxes[:5], (0.0, 74.0)) for member in members]
    assert np.abs(parts[0] - parts[1]).max() > 0.1


@pytest.mark.slow
def test_what_is_no_network_is_named(tmp_path):
    some = datasets.load("simulated", split="train", count=40)
    recipe = load_recipe("features-logistic")
    classifier = fit(recipe, {"train": some, "validation": some}, progress=False).classifier
    with pytest.raises(InputError, match="features-logistic is no network and cannot be exported"):
        export_onnx(classifier, tmp_path / "features.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_other_images_and_classes_are_exported(tmp_path):
    digits = datasets.load("digits")
    raw = digits["reflectivity"].values[:5]
    network = Network.untrained("lenet5", (*raw.shape[1:], 1), 10, seed=1)
    classifier = Classifier(network, "lenet5", tuple("0123456789"), 0.0, 255.0)
    path = export_onnx(classifier, tmp_path / "digits.onnx").path
    assert_alike(classifier, path, raw)
    told = {held.key: held.value for held in onnx.load(path).metadata_props}
    assert json.loads(told["classes"]) == list("0123456789")
    assert told["units"] == "those of the training images"
    assert told["trained_on_simulated"] == "null"
    assert "storm" not in onnx.load(path).doc_string


def test_what_is_known_of_a_classifier_is_told(tmp_path):
    classifier, path = Classifier.shipped(), tmp_path / "shipped.onnx"
    export_onnx(classifier, path, card="# A card\n\nof two lines, µ")
    model = onnx.load(path)
    told = {held.key: held.value for held in model.metadata_props}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == told
    assert session.get_modelmeta().producer_name == "stormlens"
    assert session.get_modelmeta().graph_name == "storm-residual"
    assert tuple(json.loads(told["classes"])) == classifier.classes
    assert json.loads(told["provenance"]) == classifier.provenance
    assert told["card"] == "# A card\n\nof two lines, µ"
    assert (told["units"], told["row_0"], told["licence"]) == ("dBZ", "south", "BSD-3-Clause")
    assert (told["minimum"], told["maximum"], told["orientations"]) == ("0.0", "80.0", "8")
    assert told["trained_on_simulated"] == "true"
    for name in ("temperature", "plausible_from", "level"):
        assert float(told[name]) == getattr(classifier.confidence, name)
    assert "novelty" in told["not_inside"]
    assert "SIMULATED" in model.doc_string
    (taken,), (given_,) = model.graph.input, model.graph.output
    shapes = [
        [side.dim_param or side.dim_value for side in one.type.tensor_type.shape.dim]
        for one in (taken, given_)
    ]
    assert (taken.name, given_.name) == ("reflectivity", "probabilities")
    assert shapes == [["N", 136, 136], ["N", 6]]
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.slow
def test_the_same_classifier_gives_the_same_bytes(tmp_path):
    one, two = (tmp_path / name for name in ("one.onnx", "two.onnx"))
    export_onnx(Classifier.shipped(), one)
    export_onnx(Classifier.shipped(), two)
    assert one.read_bytes() == two.read_bytes()


def test_weights_are_those_of_now(tmp_path):
    classifier, path = own(layers.Flatten()), tmp_path / "own.onnx"
    export_onnx(classifier, path)
    classifier.model.layers[-1].kernel.assign(-np.array(classifier.model.layers[-1].kernel))
    export_onnx(classifier, path)  # one that is there is replaced
    assert_alike(classifier, path, images())


def branched(end):
    """Branches that join in every way that is written, and a model within."""
    image = keras.Input((30, 30, 1))
    wide = layers.Conv2D(4, 5, padding="same", activation="relu")(image)
    inner = keras.Sequential([keras.Input((30, 30, 1)), layers.Conv2D(4, 3, padding="same")])
    narrow = inner(image)
    joined = [
        join()([wide, narrow])
        for join in (layers.Add, layers.Subtract, layers.Multiply, layers.Average)
    ]
    joined += [layers.Maximum()([wide, narrow]), layers.Minimum()([*joined, wide])]
    map_ = layers.ZeroPadding2D(((1, 2), (0, 3)))(layers.Concatenate()(joined))
    one, two = keras.Input((33, 33, 24)), keras.Input((33, 33, 24))
    both = keras.Model(
        [one, two], layers.Add()([layers.MaxPooling2D(3)(one), layers.MaxPooling2D(3)(two)])
    )
    map_ = both([map_, layers.ReLU()(map_)])
    flat = layers.Concatenate()([layers.Flatten()(map_), layers.GlobalMaxPooling2D()(map_)])
    given = layers.Dense(3, activation="softmax")(flat)
    model = keras.Model(image, keras.Sequential(beyond(end))(given) if beyond(end) else given)
    return filled(model, np.random.default_rng(6))


@pytest.mark.slow
@pytest.mark.parametrize("end", ["softmax", "relu"])
def test_branches_that_join_are_exported(end, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    classifier = Classifier(branched(end), None, CLASSES, 0.0, 75.0)
    exported = export_onnx(classifier, tmp_path / "branched.onnx")
    assert exported.written_by == "Stormlens"
    assert_alike(classifier, exported.path, images())


def test_a_layer_that_nobody_writes_is_named_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    classifier = own(layers.UnitNormalization(name="unit"), layers.Flatten())
    with pytest.raises(InputError, match=r"layer 'unit' \(UnitNormalization\).*\[export-keras\]"):
        export_onnx(classifier, tmp_path / "own.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_other_layers_are_exported_by_jax2onnx(tmp_path):
    pytest.importorskip("jax2onnx")
    image = keras.Input((30, 30, 1))
    map_ = layers.PReLU()(layers.Conv2D(4, 3, padding="same")(image))
    map_ = layers.MaxPooling2D(2)(layers.UnitNormalization()(map_) + map_)
    map_ = layers.Conv2DTranspose(3, 3, strides=2, activation="relu")(layers.UpSampling2D()(map_))
    weight = layers.Dense(3, activation="sigmoid")(
        layers.GlobalAveragePooling2D(keepdims=True)(map_)
    )
    map_ = layers.Multiply()([map_, weight])  # of other shapes
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(map_)))
    classifier = Classifier(filled(model, np.random.default_rng(3)), None, CLASSES, orientations=8)
    exported = export_onnx(classifier, tmp_path / "own.onnx")
    assert "(PReLU)" in exported.written_by
    assert "(MaxPooling2D)" not in exported.written_by
    assert_alike(classifier, exported.path, images())


@keras.saving.register_keras_serializable(package="tests")
class Sorted(layers.Layer):
    """Computes by what no exporter knows."""

    def call(self, values):
        import jax

        return jax.pure_callback(
            lambda held: np.sort(held, 1), jax.ShapeDtypeStruct(values.shape, "float32"), values
        )

    def compute_output_shape(self, shape):
        return shape


@pytest.mark.slow
def test_a_layer_that_jax2onnx_does_not_know_is_named(tmp_path):
    pytest.importorskip("jax2onnx")
    classifier = own(layers.Flatten(), Sorted(name="sorted"))
    with pytest.raises(InputError, match=r"layer 'sorted' \(Sorted\).*does not know it"):
        export_onnx(classifier, tmp_path / "own.onnx")


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_what_is_not_installed_is_told_before_anything_is_written(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"{name}, which cannot.*\[export\]"):
        export_onnx(own(layers.Flatten()), tmp_path / "own.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["own.txt", "own", "own.onnx.gz"])
def test_a_file_of_another_kind_is_not_written(name, tmp_path):
    with pytest.raises(InputError, match=r"ends in \.onnx"):
        export_onnx(own(layers.Flatten()), tmp_path / name)


def test_a_folder_is_not_written_over(tmp_path):
    (tmp_path / "own.onnx").mkdir()
    with pytest.raises(InputError, match="directory"):
        export_onnx(own(layers.Flatten()), tmp_path / "own.onnx")


def test_what_answers_otherwise_is_not_written(tmp_path, monkeypatch):
    path = tmp_path / "own.onnx"
    path.write_bytes(b"an older one")
    monkeypatch.setattr(_onnx, "_add_network", lambda graph, network, maps: (doubled(graph), "us"))

    def doubled(graph):
        flat = graph.add("Flatten", "unsqueeze_3")
        return graph.add("Slice", flat, np.array([0]), np.array([3]), np.array([1]))

    with pytest.raises(InputError, match=r"differ by .* and 1e-05 is allowed"):
        export_onnx(own(layers.Flatten()), path)
    assert path.read_bytes() == b"an older one"


def test_more_than_a_file_holds_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_onnx_graph, "_MOST_BYTES", 1000)
    with pytest.raises(InputError, match=r"takes .* bytes, and an ONNX file holds 1,000 at most"):
        export_onnx(own(layers.Flatten()), tmp_path / "own.onnx")


def test_weights_that_are_no_numbers_are_not_written(tmp_path):
    classifier = own(layers.Flatten())
    classifier.model.layers[-1].bias.assign([np.nan, 0, 0])
    with pytest.raises(InputError, match="not finite"):
        export_onnx(classifier, tmp_path / "own.onnx")
    assert not list(tmp_path.iterdir())
