"""
ODIM HDF5: composites, and the volumes and scans of one radar.

A composite's image has its first row in the north and lies on a projection
that the file names (PROJ). A value is gain times code plus offset; the code
`undetect` is clear air (the radar saw, and saw nothing), `nodata` is no
coverage. The volumes of one radar are opened by xradar.

Format: EUMETNET OPERA, Data Information Model for HDF5 (ODIM_H5), version 2.4.
"""

import math
import warnings
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.errors import InputError, needs_packages
from stormlens.readers._corners import sample_cornered
from stormlens.readers._format import Format
from stormlens.readers._marks import is_mark, is_rain
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._rain import describe_law, rain_to_dbz
from stormlens.readers._sampling import MAX_CELLS, Read
from stormlens.readers._volume import Raw, RawSweep, on_disk, read_volume
from stormlens.storage import HDF5_SIGNATURE, as_sentences, hdf5_attributes, opened_hdf5
from stormlens.stormbox import Grid, Mosaic

if TYPE_CHECKING:
    import xarray as xr

_KIND = "ODIM HDF5"
_IMAGES = ("COMP", "IMAGE")
_VOLUMES = ("PVOL", "SCAN")
_DBZ = ("DBZH", "DBZV", "DBZ", "TH", "TV")
_RATE = "RATE"
_NOT_READ = {
    "ACRR": "rain summed over a time, in mm, and no rate",
    "HGHT": "a height, in km",
    "VIL": "liquid water of the column, in kg m-2",
    "QIND": "a quality",
}
"""ODIM 2.4, table 16: what else composites hold."""
_MAX_DATASETS = 200
_MAX_BYTES = 2**28


def _is_odim(content: bytes) -> bool:
    """By its conventions, or where they are left out by what every image and scan must have."""
    if not content.startswith(HDF5_SIGNATURE):
        return False
    return b"ODIM_H5" in content or (b"dataset1" in content and b"quantity" in content)


def read_odim(content: bytes, name: str, options: Options) -> Mosaic:
    """
    Reflectivity of an ODIM file.

    Parameters
    ----------
    content : bytes
        HDF5 whose object is COMP, IMAGE, PVOL or SCAN.
    name : str
        What errors call the file.
    options : Options
        Sampling, the Z-R relation for composites of rain rate, and quality control for volumes.

    Returns
    -------
    mosaic : Mosaic
        The highest of a composite's images of one quantity (its levels), or of a volume's sweeps.

    Raises
    ------
    InputError
        If the file is damaged, holds another object, no reflectivity or no projection, or does
        not reach the grid that is asked for.
    """
    with opened_hdf5(content, name, _KIND) as file:
        what = _group(file, "what")
        kind = _text(what, "object")
        # ODIM 2.4, table of `how`: "True" if data are simulated, otherwise "False".
        simulated = _text(_group(file, "how"), "simulated").lower() == "true"
        if kind in _IMAGES:
            mosaic = _read_composite(file, what, name, options)
            return replace(mosaic, simulated=simulated)
        _check_counts(file, name)
    if kind not in _VOLUMES:
        raise InputError(
            f"{name} is an ODIM object {kind or '(none)'}; read are {', '.join(_IMAGES)}, "
            f"{', '.join(_VOLUMES)}."
        )
    return replace(_read_polar(content, name, options), simulated=simulated)


ODIM = Format("odim", "ODIM HDF5 composites, volumes and scans", _is_odim, read_odim, fields=True)


def _read_composite(file: Any, what: dict[str, Any], name: str, options: Options) -> Mosaic:
    quantity, images = _images(file, name, options.field)
    _check_time(file, images, name)
    reading, shape = _reading(file, images, quantity, name, options)
    parent = images[0].split("/")[0]
    where = {**_group(file, "where"), **_group(file[parent], "where")}
    dbz, coverage, grid = _sample(reading, shape, where, name, options)
    return mosaic_of(
        dbz,
        coverage,
        time=_time({**_group(file[parent], "what"), **what}, name),
        source=f"ODIM composite, {_text(what, 'source') or 'source not named'}",
        product=f"{quantity} of {len(images)} image{'s' if len(images) > 1 else ''}",
        derived=describe_law(options.rain) if quantity == _RATE else "",
        sampling=options.sampling,
        grid=grid,
    )


