"""
A dense layer whose kernel may take its step of Adam in the backward pass.

The gradient of a kernel is a product of two small factors, inputs^T and the outputs'
gradient, and as large as the kernel itself. Stored, it would be written and read once more
than needed: the gradient of the inputs reads the whole kernel too, and Adam reads and writes
it. A `FusedStep` keeps the gradient factored. Some rows at a time, it is multiplied out in the
cache and used at once, and the kernel is read from memory once for all three.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from stormlens.ops._adam import AdamSettings, adam_attributes, adam_factors, adam_step
from stormlens.ops._platform import by_library

_LARGE = 1 << 16  # values of the largest array from which a native call pays


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["kernel", "mean", "square", "factors"],
    meta_fields=["settings"],
)
@dataclass(frozen=True)
class FusedStep:
    """
    A kernel whose step of Adam is fused into the backward pass.

    `jax.grad` gives a `FusedStep` for it, whose kernel, mean and square are those after the step:
    no gradient exists that could be added or scaled. So a loss must use it exactly once, in
    `matmul`, and must not be scaled afterwards.

    Attributes
    ----------
    kernel, mean, square : Array of float, shape (rows, columns)
        The kernel and the moving averages of its gradient and squared gradient.
    factors : Array of float32, shape (4,)
        What the step multiplies by.
    settings : AdamSettings
    """

    kernel: Array
    mean: Array
    square: Array
    factors: Array
    settings: AdamSettings


def fuse_step(
    settings: AdamSettings,
    kernel: Array,
    mean: Array,
    square: Array,
    step: Array,
    rate: Array | float,
) -> FusedStep:
    """
    Fuse a step of Adam into the backward pass of a kernel.

    Parameters
    ----------
    settings : AdamSettings
    kernel, mean, square : Array of float, shape (rows, columns)
    step : Array of int
        1 at the first step.
    rate : Array of float or float
        Learning rate of this step.

    Returns
    -------
    fused : FusedStep
    """
    return FusedStep(kernel, mean, square, adam_factors(settings, step, rate), settings)


def matmul(inputs: Array, kernel: Array | FusedStep) -> Array:
    """
    Inputs times a kernel.

    Parameters
    ----------
    inputs : Array of float, shape (N, rows)
    kernel : Array of float, shape (rows, columns), or FusedStep

    Returns
    -------
    outputs : Array of float, shape (N, columns)
    """
    return _matmul(inputs, kernel)


@jax.custom_vjp
def _matmul(inputs: Array, kernel: Array | FusedStep) -> Array:
    weights = kernel.kernel if isinstance(kernel, FusedStep) else kernel
    shape = (len(inputs), weights.shape[1])
    return _product("stormlens_dense", shape, jnp.matmul, inputs, weights)


def _forward(
    inputs: Array, kernel: Array | FusedStep
) -> tuple[Array, tuple[Array, Array | FusedStep]]:
    return _matmul(inputs, kernel), (inputs, kernel)


def _backward(
    residuals: tuple[Array, Array | FusedStep], gradient: Array
) -> tuple[Array, Array | FusedStep]:
    inputs, kernel = residuals
    if isinstance(kernel, FusedStep):
        return _step(inputs, kernel, gradient)
    name = "stormlens_dense_input_gradient"
    of_inputs = _product(name, inputs.shape, _input_gradient, kernel, gradient)
    return of_inputs, inputs.T @ gradient


_matmul.defvjp(_forward, _backward)


def _input_gradient(kernel: Array, gradient: Array) -> Array:
    return gradient @ kernel.T


def _step(inputs: Array, fused: FusedStep, gradient: Array) -> tuple[Array, FusedStep]:
    arrays = (fused.kernel, fused.mean, fused.square)
    kernel, mean, square, of_inputs = by_library(
        "stormlens_dense_step",
        tuple(jax.ShapeDtypeStruct(a.shape, jnp.float32) for a in (*arrays, inputs)),
        partial(_portable_step, fused.settings),
        *(*arrays, fused.factors, inputs, gradient),
        # The inputs' gradient could lie where the inputs were, but XLA would copy them first.
        in_place=3,
        **adam_attributes(fused.settings),
    )
    nothing = jnp.zeros_like(fused.factors)  # a gradient has the structure of what it is of
    return of_inputs, FusedStep(kernel, mean, square, nothing, fused.settings)


def _portable_step(
    settings: AdamSettings,
    kernel: Array,
    mean: Array,
    square: Array,
    factors: Array,
    inputs: Array,
    gradient: Array,
) -> tuple[Array, ...]:
    changed = adam_step(settings, kernel, mean, square, factors, inputs.T @ gradient)
    return *changed, _input_gradient(kernel, gradient)


def _product(
    name: str, shape: tuple[int, ...], portable: Callable[..., Array], *operands: Array
) -> Any:
    """Large ones by the library; calling it takes longer than a small product."""
    if max(a.size for a in operands) < _LARGE:
        return portable(*operands)
    return by_library(name, jax.ShapeDtypeStruct(shape, jnp.float32), portable, *operands)
