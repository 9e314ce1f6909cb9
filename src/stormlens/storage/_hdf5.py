"""
HDF5 looked over before it is read, so that a damaged file costs a sentence.

The HDF5 library trusts what it reads: it can turn for ever in a damaged heap of
long strings, a shape can ask for more memory than there is, and a file may
name others to be opened. What the library cannot defend is looked at here
first; the formats above then read with h5py, xarray or xradar.

Format: HDF5 File Format Specification 3.0, sections II.A (superblock) and
III.E (global heap).
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

_MAX_OBJECTS = 20_000
_MAX_ATTRIBUTE = 2**22
_ALWAYS_ALLOWED, _MAX_DATASET = 2**26, 2**32
_UNPACKED = 1100
"""No file unpacks to more times its size: deflate stays below 1,032."""
_BUILT_IN = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset"}
_SIZES = (2, 4, 8)
"""Widths of offsets and lengths in use; the library's own numbers have 8 bytes."""
_HEAP, _HEAP_HEAD, _OBJECT_HEAD = b"GCOL\1", 16, 16
"""Heads are padded to 8 bytes, and so are 16 long with lengths of any such width."""
_INTERNAL = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_NCProperties", "_nc3_strict")
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


@contextmanager
def opened_hdf5(content: bytes, name: str, kind: str) -> Iterator[Any]:
    """
    A file in memory, looked over; what fails on the way out becomes a sentence.

    Parameters
    ----------
    content : bytes
        The file.
    name, kind : str
        What errors call the file, and its format.

    Yields
    ------
    file : h5py.File

    Raises
    ------
    InputError
        If the file is damaged, cut short, larger than it can be, or leads to other files.
    """
    import h5py

    with as_sentences(name, kind):
        _check_structure(content)
        with h5py.File(io.BytesIO(content), "r") as file:
            _check_objects(file, len(content), name)
            yield file


@contextmanager
def as_sentences(name: str, kind: str) -> Iterator[None]:
    """
    Whatever a decoder raises on a damaged file, as `damaged` says it.

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
    except InputError:
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
        What the reader said; its first line is told.

    Returns
    -------
    error : InputError
    """
    lines = str(error).strip().splitlines()
    reason = f" ({lines[0][:120]})" if lines else ""
    return InputError(f"{name} is a damaged {kind} file, or cut short{reason}; get it again.")


def _check_structure(content: bytes) -> None:
    """The superblock, and the heaps of long strings by the sizes that it names."""
    version = content[8] if len(content) > 16 else 255
    offsets, lengths = content[13:15] if version < 2 else content[9:11]
    if version > 3 or offsets not in _SIZES or lengths not in _SIZES:
        raise ValueError("its superblock names no sizes of offsets and lengths that are read")
    objects, at = 0, content.find(_HEAP)
    while at >= 0:
        objects += _check_heap(content, at, lengths)
        # Heaps share no bytes, so that a file has no more objects than their heads have room.
        if objects > len(content) // _OBJECT_HEAD:
            raise ValueError("its heaps lie in each other")
        at = content.find(_HEAP, at + len(_HEAP))


