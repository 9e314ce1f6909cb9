"""
One affine warp a sample with bilinear interpolation.

Values equal `scipy.ndimage.affine_transform` of order 1, which Keras's
ImageDataGenerator calls, in each of its four fill modes. On a CPU the native
library computes it.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from stormlens.errors import InputError, unknown
from stormlens.ops._platform import on_platform
from stormlens.ops._registration import native

FILL_MODES: tuple[str, ...] = ("reflect", "nearest", "constant", "wrap")


def warp(images: Array, matrices: Array, fill_mode: str = "reflect", cval: float = 0.0) -> Array:
    """
    Sample each image where its affine map sends the output's pixels.

    Parameters
    ----------
    images : Array, shape (N, H, W)
        Any real type.
    matrices : Array of float, shape (N, 2, 3)
        Output pixel (row, column, 1) to input (row, column), in pixels.
    fill_mode : {"reflect", "nearest", "constant", "wrap"}, optional
        What lies beyond the edge. As in SciPy, ``reflect`` repeats the edge pixel, and
        ``wrap`` has period H - 1 (first and last row coincide).
    cval : float, optional
        Value beyond the edge for ``constant``.

    Returns
    -------
    warped : Array of float32, shape (N, H, W)

    Raises
    ------
    InputError
        If `fill_mode` is unknown, or shapes do not fit each other.
    """
    if fill_mode not in FILL_MODES:
        raise unknown("fill mode", fill_mode, FILL_MODES)
    if images.ndim != 3 or matrices.shape != (len(images), 2, 3) or 0 in images.shape[1:]:
        raise InputError(
            f"warp: images {images.shape} and matrices {matrices.shape} must have shapes "
            "(N, H, W) and (N, 2, 3)."
        )
    matrices = matrices.astype(jnp.float32)
    portable = partial(_portable, fill_mode, cval)
    if images.dtype not in (jnp.float32, jnp.uint8) or not native().available:
        return portable(images, matrices)
    return _on_platform(fill_mode, cval, images, matrices)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _on_platform(fill_mode: str, cval: float, images: Array, matrices: Array) -> Array:
    native_version = partial(_native, fill_mode, cval)
    return on_platform(native_version, partial(_portable, fill_mode, cval), images, matrices)


@_on_platform.defjvp
def _tangent(
    fill_mode: str, cval: float, primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    """XLA differentiates the portable version; training never asks for it."""
    return jax.jvp(partial(_portable, fill_mode, cval), primals, tangents)


def _native(fill_mode: str, cval: float, images: Array, matrices: Array) -> Array:
    result = jax.ShapeDtypeStruct(images.shape, jnp.float32)
    call = jax.ffi.ffi_call("stormlens_warp", result, vmap_method="broadcast_all")
    fill = np.int64(FILL_MODES.index(fill_mode))
    return call(images, matrices, fill=fill, cval=np.float32(cval))


def _portable(fill_mode: str, cval: float, images: Array, matrices: Array) -> Array:
    n, height, width = images.shape
    rows, columns = jnp.meshgrid(
        jnp.arange(height, dtype=jnp.float32), jnp.arange(width, dtype=jnp.float32), indexing="ij"
    )
    grid = jnp.stack([rows.ravel(), columns.ravel(), jnp.ones(height * width)])
    # Spelled out rather than matmul, whose precision on accelerators is too low for coordinates.
    source = (matrices[:, :, :, None] * grid[None, None]).sum(2)
    row, row_inside = _fold(source[:, 0], height, fill_mode)
    column, column_inside = _fold(source[:, 1], width, fill_mode)
    values = _bilinear(images, row, column)
    if fill_mode == "constant":
        values = jnp.where(row_inside & column_inside, values, cval)
    return values.reshape(n, height, width)


def _fold(coordinate: Array, size: int, fill_mode: str) -> tuple[Array, Array]:
    """Bring coordinates into [0, size - 1], and say which lay there already."""
    last = size - 1.0
    inside = (coordinate >= 0) & (coordinate <= last)
    if fill_mode == "wrap":
        period = max(last, 1.0)
        # As in SciPy, whole periods before the first row give the last one.
        before = coordinate + period * (jnp.floor(-coordinate / period) + 1)
        beyond = jnp.where(coordinate < 0, before, jnp.mod(coordinate, period))
        folded = jnp.where(inside, coordinate, beyond)
    elif fill_mode == "reflect":
        # Symmetric about the outer edges of the first and last pixel, at -0.5 and size - 0.5.
        cycle = jnp.mod(coordinate + 0.5, 2 * size)
        folded = jnp.minimum(cycle, 2 * size - cycle) - 0.5
    else:
        folded = coordinate
    return jnp.clip(folded, 0, last), inside


def _bilinear(images: Array, row: Array, column: Array) -> Array:
    """Interpolate (N, H, W) images at (N, P) coordinates within them."""
    n, height, width = images.shape
    top = jnp.clip(jnp.floor(row).astype(jnp.int32), 0, max(height - 2, 0))
    left = jnp.clip(jnp.floor(column).astype(jnp.int32), 0, max(width - 2, 0))
    down, across = row - top, column - left
    flat = images.reshape(-1)
    corner = jnp.arange(n)[:, None] * (height * width) + top * width + left
    below, right = (width if height > 1 else 0), (1 if width > 1 else 0)

    def at(step: int) -> Array:
        return flat[corner + step].astype(jnp.float32)

    upper = at(0) * (1 - across) + at(right) * across
    lower = at(below) * (1 - across) + at(below + right) * across
    return upper * (1 - down) + lower * down
