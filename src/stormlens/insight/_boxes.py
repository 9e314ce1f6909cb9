"""
Boxes on their way into a network, and the storm's coordinates on their way out.

Boxes are read, checked and scaled a batch at a time, so that a container may
lie on disk. Every result keeps the coordinates of its storms and says whether
simulated boxes were looked at (`simulated`) or trained the network
(`simulated_training`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from stormlens.datasets import check_reflectivity, is_simulated
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.stormbox import MAX_DBZ


def check_container(dataset: Any, what: str) -> xr.DataArray:
    """Reflectivity (storm, y, x) of a container, or a sentence that says what was given."""
    if not isinstance(dataset, xr.Dataset) or "reflectivity" not in dataset:
        raise InputError(
            f"{what}: a {type(dataset).__name__} without reflectivity was given; give a Dataset "
            "as stormlens.datasets makes it, from arrays with make_dataset."
        )
    held = dataset["reflectivity"]
    if held.dims != ("storm", "y", "x"):
        hint = " Choose one storm with .isel(storm=[0])." if held.dims == ("y", "x") else ""
        raise InputError(
            f"{what}: reflectivity has dimensions {held.dims}, not ('storm', 'y', 'x').{hint}"
        )
    if not held.sizes["storm"]:
        raise InputError(f"{what}: the dataset holds no box; choose at least one.")
    return held


def raw_batches(classifier: Classifier, dataset: Any, size: int) -> Iterator[np.ndarray]:
    """
    Boxes of a container as the classifier takes them, checked, `size` at a time.

    Parameters
    ----------
    classifier : Classifier
        Says how large an image must be.
    dataset : xarray.Dataset
        The container.
    size : int
        Boxes a batch; the last may hold fewer.

    Yields
    ------
    images : ndarray of uint8, shape (N, rows, columns)

    Raises
    ------
    InputError
        If it is no container, or a box does not fit.
    """
    held = check_container(dataset, "Boxes to look at")
    highest = MAX_DBZ if held.attrs.get("units", "dBZ") == "dBZ" else 255
    for start in range(0, held.sizes["storm"], size):
        where = f"Boxes to look at (counted from {start})" if start else "Boxes to look at"
        values = held[start : start + size].values
        yield check_reflectivity(values, where=where, maximum=highest, shape=classifier.image_shape)


def storm_coordinates(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Coordinates that a container has one value a storm of."""
    return {str(name): held for name, held in dataset.coords.items() if held.dims == ("storm",)}


def result_attributes(classifier: Classifier, dataset: xr.Dataset) -> dict[str, Any]:
    """What every result says of its origin."""
    return {
        "model": classifier.architecture or "user's own Keras model",
        "simulated_training": int(classifier.trained_on_simulated),
        "simulated": int(is_simulated(dataset)),
        "source": str(dataset.attrs.get("source", "unknown")),
    }
