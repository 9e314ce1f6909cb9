"""What lies around each pixel of a stack of images, by shifting the stack as a whole."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def disk(radius: float) -> list[tuple[int, int]]:
    """
    Offsets of the pixels whose centres lie within a radius, that of the pixel itself among them.

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
    For each offset, where a pixel's neighbour lies in the image, and those neighbours.

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
