"""
Pooling: an image made smaller by keeping one number of each window.

The chapter's example cuts a 6 x 6 image into nine windows of 2 x 2. Its first
window holds -19, 22, 16 and -30; max pooling keeps 22. The position inside the
window does not matter: so pooling forgives small shifts, in part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from stormlens.errors import InputError, unknown

EXAMPLE_6X6: NDArray[np.int64] = np.array(
    [
        [-19, 22, -8, 12, 5, -14],
        [16, -30, 31, -2, 9, 20],
        [7, -11, 44, 18, -25, 3],
        [13, 2, -6, 27, 10, -17],
        [-21, 4, 15, -9, 36, 1],
        [8, -3, -12, 24, 19, -28],
    ]
)
"""An image behind a convolution: its first 2 x 2 window is the chapter's, the rest is ours."""

EXAMPLE_3X3: NDArray[np.int64] = np.array([[22, 31, 20], [13, 44, 10], [8, 24, 36]])
"""`EXAMPLE_6X6` after max pooling by 2, worked out by hand."""

PATCH_PLACES: dict[str, tuple[int, int]] = {
    "convection": (60, 60),
    "stratiform": (40, 70),
    "nothing": (100, 20),
}
"""First row and column of the chapter's three 5 x 5 patches in its storm box."""

EXAMPLE_PATCHES: dict[str, NDArray[np.uint8]] = {
    "convection": np.array(
        [
            [33, 36, 40, 41, 38],
            [35, 41, 45, 46, 42],
            [37, 44, 49, 47, 43],
            [34, 42, 46, 45, 40],
            [31, 36, 39, 38, 35],
        ],
        np.uint8,
    ),
    "stratiform": np.array(
        [
            [20, 21, 21, 22, 22],
            [21, 22, 23, 23, 22],
            [22, 23, 24, 24, 23],
            [22, 24, 25, 24, 22],
            [21, 22, 23, 22, 20],
        ],
        np.uint8,
    ),
    "nothing": np.array(
        [[0, 0, 4, 0, 0], [0, 6, 9, 5, 0], [0, 3, 7, 0, 0], [0, 0, 0, 0, 2], [0, 0, 0, 0, 0]],
        np.uint8,
    ),
}
"""Three made-up 5 x 5 patches in dBZ whose maxima, 49, 25 and 9, are those the chapter reads."""

Pair = int | tuple[int, int]

_POOLS: dict[str, Callable[..., NDArray]] = {"max": np.max, "average": np.mean, "min": np.min}


def pool_windows(image: ArrayLike, window: Pair, stride: Pair | None = None) -> NDArray:
    """
    The windows that pooling looks at.

    Parameters
    ----------
    image : array_like, shape (y, x)
        Any numbers.
    window : int or (int, int)
        Rows and columns of a window.
    stride : int or (int, int), optional
        Pixels from one window to the next; by default `window`, so that they do not overlap.

    Returns
    -------
    windows : ndarray, shape (rows, columns, window, window)
        A read-only view. Rows and columns left over at the end, too few for a window, are not
        looked at: 134 rows by 3 make 44 windows, and two rows are left.

    Raises
    ------
    InputError
        If the image is no plane, or window or stride do not fit it.

    Examples
    --------
    >>> print(pool_windows(EXAMPLE_6X6, 2)[0, 0])
    [[-19  22]
     [ 16 -30]]
    """
    values = np.asarray(image)
    if values.ndim != 2:
        raise InputError(f"Pooling takes one image of shape (y, x), not shape {values.shape}.")
    rows, columns = _pair(window)
    down, across = _pair(window if stride is None else stride)
    if min(rows, columns, down, across) < 1:
        raise InputError(f"Window {window} and stride {stride} must be 1 or more.")
    if rows > values.shape[0] or columns > values.shape[1]:
        size = " x ".join(map(str, values.shape))
        raise InputError(
            f"A window of {rows} x {columns} is larger than the image of {size}; take a smaller "
            "one."
        )
    return sliding_window_view(values, (rows, columns))[::down, ::across]


def _pair(size: Pair) -> tuple[int, int]:
    given = np.ravel(size)
    if given.size not in (1, 2) or not np.issubdtype(given.dtype, np.integer):
        raise InputError(f"A window or stride is one whole number or two, not {size}.")
    return int(given[0]), int(given[-1])


