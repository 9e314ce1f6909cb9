"""
Convolution of 3 x 3 with as many outputs as inputs, and its gradients.

What residual blocks are made of: no pool follows, so nothing of the result can be
left out. On a CPU the native library computes it by Winograd's F(6 x 6, 3 x 3)
(Lavin and Gray 2016, CVPR, section 4.1): 36 outputs from 64 products, not 324, at the
cost of about one decimal digit. Both gradients go the same way. Elsewhere, and for
channels that fill no vectors, XLA convolves.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from stormlens.errors import InputError
from stormlens.ops._platform import on_platform
from stormlens.ops._registration import native

_NAME = "stormlens_convolve"
_LANES = 16  # channels that fill the longest vectors


def convolve(images: Array, kernel: Array) -> Array:
    """
    Convolution of stride 1 with zeros around the images.

    Equal to Keras's ``Conv2D(F, 3, padding="same", use_bias=False)``. It works under
    ``jit``, ``vmap`` and ``scan``, and has a gradient.

    Parameters
    ----------
    images : Array of float, shape (N, H, W, C)
    kernel : Array of float, shape (3, 3, C, F)

    Returns
    -------
    convolved : Array of float, shape (N, H, W, F)

    Raises
    ------
    InputError
        If shapes do not fit each other.
    """
    if images.ndim != 4 or kernel.shape[:-1] != (3, 3, images.shape[-1]):
        raise InputError(
            f"convolve: images {images.shape} and kernel {kernel.shape} must have shapes "
            "(N, H, W, C) and (3, 3, C, F)."
        )
    return _convolve(images, kernel)


@jax.custom_vjp
def _convolve(images: Array, kernel: Array) -> Array:
    return _on_platform(_NAME, _portable, kernel.shape, images, kernel)


def _forward(images: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(images, kernel), (images, kernel)


def _backward(residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    images, kernel = residuals
    of_images = partial(_image_gradient, images.shape)
    of_kernel = partial(_kernel_gradient, kernel.shape)
    return (
        _on_platform(f"{_NAME}_image_gradient", of_images, kernel.shape, kernel, gradient),
        _on_platform(f"{_NAME}_kernel_gradient", of_kernel, kernel.shape, images, gradient),
    )


_convolve.defvjp(_forward, _backward)


def _on_platform(
    name: str, portable: Callable[..., Array], shape: tuple[int, ...], *operands: Array
) -> Array:
    """Natively on a CPU, where the kernel's shape fills vectors, and in XLA's terms elsewhere."""
    is_filled = all(n > 0 and n % _LANES == 0 for n in shape[2:])
    is_single = all(a.dtype == jnp.float32 for a in operands)
    if not (is_filled and is_single and native().available):
        return portable(*operands)
    result = jax.eval_shape(portable, *operands)
    call = jax.ffi.ffi_call(name, result, vmap_method="broadcast_all")
    return on_platform(call, portable, *operands)


def _portable(images: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(
        images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _image_gradient(shape: tuple[int, ...], kernel: Array, gradient: Array) -> Array:
    (of_images,) = jax.linear_transpose(
        lambda images: _portable(images, kernel), jax.ShapeDtypeStruct(shape, gradient.dtype)
    )(gradient)
    return of_images


def _kernel_gradient(shape: tuple[int, ...], images: Array, gradient: Array) -> Array:
    (of_kernel,) = jax.linear_transpose(
        lambda kernel: _portable(images, kernel), jax.ShapeDtypeStruct(shape, gradient.dtype)
    )(gradient)
    return of_kernel
