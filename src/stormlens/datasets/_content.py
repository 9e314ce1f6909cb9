"""
Storm boxes out of bytes that anybody may have sent: PNG, NPY and NetCDF, within bounds.

The size that a file states is compared with the required one before anything is unpacked. Of a PNG
only the chunks that make its picture are read, and its pixels are inflated no further than that
size.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._boxes import check_reflectivity
from stormlens.datasets._container import parse_netcdf, validate
from stormlens.datasets._images import npy_array
from stormlens.datasets._png import (
    PNG_SIGNATURE,
    Pictures,
    drawn_dbz,
    palette_indices,
    says_simulated,
)
from stormlens.errors import InputError
from stormlens.storage import HDF5_SIGNATURE, hdf5_member, opened_hdf5
from stormlens.stormbox import SIZE, Boxes

_NPY = b"\x93NUMPY"
_HEADER, _END = b"IHDR", b"IEND"
_PICTURE = (_HEADER, b"PLTE", b"tRNS", _END)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples a pixel by the colour type of a PNG (specification, section 11.2.1)."""

_ARCHIVE = Pictures()


class TooManyError(InputError):
    """More boxes are sent than are accepted at once."""


def is_images(content: bytes) -> bool:
    """
    Whether bytes begin as PNG or NPY do, which `parse_images` reads.

    Parameters
    ----------
    content : bytes
        A file's, or its beginning.

    Returns
    -------
    images : bool
    """
    return content.startswith((PNG_SIGNATURE, _NPY))


def parse_images(
    content: bytes,
    name: str,
    *,
    shape: tuple[int, int] = (SIZE, SIZE),
    most: int,
    pictures: Pictures = _ARCHIVE,
) -> tuple[NDArray[np.uint8], bool]:
    """
    Images of a PNG, of several PNG one behind the other, or of an NPY file.

    Parameters
    ----------
    content : bytes
        The file's.
    name : str
        What errors call it.
    shape : tuple of int, optional
        Rows and columns required.
    most : int
        Images that are taken.
    pictures : Pictures, optional
        What the pixels are; as in the archive by default.

    Returns
    -------
    images : ndarray of uint8, shape (n, y, x)
        dBZ, row 0 in the south.
    simulated : bool
        Whether they say that a simulator made them.

    Raises
    ------
    TooManyError
        If there are more than `most`.
    InputError
        If it is no such file, is damaged or holds anything but images of that shape and
        0 to 80 dBZ.
    """
    is_png = content.startswith(PNG_SIGNATURE)
    if is_png:
        parts = [*_pngs(content, name, shape, most)]
        read = [_pixels(part, name, pictures) for part in parts]
        raw = np.stack(read) if len(read) > 1 else read[0][np.newaxis]
    elif content.startswith(_NPY):
        raw = npy_array(io.BytesIO(content), name)
        check_number(len(raw), most, name)
    else:
        raise InputError(f"{name} is neither PNG nor NPY; send the file as it is.")
    images = check_reflectivity(raw, where=name, shape=shape)
    turned = pictures.turned(images, drawn=is_png and pictures.are_drawn)
    return turned, says_simulated(content)


def is_container(content: bytes, name: str) -> bool:
    """
    Whether bytes are a NetCDF-4 file of boxes; every other one holds radar data.

    Parameters
    ----------
    content : bytes
        The file's.
    name : str
        What errors call it.

    Returns
    -------
    container : bool

    Raises
    ------
    InputError
        If it is HDF5 that cannot be opened.
    """
    if not content.startswith(HDF5_SIGNATURE):
        return False
    with opened_hdf5(content, name, "NetCDF-4") as file:
        return hdf5_member(file, "storm") is not None


def parse_container(
    content: bytes, name: str, *, shape: tuple[int, int] = (SIZE, SIZE), most: int
) -> Boxes:
    """
    Boxes of a NetCDF file in the container's format, without their labels.

    Parameters
    ----------
    content, name, shape, most
        As `parse_images` takes them.

    Returns
    -------
    boxes : Boxes

    Raises
    ------
    TooManyError
        If there are more than `most`.
    InputError
        If it is no container, or its images have another size.
    """
    dataset = validate(parse_netcdf(content, name), where=name)
    check_number(dataset.sizes["storm"], most, name)
    check_reflectivity(dataset["reflectivity"].values, where=name, maximum=255, shape=shape)
    return Boxes.from_xarray(dataset.drop_vars("split", errors="ignore"))