def _check_heap(content: bytes, at: int, lengths: int) -> int:
    """Count a heap's objects, which must lead to its end: the library does not look."""
    if at + _HEAP_HEAD > len(content):
        return 0
    end = at + _size(content, at + 8, lengths)
    place, objects = at + _HEAP_HEAD, 0
    while place + _OBJECT_HEAD <= min(end, len(content)):
        number = content[place] + (content[place + 1] << 8)
        size = _size(content, place + 8, lengths)
        # Object 0 is the free space, and counts its own head.
        step = size if number == 0 else _OBJECT_HEAD + -(-size // 8) * 8
        if step < _OBJECT_HEAD:
            raise ValueError("a heap holds an object of no size")
        place, objects = place + step, objects + 1
    return objects


def _size(content: bytes, at: int, width: int) -> int:
    return int.from_bytes(content[at : at + width], "little")


def _check_objects(file: Any, size: int, name: str) -> None:
    """Look at every object, without reading any data."""
    import h5py

    left, seen, budget = [file], set(), _budget(size)
    while left:
        item = left.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        if len(seen) > _MAX_OBJECTS:
            raise ValueError(f"it holds over {_MAX_OBJECTS} objects")
        _check_attributes(item)
        if isinstance(item, h5py.Group):
            left.extend(_members(item, name))
        elif isinstance(item, h5py.Dataset):
            _check_dataset(item, budget, name)


def _budget(size: int) -> int:
    """Most bytes that one dataset of a file of a size may unpack to."""
    return min(max(_ALWAYS_ALLOWED, _UNPACKED * size), _MAX_DATASET)


def _members(group: Any, name: str) -> list[Any]:
    import h5py

    members = []
    for key in group:
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise InputError(f"{name}: {key} lies in another file, {link.filename}; get one whole.")
        if isinstance(link, h5py.HardLink):
            members.append(group[key])
    return members


def _check_attributes(item: Any) -> None:
    import h5py

    for number in range(h5py.h5a.get_num_attrs(item.id)):
        attribute = h5py.h5a.open(item.id, index=number)
        count = attribute.get_space().get_simple_extent_npoints()
        if count * attribute.get_type().get_size() > _MAX_ATTRIBUTE:
            raise ValueError("an attribute is too large to be one")


def _check_dataset(dataset: Any, budget: int, name: str) -> None:
    where = f"{name}: {dataset.name}"
    if dataset.is_virtual or dataset.external:
        raise InputError(f"{where} keeps its values in another file; get one whole.")
    created = dataset.id.get_create_plist()
    for number in range(created.get_nfilters()):
        code = created.get_filter(number)[0]
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


def hdf5_dataset(file: Any, names: Iterable[str] = ()) -> "xr.Dataset":
    """
    Numbers in the root group of a NetCDF-4 file, as they lie there.

    Parameters
    ----------
    file : h5py.File
        As `opened_hdf5` gives it.
    names : iterable of str, optional
        Variables wanted, of which some may be missing; all unless told.

    Returns
    -------
    dataset : xarray.Dataset
        In memory; packed values and times are not decoded yet.
    """
    import h5py
    import xarray as xr

    wanted = set(names)
    variables = {
        key: (_dimensions(item, key), item[()], hdf5_attributes(item))
        for key, item in file.items()
        if isinstance(item, h5py.Dataset)
        and (not wanted or key in wanted)
        and item.dtype.kind in "biufS"
        and not _is_bare(item)
    }
    return xr.Dataset(variables, attrs=hdf5_attributes(file))


def hdf5_attributes(item: Any) -> dict[str, Any]:
    """
    Attributes of a group or dataset, without those that HDF5 and NetCDF keep for themselves.

    Parameters
    ----------
    item : h5py.Group or h5py.Dataset

    Returns
    -------
    attributes : dict
        Text as str, single numbers as scalars.
    """
    import h5py

    kept = {}
    for key in item.attrs:
        if key in _INTERNAL or key.startswith("_Netcdf4"):
            continue
        value = item.attrs[key]
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if not isinstance(value, h5py.Empty):
            kept[key] = value
    return kept


def _is_bare(item: Any) -> bool:
    """Whether it only stands for the length of a dimension."""
    name = item.attrs.get("NAME", b"")
    return isinstance(name, bytes) and name.startswith(_NO_VARIABLE)


def _dimensions(item: Any, key: str) -> tuple[str, ...]:
    if item.is_scale and item.ndim == 1:
        return (key,)
    return tuple(
        str(axis[0].name).rsplit("/", 1)[-1] if len(axis) else f"{key}_{number}"
        for number, axis in enumerate(item.dims)
    )
