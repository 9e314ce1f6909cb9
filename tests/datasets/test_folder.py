"""A user's own folders become splits and classes, or the file at fault is named."""

import numpy as np
import numpy.testing as npt
import pytest
from PIL import Image
from small_archive import write_palette_png

from stormlens.datasets import class_names, load, load_splits, make_dataset, write_netcdf
from stormlens.errors import InputError
from stormlens.stormbox import MODES, SPLITS


def save(path, value=0, shape=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.full(shape, value, np.uint8))


def test_class_folders_of_png_and_npy(tmp_path):
    for i in range(4):
        save(tmp_path / "hail" / f"{i}.npy", i)
        write_palette_png(tmp_path / "no hail" / f"{i}.png", np.full((8, 8), 10 + i))
    save(tmp_path / "hail" / "many.npy", 30, (3, 8, 8))
    dataset = load(tmp_path)
    assert class_names(dataset) == ("hail", "no_hail")
    assert sorted(dataset.unid.values[:7]) == [
        *("hail/0", "hail/1", "hail/2", "hail/3"),
        *("many[0]", "many[1]", "many[2]"),
    ]
    npt.assert_array_equal(np.bincount(dataset["mode"]), [7, 4])
    assert set(dataset.split.values) == set(SPLITS)
    assert dataset.attrs["source"] == f"folder {tmp_path.name}"


def test_storm_modes_keep_their_codes(tmp_path):
    for name in ("Tropical", "qlcs", "Missing"):
        for i in range(3):
            save(tmp_path / name / f"{name}{i}.npy")
    dataset = load(tmp_path)
    assert class_names(dataset) == MODES
    codes = {
        unid[:4]: int(code) for unid, code in zip(dataset.unid.values, dataset["mode"], strict=True)
    }
    assert codes == {"qlcs": 1, "Trop": 2, "Miss": 5}


def test_unids_split_by_the_archive_years(tmp_path):
    for year in (1999, 2013, 2015):
        save(tmp_path / "QLCS" / f"{year}04041310z000282671.npy")
        save(tmp_path / "Cellular" / f"{year}05041310z000000001_hail.npy")
    splits = load_splits(tmp_path)
    for split, year in zip(SPLITS, (1999, 2013, 2015), strict=True):
        assert splits[split].time.dt.year.values.tolist() == [year, year]


def test_unids_of_few_years_split_by_day(tmp_path):
    for day in range(1, 9):
        for minute in range(3):
            save(tmp_path / "QLCS" / f"201104{day:02d}13{minute:02d}z000000000.npy")
    dataset = load(tmp_path)
    assert set(dataset.split.values) == set(SPLITS)
    for day in np.unique(dataset.time.dt.day):
        assert len(set(dataset.split.values[dataset.time.dt.day == day])) == 1
    npt.assert_array_equal(load(tmp_path).split, dataset.split)


def test_split_folders(tmp_path):
    for split, n in (("train", 3), ("validation", 1), ("test", 2)):
        for i in range(n):
            save(tmp_path / split / "QLCS" / f"{split}{i}.npy")
    save(tmp_path / "train" / "Noise" / "noise.npy")
    assert {name: part.sizes["storm"] for name, part in load_splits(tmp_path).items()} == {
        "train": 4,
        "validation": 1,
        "test": 2,
    }
    npt.assert_array_equal(load(tmp_path, "train")["mode"], [4, 1, 1, 1])


def test_hidden_files_are_no_images(tmp_path):
    for i in range(3):
        save(tmp_path / "hail" / f"{i}.npy")
    (tmp_path / "hail" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "hail" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / "README.txt").write_text("about")
    assert load(tmp_path).sizes["storm"] == 3


def spoil_size(root):
    save(root / "hail" / "z.npy", shape=(9, 8))


def spoil_empty_class(root):
    (root / "rain").mkdir()


def spoil_file(root):
    (root / "hail" / "z.png").write_bytes(b"no image")


def spoil_suffix(root):
    (root / "hail" / "notes.txt").write_text("no image")


def spoil_nested(root):
    save(root / "hail" / "deep" / "z.npy")


