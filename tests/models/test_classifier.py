import dataclasses
import hashlib
import io
import json
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import numpy.testing as npt
import pytest
import safetensors.numpy
import xarray as xr

from stormlens.datasets import make_dataset, write_netcdf
from stormlens.errors import InputError
from stormlens.models import (
    Classifier,
    _classifier,
    _network,
    build,
    import_keras,
    load_keras_file,
    read_provenance,
    shipped_folder,
    slide,
)
from stormlens.stormbox import MODES

pytestmark = pytest.mark.usefixtures("fixed_start")

SHAPE = (30, 30, 1)


def images(n=5, size=30):
    return np.random.default_rng(0).integers(0, 75, (n, size, size)).astype(np.uint8)


@pytest.fixture(scope="module")
def classifier():
    model = build("chapter-relu", input_shape=SHAPE, seed=3)
    return Classifier(model, "chapter-relu", MODES, 2.0, 74.0, {"training_simulated": True})


def test_prediction_is_keras_on_scaled_images(classifier):
    scaled = (images().astype(np.float32)[..., None] - 2) / 72
    expected = classifier.model.predict(scaled, verbose=0)
    npt.assert_allclose(classifier.probabilities(images()), expected, atol=1e-6)


def test_probabilities_do_not_depend_on_the_batch(classifier):
    # 70 images take two batches, the second padded.
    many = images(70)
    together = classifier.probabilities(many)
    npt.assert_allclose(classifier.probabilities(many[66:67]), together[66:67], atol=1e-6)
    npt.assert_allclose(together.sum(1), 1, atol=1e-5)


def test_boxes_on_disk_are_read_some_at_a_time(classifier, tmp_path, monkeypatch):
    path = write_netcdf(
        make_dataset(images(150), np.arange(150) % 6, source="test"), tmp_path / "b.nc"
    )
    read, check = [], _classifier.check_reflectivity

    def counted(values, **options):
        read.append(len(values))
        return check(values, **options)

    monkeypatch.setattr(_classifier, "_BOXES_AT_A_TIME", 64)
    monkeypatch.setattr(_classifier, "check_reflectivity", counted)
    with xr.open_dataset(path) as on_disk:
        predictions = classifier.predict(on_disk)
        # xarray keeps what it has read of a whole variable, and must not have.
        assert not on_disk["reflectivity"]._in_memory
    assert read == [64, 64, 22]
    npt.assert_allclose(
        predictions["probability"], classifier.probabilities(images(150)), atol=1e-6
    )


def test_a_bad_value_far_on_is_placed(classifier, monkeypatch):
    monkeypatch.setattr(_classifier, "_BOXES_AT_A_TIME", 4)
    dataset = make_dataset(images(6), np.zeros(6, int), source="test").astype(np.float32)
    dataset["reflectivity"][5, 2, 3] = np.nan
    with pytest.raises(InputError, match=r"\(counted from 4\): image 1 has nan at row 2, column 3"):
        classifier.predict(dataset)


def test_predictions_keep_the_storm_coordinates(classifier):
    dataset = make_dataset(images(2), [0, 1], unid=["a", "b"], latitude=[30, 40], source="test")
    predictions = classifier.predict(dataset)
    assert predictions["probability"].dims == ("storm", "mode")
    assert predictions["mode"].values.tolist() == list(MODES)
    assert predictions["unid"].values.tolist() == ["a", "b"]
    npt.assert_array_equal(predictions["latitude"], [30, 40])
    assert predictions.attrs["simulated_training"] == 1


def test_boxes_that_were_classified_before_can_be_classified_again(classifier):
    names = {name: ("storm", [0.5, 0.6]) for name in ("probability", "plausible", "novelty")}
    plain = make_dataset(images(2), source="test").assign_coords(latitude=("storm", [30, 40]))
    again = plain.assign_coords(mode=("storm", [1, 2]), **names)
    xr.testing.assert_identical(classifier.predict(again), classifier.predict(plain))


