"""
ODIM HDF5: composites, and the volumes and scans of one radar.

A composite's image has its first row in the north and lies on a projection
that the file names (PROJ). A value is gain times code plus offset; the code
`undetect` is clear air (the radar looked, and found nothing), `nodata` is no
coverage. In a volume each ray says where it begins and ends, or rays divide the
circle from north.

Format: EUMETNET OPERA, Data Information Model for HDF5 (ODIM_H5), version 2.4.
"""

import math
import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._corners import sample_cornered
from stormlens.readers._format import Format
from stormlens.readers._marks import is_mark, is_rain
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._rain import describe_law, rain_to_dbz
from stormlens.readers._sampling import MAX_CELLS, Read
from stormlens.readers._volume import Raw, RawSweep, raw_of, read_volume
from stormlens.storage import (
    HDF5_SIGNATURE,
    hdf5_attributes,
    hdf5_member,
    hdf5_numbered,
    opened_hdf5,
)
from stormlens.stormbox import Grid, Mosaic

Floats = NDArray[np.floating]

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
_MAX_DATASETS = 1000
_RHI = "rhi"
_PLACE = {"latitude": "lat", "longitude": "lon"}
_MAX_BYTES = 2**28


def _is_odim(content: bytes) -> bool:
    """By the name of the conventions, or by the names that every image and scan must have."""
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
        elif kind in _VOLUMES:
            mosaic = _read_polar(file, name, options)
        else:
            raise InputError(
                f"{name} is an ODIM object {kind or '(none)'}; read are {', '.join(_IMAGES)}, "
                f"{', '.join(_VOLUMES)}."
            )
        return replace(mosaic, simulated=simulated)


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
    paths: dict[str, list[str]] = {}
    for dataset in _numbered(file, "dataset", name):
        for data in _numbered(file[dataset], "data", name):
            path = f"{dataset}/{data}"
            what = {**_group(file[dataset], "what"), **_group(file[path], "what")}
            paths.setdefault(_text(what, "quantity"), []).append(path)
    for quantity in (*_DBZ, _RATE):
        if quantity in paths and wanted in (None, quantity):
            return quantity, paths[quantity]
    found = ", ".join(filter(None, paths)) or "nothing"
    unmet = "" if wanted is None else f", of which {wanted} is asked for"
    meant = "; ".join(
        f"{quantity} is {meaning}" for quantity, meaning in _NOT_READ.items() if quantity in paths
    )
    raise InputError(
        f"{name} holds {found}{unmet}; read are {', '.join(_DBZ)} and {_RATE}"
        f"{f' ({meant})' if meant else ''}."
    )


def _check_time(file: Any, images: list[str], name: str) -> None:
    """Refuse images of several times: images of one quantity are levels, not a forecast's steps."""
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


def _numbered(group: Any, stem: str, name: str) -> list[str]:
    """Members called stem and a number; an error if there are too many."""
    found = hdf5_numbered(group, stem)
    if len(found) > _MAX_DATASETS:
        raise InputError(
            f"{name} holds {len(found)} {stem} groups; up to {_MAX_DATASETS} are read."
        )
    return found


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
    data = hdf5_member(file, f"{path}/data")
    if getattr(data, "ndim", 0) != 2 or data.dtype.kind not in "iuf":
        raise InputError(f"{name}: /{path} holds no image of numbers.")
    return data.shape, data.size * data.dtype.itemsize


def _plane(path: str, file: Any, name: str) -> Read:
    """What an image has at an index: values, minus infinity for clear air, and coverage."""
    group, dataset = file[path], file[path.split("/")[0]]
    raw = group["data"][()]
    what = {**_group(dataset, "what"), **_group(group, "what")}
    gain, offset = _number(what, "gain", 1.0, name), _number(what, "offset", 0.0, name)
    nodata, undetect = _marks(what, raw.dtype, name)
    is_no_value = _is_no_rain if _text(what, "quantity") == _RATE else is_mark

    def read(at: Any) -> tuple[np.ndarray, np.ndarray]:
        codes = raw[at]
        with np.errstate(over="ignore"):  # marks have 64 bits, values may have 32
            clear, has_data = codes == undetect, codes != nodata
        values = codes * gain + offset
        seen = has_data & (clear | ~(np.isnan(values) | is_no_value(values)))
        return np.where(seen & ~clear, values, -np.inf), seen

    return read


def _marks(what: dict[str, Any], dtype: np.dtype[Any], name: str) -> tuple[float, float]:
    """
    The codes of no coverage and of clear air.

    ODIM requires both, but some files lack them. Then they are what all products use.
    """
    is_code = dtype.kind == "u"
    nodata = _number(what, "nodata", np.iinfo(dtype).max if is_code else np.nan, name)
    return nodata, _number(what, "undetect", 0 if is_code else np.nan, name)


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


