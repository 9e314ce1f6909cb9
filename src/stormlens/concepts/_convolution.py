"""
Convolution: one small sum, repeated at every place, and four ways to compute it.

y[i, j] = sum_uv k[u, v] x[i + u, j + v] is a correlation, what a Keras layer
computes. A convolution proper turns the kernel by 180 degrees first, as
`scipy.signal.convolve` does: k[u, v] becomes k[-u, -v]. For a symmetric kernel the
two are the same; for any other, say which you mean.

The four ways give the same numbers, to rounding, at different prices:

- direct: for each weight, the image shifted and multiplied, added up;
- gemm: each window copied into a row of a matrix, then one product of matrices;
- fft: transformed, multiplied value by value, transformed back;
- winograd: for 3 x 3 kernels, four outputs from 16 products instead of 36.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from stormlens.concepts._kernels import flip
from stormlens.concepts._winograd import winograd
from stormlens.errors import InputError, unknown

MODES: tuple[str, ...] = ("valid", "same", "full")
"""What happens at the edge: only whole windows, an image of equal size, or every overlap."""


def correlate(
    image: ArrayLike, kernel: ArrayLike, mode: str = "valid", method: str = "direct"
) -> NDArray[np.float64]:
    """
    Slide a kernel over an image without turning it, as a Keras layer does.

    Parameters
    ----------
    image : array_like, shape (y, x)
        Any numbers, such as dBZ.
    kernel : array_like, shape (rows, columns) or (n, rows, columns)
        Weights of one kernel, or of n at once, as a layer has them.
    mode : {"valid", "same", "full"}, optional
        Only places where the whole kernel lies on the image; as many places as the image has,
        with zeros around it, where an even kernel lies as Keras lays it; or every place where
        the two overlap.
    method : {"direct", "gemm", "fft", "winograd"}, optional
        How it is computed; the numbers are the same to rounding.

    Returns
    -------
    response : ndarray of float64
        Shape (y - rows + 1, x - columns + 1), (y, x) or (y + rows - 1, x + columns - 1); with n
        in front where there are n kernels.

    Raises
    ------
    InputError
        If image or kernel has another number of dimensions, the kernel is larger than the image,
        there is no such mode or method, or it is Winograd's and the kernel is not 3 x 3.

    Examples
    --------
    >>> print(correlate([[1, 2, 3], [4, 5, 6]], [[0, 1], [0, 0]]))  # picks the right neighbour
    [[2. 3.]]
    """
    return _respond(image, kernel, mode, method, turned=False)


def convolve(
    image: ArrayLike, kernel: ArrayLike, mode: str = "valid", method: str = "direct"
) -> NDArray[np.float64]:
    """
    Turn a kernel by 180 degrees and slide it over an image, as `scipy.signal.convolve` does.

    Parameters
    ----------
    image, kernel, mode, method
        As for `correlate`.

    Returns
    -------
    response : ndarray of float64
        Of the shape that `correlate` gives.

    Raises
    ------
    InputError
        As `correlate`.

    Examples
    --------
    >>> print(convolve([[1, 2, 3], [4, 5, 6]], [[0, 1], [0, 0]]))  # picks the lower left one
    [[4. 5.]]
    """
    return _respond(image, kernel, mode, method, turned=True)


def _respond(
    image: ArrayLike, kernel: ArrayLike, mode: str, method: str, *, turned: bool
) -> NDArray[np.float64]:
    values, weights = _checked(image, kernel)
    if method not in METHODS:
        raise unknown("convolution method", method, METHODS)
    padded = _padded(values, weights.shape[-2:], mode, turned=turned)
    stack = (flip(weights) if turned else weights).reshape(-1, *weights.shape[-2:])
    response = METHODS[method](padded, stack)
    return response[0] if weights.ndim == 2 else response


def _checked(image: ArrayLike, kernel: ArrayLike) -> tuple[NDArray, NDArray]:
    values, weights = np.asarray(image, float), np.asarray(kernel, float)
    if values.ndim != 2 or not values.size:
        raise InputError(f"A convolution takes one image (y, x), not shape {values.shape}.")
    if weights.ndim not in (2, 3) or not weights.size:
        raise InputError(
            f"A kernel has shape (rows, columns), several (n, rows, columns); not {weights.shape}."
        )
    check_fits(weights.shape[-2:], values.shape)
    return values, weights


def check_fits(kernel_shape: tuple[int, ...], image_shape: tuple[int, ...]) -> None:
    """Refuse a kernel with more rows or columns than the image."""
    if any(k > n for k, n in zip(kernel_shape, image_shape, strict=True)):
        kernel, image = (" x ".join(map(str, shape)) for shape in (kernel_shape, image_shape))
        raise InputError(f"A kernel of {kernel} is larger than the image of {image}.")


def _padded(image: NDArray, kernel_shape: tuple[int, ...], mode: str, *, turned: bool) -> NDArray:
    """The image with the zeros around it that make every mode a valid one."""
    if mode not in MODES:
        raise unknown("convolution mode", mode, MODES)
    if mode == "valid":
        return image
    margins = []
    for size in kernel_shape:
        whole = size - 1
        # An even kernel has no middle. Turned, the spare row comes first, as in SciPy; straight,
        # it comes last, as in Keras.
        first = (whole + 1) // 2 if turned else whole // 2
        margins.append((whole, whole) if mode == "full" else (first, whole - first))
    return np.pad(image, margins)


@dataclass(frozen=True)
class Step:
    """
    One output pixel of a convolution, taken apart.

    Attributes
    ----------
    window : ndarray, shape (rows, columns)
        Pixels under the kernel.
    kernel : ndarray of float64, shape (rows, columns)
        Weights as they lie on the pixels: turned already, if it is a convolution.
    products : ndarray of float64, shape (rows, columns)
        Pixel times weight.
    total : float
        Their sum: the output pixel.
    """

    window: NDArray
    kernel: NDArray[np.float64]
    products: NDArray[np.float64]
    total: float


def convolution_step(
    image: ArrayLike, kernel: ArrayLike, row: int, column: int, *, turned: bool = False
) -> Step:
    """
    Work out one output pixel, in mode valid, by the definition.

    Parameters
    ----------
    image : array_like, shape (y, x)
        Any numbers.
    kernel : array_like, shape (rows, columns)
        Weights.
    row, column : int
        Of the output pixel, from 0; also the window's first row and column in the image.
    turned : bool, optional
        Whether the kernel is turned by 180 degrees first: `convolve` in place of `correlate`.

    Returns
    -------
    step : Step

    Raises
    ------
    InputError
        As `correlate`, or if there is no such output pixel.

    Examples
    --------
    >>> step = convolution_step([[1, 2], [3, 4]], [[10, 0], [0, 1]], 0, 0)
    >>> print(step.products.tolist(), step.total)
    [[10.0, 0.0], [0.0, 4.0]] 14.0
    """
    values, weights = _checked(image, kernel)
    if weights.ndim != 2:
        raise InputError("One output pixel is worked out for one kernel; choose one.")
    rows, columns = _places(values, weights)
    if not (0 <= row < rows and 0 <= column < columns):
        raise InputError(
            f"There is no output pixel ({row}, {column}); rows go from 0 to {rows - 1} and "
            f"columns from 0 to {columns - 1}."
        )
    used = flip(weights) if turned else weights
    window = np.asarray(image)[row : row + used.shape[0], column : column + used.shape[1]]
    products = window * used + 0.0  # no -0 to print
    return Step(window, used, products, float(products.sum()))


def im2col(image: ArrayLike, kernel_shape: tuple[int, int]) -> NDArray:
    """
    Copy every window of an image into a row of a matrix ("image to columns", transposed).

    The matrix times the kernel's weights, as one column, is the whole correlation.

    Parameters
    ----------
    image : array_like, shape (y, x)
        Any numbers.
    kernel_shape : tuple of int
        Rows and columns of a window.

    Returns
    -------
    matrix : ndarray, shape (places, rows * columns)
        Places row by row.

    Raises
    ------
    InputError
        If the window is larger than the image.

    References
    ----------
    .. [1] Chellapilla, Puri and Simard (2006), High performance convolutional neural networks
       for document processing, IWFHR 10.

    Examples
    --------
    >>> print(im2col([[1, 2, 3], [4, 5, 6]], (2, 2)))
    [[1 2 4 5]
     [2 3 5 6]]
    """
    values = np.asarray(image)
    _checked(values, np.ones(kernel_shape))
    return sliding_window_view(values, kernel_shape).reshape(-1, kernel_shape[0] * kernel_shape[1])


def _places(image: NDArray, kernels: NDArray) -> tuple[int, int]:
    """Rows and columns of the output in mode valid."""
    rows, columns = kernels.shape[-2:]
    return image.shape[0] - rows + 1, image.shape[1] - columns + 1


def _direct(image: NDArray, kernels: NDArray) -> NDArray:
    """For each weight, the image that its places see, times the weight."""
    rows, columns = _places(image, kernels)
    total = np.zeros((len(kernels), rows, columns))
    for kernel, response in zip(kernels, total, strict=True):
        for (u, v), weight in np.ndenumerate(kernel):
            response += weight * image[u : u + rows, v : v + columns]
    return total


def _gemm(image: NDArray, kernels: NDArray) -> NDArray:
    """One product of matrices: windows in rows, kernels in columns."""
    windows = im2col(image, kernels.shape[1:])
    response = kernels.reshape(len(kernels), -1) @ windows.T
    return response.reshape(-1, *_places(image, kernels))


def _fft(image: NDArray, kernels: NDArray) -> NDArray:
    """A product of spectra; wrapped-around sums are cut off, the valid ones are left."""
    shape = tuple(fft.next_fast_len(size, real=True) for size in image.shape)
    spectrum = fft.rfft2(image, shape) * fft.rfft2(kernels[:, ::-1, ::-1], shape)
    rows, columns = kernels.shape[1:]
    whole = fft.irfft2(spectrum, shape)
    return whole[:, rows - 1 : image.shape[0], columns - 1 : image.shape[1]]


METHODS: dict[str, Callable[[NDArray, NDArray], NDArray]] = {
    "direct": _direct,
    "gemm": _gemm,
    "fft": _fft,
    "winograd": winograd,
}
"""Ways to correlate an image (y, x) with kernels (n, rows, columns) in mode valid, by name."""
