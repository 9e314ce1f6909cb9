"""
One step of Adam in one pass over the memory.

Adam is bound by memory: weight, mean and square of a large dense layer are read
and written once here. Where the layer's gradient is given by its factors, it is
made row by row in the cache and never stored.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stormlens.ops._native import native


class Product(NamedTuple):
    """
    The gradient of a dense layer's kernel by its factors.

    Attributes
    ----------
    inputs : Array of float, shape (N, rows)
        What the layer was given.
    gradients : Array of float, shape (N, columns)
        Gradient of what it gave; the kernel's is inputs^T gradients.
    """

    inputs: Array
    gradients: Array


@dataclass(frozen=True)
class AdamSettings:
    """
    Constants of Adam.

    Attributes
    ----------
    decay_mean, decay_square : float
        Of the moving averages of gradient and squared gradient.
    epsilon : float
        Added to the root of the corrected average square as in [1]_; 1e-7 unless told.
    weight_decay : float
        Each step also takes rate * weight_decay of the weight away [2]_; 0 to 1.

    References
    ----------
    .. [1] Kingma and Ba (2015), Adam: a method for stochastic optimization, ICLR, algorithm 1.
    .. [2] Loshchilov and Hutter (2019), Decoupled weight decay regularization, ICLR, algorithm 2.
    """

    decay_mean: float = 0.9
    decay_square: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0


def adam(
    settings: AdamSettings,
    weight: Array,
    mean: Array,
    square: Array,
    gradient: Array | Product,
    step: Array,
    rate: Array | float,
    after: Array,
) -> tuple[Array, Array, Array]:
    """
    A step of Adam on one array.

    Parameters
    ----------
    settings : AdamSettings
    weight, mean, square : Array of float, shape (...)
        The weight and the moving averages of its gradient and squared gradient.
    gradient : Array, shape (...), or Product
    step : Array of int
        1 at the first step.
    rate : Array of float or float
        Learning rate of this step.
    after : Array
        Anything that is made by the last use of the old weight. The native step changes the
        weight where it lies, and the compiler copies it first unless it sees an order.

    Returns
    -------
    weight, mean, square : Array of float, shape (...)

    References
    ----------
    .. [1] Kingma and Ba (2015), Adam: a method for stochastic optimization, ICLR, algorithm 1.
    """
    decays = jnp.array([settings.decay_mean, settings.decay_square], jnp.float32)
    rate = jnp.asarray(rate, jnp.float32)
    kept = 1 - rate * settings.weight_decay
    factors = jnp.concatenate([1 / (1 - decays**step), jnp.stack([rate, kept])])
    given = tuple(gradient) if isinstance(gradient, Product) else (gradient,)
    operands = (weight, mean, square, factors, after, *given)
    portable = partial(_portable, settings)
    if not native().available or any(a.dtype != jnp.float32 for a in operands):
        return portable(*operands)
    return lax.platform_dependent(*operands, cpu=partial(_native, settings), default=portable)


def _portable(
    settings: AdamSettings,
    weight: Array,
    mean: Array,
    square: Array,
    factors: Array,
    _: Array,
    *given: Array,
) -> tuple[Array, Array, Array]:
    gradient = given[0] if len(given) == 1 else given[0].T @ given[1]
    correction_mean, correction_square, rate, kept = factors
    mean = settings.decay_mean * mean + (1 - settings.decay_mean) * gradient
    square = settings.decay_square * square + (1 - settings.decay_square) * gradient**2
    change = mean * correction_mean / (jnp.sqrt(square * correction_square) + settings.epsilon)
    return kept * weight - rate * change, mean, square


def _native(
    settings: AdamSettings, weight: Array, mean: Array, square: Array, *rest: Array
) -> tuple[Array, Array, Array]:
    name = "stormlens_adam" if len(rest) == 3 else "stormlens_adam_of_product"
    result = jax.ShapeDtypeStruct(weight.shape, jnp.float32)
    call = jax.ffi.ffi_call(
        name,
        (result,) * 3,
        input_output_aliases={0: 0, 1: 1, 2: 2},
        vmap_method="broadcast_all",
    )
    new_weight, new_mean, new_square = call(
        weight,
        mean,
        square,
        *rest,
        decay_mean=np.float32(settings.decay_mean),
        decay_square=np.float32(settings.decay_square),
        epsilon=np.float32(settings.epsilon),
    )
    return new_weight, new_mean, new_square
