"""
`conv_pool` by the native library, through XLA's foreign function interface.

Under `vmap` every operand gets the batch in front, and the library computes its
members in turn, each on all threads.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from stormlens.ops._conv_pool_spec import Masks, Spec
from stormlens.ops._registration import native

_POOLS = (2, 3)


def serves(spec: Spec, *arrays: Array) -> bool:
    """
    Whether the native library can compute this.

    Parameters
    ----------
    spec : Spec
        Its pool must be 2 or 3.
    *arrays : Array
        Must be float32 or, as images, uint8.

    Returns
    -------
    served : bool
    """
    types = all(array.dtype in (jnp.float32, jnp.uint8) for array in arrays)
    return types and spec.pool in _POOLS and native().available


def pooled(spec: Spec, images: Array, kernel: Array, bias: Array, masks: Masks) -> Array:
    """
    Pooled maps alone; as `_conv_pool_portable.pooled`.

    Parameters
    ----------
    spec, images, kernel, bias, masks
        As for `conv_pool`.

    Returns
    -------
    pooled : Array of float32, shape (N, h, w, F)
    """
    shape = _pooled_shape(spec, images, kernel)
    return _call("stormlens_conv_pool", shape, spec, images, kernel, bias, *masks)


def pooled_and_argmax(
    spec: Spec, images: Array, kernel: Array, bias: Array, masks: Masks
) -> tuple[Array, Array]:
    """
    Pooled maps and argmax; as `_conv_pool_portable.pooled_and_argmax`.

    Parameters
    ----------
    spec, images, kernel, bias, masks
        As for `conv_pool`.

    Returns
    -------
    pooled : Array of float32, shape (N, h, w, F)
    argmax : Array of uint8, shape (N, h, w, F)
    """
    shape = _pooled_shape(spec, images, kernel)
    results = (shape, jax.ShapeDtypeStruct(shape.shape, jnp.uint8))
    return tuple(_call("stormlens_conv_pool_argmax", results, spec, images, kernel, bias, *masks))


def weight_gradient(
    spec: Spec, images: Array, kernel: Array, masks: Masks, argmax: Array, gradient: Array
) -> tuple[Array, Array]:
    """
    Gradients of kernel and bias; as `_conv_pool_portable.weight_gradient`.

    Parameters
    ----------
    spec, images, kernel, masks, argmax, gradient
        As there.

    Returns
    -------
    kernel_gradient : Array of float32, shape (k, l, C, F)
    bias_gradient : Array of float32, shape (F,)
    """
    results = tuple(
        jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (kernel.shape, kernel.shape[3:])
    )
    name = "stormlens_conv_pool_weight_gradient"
    return tuple(_call(name, results, spec, images, *masks, argmax, gradient))


def image_gradient(
    spec: Spec, images: Array, kernel: Array, masks: Masks, argmax: Array, gradient: Array
) -> Array:
    """
    Gradient of the images; as `_conv_pool_portable.image_gradient`.

    Parameters
    ----------
    spec, images, kernel, masks, argmax, gradient
        As there.

    Returns
    -------
    image_gradient : Array of float32, shape (N, H, W, C)
    """
    result = jax.ShapeDtypeStruct(images.shape, jnp.float32)
    name = "stormlens_conv_pool_image_gradient"
    return _call(name, result, spec, images, kernel, *masks, argmax, gradient)


def _pooled_shape(spec: Spec, images: Array, kernel: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((len(images), *spec.pooled, kernel.shape[3]), jnp.float32)


def _call(name: str, results: Any, spec: Spec, *operands: Array) -> Any:
    rows, columns = spec.padding
    return jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")(
        *operands,
        pool=np.int64(spec.pool),
        rows_before=np.int64(rows[0]),
        rows_after=np.int64(rows[1]),
        columns_before=np.int64(columns[0]),
        columns_after=np.int64(columns[1]),
        relu=np.bool_(spec.relu),
        low=np.float32(spec.bounds[0]),
        high=np.float32(spec.bounds[1]),
    )
