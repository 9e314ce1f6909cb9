"""HDF5 looked over: what its library would turn for ever on, flood memory with, or follow."""

import io
import struct

import h5netcdf
import h5py
import numpy as np
import pytest
from h5bytes import plain

from stormlens.errors import InputError
from stormlens.readers._hdf5 import attributes, opened, to_dataset


def with_long_text(file):
    file.attrs["text"] = "kept in the heap of long strings"
    file["values"] = np.arange(10)


def open_all(content):
    with opened(content, "x.h5", "HDF5") as file:
        return to_dataset(file)


def test_a_sound_file_opens():
    assert open_all(plain(with_long_text))["values"].values.tolist() == list(range(10))


def test_an_object_of_no_size_in_a_heap_is_refused_before_the_library_meets_it():
    content = bytearray(plain(with_long_text))
    heap = content.index(b"GCOL")
    size = struct.unpack_from("<Q", content, heap + 8)[0]
    # The free space at the heap's end, object 0: behind the one string.
    first = struct.unpack_from("<Q", content, heap + 24)[0]
    free = heap + 16 + 16 + -(-first // 8) * 8
    assert struct.unpack_from("<H", content, free)[0] == 0
    assert free < heap + size
    struct.pack_into("<Q", content, free + 8, 0)
    with pytest.raises(InputError, match="heap holds an object of no size"):
        open_all(bytes(content))


@pytest.mark.parametrize("at", [13, 14])
def test_widths_of_sizes_other_than_8_are_refused(at):
    content = bytearray(plain(with_long_text))
    content[at] = 2
    with pytest.raises(InputError, match="8-byte"):
        open_all(bytes(content))


def test_links_to_other_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as other:
        other["values"] = np.arange(3)

    def write(file):
        file["values"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "values")

    with pytest.raises(InputError, match=r"lies in another file, .*secret\.h5"):
        open_all(plain(write))


def test_values_kept_in_other_files_are_refused(tmp_path):
    (tmp_path / "raw").write_bytes(bytes(80))

    def outside(file):
        file.create_dataset("a", (10,), "f8", external=[(str(tmp_path / "raw"), 0, 80)])

    def virtual(file):
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "values", (3,))
        file.create_virtual_dataset("a", layout)

    for write in (outside, virtual):
        with pytest.raises(InputError, match="keeps its values in another file"):
            open_all(plain(write))


def test_a_shape_that_the_file_cannot_hold_is_refused():
    def write(file):
        file.create_dataset("a", (2**20, 2**20), "f8", chunks=(1000, 1000))

    with pytest.raises(InputError, match="larger than its file can hold"):
        open_all(plain(write))


def test_a_filter_that_is_not_built_in_is_refused():
    def write(file):
        file.create_dataset("a", data=np.zeros((100, 100)), compression="lzf")

    with pytest.raises(InputError, match="packed by filter 32000"):
        open_all(plain(write))


def test_groups_that_hold_each_other_are_walked_once():
    def write(file):
        group = file.create_group("a")
        group["b"] = file["/"]
        file["values"] = np.arange(3)

    assert "values" in open_all(plain(write))


def test_attributes_are_plain_values():
    def write(file):
        file.attrs["text"], file.attrs["bytes"] = "a", np.bytes_("b")
        file.attrs["one"], file.attrs["many"] = np.array([1.5]), np.arange(3)
        file.attrs["none"] = h5py.Empty("f8")

    with opened(plain(write), "x", "HDF5") as file:
        found = attributes(file)
    assert found.pop("many").tolist() == [0, 1, 2]
    assert found == {"text": "a", "bytes": "b", "one": 1.5}


def test_dimensions_of_netcdf_are_named():
    memory = io.BytesIO()
    with h5netcdf.File(memory, "w") as file:
        file.dimensions = {"y": 2, "x": 3}
        file.create_variable("z", ("y", "x"), "f4", data=np.ones((2, 3)))
        file.create_variable("x", ("x",), "f8", data=np.arange(3))
    dataset = open_all(memory.getvalue())
    assert dataset["z"].dims == ("y", "x")
    assert set(dataset.variables) == {"z", "x"}
    with opened(memory.getvalue(), "x", "HDF5") as file:
        assert set(to_dataset(file, ("z", "absent")).variables) == {"z"}
