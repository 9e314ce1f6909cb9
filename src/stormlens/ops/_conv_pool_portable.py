"""
`conv_pool` in XLA's own terms: for GPUs, and where there is no native library.

The gradient of the kernel is a sum over the p*p positions of a window. Each term is
one matrix product, (patches at the position) x (gradient where that position is the
argmax). On a CPU that is several times faster than XLA's own gradient.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from stormlens.ops._conv_pool_spec import Masks, Spec

_LAYOUT = ("NHWC", "HWIO", "NHWC")

# Images a slice of the kernel's gradient on a CPU: slices of 1 to 8 measured much alike, a batch
# of 32 in one piece up to four times slower.
_SLICE = 4


def pooled(spec: Spec, images: Array, kernel: Array, bias: Array, masks: Masks) -> Array:
    """
    Pooled maps alone, as prediction needs them.

    Parameters
    ----------
    spec, images, kernel, bias, masks
        As for `conv_pool`.

    Returns
    -------
    pooled : Array of float, shape (N, h, w, F)
    """
    convolved = _convolve(_padded(spec, images, masks[1], kernel.dtype), kernel)
    window = (1, spec.pool, spec.pool, 1)
    highest = lax.reduce_window(convolved, -jnp.inf, lax.max, window, window, "VALID") + bias
    return _activate(spec, highest, masks[0])[0]


def pooled_and_argmax(
    spec: Spec, images: Array, kernel: Array, bias: Array, masks: Masks
) -> tuple[Array, Array]:
    """
    Pooled maps, and which position of each window has the maximum.

    Parameters
    ----------
    spec, images, kernel, bias, masks
        As for `conv_pool`.

    Returns
    -------
    pooled : Array of float, shape (N, h, w, F)
    argmax : Array of uint8 or int32, shape (N, h, w, F)
        Position row by row, or `_off` where nothing is passed on.
    """
    convolved = _convolve(_padded(spec, images, masks[1], kernel.dtype), kernel)
    best = _at_position(convolved, 0, 0, spec)
    argmax = jnp.zeros(best.shape, jnp.int32)
    for position in range(1, spec.pool**2):
        value = _at_position(convolved, *divmod(position, spec.pool), spec)
        # Higher, not equal: the first of equal positions is the argmax, as in Keras.
        argmax = jnp.where(value > best, position, argmax)
        best = jnp.maximum(best, value)
    result, is_on = _activate(spec, best + bias, masks[0])
    argmax = jnp.where(is_on, argmax, _off(spec))
    return result, argmax.astype(jnp.uint8 if spec.pool < 16 else jnp.int32)


def weight_gradient(
    spec: Spec, images: Array, kernel: Array, masks: Masks, argmax: Array, gradient: Array
) -> tuple[Array, Array]:
    """
    Gradients of kernel and bias.

    Parameters
    ----------
    spec, images, masks
        As for `conv_pool`.
    kernel : Array of float, shape (k, l, C, F)
        Only its shape is looked at.
    argmax, gradient : Array, shape (N, h, w, F)
        From `pooled_and_argmax`; gradient of the pooled maps.

    Returns
    -------
    kernel_gradient : Array of float, shape (k, l, C, F)
    bias_gradient : Array of float, shape (F,)
    """
    gradient = _passed_on(spec, masks[0], argmax, gradient)
    padded = _padded(spec, images, masks[1], kernel.dtype)

    def add_slice(total: Array, parts: tuple[Array, Array, Array]) -> tuple[Array, None]:
        image_part, argmax_part, gradient_part = parts
        for position, here in enumerate(_by_position(spec, argmax_part, gradient_part)):
            patches = _patches(image_part, position, spec, kernel.shape[:2])
            total += patches.T @ here.reshape(-1, here.shape[-1])
        return total, None

    nothing = jnp.zeros((kernel[..., 0].size, kernel.shape[3]), gradient.dtype)
    parts = _sliced(padded), _sliced(argmax), _sliced(gradient)
    total = lax.scan(add_slice, nothing, parts)[0]
    return total.reshape(kernel.shape), gradient.sum((0, 1, 2))


def image_gradient(
    spec: Spec, images: Array, kernel: Array, masks: Masks, argmax: Array, gradient: Array
) -> Array:
    """
    Gradient of the images.

    Parameters
    ----------
    spec, images, kernel, masks
        As for `conv_pool`; images are floats.
    argmax, gradient : Array, shape (N, h, w, F)
        From `pooled_and_argmax`; gradient of the pooled maps.

    Returns
    -------
    image_gradient : Array of float, shape (N, H, W, C)
    """
    gradient = _passed_on(spec, masks[0], argmax, gradient)
    (n, h, w, filters), pool = argmax.shape, spec.pool
    by_position = jnp.stack(_by_position(spec, argmax, gradient))
    by_window = by_position.reshape(pool, pool, n, h, w, filters).transpose(2, 3, 0, 4, 1, 5)
    convolved_gradient = by_window.reshape(n, h * pool, w * pool, filters)
    # Full correlation with the flipped kernel; rows that no whole window covers get zeros, and
    # those of the padding are cut off.
    margins = [(0, 0, 0)]
    for axis in (0, 1):
        side, (before, _) = kernel.shape[axis], spec.padding[axis]
        size, covered = images.shape[1 + axis], spec.pooled[axis] * pool
        margins.append((side - 1 - before, size + before - covered, 0))
    padded = lax.pad(convolved_gradient, jnp.zeros((), gradient.dtype), [*margins, (0, 0, 0)])
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    result = _convolve(padded, flipped)
    keep = masks[1]
    return result * (keep != 0)[:, None, None, :] if keep.shape[1] else result


def _padded(spec: Spec, images: Array, keep: Array, dtype: jnp.dtype) -> Array:
    if images.dtype == jnp.uint8:
        low, high = spec.bounds
        images = (images.astype(dtype) - low) / (high - low)
    if keep.shape[1]:
        images = jnp.where((keep != 0)[:, None, None, :], images, 0)
    return jnp.pad(images, [(0, 0), *spec.padding, (0, 0)])


def _convolve(images: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(images, kernel, (1, 1), "VALID", dimension_numbers=_LAYOUT)


def _activate(spec: Spec, values: Array, mask: Array) -> tuple[Array, Array]:
    """
    Apply activation and factors; say where a gradient passes.

    Neither changes which value is highest, so they may follow the pool.
    """
    is_on = values > 0 if spec.relu else jnp.full(values.shape, True)
    if spec.relu:
        values = jnp.maximum(values, 0)
    if mask.shape[1]:
        factors = mask.astype(values.dtype)[:, None, None, :]
        is_on &= factors != 0
        values = values * factors
    return values, is_on


def _off(spec: Spec) -> int:
    """The argmax of a window that passes no gradient on: no position has this number."""
    return 255 if spec.pool < 16 else spec.pool**2


def _passed_on(spec: Spec, mask: Array, argmax: Array, gradient: Array) -> Array:
    gradient = jnp.where(argmax == _off(spec), 0, gradient)
    return gradient * mask.astype(gradient.dtype)[:, None, None, :] if mask.shape[1] else gradient


def _at_position(array: Array, row: int, column: int, spec: Spec) -> Array:
    """Values at one position of every pool window, shape (N, h, w, channels)."""
    (h, w), pool = spec.pooled, spec.pool
    return array[
        :, row : row + pool * (h - 1) + 1 : pool, column : column + pool * (w - 1) + 1 : pool
    ]


def _patches(images: Array, position: int, spec: Spec, sides: tuple[int, ...]) -> Array:
    """Input patch under the kernel at one position of every window, shape (N*h*w, k*l*C)."""
    row, column = divmod(position, spec.pool)
    taps = [
        _at_position(images, row + i, column + j, spec)
        for i in range(sides[0])
        for j in range(sides[1])
    ]
    return jnp.stack(taps, axis=3).reshape(-1, len(taps) * images.shape[3])


def _by_position(spec: Spec, argmax: Array, gradient: Array) -> list[Array]:
    """The pooled gradient at each position of the window, zero where another is the argmax."""
    return [jnp.where(argmax == position, gradient, 0) for position in range(spec.pool**2)]


def _sliced(array: Array) -> Array:
    """The batch in slices that stay in a CPU's cache, shape (slices, images a slice, ...)."""
    size = _SLICE if jax.default_backend() == "cpu" else max(len(array), 1)
    missing = -len(array) % size
    padded = jnp.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1)) if missing else array
    return padded.reshape(-1, size, *array.shape[1:])
