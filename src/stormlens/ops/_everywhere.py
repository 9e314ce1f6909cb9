"""
Convolution with a max pool at every position, or where windows look, of an image's phase.

What sliding windows need: a pool of side p that starts at every cell, not at
every p-th one, and an image looked at every `step` cells, which is what an
earlier pool left of it. On a CPU the native library does it, kernels of 3 x 3
by Winograd's F(6 x 6, 3 x 3): 36 outputs from 64 products, not 324, at the cost
of about one decimal digit. Where the image is blank the reply is known
and nothing is computed. Elsewhere XLA convolves.

A tile of 8 x 8 inputs d and a 3 x 3 kernel g give A^T [(G g G^T) * (B^T d B)] A.
Lavin and Gray (2016), Fast algorithms for convolutional neural networks, CVPR,
section 4.1; `stormlens.concepts` has the smaller F(2 x 2, 3 x 3) step by step.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stormlens.ops._native import native
from stormlens.ops._platform import on_platform
from stormlens.ops._windows import Windows, gather_windows

_PANEL = 32  # filters whose weights the library keeps together
_G = np.array(
    [
        [1, 0, 0],
        [-2 / 9, -2 / 9, -2 / 9],
        [-2 / 9, 2 / 9, -2 / 9],
        [1 / 90, 1 / 45, 2 / 45],
        [1 / 90, -1 / 45, 2 / 45],
        [32 / 45, 16 / 45, 8 / 45],
        [32 / 45, -16 / 45, 8 / 45],
        [0, 0, 1],
    ]
)


class Everywhere(NamedTuple):
    """
    A layer's weights as `conv_pool_everywhere` takes them.

    Attributes
    ----------
    kernel : ndarray of float32, shape (rows, columns, C, F)
    bias : ndarray of float32, shape (F,)
    packed : ndarray of float32, shape (panels, 64 or 1, C or taps, 32)
        The kernel as the native library reads it, with zeros beyond the last filter.
    """

    kernel: np.ndarray
    bias: np.ndarray
    packed: np.ndarray


def everywhere(kernel: np.ndarray, bias: np.ndarray) -> Everywhere:
    """
    Make a layer's weights ready.

    Parameters
    ----------
    kernel : ndarray of float, shape (rows, columns, C, F)
    bias : ndarray of float, shape (F,)

    Returns
    -------
    weights : Everywhere
    """
    rows, columns, channels, filters = kernel.shape
    if _is_winograd(kernel.shape):
        places = np.einsum("ri,cj,ijkf->rckf", _G, _G, kernel.astype(np.float64))
        places = places.reshape(-1, channels, filters)
    else:
        places = kernel.reshape(1, rows * columns * channels, filters)
    beyond = -filters % _PANEL
    whole = np.pad(places, ((0, 0), (0, 0), (0, beyond)))
    panels = whole.reshape(*places.shape[:2], -1, _PANEL).transpose(2, 0, 1, 3)
    packed = np.ascontiguousarray(panels, np.float32)
    return Everywhere(kernel.astype(np.float32), bias.astype(np.float32), packed)


def conv_pool_everywhere(
    image: Array,
    start: Array,
    weights: Everywhere,
    blank: Array,
    reply: Array,
    room: Array | None = None,
    *,
    step: int,
    windows: Windows,
    pool: int,
    relu: bool,
) -> Array:
    """
    Convolution, activation and a max pool of stride 1, without padding, for windows.

    Parameters
    ----------
    image : Array of float32, shape (H, W, C)
        Cells beyond it count as zero.
    start : Array of int32, shape (2,)
        First row and column looked at, 0 or more.
    weights : Everywhere
        From `everywhere`.
    blank : Array of float32, shape (C,)
        What a cell of an area without echo holds.
    reply : Array of float32, shape (F,)
        What the layer makes of such an area, from `blank_reply`; it is put wherever a patch holds
        nothing but `blank`, bit for bit.
    room : Array of float32, shape (rows, columns, features), optional
        Memory that the result may take, where the caller donates it: fresh memory takes longer
        to come by than its content to compute.
    step : int
        Cells from one looked at to the next, 1 or more.
    windows : Windows
        Of the pooled cells. Windows of one cell, side by side, are these cells themselves.
    pool : int
        Side of the pool window; 1 for no pool.
    relu : bool
        Whether negative values become 0.

    Returns
    -------
    pooled : Array of float32, shape (rows, columns, cell rows * cell columns * F)
        Of each window, as `gather_windows` has them.
    """
    operands = (image, start, weights, blank, reply, room)
    portable = partial(_portable, step, windows, pool, relu)
    if not native().available:
        return portable(*operands)
    call = partial(_native, step, windows, pool, relu)
    return on_platform(call, portable, *operands)


def blank_reply(weights: Everywhere, blank: Array, relu: bool) -> Array:
    """
    What a convolution makes of an area that holds the same values everywhere.

    Parameters
    ----------
    weights : Everywhere
    blank : Array of float32, shape (C,)
    relu : bool

    Returns
    -------
    reply : Array of float32, shape (F,)
    """
    reply = jnp.sum(jnp.sum(weights.kernel, (0, 1)) * blank[:, None], 0) + weights.bias
    return jnp.maximum(reply, 0) if relu else reply


def _is_winograd(kernel: tuple[int, ...]) -> bool:
    """Whether Winograd's way pays: sixteen channels fill the longest vectors."""
    return kernel[:2] == (3, 3) and kernel[2] % 16 == 0


