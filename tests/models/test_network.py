"""Networks that answer: by the engine, by Keras, and from what is remembered of a file."""

import copy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.testing as npt
import pytest
import safetensors.numpy

from stormlens.datasets import cache_folder
from stormlens.engine import load_library
from stormlens.errors import InputError
from stormlens.models import Classifier, Network, _network, build, import_keras
from stormlens.storage import sealed

pytestmark = pytest.mark.skipif(
    load_library().handle is None, reason=load_library().reason or "built"
)
keras = import_keras()
layers = keras.layers
BOUNDS = (2.0, 72.0)


def images(n=5):
    return np.random.default_rng(0).integers(0, 75, (n, 30, 30), np.uint8)


def own_model(activation="relu"):
    return keras.Sequential(
        [
            keras.Input((30, 30, 1)),
            layers.Conv2D(4, 3, activation=activation),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def by_keras(model):
    return np.asarray(model((images().astype(np.float32) - 2)[..., None] / 70, training=False))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path, cache):
    path = tmp_path / "own.keras"
    own_model().save(path)
    return path


def test_an_untrained_network_answers_and_takes_other_weights_without_keras():
    network = Network.untrained("chapter-relu", (30, 30, 1), 6, seed=3)
    judge = build("chapter-relu", input_shape=(30, 30, 1), seed=3)
    npt.assert_allclose(network.probabilities(images(), BOUNDS), by_keras(judge), atol=1e-6)
    other = build("chapter-relu", input_shape=(30, 30, 1), seed=4)
    network.assign(other.get_weights(), [])
    npt.assert_allclose(network.probabilities(images(), BOUNDS), by_keras(other), atol=1e-6)
    assert not network.is_loaded
    for one, two in zip(network.tensors().values(), other.get_weights(), strict=True):
        npt.assert_array_equal(one, two)
    for one, two in zip(network.model.get_weights(), other.get_weights(), strict=True):
        npt.assert_array_equal(one, two)


@pytest.mark.parametrize("loaded", [False, True])
def test_a_copy_stays_as_it_is_when_the_first_one_changes(loaded):
    network = Network.untrained("chapter-linear", (30, 30, 1), 6, seed=3)
    if loaded:
        assert network.model is not None
    before, copy = network.tensors(), network.copy()
    network.assign([np.zeros_like(a) for a in before.values()], [])
    for key, values in copy.tensors().items():
        npt.assert_array_equal(values, before[key])
    assert not any(values.any() for values in network.tensors().values())


def test_weights_given_to_a_loaded_network_reach_its_model():
    network = Network.untrained("chapter-relu", (30, 30, 1), 6, seed=3)
    model = network.model
    forward = network.forward(BOUNDS, seed=1)
    network.assign([weight + 1 for weight in forward.weights], forward.state)
    for one, two in zip(model.get_weights(), forward.weights, strict=True):
        npt.assert_array_equal(one, two + 1)


@pytest.mark.slow
def test_a_file_that_the_engine_answers_otherwise_is_left_to_keras(file, monkeypatch):
    given = Classifier.from_keras(file, classes=("a", "b", "c")).probabilities(images())
    for path in (cache_folder() / "networks").iterdir():
        path.unlink()
    monkeypatch.setattr(_network, "_is_alike", lambda network, steps: False)
    classifier = Classifier.from_keras(file, classes=("a", "b", "c"))
    npt.assert_allclose(classifier.probabilities(images()), given, atol=1e-6)
    assert "did not answer as Keras does" in classifier.network.computed_by
    assert classifier.network.steps is None
    assert not any((cache_folder() / "networks").iterdir())


def test_it_says_who_answers():
    network = Network.of_model(build("chapter-linear", input_shape=(30, 30, 1)))
    assert network.computed_by == "nothing yet"
    network.probabilities(images(), BOUNDS)
    assert network.computed_by.startswith("the engine (")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["branches", "layer", "activation", "precision"])
def test_what_the_engine_does_not_know_goes_to_keras(kind):
    image = keras.Input((30, 30, 1))
    if kind == "branches":
        values = layers.Concatenate()([layers.Conv2D(2, 3)(image), layers.Conv2D(2, 3)(image)])
    elif kind == "layer":
        values = layers.UnitNormalization()(layers.Conv2D(2, 3)(image))
    elif kind == "activation":
        values = layers.Conv2D(2, 3, activation=lambda x: x * x)(image)
    else:
        values = layers.Conv2D(2, 3, dtype="float16")(image)
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(values)))
    network = Network.of_model(model)
    tolerance = 1e-2 if kind == "precision" else 1e-5  # of half precision, by other fusions
    npt.assert_allclose(network.probabilities(images(), BOUNDS), by_keras(model), atol=tolerance)
    assert network.computed_by.startswith("Keras on JAX (a layer is not known")
    assert network.steps is None
    assert network.scores(images().astype(np.float32), BOUNDS) is None


