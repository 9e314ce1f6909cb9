"""Grids on a map projection: where each cell of the national grid falls on them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import needs_packages
from stormlens.readers._mosaic import grid_lonlat
from stormlens.readers._reach import out_of_reach
from stormlens.readers._sampling import LEAST_DBZ, highest_in_cell, pick
from stormlens.stormbox import NATIONAL

Floats = NDArray[np.floating]


def import_pyproj() -> Any:
    """
    The package of projections.

    Returns
    -------
    pyproj : module

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import pyproj
    except ImportError as error:
        raise needs_packages("Projections need pyproj") from error
    return pyproj


def sample_projected(
    dbz: Floats,
    seen: NDArray[np.bool_],
    x: Floats,
    y: Floats,
    crs: Any,
    sampling: str,
    name: str,
) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Sample a grid that is even in the plane of a projection.

    Longitude and latitude are taken as the projection's own: a difference of datum moves a
    place by a hundred metres at most, a thirtieth of a cell.

    Parameters
    ----------
    dbz : ndarray of float, shape (rows, columns)
        Reflectivity; minus infinity or NaN where there is none.
    seen : ndarray of bool, shape (rows, columns)
        Coverage.
    x : ndarray of float, shape (columns,)
        Cell centres in the plane, in the projection's unit; evenly spaced, rising or falling.
    y : ndarray of float, shape (rows,)
        The same northward.
    crs : pyproj.CRS
        The projection.
    sampling : {"nearest", "maximum"}
        See `Options`.
    name : str
        What errors call the file.

    Returns
    -------
    dbz, coverage : ndarray, shape (899, 1399)
        Minus infinity and False outside the file's grid.

    Raises
    ------
    InputError
        If the file's grid does not reach the national one.
    """
    to_plane = import_pyproj().Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    wanted_x, wanted_y = to_plane.transform(*grid_lonlat())
    column, column_inside = _nearest(wanted_x, x)
    row, row_inside = _nearest(wanted_y, y)
    inside = column_inside & row_inside
    if not inside.any():
        span = f"x {x.min():.0f} to {x.max():.0f}, y {y.min():.0f} to {y.max():.0f} of {crs.name}"
        raise out_of_reach(name, span)
    values, coverage = pick(dbz, seen, row, column, inside)
    if sampling == "maximum":
        echo_row, echo_column = np.nonzero(seen & (dbz >= LEAST_DBZ))
        lonlat = to_plane.transform(x[echo_column], y[echo_row], direction="INVERSE")
        values = highest_in_cell(values, dbz[echo_row, echo_column], *NATIONAL.cell(*lonlat))
    return values, coverage


def _nearest(wanted: Floats, axis: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Nearest entry of an evenly spaced axis, and whether it is within half a step of it."""
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    place = (wanted - axis[0]) / step
    inside = np.isfinite(place) & (place >= -0.5) & (place < len(axis) - 0.5)
    return np.rint(np.where(inside, place, 0)).clip(0, len(axis) - 1).astype(np.intp), inside