@pytest.mark.parametrize(
    ("says", "simulated", "known"),
    [
        ({"training_simulated": True}, True, True),
        ({"training_simulated": False}, False, True),
        ({"training_simulated": "false"}, False, False),
        ({"training_simulated": 1}, False, False),
        ({"training_simulated": None}, False, False),
        ({}, False, False),
    ],
)
def test_what_trained_it_is_simulated_real_or_unknown(classifier, says, simulated, known):
    held = dataclasses.replace(classifier, provenance=says)
    assert held.trained_on_simulated is simulated
    assert held.training_known is known


def test_the_provenance_is_read_without_the_network(classifier, tmp_path):
    classifier.save(tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    assert read_provenance(tmp_path)["training_simulated"] is True
    assert len(read_provenance(str(shipped_folder()))["sha256"]) == 64
    assert read_provenance(tmp_path / "nowhere") == {}
    card = tmp_path / "classifier.json"
    for content in ("", "{", "5", "[]", "[1]", "null", "{}", '{"provenance": 5}', "[" * 100_000):
        card.write_text(content)
        assert read_provenance(tmp_path) == {}
    card.write_bytes(b"\xff")
    assert read_provenance(tmp_path) == {}


def test_no_image_gives_no_row(classifier):
    assert classifier.probabilities(images(0)).shape == (0, 6)


def test_another_image_size_is_refused(classifier):
    dataset = make_dataset(images(1, 31), source="test")
    with pytest.raises(InputError, match="31 x 31 pixels; 30 x 30 are needed"):
        classifier.predict(dataset)


def test_a_saved_classifier_loads_to_the_same_bits(classifier, tmp_path):
    classifier.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["classifier.json", "weights.safetensors"]
    loaded = Classifier.load(tmp_path)
    npt.assert_array_equal(loaded.probabilities(images()), classifier.probabilities(images()))
    assert loaded.trained_on_simulated
    assert (loaded.minimum, loaded.maximum, loaded.classes) == (2.0, 74.0, MODES)


@pytest.mark.slow
def test_a_users_own_model_travels_as_a_keras_file(tmp_path):
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dense(6, activation="softmax")]
    )
    own = Classifier(model, None)
    own.save(tmp_path)
    assert (tmp_path / "model.keras").exists()
    loaded = Classifier.load(tmp_path)
    npt.assert_allclose(loaded.probabilities(images()), own.probabilities(images()), atol=1e-6)
    direct = Classifier.from_keras(tmp_path / "model.keras")
    npt.assert_allclose(direct.probabilities(images()), own.probabilities(images()), atol=1e-6)


@pytest.mark.slow
def test_a_users_own_model_of_another_time_than_the_card_is_refused(tmp_path):
    keras = import_keras()

    def own(units):
        dense = [keras.layers.Dense(n, activation="softmax") for n in units]
        return keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), *dense])

    Classifier(own([6]), None).save(tmp_path)
    path, card = tmp_path / "model.keras", tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    assert fields["provenance"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    own([4, 6]).save(path)
    sentence = r"model\.keras is not the file that classifier\.json was written with; train again"
    with pytest.raises(InputError, match=sentence):
        Classifier.load(tmp_path)
    del fields["card_sha256"]
    card.write_text(json.dumps({**fields, "provenance": {}}))  # as runs of before
    assert Classifier.load(tmp_path).architecture is None
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"may be cut short\. To put it right, train again\."):
        Classifier.load(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"model\.keras is missing; train again\."):
        Classifier.load(tmp_path)


def test_a_keras_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.keras does not exist; give a file"):
        load_keras_file(tmp_path / "nowhere.keras")
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(InputError, match=r"folder\.keras is a directory"):
        load_keras_file(tmp_path / "folder.keras")