def test_a_network_that_ends_in_no_softmax_is_divided_by_its_sum():
    model = keras.Sequential(
        [keras.Input((30, 30, 1)), layers.Flatten(), layers.Dense(3, activation="sigmoid")]
    )
    network = Network.of_model(model)
    given = by_keras(model)
    found = network.probabilities(images(), BOUNDS)
    npt.assert_allclose(found, given / given.sum(1, keepdims=True), atol=1e-6)
    assert network.scores(images().astype(np.float32), BOUNDS) is None


def test_scores_are_those_before_the_softmax():
    model = own_model()
    network = Network.of_model(model)
    scores = network.scores(images().astype(np.float32), BOUNDS)
    power = np.exp(scores - scores.max(1, keepdims=True))
    npt.assert_allclose(power / power.sum(1, keepdims=True), by_keras(model), atol=1e-6)


def test_weights_that_change_are_noticed():
    model = own_model()
    network = Network.of_model(model)
    before = network.probabilities(images(), BOUNDS)
    model.layers[0].kernel.assign(-model.layers[0].kernel.value)
    after = network.probabilities(images(), BOUNDS)
    npt.assert_allclose(after, by_keras(model), atol=1e-6)
    assert not np.allclose(before, after)
    model.layers[1].moving_variance.assign([4.0] * 4)  # a statistic is no weight that is trained
    npt.assert_allclose(network.probabilities(images(), BOUNDS), by_keras(model), atol=1e-6)


@pytest.mark.slow
def test_a_named_network_is_the_same_before_and_after_its_model_is_made(tmp_path):
    run = Classifier(build("storm-residual", seed=4), "storm-residual").save(tmp_path / "run")
    classifier = Classifier.load(run)
    boxes = np.random.default_rng(1).integers(0, 75, (3, 136, 136), np.uint8)
    before = classifier.probabilities(boxes)
    assert not classifier.network.is_loaded
    scaled = boxes.astype(np.float32)[..., None] / np.float32(80)
    npt.assert_allclose(before, np.asarray(classifier.model(scaled)), atol=1e-5)
    npt.assert_array_equal(classifier.probabilities(boxes), before)
    assert classifier.network.is_loaded


def test_a_file_is_read_by_keras_once(file, cache):
    first = Classifier.from_keras(file, classes=("a", "b", "c"))
    assert first.network.is_loaded
    code = (
        "import sys, numpy as np\n"
        "from stormlens import Classifier\n"
        f"own = Classifier.from_keras({str(file)!r}, classes=('a', 'b', 'c'))\n"
        "boxes = np.random.default_rng(0).integers(0, 75, (5, 30, 30), np.uint8)\n"
        "print(own.probabilities(boxes).tolist())\n"
        "assert not {'jax', 'keras'} & set(sys.modules), 'heavy'\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    npt.assert_allclose(np.array(eval(found.stdout)), first.probabilities(images()), atol=1e-7)


def test_another_file_of_that_name_is_another_network(file):
    first = Classifier.from_keras(file, classes=("a", "b", "c")).probabilities(images())
    own_model("tanh").save(file)
    again = Classifier.from_keras(file, classes=("a", "b", "c"))
    assert not np.allclose(again.probabilities(images()), first)
    npt.assert_allclose(
        again.probabilities(images()), again.model(images()[..., None] / 80.0), atol=1e-5
    )


@pytest.mark.parametrize("damage", ["cut", "json", "format", "shape", "bit", "nan"])
def test_what_is_remembered_and_damaged_is_read_anew(file, cache, damage):
    first = Classifier.from_keras(file, classes=("a", "b", "c")).probabilities(images())
    (kept,) = (cache_folder() / "networks").iterdir()
    if damage == "cut":
        kept.write_bytes(kept.read_bytes()[:-50])
    elif damage == "bit":  # of a weight: finite, and another answer
        content = bytearray(kept.read_bytes())
        content[-1] ^= 0x40
        kept.write_bytes(content)
    else:
        with safetensors.safe_open(kept, "numpy") as held:
            metadata = held.metadata()
            arrays = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
        metadata |= {"json": {"plan": "{"}, "format": {"format": "0"}, "shape": {"plan": "{}"}}.get(
            damage, {}
        )
        if damage == "nan":
            arrays["0.kernel"] = np.full_like(arrays["0.kernel"], np.nan)
        metadata.pop("crc32")
        safetensors.numpy.save_file(arrays, kept, sealed(arrays, metadata))
    again = Classifier.from_keras(file, classes=("a", "b", "c"))
    assert again.network.is_loaded
    npt.assert_array_equal(again.probabilities(images()), first)


def test_a_cache_that_cannot_be_written_is_done_without(file, cache):
    cache.write_text("no folder")
    own = Classifier.from_keras(file, classes=("a", "b", "c"))
    npt.assert_allclose(
        own.probabilities(images()), own.model(images()[..., None] / 80.0), atol=1e-5
    )


@pytest.mark.slow
def test_without_the_library_keras_answers_the_same(tmp_path):
    run = Classifier(build("chapter-relu", input_shape=(30, 30, 1)), "chapter-relu").save(tmp_path)
    code = (
        "import numpy as np\n"
        "from stormlens import Classifier\n"
        f"own = Classifier.load({str(run)!r})\n"
        "boxes = np.random.default_rng(0).integers(0, 75, (5, 30, 30), np.uint8)\n"
        "print(own.probabilities(boxes).tolist())\n"
        "print(own.network.computed_by)\n"
    )
    answers = []
    for switch in ("1", "0"):
        found = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import os; os.environ['STORMLENS_NATIVE'] = '{switch}'\n{code}",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        values, by = found.stdout.splitlines()
        answers.append(np.array(eval(values)))
        assert by.startswith("the engine" if switch == "1" else "Keras on JAX (STORMLENS_NATIVE")
    npt.assert_allclose(answers[0], answers[1], atol=1e-6)


def flat(*between, size=(30, 30)):
    ends = [layers.Flatten(), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((*size, 1)), *between, *ends])


