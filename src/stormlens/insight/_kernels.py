"""
The weights of a network: their shapes, its convolution kernels, and what a kernel does to a box.

A convolutional layer *correlates*: it lays its kernel over the box as it is and
adds up the products. `scipy.signal.convolve`, and convolution as mathematics
has it, turn the kernel by 180 degrees first. Row 0 of a kernel lies over the
southernmost of the pixels that it covers, as row 0 of a box is south.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from stormlens.concepts import convolve, correlate
from stormlens.errors import InputError
from stormlens.insight._layers import as_model, choose_convolution, places
from stormlens.models import Classifier


@dataclass(frozen=True)
class WeightInfo:
    """
    One array of weights.

    Attributes
    ----------
    layer : str
        Path of its layer, as in `list_layers`.
    name : str
        What it is there: ``"kernel"``, ``"bias"``.
    shape : tuple of int
        A convolution's kernel is (rows, columns, channels, filters).
    parameters : int
        Numbers in it.
    """

    layer: str
    name: str
    shape: tuple[int, ...]
    parameters: int


def weights(model: Any) -> list[WeightInfo]:
    """
    All arrays of weights, in the order of Keras's ``get_weights``.

    Parameters
    ----------
    model : Classifier or keras.Model
        Any Keras model.

    Returns
    -------
    weights : list of WeightInfo

    Raises
    ------
    InputError
        If it is no network.

    Examples
    --------
    >>> from stormlens.models import build
    >>> [weight.shape for weight in weights(build("chapter-linear"))]
    [(3, 3, 1, 32), (32,), (61952, 128), (128,), (128, 6), (6,)]
    """
    model = as_model(model)
    owners = {id(array): place.path for place in places(model) for array in place.layer.weights}
    return [
        WeightInfo(
            owners.get(id(array), model.name),
            array.name,
            tuple(array.shape),
            int(np.prod(array.shape)),
        )
        for array in model.weights
    ]


def kernels(model: Any, layer: str | int | None = None) -> xr.DataArray:
    """
    All kernels of a convolutional layer.

    Parameters
    ----------
    model : Classifier or keras.Model
        Any Keras model.
    layer : str or int, optional
        A convolutional layer; by default the first.

    Returns
    -------
    kernels : xarray.DataArray of float32, shape (filter, channel, row, column)
        Row 0 lies over the southernmost pixels. Attribute `layer` is the layer's path.

    Raises
    ------
    InputError
        If there is no such layer, or it holds no kernels of that shape.
    """
    network = as_model(model)
    place = choose_convolution(network, layer, default=0, purpose="a look at its kernels")
    variable = getattr(place.layer, "kernel", None)
    if variable is None or len(variable.shape) != 4:
        raise InputError(
            f"Layer {place.path!r} is of kind {type(place.layer).__name__}, which has no kernel "
            "for each filter and channel; choose a Conv2D."
        )
    values = np.asarray(variable.value, np.float32)
    if type(place.layer).__name__ == "Conv2DTranspose":  # (rows, columns, filters, channels)
        values = values.transpose(0, 1, 3, 2)
    attributes: dict[str, Any] = {"layer": place.path, "model": network.name}
    if isinstance(model, Classifier):
        attributes["simulated_training"] = int(model.trained_on_simulated)
    return xr.DataArray(
        values.transpose(3, 2, 0, 1),
        dims=("filter", "channel", "row", "column"),
        name="kernels",
        attrs=attributes,
    )


def kernel(
    model: Any, filter: int = 0, layer: str | int | None = None, channel: int = 0
) -> np.ndarray:
    """
    One kernel of a convolutional layer.

    Parameters
    ----------
    model : Classifier or keras.Model
        Any Keras model.
    filter : int, optional
        Which filter; the chapter looks at the tenth, 9.
    layer : str or int, optional
        A convolutional layer; by default the first.
    channel : int, optional
        Which of the channels that the layer takes; a storm box has one.

    Returns
    -------
    kernel : ndarray of float32, shape (rows, columns)

    Raises
    ------
    InputError
        If there is no such layer, filter or channel.
    """
    every = kernels(model, layer)
    for name, number in (("filter", filter), ("channel", channel)):
        if not 0 <= number < every.sizes[name]:
            raise InputError(
                f"Layer {every.attrs['layer']!r} has no {name} {number}; they go from 0 to "
                f"{every.sizes[name] - 1}."
            )
    return every.isel(filter=filter, channel=channel).values


def apply_kernels(
    box: xr.Dataset | xr.DataArray | ArrayLike,
    kernels: Mapping[str, ArrayLike],
    *,
    flip: bool = False,
) -> xr.DataArray:
    """
    Pass kernels over one storm box, as the chapter does with classical ones and a learnt one.

    Parameters
    ----------
    box : xarray.Dataset, DataArray or array_like, shape (y, x)
        Whole dBZ, row 0 south; or one storm of the container.
    kernels : mapping of str to array_like, shape (rows, columns)
        By name, all of one shape.
    flip : bool, optional
        False correlates, as a convolutional layer does; True turns each kernel by 180 degrees
        first, as `scipy.signal.convolve` does.

    Returns
    -------
    results : xarray.DataArray of float64, shape (kernel, y, x)
        Only where the image covers all of the kernel. Coordinates y and x are those of the pixels
        under a kernel's middle; `averages` (kernel) says whether a kernel's weights add up to 1
        and none is negative, so that its result is again reflectivity in dBZ.

    Raises
    ------
    InputError
        If `box` is not one image, or the kernels differ in shape, have no middle or do not fit.
    """
    field = _one_box(box)
    arrays = {name: np.asarray(values, float) for name, values in kernels.items()}
    rows, columns = _common_shape(arrays)
    image = field.values.astype(float)
    operation = convolve if flip else correlate
    y, x = (
        slice(size // 2, length - size // 2)
        for size, length in zip((rows, columns), image.shape, strict=True)
    )
    return xr.DataArray(
        np.stack([operation(image, values, mode="valid") for values in arrays.values()]),
        dims=("kernel", "y", "x"),
        coords={
            "kernel": list(arrays),
            "averages": ("kernel", [_averages(values) for values in arrays.values()]),
            **field.isel(y=y, x=x).coords,
        },
        name="results",
        attrs={
            "operation": "convolution" if flip else "correlation",
            "simulated": int(box.attrs.get("simulated", 0))
            if isinstance(box, xr.Dataset | xr.DataArray)
            else 0,
        },
    )


def _averages(weights: np.ndarray) -> bool:
    return bool((weights >= 0).all() and abs(weights.sum() - 1) < 1e-6)


def _one_box(box: xr.Dataset | xr.DataArray | ArrayLike) -> xr.DataArray:
    image = box["reflectivity"] if isinstance(box, xr.Dataset) else box
    field = image if isinstance(image, xr.DataArray) else xr.DataArray(np.asarray(image))
    if field.ndim == 3 and field.shape[0] == 1:
        field = field[0]
    if field.ndim != 2:
        raise InputError(
            f"Kernels pass over one box of shape (y, x); this has shape {field.shape}. Choose one "
            "with .isel(storm=0)."
        )
    return field if field.dims == ("y", "x") else xr.DataArray(field.values, dims=("y", "x"))


def _common_shape(arrays: Mapping[str, np.ndarray]) -> tuple[int, int]:
    if not arrays:
        raise InputError("There is no kernel to pass over the box; give at least one by name.")
    shapes = {name: values.shape for name, values in arrays.items()}
    first, shape = next(iter(shapes.items()))
    for name, other in shapes.items():
        if len(other) != 2 or not all(size % 2 for size in other):
            raise InputError(
                f"Kernel {name!r} has shape {other}; it needs odd numbers of rows and columns, so "
                "that one pixel lies under its middle."
            )
        if other != shape:
            raise InputError(
                f"Kernels {first!r} and {name!r} have shapes {shape} and {other}; give kernels "
                "of one shape, so that the results have one size."
            )
    return shape
