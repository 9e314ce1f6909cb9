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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from stormlens.engine import (
    Step,
    StitchWeights,
    Windows,
    blank_reply,
    gather_windows,
    spectra_pay,
    stitch_weights,
)
from stormlens.models._network import Floats, answers
from stormlens.models._sliding_plan import Plan, Stage, activation_of, weights_of

Run = Callable[[Any], Any]
_FEATURES_TOGETHER = 2**24  # of windows of several phases, 64 MiB


class Operations(Protocol):
    """What computes: `stormlens.engine.Sliding`, or `stormlens.ops.PortableSliding` on JAX."""

    @property
    def numbers(self) -> ModuleType:
        """NumPy, or what stands in for it."""

    def conv_pool(
        self,
        image: Any,
        starts: Sequence[tuple[int, int]],
        weights: StitchWeights,
        blank: Any,
        reply: Any,
        *,
        step: int,
        windows: Windows,
        pool: int,
        relu: bool,
    ) -> Any:
        """Pooled cells of a stage, as windows have them."""

    def dense_windows(self, image: Any, kernel: Any, bias: Any, *, windows: Windows) -> Any:
        """Outputs of a dense layer for every window."""

    def of_cells(self, steps: Sequence[Step], width: int) -> Run:
        """What steps make of each cell."""


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


@dataclass(frozen=True)
class Phase:
    """
    Windows that share an image.

    Attributes
    ----------
    start : tuple of int
        First cell of what they look at.
    out : ndarray of float32, shape (rows, columns, classes)
        Where their probabilities go.
    """

    start: tuple[int, int]
    out: Floats

    def fill(self, found: Floats) -> None:
        """Take what was found, which may hold windows beyond the last."""
        self.out[...] = found[: self.out.shape[0], : self.out.shape[1]]

    def below(self, axes: Axes, pool: int) -> "list[Phase]":
        """The phases of these windows after a pool."""
        down, across = (axis.phases(pool) for axis in axes)
        return [
            Phase((axes[0].step * a, axes[1].step * b), self.out[a::down, b::across])
            for a, b in product(range(down), range(across))
        ]


