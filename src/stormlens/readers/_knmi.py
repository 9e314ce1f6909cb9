"""
KNMI's own HDF5: composites of reflectivity, and volumes of one radar.

An image's first row is in the north; a value is a linear formula of its code,
``GEO=0.5*PV+-32.0``. KNMI has two marks. `calibration_out_of_image` is no
coverage. `calibration_missing_data` is, in reflectivity, the lowest code: no
signal above the noise, which is clear air (KNMI's own ADAGUC reads it as ODIM's
`undetect`); where it is a high code, as in images of rain, it is no coverage.
In a volume rays begin in the north, one behind the other.

Format: Roozekrans and Holleman 2003, KNMI HDF5 Data Format Specification, version 3.5.
"""

import re
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._corners import sample_cornered
from stormlens.readers._format import Format
from stormlens.readers._marks import is_mark
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options, several_fields
from stormlens.readers._sampling import LEAST_DBZ, MAX_CELLS, Read
from stormlens.readers._volume import Raw, RawSweep, raw_of, read_volume
from stormlens.storage import (
    HDF5_SIGNATURE,
    hdf5_attributes,
    hdf5_member,
    hdf5_numbered,
    opened_hdf5,
)
from stormlens.stormbox import Mosaic

_KIND = "KNMI HDF5"
_NAMES = (b"product_group_name", b"product_datetime_start")
_DBZ, _MILLIMETRES = "[DBZ]", "[MM]"
_FORMULA = re.compile(r"\s*GEO\s*=\s*([-+\d.eE]+)\s*\*\s*PV\s*\+\s*([-+\d.eE]+)\s*")
_MARKS = "missing_data", "out_of_image"
_MOMENT = re.compile(r"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4})[; T](\d{2}:\d{2}:\d{2})")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_MOMENTS = {"Z": "DBZH", "uZ": "TH", "Zv": "DBZV", "uZv": "TV", "RhoHV": "RHOHV"}
"""KNMI's names of moments, and those of ODIM."""
_MAX_SCANS = 100


def _is_knmi(content: bytes) -> bool:
    return content.startswith(HDF5_SIGNATURE) and all(name in content for name in _NAMES)


def read_knmi(content: bytes, name: str, options: Options) -> Mosaic:
    """
    Reflectivity of a file in KNMI's own HDF5.

    Parameters
    ----------
    content : bytes
        HDF5 with images, or with scans of one radar.
    name : str
        What errors call the file.
    options : Options
        Sampling, the image that is read, and quality control for volumes.

    Returns
    -------
    mosaic : Mosaic
        An image of reflectivity, or the column maximum of a volume.

    Raises
    ------
    InputError
        If the file is damaged, or holds no reflectivity; rain that KNMI gives as millimetres
        summed over some minutes is no rate, and is not read.
    """
    with opened_hdf5(content, name, _KIND) as file:
        if hdf5_numbered(file, "scan"):
            return _read_volume(file, name, options)
        return _read_image(file, name, options)


KNMI = Format("knmi", "KNMI's own HDF5 of composites and volumes", _is_knmi, read_knmi, fields=True)


def _read_image(file: Any, name: str, options: Options) -> Mosaic:
    key, parameter = _chosen(file, name, options.field)
    codes = hdf5_member(file, f"{key}/image_data")
    if getattr(codes, "ndim", 0) != 2:
        raise InputError(f"{name}: /{key} holds no image.")
    if codes.size > MAX_CELLS:
        raise InputError(f"{name}: /{key} has {codes.size:,} values; up to {MAX_CELLS:,} are read.")
    place = _attributes(file, "geographic")
    projection = _attributes(file, "geographic/map_projection")
    corners = np.asarray(place["geo_product_corners"], float).reshape(4, 2)
    dbz, coverage, grid = sample_cornered(
        _reading(codes[()], _attributes(file, f"{key}/calibration"), name),
        codes.shape,
        str(projection["projection_proj4_params"]),
        {corner: tuple(at) for corner, at in zip(("LL", "UL", "UR", "LR"), corners, strict=True)},
        (np.nan, np.nan),
        options,
        name,
    )
    overview, image = _attributes(file, "overview"), _attributes(file, key)
    valid = image.get("image_datetime_valid") or overview.get("product_datetime_end")
    return mosaic_of(
        dbz,
        coverage,
        time=_time(valid or overview.get("product_datetime_start"), name),
        source="KNMI composite",
        product=f"{parameter}, {image.get('image_product_name', 'not named')}",
        sampling=options.sampling,
        grid=grid,
    )


def _attributes(group: Any, path: str) -> dict[str, Any]:
    """Attributes of a group that must be there."""
    member = hdf5_member(group, path)
    if member is None:
        raise ValueError(f"it has no {path}")
    return hdf5_attributes(member)


