"""Boxes around places that somebody names: points, storm reports, a track."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.boxes._cut import as_mosaic, cut, of_either, tell_apart
from stormlens.datasets import join_boxes
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, Boxes, Mosaic, is_dataset

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

WITHIN_MINUTES = 30.0
"""How far a report's time may lie from the mosaic's unless told, as in the archive."""

# The first of each that a table has is taken: plain names, then those of the Storm Prediction
# Center's tables as the archive ships them.
_COLUMNS = {
    "latitude": ("latitude", "lat", "slat"),
    "longitude": ("longitude", "lon", "slon"),
    "time": ("time", "date_utc", "report_time"),
}
_IDENTIFIERS = ("unid", "uid")
_DEGREES = {"latitude": 90, "longitude": 360}


@of_either
def at_points(
    mosaic: Mosaic,
    latitude: ArrayLike,
    longitude: ArrayLike,
    *,
    unid: ArrayLike | None = None,
) -> Boxes:
    """
    Cut a box around each given point.

    Parameters
    ----------
    mosaic : Mosaic or xarray.Dataset
        As `stormlens.readers.read_mosaic` or `read` gives it.
    latitude, longitude : array_like of float, shape (storm,) or ()
        Degrees north and east.
    unid : array_like of str, shape (storm,), optional
        Identifiers; from time and place unless told.

    Returns
    -------
    boxes : Boxes or xarray.Dataset
        As `cut` gives it, in the order given; `latitude` and `longitude` are those of the box
        centre, within half a cell (2 km) of the point.

    Raises
    ------
    InputError
        If a point is no place or lies outside the national grid, or `mosaic` is none.
    """
    north, east = (
        _degrees(values, name)
        for values, name in ((latitude, "latitude"), (longitude, "longitude"))
    )
    if north.shape != east.shape:
        raise InputError(f"There are {len(north)} latitudes and {len(east)} longitudes.")
    x, y = _cells(east, north)
    outside = np.flatnonzero(~_on_grid(x, y))
    if len(outside):
        first = outside[0]
        raise InputError(
            f"Latitude {north[first]:g}, longitude {east[first]:g} lies outside the national "
            "grid, which covers the contiguous United States (west is negative)."
        )
    return cut(mosaic, x, y, unid=unid)


@of_either
def at_reports(mosaic: Mosaic, table: "pd.DataFrame", within: float = WITHIN_MINUTES) -> Boxes:
    """
    Cut a box around each storm report of about the mosaic's time.

    Parameters
    ----------
    mosaic : Mosaic or xarray.Dataset
        As `stormlens.readers.read_mosaic` or `read` gives it; its time must be known.
    table : pandas.DataFrame
        Columns latitude, longitude, time (UTC), or slat, slon, date_utc as
        `stormlens.datasets.svrimg.reports` gives them. An index or column called unid or uid
        names the boxes.
    within : float, optional
        Minutes that a report may lie before or after the mosaic; 30 unless told, which gives
        each report to the nearest of hourly mosaics.

    Returns
    -------
    boxes : Boxes or xarray.Dataset
        As `cut` gives it, in the table's order; reports outside the national grid are left
        out. There may be no box.

    Raises
    ------
    InputError
        If a column is missing or holds what it cannot, `within` is negative, or the mosaic's
        time is unknown.
    """
    if not within >= 0:
        raise InputError(f"within is {within} minutes; give 0 or more.")
    moment = _time_of(mosaic)
    north, east, times = _columns(table)
    x, y = _cells(east, north)
    apart = np.abs((times - moment) / np.timedelta64(1, "m"))
    wanted = (apart <= within) & _on_grid(x, y)
    names = _identifiers(table)
    return cut(mosaic, x[wanted], y[wanted], unid=None if names is None else names[wanted])


def along_track(
    mosaics: "Mosaic | xr.Dataset | Iterable[Mosaic | xr.Dataset]", track: "pd.DataFrame"
) -> "Boxes | xr.Dataset":
    """
    Cut one box from each mosaic, where a track is at its time.

    Parameters
    ----------
    mosaics : Mosaic, xarray.Dataset, or iterable of either
        As `stormlens.readers.read_mosaic` or `read` gives them; their times must be known. They
        are taken one at a time, so a generator keeps one in memory.
    track : pandas.DataFrame
        Two points or more: columns as for `at_reports`. Between two of them latitude and
        longitude change linearly with time.

    Returns
    -------
    boxes : Boxes or xarray.Dataset
        As `cut` gives it, in the order of the mosaics; those before, after or away from the
        track, where it is off the national grid, give no box.

    Raises
    ------
    InputError
        If a column is missing or holds what it cannot, a mosaic's time is unknown, or no
        mosaic meets the track.
    """
    north, east, times = _columns(track)
    order = np.argsort(times, kind="stable")
    seconds = times[order].astype("datetime64[ms]").astype(float)
    parts, is_plain = [], True
    one = isinstance(mosaics, Mosaic) or is_dataset(mosaics)
    listed: Any = [mosaics] if one else mosaics
    for given in listed:
        mosaic, is_plain = as_mosaic(given), is_plain and isinstance(given, Mosaic)
        now = _time_of(mosaic).astype("datetime64[ms]").astype(float)
        if not (len(seconds) and seconds[0] <= now <= seconds[-1]):
            continue
        place = (np.interp(now, seconds, axis[order]) for axis in (east, north))
        x, y = _cells(*place)
        if _on_grid(x, y):
            parts.append(cut(mosaic, x, y))
    if not parts:
        raise InputError(
            "No mosaic meets the track: none lies within its times while it is over the grid."
        )
    boxes = join_boxes(parts, where="boxes along the track")
    names = np.asarray(tell_apart(boxes.storm["unid"].tolist()))
    boxes = replace(boxes, storm={**boxes.storm, "unid": names})
    return boxes if is_plain else boxes.to_xarray()


def read_reports(path: str | Path) -> "pd.DataFrame":
    """
    Read a report table or a track from a CSV file.

    Parameters
    ----------
    path : str or Path
        Columns as for `at_reports`, in any order and case, among others.

    Returns
    -------
    table : pandas.DataFrame
        `latitude`, `longitude` (degrees), `time` (UTC) and, where the file has it, `unid`.

    Raises
    ------
    InputError
        If the file is missing or no table, a column is missing or holds what it cannot.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a CSV table ({reason}).") from error
    try:
        north, east, times = _columns(table)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    names = _identifiers(table)
    columns = {"latitude": north, "longitude": east, "time": times}
    return pd.DataFrame(columns if names is None else {"unid": names, **columns})


