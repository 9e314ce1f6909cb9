"""Windows of an image that overlap: where their cells lie, and how to gather them."""

from typing import NamedTuple

import numpy as np
from jax import Array


class Windows(NamedTuple):
    """
    Windows that lie within an image: cell u of window i is cell `step * i + dilation * u`.

    Attributes
    ----------
    counts : tuple of int
        Windows along rows and columns.
    steps : tuple of int, optional
        Cells of the image from one window to the next.
    dilation : int, optional
        Cells of the image from one cell of a window to the next.
    cells : tuple of int, optional
        Of a window, along rows and columns.
    """

    counts: tuple[int, int]
    steps: tuple[int, int] = (1, 1)
    dilation: int = 1
    cells: tuple[int, int] = (1, 1)

    @property
    def extents(self) -> tuple[int, int]:
        """Rows and columns of the image that the windows cover."""
        rows, columns = (
            step * (count - 1) + self.dilation * (size - 1) + 1
            for count, step, size in zip(self.counts, self.steps, self.cells, strict=True)
        )
        return rows, columns


def gather_windows(image: Array, windows: Windows) -> Array:
    """
    Features of every window side by side.

    Parameters
    ----------
    image : Array, shape (H, W, C)
    windows : Windows

    Returns
    -------
    features : Array, shape (rows, columns, cell rows * cell columns * C)
        Of window (i, k) at [i, k], flattened in C order.
    """
    rows, columns = (
        step * np.arange(count)[:, None] + windows.dilation * np.arange(size)
        for count, step, size in zip(windows.counts, windows.steps, windows.cells, strict=True)
    )
    gathered = image[rows[:, None, :, None], columns[None, :, None, :]]
    return gathered.reshape(*windows.counts, -1)