def _chosen(file: Any, name: str, wanted: str | None) -> tuple[str, str]:
    """The image that is read, and what it shows."""
    parameters = {
        key: str(hdf5_attributes(file[key]).get("image_geo_parameter", "not named"))
        for key in hdf5_numbered(file, "image")
    }
    usable = {key: shown for key, shown in parameters.items() if shown.upper().endswith(_DBZ)}
    if wanted is not None:
        usable = {key: shown for key, shown in usable.items() if wanted in (key, shown)}
    if not usable:
        content = ", ".join(dict.fromkeys(parameters.values())) or "no image"
        unmet = "" if wanted is None else f", none of them {wanted}"
        onward = ""
        if any(shown.upper().endswith(_MILLIMETRES) for shown in parameters.values()):
            onward = (
                f" Rain in {_MILLIMETRES} is a sum over some minutes and no rate: take the "
                "composite of reflectivity, RAD_NL25_PCP, instead."
            )
        raise InputError(
            f"{name} holds {content}{unmet}; KNMI's images of reflectivity ({_DBZ}) are read."
            f"{onward}"
        )
    if len(usable) > 1:
        raise several_fields(name, list(usable))
    return next(iter(usable.items()))


def _reading(codes: NDArray[Any], calibration: dict[str, Any], name: str) -> Read:
    """What an image has at an index."""
    gain, offset = _formula(calibration, "calibration_formulas", name)
    missing, outside = (_mark(calibration, f"calibration_{of}") for of in _MARKS)

    def read(at: Any) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        values = codes[at] * gain + offset
        # A low code for missing data is clear air (no signal above the noise).
        clear = (codes[at] == missing) & (values < LEAST_DBZ)
        lost = (codes[at] == outside) | is_mark(values) | ((codes[at] == missing) & ~clear)
        return np.where(clear | lost, -np.inf, values), ~lost

    return read


def _formula(calibration: dict[str, Any], key: str, name: str) -> tuple[float, float]:
    """Factor and offset of a formula such as ``GEO = 0.500000 * PV + -32.000000``."""
    text = str(calibration.get(key, ""))
    found = _FORMULA.fullmatch(text)
    try:
        if found is None:
            raise ValueError("no formula of a code")
        return float(found[1]), float(found[2])
    except ValueError as error:
        raise InputError(
            f"{name}: {key} is {text[:40]!r}; a formula such as GEO=0.5*PV+-32.0 is read."
        ) from error


def _mark(calibration: dict[str, Any], key: str) -> float:
    """A code that is no value; NaN, which no code equals, where none is given."""
    return float(calibration.get(key, np.nan))


def _read_volume(file: Any, name: str, options: Options) -> Mosaic:
    keys = hdf5_numbered(file, "scan")
    if len(keys) > _MAX_SCANS:
        raise InputError(f"{name} holds {len(keys)} scans; up to {_MAX_SCANS} are read.")
    place = _attributes(file, "radar1")["radar_location"]
    longitude, latitude = (float(degrees) for degrees in np.asarray(place, float).reshape(-1)[:2])
    sweeps = (_sweep(file[key], latitude, longitude, name) for key in keys)
    return read_volume(sweeps, name, options, kind="KNMI volume", fill_is_clear=False)


def _sweep(scan: Any, latitude: float, longitude: float, name: str) -> RawSweep:
    """A scan by CfRadial's names: its first ray begins in the north, its first gate at 0 km."""
    settings, calibration = hdf5_attributes(scan), _attributes(scan, "calibration")
    moments = {
        moment: _moment(data, key, calibration, name)
        for key, moment in _MOMENTS.items()
        if getattr(data := hdf5_member(scan, f"scan_{key}_data"), "ndim", 0) == 2
    }
    rays, gates = next((each.shape for each in moments.values()), (0, 0))
    step, spacing = (float(settings[key]) for key in ("scan_azim_bin", "scan_range_bin"))
    return {
        "azimuth": raw_of(step * (np.arange(rays) + 0.5)),
        "elevation": raw_of(np.full(rays, float(settings["scan_elevation"]))),
        "range": raw_of(spacing * (np.arange(gates) + 0.5), units="km"),
        "latitude": raw_of(latitude),
        "longitude": raw_of(longitude),
        "time": raw_of(_time(settings.get("scan_datetime"), name)),
        **moments,
    }


def _moment(data: Any, key: str, calibration: dict[str, Any], name: str) -> Raw:
    """A scan's codes, and how they are packed."""
    gain, offset = _formula(calibration, f"calibration_{key}_formulas", name)
    missing, outside = (_mark(calibration, f"calibration_{of}") for of in _MARKS)
    packing: dict[str, Any] = {"scale_factor": gain, "add_offset": offset}
    if missing * gain + offset < LEAST_DBZ:
        packing |= {"_Undetect": missing, "_FillValue": np.nan if outside == missing else outside}
    else:
        packing |= {"_FillValue": [missing, outside]}
    return Raw(data.shape, partial(data.__getitem__, ()), packing)


def _time(written: Any, name: str) -> np.datetime64:
    """UTC of a moment such as ``14-JUL-2020;20:15:00.000``."""
    found = _MOMENT.match(str(written))
    month = found[2].upper() if found else ""
    if found is None or month not in _MONTHS:
        raise InputError(
            f"{name}: {str(written)[:40]!r} is no time; one is 14-JUL-2020;20:15:00.000."
        )
    day, year, clock = int(found[1]), found[3], found[4]
    try:
        return np.datetime64(f"{year}-{_MONTHS.index(month) + 1:02d}-{day:02d}T{clock}", "s")
    except ValueError as error:
        raise InputError(f"{name}: {str(written)[:40]!r} is no time.") from error