def test_a_value_at_relus_threshold_counts_as_below_it():
    model = flat(layers.ReLU(threshold=0.5, negative_slope=0.1))  # (37 - 2) / 70 lies on it
    blank = np.full((2, 30, 30), 37, np.uint8)
    found = Network.of_model(model).probabilities(blank, BOUNDS)
    due = model((blank.astype(np.float32) - 2)[..., None] / 70)
    npt.assert_allclose(found, due, atol=1e-6)
    model.layers[-1].kernel.assign(np.ones((900, 3)) * [1, 0, -1])
    network = Network.of_model(model)
    npt.assert_allclose(network.probabilities(blank, BOUNDS), 1 / 3, atol=1e-6)
    assert network.computed_by.startswith("the engine")


def test_layers_that_were_first_used_on_another_size_go_to_keras():
    convolution = layers.Conv2D(4, 3, strides=2, padding="same")
    convolution(keras.Input((31, 33, 1)))
    model = flat(convolution)
    network = Network.of_model(model)
    npt.assert_allclose(network.probabilities(images(), BOUNDS), by_keras(model), atol=1e-5)
    assert network.steps is None


def test_a_function_of_kerass_operations_is_not_the_activation_of_its_name():
    model = flat(layers.Conv2D(4, 3), layers.Activation(keras.ops.gelu))  # by tanh there
    assert Network.of_model(model).steps is None
    assert Network.of_model(flat(layers.Conv2D(4, 3, activation="gelu"))).steps is not None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_answer_nothing(value):
    model = own_model()
    kernel = np.array(model.layers[0].kernel)
    kernel[0, 0, 0, 0] = value
    model.layers[0].kernel.assign(kernel)
    network = Network.of_model(model)
    for _ in range(2):
        with pytest.raises(InputError, match="weights that are not finite"):
            network.probabilities(images(), BOUNDS)
    model.layers[0].kernel.assign(np.zeros_like(kernel))
    npt.assert_allclose(network.probabilities(images(), BOUNDS), by_keras(model), atol=1e-6)


def test_weights_that_are_not_finite_answer_nothing_where_keras_is_asked():
    """Its pools go through ours, which pass NaN over as the engine's do."""
    gelu = layers.Activation(keras.ops.gelu)  # not known to the engine
    model = flat(layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), gelu)
    network = Network.of_model(model)
    npt.assert_allclose(network.probabilities(images(), BOUNDS), by_keras(model), atol=1e-5)
    assert not network.is_engines
    kernel = np.array(model.layers[0].kernel)
    model.layers[0].kernel.assign(np.full_like(kernel, np.nan))
    with pytest.raises(InputError, match="weights that are not finite"):
        network.probabilities(images(), BOUNDS)


def test_a_deep_copy_leaves_the_network_as_it_was():
    boxes = images(2)
    original = Network.untrained("chapter-linear", (30, 30, 1), 3, seed=1)
    before = original.probabilities(boxes, BOUNDS)
    other = copy.deepcopy(original)
    other.model.layers[-1].bias.assign([5.0, 0.0, 0.0])
    assert not original.is_loaded
    npt.assert_array_equal(original.probabilities(boxes, BOUNDS), before)
    assert not np.allclose(other.probabilities(boxes, BOUNDS), before)


def test_threads_that_ask_for_the_model_at_once_get_the_same_one():
    network = Network.untrained("chapter-linear", (30, 30, 1), 3, seed=1)
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: network.model, range(8)))
    assert all(model is models[0] for model in models)
