"""Files of reflectivity: what Zarr writes, byte for byte, and what it reads."""

import numpy as np
import numpy.testing as npt
import pytest
import zarr
from numcodecs.zstd import Zstd

from stormlens.archive._shard import CHUNK, CHUNKS, decode, encode, unpacked_size, write
from stormlens.errors import InputError
from stormlens.stormbox import SIZE

from .conftest import patterned

BLOCK = CHUNK * CHUNKS


def zarr_array(path, n):
    """An array of n boxes as a store has it, by Zarr alone."""
    return zarr.create_array(
        path,
        shape=(n, SIZE, SIZE),
        dtype="uint8",
        chunks=(CHUNK, SIZE, SIZE),
        shards=(BLOCK, SIZE, SIZE),
        compressors=zarr.codecs.ZstdCodec(level=1, checksum=True),
        fill_value=0,
        zarr_format=3,
        config={"write_empty_chunks": True},
    )


def boxes_in(path, first, stop):
    images = np.full((stop - first, SIZE, SIZE), 77, np.uint8)
    decode(path, first, images)
    return images


@pytest.mark.slow
def test_a_whole_file_is_zarrs_byte_for_byte(tmp_path):
    images = patterned(BLOCK)
    array = zarr_array(tmp_path / "array", BLOCK)
    array[:] = images
    path = tmp_path / "array" / "c" / "0" / "0" / "0"
    assert encode(images) == path.read_bytes()
    npt.assert_array_equal(boxes_in(path, 0, BLOCK), images)


@pytest.mark.parametrize("n", [1, CHUNK, CHUNK + 1, BLOCK - 1])
def test_zarr_reads_a_file_that_is_not_full(tmp_path, n):
    images = patterned(n, 5)
    array = zarr_array(tmp_path / "array", n)
    path = tmp_path / "array" / "c" / "0" / "0" / "0"
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(images))
    npt.assert_array_equal(array[:], images)
    npt.assert_array_equal(boxes_in(path, 0, n), images)


@pytest.mark.parametrize(("first", "stop"), [(0, 1), (255, 257), (300, 301), (100, 1100)])
def test_any_run_of_boxes_can_be_read(tmp_path, first, stop):
    images = patterned(1200)
    (tmp_path / "file").write_bytes(encode(images))
    npt.assert_array_equal(boxes_in(tmp_path / "file", first, stop), images[first:stop])


def test_damage_is_told(tmp_path):
    path = tmp_path / "file"
    content = encode(patterned(300))
    (tmp_path / "short").write_bytes(b"short")
    with pytest.raises(OSError, match="Invalid argument"):
        boxes_in(tmp_path / "short", 0, 1)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="chunk 2 is missing"):
        boxes_in(path, 500, 600)
    path.write_bytes(content[:-10] + bytes([content[-10] ^ 1]) + content[-9:])
    with pytest.raises(ValueError, match="checksum"):
        boxes_in(path, 0, 1)
    flipped = bytearray(content)
    flipped[50] ^= 0xFF
    path.write_bytes(flipped)
    with pytest.raises(RuntimeError):
        boxes_in(path, 0, CHUNK)
    npt.assert_array_equal(boxes_in(path, CHUNK, 300), patterned(300)[CHUNK:])


def test_a_file_is_written_of_what_tasks_keep(tmp_path):
    images = patterned(100)
    held = [(images[20:60], "told"), (images[60:], "told")]
    name = write(held, [(5, 40), (0, 30)], images[:25], str(tmp_path))
    assert (tmp_path / name).read_bytes() == encode(images[:90])
    assert write(held, [(5, 40), (0, 30)], images[:25], str(tmp_path / "no")) == encode(images[:90])


def test_a_file_that_changed_since_it_was_counted_is_told(tmp_path):
    with pytest.raises(InputError, match="changed while it was read"):
        write([(patterned(10), "")], [(0, 11)], patterned(0), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 65_791, 65_792, 70_000, 10**6])
def test_a_frame_says_what_it_unpacks_to(n):
    assert unpacked_size(Zstd(level=1).encode(bytes(n)) if n else b"") == (n or None)


def test_a_frame_of_no_size_is_told():
    # RFC 8878: no size where its flag is 0 and the segment is not single.
    assert unpacked_size(b"\x28\xb5\x2f\xfd\x00\x58") is None
    assert unpacked_size(b"\x28\xb5\x2f\xfd\xe0\x01") is None  # cut short
    assert unpacked_size(b"\x28\xb5\x2f\xfd\xc3\x58" + bytes(4) + b"\x01" + bytes(7)) == 1
