"""
A dense layer on every window of an image, without gathering the windows first.

It is a convolution whose kernel is as large as a window, whose stride is the
windows' and whose cells lie apart where a pool came before. Features of
neighbouring windows overlap. The native library either reads them where they
are, and adds what blank cells give from a table; or, where many cells of a
window recur in the windows around it, multiplies spectra: windows 8 cells apart
with 44 x 44 cells 3 apart need a ninth of the products that way. Elsewhere XLA
convolves.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stormlens.ops._native import native

_PANEL = 32  # units whose weights the library keeps together
_SIDE = 16  # cells of a tile of spectra along each axis
_SPECTRUM = 382  # products of one such tile


class Windows(NamedTuple):
    """
    Windows of an image.

    Attributes
    ----------
    counts : tuple of int
        Along rows and columns; all lie within the image.
    steps : tuple of int
        Cells of the image from one window to the next.
    dilation : int
        Cells of the image from one cell of a window to the next.
    """

    counts: tuple[int, int]
    steps: tuple[int, int]
    dilation: int


class WindowWeights(NamedTuple):
    """
    A dense layer's weights as `dense_windows` takes them.

    Attributes
    ----------
    kernel : ndarray of float32, shape (rows, columns, C, units)
    bias : ndarray of float32, shape (units,)
    packed : ndarray of float32, shape (panels, rows, columns * C, 32), or None
        The kernel as the native library reads it, with zeros beyond the last unit; None where
        spectra serve.
    """

    kernel: np.ndarray
    bias: np.ndarray
    packed: np.ndarray | None


def window_weights(kernel: np.ndarray, bias: np.ndarray, windows: Windows) -> WindowWeights:
    """
    Make a layer's weights ready.

    Parameters
    ----------
    kernel : ndarray of float32, shape (rows, columns, C, units)
        A dense layer's, in the shape of what was flattened before it.
    bias : ndarray of float32, shape (units,)
    windows : Windows
        What it will be used on.

    Returns
    -------
    weights : WindowWeights
    """
    rows, columns, channels, units = kernel.shape
    if _spectra_pay(kernel.shape[:3], windows):
        return WindowWeights(kernel, bias, None)
    whole = np.pad(kernel, ((0, 0), (0, 0), (0, 0), (0, -units % _PANEL)))
    panels = whole.reshape(rows, columns * channels, -1, _PANEL).transpose(2, 0, 1, 3)
    return WindowWeights(kernel, bias, np.ascontiguousarray(panels))


def _spectra_pay(features: tuple[int, ...], windows: Windows) -> bool:
    """Whether spectra take less than half of the products, and a tile holds what recurs."""
    *cells, channels = features
    tiles = phases = 1
    for count, step, size in zip(windows.counts, windows.steps, cells, strict=True):
        shared = math.gcd(step, windows.dilation)
        residues, between = windows.dilation // shared, step // shared
        kept = _SIDE + 1 - -(-size // between)  # windows of one tile
        if kept < 3:
            return False
        tiles *= residues * -(-count // (residues * kept))
        phases *= between
    direct = math.prod(windows.counts) * math.prod(cells)
    return channels % 16 == 0 and 2 * _SPECTRUM * tiles * phases < direct


def window_replies(weights: WindowWeights, blank: Array) -> Array:
    """
    What blank cells add to each unit.

    Parameters
    ----------
    weights : WindowWeights
    blank : Array of float32, shape (C,)

    Returns
    -------
    replies : Array of float32, shape (panels, rows, columns, 32) or (units,)
        At each place of a window; over all of them where spectra serve.
    """
    if weights.packed is None:
        sums = jnp.sum(weights.kernel, (0, 1))
        return jnp.einsum("cu,c->u", sums, blank, precision=lax.Precision.HIGHEST)
    panels, rows = weights.packed.shape[:2]
    cells = jnp.reshape(weights.packed, (panels, rows, -1, len(blank), _PANEL))
    return jnp.einsum("prkcu,c->prku", cells, blank, precision=lax.Precision.HIGHEST)


def dense_windows(
    image: Array, weights: WindowWeights, blank: Array, replies: Array, *, windows: Windows
) -> Array:
    """
    Outputs of a dense layer for every window.

    Parameters
    ----------
    image : Array of float32, shape (H, W, C)
    weights : WindowWeights
        From `window_weights`.
    blank : Array of float32, shape (C,)
        What a cell of an area without echo holds; such cells, alike to the last bit, are not
        multiplied one by one.
    replies : Array of float32
        What they give instead, from `window_replies`.
    windows : Windows
        As `window_weights` was told.

    Returns
    -------
    outputs : Array of float32, shape (rows, columns, units)
    """
    portable = partial(_portable, windows)
    if not native().available:
        return portable(image, weights, blank, replies)
    call = partial(_native, windows)
    return lax.platform_dependent(image, weights, blank, replies, cpu=call, default=portable)


def _native(
    windows: Windows, image: Array, weights: WindowWeights, blank: Array, replies: Array
) -> Array:
    result = jax.ShapeDtypeStruct((*windows.counts, weights.bias.shape[0]), jnp.float32)
    steps = {
        "row_step": np.int64(windows.steps[0]),
        "column_step": np.int64(windows.steps[1]),
        "dilation": np.int64(windows.dilation),
    }
    if weights.packed is None:
        call = jax.ffi.ffi_call("stormlens_dense_windows_by_spectra", result)
        return call(image, weights.kernel, weights.bias + replies, blank, **steps)
    call = jax.ffi.ffi_call("stormlens_dense_windows", result)
    return call(image, weights.packed, weights.bias, blank, replies, **steps)


def _portable(
    windows: Windows, image: Array, weights: WindowWeights, blank: Array, replies: Array
) -> Array:
    """The same by XLA, which multiplies blank cells too."""
    outputs = lax.conv_general_dilated(
        image[np.newaxis],
        jnp.asarray(weights.kernel),
        windows.steps,
        "VALID",
        rhs_dilation=(windows.dilation, windows.dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )
    return outputs[0, : windows.counts[0], : windows.counts[1]] + weights.bias
