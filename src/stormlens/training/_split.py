"""A labelled split as plain arrays: all that a training needs from a container."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets import check_reflectivity, class_names, is_simulated
from stormlens.errors import InputError
from stormlens.stormbox import MAX_DBZ

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class Split:
    """
    Images and their classes.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, rows, columns)
        Whole dBZ.
    codes : ndarray of int, shape (N,)
        Class codes.
    classes : tuple of str
        Class names by code.
    source : str
        Where the images come from, in words.
    simulated : bool
        Whether a simulator made them.
    units : str
        Of the images' values.
    """

    images: NDArray[np.uint8] = field(repr=False)
    codes: NDArray[np.integer] = field(repr=False)
    classes: tuple[str, ...]
    source: str
    simulated: bool
    units: str = "dBZ"

    @classmethod
    def of(cls, dataset: "xr.Dataset", name: str = "to train on") -> "Split":
        """
        Make a split from a container.

        Parameters
        ----------
        dataset : xarray.Dataset
            Labelled.
        name : str, optional
            Of the split, for errors.

        Returns
        -------
        split : Split

        Raises
        ------
        InputError
            If it holds no labels or no images, a value cannot be reflectivity, or a label is no
            class code.
        """
        where = f"Split {name}"
        if "reflectivity" not in dataset or dataset["reflectivity"].dims != ("storm", "y", "x"):
            raise InputError(f"{where} has no reflectivity with dimensions (storm, y, x).")
        images, classes = dataset["reflectivity"], class_names(dataset)
        units = str(images.attrs.get("units", "dBZ"))
        highest = MAX_DBZ if units == "dBZ" else 255
        return cls(
            # Other dtypes are refused: floats could be images that are scaled already.
            check_reflectivity(images.values, where=where, maximum=highest),
            _checked_codes(dataset["mode"], len(classes), where),
            classes,
            str(dataset.attrs.get("source", "unknown")),
            is_simulated(dataset),
            units,
        )


def _checked_codes(labels: "xr.DataArray", classes: int, where: str) -> NDArray[np.integer]:
    codes: NDArray[np.integer] = labels.values
    if labels.dims != ("storm",) or codes.dtype.kind not in "iu":
        raise InputError(
            f"{where}: mode is {codes.dtype} with dimensions {labels.dims}; it must be a whole "
            "number, the class code, for each storm."
        )
    wrong = np.flatnonzero((codes < 0) | (codes >= classes))
    if len(wrong):
        raise InputError(
            f"{where}: label {codes[wrong[0]]} of box {wrong[0]} is no class code; codes run from "
            f"0 to {classes - 1}."
        )
    return codes
