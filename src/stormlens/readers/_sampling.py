"""
From a file's own grid to that of storm boxes: nearest neighbour, or the highest in a cell.

Reflectivity is chosen, never interpolated: a mean of dBZ is not the reflectivity
of anything. The nearest value is what the archive's authors took; the highest value
whose place falls into the cell keeps small cores that lie between cell centres.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.readers._mosaic import grid_lonlat
from stormlens.stormbox import Grid

Floats = NDArray[np.floating]

LEAST_DBZ = 1
"""Less counts as no echo, and need not be placed."""


Read = Callable[[Any], tuple[Floats, NDArray[np.bool_]]]
"""From an index to reflectivity, minus infinity or NaN where there is none, and coverage there."""

MAX_CELLS = 2**25
"""Of a plane that is read; MRMS's mosaics of reflectivity have 24.5 million."""

_CELLS_AT_A_TIME = 2**20


def sample_lonlat(
    read: Read, longitude: Floats, latitude: Floats, grid: Grid, sampling: str
) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Sample a grid whose columns are meridians and whose rows are parallels.

    Parameters
    ----------
    read : callable
        Gives the values of the grid (rows, columns) at an index, like an array. Only a twentieth
        of a national mosaic is needed, so that packed codes need not all become values.
    longitude : ndarray of float, shape (columns,)
        Degrees east (0 to 360 is understood too), evenly spaced, rising or falling.
    latitude : ndarray of float, shape (rows,)
        Degrees north, evenly spaced, rising or falling.
    grid : Grid
        What it is brought to.
    sampling : {"nearest", "maximum"}
        See `Options`.

    Returns
    -------
    dbz, coverage : ndarray, shape (y, x)
        Minus infinity and False outside the file's grid.
    """
    wanted_longitude, wanted_latitude = grid_lonlat(grid)
    row, row_inside = _nearest(wanted_latitude - latitude[0], latitude)
    # The short way round the globe, so that 262.5 and -97.5 are one meridian.
    step = np.sign(longitude[-1] - longitude[0]) or 1.0
    east = step * np.mod(step * (wanted_longitude - longitude[0]) + 90, 360) - step * 90
    column, column_inside = _nearest(east, longitude)
    inside = row_inside & column_inside
    values, coverage = take(read, row, column, inside)
    if sampling == "maximum":

        def cell(row: NDArray[np.intp], column: NDArray[np.intp]) -> tuple[Floats, Floats]:
            return grid.cell(longitude[column], latitude[row])

        values = raised(values, read, (len(latitude), len(longitude)), cell)
    return values, coverage


def take(
    read: Read,
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    inside: NDArray[np.bool_],
) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Values at rows and columns of a file's grid; no others are read.

    Parameters
    ----------
    read : callable
        As of `sample_lonlat`.
    row, column : ndarray of int, shape (y, x)
        Which value each cell of the grid takes.
    inside : ndarray of bool, shape (y, x)
        Where the file's grid reaches.

    Returns
    -------
    dbz, coverage : ndarray, shape (y, x)
        Minus infinity and False where it does not reach.
    """
    dbz, seen = read((np.where(inside, row, 0), np.where(inside, column, 0)))
    coverage = inside & seen
    return np.where(coverage, dbz, -np.inf), coverage


def raised(
    values: Floats,
    read: Read,
    shape: tuple[int, int],
    cell: Callable[[NDArray[np.intp], NDArray[np.intp]], tuple[Floats, Floats]],
) -> Floats:
    """
    Raise each cell to the highest reflectivity of a file whose place falls into it.

    Parameters
    ----------
    values : ndarray of float, shape (y, x)
        Values of the cells so far.
    read : callable
        As of `sample_lonlat`; called for a block of rows at a time.
    shape : tuple of int
        Rows and columns of the file's grid.
    cell : callable
        From rows and columns of the file's grid to cell numbers x and y, with fractions.

    Returns
    -------
    values : ndarray of float, shape (y, x)
    """
    rows = max(_CELLS_AT_A_TIME // shape[1], 1)
    for first in range(0, shape[0], rows):
        dbz, seen = read(slice(first, first + rows))
        row, column = np.nonzero(seen & (dbz >= LEAST_DBZ))
        values = highest_in_cell(values, dbz[row, column], *cell(first + row, column))
    return values


def pick(
    dbz: Floats,
    seen: NDArray[np.bool_],
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    inside: NDArray[np.bool_],
) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Values at rows and columns of a file's grid.

    Parameters
    ----------
    dbz, seen : ndarray, shape (rows, columns)
        Reflectivity and coverage of the file.
    row, column : ndarray of int, shape (899, 1399)
        Which value each cell of the grid takes.
    inside : ndarray of bool, shape (899, 1399)
        Where the file's grid reaches.

    Returns
    -------
    dbz, coverage : ndarray, shape (y, x)
        Minus infinity and False where it does not reach.
    """
    # One index into the flat file is faster than a pair into its rows and columns.
    place = np.where(inside, row * dbz.shape[1] + column, 0)
    coverage = inside & seen.ravel()[place]
    return np.where(coverage, dbz.ravel()[place], -np.inf), coverage


def highest_in_cell(values: Floats, dbz: Floats, x: Floats, y: Floats) -> Floats:
    """
    Raise each cell to the highest reflectivity whose place falls into it.

    Parameters
    ----------
    values : ndarray of float, shape (y, x)
        Values of the cells so far.
    dbz : ndarray of float, shape (N,)
        Reflectivity, at least `LEAST_DBZ`.
    x, y : ndarray of float, shape (N,)
        Cell numbers of each value's place, with fractions.

    Returns
    -------
    values : ndarray of float, shape (y, x)
    """
    rows, columns = values.shape
    place_x, place_y = (np.rint(axis).astype(np.intp) for axis in (x, y))
    inside = (place_x >= 0) & (place_x < columns) & (place_y >= 0) & (place_y < rows)
    raised = np.array(values, np.float64).ravel()
    np.maximum.at(raised, (place_y * columns + place_x)[inside], dbz[inside])
    return raised.reshape(rows, columns)


def _nearest(offset: Floats, axis: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Nearest entry of an evenly spaced axis, and whether it is within half a step of it."""
    step = (axis[-1] - axis[0]) / max(len(axis) - 1, 1) or 1.0
    nearest = np.rint(offset / step).astype(np.intp)
    return nearest, (nearest >= 0) & (nearest < len(axis))
