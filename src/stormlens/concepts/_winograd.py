"""
Winograd's F(2 x 2, 3 x 3): four outputs of a 3 x 3 kernel from 16 products, not 36.

In one dimension, two outputs of three weights need 4 products instead of 6.
With inputs d0 to d3 and weights g0 to g2:

    m1 = (d0 - d2) g0                  m2 = (d1 + d2) (g0 + g1 + g2) / 2
    m4 = (d1 - d3) g2                  m3 = (d2 - d1) (g0 - g1 + g2) / 2
    y0 = m1 + m2 + m3 = d0 g0 + d1 g1 + d2 g2
    y1 = m2 - m3 - m4 = d1 g0 + d2 g1 + d3 g2

What is added to the inputs, weights and products are the matrices B, G and A;
used on rows and columns both, they make the two-dimensional version. Factors of
a half fall on the kernel alone and are paid once for the whole image.

Lavin and Gray (2016), Fast algorithms for convolutional neural networks, CVPR,
section 4.1; Winograd (1980), Arithmetic complexity of computations, SIAM.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stormlens.errors import InputError

WINOGRAD_B: NDArray[np.float64] = np.array(
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, -1.0, 1.0], [-1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, -1.0]]
)
"""Sums of inputs: tile d becomes B^T d B."""

WINOGRAD_G: NDArray[np.float64] = np.array(
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]]
)
"""Sums of weights: kernel g becomes G g G^T."""

WINOGRAD_A: NDArray[np.float64] = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, -1.0], [0.0, -1.0]])
"""Sums of products: tile m becomes A^T m A."""


def check_3x3(kernel_shape: tuple[int, ...]) -> None:
    """Refuse a kernel that the matrices above are not made for."""
    if tuple(kernel_shape) != (3, 3):
        size = " x ".join(map(str, kernel_shape))
        raise InputError(
            f"Winograd's method is made for kernels of 3 x 3, not {size}; take gemm or fft."
        )


def winograd(image: NDArray, kernels: NDArray) -> NDArray:
    """Correlation in mode valid with kernels (n, 3, 3), in tiles of 2 x 2 outputs."""
    check_3x3(kernels.shape[1:])
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    even = np.pad(image, ((0, rows % 2), (0, columns % 2)))  # whole tiles; the surplus is cut off
    tiles = sliding_window_view(even, (4, 4))[::2, ::2]
    weights = WINOGRAD_G @ kernels @ WINOGRAD_G.T
    products = (WINOGRAD_B.T @ tiles @ WINOGRAD_B) * weights[:, None, None]
    outputs = WINOGRAD_A.T @ products @ WINOGRAD_A
    n, down, across = outputs.shape[:3]
    whole = outputs.transpose(0, 1, 3, 2, 4).reshape(n, 2 * down, 2 * across)
    return whole[:, :rows, :columns]
