"""
A dense layer whose kernel's gradient comes by its factors.

The gradient of a kernel is inputs^T gradients, as large as the kernel itself.
`Tapped` lets a caller of `jax.grad` have the two factors instead, so that an
optimiser can use them without the product ever being stored.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from stormlens.ops._adam import Product
from stormlens.ops._native import native

_LARGE = 1 << 16


class Tapped(NamedTuple):
    """
    A kernel with room for the factors of its gradient.

    Its gradient is a `Tapped` too: nothing for the kernel, the factors as `product`.

    Attributes
    ----------
    kernel : Array of float, shape (rows, columns)
    product : Product
        Zeros, of the factors' shapes.
    """

    kernel: Array
    product: Product


def tap(kernel: Array, n: int) -> Tapped:
    """
    A kernel with room for the factors of its gradient.

    Parameters
    ----------
    kernel : Array of float, shape (rows, columns)
    n : int
        Samples in the batch.

    Returns
    -------
    tapped : Tapped
    """
    rows, columns = kernel.shape
    zeros = Product(jnp.zeros((n, rows), kernel.dtype), jnp.zeros((n, columns), kernel.dtype))
    return Tapped(kernel, zeros)


def matmul(inputs: Array, kernel: Array | Tapped) -> Array:
    """
    Inputs times a kernel.

    Parameters
    ----------
    inputs : Array of float, shape (N, rows)
    kernel : Array of float, shape (rows, columns), or Tapped
        One sample a row of the taps where tapped.

    Returns
    -------
    outputs : Array of float, shape (N, columns)
    """
    return _matmul(inputs, kernel)


@jax.custom_vjp
def _matmul(inputs: Array, kernel: Array | Tapped) -> Array:
    weights = kernel.kernel if isinstance(kernel, Tapped) else kernel
    return _on_platform("stormlens_dense", jnp.matmul, inputs, weights)


def _forward(inputs: Array, kernel: Array | Tapped) -> tuple[Array, tuple[Array, Array | Tapped]]:
    return _matmul(inputs, kernel), (inputs, kernel)


def _backward(
    residuals: tuple[Array, Array | Tapped], gradient: Array
) -> tuple[Array, Array | Tapped]:
    inputs, kernel = residuals
    if isinstance(kernel, Tapped):
        nothing = jnp.zeros_like(kernel.kernel)
        of_kernel: Array | Tapped = Tapped(nothing, Product(inputs, gradient))
        kernel = kernel.kernel
    else:
        of_kernel = inputs.T @ gradient
    name = "stormlens_dense_input_gradient"
    return _on_platform(name, _input_gradient, kernel, gradient), of_kernel


_matmul.defvjp(_forward, _backward)


def _input_gradient(kernel: Array, gradient: Array) -> Array:
    return gradient @ kernel.T


def _on_platform(name: str, portable: Callable[..., Array], *operands: Array) -> Array:
    """Large products natively on a CPU; a call costs more than a small product."""
    floats = all(a.dtype == jnp.float32 for a in operands)
    if not floats or max(a.size for a in operands) < _LARGE or not native().available:
        return portable(*operands)
    result = jax.eval_shape(portable, *operands)
    call = jax.ffi.ffi_call(name, result, vmap_method="broadcast_all")
    return lax.platform_dependent(*operands, cpu=call, default=portable)
