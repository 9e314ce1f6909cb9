"""Grids whose every cell has a latitude and a longitude of its own."""

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._mosaic import grid_lonlat
from stormlens.readers._options import Options
from stormlens.readers._sampling import Read, raised, take
from stormlens.readers._target import choose_grid, lattice
from stormlens.stormbox import Grid

Floats = NDArray[np.floating]

_MAX_CELLS = 6_000_000
_CELLS_AT_A_TIME = 2**18
_MARGIN = 50
"""Cells beyond the grid from which a value can still be the nearest."""


def sample_curvilinear(
    read: Read,
    longitude: Floats,
    latitude: Floats,
    options: Options,
    name: str,
) -> tuple[Floats, NDArray[np.bool_], Grid]:
    """
    Sample a grid by the places of its cells, with a k-d tree of points on the sphere.

    Parameters
    ----------
    read : callable
        What the grid (rows, columns) has at an index; see `sample_lonlat`.
    longitude, latitude : ndarray of float, shape (rows, columns)
        Degrees; NaN where a cell has no place.
    options : Options
        Sampling, and the grid.
    name : str
        What errors call the file.

    Returns
    -------
    dbz, coverage : ndarray, shape (y, x)
        The value of the nearest cell, where one lies within half its diagonal; minus infinity
        and False elsewhere.
    grid : Grid
        What it was brought to.

    Raises
    ------
    InputError
        If no cell lies on the grid, no grid is large enough for all, places are no degrees, or
        there are more than 6 million.
    """
    from scipy.spatial import KDTree

    if longitude.size > _MAX_CELLS:
        raise InputError(
            f"{name} has {longitude.size:,} cells with places of their own; up to {_MAX_CELLS:,} "
            "are read. Cut out a part: ncks -d DIMENSION,FIRST,LAST FILE NEW"
        )
    for axis, limit in ((latitude, 90), (longitude, 540)):
        if np.fmax.reduce(axis, None, initial=0) > limit or np.fmin.reduce(axis, None) < -limit:
            raise InputError(f"{name}: latitude or longitude hold values that are no degrees.")
    # A coarse lattice of the places, edges included, is enough to know how far they reach.
    some = np.ix_(*(lattice(n) for n in longitude.shape))
    points = _on_sphere(longitude[some], latitude[some])
    middle = _middle(points[np.isfinite(points).all(axis=-1)])
    grid = choose_grid(options, longitude[some], latitude[some], middle, name)
    place, points, reach = _near(longitude, latitude, grid)
    if not len(place):
        raise InputError(f"{name} has no cell with a place on the grid {grid.name}.")
    wanted = _on_sphere(*grid_lonlat(grid)).reshape(-1, 3)
    # Cells of a grid divide evenly as they are; a balanced tree takes several times as long.
    tree = KDTree(points, balanced_tree=False, compact_nodes=False)
    distance, index = tree.query(wanted, distance_upper_bound=reach.max() + 1e-12)
    index = np.where(np.isfinite(distance), index, 0)
    inside = np.isfinite(distance) & (distance <= reach[index])
    row, column = np.divmod(place[index], longitude.shape[1])
    values, coverage = take(read, *(array.reshape(grid.shape) for array in (row, column, inside)))
    if options.sampling == "maximum":

        def cell(row: NDArray[np.intp], column: NDArray[np.intp]) -> tuple[Floats, Floats]:
            return grid.cell(longitude[row, column], latitude[row, column])

        values = raised(values, read, longitude.shape, cell)
    return values, coverage, grid


def _near(
    longitude: Floats, latitude: Floats, grid: Grid
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Which cells lie on the grid or near it, where on the sphere, and how far each reaches."""
    n_rows, n_columns = longitude.shape
    rows = max(_CELLS_AT_A_TIME // n_columns, 2)
    places, points, reaches = [], [], []
    for first in range(0, n_rows, rows):
        # A cell reaches as far as its neighbours lie, so that a block needs a row on either side.
        top, bottom = max(first - 1, 0), min(first + rows + 1, n_rows)
        block = slice(first - top, first - top + min(rows, n_rows - first))
        here = longitude[top:bottom], latitude[top:bottom]
        on_sphere = _on_sphere(*here)
        reach = _half_diagonal(on_sphere)[block]
        x, y = (axis[block] for axis in grid.cell(*here))
        with np.errstate(invalid="ignore"):
            near = np.abs(x - grid.shape[1] / 2) < grid.shape[1] / 2 + _MARGIN
            near &= np.abs(y - grid.shape[0] / 2) < grid.shape[0] / 2 + _MARGIN
        places.append(first * n_columns + np.flatnonzero(near))
        points.append(on_sphere[block][near])
        reaches.append(reach[near])
    return np.concatenate(places), np.concatenate(points), np.concatenate(reaches)


def _middle(points: Floats) -> tuple[float, float]:
    """Latitude and longitude of the middle of points of the unit sphere."""
    if not len(points):
        return np.nan, np.nan
    east, north, up = points.mean(axis=0)
    return (
        float(np.rad2deg(np.arctan2(up, np.hypot(east, north)))),
        float(np.rad2deg(np.arctan2(north, east))),
    )


def _on_sphere(longitude: Floats, latitude: Floats) -> Floats:
    """Points of the unit sphere, shape (..., 3)."""
    east, north = np.deg2rad(longitude), np.deg2rad(latitude)
    flat = np.cos(north)
    return np.stack([flat * np.cos(east), flat * np.sin(east), np.sin(north)], axis=-1)


def _half_diagonal(points: Floats) -> Floats:
    """How far from a cell's centre its corners lie, with a tenth to spare."""
    sides = []
    for axis in (0, 1):
        step = np.linalg.norm(np.diff(points, axis=axis), axis=-1)
        ends = [np.take(step, [0], axis=axis), step, np.take(step, [-1], axis=axis)]
        whole = np.nan_to_num(np.concatenate(ends, axis=axis))
        n = whole.shape[axis] - 1
        before, after = (np.take(whole, range(i, i + n), axis=axis) for i in (0, 1))
        sides.append(np.maximum(before, after))
    return 1.1 * np.hypot(*sides) / 2
