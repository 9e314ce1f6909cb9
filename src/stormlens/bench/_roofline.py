"""
The roofline: seconds that no program can beat on this machine.

A layer needs floating-point operations and bytes from memory; a machine gives so
many of each a second (Williams, Waterman and Patterson 2009). The longer of the
two is the layer's bound. Counts are of the leanest known way: a convolution is
computed only where a whole pool window will look, its gradient visits only the
argmax of each window, and everything but the weights stays in cache.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from stormlens.bench._network import Layer
from stormlens.stormbox import SIZE

_FLOAT = 4
_SIZES = (1024, 2048)
_COPY_BYTES = 256 * 2**20
# Of each weight: read forward; on the way back read once more with both moments, for the gradient
# of the inputs and for Adam's step together, and all three written.
_TOUCHES_A_WEIGHT = 1 + 3 + 3


@dataclass(frozen=True)
class Machine:
    """
    What the machine can do at its best.

    Attributes
    ----------
    gflops : float
        Matrix products in single precision on all cores, GFLOP/s.
    gbytes : float
        Copy from memory to memory on all cores, read and written bytes together, GB/s.
    """

    gflops: float = 0.0
    gbytes: float = 0.0

    def best(self, other: "Machine") -> "Machine":
        """
        The better of two measurements.

        Parameters
        ----------
        other : Machine

        Returns
        -------
        best : Machine
        """
        return Machine(max(self.gflops, other.gflops), max(self.gbytes, other.gbytes))


@dataclass(frozen=True)
class Work:
    """
    What a training step asks of the machine for one layer.

    Attributes
    ----------
    layer : str
        Kind of the layer.
    flops : int
        Floating-point operations; a multiplication and an addition are two.
    bytes : int
        Read from and written to memory.
    """

    layer: str
    flops: int
    bytes: int

    def seconds(self, machine: Machine) -> float:
        """
        The bound of this layer.

        Parameters
        ----------
        machine : Machine

        Returns
        -------
        seconds : float
        """
        return max(self.flops / machine.gflops, self.bytes / machine.gbytes) / 1e9


def measure_machine(repeats: int = 3) -> Machine:
    """
    Measure the machine in about a second.

    Parameters
    ----------
    repeats : int, optional
        Times that each is done; the best counts.

    Returns
    -------
    machine : Machine
        Products of 1024 and 2048 rows by NumPy and by JAX, whichever is faster; a copy of
        256 MiB, well over a processor's cache, shared among all cores.
    """
    products = [_numpy_product, _jax_product]
    gflops = max(
        2 * size**3 / _best_seconds(make(size), repeats) / 1e9
        for size in _SIZES
        for make in products
    )
    return Machine(gflops, 2 * _COPY_BYTES / _copy_seconds(repeats) / 1e9)


def _best_seconds(action: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 1):  # the first one warms up
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])


def _numpy_product(size: int) -> Callable[[], object]:
    left, right = np.ones((2, size, size), np.float32)
    return lambda: left @ right


def _jax_product(size: int) -> Callable[[], object]:
    import jax
    import jax.numpy as jnp

    left = jnp.ones((size, size), jnp.float32)
    product = jax.jit(jnp.matmul)
    return lambda: product(left, left).block_until_ready()


def _copy_seconds(repeats: int) -> float:
    cores = os.cpu_count() or 1
    source, target = np.ones((2, cores, _COPY_BYTES // cores // _FLOAT), np.float32)
    with ThreadPoolExecutor(cores) as pool:
        return _best_seconds(lambda: list(pool.map(np.copyto, target, source)), repeats)


def work(layers: Sequence[Layer], batch: int, size: int = SIZE) -> list[Work]:
    """
    What one training step with Adam asks of the machine.

    Parameters
    ----------
    layers : sequence of Layer
        The network, as `describe` gives it.
    batch : int
        Images a step.
    size : int, optional
        Rows and columns of an image of one channel.

    Returns
    -------
    steps : list of Work
        One for each layer that has weights.

    Examples
    --------
    A dense layer of the 4 pixels of an image to 3 outputs, the first layer, so that no
    gradient of its input is needed: 2 products of 2 * 4 * 3 for each of 10 images, and 8
    visits to 15 weights of 4 bytes.

    >>> work([Layer("flatten"), Layer("dense", units=3)], batch=10, size=2)
    [Work(layer='dense', flops=480, bytes=420)]
    """
    steps: list[Work] = []
    side, channels = size, 1
    for number, layer in enumerate(layers):
        if layer.kind == "conv":
            side -= layer.size - 1
            pool = _pool_size(layers[number + 1 :])
            steps.append(_conv(layer, batch, side, pool, channels, first=not steps))
            channels = layer.units
        elif layer.kind == "max_pool":
            side //= layer.size
        elif layer.kind == "flatten":
            side, channels = 1, side**2 * channels
        elif layer.kind == "dense":
            steps.append(_dense(batch, channels, layer.units, first=not steps))
            channels = layer.units
    return steps


def _pool_size(following: Sequence[Layer]) -> int:
    """Side of the pool window that looks at a convolution's output; 1 where none does."""
    kinds = [layer for layer in following if layer.kind != "spatial_dropout"]
    return kinds[0].size if kinds and kinds[0].kind == "max_pool" else 1


def _conv(layer: Layer, batch: int, side: int, pool: int, channels: int, *, first: bool) -> Work:
    """`side` is of the convolution's output; the images need no gradient."""
    taps = layer.size**2 * channels * layer.units
    windows = (side // pool) ** 2
    forward = 2 * windows * pool**2 * taps
    backward = 2 * windows * taps * (1 if first else 2)  # one position of each
    return Work("conv", batch * (forward + backward), _weight_bytes(taps + layer.units))


def _dense(batch: int, inputs: int, outputs: int, *, first: bool) -> Work:
    """Three products of the same size: output, gradient of the weights, gradient of the input."""
    products = 2 if first else 3
    weights = (inputs + 1) * outputs
    return Work("dense", batch * products * 2 * inputs * outputs, _weight_bytes(weights))


def _weight_bytes(weights: int) -> int:
    return _TOUCHES_A_WEIGHT * _FLOAT * weights


def epoch_seconds(layers: Sequence[Layer], images: int, batch: int, machine: Machine) -> float:
    """
    The roofline of one epoch.

    Parameters
    ----------
    layers : sequence of Layer
        The network.
    images : int
        Training images.
    batch : int
        Images a step; the last step takes what is left.
    machine : Machine
        What it runs on.

    Returns
    -------
    seconds : float
    """
    return sum(part.seconds(machine) for part in epoch_work(layers, images, batch))


def epoch_work(layers: Sequence[Layer], images: int, batch: int) -> list[Work]:
    """
    What one epoch asks of the machine.

    Parameters
    ----------
    layers : sequence of Layer
        The network.
    images : int
        Training images.
    batch : int
        Images a step; the last step takes what is left.

    Returns
    -------
    steps : list of Work
        Of every step, in order.
    """
    whole, rest = divmod(images, batch)
    return work(layers, batch) * whole + (work(layers, rest) if rest else [])
