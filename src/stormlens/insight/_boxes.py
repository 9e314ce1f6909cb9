"""
Read boxes for a network, and label results with the storms' coordinates.

Boxes are read, checked and scaled a batch at a time, so a container may stay on
disk. Every result keeps the coordinates of its storms, and its attributes say
whether its boxes are simulated (`simulated`) and whether the network was trained
on simulated ones (`simulated_training`).
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
    images = dataset["reflectivity"]
    if images.dims != ("storm", "y", "x"):
        hint = " Choose one storm with .isel(storm=[0])." if images.dims == ("y", "x") else ""
        raise InputError(
            f"{what}: reflectivity has dimensions {images.dims}, not ('storm', 'y', 'x').{hint}"
        )
    if not images.sizes["storm"]:
        raise InputError(f"{what}: the dataset holds no box; choose at least one.")
    return images


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
    images = check_container(dataset, "Boxes to look at")
    highest = MAX_DBZ if images.attrs.get("units", "dBZ") == "dBZ" else 255
    for start in range(0, images.sizes["storm"], size):
        where = f"Boxes to look at (counted from {start})" if start else "Boxes to look at"
        batch = images[start : start + size].values
        yield check_reflectivity(batch, where=where, maximum=highest, shape=classifier.image_shape)


def storm_coordinates(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Coordinates of a container with one value for each storm."""
    return {str(name): along for name, along in dataset.coords.items() if along.dims == ("storm",)}


def result_attributes(classifier: Classifier, dataset: xr.Dataset) -> dict[str, Any]:
    """Attributes of every result that say where it comes from."""
    return {
        "model": classifier.architecture or "user's own Keras model",
        "simulated_training": int(classifier.trained_on_simulated),
        "simulated": int(is_simulated(dataset)),
        "source": str(dataset.attrs.get("source", "unknown")),
    }
