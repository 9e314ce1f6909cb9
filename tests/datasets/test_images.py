"""Boxes from a user's files keep their dBZ, or the file is named with what is wrong."""

import contextlib
import io
import struct

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from small_archive import write_palette_png

from stormlens.datasets import is_simulated, make_dataset, read_boxes, read_images, write_netcdf
from stormlens.errors import InputError

UNID = "201104041310z000282671"


def some_boxes(n=3):
    return np.random.default_rng(0).integers(0, 81, (n, 136, 136), dtype=np.uint8)


def test_png_indices_are_dbz_unflipped(tmp_path):
    box = some_boxes(1)[0]
    dataset = read_images(write_palette_png(tmp_path / f"{UNID}.png", box))
    npt.assert_array_equal(dataset.reflectivity[0], box)
    assert dataset.unid.values.tolist() == [UNID]
    assert dataset.time.values[0] == np.datetime64("2011-04-04T13:10")
    assert "mode" not in dataset


@pytest.mark.parametrize(
    ("array", "names"),
    [
        (some_boxes(1)[0], ["boxes"]),
        (some_boxes(1), ["boxes"]),
        (some_boxes(3), ["boxes[0]", "boxes[1]", "boxes[2]"]),
        (some_boxes(3)[..., np.newaxis], ["boxes[0]", "boxes[1]", "boxes[2]"]),
        (some_boxes(1)[0][..., np.newaxis], ["boxes"]),
        (
            some_boxes(2).astype(">f4") + np.float32(0.25) * (some_boxes(2) < 80),
            ["boxes[0]", "boxes[1]"],
        ),
        (np.asfortranarray(some_boxes(2)), ["boxes[0]", "boxes[1]"]),
    ],
)
def test_npy_of_one_or_many(tmp_path, array, names):
    np.save(tmp_path / "boxes.npy", array)
    dataset = read_images(tmp_path / "boxes.npy")
    npt.assert_array_equal(dataset.reflectivity, some_boxes(len(names)))
    assert dataset.unid.values.tolist() == names


def test_the_five_real_boxes(shared_data):
    path = shared_data / "svrimg" / "five_images_20110404.npy"
    dataset = read_images(path)
    npt.assert_array_equal(dataset.reflectivity, np.load(path))


def test_files_of_all_kinds_in_the_order_given(tmp_path):
    boxes = some_boxes(4)
    write_palette_png(tmp_path / "b.png", boxes[0])
    np.save(tmp_path / "a.npy", boxes[1:3])
    container = make_dataset(
        boxes[3:], [1], unid=["mine"], latitude=[35.0], source="a simulator", simulated=True
    )
    write_netcdf(container, tmp_path / "c.nc")
    dataset = read_images([tmp_path / "b.png", str(tmp_path / "a.npy"), tmp_path / "c.nc"])
    npt.assert_array_equal(dataset.reflectivity, boxes)
    assert dataset.unid.values.tolist() == ["b", "a[0]", "a[1]", "mine"]
    npt.assert_array_equal(dataset.latitude, [np.nan, np.nan, np.nan, 35])
    assert is_simulated(dataset), "simulated boxes among real ones must not be called real"
    assert dataset.attrs["source"] == "b.png; a.npy; a simulator"
    assert "mode" not in dataset


def test_labels_stay_where_every_file_has_them(tmp_path):
    path = write_netcdf(make_dataset(some_boxes(2), [1, 5], source="mine"), tmp_path / "c.nc")
    npt.assert_array_equal(read_images([path, path])["mode"], [1, 5, 1, 5])


def test_equal_names_are_told_apart_by_folder(tmp_path):
    paths = [write_palette_png(tmp_path / f / "x.png", some_boxes(1)[0]) for f in "ab"]
    names = read_images(paths).unid.values.tolist()
    assert names == [f"{tmp_path.as_posix()}/{f}/x" for f in "ab"]
    np.save(tmp_path / "a" / "x.npy", some_boxes(1)[0])
    names = read_images([*paths, tmp_path / "a" / "x.npy"]).unid.values.tolist()
    ends = ("a/x.png:x", "b/x", "a/x.npy:x")
    assert names == [f"{tmp_path.as_posix()}/{end}" for end in ends]


def png(mode, size=(136, 136)):
    content = io.BytesIO()
    image = Image.new(mode, size)
    if mode == "P":
        image.putpalette([i for i in range(256) for _ in range(3)])
    image.save(content, "png")
    return content.getvalue()


def promising_png():
    """A header that promises a terabyte of pixels."""
    content = png("P")
    return content[:16] + struct.pack(">II", 999999, 999999) + content[24:]


def npy(array):
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def lying_npy():
    """A header that promises a terabyte."""
    return npy(np.zeros((136, 136), np.uint8)).replace(
        b"(136, 136), }        ", b"(999999, 999999), }  "
    )


def box_with(value):
    box = np.zeros((136, 136))
    box[3, 4] = value
    return npy(box)