def _read_polar(file: Any, name: str, options: Options) -> Mosaic:
    sweeps = (_sweep(file, key, name) for key in _numbered(file, "dataset", name))
    return read_volume(sweeps, name, options, kind="ODIM volume", fill_is_clear=False)


def _sweep(file: Any, key: str, name: str) -> RawSweep:
    """A scan by CfRadial's names."""
    dataset = file[key]
    where, what, how = (
        {**_group(file, part), **_group(dataset, part)} for part in ("where", "what", "how")
    )
    moments: dict[str, Raw] = {}
    for data in _numbered(dataset, "data", name):
        codes, packing = (
            hdf5_member(dataset, f"{data}/data"),
            {**what, **_group(dataset[data], "what")},
        )
        if getattr(codes, "ndim", 0) == 2:
            moments.setdefault(_text(packing, "quantity"), _moment(codes, packing, name))
    rays, bins = next((each.shape for each in moments.values()), (0, 0))
    for count, actual in (("nrays", rays), ("nbins", bins)):
        stated = _number(where, count, actual, name)
        if moments and stated != actual:
            raise InputError(f"{name} says {stated:g} {count}, but its data have {actual}.")
    spacing = _number(where, "rscale", np.nan, name)
    first = _number(where, "rstart", 0.0, name) * (1 if _in_metres(file) else 1000)
    place = {axis: raw_of(where[key]) for axis, key in _PLACE.items() if key in where}
    is_upright = "az_angle" in where or "azangle" in where
    moment = _time({"date": what.get("startdate"), "time": what.get("starttime")}, name)
    return {
        "azimuth": raw_of(_azimuth(how, rays, name)),
        "elevation": raw_of(_elevation(how, where, rays, name)),
        "range": raw_of(first + spacing * (np.arange(bins) + 0.5)),
        "time": raw_of(moment.astype("datetime64[ns]")),
        "sweep_mode": raw_of(_RHI if is_upright else "azimuth_surveillance"),
        **place,
        **moments,
    }


def _moment(data: Any, what: dict[str, Any], name: str) -> Raw:
    """A scan's codes, and how they are packed."""
    nodata, undetect = _marks(what, data.dtype, name)
    quantity = _text(what, "quantity")
    packing = {
        "units": "dBZ" if quantity.startswith(_DBZ) else "",
        "scale_factor": _number(what, "gain", 1.0, name),
        "add_offset": _number(what, "offset", 0.0, name),
        "_FillValue": nodata,
        "_Undetect": undetect,
    }
    return Raw(data.shape, partial(data.__getitem__, ()), packing)


def _in_metres(file: Any) -> bool:
    """Whether the range of the first bin is in m, as since version 2.4, and not in km."""
    conventions = str(hdf5_attributes(file).get("Conventions", ""))
    stated = f"{conventions} {_text(_group(file, 'what'), 'version')}"
    versions = re.findall(r"(\d+)[._](\d+)", stated)
    return max((tuple(map(int, each)) for each in versions), default=(0, 0)) >= (2, 4)


def _azimuth(how: dict[str, Any], rays: int, name: str) -> Floats:
    """Where the middle of each ray points; the antenna may turn either way."""
    start, stop = (_of_rays(how, f"{end}azA", rays, name) for end in ("start", "stop"))
    if start is None:
        step = 360 / max(rays, 1)
        return _number(how, "astart", 0.0, name) + step * (np.arange(rays) + 0.5)
    if stop is None:
        stop = start + (np.median(_short_way(np.diff(start))) if rays > 1 else 0.0)
    return (start + _short_way(stop - start) / 2) % 360


def _short_way(angle: Floats) -> Floats:
    return (angle + 180) % 360 - 180


def _elevation(how: dict[str, Any], where: dict[str, Any], rays: int, name: str) -> Floats:
    start, stop = (_of_rays(how, f"{end}elA", rays, name) for end in ("start", "stop"))
    if start is not None and stop is not None:
        return (start + stop) / 2
    each = _of_rays(how, "elangles", rays, name)
    return np.full(rays, _number(where, "elangle", np.nan, name)) if each is None else each


def _of_rays(how: dict[str, Any], key: str, rays: int, name: str) -> Floats | None:
    """An angle of each ray, degrees; None where it is not given for each."""
    try:
        angles = np.asarray(how.get(key, ()), float).reshape(-1)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {key} is {str(how[key])[:40]!r}, no angles of rays.") from error
    return angles if rays and angles.size == rays else None


def _group(parent: Any, key: str) -> dict[str, Any]:
    """Attributes of a member group; empty if there is no such group."""
    member = hdf5_member(parent, key)
    return {} if member is None else hdf5_attributes(member)


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