def _native(
    step: int,
    windows: Windows,
    pool: int,
    relu: bool,
    image: Array,
    start: Array,
    weights: Everywhere,
    blank: Array,
    reply: Array,
    room: Array | None,
) -> Array:
    rows, columns, _, filters = weights.kernel.shape
    features = math.prod(windows.cells) * filters
    result = jax.ShapeDtypeStruct((*windows.counts, features), jnp.float32)
    padded = jnp.pad(weights.bias, (0, -filters % _PANEL))
    call = jax.ffi.ffi_call(
        "stormlens_conv_pool_everywhere",
        result,
        input_output_aliases={} if room is None else {6: 0},
    )
    return call(
        image,
        start,
        weights.packed,
        padded,
        blank,
        reply,
        jnp.zeros(0) if room is None else room,
        step=np.int64(step),
        kernel_rows=np.int64(rows),
        kernel_columns=np.int64(columns),
        pool=np.int64(pool),
        relu=np.bool_(relu),
        winograd=np.bool_(_is_winograd(weights.kernel.shape)),
        row_step=np.int64(windows.steps[0]),
        column_step=np.int64(windows.steps[1]),
        dilation=np.int64(windows.dilation),
        window_rows=np.int64(windows.cells[0]),
        window_columns=np.int64(windows.cells[1]),
    )


def _portable(
    step: int,
    windows: Windows,
    pool: int,
    relu: bool,
    image: Array,
    start: Array,
    weights: Everywhere,
    blank: Array,
    reply: Array,
    room: Array | None,
) -> Array:
    """The same by XLA, which computes blank patches too."""
    sizes = [
        n + pool - 1 + k - 1 for n, k in zip(windows.extents, weights.kernel.shape[:2], strict=True)
    ]
    spans = [step * (size - 1) + 1 for size in sizes]
    room = jnp.pad(image, ((0, spans[0]), (0, spans[1]), (0, 0)))
    phase = lax.dynamic_slice(room, (start[0], start[1], 0), (*spans, image.shape[2]))
    convolved = lax.conv_general_dilated(
        phase[None, ::step, ::step],
        jnp.asarray(weights.kernel),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )
    values = convolved[0] + weights.bias
    if relu:
        values = jnp.maximum(values, 0)
    pooled = lax.reduce_window(values, -jnp.inf, lax.max, (pool, pool, 1), (1, 1, 1), "VALID")
    return gather_windows(pooled, windows)
