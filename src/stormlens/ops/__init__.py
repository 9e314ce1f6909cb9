"""The hot computations in JAX: convolution with max pooling, affine warp, dense layer, Adam."""

from stormlens.ops._adam import AdamSettings, adam
from stormlens.ops._conv_pool import conv_pool
from stormlens.ops._convolve import convolve
from stormlens.ops._dense import Tapped, matmul, tap
from stormlens.ops._dense_windows import dense_windows, spectra_pay
from stormlens.ops._everywhere import Everywhere, blank_reply, conv_pool_everywhere, everywhere
from stormlens.ops._native import Native, native
from stormlens.ops._warp import FILL_MODES, warp
from stormlens.ops._windows import Windows, gather_windows

__all__ = [
    "FILL_MODES",
    "AdamSettings",
    "Everywhere",
    "Native",
    "Tapped",
    "Windows",
    "adam",
    "blank_reply",
    "conv_pool",
    "conv_pool_everywhere",
    "convolve",
    "dense_windows",
    "everywhere",
    "gather_windows",
    "matmul",
    "native",
    "spectra_pay",
    "tap",
    "warp",
]
