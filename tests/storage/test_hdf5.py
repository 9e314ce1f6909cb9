"""HDF5 looked over: what its library does not check, would flood memory with, or follow."""

import io
import struct
import tracemalloc
import zlib

import h5netcdf
import h5py
import numpy as np
import pytest
from h5bytes import plain

from stormlens.errors import InputError
from stormlens.storage import (
    HDF5_SIGNATURE,
    hdf5_attributes,
    hdf5_dataset,
    hdf5_member,
    opened_hdf5,
)


def with_long_text(file):
    file.attrs["text"] = "kept in the heap of long strings"
    file["values"] = np.arange(10)


def open_all(content):
    with opened_hdf5(content, "x.h5", "HDF5") as file:
        return hdf5_dataset(file)


def test_a_sound_file_opens():
    assert open_all(plain(with_long_text))["values"].values.tolist() == list(range(10))


@pytest.mark.parametrize("width", [2, 4, 8])
def test_offsets_and_lengths_of_every_width_in_use_are_read(width):
    content = plain(with_long_text, width=width)
    assert content[13:15] == bytes([width, width])
    with opened_hdf5(content, "x.h5", "HDF5") as file:
        assert hdf5_attributes(file) == {"text": "kept in the heap of long strings"}
        assert hdf5_dataset(file)["values"].values.tolist() == list(range(10))


def heap(width, *objects):
    """
    A superblock and a global heap of (number, size as written, bytes), and no file around them.

    HDF5 File Format Specification 3.0: II.A, sizes at bytes 13 and 14; III.E.
    """
    body = b"".join(
        struct.pack("<HH4x", number, 1) + size.to_bytes(width, "little").ljust(8, b"\0") + data
        for number, size, data in objects
    )
    size = (16 + len(body)).to_bytes(width, "little").ljust(8, b"\0")
    start = HDF5_SIGNATURE + bytes(5) + bytes([width, width]) + bytes(85)
    return start + b"GCOL\1\0\0\0" + size + body


@pytest.mark.parametrize("width", [2, 4, 8])
@pytest.mark.parametrize("sound", [True, False])
def test_objects_of_a_heap_must_have_a_size(width, sound):
    free = 24 if sound else 0
    content = heap(width, (1, 3, b"abc".ljust(8, b"\0")), (0, free, bytes(8)))
    # Where the heap is sound, the library comes to see that there is no file.
    expected = "damaged HDF5" if sound else "heap holds an object of no size"
    with pytest.raises(InputError, match=expected) as caught:
        open_all(content)
    assert ("no size" in str(caught.value)) != sound


def test_heaps_that_lie_in_each_other_are_refused_in_linear_time():
    # Each heap's first object holds the head of the next heap.
    head = b"GCOL\1\0\0\0" + (2**18).to_bytes(8, "little")
    content = heap(8) + (head + struct.pack("<HH4xQ", 1, 1, 16)) * 20_000
    with pytest.raises(InputError, match="heaps lie in each other"):
        open_all(content)


@pytest.mark.parametrize("at", [13, 14])
@pytest.mark.parametrize("width", [0, 3, 16, 255])
def test_widths_of_sizes_that_are_none_are_refused(at, width):
    content = bytearray(plain(with_long_text))
    content[at] = width
    with pytest.raises(InputError, match="gives widths of offsets or lengths"):
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


def packed_in_one(content):
    """A file of one chunk of 1,000 bytes, with what is packed in it."""

    def write(file):
        data = file.create_dataset("a", (1000,), "u1", chunks=(1000,), compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(content, 9))

    return plain(write)


def test_a_chunk_that_unpacks_to_more_than_its_size_is_refused(monkeypatch):
    monkeypatch.setattr("stormlens.storage._hdf5._SWELLING", 1000)
    assert open_all(packed_in_one(bytes(1000)))["a"].shape == (1000,)
    with pytest.raises(InputError, match="a chunk unpacks to more than its size"):
        open_all(packed_in_one(bytes(1001)))
    with pytest.raises(InputError, match="a chunk is larger than what it holds"):
        open_all(packed_in_one(np.random.default_rng(0).bytes(3000)))