class Hostile:
    """Would leave a mark if it were ever unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


@pytest.mark.parametrize("name", ["model.h5", "model.pkl", "model.pt", "model.keras"])
def test_files_that_can_run_code_are_refused(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Hostile(tmp_path / "mark")))
    with pytest.raises(InputError, match=r"\.keras files only|not a model that Keras 3 saved"):
        Classifier.from_keras(path)
    assert not (tmp_path / "mark").exists()


def test_a_lambda_in_a_keras_file_is_refused(tmp_path):
    keras = import_keras()
    path = tmp_path / "lambda.keras"
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Lambda(lambda x: x), keras.layers.Flatten()]
    )
    model.save(path)
    with pytest.raises(InputError, match="cannot be loaded in Keras's safe mode"):
        Classifier.from_keras(path)


def test_an_empty_archive_is_refused(tmp_path):
    path = tmp_path / "empty.keras"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w"):
        pass
    path.write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="cannot be loaded"):
        Classifier.from_keras(path)


KEYS = (
    *("architecture", "input_shape", "classes", "minimum", "maximum"),
    *("orientations", "confidence", "provenance"),
)


def test_damaged_runs_are_named(classifier, tmp_path):
    with pytest.raises(InputError, match="is no run folder"):
        Classifier.load(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        Classifier.load(tmp_path / "nowhere")
    classifier.save(tmp_path)
    weights = tmp_path / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"weights\.safetensors is damaged"):
        Classifier.load(tmp_path)
    weights.unlink()
    with pytest.raises(InputError, match=r"weights\.safetensors is missing"):
        Classifier.load(tmp_path)
    card = tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    for key, value in (
        *(("minimum", None), ("maximum", "a"), ("maximum", True), ("architecture", ["x"])),
        *(("classes", "Cellular"), ("classes", 6), ("classes", []), ("minimum", 10**400)),
        *(("input_shape", shape) for shape in ([30, "x", 1], [30, 30], [], [30, 30, 2])),
        *(("input_shape", shape) for shape in ([0, 30, 1], [10**12, 30, 1], [30, 4097, 1])),
        ("provenance", []),
    ):
        card.write_text(json.dumps({**fields, key: value}))
        with pytest.raises(InputError, match=f"damaged: {key} is ") as caught:
            Classifier.load(tmp_path)
        assert str(caught.value).startswith(str(card))
        assert str(caught.value).endswith("; train again.")
        assert len(str(caught.value)) < len(str(card)) + 150
    card.write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        Classifier.load(tmp_path)


def with_weight(model, value):
    """The model with one weight changed, and the name that its tensor is saved under."""
    kernel = model.trainable_variables[0]
    values = np.array(kernel.value)
    values.flat[3] = value
    kernel.assign(values)
    return f"000.{kernel.name}"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_neither_written_nor_read(value, tmp_path):
    broken = Classifier(build("chapter-linear", input_shape=SHAPE), "chapter-linear")
    broken.save(tmp_path)
    good = (tmp_path / "weights.safetensors").read_bytes()
    name = with_weight(broken.model, value)
    sentence = rf"weights\.safetensors: tensor {name} holds values that are not finite; "
    with pytest.raises(InputError, match=sentence + "nothing is written"):
        broken.save(tmp_path)
    assert (tmp_path / "weights.safetensors").read_bytes() == good
    tensors = safetensors.numpy.load(good)
    tensors[name].flat[0] = value
    (tmp_path / "weights.safetensors").write_bytes(safetensors.numpy.save(tensors))
    with pytest.raises(InputError, match=sentence + "train again"):
        Classifier.load(tmp_path)


def test_a_users_own_model_that_is_not_finite_is_neither_written_nor_read(tmp_path):
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dense(6, activation="softmax")]
    )
    own = Classifier(model, None)
    name = with_weight(model, np.nan)
    sentence = rf"model\.keras: tensor {name} holds values that are not finite"
    with pytest.raises(InputError, match=sentence):
        own.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    model.save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=sentence):
        Classifier.from_keras(tmp_path / "model.keras")


def test_weights_of_another_kind_of_number_are_refused(classifier, tmp_path):
    classifier.save(tmp_path)
    path = tmp_path / "weights.safetensors"
    tensors = safetensors.numpy.load_file(path)
    doubles = {name: values.astype(np.float64) for name, values in tensors.items()}
    path.write_bytes(safetensors.numpy.save(doubles))
    with pytest.raises(InputError, match="holds other weights than model chapter-relu has"):
        Classifier.load(tmp_path)
    # Eight-bit floats, which NumPy lacks, by the name that safetensors gives them.
    header = json.dumps({"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(InputError, match="holds a kind of number that is not read; train again"):
        Classifier.load(tmp_path)


def test_weights_that_are_not_those_of_the_card_are_refused(classifier, tmp_path):
    classifier.save(tmp_path)
    path = tmp_path / "weights.safetensors"
    fields = json.loads((tmp_path / "classifier.json").read_text())
    assert fields["provenance"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    tensors = safetensors.numpy.load_file(path)
    tensors["000.kernel"].flat[0] += 1
    path.write_bytes(safetensors.numpy.save(tensors))
    with pytest.raises(InputError, match=r"is not the file that classifier\.json was written with"):
        Classifier.load(tmp_path)


def test_numbers_of_the_card_that_fit_no_classifier_are_named(classifier, tmp_path):
    classifier.save(tmp_path)
    card = tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    for key, value, sentence in (
        ("minimum", float("nan"), "damaged: minimum is nan"),
        ("maximum", float("inf"), "damaged: maximum is inf"),
        ("maximum", -5.0, r"classifier\.json is damaged: Classifier: maximum -5"),
        ("maximum", 1e308, r"maximum 1e\+308 must be finite, from -1,000,000 to 1,000,000"),
        ("minimum", -1.7e308, r"minimum -1\.7e\+308 and maximum 74\.0 must be finite"),
        ("maximum", 2.0 + 1e-9, "must lie above minimum 2.0 by more than float32 rounds off"),
        ("architecture", "lenet6", r"classifier\.json is damaged: Unknown model 'lenet6'"),
        ("input_shape", [3, 3, 1], "3 x 3 pixels are too small for model chapter-relu"),
        ("orientations", 3, "orientations is 3; choose 1 or 8"),
        ("orientations", True, "damaged: orientations is True"),
        ("classes", ["a"] * 6, r"classifier\.json is damaged: .* not all different"),
    ):
        card.write_text(json.dumps({**fields, key: value}))
        with pytest.raises(InputError, match=sentence) as caught:
            Classifier.load(tmp_path)
        assert str(caught.value).startswith(str(card))
        assert str(caught.value).endswith("train again.")
    card.write_text("[" * 100_000)
    with pytest.raises(InputError, match="not valid JSON"):
        Classifier.load(tmp_path)
    card.write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="not valid JSON"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize("key", [*KEYS, "sha256"])
def test_a_card_with_a_word_that_it_does_not_know_is_refused(key, classifier, tmp_path):
    """As a renamed confidence would be, without which all doubts fall silent."""
    classifier.save(tmp_path)
    card = tmp_path / "classifier.json"
    damaged = card.read_text().replace(f'"{key}": ', f'"{key}_": ')
    assert damaged != card.read_text()
    card.write_text(damaged)
    with pytest.raises(InputError, match=r"is nothing that a card says|was changed after"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize("key", [k for k in KEYS if k not in ("orientations", "confidence")])
def test_a_card_that_lacks_a_word_is_refused(key, classifier, tmp_path):
    classifier.save(tmp_path)
    card = tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    del fields[key]
    card.write_text(json.dumps(fields))
    with pytest.raises(InputError, match=f"it does not say {key}; train again"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", list(reversed(MODES))),
        ("maximum", 70.0),
        ("orientations", 8),
        ("provenance", {"training_simulated": False}),
    ],
)
def test_a_card_that_says_something_else_than_it_did_is_refused(key, value, classifier, tmp_path):
    classifier.save(tmp_path)
    card = tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    assert fields[key] != value
    card.write_text(json.dumps({**fields, key: value}))
    with pytest.raises(InputError, match=r"classifier\.json was changed after it was written; "):
        Classifier.load(tmp_path)
    del fields["card_sha256"]  # as in runs that were written before there was one
    card.write_text(json.dumps(fields, sort_keys=True))
    assert Classifier.load(tmp_path).classes == MODES


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "half a \ud800", "a\x00"])
def test_classes_have_names_that_can_be_printed(name, classifier, tmp_path):
    with pytest.raises(InputError, match="is no name; give text on one line"):
        Classifier(classifier.model, "chapter-relu", (*MODES[:5], name))
    classifier.save(tmp_path)
    card = tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    card.write_text(json.dumps({**fields, "classes": [*MODES[:5], name]}))
    with pytest.raises(InputError, match="damaged: classes is"):
        Classifier.load(tmp_path)
    card.write_text(json.dumps({**fields, "provenance": {"data_source": "\ud800"}}))
    with pytest.raises(InputError, match="damaged: provenance is"):
        Classifier.load(tmp_path)


def test_weights_of_another_model_are_refused(classifier, tmp_path):
    classifier.save(tmp_path)
    card = tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    card.write_text(json.dumps({**fields, "architecture": "lenet5", "input_shape": [40, 40, 1]}))
    with pytest.raises(InputError, match="holds other weights than model lenet5"):
        Classifier.load(tmp_path)


def test_what_a_card_says_is_held_against_the_weights_before_it_is_built(
    classifier, tmp_path, monkeypatch
):
    # A dense kernel of 30 GB; only an outline of it may be made.
    classifier.save(tmp_path)
    card = tmp_path / "classifier.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "input_shape": [4096, 4096, 1]}))
    monkeypatch.delattr(_network, "build")
    with pytest.raises(InputError, match="holds other weights than model chapter-relu has"):
        Classifier.load(tmp_path)


def test_an_outline_has_what_the_model_has_and_takes_no_names_of_layers():
    # Keras numbers layers; people call them by these names.
    number = int(import_keras().layers.Flatten().name.removeprefix("flatten").strip("_") or 0)
    outline = _network.kinds_of("chapter-linear", SHAPE, 4)
    model = build("chapter-linear", input_shape=SHAPE, n_classes=4)
    variables = _network.keyed(model)
    assert outline == {key: (tuple(v.shape), str(v.dtype)) for key, v in variables.items()}
    assert model.layers[2].name == f"flatten_{number + 1}"


def test_images_of_one_value_cannot_be_scaled():
    model = build("chapter-linear", input_shape=SHAPE)
    with pytest.raises(InputError, match="must lie above minimum"):
        Classifier(model, "chapter-linear", MODES, 5.0, 5.0)


def test_only_containers_of_reflectivity_are_predicted(classifier):
    good = make_dataset(images(3), source="test")
    turned = good.transpose("y", "x", "storm")
    bright = good.copy(deep=True)
    bright["reflectivity"][1, 2, 3] = 200
    holes = good.assign(reflectivity=good["reflectivity"].astype(float).where(good["x"] > 20))
    for wrong, sentence in (
        (images(3), "ndarray without reflectivity"),
        (good["reflectivity"], "DataArray without reflectivity"),
        (good.drop_vars("reflectivity"), "Dataset without reflectivity"),
        (good.isel(storm=0), "dimensions"),
        (turned, "dimensions"),
        (bright, "image 1 has 200 at row 2, column 3"),
        (holes, "image 0 has nan"),
    ):
        with pytest.raises(InputError, match=sentence):
            classifier.predict(wrong)
    assert classifier.predict(good.isel(storm=[])).sizes["storm"] == 0


@pytest.mark.slow
def test_models_that_are_no_classifier_of_images_are_refused():
    keras = import_keras()
    layers = keras.layers

    def model(shape, *body):
        return keras.Sequential([keras.Input(shape), *body])

    taken = keras.Input(SHAPE)
    flat = layers.Flatten()(taken)
    two = keras.Model(taken, [layers.Dense(6, activation="softmax")(flat) for _ in range(2)])

    def head(*pool):
        return (*pool, layers.Flatten(), layers.Dense(6, activation="softmax"))

    for wrong, sentence in (
        ("chapter-relu", "no Keras model"),
        (keras.Sequential([layers.Flatten(), layers.Dense(6)]), "no Keras model that has been"),
        (model((30, 30, 3), *head()), "must take one image"),
        (model((None, None, 1), *head(layers.GlobalMaxPooling2D())), "must take one image"),
        (model(SHAPE, layers.Dense(6, activation="softmax")), "one probability for each class"),
        (two, "one probability for each class"),
        (model(SHAPE, layers.Flatten(), layers.Dense(6)), "end it with a softmax"),
        (model(SHAPE, layers.Flatten(), layers.Dense(6, activation="sigmoid")), "a softmax"),
        (model(SHAPE, layers.Flatten(), layers.Dense(5, activation="softmax")), "5 outputs for 6"),
        (
            model((4097, 8, 1), layers.GlobalMaxPooling2D(), layers.Dense(6, activation="softmax")),
            "4097 x 8 pixels; give one for 4096 at most",
        ),
    ):
        with pytest.raises(InputError, match=sentence):
            Classifier(wrong, None)


def test_a_file_that_gives_no_probabilities_is_refused_whenever_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "cache"))
    keras = import_keras()
    body = [keras.layers.Flatten(), keras.layers.Dense(6, activation="sigmoid")]
    keras.Sequential([keras.Input(SHAPE), *body]).save(tmp_path / "own.keras")
    for _ in range(2):
        with pytest.raises(InputError, match="end it with a softmax"):
            Classifier.from_keras(tmp_path / "own.keras")


@import_keras().saving.register_keras_serializable(package="tests")
class MeanOfEcho(import_keras().layers.Layer):
    """The mean of the pixels with echo: without echo it is 0 / 0."""

    def call(self, inputs):
        ops = import_keras().ops
        echo = ops.cast(inputs > 0.5, "float32")
        return ops.sum(inputs * echo, (1, 2)) / ops.sum(echo, (1, 2))


def without_answer(n, blank):
    """A classifier of a user's own, and images to some of which it has no answer."""
    keras = import_keras()
    head = keras.layers.Dense(6, activation="softmax")
    model = keras.Sequential([keras.Input(SHAPE), MeanOfEcho(), head])
    given = np.full((n, *SHAPE[:2]), 60, np.uint8)
    given[blank] = 0
    return Classifier(model, None), given


