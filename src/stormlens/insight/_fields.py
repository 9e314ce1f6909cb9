"""
The coordinates of a feature map's cells on the storm box.

A cell is placed at the middle of its receptive field. Layer by layer, the first
cell's place and the distance between cells follow from window, stride, dilation
and padding (Dumoulin and Visin 2016, arXiv:1603.07285). Behind a layer that
changes the image's size in another way, cells are spread evenly.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from stormlens.models import import_keras


def map_coordinates(part: Any, dataset: xr.Dataset) -> dict[str, tuple[str, np.ndarray, dict]]:
    """
    Coordinates y and x of the cells of a feature map.

    Parameters
    ----------
    part : keras.Model
        Cut off at a layer that gives maps (N, rows, columns, filters).
    dataset : xarray.Dataset
        The container; its y and x are spaced evenly.

    Returns
    -------
    coordinates : dict
        ``y`` along dimension row and ``x`` along dimension column, in the container's units.
    """
    coordinates = {}
    for axis, (name, dimension) in enumerate((("y", "row"), ("x", "column"))):
        along = dataset[name]
        first, spacing = float(along[0]), float(along[-1] - along[0]) / max(1, along.size - 1)
        values = first + spacing * cell_centres(part, axis)
        coordinates[name] = (dimension, values, dict(along.attrs))
    return coordinates


def cell_centres(part: Any, axis: int) -> np.ndarray:
    """
    Middles of a feature map's cells along rows (axis 0) or columns (1), in pixels.

    Parameters
    ----------
    part : keras.Model
        Cut off at a layer that gives maps (N, rows, columns, filters).
    axis : {0, 1}
        Rows or columns.

    Returns
    -------
    centres : ndarray of float, shape (cells,)
        0 is the middle of the first pixel.
    """
    pixels, cells = part.input_shape[1 + axis], part.output_shape[1 + axis]
    layers = import_keras().layers
    first, step = 0.0, 1.0
    for layer, taken, given in _path(part):
        if len(taken) != 4 or len(given) != 4:
            break
        moved = _through(layers, layer, taken[1 + axis], given[1 + axis], axis)
        if moved is None:
            break
        offset, stride = moved
        first, step = first + offset * step, step * stride
    else:
        return first + step * np.arange(cells)
    return (np.arange(cells) + 0.5) * pixels / cells - 0.5


def _path(model: Any) -> Iterator[tuple[Any, tuple, tuple]]:
    """Layers from input to output along first inputs, with the shapes they take and give."""
    keras = import_keras()
    nodes = []
    operation, index, _ = model.outputs[0]._keras_history
    while not (node := operation._inbound_nodes[index]).is_input:
        nodes.append(node)
        operation, index, _ = node.input_tensors[0]._keras_history
    for node in reversed(nodes):
        if isinstance(node.operation, keras.Model):
            yield from _path(node.operation)
        else:
            yield node.operation, node.input_tensors[0].shape, node.outputs[0].shape


def _through(
    layers: Any, layer: Any, taken: int, given: int, axis: int
) -> tuple[float, float] | None:
    """The first output cell's place among the input cells, and the distance between cells."""
    if isinstance(layer, layers.Conv2DTranspose):
        return None
    if isinstance(layer, layers.UpSampling2D):
        size = layer.size[axis]
        return (1 / size - 1) / 2, 1 / size
    if isinstance(layer, layers.ZeroPadding2D):
        return -layer.padding[axis][0], 1.0
    if isinstance(layer, layers.Cropping2D):
        return layer.cropping[axis][0], 1.0
    window = getattr(layer, "kernel_size", getattr(layer, "pool_size", None))
    if window is None:
        return (0.0, 1.0) if taken == given else None
    reach = (window[axis] - 1) * getattr(layer, "dilation_rate", (1, 1))[axis] + 1
    stride = layer.strides[axis]
    before = 0
    if layer.padding == "same":
        before = max((given - 1) * stride + reach - taken, 0) // 2
    return (reach - 1) / 2 - before, float(stride)
