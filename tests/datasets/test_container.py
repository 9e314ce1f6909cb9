"""The container holds what it was given, on paper and in memory, or says what is wrong."""

import contextlib
import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stormlens.datasets import (
    check_reflectivity,
    class_names,
    is_simulated,
    load,
    make_boxes,
    make_dataset,
    read_images,
    read_netcdf,
    validate,
    write_netcdf,
)
from stormlens.errors import InputError
from stormlens.stormbox import MODES

quiet = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def containers(draw):
    n = draw(st.integers(1, 4))
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
    minutes = st.integers(-(10**6), 5 * 10**7)
    degrees = st.one_of(st.just(np.nan), st.floats(-180, 180))
    time = draw(st.lists(st.one_of(st.just("NaT"), minutes), min_size=n, max_size=n))
    labels = draw(st.one_of(st.none(), hnp.arrays(np.int64, n, elements=st.integers(0, 5))))
    return make_dataset(
        draw(hnp.arrays(np.uint8, (n, rows, columns), elements=st.integers(0, 80))),
        labels,
        unid=draw(st.lists(text, min_size=n, max_size=n)),
        time=np.array([np.datetime64(t, "m") for t in time]),
        latitude=draw(st.lists(degrees, min_size=n, max_size=n)),
        longitude=draw(st.lists(degrees, min_size=n, max_size=n)),
        source=draw(text),
        simulated=draw(st.booleans()),
    )


@pytest.mark.slow
@quiet
@given(dataset=containers(), split=st.sampled_from([None, "train", "test"]))
def test_netcdf_gives_back_every_bit(tmp_path, dataset, split):
    if split is not None:
        dataset = dataset.assign_coords(split=("storm", [split] * dataset.sizes["storm"]))
    again = read_netcdf(write_netcdf(dataset, tmp_path / "boxes.nc"))
    xr.testing.assert_identical(again, dataset)
    for name, variable in dataset.variables.items():
        assert again[name].dtype == variable.dtype or variable.dtype.kind == "U"


@quiet
@given(dataset=containers())
def test_a_container_is_valid_and_stays_itself(dataset):
    xr.testing.assert_identical(validate(dataset), dataset)


def test_fractions_are_truncated_as_the_archive_does():
    boxes = make_dataset([[[0.9, 44.99], [80.0, 1.0]]], source="by hand")
    npt.assert_array_equal(boxes.reflectivity[0], [[0, 44], [80, 1]])


def test_images_that_fit_are_not_copied_but_boxes_have_their_own():
    images = np.full((2, 4, 4), 7, np.uint8)
    assert np.shares_memory(check_reflectivity(images, where="two"), images)
    boxes = make_boxes(images, source="two")
    images[:] = 9
    assert (boxes.reflectivity == 7).all()


def test_what_is_not_known_is_nat_and_nan():
    boxes = make_dataset(np.zeros((2, 3, 3)), source="by hand")
    assert np.isnat(boxes.time).all()
    assert np.isnan(boxes.latitude).all()
    assert list(boxes.unid.values) == ["box-00000", "box-00001"]
    assert not is_simulated(boxes)
    with pytest.raises(InputError, match="has no labels"):
        class_names(boxes)


def test_axes_of_boxes_are_km_and_of_other_images_pixels():
    boxes = make_dataset(np.zeros((1, 136, 136)), source="by hand")
    assert boxes.x.attrs["units"] == "km"
    assert boxes.y.values[-1] == 508.125
    digits = make_dataset(np.full((1, 2, 3), 255), source="by hand", units="1")
    npt.assert_array_equal(digits.x, [0, 1, 2])
    assert digits.x.attrs["units"] == "1"


