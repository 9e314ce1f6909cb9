"""
The one container for labelled radar images, from the download to the web page.

An `xarray.Dataset` with dimensions (storm, y, x): `reflectivity` uint8 whole
dBZ with row 0 in the south, and, where labels are known, `mode` as CF flags
(`flag_values`, `flag_meanings`). Storm coordinates are `unid`, `time` (UTC),
`latitude`, `longitude` and, where boxes come from several splits, `split`;
unknown times are NaT and unknown places NaN. Boxes cut from mosaics also carry
`xmin`, `ymin`, `grid`, `coverage` and `echo` (see `stormlens.boxes.cut`). Attribute
`simulated` is 1 for simulated boxes, which every picture and file made from
them must say.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stormlens.datasets._boxes import make_boxes, storm_values
from stormlens.errors import InputError, printable
from stormlens.storage import (
    HDF5_SIGNATURE,
    as_sentences,
    hdf5_dataset,
    hdf5_member,
    opened_hdf5,
    read_file,
    write_bytes,
)
from stormlens.stormbox import MODES, SPLITS

if TYPE_CHECKING:
    import xarray as xr

MAX_VALUES = 3 * 2**27
"""Most bytes of values that are read from one file: 21,000 storm boxes of whole dBZ."""

# What else is known of boxes cut from mosaics, and of simulated ones, with its type.
_CARRIED_ON = {
    "xmin": "int32",
    "ymin": "int32",
    "grid": "str",
    "coverage": "float32",
    "echo": "float32",
    "storm_family": "str",
    "network": "str",
    "product": "str",
}
_STORM = ("unid", "time", "latitude", "longitude")
_KNOWN = ("reflectivity", "mode", *_STORM, "split", *_CARRIED_ON)


def make_dataset(
    reflectivity: ArrayLike,
    mode: ArrayLike | None = None,
    *,
    classes: Sequence[str] = MODES,
    unid: ArrayLike | None = None,
    time: ArrayLike | None = None,
    latitude: ArrayLike | None = None,
    longitude: ArrayLike | None = None,
    source: str,
    simulated: bool = False,
    units: str = "dBZ",
    where: str = "reflectivity",
) -> "xr.Dataset":
    """
    Put images and what is known of them into the container.

    Parameters
    ----------
    reflectivity : array_like, shape (storm, y, x)
        Whole dBZ, 0 to 80; 0 is no echo. Row 0 is the southern edge.
    mode : array_like of int, shape (storm,), optional
        Class code of each image, 0 to ``len(classes) - 1``.
    classes : sequence of str, optional
        Class names by code; the six storm modes by default.
    unid : array_like of str, shape (storm,), optional
        Identifiers; ``box-00000`` and so on by default.
    time : array_like of datetime64, shape (storm,), optional
        UTC; unknown (NaT) by default.
    latitude, longitude : array_like of float, shape (storm,), optional
        Degrees north and east of the box centre; unknown (NaN) by default.
    source : str
        Where the images come from, in words for a reader.
    simulated : bool, optional
        Whether a simulator made them.
    units : str, optional
        ``"dBZ"``, or ``"1"`` where the images hold no reflectivity (digits).
    where : str, optional
        What error messages call the images, such as a file's name.

    Returns
    -------
    dataset : xarray.Dataset
        Dimensions (storm, y, x).

    Raises
    ------
    InputError
        If a shape, a value or a class code is out of bounds.

    Examples
    --------
    >>> import numpy as np
    >>> boxes = make_dataset(np.zeros((2, 136, 136)), [0, 1], source="two empty boxes")
    >>> boxes.reflectivity.dtype, class_names(boxes)[1]
    (dtype('uint8'), 'QLCS')
    """
    boxes = make_boxes(
        reflectivity,
        unid=unid,
        time=time,
        latitude=latitude,
        longitude=longitude,
        source=source,
        simulated=simulated,
        units=units,
        where=where,
    )
    dataset = boxes.to_xarray()
    if mode is not None:
        dataset["mode"] = ("storm", _check_codes(mode, len(boxes), classes, where), _flags(classes))
    return dataset


def _check_codes(mode: ArrayLike, n: int, classes: Sequence[str], where: str) -> np.ndarray:
    codes = np.asarray(mode)
    if codes.shape != (n,):
        msg = f"{where}: labels have shape {codes.shape} for {n} images; give one code each."
        raise InputError(msg)
    allowed = np.isin(codes, np.arange(len(classes)))
    if not allowed.all():
        first = int(np.flatnonzero(~allowed)[0])
        msg = (
            f"{where}: label {codes[first]} of image {first} is no class code; "
            f"codes run from 0 to {len(classes) - 1} ({', '.join(classes)})."
        )
        raise InputError(msg)
    return codes.astype(np.int8 if len(classes) <= 128 else np.int16)


def _flags(classes: Sequence[str]) -> dict[str, object]:
    # CF separates flag meanings by blanks, so a name can hold none.
    meanings = ["_".join(printable(name).split()) for name in classes]
    if "" in meanings or len(set(meanings)) != len(meanings):
        msg = f"Class names must differ and not be blank; these do not: {', '.join(classes)}."
        raise InputError(msg)
    return {
        "long_name": "storm mode" if tuple(classes) == MODES else "class",
        "flag_values": np.arange(len(classes), dtype=np.int8 if len(classes) <= 128 else np.int16),
        "flag_meanings": " ".join(meanings),
    }


def class_names(dataset: "xr.Dataset") -> tuple[str, ...]:
    """
    Class names of a labelled dataset, by code.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container.

    Returns
    -------
    classes : tuple of str

    Raises
    ------
    InputError
        If the dataset holds no labels.
    """
    if "mode" not in dataset:
        raise InputError("This dataset has no labels: its boxes can be classified, not scored.")
    return tuple(str(dataset["mode"].attrs["flag_meanings"]).split())


def is_simulated(dataset: "xr.Dataset") -> bool:
    """
    Whether a simulator made the images.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container, or anything that carries its attributes on.

    Returns
    -------
    simulated : bool
    """
    return str(dataset.attrs.get("simulated", 0)) != "0"


def validate(dataset: "xr.Dataset", *, where: str = "dataset") -> "xr.Dataset":
    """
    Check that a dataset is a container, as one read from a file must be.

    Parameters
    ----------
    dataset : xarray.Dataset
        Anything.
    where : str, optional
        What to call it in an error.

    Returns
    -------
    dataset : xarray.Dataset
        A container with every coordinate in place; missing ones become unknown.

    Raises
    ------
    InputError
        If variable, dimension, label or value is missing or out of bounds.
    """
    if "reflectivity" not in dataset:
        raise _lacking("reflectivity", dataset.data_vars, where)
    images = dataset["reflectivity"]
    if images.dims != ("storm", "y", "x"):
        msg = f"{where}: reflectivity has dimensions {images.dims}, expected ('storm', 'y', 'x')."
        raise InputError(msg)
    known = {name: dataset[name].values for name in _STORM if name in dataset.variables}
    labelled = "mode" in dataset
    if labelled:
        _check_flags(dataset["mode"].attrs, where)
    if str(dataset.attrs.get("simulated", 0)) not in {"0", "1"}:
        msg = f"{where}: attribute simulated is {dataset.attrs['simulated']!r}; write 0 or 1."
        raise InputError(msg)
    result = make_dataset(
        images.values,
        dataset["mode"].values if labelled else None,
        classes=class_names(dataset) if labelled else MODES,
        source=str(dataset.attrs.get("source", where)),
        simulated=is_simulated(dataset),
        units=str(images.attrs.get("units", "dBZ")),
        where=where,
        **known,
    )
    if "split" in dataset.variables:
        split = storm_values("split", dataset["split"].values, result.sizes["storm"], "str", where)
        if not np.isin(split, SPLITS).all():
            strange = split[~np.isin(split, SPLITS)][0]
            msg = f"{where}: split '{strange}' of a box is none of {', '.join(SPLITS)}."
            raise InputError(msg)
        result = result.assign_coords(split=("storm", split))
    result = result.assign_coords(_carried_on(dataset, result.sizes["storm"], where))
    result.attrs = {**dataset.attrs, **result.attrs}
    return result


def _carried_on(dataset: "xr.Dataset", n: int, where: str) -> "dict[str, xr.Variable]":
    """Further coordinates that some sources have, checked."""
    import xarray as xr

    kept = {}
    for name, dtype in _CARRIED_ON.items():
        if name not in dataset.variables:
            continue
        given = dataset[name].values
        if dtype == "int32" and given.dtype.kind == "f" and np.isnan(given).any():
            continue  # known of some boxes only, as cells in a store of several sources are
        if dtype == "int32" and given.dtype.kind == "f" and np.isinf(given).any():
            raise InputError(f"{where}: {name} is infinite for a box; give its cell number.")
        values = storm_values(name, given, n, dtype, where)
        if dtype == "float32" and ((values < 0) | (values > 1)).any():
            raise InputError(f"{where}: {name} is a share of a box; it must lie in [0, 1].")
        kept[name] = xr.Variable("storm", values, dataset[name].attrs)
    return kept


def _check_flags(attrs: dict[str, object], where: str) -> None:
    """Names of the codes must be there, and stand for 0, 1, 2 and so on."""
    meanings = attrs.get("flag_meanings")
    if not isinstance(meanings, str) or not meanings.split():
        raise InputError(f"{where}: variable 'mode' lacks flag_meanings, the names of its codes.")
    n = len(meanings.split())
    values = np.atleast_1d(np.asarray(attrs.get("flag_values", np.arange(n))))
    if not np.array_equal(values, np.arange(n)):
        msg = f"{where}: flag_values of 'mode' are {values.tolist()}, expected 0 to {n - 1}."
        raise InputError(msg)


def read_netcdf(path: str | Path) -> "xr.Dataset":
    """
    Read a container from a NetCDF file.

    Parameters
    ----------
    path : str or Path
        NetCDF-4 file in the container's format.

    Returns
    -------
    dataset : xarray.Dataset
        In memory, checked; the file is closed.

    Raises
    ------
    InputError
        If the file is missing, is not NetCDF, or is no container.
    """
    path = Path(path)
    return validate(open_netcdf(path, _KNOWN), where=str(path))


def _lacking(name: str, present: Iterable[Any], where: str) -> InputError:
    listed = ", ".join(map(str, present)) or "nothing"
    return InputError(
        f"{where}: no variable {name!r} (it holds {listed}); see the container's format."
    )


def open_netcdf(path: Path, names: Sequence[str] = ()) -> "xr.Dataset":
    """
    Variables of a NetCDF-4 file, in memory; the file is closed.

    Parameters
    ----------
    path : Path
        Any NetCDF-4 file.
    names : sequence of str, optional
        Variables wanted, of which all but the first may be missing; all by default.

    Returns
    -------
    dataset : xarray.Dataset

    Raises
    ------
    InputError
        If the file is missing, empty, of another format, damaged, or cut short, leads to other
        files, or holds more than 384 MiB of values.
    """
    return _variables(read_file(path, MAX_VALUES), str(path), path.name, names)


def parse_netcdf(content: bytes, name: str) -> "xr.Dataset":
    """
    What a container needs of a NetCDF-4 file's content.

    Parameters
    ----------
    content : bytes
        The file's.
    name : str
        What errors call it.

    Returns
    -------
    dataset : xarray.Dataset
        Not checked further; see `validate`.

    Raises
    ------
    InputError
        As `open_netcdf`.
    """
    return _variables(content, name, "file.nc", _KNOWN)


def _variables(content: bytes, where: str, file_name: str, names: Sequence[str]) -> "xr.Dataset":
    import xarray as xr

    if not content:
        raise InputError(f"{where} is empty; get or write it again.")
    if content.startswith(b"CDF"):
        msg = f"{where} is NetCDF-3; convert it: nccopy -k nc4 {file_name} new-{file_name}"
        raise InputError(msg)
    if not content.startswith(HDF5_SIGNATURE):
        raise InputError(f"{where} is not a NetCDF-4 file; write it again in that format.")
    with opened_hdf5(content, where, "NetCDF-4") as file:
        if names and hdf5_member(file, names[0]) is None:
            present = (key for key, item in file.items() if not getattr(item, "is_scale", False))
            raise _lacking(names[0], present, where)
        _check_size(where, _bytes_of(file, names))
        raw = hdf5_dataset(file, names, MAX_VALUES)
    del content  # as long as the values in it are needed, not both
    with as_sentences(where, "NetCDF-4"):
        decoded = xr.decode_cf(raw, decode_timedelta=False)
        _check_size(where, decoded.nbytes)  # numbers that were packed grow
        return decoded.load()


def _bytes_of(file: Any, names: Iterable[str]) -> int:
    listed = set(file)
    wanted = (file[name] for name in (set(names) or listed) & listed)
    return sum(item.dtype.itemsize * item.size for item in wanted if hasattr(item, "dtype"))


def _check_size(where: str, size: int) -> None:
    if size > MAX_VALUES:
        raise InputError(
            f"{where} holds {size >> 20} MiB of values, and files of over {MAX_VALUES >> 20} MiB "
            "are not read at once; divide it into several."
        )


def write_netcdf(dataset: "xr.Dataset", path: str | Path) -> Path:
    """
    Write a container to a NetCDF file, whole or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container.
    path : str or Path
        File to write; a killed process leaves the old one or the new one.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If the disk is full or the place cannot be written.
    """
    # Made in memory first: HDF5 crashes the process where the disk fills up under it.
    encoding = {"reflectivity": {"zlib": True, "complevel": 4, "shuffle": True}}
    return write_bytes(path, bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding)))
