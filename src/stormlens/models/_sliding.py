"""
A field of mode probabilities over a whole mosaic, by a box that slides over it.

Boxes that overlap share their convolutions, which shift-and-stitch computes once;
see `_sliding_shared`. Networks that cannot share classify box by box.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets import check_reflectivity
from stormlens.engine import Sliding
from stormlens.errors import InputError
from stormlens.models._classifier import Classifier, turned
from stormlens.models._network import Network
from stormlens.models._sliding_plan import Plan, read_plan
from stormlens.models._sliding_shared import (
    Axis,
    Operations,
    shared_probabilities,
    worth_sharing,
)
from stormlens.stormbox import (
    ECHO_DBZ,
    NATIONAL,
    PIXEL_KM,
    Field,
    Grid,
    Mosaic,
    cells_of,
    grid_of,
    is_dataset,
    nanoseconds,
)

if TYPE_CHECKING:
    import xarray as xr

STRIDE = 8
"""Cells from box to box by default; where boxes share their convolutions, about as many."""

_BOXES_AT_A_TIME = 1024
_SHARED = "shared convolutions"


@overload
def slide(
    classifier: Classifier, mosaic: Mosaic, *, stride: int | None = ..., progress: bool = ...
) -> Field: ...


@overload
def slide(
    classifier: Classifier, mosaic: "xr.Dataset", *, stride: int | None = ..., progress: bool = ...
) -> "xr.Dataset": ...


def slide(
    classifier: Classifier, mosaic: Any, *, stride: int | None = None, progress: bool = False
) -> Any:
    """
    Probability of each mode for a box centred at regular places of a mosaic.

    Each value is that of `Classifier.predict` for the box, to 1e-4: averaged over orientations
    and tempered as there. Where the network is a
    chain of unpadded convolutions of stride 1, pools and dense layers, overlapping boxes
    share their convolutions; any other is asked box by box, as attribute `computed` says.

    Parameters
    ----------
    classifier : Classifier
        Its `image_shape` is the box.
    mosaic : Mosaic or xarray.Dataset
        `reflectivity` (y, x) in whole dBZ, row 0 south, as `stormlens.readers.read_mosaic` and
        `read` give it; of a Dataset a rectangle will do. Where it has `coverage`, the result does
        too.
    stride : int, optional
        Cells from one box to the next along both axes, 1 or more. By default 8; where
        convolutions are shared, the multiple of the network's pools nearest to 8. Of three pools
        of side 3 it is 9, with which four times as much is shared.
    progress : bool, optional
        Show on standard error, where that is a terminal, how many boxes are done; shared
        convolutions are over too soon for it.

    Returns
    -------
    field : Field or xarray.Dataset
        As the mosaic was given. Of a Dataset
        `probability` float32 (y, x, mode), rows summing to 1, for every box that lies wholly
        in the mosaic; `y`, `x` are the boxes' centres in km from the centre of the grid's
        south-western cell, `latitude` and `longitude` (y, x) in degrees. `coverage` float32
        (y, x) is the share, 0 to 1, of a box that some radar sees, `echo` that at 5 dBZ or more.
        If radars see a whole box, `apply_context` rules out the mode Missing. Attribute
        `computed` is "shared convolutions" or "box by box", with the reason.

    Raises
    ------
    InputError
        If the stride is no whole number of 1 or more, the mosaic has no reflectivity (y, x),
        holds a value that cannot be reflectivity, or is smaller than the box; or if the network's
        answer to a box is no number.
    """
    is_whole = isinstance(stride, int | np.integer) and not isinstance(stride, bool)
    if stride is not None and not (is_whole and stride >= 1):
        raise InputError(f"slide: stride is {stride!r}; give whole cells, 1 or more.")
    box = classifier.image_shape
    ground = _ground_of(mosaic, box)
    plans = _plans_of(classifier)
    if stride is None:
        stride = STRIDE if isinstance(plans, str) else plans[0].stride_near(STRIDE)
    stride = int(stride)
    probability, computed = _probabilities(classifier, plans, ground.reflectivity, stride, progress)
    y, x = (
        first + (stride * np.arange(count, dtype=np.float64) + (cells - 1) / 2) * PIXEL_KM
        for first, count, cells in zip(ground.corner, probability.shape[:2], box, strict=True)
    )
    seen = ground.coverage
    longitude, latitude = ground.grid.lonlat(x / PIXEL_KM, y[:, np.newaxis] / PIXEL_KM)
    field = Field(
        probability,
        tuple(classifier.classes),
        y,
        x,
        echo=_share(ground.reflectivity >= ECHO_DBZ, box, stride),
        coverage=None if seen is None else _share(seen, box, stride),
        latitude=latitude,
        longitude=longitude,
        time=ground.time,
        model=classifier.called,
        source=ground.source,
        simulated=ground.simulated,
        simulated_training=classifier.trained_on_simulated,
        stride=stride,
        box=tuple(box),
        computed=computed,
        grid=ground.grid,
    )
    return field.to_xarray() if is_dataset(mosaic) else field


def _plans_of(classifier: Classifier) -> list[Plan] | str:
    """How each of its networks shares, or why one cannot."""
    plans: list[Plan] = []
    for member in classifier.network.members:
        plan = read_plan(member)
        if isinstance(plan, str):
            return plan
        plans.append(plan)
    return plans


@dataclass(frozen=True)
class _Ground:
    """What boxes slide over: a mosaic, or a rectangle of one whose first cell is the corner, km."""

    reflectivity: NDArray[np.uint8]
    coverage: NDArray[np.bool_] | None
    time: np.datetime64 | None
    source: str
    simulated: bool
    corner: tuple[float, float] = (0.0, 0.0)
    grid: Grid = NATIONAL


def _ground_of(mosaic: Any, box: tuple[int, int]) -> _Ground:
    if isinstance(mosaic, Mosaic):
        ground = _Ground(
            *(mosaic.reflectivity, mosaic.coverage, mosaic.time, mosaic.source, mosaic.simulated),
            grid=mosaic.grid,
        )
    elif is_dataset(mosaic) and "reflectivity" in mosaic:
        ground = _ground_of_dataset(mosaic)
    else:
        raise InputError(
            f"slide was given a {type(mosaic).__name__} without reflectivity; give a mosaic as "
            "stormlens.readers.read makes it."
        )
    rows, columns = ground.reflectivity.shape
    if rows < box[0] or columns < box[1]:
        raise InputError(
            f"slide: the mosaic has {rows} x {columns} cells, fewer than the "
            f"network's box of {box[0]} x {box[1]}; give a larger part of it."
        )
    checked = check_reflectivity(ground.reflectivity[np.newaxis], where="The mosaic to slide over")
    return replace(ground, reflectivity=checked[0])


def _ground_of_dataset(mosaic: "xr.Dataset") -> _Ground:
    if mosaic["reflectivity"].dims != ("y", "x"):
        raise InputError(
            f"slide: reflectivity has dimensions {mosaic['reflectivity'].dims}, not ('y', 'x')."
        )
    grid = grid_of(mosaic)
    cells = {axis: cells_of(mosaic["reflectivity"], axis, grid) for axis in "yx"}
    ways = {axis: slice(None, None, -1 if c[0] > c[-1] else 1) for axis, c in cells.items()}
    mosaic = mosaic.isel(ways)
    time: Any = None
    if "time" in mosaic.coords and mosaic["time"].ndim == 0:
        time = nanoseconds(mosaic["time"].values, "slide: time of the mosaic")[()]
    return _Ground(
        mosaic["reflectivity"].values,
        mosaic["coverage"].values.astype(bool) if "coverage" in mosaic else None,
        time,
        str(mosaic.attrs.get("source", "unknown")),
        bool(int(mosaic.attrs.get("simulated", 0))),
        (PIXEL_KM * int(cells["y"].min()), PIXEL_KM * int(cells["x"].min())),
        grid,
    )


def _probabilities(
    classifier: Classifier,
    plans: list[Plan] | str,
    reflectivity: NDArray[np.uint8],
    stride: int,
    progress: bool,
) -> tuple[NDArray[np.float32], str]:
    """Probabilities (rows, columns, classes) of the boxes, and how they were computed."""
    if isinstance(plans, str):
        return _box_by_box(classifier, reflectivity, stride, progress), f"box by box: {plans}"
    rows, columns = (
        Axis(stride, (cells - box) // stride + 1, box)
        for cells, box in zip(reflectivity.shape, classifier.image_shape, strict=True)
    )
    if not worth_sharing(plans[0], (rows, columns)):
        found = _box_by_box(classifier, reflectivity, stride, progress)
        return found, "box by box: boxes this far apart have too little in common"
    # Scaled value by value, so that all cells without echo are alike to the last bit.
    low, high = np.float32(classifier.minimum), np.float32(classifier.maximum)
    scaled = (np.arange(256, dtype=np.float32) - low) / (high - low)
    covered = reflectivity[: rows.size, : columns.size]
    total = np.zeros((rows.count, columns.count, len(classifier.classes)), np.float32)
    # A turned view is computed like any other, and its field is turned back: the box's first cell
    # is another corner then, but every stride-th box is the same set of boxes, as `covered` ends
    # with the last box.
    for member, plan in zip(classifier.network.members, plans, strict=True):
        operations = _operations(member)
        for number, view in enumerate(turned(covered, classifier.orientations)):
            axes = (columns, rows) if number % 2 else (rows, columns)
            found = shared_probabilities(operations, plan, scaled[view], axes, float(scaled[0]))
            found = np.rot90(found, -(number % 4))
            total += found[:, ::-1] if number >= 4 else found
    probability = total / np.float32(classifier.orientations * len(plans))
    return classifier.tempered(probability), _SHARED


def _operations(network: Network) -> Operations:
    """The engine's where it answers for the network, else JAX's."""
    if network.is_engines:
        return Sliding()
    from stormlens.models._compiled import keep_compiled
    from stormlens.ops import PortableSliding

    keep_compiled()
    return PortableSliding()


def _box_by_box(
    classifier: Classifier, reflectivity: NDArray[np.uint8], stride: int, progress: bool
) -> NDArray[np.float32]:
    boxes = _windows(reflectivity, classifier.image_shape, stride)
    down, across = boxes.shape[:2]
    found = np.empty((down * across, len(classifier.classes)), np.float32)
    echo = _share(reflectivity > 0, classifier.image_shape, stride).ravel() > 0
    if not echo.all():  # boxes without echo are alike, so that one answers for all
        found[~echo] = classifier.probabilities(np.zeros((1, *boxes.shape[2:]), np.uint8))
    with_echo = np.flatnonzero(echo)
    for first in _shown(range(0, len(with_echo), _BOXES_AT_A_TIME), len(with_echo), progress):
        which = with_echo[first : first + _BOXES_AT_A_TIME]
        found[which] = classifier.probabilities(boxes[which // across, which % across])
    return found.reshape(down, across, -1)


def _shown(parts: range, boxes: int, progress: bool) -> Iterable[int]:
    """Parts of the work, with a bar on standard error where that is a terminal."""
    if not progress:
        return parts
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    words = f"Judging boxes with echo: {boxes:,}"
    return track(parts, words, console=console, transient=True, disable=not console.is_terminal)


def _windows(values: NDArray, box: tuple[int, int], stride: int) -> NDArray:
    """Every box as a view, shape (rows, columns, *box)."""
    return np.lib.stride_tricks.sliding_window_view(values, box)[::stride, ::stride]


def _share(seen: NDArray[np.bool_], box: tuple[int, int], stride: int) -> NDArray[np.float32]:
    """Share of each box that is True, by sums over all cells south, then west (Crow 1984)."""
    rows, columns = box
    south = np.zeros((seen.shape[0] + 1, seen.shape[1]), np.int32)
    np.cumsum(seen, axis=0, out=south[1:])
    bands = (south[rows:] - south[:-rows])[::stride]
    west = np.zeros((len(bands), seen.shape[1] + 1), np.int32)
    np.cumsum(bands, axis=1, out=west[:, 1:])
    counts = (west[:, columns:] - west[:, :-columns])[:, ::stride]
    return (counts / math.prod(box)).astype(np.float32)
