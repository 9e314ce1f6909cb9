"""
The classical kernels: grids of weights that people chose before networks learnt theirs.

Kernels whose weights add up to 1 (identity, blur, Gaussian, sharpen) leave an
even surface as it is. Kernels whose weights add up to 0 (edge, Sobel, Laplacian)
turn it to 0 and keep change alone. They are written as a Keras layer applies
them, without a flip: row 0 lies on the southern pixels of a storm box.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.errors import InputError

Kernel = NDArray[np.float64]

EDGE: Kernel = np.array([[-1.0, 0.0, 1.0], [-10.0, 0.0, 10.0], [-1.0, 0.0, 1.0]])
"""The chapter's edge detector: answers to change from west to east, weighted 10 in the middle."""


def identity(size: int = 3) -> Kernel:
    """
    The kernel that changes nothing: 1 in the middle.

    Parameters
    ----------
    size : int, optional
        Rows and columns, odd.

    Returns
    -------
    kernel : ndarray of float64, shape (size, size)

    Raises
    ------
    InputError
        If `size` is even, as there is no middle, or below 1.
    """
    _check_odd(size, "An identity kernel")
    kernel = np.zeros((size, size))
    kernel[size // 2, size // 2] = 1.0
    return kernel


def blur(size: int = 3) -> Kernel:
    """
    The plain mean of the neighbourhood: every weight is 1 / size^2.

    Parameters
    ----------
    size : int, optional
        Rows and columns, 1 or more; an even one moves the image by half a pixel.

    Returns
    -------
    kernel : ndarray of float64, shape (size, size)

    Raises
    ------
    InputError
        If `size` is below 1.
    """
    if size < 1:
        raise InputError(f"A blur kernel has size 1 or more, not {size}.")
    return np.full((size, size), 1 / size**2)


def gaussian(size: int = 3, sigma: float | None = None) -> Kernel:
    """
    A mean that weighs near pixels most.

    Without `sigma`, binomial weights, the nearest to a Gaussian in whole numbers: the outer
    product of a row of Pascal's triangle with itself, [1 2 1] for the chapter's kernel.

    Parameters
    ----------
    size : int, optional
        Rows and columns, odd.
    sigma : float, optional
        Standard deviation in pixels, above 0; sampled at the pixels' middles.

    Returns
    -------
    kernel : ndarray of float64, shape (size, size)
        Adds up to 1.

    Raises
    ------
    InputError
        If `size` is even or below 1, or `sigma` is not above 0.

    Examples
    --------
    >>> print(gaussian(3) * 16)
    [[1. 2. 1.]
     [2. 4. 2.]
     [1. 2. 1.]]
    """
    _check_odd(size, "A Gaussian kernel")
    if sigma is None:
        line = np.array([1.0])
        for _ in range(size - 1):
            line = np.convolve(line, [0.5, 0.5])
    elif sigma > 0:
        line = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
        line /= line.sum()
    else:
        raise InputError(f"A Gaussian kernel's sigma is above 0 pixels, not {sigma}.")
    return np.outer(line, line)


def sharpen() -> Kernel:
    """
    The image plus each pixel's difference from its four neighbours.

    Returns
    -------
    kernel : ndarray of float64, shape (3, 3)
        `identity` minus `laplacian`; adds up to 1.
    """
    return identity() - laplacian()


def sobel(axis: str = "x") -> Kernel:
    """
    Change along one axis, smoothed across it.

    Parameters
    ----------
    axis : {"x", "y"}, optional
        Change from west to east, or from south to north.

    Returns
    -------
    kernel : ndarray of float64, shape (3, 3)
        Outer product of [1 2 1] and [-1 0 1].

    Raises
    ------
    InputError
        If `axis` is neither.

    Examples
    --------
    >>> print(sobel("x"))
    [[-1.  0.  1.]
     [-2.  0.  2.]
     [-1.  0.  1.]]
    """
    if axis not in ("x", "y"):
        raise InputError(f"A Sobel kernel's axis is 'x' or 'y', not {axis!r}.")
    kernel = np.outer([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0])
    return kernel if axis == "x" else kernel.T


def laplacian(diagonal: bool = False) -> Kernel:
    """
    How far a pixel lies below its neighbours: the second derivative, d2/dx2 + d2/dy2.

    Parameters
    ----------
    diagonal : bool, optional
        Whether the four diagonal neighbours count too.

    Returns
    -------
    kernel : ndarray of float64, shape (3, 3)
        Adds up to 0.

    Examples
    --------
    >>> print(laplacian())
    [[ 0.  1.  0.]
     [ 1. -4.  1.]
     [ 0.  1.  0.]]
    """
    kernel = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    if diagonal:
        kernel = np.ones((3, 3))
        kernel[1, 1] = -8.0
    return kernel


def flip(kernel: ArrayLike) -> NDArray:
    """
    A kernel turned by 180 degrees: what tells convolution from correlation.

    Parameters
    ----------
    kernel : array_like, shape (..., rows, columns)
        Any weights.

    Returns
    -------
    flipped : ndarray, shape (..., rows, columns)
    """
    return np.flip(kernel, (-2, -1))


def kernels(size: int = 3) -> dict[str, Kernel]:
    """
    The classical kernels of a size, by name.

    Parameters
    ----------
    size : int, optional
        Rows and columns, odd.

    Returns
    -------
    kernels : dict of str to ndarray of float64, shape (size, size)
        Identity, blur and Gaussian at any size; edge, Sobel, Laplacian and sharpen at 3 only.

    Raises
    ------
    InputError
        If `size` is even or below 1.

    Examples
    --------
    >>> list(kernels(5))
    ['identity', 'blur', 'gaussian']
    """
    _check_odd(size, "A classical kernel")
    found = {"identity": identity(size)}
    if size == 3:
        found |= {
            "edge": EDGE.copy(),
            "sobel x": sobel("x"),
            "sobel y": sobel("y"),
            "laplacian": laplacian(),
            "laplacian, diagonal": laplacian(diagonal=True),
            "sharpen": sharpen(),
        }
    return found | {"blur": blur(size), "gaussian": gaussian(size)}


def _check_odd(size: int, what: str) -> None:
    if size < 1 or size % 2 == 0:
        near = f"{size - 1} or {size + 1}" if size > 1 else "1 or 3"
        raise InputError(
            f"{what} has a middle, so its size is odd; take {near} in place of {size}."
        )
