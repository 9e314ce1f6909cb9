"""
Probabilities of all windows of a mosaic, each convolution computed once where windows overlap.

A window's first cell lies anywhere on the mosaic, but its pools count from that
cell. So after a pool of side p, windows whose starts differ by a multiple of p
share one pooled image, and there are as many pooled images (phases) as starts
have remainders: windows every t cells have n = p / gcd(t, p) phases along an
axis, and in each the windows stand every t n / p cells. The next convolution
runs once over each phase, and so on down to the dense layers (Giusti et al.
2013, Fast image scanning with deep max-pooling convolutional neural networks,
ICIP; their fragments are the phases). A stage pools at every position, and a
phase is a regular part of what that gives. The last stage pools only where
windows look and puts a window's features side by side, unless so many recur in
the windows around that the dense layer had better take them where they are.

Phases are computed one by one, in memory that the last one leaves.
"""

import math
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from stormlens.models._fuse import clipped_log
from stormlens.models._sliding_plan import Activations, Plan, Stage
from stormlens.ops import (
    Everywhere,
    Windows,
    blank_reply,
    conv_pool_everywhere,
    dense_windows,
    everywhere,
    gather_windows,
    spectra_pay,
)


@dataclass(frozen=True)
class Axis:
    """
    Windows along one axis of an image.

    Attributes
    ----------
    step : int
        Cells from one window to the next.
    count : int
        Windows.
    extent : int
        Cells of one window.
    """

    step: int
    count: int
    extent: int

    @property
    def size(self) -> int:
        """Cells that the windows cover."""
        return self.step * (self.count - 1) + self.extent

    def phases(self, pool: int) -> int:
        """How many pooled images the windows need."""
        return pool // math.gcd(self.step, pool)

    def pooled(self, kernel: int, pool: int) -> "Axis":
        """The windows of one phase, on what a convolution and a pool leave."""
        phases = self.phases(pool)
        extent = (self.extent - kernel + 1) // pool
        return Axis(self.step * phases // pool, -(-self.count // phases), extent)


Axes = tuple[Axis, Axis]


def shared_probabilities(plan: Plan, image: np.ndarray, axes: Axes, blank: float) -> np.ndarray:
    """
    Class probabilities of every window.

    Parameters
    ----------
    plan : Plan
        The network.
    image : ndarray of float32, shape (rows, columns)
        Scaled as the network takes it.
    axes : tuple of Axis
        The windows along rows and columns.
    blank : float
        What cells without echo hold.

    Returns
    -------
    probabilities : ndarray of float32, shape (axes[0].count, axes[1].count, classes)
    """
    classes = plan.dense_weights[-1][1].size
    probabilities = np.empty((axes[0].count, axes[1].count, classes), np.float32)
    walk = _Walk(plan, jnp.full(1, blank, jnp.float32), axes)
    walk.descend(0, jnp.asarray(image)[..., np.newaxis], (0, 0), 1, axes, probabilities)
    walk.settle()
    return probabilities


def worth_sharing(plan: Plan, axes: Axes) -> bool:
    """
    Whether sharing takes clearly fewer products than computing each window by itself.

    Parameters
    ----------
    plan : Plan
        The network.
    axes : tuple of Axis
        The windows along rows and columns.

    Returns
    -------
    worth : bool
        False where windows hardly overlap.
    """
    windows = axes[0].count * axes[1].count
    alone, shared, images = 0.0, 0.0, 1
    for stage in plan.stages:
        products = math.prod(stage.kernel) * stage.channels * stage.filters
        rows, columns = axes
        alone += products * windows * rows.extent * columns.extent
        shared += products * images * rows.size * columns.size
        images *= rows.phases(stage.pool) * columns.phases(stage.pool)
        axes = _pooled(axes, stage)
    dense = windows * sum(kernel.size for kernel, _ in plan.dense_weights)
    return shared + dense < 0.7 * (alone + dense)


class _Walk:
    """One pass down the stages, phase by phase."""

    def __init__(self, plan: Plan, blank: Array, axes: Axes) -> None:
        self.stages = plan.stages
        self.dense = tuple(plan.dense)
        self.windows = _last(plan.stages, axes)
        self.gathers = not spectra_pay(self.windows, plan.stages[-1].filters)
        self.dense_weights = jax.device_put(plan.dense_weights)
        self.weights = [jax.device_put(everywhere(*pair)) for pair in plan.stage_weights]
        self.rooms: list[Array | None] = [None] * len(plan.stages)
        self.unsettled: tuple[np.ndarray, Array] | None = None
        self.blanks: list[tuple[Array, Array]] = []  # of each stage: what enters, what leaves
        for stage, weights in zip(plan.stages, self.weights, strict=True):
            reply = blank_reply(weights, blank, _rectifies(stage))
            self.blanks.append((blank, reply))
            blank = reply if _fuses(stage) else _apply(stage.before, reply)
            blank = _apply(stage.after, blank)

    def descend(
        self,
        level: int,
        image: Array,
        start: tuple[int, int],
        step: int,
        axes: Axes,
        out: np.ndarray,
    ) -> None:
        """Fill `out` by what stage `level` sees: every `step`-th cell of `image` from `start`."""
        stage = self.stages[level]
        last = level == len(self.stages) - 1
        cells = _stage(
            stage,
            step,
            self.windows if last and self.gathers else _every_cell(axes, stage),
            image,
            np.array(start, np.int32),
            self.weights[level],
            *self.blanks[level],
            self.rooms[level],
        )
        if last:
            windows = None if self.gathers else self.windows
            found = _classified(self.dense, windows, cells, self.dense_weights)
            self.settle()
            self.unsettled = out, found
        else:
            below = _pooled(axes, stage)
            down, across = (axis.phases(stage.pool) for axis in axes)
            for a, b in product(range(down), range(across)):
                part = out[a::down, b::across]
                begin = (axes[0].step * a, axes[1].step * b)
                self.descend(level + 1, cells, begin, stage.pool, below, part)
        self.rooms[level] = cells

    def settle(self) -> None:
        """Wait for the probabilities asked for last: the next are on their way by then."""
        if self.unsettled is not None:
            out, found = self.unsettled
            out[...] = np.asarray(found)[: out.shape[0], : out.shape[1]]
            self.unsettled = None


def _pooled(axes: Axes, stage: Stage) -> Axes:
    rows, columns = (axis.pooled(k, stage.pool) for axis, k in zip(axes, stage.kernel, strict=True))
    return rows, columns


def _every_cell(axes: Axes, stage: Stage) -> Windows:
    """What a stage pools, as windows of one cell."""
    height, width = (
        axis.size - k + 1 - stage.pool + 1 for axis, k in zip(axes, stage.kernel, strict=True)
    )
    return Windows((height, width))


def _last(stages: list[Stage], axes: Axes) -> Windows:
    """The windows of one phase of the last stage's pooled cells."""
    *earlier, stage = stages
    for one in earlier:
        axes = _pooled(axes, one)
    rows, columns = axes
    down, across = _pooled(axes, stage)
    return Windows(
        (rows.count, columns.count),
        (rows.step, columns.step),
        stage.pool,
        (down.extent, across.extent),
    )


def _fuses(stage: Stage) -> bool:
    """Whether convolution, activation and pool are one operation."""
    plain = all(activation.__name__ == "relu" for activation in stage.before)
    return plain and not stage.averages


def _rectifies(stage: Stage) -> bool:
    return _fuses(stage) and bool(stage.before)


@partial(jax.jit, static_argnums=(0, 1, 2), donate_argnums=8)
def _stage(
    stage: Stage,
    step: int,
    windows: Windows,
    image: Array,
    start: Array,
    weights: Everywhere,
    blank: Array,
    reply: Array,
    room: Array | None,
) -> Array:
    """A stage's pooled cells, as windows have them."""
    run = partial(conv_pool_everywhere, image, start, weights, blank, reply, step=step)
    if _fuses(stage):
        values = run(room, windows=windows, pool=stage.pool, relu=_rectifies(stage))
        return _apply(stage.after, values)
    height, width = (extent + stage.pool - 1 for extent in windows.extents)
    values = _apply(stage.before, run(windows=Windows((height, width)), pool=1, relu=False))
    for axis, extent in enumerate(windows.extents):
        parts = [jax.lax.slice_in_dim(values, i, i + extent, 1, axis) for i in range(stage.pool)]
        values = _reduce(stage, parts)
    return gather_windows(_apply(stage.after, values), windows)


def _reduce(stage: Stage, parts: list[Array]) -> Array:
    total = parts[0]
    for part in parts[1:]:
        total = total + part if stage.averages else jnp.maximum(total, part)
    return total / len(parts) if stage.averages else total


def _apply(activations: Activations, values: Array) -> Array:
    for activation in activations:
        values = activation(values)
    return values


@partial(jax.jit, static_argnums=(0, 1))
def _classified(
    dense: tuple[Activations, ...], windows: Windows | None, cells: Array, weights: Any
) -> Array:
    """
    Probabilities (rows, columns, classes) by the dense layers.

    `cells` is the features of each window or, with `windows`, the image that they lie in.
    """
    (kernel, bias), *others = weights
    if windows is None:
        values = cells @ kernel + bias
    else:
        kernel = kernel.reshape(*windows.cells, cells.shape[-1], -1)
        values = dense_windows(cells, kernel, bias, windows=windows)
    values = _apply(dense[0], values)
    for activations, (kernel, bias) in zip(dense[1:], others, strict=True):
        values = _apply(activations, values @ kernel + bias)
    return jnp.exp(clipped_log(values))
