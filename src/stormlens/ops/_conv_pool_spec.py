"""What is known of a `conv_pool` when it is compiled, and its shapes."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from stormlens.errors import InputError

PADDINGS: tuple[str, ...] = ("valid", "same")
ACTIVATIONS: tuple[str, ...] = ("linear", "relu")

# Factors of filters (N, F) and of input channels (N, C); of no columns where there are none.
Masks = tuple[Array, Array]


@dataclass(frozen=True)
class Spec:
    """
    The fixed part of a `conv_pool`.

    Attributes
    ----------
    pool : int
        Side of the pool window.
    pooled : tuple of int
        Pooled rows and columns.
    padding : tuple
        Zeros (before, after) for rows, then for columns.
    relu : bool
        Whether ReLU stands between convolution and pool.
    bounds : tuple of float
        What becomes 0 and 1 in uint8 images.
    """

    pool: int
    pooled: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    relu: bool
    bounds: tuple[float, float]


def make_spec(
    images: Array,
    kernel: Array,
    pool: int,
    padding: str,
    activation: str,
    bounds: tuple[float, float] | None,
) -> Spec:
    """
    The fixed part, checked.

    Parameters
    ----------
    images, kernel, pool, padding, activation, bounds
        As for `conv_pool`.

    Returns
    -------
    spec : Spec

    Raises
    ------
    InputError
        If no whole window is left, or bounds and type of the images do not fit.
    """
    sides = kernel.shape[:2]
    # As the frameworks: an even kernel gets its odd zero at the end.
    margins = [(0, 0) if padding == "valid" else ((k - 1) // 2, k // 2) for k in sides]
    convolved = [
        size + sum(margin) - side + 1
        for size, margin, side in zip(images.shape[1:3], margins, sides, strict=True)
    ]
    if pool < 1 or min(convolved) < pool:
        raise InputError(
            f"conv_pool: images of {images.shape[1]} x {images.shape[2]} pixels leave no whole "
            f"{pool} x {pool} window after a {sides[0]} x {sides[1]} kernel."
        )
    is_bytes = images.dtype == jnp.uint8
    rising = bounds is None or (np.isfinite(bounds).all() and bounds[0] < bounds[1])
    if is_bytes != (bounds is not None) or not rising:
        raise InputError(
            f"conv_pool: images of {images.dtype} with bounds {bounds}; uint8 images need the "
            "lower and the upper value that become 0 and 1, and others take none."
        )
    low, high = (0.0, 1.0) if bounds is None else map(float, bounds)
    pooled = convolved[0] // pool, convolved[1] // pool
    return Spec(pool, pooled, (margins[0], margins[1]), activation == "relu", (low, high))
