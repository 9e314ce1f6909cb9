"""
A field of mode probabilities over a whole mosaic, by a box that slides over it.

Boxes that overlap share their convolutions, which are computed once; see
`_sliding_shared`. Networks that cannot share are asked box by box.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
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
from stormlens.stormbox import ECHO_DBZ, GRID_MAPPING, PIXEL_KM, cell_to_lonlat

STRIDE = 8
"""Cells from box to box unless told, or where boxes share their convolutions, about as many."""

_BOXES_AT_A_TIME = 1024
_SHARED = "shared convolutions"


def slide(
    classifier: Classifier, mosaic: xr.Dataset, *, stride: int | None = None, progress: bool = False
) -> xr.Dataset:
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
    mosaic : xarray.Dataset
        `reflectivity` (y, x) in whole dBZ, row 0 south, as `stormlens.readers.read` gives it,
        or a rectangle of one. Where it has `coverage`, the result does too.
    stride : int, optional
        Cells from one box to the next along both axes, 1 or more. Unless told, 8, or where
        convolutions are shared the multiple of the network's pools nearest to it: of three pools
        of side 3 it is 9, with which four times as much is shared.
    progress : bool, optional
        Show on standard error, where that is a terminal, how many boxes are done; shared
        convolutions are over too soon for it.

    Returns
    -------
    field : xarray.Dataset
        `probability` float32 (y, x, mode), rows summing to 1, for every box that lies wholly
        in the mosaic; `y`, `x` are the boxes' centres in km from the centre of the grid's
        south-western cell, `latitude` and `longitude` (y, x) in degrees. `coverage` float32
        (y, x) is the share, 0 to 1, of a box that some radar sees, `echo` that at 5 dBZ or more.
        `heed_context` knows better than the network where all is seen. Attribute `computed` is
        "shared convolutions" or "box by box", with the reason.

    Raises
    ------
    InputError
        If the stride is no whole number of 1 or more, the mosaic has no reflectivity (y, x),
        holds a value that cannot be reflectivity, or is smaller than the box.
    """
    is_whole = isinstance(stride, int | np.integer) and not isinstance(stride, bool)
    if stride is not None and not (is_whole and stride >= 1):
        raise InputError(f"slide: stride is {stride!r}; give whole cells, 1 or more.")
    reflectivity = _reflectivity(mosaic, classifier.image_shape)
    plan = read_plan(classifier.network)
    if stride is None:
        stride = plan.stride_near(STRIDE) if isinstance(plan, Plan) else STRIDE
    probability, computed = _probabilities(classifier, plan, reflectivity, int(stride), progress)
    return _field(classifier, mosaic, int(stride), probability, computed)


def _reflectivity(mosaic: xr.Dataset, box: tuple[int, int]) -> NDArray[np.uint8]:
    if not isinstance(mosaic, xr.Dataset) or "reflectivity" not in mosaic:
        raise InputError(
            f"slide was given a {type(mosaic).__name__} without reflectivity; give a mosaic as "
            "stormlens.readers.read makes it."
        )
    held = mosaic["reflectivity"]
    if held.dims != ("y", "x"):
        raise InputError(f"slide: reflectivity has dimensions {held.dims}, not ('y', 'x').")
    if held.shape[0] < box[0] or held.shape[1] < box[1]:
        raise InputError(
            f"slide: the mosaic has {held.shape[0]} x {held.shape[1]} cells, fewer than the "
            f"network's box of {box[0]} x {box[1]}; give a larger part of it."
        )
    return check_reflectivity(held.values[np.newaxis], where="The mosaic to slide over")[0]


