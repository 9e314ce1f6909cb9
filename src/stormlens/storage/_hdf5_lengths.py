"""
Lengths of variable-length values in an HDF5 file, checked before the library trusts them.

Text and lists of variable length are kept in heaps. Where one is used, the file has its length, the
heap's address and the object's number. The library allocates that length before it looks into the
heap, so a damaged length takes all memory. Here lengths are read from the bytes of attributes and
datasets first: none may exceed the longest object of a heap.

Format: HDF5 File Format Specification 3.0, IV.A.2.b (dataspace), d (datatype), m (attribute).
"""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_VARIABLE = b"[\x09\x19\x29\x39\x49\x59].{3}"
"""How a variable-length datatype begins: its class (9) and version, bits, then its size."""
_HEADS = ((1, 8, 8), (2, 8, 1), (3, 9, 1))
"""Of each version of an attribute message: bytes before the name, and the padding of its parts."""
_MOST_AXES, _MOST_KINDS = 32, 2**18


class FileBytes(NamedTuple):
    """
    A file's bytes, and what its superblock and heaps say.

    Attributes
    ----------
    content : bytes
        The file.
    offsets, lengths : int
        Bytes of an address and of a size in it.
    longest : int
        Size of the longest object in its heaps, bytes.
    """

    content: bytes
    offsets: int
    lengths: int
    longest: int


def check_attributes(raw: FileBytes, names: set[bytes]) -> None:
    """
    Check every attribute of variable length, wherever it lies in the file.

    Parameters
    ----------
    raw : FileBytes
        The file.
    names : set of bytes
        Of all such attributes, as h5py lists them.

    Raises
    ------
    ValueError
        If one claims more than a heap holds, or a name is not found.
    """
    if not names:
        return
    # h5py does not say where an attribute's message is. A message is found by its datatype, whose
    # bytes are rare; the attribute's name stands before it, and its values after it.
    width = re.escape((8 + raw.offsets).to_bytes(4, "little"))
    sizes, found = sorted({len(name) + 1 for name in names}), set()
    for number, kind in enumerate(re.finditer(_VARIABLE + width, raw.content, re.DOTALL)):
        if number > _MOST_KINDS:
            raise ValueError(f"it holds more than {_MOST_KINDS} types of variable length")
        for name, values, count in _messages(raw, kind.start(), sizes):
            if name in names:
                _check_lengths(raw, values, count)
                found.add(name)
    if names - found:
        raise ValueError(f"the values of attribute {min(names - found)!r} are not found")


def _messages(raw: FileBytes, kind: int, sizes: list[int]) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and number of values of each attribute that a datatype may belong to."""
    content = raw.content
    for version, head, pad in _HEADS:
        for size in sizes:
            at = kind - -(-size // pad) * pad
            start = at - head
            if start < 0 or content[start] != version or _number(content, start + 2, 2) != size:
                continue
            shape = kind + -(-_number(content, start + 4, 2) // pad) * pad
            values = shape + -(-_number(content, start + 6, 2) // pad) * pad
            count = _count(raw, shape)
            if values + count * (8 + raw.offsets) <= len(content):
                yield content[at : at + size - 1], values, count


def _count(raw: FileBytes, at: int) -> int:
    """Number of values of a dataspace."""
    version, axes, _, kind = raw.content[at : at + 4].ljust(4, b"\0")
    if axes > _MOST_AXES or (version == 2 and kind == 2):
        return 0
    first = at + (8 if version == 1 else 4)
    return math.prod(
        _number(raw.content, first + i * raw.lengths, raw.lengths) for i in range(axes)
    )


def check_dataset(raw: FileBytes, dataset: Any, filters: list[int]) -> None:
    """
    Check the values of a dataset of variable length.

    Parameters
    ----------
    raw : FileBytes
        The file.
    dataset : h5py.Dataset
        Of a type of variable length.
    filters : list of int
        Codes of its filters.

    Raises
    ------
    ValueError
        If one claims more than a heap holds, or they are packed.
    """
    import h5py

    step = 8 + raw.offsets
    layout = dataset.id.get_create_plist().get_layout()
    if layout == h5py.h5d.CONTIGUOUS:
        place = dataset.id.get_offset()
        if place is not None:
            _check_lengths(raw, place, dataset.size)
    elif layout == h5py.h5d.CHUNKED and not filters:
        dataset.id.chunk_iter(
            lambda chunk: _check_lengths(raw, chunk.byte_offset, chunk.size // step)
        )
    else:
        raise ValueError(f"{dataset.name} holds text that is packed in a way that is not read")


def _check_lengths(raw: FileBytes, place: int, count: int) -> None:
    step = 8 + raw.offsets
    for at in range(place, place + count * step, step):
        if _number(raw.content, at, 4) > raw.longest:
            raise ValueError("a text or list is longer than any that its heaps hold")


def _number(content: bytes, at: int, width: int) -> int:
    return int.from_bytes(content[at : at + width], "little")
