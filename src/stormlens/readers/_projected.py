"""Grids on a map projection: where each cell of a grid of storm boxes falls on them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import needs_packages
from stormlens.readers._mosaic import grid_lonlat
from stormlens.readers._options import Options
from stormlens.readers._sampling import Read, raised, take
from stormlens.readers._target import choose_grid, lattice
from stormlens.stormbox import Grid

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
    read: Read,
    x: Floats,
    y: Floats,
    crs: Any,
    options: Options,
    name: str,
) -> tuple[Floats, NDArray[np.bool_], Grid]:
    """
    Sample a grid that is even in the plane of a projection.

    Longitude and latitude are taken as the projection's own: a difference of datum moves a
    place by a hundred metres at most, a thirtieth of a cell.

    Parameters
    ----------
    read : callable
        What the grid (rows, columns) has at an index; see `sample_lonlat`.
    x : ndarray of float, shape (columns,)
        Cell centres in the plane, in the projection's unit; evenly spaced, rising or falling.
    y : ndarray of float, shape (rows,)
        The same northward.
    crs : pyproj.CRS
        The projection.
    options : Options
        Sampling, and the grid.
    name : str
        What errors call the file.

    Returns
    -------
    dbz, coverage : ndarray, shape (y, x)
        Minus infinity and False outside the file's grid.
    grid : Grid
        What it was brought to.

    Raises
    ------
    InputError
        If the file does not reach the grid that is asked for, or no grid holds it.
    """
    to_plane = import_pyproj().Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    some = np.meshgrid(x[lattice(len(x))], y[lattice(len(y))])
    longitude, latitude = to_plane.transform(*some, direction="INVERSE")
    centre = x[[0, -1]].mean(), y[[0, -1]].mean()
    middle = to_plane.transform(*centre, direction="INVERSE")
    grid = choose_grid(options, longitude, latitude, middle[::-1], name)
    wanted_x, wanted_y = to_plane.transform(*grid_lonlat(grid))
    column, column_inside = _nearest(wanted_x, x)
    row, row_inside = _nearest(wanted_y, y)
    inside = column_inside & row_inside
    values, coverage = take(read, row, column, inside)
    if options.sampling == "maximum":

        def cell(row: NDArray[np.intp], column: NDArray[np.intp]) -> tuple[Floats, Floats]:
            return grid.cell(*to_plane.transform(x[column], y[row], direction="INVERSE"))

        values = raised(values, read, (len(y), len(x)), cell)
    return values, coverage, grid


def _nearest(wanted: Floats, axis: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Nearest entry of an evenly spaced axis, and whether it is within half a step of it."""
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    place = (wanted - axis[0]) / step
    inside = np.isfinite(place) & (place >= -0.5) & (place < len(axis) - 0.5)
    return np.rint(np.where(inside, place, 0)).clip(0, len(axis) - 1).astype(np.intp), inside
