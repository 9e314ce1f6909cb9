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
from stormlens.ops._platform import by_library

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
    shape = (*images.shape[:3], kernel.shape[3])
    return _computed(_NAME, shape, _portable, kernel.shape, images, kernel)


def _forward(images: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(images, kernel), (images, kernel)


def _backward(residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    images, kernel = residuals
    image_shape, kernel_shape = images.shape, kernel.shape
    of_images = partial(_image_gradient, image_shape)
    of_kernel = partial(_kernel_gradient, kernel_shape)
    by_images, by_kernel = f"{_NAME}_image_gradient", f"{_NAME}_kernel_gradient"
    return (
        _computed(by_images, image_shape, of_images, kernel_shape, kernel, gradient),
        _computed(by_kernel, kernel_shape, of_kernel, kernel_shape, images, gradient),
    )


_convolve.defvjp(_forward, _backward)


def _computed(
    name: str,
    shape: tuple[int, ...],
    portable: Callable[..., Array],
    kernel: tuple[int, ...],
    *operands: Array,
) -> Array:
    """By the library where the kernel's channels and filters fill whole vectors."""
    if any(n == 0 or n % _LANES for n in kernel[2:]):
        return portable(*operands)
    return by_library(name, jax.ShapeDtypeStruct(shape, jnp.float32), portable, *operands)


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
