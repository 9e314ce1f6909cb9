"""
GridRad and GridRad-Severe: merged NEXRAD volumes on a longitude-latitude-altitude grid.

A file lists the cells with an echo (`index`, into altitude, latitude and
longitude), each with its reflectivity and the weight of the observations in
it. `Nradobs` and `Nradecho` count, for every cell, the radar scans that saw it
and those of them that saw an echo. Echoes of low confidence are taken out
by the filter that the authors recommend, and the highest of a column is kept.

Sources: Homeyer and Bowman (2022), Algorithm Description Document for Version
4.2 of the Three-Dimensional Gridded NEXRAD WSR-88D Radar (GridRad) Dataset;
Bowman and Homeyer (2017), doi:10.5065/D6NK3CR7 (version 3.1); thresholds as in
the routines that the authors publish with the data (gridrad.org/software.html).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stormlens.errors import InputError
from stormlens.readers._format import Format
from stormlens.readers._marks import is_mark
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._sampling import sample_lonlat
from stormlens.readers._target import grid_of_meridians
from stormlens.storage import HDF5_SIGNATURE, hdf5_dataset, opened_hdf5
from stormlens.stormbox import Mosaic

if TYPE_CHECKING:
    import xarray as xr

_NEEDED = (
    "Longitude",
    "Latitude",
    "Altitude",
    "index",
    "Reflectivity",
    "wReflectivity",
    "Nradobs",
    "Nradecho",
)
_AT_A_TIME = 2**20
_DIMENSIONS = ("Altitude", "Latitude", "Longitude")


@dataclass(frozen=True)
class Filter:
    """
    Thresholds below which an echo is not trusted.

    Attributes
    ----------
    least_weight : float
        Echoes of less weight are always taken out.
    weight : float
        Echoes of less weight are taken out where they are weak.
    weak_dbz : float
        What weak means, dBZ.
    includes_equal : bool
        Whether an echo of exactly `weak_dbz` is weak: so in version 3.1, not in 4.
    frequency : float
        Least share of scans with an echo, where more than `scans` saw the cell.
    scans : int
    """

    least_weight: float
    weight: float
    weak_dbz: float
    includes_equal: bool
    frequency: float = 0.6
    scans: int = 2


def recommended_filter(version: str, year: int) -> Filter:
    """
    The filter that GridRad's authors recommend.

    Parameters
    ----------
    version : str
        Algorithm version, such as ``"3.1"`` or ``"v4.2"``.
    year : int
        Of the observation: before 2009 radars measured at a coarser resolution, and an echo's
        weight in version 3 was lower.

    Returns
    -------
    filter : Filter

    Examples
    --------
    >>> recommended_filter("3.1", 2011).weight, recommended_filter("4.2", 2011).weight
    (1.33, 1.5)
    """
    number = re.search(r"\d+", version)
    if number and int(number[0]) < 4:
        return Filter(0.1, 1.33 - (year < 2009), 18.5, True)
    return Filter(0.0, 1.5, 15.0, False)


def _is_gridrad(content: bytes) -> bool:
    return (
        content.startswith(HDF5_SIGNATURE) and b"wReflectivity" in content and b"Nradobs" in content
    )


def read_gridrad(content: bytes, name: str, options: Options) -> Mosaic:
    """
    Column maximum of the trusted echoes of a GridRad file.

    Parameters
    ----------
    content : bytes
        NetCDF-4 file of GridRad version 3.1 or 4, hourly or GridRad-Severe.
    name : str
        What errors call the file.
    options : Options
        Sampling; with quality control specks are taken out too (`without_specks`).

    Returns
    -------
    mosaic : Mosaic
        A column is covered if some radar scan saw a cell of it.

    Raises
    ------
    InputError
        If the file is damaged, lacks a variable, or does not reach the grid that is asked for.
    """
    import xarray as xr

    with opened_hdf5(content, name, "GridRad") as file:
        raw = xr.decode_cf(hdf5_dataset(file, _NEEDED), decode_times=False, decode_coords=False)
        _check(raw, name)
        time, version = _time(raw, name), str(raw.attrs.get("Algorithm_version", "4"))
        year = int(np.datetime_as_string(time, "Y"))
        observed = raw["Nradobs"].values
        place = raw["index"].values
        dbz = _trusted(raw, place, observed, recommended_filter(version, year))
        if options.quality_control:
            dbz = _without_specks(dbz, place, observed.shape)
        columns = _column_maximum(dbz, place, observed.shape[1:])
        seen = np.logical_or.reduce([level > 0 for level in observed])
        longitude, latitude = (raw[axis].values.astype(float) for axis in _DIMENSIONS[:0:-1])
    grid = grid_of_meridians(longitude, latitude, options, name)
    values, coverage = sample_lonlat(
        lambda at: (columns[at], seen[at]), longitude, latitude, grid, options.sampling
    )
    return mosaic_of(
        values,
        coverage,
        time=time,
        source=f"GridRad version {version}",
        product="column maximum, filtered",
        sampling=options.sampling,
        grid=grid,
    )


GRIDRAD = Format("gridrad", "GridRad and GridRad-Severe NetCDF", _is_gridrad, read_gridrad)


def _check(raw: "xr.Dataset", name: str) -> None:
    for variable in _NEEDED:
        if variable not in raw.variables:
            raise InputError(f"{name} lacks the variable {variable!r} of a GridRad file.")
    shape = tuple(len(np.atleast_1d(raw[axis].values)) for axis in _DIMENSIONS)
    for variable in ("Nradobs", "Nradecho"):
        if raw[variable].shape != shape:
            raise InputError(f"{name}: {variable} has shape {raw[variable].shape}, not {shape}.")
    n = raw["index"].size
    for variable in ("index", "Reflectivity", "wReflectivity"):
        if raw[variable].shape != (n,):
            raise InputError(f"{name}: {variable} has shape {raw[variable].shape}, not ({n},).")
    place = raw["index"].values
    cells = int(np.prod(shape))
    if place.dtype.kind not in "iuf" or (n and not (place.min() >= 0 and place.max() < cells)):
        raise InputError(f"{name}: index leads outside the grid of {cells} cells.")


def _time(raw: "xr.Dataset", name: str) -> np.datetime64:
    """UTC from `Analysis_time`, written ``2011-04-27 19:00:00Z``."""
    written = str(raw.attrs.get("Analysis_time", ""))
    try:
        return np.datetime64(written.strip().rstrip("Zz").strip().replace(" ", "T")[:19], "s")
    except ValueError as error:
        raise InputError(f"{name}: Analysis_time {written!r} is no time; get it again.") from error


def _trusted(
    raw: "xr.Dataset", place: np.ndarray, observed: np.ndarray, rule: Filter
) -> np.ndarray:
    """Reflectivity of the listed cells, NaN where the filter takes it out."""
    dbz, weight = raw["Reflectivity"].values, raw["wReflectivity"].values
    with_echo = raw["Nradecho"].values.reshape(-1)
    trusted = np.full(dbz.shape, np.nan, np.result_type(dbz, np.float32))
    for some in _in_turn(len(place)):
        cells = place[some].astype(np.intp)
        scans = observed.reshape(-1)[cells].astype(np.float64)
        frequency = np.divide(with_echo[cells], scans, out=np.zeros(len(cells)), where=scans > 0)
        echo = dbz[some].astype(np.float64)
        weak = echo <= rule.weak_dbz if rule.includes_equal else echo < rule.weak_dbz
        doubtful = (weight[some] < rule.least_weight) | ((weight[some] < rule.weight) & weak)
        doubtful |= (frequency < rule.frequency) & (scans > rule.scans)
        doubtful |= is_mark(echo)
        trusted[some] = np.where(doubtful, np.nan, dbz[some])
    return trusted


def _in_turn(n: int) -> Iterator[slice]:
    """Parts of a list, so that intermediate arrays stay small beside it."""
    return (slice(first, first + _AT_A_TIME) for first in range(0, n, _AT_A_TIME))


def _without_specks(dbz: np.ndarray, place: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """
    Echoes with more than 32 % echo in the 5 x 5 cells of their level around them.

    The share is the one of the authors' own routine against clutter; its further steps, which
    take weak or shallow echo out, would take snow and drizzle out too and are left.
    """
    from scipy.ndimage import convolve1d

    echo = np.zeros(shape, np.uint8)
    for some in _in_turn(len(place)):
        echo.reshape(-1)[place[some].astype(np.intp)] = np.isfinite(dbz[some])
    around = echo
    for axis in (1, 2):
        around = convolve1d(around, np.ones(5, np.uint8), axis=axis, mode="constant")
    for some in _in_turn(len(place)):
        alone = around.reshape(-1)[place[some].astype(np.intp)] <= 0.32 * 25
        dbz[some][alone] = np.nan
    return dbz


def _column_maximum(dbz: np.ndarray, place: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Highest reflectivity of each column, minus infinity where none is listed."""
    columns = np.full(int(np.prod(shape)), -np.inf)
    for some in _in_turn(len(place)):
        kept = np.isfinite(dbz[some])
        cells = place[some][kept].astype(np.intp) % columns.size
        np.maximum.at(columns, cells, dbz[some][kept])
    return columns.reshape(shape)
