"""
Regions of cells that touch by side or corner, found by their runs along rows.

Runs of neighbouring rows that touch are joined until each knows the first run of its region
(hooking and pointer jumping: Shiloach and Vishkin 1982, J. Algorithms 3, 57-67). The result is
that of scipy.ndimage.label with a structure of ones, whose import takes longer than all the rest.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Regions(NamedTuple):
    """
    What is known of regions, in the order of their first cells, row by row from the south-west.

    Attributes
    ----------
    cells : ndarray of int, shape (region,)
        How many cells each has.
    low, high : ndarray of int, shape (region, 2)
        Its first and last row and column.
    mean : ndarray of float64, shape (region, 2)
        Row and column of its cells, on average.
    """

    cells: NDArray[np.intp]
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    mean: NDArray[np.float64]


def find_regions(mask: NDArray[np.bool_]) -> Regions:
    """
    Regions of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)
        Which cells belong to some region.

    Returns
    -------
    regions : Regions
        There may be none.
    """
    row, first, last = _runs(mask)
    leaders, region = np.unique(_first_runs(row, first, last), return_inverse=True)
    n, length = len(leaders), last - first + 1
    cells = np.bincount(region, length, n)
    # Sums of whole numbers: the columns of a run are its length times their middle.
    sums = [np.bincount(region, length * at, n) for at in (row, (first + last) / 2)]
    low, high = np.full((n, 2), max(mask.shape)), np.zeros((n, 2), int)
    for axis, (start, stop) in enumerate(((row, row), (first, last))):
        np.minimum.at(low[:, axis], region, start)
        np.maximum.at(high[:, axis], region, stop)
    return Regions(cells.astype(int), low, high, np.stack(sums, axis=1) / cells[:, np.newaxis])


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ...]:
    """Row, first and last column of each run of cells along a row, in their order."""
    framed = np.pad(mask, ((0, 0), (1, 1)))
    row, edge = np.nonzero(framed[:, 1:] != framed[:, :-1])
    return row[::2], edge[::2], edge[1::2] - 1


def _first_runs(
    row: NDArray[np.intp], first: NDArray[np.intp], last: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Number of the first run of each run's region."""
    leader = np.arange(len(row))
    here, north = _touching(row, first, last)
    # Hook: of two runs that touch, the later leader takes the earlier one as its own. Then jump:
    # each run takes its leader's leader, until that changes nothing. Leaders only ever become
    # smaller, so this ends, with the first run of the region in every place.
    while (leader[here] != leader[north]).any():
        one, other = leader[here], leader[north]
        np.minimum.at(leader, np.maximum(one, other), np.minimum(one, other))
        while (leader != leader[leader]).any():
            leader = leader[leader]
    return leader


def _touching(
    row: NDArray[np.intp], first: NDArray[np.intp], last: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of runs that touch: one, and one of the next row."""
    # Row and column as one number, so that one search finds rows and columns together. Three
    # more than the last column: neighbours on either side never reach into another row.
    width = last.max(initial=0) + 3
    # Of the next row's runs, from the first that ends at the run's own or its neighbouring
    # columns to the last that begins there.
    begin = np.searchsorted(row * width + last, (row + 1) * width + first - 1, "left")
    end = np.searchsorted(row * width + first, (row + 1) * width + last + 1, "right")
    count = end - begin
    here = np.repeat(np.arange(len(row)), count)
    # For each run of `here` its neighbours begin, begin + 1, ...: a plain count, moved by where
    # each run's own share of it starts.
    return here, np.arange(len(here)) + np.repeat(begin - (np.cumsum(count) - count), count)