@pytest.mark.parametrize("orientations", [1, 8])
def test_what_is_no_number_names_no_mode(orientations, monkeypatch):
    monkeypatch.setattr(_classifier, "_BOXES_AT_A_TIME", 4)
    own, given = without_answer(11, [6, 9])
    own = dataclasses.replace(own, orientations=orientations)
    boxes = make_dataset(given, source="test", simulated=True)
    for some, total in ((boxes, 4), (boxes.isel(storm=slice(0, 7)), 3)):
        with pytest.raises(InputError) as caught:
            own.predict(some)
        assert "user's own model) answers with what is no number" in str(caught.value)
        assert f"1 of {total} boxes, the first of them box 6 counted from 0" in str(caught.value)
    with pytest.raises(InputError, match="no number"):
        own.probabilities(given)
    assert np.isfinite(own.predict(boxes.isel(storm=slice(0, 6)))["probability"].values).all()


def test_no_mode_of_a_mosaic_is_named_by_what_is_no_number():
    own, given = without_answer(1, [])
    whole = np.tile(given[0], (2, 3))
    assert np.isfinite(slide(own, mosaic(whole), stride=10)["probability"].values).all()
    whole[:, 40:] = 0
    with pytest.raises(InputError, match="answers with what is no number"):
        slide(own, mosaic(whole), stride=10)


