"""
Shift-and-stitch of sliding windows in XLA's own terms.

For accelerators, and for machines without the native library. Elsewhere `stormlens.engine.Sliding`
does the same, and skips blank areas, which are computed here.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stormlens.engine import Step, StitchWeights, Windows, gather_windows


class PortableSliding:
    """The operations of `stormlens.engine.Sliding`."""

    numbers = jnp

    def conv_pool(
        self,
        image: Array,
        starts: Sequence[tuple[int, int]],
        weights: StitchWeights,
        blank: Array,
        reply: Array,
        *,
        step: int,
        windows: Windows,
        pool: int,
        relu: bool,
    ) -> Array:
        """As `Sliding.conv_pool`, but `blank` and `reply` are not looked at."""
        places = np.array(starts, np.int32)
        return _conv_pool(step, windows, pool, relu, image, places, weights.kernel, weights.bias)

    def dense_windows(self, image: Array, kernel: Array, bias: Array, *, windows: Windows) -> Array:
        """As `Sliding.dense_windows`."""
        return _dense_windows(windows, image, kernel, bias)

    def of_cells(self, steps: Sequence[Step], width: int) -> Callable[[Array], Array]:
        """As `Sliding.of_cells`."""
        weights = [(step.kernel, step.bias) for step in steps]

        @jax.jit
        def run(weights: Any, values: Array) -> Array:
            for step, (kernel, bias) in zip(steps, weights, strict=True):
                if step.kind == "scale":
                    values = values * kernel + bias
                elif step.kind == "dense":
                    values = jnp.matmul(values, kernel, precision=lax.Precision.HIGHEST) + bias
                values = _activation(step)(values)
            return values

        return partial(run, jax.device_put(weights))


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _conv_pool(
    step: int,
    windows: Windows,
    pool: int,
    relu: bool,
    image: Array,
    starts: Array,
    kernel: Array,
    bias: Array,
) -> Array:
    sizes = [n + pool - 1 + k - 1 for n, k in zip(windows.extents, kernel.shape[:2], strict=True)]
    spans = [step * (size - 1) + 1 for size in sizes]
    padded = jnp.pad(image, ((0, spans[0]), (0, spans[1]), (0, 0)))
    whole = (*spans, image.shape[2])
    shifted = jax.vmap(lambda start: lax.dynamic_slice(padded, (*start, 0), whole))(starts)
    convolved = lax.conv_general_dilated(
        shifted[:, ::step, ::step],
        kernel,
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )
    values = convolved + bias
    if relu:
        values = jnp.maximum(values, 0)
    pooled = lax.reduce_window(values, -jnp.inf, lax.max, (1, pool, pool, 1), (1, 1, 1, 1), "VALID")
    return gather_windows(pooled, windows)


@partial(jax.jit, static_argnums=0)
def _dense_windows(windows: Windows, image: Array, kernel: Array, bias: Array) -> Array:
    outputs = lax.conv_general_dilated(
        image[np.newaxis],
        kernel,
        windows.steps,
        "VALID",
        rhs_dilation=(windows.dilation, windows.dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )
    return outputs[0, : windows.counts[0], : windows.counts[1]] + bias


def _activation(step: Step) -> Callable[[Array], Array]:
    """An activation of `stormlens.engine.Step`."""
    if step.activation == "relu" and step.constants:
        slope, most, threshold = step.constants
        return lambda values: _keras_relu(values, slope, most, threshold)
    if step.activation == "elu":
        return partial(jax.nn.elu, alpha=step.constants[0])
    return _ACTIVATIONS[step.activation]


def _keras_relu(values: Array, slope: float, most: float, threshold: float) -> Array:
    """ReLU with Keras's negative slope, highest value and threshold."""
    return jnp.where(values > threshold, jnp.minimum(values, most), slope * (values - threshold))


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda values: values,
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "selu": jax.nn.selu,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "silu": jax.nn.silu,
    "exponential": jnp.exp,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "softmax": jax.nn.softmax,
}