def test_a_sound_chunk_that_could_unpack_to_much_is_read(monkeypatch):
    monkeypatch.setattr("stormlens.storage._hdf5._SWELLING", 1)
    values = np.random.default_rng(0).integers(0, 5, (60, 70)).astype("f4")

    def write(file):
        file.create_dataset(
            "a", data=values, chunks=(31, 70), compression="gzip", shuffle=True, fletcher32=True
        )

    np.testing.assert_array_equal(open_all(plain(write))["a"], values)


def sharing(length, n):
    """A file of `n` names that all lead to one text in the heap."""

    def write(file):
        texts = np.array(["x" * length, *["y"] * (n - 1)], object)
        file.create_dataset("names", data=texts, dtype=h5py.string_dtype())

    content = bytearray(plain(write))
    with h5py.File(io.BytesIO(content)) as file:
        at = file["names"].id.get_offset()
    content[at : at + 16 * n] = bytes(content[at : at + 16]) * n
    return bytes(content)


def test_many_names_that_share_a_long_text_are_refused_in_bounded_memory():
    with opened_hdf5(sharing(10, 100), "x", "HDF5") as file:
        assert hdf5_dataset(file)["names"].values.tolist() == ["x" * 10] * 100
    content = sharing(2**20, 4000)  # 4 GiB
    tracemalloc.start()
    with (
        pytest.raises(InputError, match="names holds text that is too long"),
        opened_hdf5(content, "x", "HDF5") as file,
    ):
        hdf5_dataset(file, most=2**27)
    assert tracemalloc.get_traced_memory()[1] < 2**28 + 2**26
    tracemalloc.stop()


@pytest.mark.slow
def test_attributes_that_share_a_long_text_are_refused():
    def write(file):
        file["a"] = np.arange(3)
        for number in range(3000):
            file["a"].attrs[f"n{number}"] = "x"
        file.attrs["long"] = "y" * 100_000

    with pytest.raises(InputError, match="its attributes take more than 256 MiB"):
        open_all(plain(write))


def test_values_that_take_more_than_is_allowed_are_refused():
    def write(file):
        file["a"], file["b"] = np.zeros(1000), np.zeros(1000)

    with opened_hdf5(plain(write), "x", "HDF5") as file:
        assert set(hdf5_dataset(file, most=16_000).variables) == {"a", "b"}
        with pytest.raises(ValueError, match="its values take more than"):
            hdf5_dataset(file, most=15_999)


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

    with opened_hdf5(plain(write), "x", "HDF5") as file:
        found = hdf5_attributes(file)
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
    with opened_hdf5(memory.getvalue(), "x", "HDF5") as file:
        assert set(hdf5_dataset(file, ("z", "absent")).variables) == {"z"}


def test_dimensions_that_are_named_in_no_way_get_names_of_their_own():
    """By the attribute alone: the library's own way fails where that leads to no object."""

    def write(file):
        file["z"] = np.ones((2, 3))
        for name, n in (("y", 2), ("x", 3)):
            file[name] = np.arange(n)
            file[name].make_scale(name)
        file["z"].dims[1].attach_scale(file["x"])
        file["three"] = np.ones((1, 1, 1))
        file["three"].attrs["DIMENSION_LIST"] = [1, 2]

    dataset = open_all(plain(write))
    assert dataset["z"].dims == ("z_0", "x")
    assert dataset["three"].dims == ("three_0", "three_1", "three_2")


def test_a_list_of_dimensions_that_is_none_is_damage():
    def write(file):
        file["z"] = np.ones((2, 3))
        file["z"].attrs["DIMENSION_LIST"] = [1, 2]

    with pytest.raises(InputError, match="is a damaged HDF5 file"):
        open_all(plain(write))


def test_a_heap_that_is_larger_than_its_file_is_refused_before_room_is_made_for_it():
    content = bytearray(plain(with_long_text))
    struct.pack_into("<Q", content, content.index(b"GCOL") + 8, len(content))
    with pytest.raises(InputError, match="a heap is larger than its file"):
        open_all(bytes(content))