@pytest.mark.slow
def test_shared_convolutions_that_overflow_name_no_mode(monkeypatch):
    keras = import_keras()
    body = [keras.layers.Conv2D(2, 3), keras.layers.MaxPooling2D(3), keras.layers.Flatten()]
    head = keras.layers.Dense(6, activation="softmax")
    model = keras.Sequential([keras.Input(SHAPE), *body, head])
    own = Classifier(model, None)
    whole = mosaic(np.random.default_rng(0).integers(0, 70, (60, 90)).astype(np.uint8))
    assert slide(own, whole, stride=3).attrs["computed"] == "shared convolutions"
    model.layers[0].set_weights([np.full((3, 3, 1, 2), 1e38, np.float32), np.zeros(2, np.float32)])
    refused = pytest.raises(InputError, match="answers with what is no number")
    with refused, np.errstate(all="ignore"):
        slide(own, whole, stride=3)


def mosaic(values):
    return xr.Dataset({"reflectivity": (("y", "x"), values)}, attrs={"source": "test"})


@pytest.mark.parametrize(
    "bounds", [(0.0, np.inf), (-np.inf, 80.0), (np.nan, 80.0), (0.0, 1e38), (0.0, 10**400)]
)
def test_bounds_are_finite(classifier, bounds):
    with pytest.raises(InputError, match="must be finite"):
        Classifier(classifier.model, "chapter-relu", MODES, *bounds)


