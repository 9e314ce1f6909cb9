"""`measure`: the table of features of boxes, some boxes at a time."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets import check_reflectivity
from stormlens.errors import InputError
from stormlens.features._cores import core_features, line_features
from stormlens.features._echo import echo_features
from stormlens.features._edges import edge_features
from stormlens.features._remember import each_once
from stormlens.features._table import TABLE_VERSION, describe
from stormlens.features._texture import texture_features
from stormlens.stormbox import MAX_DBZ, Boxes

if TYPE_CHECKING:
    import xarray as xr

_PIXELS_AT_A_TIME = 2**18  # as many as stay in a cache

Columns = dict[str, NDArray[np.float64]]


def measure(boxes: "Boxes | xr.Dataset") -> "xr.Dataset":
    """
    The features of every box.

    Pixels are taken to be 3.75 km wide, and row 0 to be south. Images that hold no reflectivity
    (units "1", such as digits) are measured as if their values were dBZ.

    Parameters
    ----------
    boxes : xarray.Dataset or Boxes
        The container, with `reflectivity` uint8 (storm, y, x); labels are not used.

    Returns
    -------
    table : xarray.Dataset
        `features` float64 (storm, feature), never NaN, with the columns of `describe` by the
        coordinate `feature`, their `unit` and `meaning` along it, and the storm coordinates of
        the input. Attribute `simulated` is 1 where the boxes are simulated.

    Raises
    ------
    InputError
        If it is no container, or a value cannot be reflectivity.

    Examples
    --------
    >>> from stormlens import datasets
    >>> table = measure(datasets.load("simulated", "test", count=5))
    >>> table["features"].sel(feature="echo_share").dims
    ('storm',)
    """
    import xarray as xr

    images, units, storm, attributes = _taken(boxes)
    highest = MAX_DBZ if units == "dBZ" else 255
    checked = check_reflectivity(images, where="Boxes to measure", maximum=highest)
    known = describe()
    return xr.Dataset(
        {"features": (("storm", "feature"), measure_images(checked))},
        coords={
            **storm,
            "feature": [feature.name for feature in known],
            "unit": ("feature", [feature.unit for feature in known]),
            "meaning": ("feature", [feature.meaning for feature in known]),
        },
        attrs={**attributes, "table_version": TABLE_VERSION},
    )


def measure_images(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """
    The features of plain images, which are not checked.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, rows, columns)
        Whole dBZ, row 0 south; one pixel or more.

    Returns
    -------
    table : ndarray of float64, shape (N, features)
        Finite, in the order of `describe`.
    """
    return each_once(images, _table)


def _table(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    names = [feature.name for feature in describe()]
    table = np.empty((len(images), len(names)))
    together = max(1, _PIXELS_AT_A_TIME // max(1, images.shape[1] * images.shape[2]))
    for start in range(0, len(images), together):
        some = images[start : start + together]
        columns: Columns = {
            **echo_features(some),
            **core_features(some),
            **line_features(some),
            **texture_features(some),
            **edge_features(some),
        }
        for number, name in enumerate(names):
            table[start : start + together, number] = columns[name]
    return table


def _taken(boxes: Any) -> tuple[Any, str, dict[str, Any], dict[str, Any]]:
    """Images, their units, the storms' coordinates, and the table's attributes."""
    if isinstance(boxes, Boxes):
        storm: dict[str, Any] = {name: ("storm", values) for name, values in boxes.storm.items()}
        marks = {"source": boxes.source, "simulated": int(boxes.simulated)}
        return boxes.reflectivity, boxes.units, storm, marks
    import xarray as xr

    if not isinstance(boxes, xr.Dataset) or "reflectivity" not in boxes:
        raise InputError(
            f"measure was given a {type(boxes).__name__} without reflectivity; give a Dataset as "
            "stormlens.datasets makes it, from arrays with "
            'make_dataset(arrays, source="where they are from").'
        )
    images = boxes["reflectivity"]
    if images.dims != ("storm", "y", "x"):
        raise InputError(f"Reflectivity has dimensions {images.dims}, not ('storm', 'y', 'x').")
    storm = {
        str(name): values.variable
        for name, values in boxes.coords.items()
        if values.dims == ("storm",) and name not in ("feature", "unit", "meaning")
    }
    marks = {
        "source": str(boxes.attrs.get("source", "unknown")),
        "simulated": int(boxes.attrs.get("simulated", 0)),
    }
    return images.values, str(images.attrs.get("units", "dBZ")), storm, marks