def pool(image: ArrayLike, window: Pair, stride: Pair | None = None, how: str = "max") -> NDArray:
    """
    Keep one number of each window.

    Parameters
    ----------
    image : array_like, shape (y, x)
        Any numbers.
    window : int or (int, int)
        Rows and columns of a window.
    stride : int or (int, int), optional
        Pixels from one window to the next; by default `window`.
    how : {"max", "average", "min"}, optional
        What is kept.

    Returns
    -------
    pooled : ndarray, shape ((y - window) // stride + 1, (x - window) // stride + 1)
        Of the image's type; float64 for averages.

    Raises
    ------
    InputError
        As `pool_windows`, or if there is no such way of pooling.

    Examples
    --------
    >>> print(pool(EXAMPLE_6X6, 2))
    [[22 31 20]
     [13 44 10]
     [ 8 24 36]]
    """
    if how not in _POOLS:
        raise unknown("way of pooling", how, _POOLS)
    return _POOLS[how](pool_windows(image, window, stride), axis=(2, 3))


def pool_argmax(
    image: ArrayLike, window: Pair, stride: Pair | None = None, how: str = "max"
) -> NDArray[np.int64]:
    """
    Where in the image the number is that each window keeps (the argmax of max pooling).

    Training passes its gradient back to this position alone.

    Parameters
    ----------
    image : array_like, shape (y, x)
        Any numbers.
    window : int or (int, int)
        Rows and columns of a window.
    stride : int or (int, int), optional
        Pixels from one window to the next; by default `window`.
    how : {"max", "min"}, optional
        What is kept; an average has no such position.

    Returns
    -------
    places : ndarray of int64, shape (rows, columns, 2)
        Row and column in the image; the first one, row by row, where several are equal.

    Raises
    ------
    InputError
        As `pool_windows`, or if there is no such way of pooling.

    Examples
    --------
    >>> print(pool_argmax(EXAMPLE_6X6, 2)[0, 0])  # 22 is in row 0, column 1
    [0 1]
    """
    chosen = {"max": np.argmax, "min": np.argmin}
    if how not in chosen:
        raise unknown("way of pooling with a position", how, chosen)
    windows = pool_windows(image, window, stride)
    rows, columns, _, width = windows.shape
    down, across = _pair(window if stride is None else stride)
    within = np.divmod(chosen[how](windows.reshape(rows, columns, -1), axis=2), width)
    first = np.meshgrid(np.arange(rows) * down, np.arange(columns) * across, indexing="ij")
    return np.stack([first[0] + within[0], first[1] + within[1]], axis=-1)


@dataclass(frozen=True)
class ShiftEffect:
    """
    A pooled image before and after its storm moved.

    Attributes
    ----------
    before, after : ndarray, shape (rows, columns)
        Pooled.
    changed : float
        Share of the pooled values that are not what they were, 0 to 1.
    mean_change : float
        Mean absolute change of a pooled value, in the image's unit.
    """

    before: NDArray
    after: NDArray
    changed: float
    mean_change: float


def shift_effect(
    image: ArrayLike,
    window: Pair,
    shift: tuple[int, int] = (0, 1),
    stride: Pair | None = None,
    how: str = "max",
) -> ShiftEffect:
    """
    What moving the storm does to the pooled image.

    Parameters
    ----------
    image : array_like, shape (y, x)
        Any numbers; what moves in from outside is 0.
    window : int or (int, int)
        Rows and columns of a window.
    shift : (int, int), optional
        Pixels towards higher rows (north) and columns (east); negative for the other way.
    stride : int or (int, int), optional
        Pixels from one window to the next; by default `window`.
    how : {"max", "average", "min"}, optional
        What is kept.

    Returns
    -------
    effect : ShiftEffect

    Raises
    ------
    InputError
        As `pool`.

    Examples
    --------
    >>> shift_effect([[0, 0, 0, 0], [9, 0, 0, 0]], 2).changed  # 9 stays in its window
    0.0
    """
    values = np.asarray(image)
    before = pool(values, window, stride, how)
    after = pool(_shifted(values, shift), window, stride, how)
    change = np.abs(after.astype(float) - before.astype(float))
    return ShiftEffect(before, after, float(np.mean(change > 0)), float(change.mean()))


def _shifted(image: NDArray, shift: tuple[int, int]) -> NDArray:
    moved = np.zeros_like(image)
    old, new = [], []
    for step, size in zip(shift, image.shape, strict=True):
        old.append(slice(max(0, -step), max(0, min(size, size - step))))
        new.append(slice(max(0, step), max(0, min(size, size + step))))
    moved[tuple(new)] = image[tuple(old)]
    return moved
