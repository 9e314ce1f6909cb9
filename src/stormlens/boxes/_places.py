"""Boxes around places that somebody names: points, storm reports, a track."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.boxes._cut import cut, is_number, unique_ids
from stormlens.boxes._defaults import WITHIN_MINUTES
from stormlens.boxes._mosaics import as_mosaic, takes_datasets
from stormlens.boxes._reports import degrees, identifiers, places_and_times
from stormlens.datasets import join_boxes
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, Boxes, Grid, Mosaic, is_dataset

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@takes_datasets
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
        Identifiers; by default made from time and place.

    Returns
    -------
    boxes : Boxes or xarray.Dataset
        As `cut` gives it, in the order given; `latitude` and `longitude` are those of the box
        centre, within half a cell (2 km) of the point.

    Raises
    ------
    InputError
        If a point is no place or lies outside the mosaic's grid, or `mosaic` is none.
    """
    north, east = (
        degrees(values, name) for values, name in ((latitude, "latitude"), (longitude, "longitude"))
    )
    if north.shape != east.shape:
        raise InputError(f"There are {len(north)} latitudes and {len(east)} longitudes.")
    x, y = mosaic.grid.cell(east, north)
    outside = np.flatnonzero(~mosaic.grid.holds(x, y))
    if len(outside):
        first = outside[0]
        raise InputError(
            f"Latitude {north[first]:g}, longitude {east[first]:g} lies outside "
            f"{_words(mosaic.grid)} (west is negative). If the file reaches there, read it with "
            f"--grid {north[first]:g},{east[first]:g} (in Python Options(grid=...))."
        )
    return cut(mosaic, x, y, unid=unid)


@takes_datasets
def at_reports(mosaic: Mosaic, table: "pd.DataFrame", within: float = WITHIN_MINUTES) -> Boxes:
    """
    Cut a box around each storm report of about the mosaic's time.

    Parameters
    ----------
    mosaic : Mosaic or xarray.Dataset
        As `stormlens.readers.read_mosaic` or `read` gives it; its time must be known.
    table : pandas.DataFrame
        Columns latitude, longitude, time (UTC), or slat, slon, date_utc as
        `stormlens.datasets.svrimg.reports` gives them, or slat, slon, date, time, tz as in the
        Storm Prediction Center's database (reports of unknown time zone are left out). A time
        has a date and an hour at least. An index or column called unid or uid names the boxes.
    within : float, optional
        Minutes that a report may lie before or after the mosaic; by default 30, which gives
        each report to the nearest of hourly mosaics.

    Returns
    -------
    boxes : Boxes or xarray.Dataset
        As `cut` gives it, in the table's order; reports outside the mosaic's grid are left
        out. There may be no box.

    Raises
    ------
    InputError
        If a column is missing or holds what it cannot, `within` is negative, the mosaic's
        time is unknown, or longitudes lack the minus sign of west.
    """
    check_within(within)
    moment = _time_of(mosaic)
    north, east, times = places_and_times(table)
    x, y = mosaic.grid.cell(east, north)
    apart = np.abs((times - moment) / np.timedelta64(1, "m"))
    near = apart <= within
    wanted = near & mosaic.grid.holds(x, y)
    if not wanted.any():
        _check_west(east[near], north[near], [mosaic.grid])
    names = identifiers(table)
    return cut(mosaic, x[wanted], y[wanted], unid=None if names is None else names[wanted])


def check_within(within: Any) -> None:
    """
    Raise a sentence for a span of time that cannot be.

    Parameters
    ----------
    within : float
        Minutes.

    Raises
    ------
    InputError
        If it is no number, or negative.
    """
    if not is_number(within) or not within >= 0:
        raise InputError(f"within is {within} minutes; give 0 or more.")


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
        track, where it is off their grid, give no box.

    Raises
    ------
    InputError
        If a column is missing or holds what it cannot, a mosaic's time is unknown, or no
        mosaic meets the track.
    """
    north, east, times = places_and_times(track)
    order = np.argsort(times, kind="stable")
    seconds = times[order].astype("datetime64[ms]").astype(float)
    parts: list[Boxes] = []
    grids: list[Grid] = []
    is_plain = True
    one = isinstance(mosaics, Mosaic) or is_dataset(mosaics)
    listed: Any = [mosaics] if one else mosaics
    for given in listed:
        mosaic, is_plain = as_mosaic(given), is_plain and isinstance(given, Mosaic)
        now = _time_of(mosaic).astype("datetime64[ms]").astype(float)
        if not (len(seconds) and seconds[0] <= now <= seconds[-1]):
            continue
        place = (np.interp(now, seconds, axis[order]) for axis in (east, north))
        x, y = mosaic.grid.cell(*place)
        grids.append(mosaic.grid)
        if mosaic.grid.holds(x, y):
            parts.append(cut(mosaic, x, y))
    if not parts:
        _check_west(east, north, grids)
        raise InputError(
            "No mosaic meets the track: none lies within its times while it is over the grid."
        )
    boxes = join_boxes(parts, where="boxes along the track")
    names = np.asarray(unique_ids(boxes.storm["unid"].tolist()))
    boxes = replace(boxes, storm={**boxes.storm, "unid": names})
    return boxes if is_plain else boxes.to_xarray()


def _time_of(mosaic: Mosaic) -> np.datetime64:
    if np.isnat(mosaic.time):
        raise InputError(f"{mosaic.source} has no time, by which to choose; give points instead.")
    return mosaic.time


def _check_west(
    longitude: NDArray[np.float64], latitude: NDArray[np.float64], grids: Iterable[Grid]
) -> None:
    """Refuse places that would lie on a grid if their longitudes were west."""
    for grid in dict.fromkeys(grids):
        turned = (longitude > 0) & grid.holds(*grid.cell(-longitude, latitude))
        if turned.any() and not grid.holds(*grid.cell(longitude, latitude)).any():
            east = longitude[turned][0]
            raise InputError(
                f"Longitude {east:g} lies outside {_words(grid)} and {-east:g} would not: west is "
                "negative, so write the table's longitudes with a minus sign."
            )


def _words(grid: Grid) -> str:
    if grid == NATIONAL:
        return "the national grid, which covers the contiguous United States,"
    return f"the grid {grid.name}"
