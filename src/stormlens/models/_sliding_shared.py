"""
Probabilities of all windows of a mosaic by shift-and-stitch: each convolution is computed once.

A convolution gives one value a cell, whichever window looks at it. A pool does not: it counts
from a window's first cell. Take a pool of side 3 and windows that start at cells 0, 2, 4, ...:

    start 0   pools of cells 0-2, 3-5, 6-8, ...     shift 0
    start 2   pools of cells 2-4, 5-7, 8-10, ...    shift 2
    start 4   pools of cells 4-6, 7-9, ...          shift 1
    start 6   pools of cells 6-8, ...               shift 0 again

Windows whose starts leave the same remainder share one pooled image. So after a pool of side p,
windows every t cells need n = p / gcd(t, p) pooled images along an axis, one a shift, and on each
the windows stand every t n / p cells. The next convolution runs once over each of these images,
whose windows are divided again by the next pool, and so on down to the dense layers. At the end the
answers of all shifts are put together ("stitched"), each into every n-th row and column.

That is shift-and-stitch (Sermanet et al. 2014, OverFeat, ICLR; Long, Shelhamer and Darrell 2015,
Fully convolutional networks for semantic segmentation, CVPR, section 3.2). It goes down all pools
as Giusti et al. (2013), Fast image scanning with deep max-pooling convolutional neural networks,
ICIP; the images here are their fragments.

The image is not shifted. A stage pools at every position, and a shift is every p-th of these. The
last stage pools only where windows look and puts a window's features side by side, so that the
dense layers are one product of matrices. Where most of these features recur in the windows
around, the dense layer takes them where they lie instead, by Fourier transforms.

Shifts are computed one after the other, each in the memory that the one before leaves: all of them
together would take up to p * p times as much after each pool.
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
_FEATURES_TOGETHER = 2**24
"""Features of windows that are computed together, 64 MiB: a product of few rows is slow."""


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

    def shifts(self, pool: int) -> int:
        """How many pooled images the windows need: one for each remainder of their starts."""
        return pool // math.gcd(self.step, pool)

    def pooled(self, kernel: int, pool: int) -> "Axis":
        """The windows of one shift, on what a convolution and a pool leave."""
        shifts = self.shifts(pool)
        extent = (self.extent - kernel + 1) // pool
        # Rounded up: shifts must have equal windows to be computed together. The first shifts may
        # have one window more than the last, which then computes one that nobody asks for.
        return Axis(self.step * shifts // pool, -(-self.count // shifts), extent)


Axes = tuple[Axis, Axis]


@dataclass(frozen=True)
class Shift:
    """
    Windows that share an image, since their starts leave the same remainder.

    Attributes
    ----------
    start : tuple of int
        First cell of what they look at.
    out : ndarray of float32, shape (rows, columns, classes)
        Where their probabilities go: a view with gaps, which stitches them among the others.
    """

    start: tuple[int, int]
    out: Floats

    def fill(self, found: Floats) -> None:
        """Take what was found, which may hold windows beyond the last."""
        self.out[...] = found[: self.out.shape[0], : self.out.shape[1]]

    def below(self, axes: Axes, pool: int) -> "list[Shift]":
        """The shifts that these windows need after a pool."""
        down, across = (axis.shifts(pool) for axis in axes)
        return [
            Shift((axes[0].step * a, axes[1].step * b), self.out[a::down, b::across])
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
    walk.descend(0, image[..., np.newaxis], [Shift((0, 0), probabilities)], 1, axes)
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
        images *= rows.shifts(stage.pool) * columns.shifts(stage.pool)
        axes = _pooled(axes, stage)
    dense = windows * sum(step.kernel.size for step in plan.dense if step.kernel is not None)
    # With a margin, since sharing also copies and pools at every position, which is not counted.
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
    """One pass down the stages, shift by shift."""

    def __init__(self, operations: Operations, plan: Plan, blank: Any, axes: Axes) -> None:
        self.operations = operations
        self.layers: list[_Layer] = []
        for stage in plan.stages:
            self.layers.append(_Layer(operations, stage, blank))
            blank = self.layers[-1].leaves  # where a mosaic is blank, so is the next stage's image
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
        self, level: int, image: Any, shifts: Sequence[Shift], step: int, axes: Axes
    ) -> None:
        """
        Fill shifts by what stage `level` sees: every `step`-th cell of `image` from a start.

        `image` holds the cells of all shifts, pooled at every position; `step` is the side of the
        pool that made it. Depth first, so that one image a stage is in memory, not one a shift.
        """
        layer, last = self.layers[level], level == len(self.layers) - 1
        if last and self.gathers:
            features = math.prod(self.windows.counts) * self.kernel[..., 0].size
            together = max(1, _FEATURES_TOGETHER // features)
            for first in range(0, len(shifts), together):
                some = shifts[first : first + together]
                starts = [shift.start for shift in some]
                cells = self._cells(layer, image, starts, step, self.windows)
                for shift, found in zip(some, np.asarray(self.tail(cells)), strict=True):
                    shift.fill(found)
            return
        windows = _every_cell(axes, layer.stage)
        for shift in shifts:
            cells = self._cells(layer, image, [shift.start], step, windows)[0]
            if last:
                shift.fill(np.asarray(self._by_spectra(cells)))
            else:
                pool, below = layer.stage.pool, _pooled(axes, layer.stage)
                self.descend(level + 1, cells, shift.below(axes, pool), pool, below)

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
        # A pool at every position needs that many cells beyond the last position.
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
    """The windows of one shift of the last stage's pooled cells."""
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
    """Mean or maximum of the windows that start at every cell: rows first, then columns."""
    join = numbers.add if stage.averages else numbers.maximum
    down = reduce(join, [values[:, i : i + extents[0]] for i in range(stage.pool)])
    whole = reduce(join, [down[:, :, i : i + extents[1]] for i in range(stage.pool)])
    return whole / np.float32(stage.pool**2) if stage.averages else whole