def check_number(n: int, most: int, name: str) -> None:
    """
    Refuse more boxes than are taken at once.

    Parameters
    ----------
    n, most : int
        How many there are, and may be.
    name : str
        What they came in.

    Raises
    ------
    TooManyError
        If there are more.
    """
    if n > most:
        raise TooManyError(f"{name} holds {n} boxes and {most} are taken at once; send fewer.")


def _pixels(content: bytes, name: str, pictures: Pictures) -> NDArray[np.generic]:
    if pictures.are_drawn:
        return drawn_dbz(content, name, pictures)
    return palette_indices(content, name)


def _pngs(content: bytes, name: str, shape: tuple[int, int], most: int) -> Iterator[bytes]:
    """Each PNG with the chunks of its picture alone, and pixels that fit its size."""
    place, n = 0, 0
    while place < len(content):
        n += 1
        if n > most:
            raise TooManyError(f"{name} holds more than {most} boxes, which are taken at once.")
        if not content.startswith(PNG_SIGNATURE, place):
            raise InputError(f"{name} goes on behind a PNG image with what is none; send PNG only.")
        place += len(PNG_SIGNATURE)
        kept, pixels = [PNG_SIGNATURE], []
        for kind, chunk in _chunks(content, place, name):
            place += len(chunk)
            if kind == b"IDAT":
                pixels.append(chunk[8:-4])
            elif kind in _PICTURE:
                kept.append(chunk)
        inflated = _inflated(kept[1], b"".join(pixels), name, shape)
        # Stored, not compressed again: that saves as much time as inflating took.
        kept.insert(-1, _chunk(b"IDAT", zlib.compress(inflated, 0)))
        yield b"".join(kept)


_AROUND = 12  # bytes of a chunk beside its content: length, kind and checksum, four each
_HEADER_BYTES = _AROUND + 13


def _chunks(content: bytes, place: int, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Kind and all bytes of each chunk, as far as the end of the picture."""
    kind = b""
    while kind != _END:
        length, kind_found = _head(content, place, name)
        if (kind == b"") != (kind_found == _HEADER):
            raise InputError(f"{name} is a damaged PNG image; get it again.")
        kind, end = kind_found, place + _AROUND + length
        if end > len(content):
            raise InputError(f"{name} is a PNG image cut short; get it again.")
        yield kind, content[place:end]
        place = end


def _head(content: bytes, place: int, name: str) -> tuple[int, bytes]:
    if place + _AROUND > len(content):
        raise InputError(f"{name} is a PNG image cut short; get it again.")
    length, kind = struct.unpack_from(">I4s", content, place)
    return length, kind


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def _inflated(header: bytes, deflated: bytes, name: str, shape: tuple[int, int]) -> bytes:
    """Lines of pixels; refused if the size differs from `shape` or they unpack to more than it."""
    if len(header) != _HEADER_BYTES:
        raise InputError(f"{name} is a damaged PNG image; get it again.")
    columns, rows, bits, colour = struct.unpack_from(">IIBB", header, 8)
    if (rows, columns) != shape:
        due = " x ".join(map(str, shape))
        raise InputError(f"{name}: images are {rows} x {columns} pixels; {due} are needed.")
    # A byte before each line of pixels, and half as many again where the image is interlaced.
    most = rows * (columns * bits * _CHANNELS.get(colour, 4) // 8 + 4) + 64
    try:
        inflated = zlib.decompressobj().decompress(deflated, most + 1)
    except zlib.error as error:
        raise InputError(f"{name} is a damaged PNG image; get it again.") from error
    if len(inflated) > most:
        raise InputError(
            f"{name} is a PNG image whose pixels unpack to more than {rows} x {columns} of them; "
            "it is refused."
        )
    return inflated
