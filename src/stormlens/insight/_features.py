"""
A network's values for a storm: feature maps, activations, probabilities.

Each layer's values come from the network cut off there, as in the chapter, a few
boxes at a time. The result contains them all, so one beyond 1 GiB is refused.
`mean_feature_maps` averages batch by batch, and needs no more memory for a
thousand boxes than for one.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from stormlens.datasets import class_names
from stormlens.errors import InputError
from stormlens.insight._boxes import (
    check_container,
    raw_batches,
    result_attributes,
    storm_coordinates,
)
from stormlens.insight._fields import map_coordinates
from stormlens.insight._layers import (
    Place,
    as_classifier,
    convolutions,
    cut_off,
    find_layer,
    last_hidden,
    list_layers,
)
from stormlens.insight._score import bounds_of, keep
from stormlens.models import Classifier, scale

_BATCH = 32  # a hundred megabytes between the layers of the chapter's networks
_MOST_BYTES = 2**30

Data = TypeVar("Data", xr.DataArray, xr.Dataset)
Part = tuple[Any, Callable[..., Any]]


def feature_maps(
    classifier: Classifier, dataset: xr.Dataset, layer: str | int | None = None
) -> xr.DataArray:
    """
    The map of each filter of a layer, for each box.

    Parameters
    ----------
    classifier : Classifier
        Images are scaled as it was trained on them.
    dataset : xarray.Dataset
        The container.
    layer : str or int, optional
        A layer that gives maps; by default the first convolution.

    Returns
    -------
    maps : xarray.DataArray of float32, shape (storm, row, column, filter)
        Row 0 south, as in the box. Coordinates y and x are the middles, in km, of what a cell
        can see; storm coordinates are those of the boxes.

    Raises
    ------
    InputError
        If there is no such layer, it gives no maps, a box does not fit, or the maps of so many
        boxes take more than 1 GiB.
    """
    classifier = as_classifier(classifier)
    place = _mapping_layer(classifier, layer)
    part, _ = _part(classifier, place)
    return xr.DataArray(
        _all_values(classifier, dataset, place),
        dims=("storm", "row", "column", "filter"),
        coords={**storm_coordinates(dataset), **map_coordinates(part, dataset)},
        name="feature_maps",
        attrs=_attributes(classifier, dataset, place),
    )


def mean_feature_maps(
    classifier: Classifier, dataset: xr.Dataset, layer: str | int | None = None
) -> xr.DataArray:
    """
    The mean map of each filter of a layer, over the boxes of each mode.

    The same as ``mean_by_mode(feature_maps(...), dataset)``, in the memory of a few boxes.

    Parameters
    ----------
    classifier, dataset, layer
        As for `feature_maps`; the boxes are labelled.

    Returns
    -------
    maps : xarray.DataArray of float32, shape (mode, row, column, filter)
        Modes that the dataset holds, with the `count` of their boxes.

    Raises
    ------
    InputError
        As for `feature_maps`, but for the memory; and if the boxes have no labels.
    """
    classifier = as_classifier(classifier)
    place = _mapping_layer(classifier, layer)
    part, _ = _part(classifier, place)
    names, codes = class_names(dataset), dataset["mode"].values
    sums = np.zeros((len(names), *part.output_shape[1:]))
    start = 0
    for values in _batches(classifier, dataset, place):
        for value, code in zip(values, codes[start : start + len(values)], strict=True):
            sums[code] += value
        start += len(values)
    count = np.bincount(codes, minlength=len(names))
    present = np.flatnonzero(count)
    return xr.DataArray(
        (sums[present] / count[present, None, None, None]).astype(np.float32),
        dims=("mode", "row", "column", "filter"),
        coords={
            "mode": [names[code] for code in present],
            "count": ("mode", count[present]),
            **map_coordinates(part, dataset),
        },
        name="feature_maps",
        attrs=_attributes(classifier, dataset, place),
    )


def activations(classifier: Classifier, dataset: xr.Dataset, layer: str | int) -> xr.DataArray:
    """
    The values of a layer for each box, one after the other.

    Parameters
    ----------
    classifier : Classifier
        Images are scaled as it was trained on them.
    dataset : xarray.Dataset
        The container.
    layer : str or int
        Any layer; maps are laid out flat, row by row, as Keras's Flatten does.

    Returns
    -------
    values : xarray.DataArray of float32, shape (storm, unit)

    Raises
    ------
    InputError
        If there is no such layer, a box does not fit, or the values take more than 1 GiB.
    """
    classifier = as_classifier(classifier)
    place = find_layer(classifier.model, layer)
    values = _all_values(classifier, dataset, place)
    return xr.DataArray(
        values.reshape(len(values), -1),
        dims=("storm", "unit"),
        coords=storm_coordinates(dataset),
        name="activations",
        attrs=_attributes(classifier, dataset, place),
    )


def features(
    classifier: Classifier, dataset: xr.Dataset, layer: str | int | None = None
) -> xr.DataArray:
    """
    The values of a network's last hidden layer for each box.

    Parameters
    ----------
    classifier : Classifier
        Images are scaled as it was trained on them.
    dataset : xarray.Dataset
        The container.
    layer : str or int, optional
        Another layer than the last hidden one.

    Returns
    -------
    values : xarray.DataArray of float32, shape (storm, unit)

    Raises
    ------
    InputError
        As for `activations`, or if the network has no hidden layer.
    """
    classifier = as_classifier(classifier)
    layer = last_hidden(classifier.model).path if layer is None else layer
    return activations(classifier, dataset, layer)


def inside(classifier: Classifier, dataset: xr.Dataset) -> xr.Dataset:
    """
    The end of the network for each box: last hidden layer and probabilities.

    Parameters
    ----------
    classifier : Classifier
        Images are scaled as it was trained on them.
    dataset : xarray.Dataset
        The container.

    Returns
    -------
    ends : xarray.Dataset
        `hidden` (storm, unit), whose attribute `layer` names its layer, and `probability`
        (storm, mode), with the storm coordinates.

    Raises
    ------
    InputError
        As for `features`.
    """
    hidden = features(classifier, dataset)
    predictions = classifier.predict(dataset)
    return predictions.assign(hidden=hidden)


def mean_by_mode(values: Data, dataset: xr.Dataset) -> Data:
    """
    Average anything that has one entry a storm over the storms of each mode.

    Parameters
    ----------
    values : xarray.DataArray or Dataset, dimensions (storm, ...)
        Such as `feature_maps`, `activations` or `inside` of these boxes.
    dataset : xarray.Dataset
        The labelled container, in the same order.

    Returns
    -------
    means : xarray.DataArray or Dataset, dimensions (mode, ...)
        Modes that the dataset holds, with the `count` of their storms. A dimension that was
        called mode, as a probability's, is now called answer.

    Raises
    ------
    InputError
        If the boxes have no labels, or the two do not hold the same storms.
    """
    names, codes = class_names(dataset), dataset["mode"].values
    if values.sizes.get("storm") != len(codes):
        raise InputError(
            f"Values of size {dict(values.sizes)} do not belong to the {len(codes)} storms of the "
            "dataset; give what was computed from these boxes."
        )
    if "unid" in values.coords and (values["unid"].values != dataset["unid"].values).any():
        raise InputError("Values and dataset hold other storms, or the same in another order.")
    if "mode" in values.dims:
        values = values.rename(mode="answer")
    by_code = values.assign_coords(mode=("storm", codes)).groupby("mode")
    present, count = np.unique(codes, return_counts=True)
    means = by_code.mean("storm", keep_attrs=True)
    return means.assign_coords(mode=[names[code] for code in present], count=("mode", count))


def _mapping_layer(classifier: Classifier, layer: str | int | None) -> Place:
    """The layer named, which must give maps; by default the first convolution."""
    model = classifier.model
    if layer is not None:
        place = find_layer(model, layer)
    elif found := convolutions(model):
        place = found[0]
    else:
        raise InputError(
            f"Model {model.name!r} has no convolutional layer; name another that gives maps, or "
            "take its activations."
        )
    part, _ = _part(classifier, place)
    if len(part.output_shape) != 4:
        mapping = [info.name for info in list_layers(model) if len(info.output_shape or ()) == 3]
        raise InputError(
            f"Layer {place.path!r} gives {part.output_shape[1:]} values a box, which are no maps. "
            f"Take its activations, or choose one of: {', '.join(mapping) or 'none gives maps'}."
        )
    return place


def _attributes(classifier: Classifier, dataset: xr.Dataset, place: Place) -> dict[str, Any]:
    return {**result_attributes(classifier, dataset), "layer": place.path}


def _all_values(classifier: Classifier, dataset: xr.Dataset, place: Place) -> np.ndarray:
    boxes = check_container(dataset, "Boxes to look at").sizes["storm"]
    part, _ = _part(classifier, place)
    each = 4 * int(np.prod(part.output_shape[1:]))
    if boxes * each > _MOST_BYTES:
        raise InputError(
            f"Layer {place.path!r} gives {each / 2**20:.1f} MiB a box, {boxes * each / 2**30:.1f} "
            f"GiB for {boxes} boxes; take at most {_MOST_BYTES // each} at a time, such as "
            "dataset.isel(storm=slice(0, 100)), or mean_feature_maps."
        )
    return np.concatenate(list(_batches(classifier, dataset, place)))


def _batches(classifier: Classifier, dataset: xr.Dataset, place: Place) -> Iterator[np.ndarray]:
    """Values of a layer, float32, a few boxes at a time."""
    part, compute = _part(classifier, place)
    bounds = bounds_of(classifier)
    boxes = check_container(dataset, "Boxes to look at").sizes["storm"]
    size = min(_BATCH, 1 << (boxes - 1).bit_length())
    for images in raw_batches(classifier, dataset, size):
        n = len(images)
        if n < size:  # one size of batch is one compilation
            images = np.concatenate([images, np.zeros((size - n, *images.shape[1:]), np.uint8)])
        trainable = [variable.value for variable in part.trainable_variables]
        other = [variable.value for variable in part.non_trainable_variables]
        yield np.asarray(compute(trainable, other, images, bounds), np.float32)[:n]


def _part(classifier: Classifier, place: Place) -> Part:
    """The network cut off at a layer, and its compiled computation; cached with the network."""
    return keep(classifier.model, f"part {place.path}", lambda: _make(classifier.model, place))


def _make(model: Any, place: Place) -> Part:
    import jax

    part = cut_off(model, place.path)

    @jax.jit
    def compute(trainable: Any, other: Any, images: Any, bounds: Any) -> Any:
        values, _ = part.stateless_call(
            trainable, other, scale(images, bounds)[..., None], training=False
        )
        return values

    return part, compute
