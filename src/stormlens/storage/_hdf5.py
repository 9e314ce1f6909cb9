"""
HDF5 files from anywhere, opened once they are checked.

The library trusts a file. In a damaged heap of strings it can loop for ever, a shape can ask for
more memory than there is, and a file may name others to be opened. Such things are checked here
first, in the file's bytes and through calls that read no values. Then h5py reads (`_hdf5_read`).

Format: HDF5 File Format Specification 3.0, sections II.A (superblock) and
III.E (global heap).
"""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from stormlens.errors import InputError
from stormlens.storage._hdf5_lengths import FileBytes, check_attributes, check_dataset

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

MAX_DATASET = 2**29
"""Bytes that one dataset may unpack to by default."""

_MAX_OBJECTS = 20_000
_MAX_ATTRIBUTE, _MAX_ATTRIBUTES = 2**22, 2**28
_ALWAYS_ALLOWED, _MAX_CHUNK = 2**26, 2**28
_UNPACKED = 1100
"""A file cannot unpack to more times its size: deflate reaches at most 1,032."""
_BUILT_IN = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset"}
_DEFLATE, _FLETCHER32 = 1, 3
_CHUNK_HEAD = 1024  # and an eighth of its size: what packing may add to bytes that do not pack
_SWELLING = 2**28
"""A chunk that might unpack to more bytes is unpacked once on trial, with a bound."""
_SIZES = (2, 4, 8)
"""Widths of offsets and lengths that files use, bytes."""
_HEAP, _HEAP_HEAD, _OBJECT_HEAD = b"GCOL\1", 16, 16
"""Both heads are padded to 8 bytes, so they have 16 bytes for every width of lengths."""


@contextmanager
def opened_hdf5(content: bytes, name: str, kind: str, largest: int = MAX_DATASET) -> Iterator[Any]:
    """
    Open a file that is in memory, after checking it. Errors in the block become sentences.

    Parameters
    ----------
    content : bytes
        The file.
    name, kind : str
        What errors call the file, and its format.
    largest : int, optional
        Bytes that one dataset may unpack to. Give more where it is read in parts.

    Yields
    ------
    file : h5py.File

    Raises
    ------
    InputError
        If the file is damaged, cut short, claims more than it can hold, or refers to other files.
    """
    import h5py

    with as_sentences(name, kind):
        raw = _check_structure(content)
        with h5py.File(io.BytesIO(content), "r") as file:
            _check_objects(file, min(_budget(len(content)), largest), raw, name)
            yield file


@contextmanager
def as_sentences(name: str, kind: str) -> Iterator[None]:
    """
    Turn whatever a decoder raises on a damaged file into one sentence, that of `damaged`.

    Parameters
    ----------
    name, kind : str
        The file, and its format.

    Yields
    ------
    None

    Raises
    ------
    InputError
        In place of any other exception.
    """
    try:
        yield
    except (InputError, ModuleNotFoundError):  # the latter says nothing of the file
        raise
    except Exception as error:
        # Decoders raise a dozen kinds of errors on a damaged file; all mean the same to a user.
        raise damaged(name, kind, error) from error


def damaged(name: str, kind: str, error: Exception | str = "") -> InputError:
    """
    The sentence for a file that its format's reader fails on.

    Parameters
    ----------
    name, kind : str
        The file, and its format.
    error : Exception or str, optional
        What the reader said; its first line is quoted.

    Returns
    -------
    error : InputError
    """
    lines = str(error).strip().splitlines()
    reason = f" ({lines[0][:120]})" if lines else ""
    return InputError(f"{name} is a damaged {kind} file, or cut short{reason}; get it again.")


def _check_structure(content: bytes) -> FileBytes:
    """Check the superblock, and the heaps of variable-length values by the widths it gives."""
    if len(content) < 16:
        raise ValueError("it ends within its superblock")
    version = content[8]
    offsets, lengths = content[13:15] if version < 2 else content[9:11]
    if version > 3 or offsets not in _SIZES or lengths not in _SIZES:
        raise ValueError("its superblock gives widths of offsets or lengths that are not read")
    objects, longest, at = 0, 0, content.find(_HEAP)
    while at >= 0:
        count, length = _check_heap(content, at, lengths)
        objects, longest = objects + count, max(longest, length)
        # Heaps do not overlap, so the objects' heads together cannot exceed the file. Without
        # this, heaps inside heaps would take time that grows with the square of the file's size.
        if objects > len(content) // _OBJECT_HEAD:
            raise ValueError("its heaps lie in each other")
        at = content.find(_HEAP, at + len(_HEAP))
    return FileBytes(content, offsets, lengths, longest)