BAD_IMAGES = {
    "NaN": (np.full((1, 2, 2), np.nan), "image 0 has nan at row 0, column 0"),
    "infinite": (np.full((1, 2, 2), np.inf), "image 0 has inf"),
    "negative": (np.full((1, 2, 2), -1), "has -1 at row 0, column 0, which is negative"),
    "barely negative": (np.full((1, 2, 2), -0.5), "which is negative"),
    "over 80 dBZ": (np.full((1, 2, 2), 81), "has 81 .* above 80"),
    "barely over 80": (np.full((1, 2, 2), 80.5), "above 80"),
    "text": (np.full((1, 2, 2), "a"), "values of type <U1"),
    "bool": (np.full((1, 2, 2), True), "values of type bool"),
    "durations": (np.zeros((1, 2, 2), "m8[s]"), "values of type timedelta64"),
    "complex": (np.full((1, 2, 2), 1j), "values of type complex128"),
    "one plane": (np.zeros((2, 2)), r"shape \(2, 2\) is not \(storm, y, x\)"),
    "three channels": (np.zeros((1, 2, 2, 3)), "is not"),
    "none": (np.zeros((0, 2, 2)), "at least one image"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_images_that_are_none_are_refused(name):
    images, words = BAD_IMAGES[name]
    with pytest.raises(InputError, match=words):
        make_dataset(images, source="by hand")


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"mode": [0, 6]}, r"label 6 of image 1 is no class code; codes run from 0 to 5"),
        ({"mode": [0, -1]}, "label -1"),
        ({"mode": [0, 0.5]}, "label 0.5"),
        ({"mode": ["QLCS", "QLCS"]}, "label QLCS"),
        ({"mode": [0]}, "labels have shape"),
        ({"unid": ["a"]}, "unid has shape"),
        ({"time": [1, 2]}, "time holds int64 values, not dates"),
        ({"time": ["2011-04-04", "soon"]}, "time holds values"),
        ({"latitude": ["north", "south"]}, "latitude holds values"),
        ({"mode": [0, 0], "classes": ["a b", "a_b"]}, "Class names must differ"),
        ({"mode": [0, 0], "classes": ["a", " "]}, "not be blank"),
    ],
)
def test_what_does_not_fit_the_images_is_named(given_, words):
    with pytest.raises(InputError, match=words):
        make_dataset(np.zeros((2, 3, 3)), source="by hand", **given_)


def labelled():
    return make_dataset(np.zeros((2, 3, 3)), [0, 5], source="by hand")


def without_flags(dataset):
    dataset["mode"].attrs = {}
    return dataset


def with_flags(dataset, values):
    dataset["mode"].attrs["flag_values"] = values
    return dataset


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: d.drop_vars("reflectivity"), r"no variable 'reflectivity' \(it holds mode\)"),
        (lambda d: d.rename(y="row"), "has dimensions"),
        (without_flags, "lacks flag_meanings"),
        (lambda d: with_flags(d, [1, 2, 3, 4, 5, 6]), "expected 0 to 5"),
        (lambda d: d.assign_coords(split=("storm", ["train", "holdout"])), "split 'holdout'"),
        (lambda d: d.assign_attrs(simulated="perhaps"), "simulated is 'perhaps'"),
        (lambda d: d.assign_coords(unid="one"), "unid has shape"),
        (lambda d: d.assign_coords(xmin=("storm", [3.0, np.inf])), "xmin is infinite for a box"),
        (lambda d: d.assign_coords(echo=("storm", [0.5, np.inf])), "echo is a share of a box"),
    ],
)
def test_a_dataset_that_is_no_container_is_refused(spoil, words):
    with pytest.raises(InputError, match=words):
        validate(spoil(labelled()), where="boxes.nc")


def test_only_reflectivity_is_needed():
    bare = xr.Dataset({"reflectivity": (("storm", "y", "x"), np.zeros((2, 3, 3), "f4"))})
    boxes = validate(bare, where="bare.nc")
    assert boxes.reflectivity.dtype == np.uint8
    assert boxes.attrs["source"] == "bare.nc"


def test_simulated_travels_through_a_file(tmp_path):
    boxes = make_dataset(np.zeros((1, 3, 3)), [1], source="a simulator", simulated=True)
    again = read_netcdf(write_netcdf(boxes, tmp_path / "boxes.nc"))
    assert is_simulated(again)
    assert class_names(again) == MODES


