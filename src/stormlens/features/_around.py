"""Neighbourhoods of the pixels of a stack of images, by shifting the whole stack."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def disk(radius: float) -> list[tuple[int, int]]:
    """
    Offsets of the pixels whose centres lie within a radius, including the pixel itself.

    Parameters
    ----------
    radius : float
        Pixels, 0 or more.

    Returns
    -------
    offsets : list of (int, int)
        Rows and columns.
    """
    reach = range(-int(radius), int(radius) + 1)
    return [(dy, dx) for dy in reach for dx in reach if dy * dy + dx * dx <= radius * radius]


def shifted(
    stack: NDArray[Any], offsets: list[tuple[int, int]]
) -> Iterator[tuple[tuple[slice, ...], NDArray[Any]]]:
    """
    For each offset, the pixels that have a neighbour there, and those neighbours.

    Parameters
    ----------
    stack : ndarray, shape (N, rows, columns)
    offsets : list of (int, int)
        Rows and columns from a pixel to its neighbour.

    Yields
    ------
    where : tuple of slice
        Pixels that have this neighbour.
    neighbours : ndarray
        A view of the stack, of the shape of ``stack[where]``.
    """
    rows, columns = stack.shape[1:]
    for dy, dx in offsets:
        if abs(dy) >= rows or abs(dx) >= columns:
            continue
        here = (
            slice(None),
            slice(max(-dy, 0), rows - max(dy, 0)),
            slice(max(-dx, 0), columns - max(dx, 0)),
        )
        there = (
            slice(None),
            slice(max(dy, 0), rows + min(dy, 0)),
            slice(max(dx, 0), columns + min(dx, 0)),
        )
        yield here, stack[there]


def widened(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """
    Masks grown by a disk.

    Parameters
    ----------
    mask : ndarray of bool, shape (N, rows, columns)
    radius : float
        Pixels.

    Returns
    -------
    grown : ndarray of bool, shape (N, rows, columns)
    """
    grown = mask.copy()
    for here, neighbours in shifted(mask, disk(radius)):
        grown[here] |= neighbours
    return grown


def sum_around(stack: NDArray[Any], radius: float) -> NDArray[Any]:
    """
    Sums over the disk around each pixel, as far as it lies in the image.

    Rows of a disk that are equally wide share their sums: those of a square are one.

    Parameters
    ----------
    stack : ndarray, shape (N, rows, columns)
    radius : float
        Pixels.

    Returns
    -------
    sums : ndarray, shape (N, rows, columns)
        Of the kind of number that the stack is.
    """
    offsets = disk(radius)
    sums = np.zeros_like(stack)
    for width in sorted({max(x for y, x in offsets if y == row) for row, _ in offsets}):
        wide = np.zeros_like(stack)
        for here, neighbours in shifted(stack, [(0, x) for x in range(-width, width + 1)]):
            wide[here] += neighbours
        rows = sorted({y for y, _ in offsets if max(x for row, x in offsets if row == y) == width})
        for here, neighbours in shifted(wide, [(y, 0) for y in rows]):
            sums[here] += neighbours
    return sums
