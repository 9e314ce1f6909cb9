"""
Convolution followed by max pooling, with a gradient that visits winners only.

A p x p max pool keeps one of p*p convolution outputs, so all but that share of
the gradient is zero; frameworks store, scan and multiply those zeros all the
same. Here the forward pass notes which position of each pool window won, and
the weight gradient is a sum over the p*p positions of (patches at the
position) x (gradient where that position won), each one matrix product.

Letters: N images, (H, W) rows and columns, C input and F output channels,
k the kernel's side, p the pool's, (h, w) pooled rows and columns.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from stormlens.errors import InputError

_LAYOUT = ("NHWC", "HWIO", "NHWC")

# Images a slice of the kernel's gradient on a CPU: slices of 1 to 8 measured much alike, a batch
# of 32 in one piece up to four times slower.
_SLICE = 4


def conv_pool(images: Array, kernel: Array, bias: Array, pool: int) -> Array:
    """
    Maximum of (correlation of images with a kernel, plus bias) over pool windows.

    Equal to Keras's ``MaxPooling2D(pool)(Conv2D(F, k)(images))`` with valid
    padding in both; the gradient of a tie goes to its first position, as there.
    A non-decreasing activation (ReLU) and a non-negative factor for each channel
    (spatial dropout) between the two may be applied to the result instead.

    Parameters
    ----------
    images : Array of float, shape (N, H, W, C)
        Input.
    kernel : Array of float, shape (k, k, C, F)
        Weights.
    bias : Array of float, shape (F,)
        Added to every position.
    pool : int
        Side and stride of the pool window, 1 or more.

    Returns
    -------
    pooled : Array of float, shape (N, h, w, F)
        With h = (H - k + 1) // pool, and w likewise.

    Raises
    ------
    InputError
        If shapes do not fit each other, or the result would be empty.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> image = jnp.arange(16.0).reshape(1, 4, 4, 1)
    >>> print(conv_pool(image, jnp.ones((1, 1, 1, 1)), jnp.zeros(1), 2)[0, :, :, 0])
    [[ 5.  7.]
     [13. 15.]]
    """
    _check(images, kernel, bias, pool)
    return _conv_pool(images, kernel, bias, pool)


def _check(images: Array, kernel: Array, bias: Array, pool: int) -> None:
    if images.ndim != 4 or kernel.ndim != 4 or kernel.shape[0] != kernel.shape[1]:
        raise InputError(
            f"conv_pool: images {images.shape} and kernel {kernel.shape} must have shapes "
            "(N, H, W, C) and (k, k, C, F)."
        )
    if images.shape[3] != kernel.shape[2] or bias.shape != kernel.shape[3:]:
        raise InputError(
            f"conv_pool: images {images.shape}, kernel {kernel.shape} and bias {bias.shape} "
            "disagree on the number of channels."
        )
    if pool < 1 or min(_pooled_shape(images, kernel, pool)) < 1:
        raise InputError(
            f"conv_pool: images of {images.shape[1]} x {images.shape[2]} pixels leave no whole "
            f"{pool} x {pool} window after a {kernel.shape[0]} x {kernel.shape[0]} kernel."
        )


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _conv_pool(images: Array, kernel: Array, bias: Array, pool: int) -> Array:
    convolved = lax.conv_general_dilated(images, kernel, (1, 1), "VALID", dimension_numbers=_LAYOUT)
    window = (1, pool, pool, 1)
    return lax.reduce_window(convolved, -jnp.inf, lax.max, window, window, "VALID") + bias


def _forward(
    images: Array, kernel: Array, bias: Array, pool: int
) -> tuple[Array, tuple[Array, Array, Array]]:
    convolved = lax.conv_general_dilated(images, kernel, (1, 1), "VALID", dimension_numbers=_LAYOUT)
    h, w = _pooled_shape(images, kernel, pool)
    best = _at_position(convolved, 0, 0, pool, h, w)
    winner = jnp.zeros(best.shape, jnp.int32)
    for position in range(1, pool * pool):
        value = _at_position(convolved, *divmod(position, pool), pool, h, w)
        winner = jnp.where(value > best, position, winner)
        best = jnp.maximum(best, value)
    return best + bias, (images, kernel, winner.astype(jnp.uint8 if pool < 16 else jnp.int32))


def _backward(
    pool: int, residuals: tuple[Array, Array, Array], gradient: Array
) -> tuple[Array, Array, Array]:
    images, kernel, winner = residuals
    return (
        _image_gradient(images, kernel, winner, gradient, pool),
        _kernel_gradient(images, kernel, winner, gradient, pool),
        gradient.sum((0, 1, 2)),
    )


_conv_pool.defvjp(_forward, _backward)


def _pooled_shape(images: Array, kernel: Array, pool: int) -> tuple[int, int]:
    side = kernel.shape[0]
    return (images.shape[1] - side + 1) // pool, (images.shape[2] - side + 1) // pool


def _at_position(array: Array, row: int, column: int, pool: int, h: int, w: int) -> Array:
    """Values at one position of every pool window, shape (N, h, w, channels)."""
    return array[
        :, row : row + pool * (h - 1) + 1 : pool, column : column + pool * (w - 1) + 1 : pool
    ]


def _patches(images: Array, position: int, pool: int, side: int, h: int, w: int) -> Array:
    """Input patch under the kernel at one position of every window, shape (N*h*w, k*k*C)."""
    row, column = divmod(position, pool)
    taps = [
        _at_position(images, row + i, column + j, pool, h, w)
        for i in range(side)
        for j in range(side)
    ]
    return jnp.stack(taps, axis=3).reshape(-1, side * side * images.shape[3])


def _where_won(winner: Array, gradient: Array, pool: int) -> list[Array]:
    """The pooled gradient at each position of the window, zero where another won."""
    return [jnp.where(winner == position, gradient, 0) for position in range(pool * pool)]


def _kernel_gradient(
    images: Array, kernel: Array, winner: Array, gradient: Array, pool: int
) -> Array:
    h, w, filters = winner.shape[1:]

    def add_slice(total: Array, parts: tuple[Array, Array, Array]) -> tuple[Array, None]:
        image_part, winner_part, gradient_part = parts
        for position, here in enumerate(_where_won(winner_part, gradient_part, pool)):
            patches = _patches(image_part, position, pool, kernel.shape[0], h, w)
            total += patches.T @ here.reshape(-1, filters)
        return total, None

    nothing = jnp.zeros((kernel[..., 0].size, filters), gradient.dtype)
    parts = _sliced(images), _sliced(winner), _sliced(gradient)
    return lax.scan(add_slice, nothing, parts)[0].reshape(kernel.shape)


def _sliced(array: Array) -> Array:
    """The batch in slices that stay in a CPU's cache, shape (slices, images a slice, ...)."""
    size = _SLICE if jax.default_backend() == "cpu" else max(len(array), 1)
    missing = -len(array) % size
    padded = jnp.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1)) if missing else array
    return padded.reshape(-1, size, *array.shape[1:])


def _image_gradient(
    images: Array, kernel: Array, winner: Array, gradient: Array, pool: int
) -> Array:
    """Gradient of the images; the compiler drops it where nobody asks (a first layer)."""
    n, h, w, filters = winner.shape
    side = kernel.shape[0]
    by_position = jnp.stack(_where_won(winner, gradient, pool))
    by_window = by_position.reshape(pool, pool, n, h, w, filters).transpose(2, 3, 0, 4, 1, 5)
    convolved_gradient = by_window.reshape(n, h * pool, w * pool, filters)
    # Full correlation with the flipped kernel; rows that no whole window covers get zeros.
    below = images.shape[1] - (h * pool + side - 1)
    right = images.shape[2] - (w * pool + side - 1)
    padded = jnp.pad(
        convolved_gradient,
        ((0, 0), (side - 1, side - 1 + below), (side - 1, side - 1 + right), (0, 0)),
    )
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    return lax.conv_general_dilated(padded, flipped, (1, 1), "VALID", dimension_numbers=_LAYOUT)
