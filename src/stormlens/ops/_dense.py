"""
A dense layer whose kernel may take its step of Adam on the way back.

The gradient of a kernel is inputs^T gradients, as large as the kernel itself, and the
gradient of the inputs reads the whole kernel, which the step reads and writes. A kernel that
is `Tapped` is read once for both, a few rows at a time, and its gradient is never stored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from stormlens.ops._adam import AdamSettings, adam_attributes, adam_factors, adam_step
from stormlens.ops._native import native
from stormlens.ops._platform import on_platform

_LARGE = 1 << 16


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["kernel", "mean", "square", "factors"],
    meta_fields=["settings"],
)
@dataclass(frozen=True)
class Tapped:
    """
    A kernel with what Adam needs to change it.

    Its gradient is a `Tapped` too: what kernel, mean and square are after the step. So it must
    be used once in what is differentiated, by `matmul`, in a loss that is not scaled later.

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


def tap(
    settings: AdamSettings,
    kernel: Array,
    mean: Array,
    square: Array,
    step: Array,
    rate: Array | float,
) -> Tapped:
    """
    A kernel with what Adam needs to change it.

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
    tapped : Tapped
    """
    return Tapped(kernel, mean, square, adam_factors(settings, step, rate), settings)


def matmul(inputs: Array, kernel: Array | Tapped) -> Array:
    """
    Inputs times a kernel.

    Parameters
    ----------
    inputs : Array of float, shape (N, rows)
    kernel : Array of float, shape (rows, columns), or Tapped

    Returns
    -------
    outputs : Array of float, shape (N, columns)
    """
    return _matmul(inputs, kernel)


@jax.custom_vjp
def _matmul(inputs: Array, kernel: Array | Tapped) -> Array:
    weights = kernel.kernel if isinstance(kernel, Tapped) else kernel
    return _large("stormlens_dense", jnp.matmul, inputs, weights)


def _forward(inputs: Array, kernel: Array | Tapped) -> tuple[Array, tuple[Array, Array | Tapped]]:
    return _matmul(inputs, kernel), (inputs, kernel)


def _backward(
    residuals: tuple[Array, Array | Tapped], gradient: Array
) -> tuple[Array, Array | Tapped]:
    inputs, kernel = residuals
    if isinstance(kernel, Tapped):
        return _step(inputs, kernel, gradient)
    name = "stormlens_dense_input_gradient"
    return _large(name, _input_gradient, kernel, gradient), inputs.T @ gradient


_matmul.defvjp(_forward, _backward)


def _input_gradient(kernel: Array, gradient: Array) -> Array:
    return gradient @ kernel.T


def _step(inputs: Array, tapped: Tapped, gradient: Array) -> tuple[Array, Tapped]:
    arrays = (tapped.kernel, tapped.mean, tapped.square, tapped.factors, inputs, gradient)
    portable = partial(_portable_step, tapped.settings)
    if native().available and all(a.dtype == jnp.float32 for a in arrays):
        native_step = partial(_native_step, tapped.settings)
        changed = on_platform(native_step, portable, *arrays)
    else:
        changed = portable(*arrays)
    kernel, mean, square, of_inputs = changed
    nothing = jnp.zeros_like(tapped.factors)
    return of_inputs, Tapped(kernel, mean, square, nothing, tapped.settings)


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


def _native_step(settings: AdamSettings, kernel: Array, *rest: Array) -> tuple[Array, ...]:
    inputs = rest[3]
    like = [jax.ShapeDtypeStruct(a.shape, jnp.float32) for a in (kernel, kernel, kernel, inputs)]
    call = jax.ffi.ffi_call(
        "stormlens_dense_step",
        like,
        # The inputs' gradient could lie where the inputs were, but XLA would copy them first.
        input_output_aliases={0: 0, 1: 1, 2: 2},
        vmap_method="broadcast_all",
    )
    return tuple(call(kernel, *rest, **adam_attributes(settings)))


def _large(name: str, portable: Callable[..., Array], *operands: Array) -> Any:
    """Large products natively on a CPU; a call costs more than a small product."""
    floats = all(a.dtype == jnp.float32 for a in operands)
    if not floats or max(a.size for a in operands) < _LARGE or not native().available:
        return portable(*operands)
    result = jax.eval_shape(portable, *operands)
    call = jax.ffi.ffi_call(name, result, vmap_method="broadcast_all")
    return on_platform(call, portable, *operands)
