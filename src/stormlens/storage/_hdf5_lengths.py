"""
How long variable text and lists in an HDF5 file are said to be, before the library believes it.

Each is kept in a heap, and where it is used stand a length, the heap's address and a number. The
library makes room for the length and looks into the heap after that. So it is read here, from the
bytes of attributes and datasets: no length may be more than the longest object of a heap.

Format: HDF5 File Format Specification 3.0, IV.A.2.b (dataspace), d (datatype), m (attribute).
"""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_VARIABLE = b"[\x09\x19\x29\x39\x49\x59].{3}"
"""How a datatype of variable length begins: its class, 9, and version; then bits, and its size."""
_HEADS = ((1, 8, 8), (2, 8, 1), (3, 9, 1))
"""Of a message by its version: bytes before the name, and to how many each part is padded."""
_MOST_AXES, _MOST_KINDS = 32, 2**18


class Held(NamedTuple):
    """
    A file's bytes, and what is known of them.

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


def check_attributes(held: Held, names: set[bytes]) -> None:
    """
    Look at every attribute of variable length, wherever it lies.

    Parameters
    ----------
    held : Held
        The file.
    names : set of bytes
        Of all such attributes that it has.

    Raises
    ------
    ValueError
        If one tells of more than there is, or none of a name is found.
    """
    if not names:
        return
    # A message is known by its datatype, of which there are few; its name stands before that.
    width = re.escape((8 + held.offsets).to_bytes(4, "little"))
    sizes, found = sorted({len(name) + 1 for name in names}), set()
    for number, kind in enumerate(re.finditer(_VARIABLE + width, held.content, re.DOTALL)):
        if number > _MOST_KINDS:
            raise ValueError("it holds too many lists to be looked at")
        for name, values, count in _messages(held, kind.start(), sizes):
            if name in names:
                _check_lengths(held, values, count)
                found.add(name)
    if names - found:
        raise ValueError(f"attribute {min(names - found)!r} is kept where nothing looks for it")


def _messages(held: Held, kind: int, sizes: list[int]) -> Iterator[tuple[bytes, int, int]]:
    """Name, place of the values and their number, where a datatype belongs to an attribute."""
    content = held.content
    for version, head, pad in _HEADS:
        for size in sizes:
            at = kind - -(-size // pad) * pad
            start = at - head
            if start < 0 or content[start] != version or _number(content, start + 2, 2) != size:
                continue
            shape = kind + -(-_number(content, start + 4, 2) // pad) * pad
            values = shape + -(-_number(content, start + 6, 2) // pad) * pad
            count = _count(held, shape)
            if values + count * (8 + held.offsets) <= len(content):
                yield content[at : at + size - 1], values, count


def _count(held: Held, at: int) -> int:
    """Number of values of a dataspace."""
    version, axes, _, kind = held.content[at : at + 4].ljust(4, b"\0")
    if axes > _MOST_AXES or (version == 2 and kind == 2):
        return 0
    first = at + (8 if version == 1 else 4)
    return math.prod(
        _number(held.content, first + i * held.lengths, held.lengths) for i in range(axes)
    )


def check_dataset(held: Held, dataset: Any, filters: list[int]) -> None:
    """
    Look at the values of a dataset of variable length.

    Parameters
    ----------
    held : Held
        The file.
    dataset : h5py.Dataset
        Of a type of variable length.
    filters : list of int
        Codes of its filters.

    Raises
    ------
    ValueError
        If one tells of more than there is, or they cannot be looked at.
    """
    import h5py

    step = 8 + held.offsets
    layout = dataset.id.get_create_plist().get_layout()
    if layout == h5py.h5d.CONTIGUOUS:
        place = dataset.id.get_offset()
        if place is not None:
            _check_lengths(held, place, dataset.size)
    elif layout == h5py.h5d.CHUNKED and not filters:
        dataset.id.chunk_iter(
            lambda chunk: _check_lengths(held, chunk.byte_offset, chunk.size // step)
        )
    else:
        raise ValueError(f"{dataset.name} holds text that is packed in a way that is not read")


def _check_lengths(held: Held, place: int, count: int) -> None:
    step = 8 + held.offsets
    for at in range(place, place + count * step, step):
        if _number(held.content, at, 4) > held.longest:
            raise ValueError("it tells of more text than it holds")


def _number(content: bytes, at: int, width: int) -> int:
    return int.from_bytes(content[at : at + width], "little")