def _time_of(mosaic: Mosaic) -> np.datetime64:
    if np.isnat(mosaic.time):
        raise InputError(f"{mosaic.source} has no time, by which to choose; give points instead.")
    return mosaic.time


def _cells(
    longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grid cells of places whose longitude runs from -180 to 180 or from 0 to 360."""
    return NATIONAL.cell((longitude + 180) % 360 - 180, latitude)


def _on_grid(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    rows, columns = NATIONAL.shape
    return (x >= -0.5) & (x < columns - 0.5) & (y >= -0.5) & (y < rows - 0.5)


def _degrees(values: Any, name: str) -> NDArray[np.float64]:
    try:
        degrees = np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds what are no degrees ({error}).") from error
    wrong = ~(np.abs(degrees) <= _DEGREES[name])
    if degrees.ndim != 1 or wrong.any():
        found = degrees[wrong][0] if degrees.ndim == 1 else f"an array of {degrees.shape}"
        raise InputError(f"{name} holds {found}; give degrees, one a place.")
    return degrees


def _columns(
    table: "pd.DataFrame",
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.datetime64]]:
    """Latitude, longitude and UTC time of a table, checked."""
    north, east = (
        _degrees(table[_column(table, name)].to_numpy(), name) for name in ("latitude", "longitude")
    )
    return north, east, _times(table[_column(table, "time")])


def _column(table: "pd.DataFrame", wanted: str) -> Any:
    """Name of the column that holds what is wanted."""
    by_folded_name = {str(name).strip().casefold(): name for name in table.columns}
    for name in _COLUMNS[wanted]:
        if name in by_folded_name:
            return by_folded_name[name]
    held = ", ".join(map(str, table.columns))
    choice = " or ".join(_COLUMNS[wanted])
    raise InputError(f"The table has no column {choice}; it has {held}.")


def _times(column: "pd.Series") -> NDArray[np.datetime64]:
    import pandas as pd

    text = column if column.dtype.kind == "M" else column.astype(str)
    times = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
    # The archive's tables write month, day, year.
    other = pd.to_datetime(text, utc=True, format="%m/%d/%Y %H:%M", errors="coerce")
    times = times.fillna(other)
    if times.isna().any():
        strange = column[times.isna()].iloc[0]
        raise InputError(f"{column.name} holds {strange!r}, which is no time; write ISO 8601, UTC.")
    return times.dt.tz_localize(None).to_numpy("datetime64[ns]")


def _identifiers(table: "pd.DataFrame") -> NDArray[Any] | None:
    for name in _IDENTIFIERS:
        if table.index.name == name:
            return table.index.to_numpy(str)
        if name in table:
            return table[name].to_numpy(str)
    return None