def _check_heap(content: bytes, at: int, lengths: int) -> tuple[int, int]:
    """
    Number of objects of a heap, and the longest's size.

    The library walks from object to object by their sizes and does not check that it advances.
    """
    if at + _HEAP_HEAD > len(content):
        return 0, 0
    end = at + _size(content, at + 8, lengths)
    if end > len(content):  # the library would allocate all of it
        raise ValueError("a heap is larger than its file")
    place, objects, longest = at + _HEAP_HEAD, 0, 0
    while place + _OBJECT_HEAD <= end:
        number = content[place] + (content[place + 1] << 8)
        size = _size(content, place + 8, lengths)
        # Object 0 is the free space; its size includes its head.
        step = size if number == 0 else _OBJECT_HEAD + -(-size // 8) * 8
        if step < _OBJECT_HEAD:
            raise ValueError("a heap holds an object of no size")
        place, objects = place + step, objects + 1
        longest = max(longest, size if number else 0)
    return objects, longest


def _size(content: bytes, at: int, width: int) -> int:
    return int.from_bytes(content[at : at + width], "little")


def _check_objects(file: Any, budget: int, raw: FileBytes, name: str) -> None:
    """Check every object, without reading any data."""
    import h5py

    to_check, seen, total = [file], set(), 0
    in_heap: set[bytes] = set()
    while to_check:
        item = to_check.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        if len(seen) > _MAX_OBJECTS:
            raise ValueError(f"it holds over {_MAX_OBJECTS} objects")
        total += _check_attributes(item, raw.longest, in_heap)
        if total > _MAX_ATTRIBUTES:
            raise ValueError(f"its attributes take more than {_MAX_ATTRIBUTES >> 20} MiB")
        if isinstance(item, h5py.Group):
            to_check.extend(_members(item, name))
        elif isinstance(item, h5py.Dataset):
            _check_dataset(item, budget, raw, name)
    check_attributes(raw, in_heap)


def _budget(size: int) -> int:
    """Most bytes that one dataset of a file of a size may unpack to."""
    return max(_ALWAYS_ALLOWED, _UNPACKED * size)


def _members(group: Any, name: str) -> list[Any]:
    import h5py

    members: list[Any] = []
    names: list[bytes] = []
    # In their native order: sorting a group whose heap is damaged crashes the process.
    group.id.links.iterate(names.append, order=h5py.h5.ITER_NATIVE)
    for key in (name.decode("utf-8", "surrogateescape") for name in names):
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise InputError(f"{name}: {key} lies in another file, {link.filename}; get one whole.")
        if isinstance(link, h5py.HardLink):
            members.append(group[key])
    return members


def _check_attributes(item: Any, longest: int, in_heap: set[bytes]) -> int:
    """Most bytes that an object's attributes take; adds those of variable length to `in_heap`."""
    import h5py

    total = 0
    names: list[bytes] = []
    h5py.h5a.iterate(item.id, names.append, order=h5py.h5.ITER_NATIVE)
    for name in names:
        attribute = h5py.h5a.open(item.id, name)
        count = attribute.get_space().get_simple_extent_npoints()
        kind = attribute.get_type()
        if count * kind.get_size() > _MAX_ATTRIBUTE:
            raise ValueError(f"an attribute takes more than {_MAX_ATTRIBUTE >> 20} MiB")
        if _is_variable(kind) and count:
            in_heap.add(name)
        total += count * max(kind.get_size(), longest if _is_variable(kind) else 0)
    return total


def _is_variable(kind: Any) -> bool:
    """Whether an h5py type is text or a list of variable length."""
    import h5py

    if kind.get_class() == h5py.h5t.STRING:
        return bool(kind.is_variable_str())
    return bool(kind.get_class() == h5py.h5t.VLEN)


def _check_dataset(dataset: Any, budget: int, raw: FileBytes, name: str) -> None:
    where = f"{name}: {dataset.name}"
    if dataset.is_virtual or dataset.external:
        raise InputError(f"{where} keeps its values in another file; get one whole.")
    created = dataset.id.get_create_plist()
    filters = [created.get_filter(number)[0] for number in range(created.get_nfilters())]
    for code in filters:
        if code not in _BUILT_IN:
            known = ", ".join(_BUILT_IN.values())
            raise InputError(
                f"{where} is packed by filter {code}, which is not read; pack it by one of {known}."
            )
    width = max(dataset.dtype.itemsize, 1)
    counts = [
        int(np.prod(shape, dtype=object)) for shape in (dataset.shape, dataset.chunks) if shape
    ]
    if width * max(counts, default=1) > budget:
        raise InputError(f"{where} is larger than its file can hold; the file is damaged.")
    if dataset.chunks and width * counts[-1] > _MAX_CHUNK:
        raise InputError(f"{where} is in chunks of over {_MAX_CHUNK >> 20} MiB, which is refused.")
    if _is_variable(dataset.id.get_type()):
        check_dataset(raw, dataset, filters)
    if dataset.chunks and _DEFLATE in filters:
        _check_chunks(dataset, filters, width * counts[-1])


def _check_chunks(dataset: Any, filters: list[int], size: int) -> None:
    """Check that chunks unpack to their size: the library unpacks them to whatever they become."""
    if filters[filters.index(_DEFLATE) + 1 :] not in ([], [_FLETCHER32]):
        raise ValueError("its chunks are packed more than once")
    swelling: list[tuple[int, ...]] = []

    def look(chunk: Any) -> None:  # at one after the other, since there may be millions
        if chunk.size > size + size // 8 + _CHUNK_HEAD:
            raise ValueError("a chunk is larger than what it holds")
        # A chunk's mask has the bit of each filter that was left out for it.
        is_packed = not chunk.filter_mask >> filters.index(_DEFLATE) & 1
        if is_packed and chunk.size * _UNPACKED > max(2 * size, _SWELLING):
            swelling.append(chunk.chunk_offset)

    dataset.id.chunk_iter(look)
    for offset in swelling:
        packed = dataset.id.read_direct_chunk(offset)[1]
        if len(zlib.decompressobj().decompress(packed, size + 1)) > size:
            raise ValueError("a chunk unpacks to more than its size")
