"""A labelled split as plain arrays, which is all that a training needs of a container."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets import class_names, is_simulated

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
    """

    images: NDArray[np.uint8] = field(repr=False)
    codes: NDArray[np.integer] = field(repr=False)
    classes: tuple[str, ...]
    source: str
    simulated: bool

    @classmethod
    def of(cls, dataset: "xr.Dataset") -> "Split":
        """
        A split that is a container.

        Parameters
        ----------
        dataset : xarray.Dataset
            Labelled.

        Returns
        -------
        split : Split

        Raises
        ------
        InputError
            If it holds no labels.
        """
        classes = class_names(dataset)
        return cls(
            dataset["reflectivity"].values,
            dataset["mode"].values,
            classes,
            str(dataset.attrs.get("source", "unknown")),
            is_simulated(dataset),
        )
