"""Grids whose every cell has a latitude and a longitude of its own."""

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._mosaic import grid_lonlat
from stormlens.readers._reach import out_of_reach
from stormlens.readers._sampling import LEAST_DBZ, highest_in_cell
from stormlens.stormbox import NATIONAL

Floats = NDArray[np.floating]

_MARGIN = 50
"""Cells beyond the national grid from which a value can still be the nearest."""


def sample_curvilinear(
    dbz: Floats,
    seen: NDArray[np.bool_],
    longitude: Floats,
    latitude: Floats,
    sampling: str,
    name: str,
) -> tuple[Floats, NDArray[np.bool_]]:
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
    sampling : {"nearest", "maximum"}
        See `Options`.
    name : str
        What errors call the file.

    Returns
    -------
    dbz, coverage : ndarray, shape (899, 1399)
        The value of the nearest cell, where one lies within half its diagonal; minus infinity
        and False elsewhere.

    Raises
    ------
    InputError
        If no cell lies on the national grid, or places are no degrees.
    """
    from scipy.spatial import KDTree

    placed = np.isfinite(longitude) & np.isfinite(latitude)
    if placed.any() and not (
        np.abs(latitude[placed]).max() <= 90 and np.abs(longitude[placed]).max() <= 540
    ):
        raise InputError(f"{name}: latitude or longitude hold values that are no degrees.")
    with np.errstate(invalid="ignore"):
        x, y = NATIONAL.cell(-97.5 + _turned(longitude + 97.5), latitude.clip(-89, 89))
        near = placed & (np.abs(x - NATIONAL.shape[1] / 2) < NATIONAL.shape[1] / 2 + _MARGIN)
        near &= np.abs(y - NATIONAL.shape[0] / 2) < NATIONAL.shape[0] / 2 + _MARGIN
    if not near.any():
        raise out_of_reach(name, "another part of the world")
    points = _on_sphere(longitude, latitude)
    reach = _half_diagonal(points)[near]
    wanted = _on_sphere(*grid_lonlat()).reshape(-1, 3)
    distance, index = KDTree(points[near]).query(wanted, distance_upper_bound=reach.max() + 1e-12)
    index = np.where(np.isfinite(distance), index, 0)
    inside = np.isfinite(distance) & (distance <= reach[index])
    coverage = inside & seen[near][index]
    values = np.where(coverage, dbz[near][index], -np.inf).reshape(NATIONAL.shape)
    if sampling == "maximum":
        usable = near & seen & (dbz >= LEAST_DBZ)
        values = highest_in_cell(values, dbz[usable], x[usable], y[usable])
    return values, coverage.reshape(NATIONAL.shape)


def _turned(longitude: Floats) -> Floats:
    """The same meridians, within half a turn of 0."""
    return np.mod(longitude + 180, 360) - 180


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
