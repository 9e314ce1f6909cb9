"""The hot computations in JAX: convolution with max pooling, affine warp, dense layer, Adam."""

from stormlens.ops._adam import AdamSettings, Product, adam
from stormlens.ops._conv_pool import conv_pool
from stormlens.ops._dense import Tapped, matmul, tap
from stormlens.ops._native import Native, native
from stormlens.ops._warp import FILL_MODES, warp

__all__ = [
    "FILL_MODES",
    "AdamSettings",
    "Native",
    "Product",
    "Tapped",
    "adam",
    "conv_pool",
    "matmul",
    "native",
    "tap",
    "warp",
]