def spoil_split(root):
    save(root / "train" / "hail" / "z.npy")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_size, r"z\.npy has 9 x 8 pixels where .*0\.npy has 8 x 8"),
        (spoil_empty_class, r"rain holds no image; put \.png or \.npy files in, or remove it"),
        (spoil_file, r"z\.png is not a PNG image"),
        (spoil_suffix, r"notes\.txt has \.txt, which is not read"),
        (spoil_nested, r"deep is a directory"),
        (spoil_split, r"lacks 'test'; its folders must be train, validation and test"),
    ],
)
def test_what_is_wrong_in_a_folder_is_named(tmp_path, spoil, words):
    for i in range(3):
        save(tmp_path / "hail" / f"{i}.npy")
    spoil(tmp_path)
    with pytest.raises(InputError, match=words):
        load(tmp_path)


def test_a_folder_without_class_folders(tmp_path):
    with pytest.raises(InputError, match="holds no sub-folders"):
        load(tmp_path)
    for split in SPLITS:
        (tmp_path / split).mkdir()
    with pytest.raises(InputError, match="train holds no class folders"):
        load(tmp_path)


def test_a_class_that_training_lacks(tmp_path):
    for split in SPLITS:
        save(tmp_path / split / "hail" / "0.npy")
    save(tmp_path / "test" / "rain" / "0.npy")
    with pytest.raises(InputError, match="rain is a class that the train folder lacks"):
        load(tmp_path)


def test_too_few_images_to_divide(tmp_path):
    save(tmp_path / "hail" / "0.npy")
    with pytest.raises(InputError, match=r"1 day\(s\) or image\(s\) cannot be divided"):
        load(tmp_path)


def test_netcdf_keeps_its_own_splits(tmp_path):
    boxes = make_dataset(np.zeros((3, 8, 8)), [0, 1, 2], source="mine")
    boxes = boxes.assign_coords(split=("storm", ["test", "train", "train"]))
    path = write_netcdf(boxes, tmp_path / "mine.nc")
    npt.assert_array_equal(load(path, "train")["mode"], [1, 2])
    with pytest.raises(InputError, match=r"mine\.nc holds no image of the validation split"):
        load_splits(path)


def test_netcdf_without_splits_is_divided_by_day(tmp_path):
    times = np.datetime64("2018-04-01T12") + np.repeat(np.arange(10), 3) * np.timedelta64(1, "D")
    boxes = make_dataset(np.zeros((30, 8, 8)), [0, 1, 2] * 10, time=times, source="mine")
    dataset = load(write_netcdf(boxes, tmp_path / "mine.nc"), seed=3)
    for day in range(10):
        assert len(set(dataset.split.values[3 * day : 3 * day + 3])) == 1
    assert "seed 3" in dataset.attrs["split_rule"]


@pytest.mark.parametrize(("mode", "need"), [(None, "labels"), ([1, 2], "at least three days")])
def test_netcdf_that_cannot_be_divided_still_loads(tmp_path, mode, need):
    path = write_netcdf(make_dataset(np.zeros((2, 8, 8)), mode, source="mine"), tmp_path / "m.nc")
    assert load(path).sizes["storm"] == 2
    with pytest.raises(InputError, match=f"cannot be divided into splits: it needs {need}"):
        load(path, "train")


def test_files_that_share_class_and_stem_keep_names_of_their_own(tmp_path):
    for i in range(3):
        save(tmp_path / "a" / f"{i}.npy")
        write_palette_png(tmp_path / "a" / f"{i}.png", np.full((8, 8), 9))
        save(tmp_path / "b" / f"other{i}.npy")
    names = load(tmp_path).unid.values.tolist()
    assert len(set(names)) == 9
    assert {"a/0.npy:0", "a/0.png:0", "other0"} <= set(names)


def test_a_folder_of_pictures_is_read_as_one_says(tmp_path):
    for i, name in enumerate(("QLCS", "Cellular")):
        (tmp_path / name).mkdir()
        for j in range(3):
            grey = np.zeros((8, 8), np.uint8)
            grey[0] = 100 + 10 * j + i  # at the top, and so in the north
            Image.fromarray(grey).save(tmp_path / name / f"{i}{j}.png")
    dataset = load(tmp_path, dbz_scale=(0.5, -32))
    assert sorted(dataset.reflectivity[:, -1, 0].values) == [18, 18, 23, 23, 28, 28]
    assert dataset.reflectivity[:, :-1].max() == 0
    turned = load(tmp_path, dbz_scale=[0.5, -32], first_row="south")
    npt.assert_array_equal(turned.reflectivity[:, ::-1], dataset.reflectivity)
    with pytest.raises(InputError, match="is a grey image"):
        load(tmp_path)
    with pytest.raises(InputError, match="no colour of nws"):
        load(tmp_path, colors="nws")
