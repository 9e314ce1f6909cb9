"""Grids whose every cell has a latitude and a longitude of its own."""

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._mosaic import grid_lonlat
from stormlens.readers._options import Options
from stormlens.readers._sampling import LEAST_DBZ, highest_in_cell
from stormlens.readers._target import choose_grid
from stormlens.stormbox import Grid

Floats = NDArray[np.floating]

_MARGIN = 50
"""Cells beyond the grid from which a value can still be the nearest."""


def sample_curvilinear(
    dbz: Floats,
    seen: NDArray[np.bool_],
    longitude: Floats,
    latitude: Floats,
    options: Options,
    name: str,
) -> tuple[Floats, NDArray[np.bool_], Grid]:
    """
    Sample a grid by the places of its cells, with a k-d tree of points on the sphere.

    Parameters
    ----------
    dbz : ndarray of float, shape (rows, columns)
        Reflectivity; minus infinity or NaN where there is none.
    seen : ndarray of bool, shape (rows, columns)
        Coverage.
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
        If no cell lies on the grid, no grid holds them, or places are no degrees.
    """
    from scipy.spatial import KDTree

    placed = np.isfinite(longitude) & np.isfinite(latitude)
    if placed.any() and not (
        np.abs(latitude[placed]).max() <= 90 and np.abs(longitude[placed]).max() <= 540
    ):
        raise InputError(f"{name}: latitude or longitude hold values that are no degrees.")
    points = _on_sphere(longitude, latitude)
    grid = choose_grid(options, longitude, latitude, _middle(points[placed]), name)
    (rows, columns), (x, y) = grid.shape, grid.cell(longitude, latitude)
    with np.errstate(invalid="ignore"):
        near = placed & (np.abs(x - columns / 2) < columns / 2 + _MARGIN)
        near &= np.abs(y - rows / 2) < rows / 2 + _MARGIN
    reach = _half_diagonal(points)[near]
    wanted = _on_sphere(*grid_lonlat(grid)).reshape(-1, 3)
    distance, index = KDTree(points[near]).query(wanted, distance_upper_bound=reach.max() + 1e-12)
    index = np.where(np.isfinite(distance), index, 0)
    inside = np.isfinite(distance) & (distance <= reach[index])
    coverage = inside & seen[near][index]
    values = np.where(coverage, dbz[near][index], -np.inf).reshape(grid.shape)
    if options.sampling == "maximum":
        usable = near & seen & (dbz >= LEAST_DBZ)
        values = highest_in_cell(values, dbz[usable], x[usable], y[usable])
    return values, coverage.reshape(grid.shape), grid


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