def _images(file: Any, name: str, wanted: str | None) -> tuple[str, list[str]]:
    """The quantity that is read, and the paths of its images."""
    held: dict[str, list[str]] = {}
    for dataset in _numbered(file, "dataset"):
        for data in _numbered(file[dataset], "data"):
            path = f"{dataset}/{data}"
            what = {**_group(file[dataset], "what"), **_group(file[path], "what")}
            held.setdefault(_text(what, "quantity"), []).append(path)
    for quantity in (*_DBZ, _RATE):
        if quantity in held and wanted in (None, quantity):
            return quantity, held[quantity]
    found = ", ".join(filter(None, held)) or "nothing"
    told = "" if wanted is None else f", of which {wanted} is asked for"
    meant = "; ".join(
        f"{quantity} is {meaning}" for quantity, meaning in _NOT_READ.items() if quantity in held
    )
    raise InputError(
        f"{name} holds {found}{told}; read are {', '.join(_DBZ)} and {_RATE}"
        f"{f' ({meant})' if meant else ''}."
    )


def _check_time(file: Any, images: list[str], name: str) -> None:
    """Images of one quantity are levels, unless their times tell that they are a forecast's."""
    ends = set()
    for image in images:
        what = _group(file[image.split("/")[0]], "what")
        ends.add(f"{_text(what, 'enddate')} {_text(what, 'endtime')}".strip())
    known = sorted(filter(None, ends))
    if len(known) > 1:
        raise InputError(
            f"{name} holds images of {len(known)} times, {known[0]} to {known[-1]} (date and time, "
            "UTC); one is read. Give a file of each time, or delete the other /dataset groups."
        )


def _numbered(group: Any, stem: str) -> list[str]:
    """Members called stem and a number, in the order of their numbers."""
    found = [key for key in group if key.startswith(stem) and key[len(stem) :].isdecimal()]
    return sorted(found, key=lambda key: int(key[len(stem) :]))[:_MAX_DATASETS]


def _reading(
    file: Any, images: list[str], quantity: str, name: str, options: Options
) -> tuple[Read, tuple[int, int]]:
    """What images of one quantity have at an index, the highest of all; and their shape."""
    sizes = [_size(path, file, name) for path in images]
    if len({shape for shape, _ in sizes}) > 1:
        raise InputError(f"{name}: its images of {quantity} differ in size; give one at a time.")
    cells = math.prod(sizes[0][0])
    if cells > MAX_CELLS:
        raise InputError(f"{name}: its images have {cells:,} values; up to {MAX_CELLS:,} are read.")
    if sum(n for _, n in sizes) > _MAX_BYTES:
        raise InputError(
            f"{name}: its images of {quantity} take over {_MAX_BYTES >> 20} MiB, which is refused."
        )
    planes = [_plane(path, file, name) for path in images]

    def read(at: Any) -> tuple[np.ndarray, np.ndarray]:
        highest, covered = planes[0](at)
        for plane in planes[1:]:
            values, seen = plane(at)
            highest, covered = np.maximum(highest, values), covered | seen
        return highest, covered

    def read_rain(at: Any) -> tuple[np.ndarray, np.ndarray]:
        rate, seen = read(at)
        return rain_to_dbz(rate, options.rain), seen

    return read_rain if quantity == _RATE else read, sizes[0][0]


def _size(path: str, file: Any, name: str) -> tuple[tuple[int, int], int]:
    """Shape of an image, and its bytes."""
    group = file[path]
    if "data" not in group or group["data"].ndim != 2 or group["data"].dtype.kind not in "iuf":
        raise InputError(f"{name}: /{path} holds no image of numbers.")
    return group["data"].shape, group["data"].size * group["data"].dtype.itemsize


def _plane(path: str, file: Any, name: str) -> Read:
    """What an image has at an index: values, minus infinity for clear air, and coverage."""
    group, dataset = file[path], file[path.split("/")[0]]
    raw = group["data"][()]
    what = {**_group(dataset, "what"), **_group(group, "what")}
    gain, offset = _number(what, "gain", 1.0, name), _number(what, "offset", 0.0, name)
    # Both are mandatory, and left out now and then: codes then mean what they do in all products.
    is_code = raw.dtype.kind == "u"
    nodata = _number(what, "nodata", np.iinfo(raw.dtype).max if is_code else np.nan, name)
    undetect = _number(what, "undetect", 0 if is_code else np.nan, name)
    is_no_value = _is_no_rain if _text(what, "quantity") == _RATE else is_mark

    def read(at: Any) -> tuple[np.ndarray, np.ndarray]:
        codes = raw[at]
        with np.errstate(over="ignore"):  # marks of 64 bits beside values of 32
            clear, told = codes == undetect, codes != nodata
        values = codes * gain + offset
        seen = told & (clear | ~(np.isnan(values) | is_no_value(values)))
        return np.where(seen & ~clear, values, -np.inf), seen

    return read