WRITE_LIMITED = """
import resource, signal, sys
import numpy as np
from stormlens.datasets import make_dataset, write_netcdf
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
noise = np.random.default_rng(0).integers(0, 81, (100, 136, 136))
try:
    write_netcdf(make_dataset(noise, source="noise"), sys.argv[1])
except ValueError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits file size as POSIX does")
def test_a_full_disk_is_a_sentence_and_nothing_else(tmp_path):
    """HDF5 itself prints tracebacks and crashes; a size limit stands for the full disk."""
    command = [sys.executable, "-c", WRITE_LIMITED, str(tmp_path / "boxes.nc")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"Cannot write {tmp_path / 'boxes.nc'}: ")
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_container_get_a_sentence(tmp_path):
    path = tmp_path / "boxes.nc"
    cases = {
        b"": "is empty",
        b"CDF\x01" + bytes(100): "is NetCDF-3; convert it",
        b"some text": "is not a NetCDF-4 file",
        b"\x89HDF\r\n\x1a\n": "is a damaged NetCDF-4 file, or cut short",
    }
    for content, words in cases.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=words) as caught:
            read_netcdf(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="is a directory"):
        read_netcdf(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_netcdf(tmp_path / "none.nc")


@pytest.mark.slow
@quiet
@given(data=st.data())
def test_damaged_files_load_or_give_a_sentence(tmp_path, data):
    """Cut or changed anywhere, a file is a container or an InputError."""
    path = write_netcdf(labelled(), tmp_path / "boxes.nc")
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    for _ in range(data.draw(st.integers(1, 8))):
        if content:
            at = data.draw(st.integers(0, len(content) - 1))
            content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        read_netcdf(path)


def hostile(path, write):
    """A file whose reflectivity `write` makes."""
    with h5py.File(path, "w") as file:
        write(file)
    return path


def test_boxes_that_lie_in_another_file_are_refused_and_nothing_of_it_is_told(tmp_path):
    (tmp_path / "secret").write_bytes(b"\xd7" * 136 * 136)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["reflectivity"] = np.full((1, 136, 136), 215, "u1")

    def outside(file):
        raw = [(str(tmp_path / "secret"), 0, 136 * 136)]
        file.create_dataset("reflectivity", (1, 136, 136), "u1", external=raw)

    def virtual(file):
        layout = h5py.VirtualLayout((1, 136, 136), "u1")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "reflectivity", (1, 136, 136))
        file.create_virtual_dataset("reflectivity", layout)

    def linked(file):
        file["reflectivity"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "reflectivity")

    for write in (outside, virtual, linked):
        path = hostile(tmp_path / "boxes.nc", write)
        for read in (read_netcdf, read_images, load):
            with pytest.raises(InputError, match="another file") as caught:
                read(path)
            assert "215" not in str(caught.value)


def test_a_small_file_that_asks_for_gigabytes_is_refused_before_they_are_taken(tmp_path):
    def promise(file):
        file.create_dataset("reflectivity", (10**6, 136, 136), "u1", chunks=(64, 136, 136))

    path = hostile(tmp_path / "boxes.nc", promise)
    assert path.stat().st_size < 30_000
    tracemalloc.start()
    with pytest.raises(InputError, match="larger than its file can hold"):
        read_netcdf(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_more_boxes_than_are_read_at_once_get_a_way_onward(tmp_path, monkeypatch):
    boxes = make_dataset(np.full((8, 136, 136), 5), source="eight")
    path = write_netcdf(boxes, tmp_path / "boxes.nc")
    monkeypatch.setattr("stormlens.datasets._container.MAX_VALUES", 2**18)
    assert read_netcdf(path).sizes["storm"] == 8
    packing = {"dtype": "i1", "scale_factor": 0.5, "_FillValue": -1}  # a byte of which eight become
    floats = boxes.assign(reflectivity=boxes.reflectivity.astype("f8"))
    floats.to_netcdf(path, engine="h5netcdf", encoding={"reflectivity": packing})
    with pytest.raises(InputError, match=r"holds 1 MiB of values.*divide it into several"):
        read_netcdf(path)


def test_names_of_boxes_that_would_take_gigabytes_side_by_side_are_refused():
    names = np.array(["x" * 2**20, *["y"] * 1999], object)
    with pytest.raises(InputError, match="unid holds text of 1048576 characters"):
        make_dataset(np.zeros((2000, 2, 2)), unid=names, source="names")
