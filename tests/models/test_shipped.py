"""The classifier that comes with stormlens: what its card says, damage, and what it refuses."""

import hashlib
import json
import shutil

import numpy as np
import numpy.testing as npt
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits, load_sample_image

from stormlens import Classifier, boxes, load, readers
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import NO_STORM_BOX, _classifier, build, name_modes, shipped_folder
from stormlens.stormbox import MODES, SIZE

LARGEST = 2_000_000  # bytes of weights


@pytest.fixture(scope="module")
def shipped():
    return Classifier.shipped()


def card():
    return json.loads((shipped_folder() / "classifier.json").read_text())


def test_the_file_is_what_its_card_says():
    content = (shipped_folder() / "weights.safetensors").read_bytes()
    provenance = card()["provenance"]
    assert provenance["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(content) <= LARGEST
    assert provenance["training_simulated"] is True
    assert "SIMULATED" in provenance["data_source"]
    assert {"stormlens", "jax", "keras", "numpy"} <= set(provenance["versions"])
    assert set(provenance) >= {"recipe", "seed", "training_boxes", "created"}


def test_it_names_the_six_modes_and_knows_how_far_to_trust_itself(shipped):
    assert shipped.trained_on_simulated
    assert (shipped.classes, shipped.image_shape) == (MODES, (SIZE, SIZE))
    assert shipped.confidence.level == 0.9
    assert sum(path.stat().st_size for path in shipped_folder().iterdir()) < LARGEST + 400_000


def test_it_is_told_in_a_line(shipped):
    """A notebook shows what stands last in a cell; the arrays would fill pages."""
    assert repr(shipped).startswith("Classifier(architecture='storm-residual'")
    assert len(repr(shipped)) < 400


def test_each_call_gives_a_classifier_of_its_own(shipped):
    other = Classifier.shipped()
    assert other.model is not shipped.model
    other.provenance["seed"] = "changed"
    other.model.trainable_variables[0].assign(other.model.trainable_variables[0].value * 0)
    assert shipped.provenance == card()["provenance"]
    assert np.any(shipped.model.trainable_variables[0].value)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the shipped files that a test may damage."""
    folder = shutil.copytree(shipped_folder(), tmp_path / "shipped")
    monkeypatch.setattr(_classifier, "shipped_folder", lambda: folder)
    return folder


@pytest.mark.parametrize(
    ("name", "damage", "sentence"),
    [
        ("classifier.json", None, "is missing"),
        ("classifier.json", lambda b: b[:50], "is not valid JSON"),
        (
            "classifier.json",
            lambda b: b.replace(b'"minimum": 0.0', b'"minimum": null'),
            "minimum is",
        ),
        (
            "classifier.json",
            lambda b: b.replace(b'"confidence": {', b'"confidences": {'),
            "'confidences' is nothing that a card says",
        ),
        ("classifier.json", lambda b: b.replace(b'"level": 0.9', b'"level": 0.8'), "was changed"),
        ("classifier.json", lambda b: b.replace(b'"sha256": "', b'"sha256": "0'), "not the file"),
        ("weights.safetensors", None, "is missing"),
        ("weights.safetensors", lambda b: b[:-9], "is damaged"),
        ("weights.safetensors", lambda b: b[:-4] + bytes([0, 0, 192, 127]), "not finite"),
        ("weights.safetensors", lambda b: b[:-4] + bytes(4), "is not the file"),
        ("confidence.safetensors", None, "is missing"),
        ("confidence.safetensors", lambda b: b"", "is damaged"),
        ("confidence.safetensors", lambda b: b[:-4] + bytes([0, 0, 128, 127]), "not finite"),
    ],
)
def test_a_damaged_file_says_to_install_again(copied, name, damage, sentence):
    path = copied / name
    if damage is None:
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(damage(content))
        assert path.read_bytes() != content
    with pytest.raises(InputError, match=sentence) as caught:
        Classifier.shipped()
    assert str(copied) in str(caught.value)
    assert "reinstall stormlens" in str(caught.value)
    assert "train again" not in str(caught.value)


def test_a_foreign_file_in_its_place_says_to_install_again(copied):
    other = Classifier(build("svrimg-3conv", input_shape=(60, 60, 1)), "svrimg-3conv")
    shutil.copy(other.save(copied / "other") / "weights.safetensors", copied)
    with pytest.raises(InputError, match=r"holds other weights than model .*; reinstall"):
        Classifier.shipped()


ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]


def dbz(values):
    return np.clip(np.round(values), 0, 80).astype(np.uint8)


def photographs():
    for name in ("china.jpg", "flower.jpg"):
        grey = Image.fromarray(load_sample_image(name)).convert("L").resize((SIZE, SIZE))
        share = np.asarray(grey) / 255
        yield from (80 * share, 60 * share, 80 * (1 - share))
        yield np.where(share >= 0.5, 80 * share, 0)
        yield np.where(share >= 0.5, 60, 0)
        yield np.asarray(grey)  # what lies above 80 is cut off


def chessboards():
    for cell in (1, 2, 3, 4, 8, 17, 34):
        board = (ROWS // cell + COLUMNS // cell) % 2
        yield from (40 * board, 75 * board, 30 + 20 * board)


def ramps():
    for direction in (ROWS, COLUMNS, ROWS + COLUMNS, np.hypot(ROWS - 68, COLUMNS - 68)):
        yield from (80 * direction / direction.max(), 10 + 40 * direction / direction.max())


def noises():
    rng = np.random.default_rng(0)
    for highest in (40, 60, 75, 80):
        yield rng.integers(0, highest, (SIZE, SIZE))
        yield np.where(rng.random((SIZE, SIZE)) < 0.2, rng.integers(5, highest, (SIZE, SIZE)), 0)


def digits_and_text():
    glyphs = load_digits().images
    for glyph, strength in zip(glyphs[:6], (80, 60, 40, 70, 50, 30), strict=True):
        yield np.kron(glyph / 16 * strength, np.ones((17, 17)))
        yield np.tile(np.kron(glyph > 7, np.ones((2, 2))), (9, 9))[:SIZE, :SIZE] * strength


def heights(storms):
    """In metres instead of dBZ: of echo tops, and of mountains."""
    rng = np.random.default_rng(1)
    for storm in storms:
        yield np.where(storm >= 20, 300.0 * storm, 0)
    for _ in range(6):
        yield 800 * ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 6) / 0.05 + 300


def plain():
    yield from (np.full((SIZE, SIZE), level) for level in (5, 20, 40, 80))
    yield from (40 * (ROWS < 68), 60 * (np.hypot(ROWS - 68, COLUMNS - 68) < 40))


@pytest.fixture(scope="module")
def storms():
    held = load("simulated", "validation", count=40)
    return held["reflectivity"].values[held["mode"].values < 3]


@pytest.mark.parametrize(
    "images", [photographs, chessboards, ramps, noises, digits_and_text, heights, plain]
)
def test_what_is_no_radar_image_is_no_storm_box(shipped, storms, images):
    shown = [dbz(image) for image in (images(storms) if images is heights else images())]
    predictions = shipped.predict(make_dataset(shown, source="no radar"))
    assert predictions["novelty"].min() > 1
    assert set(name_modes(predictions)) == {NO_STORM_BOX}
    npt.assert_allclose(predictions["probability"].sum("mode"), 1, rtol=1e-5)


def test_most_coarse_rain_of_a_satellite_is_no_storm_box(shipped):
    rng, shown = np.random.default_rng(2), []
    for number in range(24):
        cell = (3, 4, 6, 8)[number % 4]
        rain = np.exp(1.1 * ndimage.gaussian_filter(rng.standard_normal((50, 50)), 1.5) * 5)
        rain = np.where(rain > np.quantile(rain, 0.5), rain, 0)
        shown.append(dbz(30 * np.kron(rain / rain.max(), np.ones((cell, cell)))[:SIZE, :SIZE]))
    assert (shipped.confidence.novelty.score(np.array(shown)) > 1).mean() >= 0.75


@pytest.mark.slow
def test_boxes_of_the_simulators_kinds_are_known(shipped):
    for stream in ("simulated-wide", "simulated-held-out"):
        images = load(stream, "test", count=600)["reflectivity"].values
        images = images[(images >= 5).any((1, 2))]
        assert (shipped.confidence.novelty.score(images) > 1).mean() < 0.02


def real_boxes(folder):
    yield np.load(folder / "svrimg" / "sample_labelled.npz")["images"][:15]  # not the Missing one
    yield np.load(folder / "svrimg" / "five_images_20110404.npy")
    for name in ("KLBB20160601_150025_V06", "KLIX20050828_180149.gz"):
        yield boxes.find_storms(readers.read(folder / "radar" / name))["reflectivity"].values
    for path in sorted((folder / "radar").glob("MRMS*")):
        yield boxes.find_storms(readers.read(path))["reflectivity"].values


@pytest.mark.parametrize(
    "as_shown",
    [
        lambda dbz: dbz,
        lambda dbz: dbz // 5 * 5,
        lambda dbz: np.where(dbz >= 20, dbz, 0),
        lambda dbz: np.where(dbz > 0, dbz + 5, 0),
        lambda dbz: np.where(dbz >= 10, (dbz + 5) // 5 * 5, 0),
    ],
    ids=["as it is", "in steps of 5 dBZ", "from 20 dBZ", "5 dBZ hotter", "all of these"],
)
def test_no_real_storm_is_called_none_whatever_the_product(shipped, shared_data, as_shown):
    boxes_as_shown = [dbz(as_shown(images.astype(int))) for images in real_boxes(shared_data)]
    novelty = np.concatenate([shipped.confidence.novelty.score(shown) for shown in boxes_as_shown])
    assert len(novelty) > 50
    assert (novelty <= 1).all()
