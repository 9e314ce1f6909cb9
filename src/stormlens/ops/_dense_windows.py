"""
A dense layer on every window of an image, without gathering the windows first.

It is a convolution whose kernel is as large as a window, whose stride is the
windows' and whose cells lie apart where a pool came before. Features of
neighbouring windows overlap, so the native library reads them where they are,
and adds what blank cells give from a table; elsewhere XLA convolves.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stormlens.ops._native import native

_PANEL = 32  # units whose weights the library keeps together


class WindowWeights(NamedTuple):
    """
    A dense layer's weights as `dense_windows` takes them.

    Attributes
    ----------
    kernel : ndarray of float32, shape (rows, columns, C, units)
    bias : ndarray of float32, shape (units,)
    packed : ndarray of float32, shape (panels, rows, columns * C, 32)
        The kernel as the native library reads it, with zeros beyond the last unit.
    """

    kernel: np.ndarray
    bias: np.ndarray
    packed: np.ndarray


def window_weights(kernel: np.ndarray, bias: np.ndarray) -> WindowWeights:
    """
    Make a layer's weights ready.

    Parameters
    ----------
    kernel : ndarray of float32, shape (rows, columns, C, units)
        A dense layer's, in the shape of what was flattened before it.
    bias : ndarray of float32, shape (units,)

    Returns
    -------
    weights : WindowWeights
    """
    rows, columns, channels, units = kernel.shape
    whole = np.pad(kernel, ((0, 0), (0, 0), (0, 0), (0, -units % _PANEL)))
    panels = whole.reshape(rows, columns * channels, -1, _PANEL).transpose(2, 0, 1, 3)
    return WindowWeights(kernel, bias, np.ascontiguousarray(panels))


def window_replies(weights: WindowWeights, blank: Array) -> Array:
    """
    What a blank cell adds to each unit, at each place of a window.

    Parameters
    ----------
    weights : WindowWeights
    blank : Array of float32, shape (C,)

    Returns
    -------
    replies : Array of float32, shape (panels, rows, columns, 32)
    """
    panels, rows = weights.packed.shape[:2]
    cells = jnp.reshape(weights.packed, (panels, rows, -1, len(blank), _PANEL))
    return jnp.einsum("prkcu,c->prku", cells, blank, precision=lax.Precision.HIGHEST)


def dense_windows(
    image: Array,
    weights: WindowWeights,
    blank: Array,
    replies: Array,
    *,
    counts: tuple[int, int],
    steps: tuple[int, int],
    dilation: int,
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
    replies : Array of float32, shape (panels, rows, columns, 32)
        What they give instead, from `window_replies`.
    counts : tuple of int
        Windows along rows and columns; all lie within the image.
    steps : tuple of int
        Cells from one window to the next.
    dilation : int
        Cells of the image from one cell of a window to the next.

    Returns
    -------
    outputs : Array of float32, shape (rows, columns, units)
    """
    portable = partial(_portable, counts, steps, dilation)
    if not native().available:
        return portable(image, weights, blank, replies)
    call = partial(_native, counts, steps, dilation)
    return lax.platform_dependent(image, weights, blank, replies, cpu=call, default=portable)


def _native(
    counts: tuple[int, int],
    steps: tuple[int, int],
    dilation: int,
    image: Array,
    weights: WindowWeights,
    blank: Array,
    replies: Array,
) -> Array:
    result = jax.ShapeDtypeStruct((*counts, weights.bias.shape[0]), jnp.float32)
    return jax.ffi.ffi_call("stormlens_dense_windows", result)(
        image,
        weights.packed,
        weights.bias,
        blank,
        replies,
        row_step=np.int64(steps[0]),
        column_step=np.int64(steps[1]),
        dilation=np.int64(dilation),
    )


def _portable(
    counts: tuple[int, int],
    steps: tuple[int, int],
    dilation: int,
    image: Array,
    weights: WindowWeights,
    blank: Array,
    replies: Array,
) -> Array:
    """The same by XLA, which multiplies blank cells too."""
    outputs = lax.conv_general_dilated(
        image[np.newaxis],
        jnp.asarray(weights.kernel),
        steps,
        "VALID",
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )
    return outputs[0, : counts[0], : counts[1]] + weights.bias
