"""
One step of Adam in one pass over the memory.

Adam is bound by memory, so weight, mean and square of an array are read and written
once here. A large dense layer takes its step in the backward pass instead (`fuse_step`).
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from stormlens.ops._platform import by_library


@dataclass(frozen=True)
class AdamSettings:
    """
    Constants of Adam.

    Attributes
    ----------
    decay_mean, decay_square : float
        Of the moving averages of gradient and squared gradient.
    epsilon : float
        Added to the root of the corrected average square as in [1]_; 1e-7 by default.
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
    gradient: Array,
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
    gradient : Array, shape (...)
    step : Array of int
        1 at the first step.
    rate : Array of float or float
        Learning rate of this step.
    after : Array
        Anything that the last use of the old weight computes. The native step changes the weight
        in place; XLA copies it first unless it sees that all who read the old one are done.

    Returns
    -------
    weight, mean, square : Array of float, shape (...)

    References
    ----------
    .. [1] Kingma and Ba (2015), Adam: a method for stochastic optimization, ICLR, algorithm 1.
    """
    new_weight, new_mean, new_square = by_library(
        "stormlens_adam",
        (jax.ShapeDtypeStruct(weight.shape, jnp.float32),) * 3,
        partial(_portable, settings),
        *(weight, mean, square, adam_factors(settings, step, rate), after, gradient),
        in_place=3,
        **adam_attributes(settings),
    )
    return new_weight, new_mean, new_square


def adam_factors(settings: AdamSettings, step: Array, rate: Array | float) -> Array:
    """
    What a step of Adam multiplies by.

    Parameters
    ----------
    settings : AdamSettings
    step : Array of int
        1 at the first step.
    rate : Array of float or float
        Learning rate of this step.

    Returns
    -------
    factors : Array of float32, shape (4,)
        Corrections of mean and square, the rate, and what weight decay leaves of the weight.
    """
    decays = jnp.array([settings.decay_mean, settings.decay_square], jnp.float32)
    rate = jnp.asarray(rate, jnp.float32)
    kept = 1 - rate * settings.weight_decay
    return jnp.concatenate([1 / (1 - decays**step), jnp.stack([rate, kept])])


def adam_step(
    settings: AdamSettings,
    weight: Array,
    mean: Array,
    square: Array,
    factors: Array,
    gradient: Array,
) -> tuple[Array, Array, Array]:
    """
    A step of Adam in JAX's own terms.

    Parameters
    ----------
    settings : AdamSettings
    weight, mean, square : Array of float, shape (...)
    factors : Array of float32, shape (4,)
        Of `adam_factors`.
    gradient : Array of float, shape (...)

    Returns
    -------
    weight, mean, square : Array of float, shape (...)
    """
    correction_mean, correction_square, rate, kept = factors
    mean = settings.decay_mean * mean + (1 - settings.decay_mean) * gradient
    square = settings.decay_square * square + (1 - settings.decay_square) * gradient**2
    change = mean * correction_mean / (jnp.sqrt(square * correction_square) + settings.epsilon)
    return kept * weight - rate * change, mean, square


def adam_attributes(settings: AdamSettings) -> dict[str, np.float32]:
    """
    The constants as the native operations take them.

    Parameters
    ----------
    settings : AdamSettings

    Returns
    -------
    attributes : dict of str to float32
    """
    names = ("decay_mean", "decay_square", "epsilon")
    return {name: np.float32(getattr(settings, name)) for name in names}


def _portable(
    settings: AdamSettings,
    weight: Array,
    mean: Array,
    square: Array,
    factors: Array,
    _: Array,
    gradient: Array,
) -> tuple[Array, Array, Array]:
    return adam_step(settings, weight, mean, square, factors, gradient)
