"""
Convolution followed by max pooling, with a gradient that visits each argmax only.

A p x p max pool keeps one of p*p convolution outputs, so the gradient of all the
others is zero. Frameworks store, scan and multiply those zeros. Here the forward
pass notes the argmax of each pool window, and the gradients visit no other
position. On a CPU the native library (`native/`) does the work; elsewhere, and for
pools that it was not compiled for, XLA does. docs/architecture.md has a picture.

Letters: N images, (H, W) rows and columns, C input and F output channels,
(k, l) the kernel's sides, p the pool's, (h, w) pooled rows and columns.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from stormlens.errors import InputError, unknown
from stormlens.ops import _conv_pool_native as _native
from stormlens.ops import _conv_pool_portable as _portable
from stormlens.ops._conv_pool_spec import ACTIVATIONS, PADDINGS, Masks, Spec, make_spec
from stormlens.ops._platform import on_platform

Residuals = tuple[Array, Array, Masks, Array]


def conv_pool(
    images: Array,
    kernel: Array,
    bias: Array,
    pool: int,
    *,
    padding: str = "valid",
    activation: str = "linear",
    mask: Array | None = None,
    keep: Array | None = None,
    bounds: tuple[float, float] | None = None,
) -> Array:
    """
    Maximum over pool windows of a convolution with bias, activation and dropout.

    Equal to Keras's ``MaxPooling2D(pool)(mask * activation(Conv2D(F, (k, l))(images)))``;
    the gradient of a tie goes to its first position, as there. It works under ``jit``,
    ``vmap`` and ``scan``.

    Parameters
    ----------
    images : Array of float or uint8, shape (N, H, W, C)
        Input.
    kernel : Array of float, shape (k, l, C, F)
        Weights.
    bias : Array of float, shape (F,)
        Added to every position.
    pool : int
        Side and stride of the pool window, 1 or more; 2 and 3 have native code.
    padding : {"valid", "same"}, optional
        Of the convolution; the pool drops what fills no window.
    activation : {"linear", "relu"}, optional
        Between convolution and pool.
    mask : Array of float, shape (N, F), optional
        Factor of each channel of each sample, 0 or more (spatial dropout). It gets no
        gradient, and channels of factor 0 are not computed.
    keep : Array of float, shape (N, C), optional
        Input channels where it is 0 count as zero and get no gradient: the `mask` that the
        images were made with, so that their dropped channels are passed over.
    bounds : tuple of float, optional
        For uint8 images: the values that become 0 and 1.

    Returns
    -------
    pooled : Array of float, shape (N, h, w, F)
        With h = (H - k + 1) // p for valid and H // p for same padding, and w likewise.

    Raises
    ------
    InputError
        If shapes do not fit each other, the result would be empty, or a value that is known
        (not traced) is infinite or no number.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> image = jnp.arange(16.0).reshape(1, 4, 4, 1)
    >>> print(conv_pool(image, jnp.ones((1, 1, 1, 1)), jnp.zeros(1), 2)[0, :, :, 0])
    [[ 5.  7.]
     [13. 15.]]
    """
    _check(images, kernel, bias, pool, padding, activation)
    masks = _masks(images, kernel, mask, keep)
    _check_values(images=images, kernel=kernel, bias=bias, mask=masks[0], keep=masks[1])
    spec = make_spec(images, kernel, pool, padding, activation, bounds)
    return _conv_pool(spec, images, kernel, bias, masks)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _conv_pool(spec: Spec, images: Array, kernel: Array, bias: Array, masks: Masks) -> Array:
    return _on_platform(spec, "pooled", images, kernel, bias, masks)


def _forward(
    spec: Spec, images: Array, kernel: Array, bias: Array, masks: Masks
) -> tuple[Array, Residuals]:
    pooled, argmax = _on_platform(spec, "pooled_and_argmax", images, kernel, bias, masks)
    return pooled, (images, kernel, masks, argmax)


def _backward(spec: Spec, residuals: Residuals, gradient: Array) -> tuple[Any, ...]:
    images, kernel, masks, argmax = residuals
    # Only the kernel's shape is used, and operands of `lax.platform_dependent` count as read.
    like_kernel = jnp.zeros(kernel.shape, kernel.dtype)
    kernel_gradient, bias_gradient = _on_platform(
        spec, "weight_gradient", images, like_kernel, masks, argmax, gradient
    )
    if jnp.issubdtype(images.dtype, jnp.floating):
        # A first layer's is not used, and XLA then drops the call.
        image_gradient = _on_platform(
            spec, "image_gradient", images, kernel, masks, argmax, gradient
        )
    else:
        image_gradient = np.zeros(images.shape, jax.dtypes.float0)
    return image_gradient, kernel_gradient, bias_gradient, tuple(map(jnp.zeros_like, masks))


_conv_pool.defvjp(_forward, _backward)


def _on_platform(spec: Spec, operation: str, *operands: Any) -> Any:
    """Run an operation natively on a CPU if the library can, else in XLA's terms."""
    portable = partial(getattr(_portable, operation), spec)
    if not _native.serves(spec, *jax.tree.leaves(operands)):
        return portable(*operands)
    return on_platform(partial(getattr(_native, operation), spec), portable, *operands)


def _masks(images: Array, kernel: Array, mask: Array | None, keep: Array | None) -> Masks:
    """Both masks as arrays, of no columns where not given."""
    given = {"mask": (mask, kernel.shape[3]), "keep": (keep, images.shape[3])}
    arrays = []
    for name, (factors, channels) in given.items():
        if factors is not None and factors.shape != (images.shape[0], channels):
            raise InputError(
                f"conv_pool: {name} has shape {factors.shape}; it needs one factor for each of "
                f"{images.shape[0]} images and {channels} channels."
            )
        absent = jnp.zeros((images.shape[0], 0), jnp.float32)
        arrays.append(absent if factors is None else factors.astype(jnp.float32))
    return arrays[0], arrays[1]


def _check(
    images: Array, kernel: Array, bias: Array, pool: int, padding: str, activation: str
) -> None:
    if padding not in PADDINGS:
        raise unknown("padding", padding, PADDINGS)
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, ACTIVATIONS)
    if images.ndim != 4 or kernel.ndim != 4:
        raise InputError(
            f"conv_pool: images {images.shape} and kernel {kernel.shape} must have shapes "
            "(N, H, W, C) and (k, l, C, F)."
        )
    if images.shape[3] != kernel.shape[2] or bias.shape != kernel.shape[3:]:
        raise InputError(
            f"conv_pool: images {images.shape}, kernel {kernel.shape} and bias {bias.shape} "
            "disagree on the number of channels."
        )
    if 0 in kernel.shape:
        raise InputError(f"conv_pool: kernel {kernel.shape} is empty.")


def _check_values(**arrays: Array) -> None:
    """Refuse what is not finite, where values are known: a maximum of it means nothing."""
    for name, array in arrays.items():
        known = not isinstance(array, jax.core.Tracer)
        if known and jnp.issubdtype(array.dtype, jnp.floating) and not np.isfinite(array).all():
            raise InputError(f"conv_pool: {name} holds values that are infinite or no numbers.")