def _is_no_rain(rate: np.ndarray) -> np.ndarray:
    return ~is_rain(rate)


def _sample(
    read: Read, shape: tuple[int, int], where: dict[str, Any], name: str, options: Options
) -> tuple[np.ndarray, np.ndarray, Grid]:
    projection = _text(where, "projdef")
    if not projection:
        raise InputError(f"{name} names no projection (where/projdef), and cannot be placed.")
    numbers = partial(_number, where, otherwise=np.nan, name=name)
    corners = {
        corner: (numbers(f"{corner}_lon"), numbers(f"{corner}_lat"))
        for corner in ("LL", "UL", "UR", "LR")
    }
    scales = numbers("xscale"), numbers("yscale")
    return sample_cornered(read, shape, projection, corners, scales, options, name)


def _check_counts(file: Any, name: str) -> None:
    """Rays and bins that are told of must be there: xradar makes room for as many as are told."""
    told: dict[str, float] = {"nrays": 0, "nbins": 0}
    held = (0, 0)

    def look(path: str, item: Any) -> None:
        nonlocal held
        if path.endswith("/data") and getattr(item, "ndim", 0) == 2:
            held = max(held[0], item.shape[0]), max(held[1], item.shape[1])
        elif path.rpartition("/")[2] == "where":
            fields = hdf5_attributes(item)
            for key in told.keys() & fields.keys():
                count = _number(fields, key, 0, name)
                if isinstance(fields[key], str) or math.isnan(count):  # which it would repeat
                    raise InputError(f"{name}: {key} is {str(fields[key])[:40]!r}, not a number.")
                told[key] = max(told[key], count)

    file.visititems(look)
    for (key, count), most in zip(told.items(), held, strict=True):
        if not count <= most:
            raise InputError(f"{name} tells of {count:g} {key}, and its data have {most}.")


def _read_polar(content: bytes, name: str, options: Options) -> Mosaic:
    try:
        from xradar.io import open_odim_datatree
    except ImportError as error:
        raise needs_packages("Radar volumes need xradar") from error
    with (
        as_sentences(name, _KIND),
        on_disk(content) as path,
        warnings.catch_warnings(action="ignore"),  # they are of xradar's own
        closing(open_odim_datatree(path, mask_and_scale=False)) as tree,
    ):
        sweeps = (_raw_sweep(tree[key]) for key in tree.children if key.startswith("sweep_"))
        return read_volume(sweeps, name, options, kind="ODIM volume", fill_is_clear=False)


def _raw_sweep(node: "xr.DataTree") -> RawSweep:
    """A sweep's variables with those of its volume, each read when it is asked for."""
    part = node.to_dataset(inherit="all_coords")
    # A view of a variable keeps nothing of what was read, where the variable itself would.
    return {
        str(key): Raw(each.shape, partial(np.asarray, each[...]), _with_nodata(each))
        for key, each in part.variables.items()
    }


def _with_nodata(variable: "xr.Variable") -> dict[Any, Any]:
    """Attributes of a moment; where nodata is left out it is as of an image."""
    attrs = dict(variable.attrs)
    if attrs.get("_FillValue", 0) is None and variable.dtype.kind == "u":
        attrs["_FillValue"] = np.iinfo(variable.dtype).max
    return attrs


def _group(parent: Any, key: str) -> dict[str, Any]:
    """Attributes of a group's own group, none where it has none."""
    return hdf5_attributes(parent[key]) if key in parent else {}


def _text(fields: dict[str, Any], key: str) -> str:
    return str(fields.get(key, "")).strip("\0 ")


def _number(fields: dict[str, Any], key: str, otherwise: float, name: str) -> float:
    value = fields.get(key, otherwise)
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {key} is {str(value)[:40]!r}, not a number.") from error


def _time(what: dict[str, Any], name: str) -> np.datetime64:
    """UTC from date (YYYYMMDD) and time (HHmmss)."""
    date, clock = _text(what, "date"), _text(what, "time")
    text = f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:6] or '00'}"
    try:
        return np.datetime64(text, "s")
    except ValueError as error:
        raise InputError(f"{name}: date {date!r} and time {clock!r} are no time.") from error