def test_members_are_those_that_a_group_lists():
    def write(file):
        file["a/b/c"] = np.arange(3)
        file["number"] = 1

    with opened_hdf5(plain(write), "x.h5", "HDF5") as file:
        assert hdf5_member(file, "a/b/c")[()].tolist() == [0, 1, 2]
        assert hdf5_member(file, "a/b").name == "/a/b"
        for absent in ("b", "a/c", "a/b/c/d", "number/a", ""):
            assert hdf5_member(file, absent) is None


KINDS = [
    (libver, ordered) for libver in ("earliest", "v108", "latest") for ordered in (True, False)
]


def with_texts(libver, ordered, n):
    """Texts of every length in attributes, a few in the object's head or many in a heap of it."""
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver=libver, track_order=ordered) as file:
        for number in range(n):
            file.attrs["n" * (number + 1)] = f"text {number}"
        file.attrs["several"] = np.array(["a", "", "bcd"], object)
        file["y"] = np.arange(3)
        file["y"].make_scale("y")
        file["z"] = np.ones(3)
        file["z"].dims[0].attach_scale(file["y"])
    return memory.getvalue()


@pytest.mark.parametrize(("libver", "ordered"), KINDS)
@pytest.mark.parametrize("n", [2, 40])
def test_texts_are_looked_at_and_read_however_they_are_kept(libver, ordered, n):
    content = with_texts(libver, ordered, n)
    with opened_hdf5(content, "x", "HDF5") as file:
        found = hdf5_attributes(file)
        assert hdf5_dataset(file)["z"].dims == ("y",)
    assert found.pop("several").tolist() == ["a", "", "bcd"]
    assert found == {"n" * (i + 1): f"text {i}" for i in range(n)}


@pytest.mark.parametrize("n", [2, 40])
def test_a_text_that_is_said_to_be_longer_than_any_is_refused_before_room_is_made(n):
    content = bytearray(with_texts("earliest", False, n))  # newer ones have checksums
    # Each text of six bytes stands as its length, the address of its heap, and a number from 1.
    heap = content.index(b"GCOL").to_bytes(8, "little")
    at = content.index(struct.pack("<I", 6) + heap)
    struct.pack_into("<I", content, at, 1000)
    with pytest.raises(InputError, match="longer than any that its heaps hold"):
        open_all(bytes(content))


@pytest.mark.parametrize("chunks", [None, (2,)])
def test_the_same_of_names_in_a_dataset(chunks):
    def write(file):
        texts = np.array(["abc", "defgh", "i"], object)
        file.create_dataset("names", data=texts, dtype=h5py.string_dtype(), chunks=chunks)

    content = bytearray(plain(write))
    assert open_all(bytes(content))["names"].values.tolist() == ["abc", "defgh", "i"]
    at = content.index(struct.pack("<IQ", 5, content.index(b"GCOL")))
    struct.pack_into("<I", content, at, 1000)
    with pytest.raises(InputError, match="longer than any that its heaps hold"):
        open_all(bytes(content))


def test_texts_that_cannot_be_looked_at_are_refused():
    def committed(file):
        file["kind"] = h5py.string_dtype()
        file.attrs.create("text", "abc", dtype=file["kind"])

    def packed(file):
        texts = np.array(["abc"] * 9, object)
        kind = h5py.string_dtype()
        file.create_dataset("names", data=texts, dtype=kind, chunks=(3,), compression="gzip")

    with pytest.raises(InputError, match="are not found"):
        open_all(plain(committed))
    with pytest.raises(InputError, match="holds text that is packed in a way that is not read"):
        open_all(plain(packed))


def test_attributes_that_are_records_are_left():
    def write(file):
        kind = np.dtype([("a", "i4"), ("text", h5py.string_dtype())])
        file.attrs.create("record", np.array([(1, "abc")], kind))
        file.attrs["one"] = 1

    with opened_hdf5(plain(write), "x", "HDF5") as file:
        assert hdf5_attributes(file) == {"one": 1}