def shared_probabilities(
    operations: Operations, plan: Plan, image: Floats, axes: Axes, blank: float
) -> Floats:
    """
    Class probabilities of every window.

    Parameters
    ----------
    operations : Operations
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
    walk = _Walk(operations, plan, np.full(1, blank, np.float32), axes)
    probabilities = np.empty((axes[0].count, axes[1].count, plan.outputs), np.float32)
    walk.descend(0, image[..., np.newaxis], [Phase((0, 0), probabilities)], 1, axes)
    return answers(probabilities, plan.dense[-1].activation == "softmax")


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
        products = stage.kernel.size
        rows, columns = axes
        alone += products * windows * rows.extent * columns.extent
        shared += products * images * rows.size * columns.size
        images *= rows.phases(stage.pool) * columns.phases(stage.pool)
        axes = _pooled(axes, stage)
    dense = windows * sum(step.kernel.size for step in plan.dense if step.kernel is not None)
    return shared + dense < 0.7 * (alone + dense)


class _Layer:
    """A stage made ready: its weights, what blank cells become, and what is done to each cell."""

    def __init__(self, operations: Operations, stage: Stage, blank: Any) -> None:
        self.stage, self.blank = stage, blank
        self.weights = stitch_weights(stage.kernel, stage.bias)
        self.reply = blank_reply(self.weights, blank, stage.rectifies)
        before = () if stage.fuses else stage.before
        self.before, self.after = (
            operations.of_cells(steps, stage.filters) for steps in (before, stage.after)
        )
        self.leaves = self.after(self.before(self.reply))  # of a blank cell


class _Walk:
    """One pass down the stages, phase by phase."""

    def __init__(self, operations: Operations, plan: Plan, blank: Any, axes: Axes) -> None:
        self.operations = operations
        self.layers: list[_Layer] = []
        for stage in plan.stages:
            self.layers.append(_Layer(operations, stage, blank))
            blank = self.layers[-1].leaves
        self.windows = _last(plan.stages, axes)
        last = plan.stages[-1]
        self.gathers = not spectra_pay(self.windows, last.filters)
        kernel, self.bias = weights_of(plan.dense[0])
        self.kernel = kernel.reshape(*self.windows.cells, last.filters, -1)
        if self.gathers:
            self.tail = operations.of_cells(plan.dense, len(kernel))
        else:
            behind = [*activation_of(plan.dense[0]), *plan.dense[1:]]
            self.tail = operations.of_cells(behind, self.bias.size)

    def descend(
        self, level: int, image: Any, phases: Sequence[Phase], step: int, axes: Axes
    ) -> None:
        """Fill phases by what stage `level` sees: every `step`-th cell of `image` from a start."""
        layer, last = self.layers[level], level == len(self.layers) - 1
        if last and self.gathers:
            features = math.prod(self.windows.counts) * self.kernel[..., 0].size
            together = max(1, _FEATURES_TOGETHER // features)
            for first in range(0, len(phases), together):
                some = phases[first : first + together]
                starts = [phase.start for phase in some]
                cells = self._cells(layer, image, starts, step, self.windows)
                for phase, found in zip(some, np.asarray(self.tail(cells)), strict=True):
                    phase.fill(found)
            return
        windows = _every_cell(axes, layer.stage)
        for phase in phases:
            cells = self._cells(layer, image, [phase.start], step, windows)[0]
            if last:
                phase.fill(np.asarray(self._by_spectra(cells)))
            else:
                pool, below = layer.stage.pool, _pooled(axes, layer.stage)
                self.descend(level + 1, cells, phase.below(axes, pool), pool, below)

    def _cells(
        self,
        layer: _Layer,
        image: Any,
        starts: Sequence[tuple[int, int]],
        step: int,
        windows: Windows,
    ) -> Any:
        """A stage's pooled cells, as windows have them, for each start."""
        stage = layer.stage

        def convolve(windows: Windows, pool: int) -> Any:
            return self.operations.conv_pool(
                *(image, starts, layer.weights, layer.blank, layer.reply),
                step=step,
                windows=windows,
                pool=pool,
                relu=stage.rectifies,
            )

        if stage.fuses:
            values = convolve(windows, stage.pool)
            channels = values.reshape(-1, stage.filters)
            return layer.after(channels).reshape(values.shape)
        height, width = (extent + stage.pool - 1 for extent in windows.extents)
        values = layer.before(convolve(Windows((height, width)), 1))
        pooled = _pool(self.operations.numbers, stage, values, windows.extents)
        return gather_windows(layer.after(pooled), windows)

    def _by_spectra(self, cells: Any) -> Any:
        """Outputs (rows, columns, classes) by the dense layers."""
        outputs = self.operations.dense_windows(cells, self.kernel, self.bias, windows=self.windows)
        return self.tail(outputs)


def _pooled(axes: Axes, stage: Stage) -> Axes:
    rows, columns = (axis.pooled(k, stage.pool) for axis, k in zip(axes, stage.window, strict=True))
    return rows, columns


def _every_cell(axes: Axes, stage: Stage) -> Windows:
    """What a stage pools, as windows of one cell."""
    height, width = (
        axis.size - k + 1 - stage.pool + 1 for axis, k in zip(axes, stage.window, strict=True)
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


def _pool(numbers: ModuleType, stage: Stage, values: Any, extents: tuple[int, int]) -> Any:
    """Mean or maximum of the windows that start at every cell."""
    join = numbers.add if stage.averages else numbers.maximum
    down = reduce(join, [values[:, i : i + extents[0]] for i in range(stage.pool)])
    whole = reduce(join, [down[:, :, i : i + extents[1]] for i in range(stage.pool)])
    return whole / np.float32(stage.pool**2) if stage.averages else whole