@pytest.mark.parametrize("bounds", [(0.0, 1e-300), (1e6 - 1e-3, 1e6), (80.0, 80.0)])
def test_bounds_are_apart(classifier, bounds):
    with pytest.raises(InputError, match=r"must lie above minimum .* by more than float32"):
        Classifier(classifier.model, "chapter-relu", MODES, *bounds)


@pytest.mark.parametrize("bounds", [(0.0, 1e-6), (-1e6, 1e6), (1e6 - 1, 1e6)])
def test_images_are_scaled_by_any_bounds_that_are_accepted(classifier, bounds):
    found = Classifier(classifier.model, "chapter-relu", MODES, *bounds).probabilities(images())
    assert np.isfinite(found).all()


def test_classes_differ(classifier):
    with pytest.raises(InputError, match="not all different"):
        Classifier(classifier.model, "chapter-relu", ("a", "b", "c", "d", "e", "a"))


def orientations_of(image):
    """The eight by coordinates: rows and columns swapped or not, each counted from either end."""
    for swapped in (image, image.T):
        for rows in (1, -1):
            for columns in (1, -1):
                yield swapped[::rows, ::columns]


def test_eight_orientations_are_averaged(classifier):
    eight = dataclasses.replace(classifier, orientations=8)
    boxes = images(3)
    expected = [
        classifier.model.predict(
            (np.array(list(orientations_of(box)), np.float32)[..., None] - 2) / 72, verbose=0
        ).mean(0)
        for box in boxes
    ]
    found = eight.probabilities(boxes)
    npt.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - classifier.probabilities(boxes)).max() > 1e-3
    for box in orientations_of(boxes[0]):
        npt.assert_allclose(eight.probabilities(box[np.newaxis])[0], found[0], atol=1e-6)


