"""Windows of an image that overlap: where their cells lie, and how to gather them."""

import math
from typing import Any, NamedTuple

import numpy as np

_SIDE = 16  # cells of a tile of spectra along each axis
_PRODUCTS = 382  # of the spectra of one tile
_LANES = 16  # channels are filled up to whole vectors


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


def gather_windows(image: Any, windows: Windows) -> Any:
    """
    Features of every window side by side.

    Parameters
    ----------
    image : ndarray or jax.Array, shape (..., H, W, C)
    windows : Windows

    Returns
    -------
    features : ndarray or jax.Array, shape (..., rows, columns, cell rows * cell columns * C)
        Of window (i, k) at [..., i, k], flattened in C order.
    """
    rows, columns = (
        step * np.arange(count)[:, None] + windows.dilation * np.arange(size)
        for count, step, size in zip(windows.counts, windows.steps, windows.cells, strict=True)
    )
    gathered = image[..., rows[:, None, :, None], columns[None, :, None, :], :]
    return gathered.reshape(*image.shape[:-3], *windows.counts, -1)


def spectra_pay(windows: Windows, channels: int) -> bool:
    """
    Whether `Sliding.dense_windows` takes less than half of the products of gathered windows.

    Parameters
    ----------
    windows : Windows
    channels : int

    Returns
    -------
    pay : bool
        False where windows overlap little, or are few.
    """
    products = 2 * _PRODUCTS * -(-channels // _LANES) * _LANES
    for count, step, size in zip(windows.counts, windows.steps, windows.cells, strict=True):
        shared = math.gcd(step, windows.dilation)
        residues, between = windows.dilation // shared, step // shared
        parts, kept = _parts(-(-size // between))
        products *= residues * -(-count // (residues * kept)) * between * parts
    return products < math.prod(windows.counts) * math.prod(windows.cells) * channels


def _parts(taps: int) -> tuple[int, int]:
    """In how many parts weights along an axis cost least, and how many windows a tile gives."""
    options = [(n, _SIDE + 1 - -(-taps // n)) for n in range(1, taps + 1)]
    return min((option for option in options if option[1] > 0), key=lambda o: o[0] / o[1])
