"""What the packs of storms hold, and how the rest of the simulated ones is made."""

import json
import zlib

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr

from stormlens.datasets import load_splits, make_dataset
from stormlens.errors import InputError
from stormlens.learn import _storms
from stormlens.learn._pack import encode
from stormlens.learn._storms import own_pack, simulated_pack, some_pack


def content(held):
    return held() if callable(held) else held.read_bytes()


def catalogue_of(files):
    return json.loads(content(files["storms.json"]))


@pytest.fixture(scope="module")
def simulated():
    return load_splits("simulated")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.slow
def test_the_catalogue_of_the_package_is_what_the_simulator_gives(simulated):
    catalogue = catalogue_of(simulated_pack())
    splits = catalogue["splits"]
    assert {name: split["count"] for name, split in splits.items()} == {
        "few": 24,
        "train": 1331,
        "validation": 110,
    }
    for name in ("train", "validation"):
        assert splits[name]["modes"] == simulated[name]["mode"].values.tolist()
    assert set(splits["few"]["modes"]) == set(range(6))
    assert catalogue["simulated"] is True
    assert "SIMULATED" in catalogue["source"]
    assert catalogue["boxes"] == 1331 + 110


@pytest.mark.parametrize(("name", "split", "step"), [("train-0", "train", 2), ("few-0", "test", 1)])
def test_parts_of_the_package_are_what_the_simulator_gives(simulated, name, split, step):
    boxes = simulated[split]
    chosen = _storms._few(boxes) if name == "few-0" else boxes.isel(storm=slice(300))
    made = encode(chosen["reflectivity"].values, step)
    lying = content(simulated_pack()[f"{name}.bin"])
    # The bytes of another zlib may differ, what they hold may not.
    assert zlib.decompress(lying) == zlib.decompress(made)


def test_all_fits_in_six_megabytes_and_parts_follow_each_other():
    catalogue = catalogue_of(simulated_pack())
    total = 0
    for split in catalogue["splits"].values():
        first = 0
        for part in split["parts"]:
            assert part["first"] == first
            first += part["count"]
            total += part["bytes"]
        assert first == split["count"]
    assert total < 6_000_000


@pytest.mark.slow
def test_the_rest_is_made_once_and_kept(cache, monkeypatch):
    files = simulated_pack()
    rest = [name for name, held in files.items() if callable(held)]
    assert rest == [f"train-{number}.bin" for number in range(1, 5)]
    made = content(files[rest[-1]])
    assert len(zlib.decompress(made)) == 676 + 131 * 136 * 136
    told = {part["file"]: part["bytes"] for part in catalogue_of(files)["splits"]["train"]["parts"]}
    assert abs(len(made) - told[rest[-1]]) < 0.01 * len(made)
    assert sorted(path.name for path in cache.rglob("*.bin")) == rest
    monkeypatch.setattr(_storms, "_simulated", None)
    assert content(simulated_pack()[rest[-1]]) == made  # from the cache
    assert content(files[rest[0]])


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "file"))
    part = encode(np.zeros((1, 2, 2), np.uint8))
    monkeypatch.setattr(_storms, "_simulated", lambda: ({}, {"train-1.bin": lambda: part}))
    assert content(simulated_pack()["train-1.bin"]) == part


def test_a_bundle_has_some_storms_and_names_no_others():
    files = some_pack("few")
    assert list(catalogue_of(files)["splits"]) == ["few"]
    assert sorted(files) == ["few-0.bin", "storms.json"]
    assert sum(len(content(held)) for held in files.values()) < 130_000
    train = catalogue_of(some_pack("few", "train"))["splits"]["train"]
    assert [part["file"] for part in train["parts"]] == ["train-0.bin"]
    assert train["count"] == len(train["modes"]) == 300


def own_boxes(count, split=None, mode=True):
    rng = np.random.default_rng(0)
    images = np.zeros((count, 20, 24), np.uint8)
    images[:, 4:9, 5:12] = rng.integers(1, 80, (count, 5, 7))
    modes = np.arange(count) % 2 if mode else None
    made = make_dataset(images, modes, classes=["line", "cell"], source="by hand")
    return made if split is None else made.assign_coords(split=("storm", split))


def test_own_storms_keep_their_splits_classes_and_exact_values():
    split = np.repeat(["train", "validation", "test"], [350, 10, 40])
    boxes = own_boxes(400, split)
    files = own_pack(boxes)
    catalogue = catalogue_of(files)
    assert catalogue["classes"] == ["line", "cell"]
    assert (catalogue["rows"], catalogue["columns"]) == (20, 24)
    assert catalogue["simulated"] is False
    assert catalogue["boxes"] == 400
    counts = {name: (held["count"], held["step"]) for name, held in catalogue["splits"].items()}
    assert counts == {"few": (24, 1), "train": (350, 1), "validation": (10, 1), "test": (40, 1)}
    assert [part["count"] for part in catalogue["splits"]["train"]["parts"]] == [300, 50]
    last = content(files["train-1.bin"])
    assert last == encode(boxes["reflectivity"].values[300:350])


def test_boxes_without_labels_are_seen_alone():
    catalogue = catalogue_of(own_pack(own_boxes(30, mode=False)))
    assert catalogue["classes"] == []
    assert {name: held["modes"] for name, held in catalogue["splits"].items()} == {
        "few": None,
        "test": None,
    }


def test_a_catalogue_tells_what_is_rounded_and_how_many_boxes_there_are(monkeypatch):
    monkeypatch.setattr(_storms, "_MOST_EXACT", 1000)
    monkeypatch.setattr(_storms, "_MOST_BOXES", 25)
    catalogue = catalogue_of(own_pack(own_boxes(60)))
    assert catalogue["boxes"] == 60
    assert catalogue["splits"]["test"]["count"] == 25
    assert catalogue["splits"]["few"]["step"] == 1
    assert catalogue["splits"]["test"]["step"] == 2


def test_a_few_are_of_all_modes_as_evenly_as_there_are():
    boxes = own_boxes(100)
    rare = boxes.assign(mode=("storm", (np.arange(100) > 96).astype(np.int8), boxes["mode"].attrs))
    few = _storms._few(rare)
    npt.assert_array_equal(np.bincount(few["mode"].values), [21, 3])
    npt.assert_array_equal(few["reflectivity"][:21], boxes["reflectivity"][:21])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([1], "not a list"),
        (xr.Dataset(), "not a Dataset"),
        (own_boxes(2).isel(storm=slice(0)), "at least one, in whole numbers"),
        (own_boxes(2).map(np.float32, keep_attrs=True), r"uint8\); these have .* in float32"),
    ],
)
def test_what_pages_cannot_show_gets_its_sentence(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        own_pack(wrong)


def test_images_of_something_else_are_refused():
    digits = make_dataset(np.zeros((2, 8, 8)), source="by hand", units="1")
    with pytest.raises(InputError, match=r"have the unit '1'\. Choose storms with --data"):
        own_pack(digits)
