"""
A dense layer on every window of an image, without gathering the windows first.

It is a convolution whose kernel is as large as a window, whose stride is the
windows' and whose cells lie apart where a pool came before. Cells recur in the
windows around: the native library multiplies spectra of 16 x 16 cells, which
for windows 8 cells apart with 44 x 44 cells 3 apart takes a ninth of the
products. Elsewhere XLA convolves.

Mathieu, Henaff and LeCun (2014), Fast training of convolutional networks
through FFTs, ICLR.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stormlens.ops._native import native
from stormlens.ops._platform import on_platform
from stormlens.ops._windows import Windows

_SIDE = 16  # cells of a tile along each axis
_PRODUCTS = 382  # of the spectra of one tile
_LANES = 16  # channels are filled up to whole vectors


def spectra_pay(windows: Windows, channels: int) -> bool:
    """
    Whether `dense_windows` takes less than half of the products that gathered windows take.

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


def dense_windows(image: Array, kernel: Array, bias: Array, *, windows: Windows) -> Array:
    """
    Outputs of a dense layer for every window.

    Parameters
    ----------
    image : Array of float32, shape (H, W, C)
    kernel : Array of float32, shape (cell rows, cell columns, C, units)
        The layer's weights in the shape of what was flattened before it.
    bias : Array of float32, shape (units,)
    windows : Windows
        Such that `spectra_pay`.

    Returns
    -------
    outputs : Array of float32, shape (rows, columns, units)
    """
    portable = partial(_portable, windows)
    if not native().available:
        return portable(image, kernel, bias)
    call = partial(_native, windows)
    return on_platform(call, portable, image, kernel, bias)


def _native(windows: Windows, image: Array, kernel: Array, bias: Array) -> Array:
    result = jax.ShapeDtypeStruct((*windows.counts, bias.shape[0]), jnp.float32)
    return jax.ffi.ffi_call("stormlens_dense_windows", result)(
        image,
        kernel,
        bias,
        row_step=np.int64(windows.steps[0]),
        column_step=np.int64(windows.steps[1]),
        dilation=np.int64(windows.dilation),
    )


def _portable(windows: Windows, image: Array, kernel: Array, bias: Array) -> Array:
    outputs = lax.conv_general_dilated(
        image[np.newaxis],
        kernel,
        windows.steps,
        "VALID",
        rhs_dilation=(windows.dilation, windows.dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )
    return outputs[0, : windows.counts[0], : windows.counts[1]] + bias