BAD = {
    "a.png": [
        (b"", "is empty"),
        (b"hello", "is not a PNG image"),
        (png("P")[:60], "cut short"),
        (png("P")[:-4], "cut short"),
        (png("P").replace(b"IDAT", b"IDAX"), "damaged PNG"),
        (png("RGB"), "is an RGB image; a storm box keeps its dBZ as palette indices"),
        (png("RGBA"), "RGB image with transparency"),
        (png("L"), "is a grey image"),
        (png("I;16"), "16-bit grey"),
        (png("1"), "black-and-white"),
        (png("P", (136, 135)), "images are 135 x 136 pixels; 136 x 136 are needed"),
        (png("P", (5000, 1)), "images over 4096 are refused"),
        (promising_png(), "is 999999 x 999999 pixels; images over 4096 are refused"),
    ],
    "a.npy": [
        (b"", "is empty"),
        (b"hello", "cannot be read as NPY"),
        (npy(np.zeros((136, 136)))[:-1], "cannot be read as NPY"),
        (lying_npy(), "cannot be read as NPY"),
        (npy(np.array([None])), "it holds Python objects, not numbers"),
        (npy(np.full((136, 136), "a")), "values of type <U1 are no reflectivity"),
        (npy(np.zeros((136, 136), "M8[s]")), "values of type datetime64"),
        (npy(np.zeros((136, 136), [("a", "u1")])), "are no reflectivity"),
        (npy(np.zeros((135, 136))), "images are 135 x 136 pixels"),
        (npy(np.zeros(136)), "is not .storm, y, x."),
        (npy(np.zeros((1, 136, 136, 3))), "is not .storm, y, x."),
        (npy(np.zeros((0, 136, 136))), "cannot be read|at least one image"),
        (box_with(np.nan), "has nan at row 3, column 4"),
        (box_with(-1), "has -1.0 at row 3, column 4, which is negative"),
        (box_with(81), "has 81.0 at row 3, column 4, which is above 80"),
    ],
    "a.nc": [
        (b"", "is empty"),
        (b"CDF\x01", "is NetCDF-3"),
        (b"hello", "is not a NetCDF-4 file"),
        (b"\x89HDF\r\n\x1a\nhello", "a damaged NetCDF-4 file, or cut short"),
    ],
    "a.jpg": [(b"hello", r"has \.jpg, which is not read; accepted are \.png, \.npy, \.nc")],
    "a": [(b"hello", "has no suffix, which is not read")],
}


@pytest.mark.parametrize(
    ("name", "content", "words"), [(n, *c) for n, cs in BAD.items() for c in cs]
)
def test_a_bad_file_gets_a_sentence_with_its_name(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_images([path])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_png_indices_over_80_are_no_dbz(tmp_path):
    path = write_palette_png(tmp_path / "a.png", np.full((136, 136), 81))
    with pytest.raises(InputError, match=r"a\.png: image 0 has 81"):
        read_images(path)


def test_netcdf_without_reflectivity(tmp_path):
    path = tmp_path / "a.nc"
    xr.Dataset({"rain": ("x", [1.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(InputError, match=r"a\.nc: no variable 'reflectivity' \(it holds rain\)"):
        read_images(path)


def test_netcdf_of_another_size(tmp_path):
    path = write_netcdf(make_dataset(np.zeros((1, 9, 9)), source="mine"), tmp_path / "a.nc")
    with pytest.raises(InputError, match="images are 9 x 9 pixels"):
        read_images(path)


def test_digits_and_storms_do_not_mix(tmp_path):
    digits = make_dataset(np.zeros((1, 136, 136)), source="digits", units="1")
    paths = [write_netcdf(digits, tmp_path / "a.nc"), tmp_path / "b.npy"]
    np.save(paths[1], some_boxes(1))
    with pytest.raises(InputError, match="images differ in their units"):
        read_images(paths)


def test_missing_files_folders_and_nothing(tmp_path):
    with pytest.raises(InputError, match=r"none\.png does not exist"):
        read_images(tmp_path / "none.png")
    with pytest.raises(InputError, match="is a directory"):
        read_images([tmp_path])
    with pytest.raises(InputError, match="No file to read"):
        read_images([])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damaged_png_and_npy_load_or_give_a_sentence(tmp_path, data):
    suffix, good = data.draw(st.sampled_from([(".png", png("P")), (".npy", npy(some_boxes(1)))]))
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, min(len(content) - 1, 400)))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert read_images(path).reflectivity.max() <= 80


def test_plain_boxes_are_those_of_the_dataset(tmp_path):
    np.save(tmp_path / "one.npy", some_boxes(2))
    png_path = write_palette_png(tmp_path / f"{UNID}.png", some_boxes(1)[0])
    known = {"latitude": [40.0], "longitude": [-97.0], "simulated": True}
    labelled = make_dataset(some_boxes(1), [3], source="mine", **known)
    kept = write_netcdf(labelled.assign_coords(split=("storm", ["test"])), tmp_path / "two.nc")
    for paths in ([tmp_path / "one.npy"], [kept], [tmp_path / "one.npy", png_path, kept, kept]):
        expected = read_images(paths).drop_vars("mode", errors="ignore")
        xr.testing.assert_identical(read_boxes(paths).to_xarray(), expected)


def test_plain_boxes_of_a_bad_file_get_the_same_sentence(tmp_path):
    np.save(tmp_path / "short.npy", np.zeros((9, 9)))
    for path in (tmp_path / "none.png", tmp_path, tmp_path / "short.npy"):
        with pytest.raises(InputError) as expected:
            read_images(path)
        with pytest.raises(InputError) as found:
            read_boxes(path)
        assert str(found.value) == str(expected.value)
