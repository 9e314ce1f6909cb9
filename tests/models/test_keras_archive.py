"""What a model file asks for, beside what it brings; no test holds a file that takes much."""

import io
import json
import resource
import zipfile

import h5py
import numpy as np
import numpy.testing as npt
import pytest

from stormlens.errors import InputError
from stormlens.models import Classifier, _keras_archive, import_keras, load_keras_file

pytestmark = pytest.mark.usefixtures("fixed_start")

keras = import_keras()
layers = keras.layers


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(3, 3, name="maps"),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(6, activation="softmax", name="answer"),
        ]
    )
    path = tmp_path_factory.mktemp("models") / "own.keras"
    model.save(path)
    return path


def changed(whole, path, part, change, compression=zipfile.ZIP_STORED):
    """The file with one of its parts changed."""
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", compression) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == part else content)
    return path


def with_layer(name, **settings):
    def change(content):
        config = json.loads(content)
        for layer in config["config"]["layers"]:
            if layer["config"]["name"] == name:
                layer["config"].update(settings)
        return json.dumps(config).encode()

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        # 588 x 120 thousand numbers of 4 bytes.
        (with_layer("answer", units=120_000), "asks for 269 MiB of weights and holds 0 MiB"),
        (with_layer("answer", units=130_000), "a layer that gives 130,000 numbers for one image"),
        (with_layer("maps", filters=-1), "cannot be loaded"),
        (lambda _: b"[" * 100_000, "nested more than 200 levels deep"),
        (lambda c: c.replace(b'"filters": 3', b'"filters": ' + b"1" * 5001), "thousands of digits"),
        (lambda _: b"{", "is not valid JSON"),
        (lambda _: b"[]", "cannot be loaded"),
        (lambda c: c + b" " * 2**24, "config.json unpacks to"),
    ],
)
def test_a_model_that_asks_for_more_than_it_brings_is_not_built(
    whole, tmp_path, change, reason, monkeypatch
):
    monkeypatch.setattr(_keras_archive, "_MOST_VALUES", 125_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = changed(whole, tmp_path / "own.keras", "config.json", change)
    with pytest.raises(InputError) as caught:
        Classifier.from_keras(path)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 450
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


def test_a_model_is_planned_without_a_number_of_it(whole):
    with zipfile.ZipFile(whole) as archive:
        config = with_layer("answer", units=120_000)(archive.read("config.json"))
    variables, largest = _keras_archive._planned(json.loads(config))
    assert {v.shape for v in variables} >= {(3, 3, 1, 3), (588, 120_000), (120_000,)}
    assert largest == 120_000


def test_a_part_that_unpacks_to_much_more_than_its_size_is_not_unpacked(whole, tmp_path):
    def padded(content):
        return content + bytes(2**26)

    path = tmp_path / "own.keras"
    changed(whole, path, "model.weights.h5", padded, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match=r"model\.weights\.h5 unpacks to 67,\d+,\d+ bytes, more"):
        load_keras_file(path)


def stored(change):
    """The weights with one dataset given to `change`, which puts another in its place."""

    def edit(content):
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "r+") as file:
            place = "layers/dense/vars"
            kernel = file[place]["0"][()]
            del file[place]["0"]
            change(file[place], kernel)
        return buffer.getvalue()

    return edit


def test_whole_numbers_are_not_taken_for_real_ones(whole, tmp_path):
    def as_int8(group, kernel):
        group["0"] = (100 * kernel).astype(np.int8)

    path = changed(whole, tmp_path / "own.keras", "model.weights.h5", stored(as_int8))
    with pytest.raises(InputError, match=r"weights of shape \(588, 6\) as int8 where the model"):
        load_keras_file(path)


def test_weights_in_half_precision_are_read(whole, tmp_path):
    def as_half(group, kernel):
        group["0"] = kernel.astype(np.float16)

    path = changed(whole, tmp_path / "own.keras", "model.weights.h5", stored(as_half))
    found, due = load_keras_file(path).get_weights(), load_keras_file(whole).get_weights()
    npt.assert_allclose(found[2], due[2], atol=1e-3)


def test_weights_that_lie_in_another_file_are_refused(whole, tmp_path):
    def elsewhere(group, kernel):
        group["0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/kernel")

    path = changed(whole, tmp_path / "own.keras", "model.weights.h5", stored(elsewhere))
    with pytest.raises(InputError, match="lies in another file"):
        load_keras_file(path)


def test_each_flipped_bit_is_found(whole, tmp_path):
    """By the CRC-32 of each part, which Keras's reading goes through."""
    content = whole.read_bytes()
    path, rng = tmp_path / "own.keras", np.random.default_rng(0)
    due = load_keras_file(whole).get_weights()
    for bit in rng.integers(0, 8 * len(content), 50):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = load_keras_file(path).get_weights()
        except InputError:
            continue
        # A date, or another note that nobody reads.
        for one, other in zip(found, due, strict=True):
            npt.assert_array_equal(one, other)


def half(dtype):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(6, activation="softmax", dtype=dtype),
        ]
    )


def quantised():
    model = half("float32")
    model.layers[1].quantize("int8")
    return model


def nested():
    inner = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3)])
    for _ in range(6):
        inner = keras.Sequential([keras.Input((8, 8, 1)), inner])
    return keras.Sequential(
        [keras.Input((8, 8, 1)), inner, layers.Flatten(), layers.Dense(6, activation="softmax")]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [lambda: half("bfloat16"), lambda: half("mixed_float16"), quantised, nested],
    ids=["bfloat16", "mixed", "quantised", "nested"],
)
def test_what_keras_saves_is_read(make, tmp_path):
    model = make()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "own.keras")
    found = load_keras_file(tmp_path / "own.keras")
    for one, other in zip(found.get_weights(), model.get_weights(), strict=True):
        npt.assert_array_equal(one, other)
