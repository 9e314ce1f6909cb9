"""The hot computations in JAX: convolution with max pooling, affine warp, dense layer, Adam."""

from stormlens.ops._adam import AdamSettings, adam
from stormlens.ops._conv_pool import conv_pool
from stormlens.ops._convolve import convolve
from stormlens.ops._dense import FusedStep, fuse_step, matmul
from stormlens.ops._registration import Native, native
from stormlens.ops._sliding import PortableSliding
from stormlens.ops._warp import FILL_MODES, warp

__all__ = [
    "FILL_MODES",
    "AdamSettings",
    "FusedStep",
    "Native",
    "PortableSliding",
    "adam",
    "conv_pool",
    "convolve",
    "fuse_step",
    "matmul",
    "native",
    "warp",
]
