"""
What passes from a file to its modes, as plain arrays: a mosaic, the boxes cut from it, predictions.

The same things as xarray objects are made for those who ask for them in Python; importing
xarray takes longer than reading a file and naming its storms.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

Storm = dict[str, NDArray[Any]]
"""By name one value a box: `unid`, `time`, `latitude`, `longitude`, and of boxes cut from mosaics
`xmin`, `ymin`, `coverage` and `echo`."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """
    Column-maximum reflectivity on the archive's national grid.

    Attributes
    ----------
    reflectivity : ndarray of uint8, shape (899, 1399)
        Whole dBZ, 0 to 80, 0 where there is no echo; row 0 in the south.
    coverage : ndarray of bool, shape (899, 1399)
        Where some radar could have seen an echo.
    time : datetime64[ns]
        UTC of the observation; NaT where unknown.
    source : str
        Instrument and file, in words for a reader.
    product : str
        What the file held.
    derived : str
        How reflectivity was computed, where the file held something else.
    sampling : {"nearest", "maximum"}
        How the file's values were brought to the grid.
    simulated : bool
        Whether a simulator made them.
    """

    reflectivity: NDArray[np.uint8] = field(repr=False)
    coverage: NDArray[np.bool_] = field(repr=False)
    time: np.datetime64
    source: str
    product: str = "composite reflectivity"
    derived: str = ""
    sampling: str = "nearest"
    simulated: bool = False


@dataclass(frozen=True, eq=False)
class Boxes:
    """
    Storm boxes to be classified.

    Attributes
    ----------
    reflectivity : ndarray of uint8, shape (storm, y, x)
        Whole dBZ, 0 where there is no echo; row 0 in the south.
    storm : dict of str to ndarray, each of shape (storm,)
        See `Storm`; unknown times are NaT and unknown places NaN.
    source : str
        Where the images come from, in words for a reader.
    simulated : bool
        Whether a simulator made them.
    """

    reflectivity: NDArray[np.uint8] = field(repr=False)
    storm: Storm = field(repr=False)
    source: str
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.reflectivity)


@dataclass(frozen=True, eq=False)
class Predictions:
    """
    What a classifier says of boxes.

    Attributes
    ----------
    probability : ndarray of float32, shape (storm, mode)
        Rows sum to 1.
    modes : tuple of str
        Names of the columns.
    storm : dict of str to ndarray, each of shape (storm,)
        As of the boxes.
    model : str
        What the network is called.
    source : str
        Where the images come from, in words for a reader.
    simulated, simulated_training : bool
        Whether a simulator made the boxes, and those that trained the classifier.
    plausible : ndarray of bool, shape (storm, mode), or None
        Which modes a box may well have; None of a classifier without a confidence.
    novelty : ndarray of float32, shape (storm,), or None
        0 to 100; above 1 a box is unlike all that is known.
    plausible_from, level : float or None
        Lowest probability of a plausible mode, and the share of boxes whose true mode is
        plausible.
    """

    probability: NDArray[np.float32] = field(repr=False)
    modes: tuple[str, ...]
    storm: Storm = field(repr=False)
    model: str
    source: str
    simulated: bool = False
    simulated_training: bool = False
    plausible: NDArray[np.bool_] | None = field(default=None, repr=False)
    novelty: NDArray[np.float32] | None = field(default=None, repr=False)
    plausible_from: float | None = None
    level: float | None = None

    def __len__(self) -> int:
        return len(self.probability)

    @classmethod
    def from_xarray(cls, dataset: "xr.Dataset") -> "Predictions":
        """
        Predictions that are an xarray.Dataset.

        Parameters
        ----------
        dataset : xarray.Dataset
            As `to_xarray` gives it.

        Returns
        -------
        predictions : Predictions
        """
        attributes = dataset.attrs
        storm = {
            str(name): held.values
            for name, held in dataset.coords.items()
            if held.dims == ("storm",)
        }
        return cls(
            dataset["probability"].values,
            tuple(dataset["mode"].values.astype(str).tolist()),
            storm,
            str(attributes.get("model", "unknown")),
            str(attributes.get("source", "unknown")),
            bool(int(attributes.get("simulated", 0))),
            bool(int(attributes.get("simulated_training", 0))),
            dataset["plausible"].values if "plausible" in dataset else None,
            dataset["novelty"].values if "novelty" in dataset else None,
            attributes.get("plausible_from"),
            attributes.get("level"),
        )

    def to_xarray(self) -> "xr.Dataset":
        """
        The same as an xarray.Dataset.

        Returns
        -------
        dataset : xarray.Dataset
            `probability` (storm, mode), and where they are known `plausible` (storm, mode) and
            `novelty` (storm), with the storm coordinates; all else is in the attributes.
        """
        import xarray as xr

        held: dict[str, Any] = {"probability": (("storm", "mode"), self.probability)}
        attributes: dict[str, Any] = {
            "model": self.model,
            "simulated_training": int(self.simulated_training),
            "simulated": int(self.simulated),
            "source": self.source,
        }
        if self.plausible is not None:
            held["plausible"] = ("storm", "mode"), self.plausible
            held["novelty"] = "storm", self.novelty
            attributes |= {"plausible_from": self.plausible_from, "level": self.level}
        storm = {name: ("storm", values) for name, values in self.storm.items()}
        return xr.Dataset(held, {**storm, "mode": list(self.modes)}, attributes)
