"""
Milliseconds of a convolution with max pooling and its gradients, in three ways.

    python benchmarks/conv_pool.py [--repeat 10]

"stock" is lax's convolution and reduce_window with XLA's own gradient, "portable" and
"native" are `ops.conv_pool` in XLA's terms and by the native library. The layers are the
three of svrimg-3conv on a batch of 32; the first one's images need no gradient. The
three ways take turns, so that a busy machine slows all.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stormlens.ops import _conv_pool, conv_pool, native

BATCH, KERNEL, POOL = 32, 3, 3
LAYERS = ((136, 1, 32), (44, 32, 64), (14, 64, 128))  # rows and columns, channels, filters


def main() -> None:
    """Print the median of each way and its ratio to the stock one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=10)
    options = parser.parse_args()
    print(f"native operations: {native().instruction_set or native().reason}")
    for size, channels, filters in LAYERS:
        arrays = draw(size, channels, filters)
        ways = compiled(arrays, first=channels == 1)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.repeat):
            for name, run in ways.items():
                began = time.perf_counter()
                jax.block_until_ready(run(*arrays))
                times[name].append(1e3 * (time.perf_counter() - began))
        medians = {name: statistics.median(values) for name, values in times.items()}
        for name, value in medians.items():
            ratio = medians["stock"] / value
            print(
                f"{size:4d} x {size:<4d} {channels:3d} -> {filters:3d}  {name:9s}"
                f"{value:8.1f} ms {ratio:6.1f} times"
            )


def draw(size: int, channels: int, filters: int) -> list[Array]:
    """Random images, kernel and bias."""
    rng = np.random.default_rng(0)
    shapes = [(BATCH, size, size, channels), (KERNEL, KERNEL, channels, filters), (filters,)]
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def stock(images: Array, kernel: Array, bias: Array) -> Array:
    """The frameworks' way: every position, then the maximum."""
    convolved = lax.conv_general_dilated(
        images, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    window = (1, POOL, POOL, 1)
    values = jax.nn.relu(convolved + bias)
    return lax.reduce_window(values, -jnp.inf, lax.max, window, window, "VALID")


def compiled(arrays: list[Array], first: bool) -> dict[str, Callable[..., object]]:
    """Each way, compiled with its gradients."""
    ours = partial(conv_pool, pool=POOL, activation="relu")
    ways = {"stock": stock, "portable": ours, "native": ours}
    serves = _conv_pool._native.serves
    runs = {}
    for name, way in ways.items():
        _conv_pool._native.serves = serves if name == "native" else lambda *_: False
        wanted = (1, 2) if first else (0, 1, 2)
        gradient = jax.grad(lambda *a, way=way: way(*a).sum(), wanted)
        runs[name] = jax.jit(gradient).lower(*arrays).compile()
    _conv_pool._native.serves = serves
    return runs


if __name__ == "__main__":
    main()
