"""The hot computations in JAX: convolution with max pooling, and the affine warp."""

from stormlens.ops._conv_pool import conv_pool
from stormlens.ops._warp import FILL_MODES, warp

__all__ = ["FILL_MODES", "conv_pool", "warp"]