def test_orientations_are_saved(classifier, tmp_path):
    dataclasses.replace(classifier, orientations=8).save(tmp_path)
    assert Classifier.load(tmp_path).orientations == 8


def test_orientations_that_cannot_be_are_refused(classifier):
    for wrong in (0, 4, 8.0, True, "8"):
        with pytest.raises(InputError, match="choose 1 or 8"):
            dataclasses.replace(classifier, orientations=wrong)
    long = build("chapter-linear", input_shape=(30, 33, 1))
    with pytest.raises(InputError, match="30 x 33 pixels cannot be turned"):
        Classifier(long, "chapter-linear", orientations=8)


def test_answers_outlive_a_prediction_of_keras_itself():
    own = Classifier(build("chapter-linear", input_shape=SHAPE), "chapter-linear")
    before = own.probabilities(images())
    own.model.predict(images(2)[..., None] / 80, verbose=0)
    npt.assert_array_equal(own.probabilities(images()), before)


def test_answers_follow_the_weights_that_the_model_has_now():
    first, second = (build("chapter-linear", input_shape=SHAPE, seed=seed) for seed in (0, 1))
    own = Classifier(first, "chapter-linear")
    own.probabilities(images())
    first.set_weights(second.get_weights())
    expected = Classifier(second, "chapter-linear").probabilities(images())
    npt.assert_array_equal(own.probabilities(images()), expected)


def test_a_subclassed_model_is_told_how_to_become_a_classifier():
    keras = import_keras()

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.flatten = keras.layers.Flatten()
            self.answer = keras.layers.Dense(6, activation="softmax")

        def call(self, inputs):
            return self.answer(self.flatten(inputs))

    own = Own()
    own(np.zeros((1, *SHAPE), np.float32))
    with pytest.raises(InputError, match=r"keras\.Model\(images, model\(images\)\)"):
        Classifier(own, None)
    taken = keras.Input(SHAPE)
    wrapped = Classifier(keras.Model(taken, own(taken)), None)
    assert wrapped.probabilities(images()).shape == (5, 6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["storm-residual", "alexnet"])
def test_a_file_with_layers_of_stormlens_loads_in_a_new_process(name, tmp_path):
    # Another process knows only the layers that loading itself makes known.
    path = tmp_path / "mine.keras"
    build(name, input_shape=(136, 136, 1)).save(path)
    code = f"from stormlens.models import Classifier; Classifier.from_keras({str(path)!r})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
