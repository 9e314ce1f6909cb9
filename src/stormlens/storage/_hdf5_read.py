"""
What an opened HDF5 file holds: members, attributes, and the root group as an xarray.Dataset.

The file has been checked (`opened_hdf5`). Some calls of h5py still crash or never return on a
damaged file; here are ways around them.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.storage._hdf5 import MAX_DATASET

if TYPE_CHECKING:
    import xarray as xr

_SMALL = 2**20
_BATCH = 2**26
"""Most bytes of text that are read at once: many values may share one long text in the file."""
_INTERNAL = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_NCProperties", "_nc3_strict")
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def hdf5_dataset(
    file: Any, names: Iterable[str] = (), most: int = MAX_DATASET, *, later: bool = False
) -> "xr.Dataset":
    """
    Numbers and text in the root group of a NetCDF-4 file, not decoded.

    Parameters
    ----------
    file : h5py.File
        As `opened_hdf5` gives it.
    names : iterable of str, optional
        Variables wanted, some of which may be missing; all by default.
    most : int, optional
        Bytes that all of them together may take.
    later : bool, optional
        Whether variables of more than 1 MiB are read only when they are indexed, while the file
        is still open; `most` then bounds what is read at once.

    Returns
    -------
    dataset : xarray.Dataset
        In memory, except for what is read later. Packed values and times are not decoded; text of
        variable length is str.

    Raises
    ------
    ValueError
        If they take more.
    """
    import h5py
    import xarray as xr

    wanted, variables, left = set(names), {}, most
    for key, item in file.items():
        if not isinstance(item, h5py.Dataset) or (wanted and key not in wanted) or _is_bare(item):
            continue
        if item.dtype.kind not in "biufS" and not _is_text(item):
            continue
        size = item.dtype.itemsize * item.size
        if later and size > _SMALL and item.dtype.kind in "biuf":
            variables[key] = _dimensions(item, key), _read_later(item, most), hdf5_attributes(item)
            continue
        left -= size
        if left < 0:
            raise ValueError(f"its values take more than {most >> 20} MiB")
        values = _texts(item, left) if _is_text(item) else item[()]
        variables[key] = _dimensions(item, key), values, hdf5_attributes(item)
    return xr.Dataset(variables, attrs=hdf5_attributes(file))


def _read_later(item: Any, most: int) -> Any:
    """Numbers that are read when they are indexed, as in xarray's own backends."""
    from xarray.backends import BackendArray
    from xarray.core import indexing

    class Later(BackendArray):  # defined here, since its base is imported here
        shape, dtype = item.shape, item.dtype

        def __getitem__(self, key: Any) -> np.ndarray:
            one_list = indexing.IndexingSupport.OUTER_1VECTOR
            return indexing.explicit_indexing_adapter(key, self.shape, one_list, self._read)

        def _read(self, key: tuple[Any, ...]) -> np.ndarray:
            counts = [
                len(range(n)[part]) if isinstance(part, slice) else np.size(part)
                for n, part in zip(self.shape, key, strict=True)
            ]
            if int(np.prod(counts, dtype=object)) * self.dtype.itemsize > most:
                raise ValueError(f"{item.name} takes more than {most >> 20} MiB at once")
            return item[key]

    return indexing.LazilyIndexedArray(Later())


def _is_text(item: Any) -> bool:
    import h5py

    kind = h5py.check_string_dtype(item.dtype)
    return kind is not None and kind.length is None and item.ndim == 1


def _texts(item: Any, most: int) -> np.ndarray:
    """Text of variable length, in batches so small that even the longest texts fit in memory."""
    step = max(1, _BATCH // item.file.id.get_filesize())
    texts: list[str] = []
    for first in range(0, len(item), step):
        some = item[first : first + step]
        most -= sum(map(len, some))
        if most < 0:
            raise ValueError(f"{item.name} holds text that is too long")
        texts += [text.decode("utf-8", "replace") for text in some]
    return np.array(texts, object)


def hdf5_member(group: Any, path: str) -> Any:
    """
    A member of a group, if there is one of that name.

    The library looks a name up in a tree, and in a damaged tree may search for ever for a missing
    one. So names are searched for among those that the group lists.

    Parameters
    ----------
    group : h5py.Group
        Of a file that `opened_hdf5` gave.
    path : str
        Names with slashes between them.

    Returns
    -------
    member : h5py.Group, h5py.Dataset or None
        None where one of the names is not listed.
    """
    import h5py

    for name in path.split("/"):
        if not isinstance(group, h5py.Group) or name not in tuple(group):
            return None
        group = group[name]
    return group


def hdf5_numbered(group: Any, stem: str) -> list[str]:
    """
    Names of members that consist of a stem and a number.

    Parameters
    ----------
    group : h5py.Group
        Of a file that `opened_hdf5` gave.
    stem : str
        What their names begin with.

    Returns
    -------
    names : list of str
        In the order of their numbers.
    """
    found = [key for key in group if key.startswith(stem) and key[len(stem) :].isdecimal()]
    return sorted(found, key=lambda key: int(key[len(stem) :]))


def hdf5_attributes(item: Any) -> dict[str, Any]:
    """
    Attributes of a group or dataset, without the internal ones of HDF5 and NetCDF.

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
        if key in _INTERNAL or key.startswith("_Netcdf4") or not _has_readable(item, key):
            continue
        value = item.attrs[key]
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if not isinstance(value, h5py.Empty):
            kept[key] = value
    return kept


def _has_readable(item: Any, key: str) -> bool:
    """Whether an attribute exists and has a type that is read: no nested lists, no records."""
    import h5py

    if not h5py.h5a.exists(item.id, key.encode()):
        return False
    kind = h5py.h5a.open(item.id, key.encode()).get_type()
    if kind.get_class() == h5py.h5t.VLEN:
        return bool(kind.get_super().get_class() == h5py.h5t.REFERENCE)
    return kind.get_class() in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)


def _is_bare(item: Any) -> bool:
    """Whether it is only a dimension's length, not a variable."""
    name = item.attrs["NAME"] if _has_readable(item, "NAME") else b""
    return isinstance(name, bytes) and name.startswith(_NO_VARIABLE)


def _dimensions(item: Any, key: str) -> tuple[str, ...]:
    if item.is_scale and item.ndim == 1:
        return (key,)
    # Not by `item.dims`, which crashes the process if a reference leads to a missing object.
    scales = item.attrs["DIMENSION_LIST"] if _has_readable(item, "DIMENSION_LIST") else ()
    named = (
        [_scale(item.file, references) for references in scales] if len(scales) == item.ndim else []
    )
    found = named or [""] * item.ndim
    return tuple(name or f"{key}_{number}" for number, name in enumerate(found))


def _scale(file: Any, references: Any) -> str:
    """Name of the first scale of an axis; empty where it has none."""
    if not len(references):
        return ""
    return str(file[references[0]].name).rpartition("/")[2]