def _probabilities(
    classifier: Classifier,
    plan: Plan | str,
    reflectivity: NDArray[np.uint8],
    stride: int,
    progress: bool,
) -> tuple[NDArray[np.float32], str]:
    """Probabilities (rows, columns, classes) of the boxes, and how they were computed."""
    if not isinstance(plan, Plan):
        return _box_by_box(classifier, reflectivity, stride, progress), f"box by box: {plan}"
    rows, columns = (
        Axis(stride, (cells - box) // stride + 1, box)
        for cells, box in zip(reflectivity.shape, classifier.image_shape, strict=True)
    )
    if not worth_sharing(plan, (rows, columns)):
        found = _box_by_box(classifier, reflectivity, stride, progress)
        return found, "box by box: boxes this far apart have too little in common"
    # Scaled value by value, so that all cells without echo are alike to the last bit.
    low, high = np.float32(classifier.minimum), np.float32(classifier.maximum)
    scaled = (np.arange(256, dtype=np.float32) - low) / (high - low)
    covered = reflectivity[: rows.size, : columns.size]
    total = np.zeros((rows.count, columns.count, len(classifier.classes)), np.float32)
    for number, view in enumerate(turned(covered, classifier.orientations)):
        axes = (columns, rows) if number % 2 else (rows, columns)
        operations = _operations(classifier.network)
        found = shared_probabilities(operations, plan, scaled[view], axes, float(scaled[0]))
        found = np.rot90(found, -(number % 4))
        total += found[:, ::-1] if number >= 4 else found
    probability = total / np.float32(classifier.orientations)
    confidence = classifier.confidence
    return probability if confidence is None else confidence.temper(probability), _SHARED


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
    asked = np.flatnonzero(echo)
    for first in _shown(range(0, len(asked), _BOXES_AT_A_TIME), len(asked), progress):
        which = asked[first : first + _BOXES_AT_A_TIME]
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


def _field(
    classifier: Classifier,
    mosaic: xr.Dataset,
    stride: int,
    probability: NDArray[np.float32],
    computed: str,
) -> xr.Dataset:
    """The result with its places, coverage and provenance."""
    box = classifier.image_shape
    y, x = (
        _centres(mosaic, name, box[axis], stride, probability.shape[axis])
        for axis, name in enumerate(("y", "x"))
    )
    longitude, latitude = cell_to_lonlat(x / PIXEL_KM, y[:, np.newaxis] / PIXEL_KM)
    field = xr.Dataset(
        {
            "probability": (
                ("y", "x", "mode"),
                probability,
                {"long_name": "probability of storm mode", "units": "1", "grid_mapping": "crs"},
            ),
            "crs": ((), np.int32(0), dict(GRID_MAPPING)),
        },
        coords={
            "y": ("y", y, {"units": "km", "standard_name": "projection_y_coordinate"}),
            "x": ("x", x, {"units": "km", "standard_name": "projection_x_coordinate"}),
            "latitude": (("y", "x"), latitude, {"units": "degrees_north"}),
            "longitude": (("y", "x"), longitude, {"units": "degrees_east"}),
            "mode": list(classifier.classes),
        },
        attrs=_attributes(classifier, mosaic, stride, computed),
    )
    if "time" in mosaic.coords and mosaic["time"].ndim == 0:
        field = field.assign_coords(time=mosaic["time"].variable)
    strong = mosaic["reflectivity"].values >= ECHO_DBZ
    field["echo"] = (
        ("y", "x"),
        _share(strong, box, stride),
        {"long_name": f"share of the box at {ECHO_DBZ} dBZ or more", "units": "1"},
    )
    if "coverage" in mosaic:
        share = _share(mosaic["coverage"].values.astype(bool), box, stride)
        field["coverage"] = ("y", "x"), share, {"long_name": "share of the box seen", "units": "1"}
    return field


def _centres(
    mosaic: xr.Dataset, name: str, extent: int, stride: int, count: int
) -> NDArray[np.floating]:
    """Centres of the boxes along an axis, km from the centre of the grid's first cell."""
    first = float(mosaic[name].values[0]) if name in mosaic.coords else 0.0
    return first + (stride * np.arange(count) + (extent - 1) / 2) * PIXEL_KM


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


def _attributes(
    classifier: Classifier, mosaic: xr.Dataset, stride: int, computed: str
) -> dict[str, Any]:
    return {
        "model": classifier.architecture or "user's own Keras model",
        "simulated_training": int(classifier.trained_on_simulated),
        "simulated": int(mosaic.attrs.get("simulated", 0)),
        "source": str(mosaic.attrs.get("source", "unknown")),
        "stride": stride,
        "box": list(classifier.image_shape),
        "computed": computed,
    }
