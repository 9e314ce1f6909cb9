"""
What passes from a file to its modes, as plain arrays: a mosaic, the boxes cut from it, predictions.

The same things as xarray objects are made for those who ask for them in Python; importing
xarray takes longer than reading a file and naming its storms.
"""

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.stormbox._grid import ECHO_DBZ, NATIONAL, PIXEL_KM, Grid, offsets_km
from stormlens.stormbox._moment import nanoseconds

if TYPE_CHECKING:
    import xarray as xr

Storm = dict[str, NDArray[Any]]
"""By name one value a box: `unid`, `time`, `latitude`, `longitude`, and of boxes cut from mosaics
`xmin`, `ymin`, `grid` (its name), `coverage` and `echo`."""

_ATTRIBUTES = {
    "latitude": {"units": "degrees_north"},
    "longitude": {"units": "degrees_east"},
    "xmin": {"long_name": "westernmost cell"},
    "ymin": {"long_name": "southernmost cell"},
    "grid": {"long_name": "grid that the cells are of"},
    "coverage": {"units": "1", "long_name": "share of the box that some radar sees"},
    "echo": {"units": "1", "long_name": f"share of the box at {ECHO_DBZ} dBZ or more"},
}
_CONVENTIONS = "CF-1.11"
_OFF_CENTRE = 0.1
"""Cells by which a coordinate may miss a cell's centre: files keep it in 4 bytes too."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """
    Column-maximum reflectivity on a grid.

    Attributes
    ----------
    reflectivity : ndarray of uint8, shape (y, x)
        Whole dBZ, 0 to 80, 0 where there is no echo; row 0 in the south.
    coverage : ndarray of bool, shape (y, x)
        Where some radar could have seen an echo.
    time : datetime64[ns]
        UTC of the observation; NaT where unknown.
    source : str
        Instrument and file, in words for a reader.
    product : str
        What the file has.
    derived : str
        How reflectivity was computed, if the file has something else.
    sampling : {"nearest", "maximum"}
        How the file's values were brought to the grid.
    simulated : bool
        Whether a simulator made them.
    grid : Grid
        Where the cells lie.
    is_whole : bool
        Whether the file has all that its product needs; if not, `product` says how much.
    """

    reflectivity: NDArray[np.uint8] = field(repr=False)
    coverage: NDArray[np.bool_] = field(repr=False)
    time: np.datetime64
    source: str
    product: str = "composite reflectivity"
    derived: str = ""
    sampling: str = "nearest"
    simulated: bool = False
    grid: Grid = NATIONAL
    is_whole: bool = True

    @classmethod
    def from_xarray(cls, dataset: "xr.Dataset") -> "Mosaic":
        """
        A mosaic that is an xarray.Dataset.

        Parameters
        ----------
        dataset : xarray.Dataset
            As `to_xarray` gives it; attributes may be missing. Rows and columns may be fewer, or
            run the other way: `y` and `x` say which cells they are.

        Returns
        -------
        mosaic : Mosaic
            On the whole grid; where the dataset has no cells, there is no coverage.

        Raises
        ------
        InputError
            If its attribute `grid` names none, or its cells are not those of the grid.
        """
        grid = grid_of(dataset)
        texts = {name: str(dataset.attrs.get(name, "")) for name in ("product", "derived")}
        time: Any = nanoseconds(dataset["time"].values, "time of the mosaic")[()]
        return cls(
            _whole(dataset["reflectivity"], grid),
            _whole(dataset["coverage"], grid),
            time,
            str(dataset.attrs.get("source", "a mosaic")),
            sampling=str(dataset.attrs.get("sampling", "nearest")),
            simulated=is_marked(dataset, "simulated"),
            grid=grid,
            is_whole=not is_marked(dataset, "incomplete"),
            **texts,
        )

    def to_xarray(self) -> "xr.Dataset":
        """
        The same as an xarray.Dataset.

        Returns
        -------
        dataset : xarray.Dataset
            `reflectivity` and `coverage` (y, x); `y`, `x` in km from the centre of the
            south-western cell; `time`, a scalar; `crs`, the grid as CF describes one; all else
            is in the attributes.
        """
        import xarray as xr

        placed = {"grid_mapping": "crs"}
        reflectivity = {"units": "dBZ", "long_name": "composite reflectivity", **placed}
        coverage = {"long_name": "some radar could see", **placed}
        rows, columns = self.reflectivity.shape
        return xr.Dataset(
            {
                "reflectivity": (("y", "x"), self.reflectivity, reflectivity),
                "coverage": (("y", "x"), self.coverage, coverage),
                "crs": ((), np.int32(0), {**self.grid.mapping, "crs_wkt": self.grid.wkt}),
            },
            coords={
                "time": np.asarray(self.time, "datetime64[ns]"),
                "y": ("y", *_plane_axis(rows, "y")),
                "x": ("x", *_plane_axis(columns, "x")),
            },
            attrs={
                "Conventions": _CONVENTIONS,
                "source": self.source,
                "product": self.product,
                "derived": self.derived,
                "sampling": self.sampling,
                "simulated": int(self.simulated),
                "grid": self.grid.name,
                **({} if self.is_whole else {"incomplete": 1}),
            },
        )


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
    units : {"dBZ", "1"}
        ``"1"`` where the images hold no reflectivity (digits).
    """

    reflectivity: NDArray[np.uint8] = field(repr=False)
    storm: Storm = field(repr=False)
    source: str
    simulated: bool = False
    units: str = "dBZ"

    def __len__(self) -> int:
        return len(self.reflectivity)

    def chosen(self, which: Any) -> "Boxes":
        """
        Some of the boxes.

        Parameters
        ----------
        which : slice, or array_like of bool or int
            Index of the boxes wanted.

        Returns
        -------
        boxes : Boxes
        """
        storm = {name: values[which] for name, values in self.storm.items()}
        return replace(self, reflectivity=self.reflectivity[which], storm=storm)

    @classmethod
    def from_xarray(cls, dataset: "xr.Dataset") -> "Boxes":
        """
        Boxes that are an xarray.Dataset, without their labels.

        Parameters
        ----------
        dataset : xarray.Dataset
            The container; see `stormlens.datasets.make_dataset`.

        Returns
        -------
        boxes : Boxes
        """
        return cls(
            dataset["reflectivity"].values,
            _storm_of(dataset),
            source=str(dataset.attrs.get("source", "unknown")),
            simulated=is_marked(dataset, "simulated"),
            units=str(dataset["reflectivity"].attrs.get("units", "dBZ")),
        )

    def to_xarray(self) -> "xr.Dataset":
        """
        The same as an xarray.Dataset, the container that `stormlens.datasets` gives.

        Returns
        -------
        dataset : xarray.Dataset
            `reflectivity` (storm, y, x) with the storm coordinates; `y` and `x` in km from the
            southern and western edge; all else is in the attributes.
        """
        import xarray as xr

        rows, columns = self.reflectivity.shape[1:]
        return xr.Dataset(
            {"reflectivity": (("storm", "y", "x"), self.reflectivity, {"units": self.units})},
            coords={
                **_coordinates(self.storm),
                "y": ("y", *_box_axis(rows, self.units, "southern")),
                "x": ("x", *_box_axis(columns, self.units, "western")),
            },
            attrs={
                "Conventions": _CONVENTIONS,
                "source": self.source,
                "simulated": int(self.simulated),
            },
        )


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
    disagreement : ndarray of float32, shape (storm,), or None
        Of an ensemble's networks, nats; see `stormlens.models.disagreement`. None of one alone.
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
    disagreement: NDArray[np.float32] | None = field(default=None, repr=False)

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
        return cls(
            dataset["probability"].values,
            modes=tuple(dataset["mode"].values.astype(str).tolist()),
            storm=_storm_of(dataset),
            model=str(attributes.get("model", "unknown")),
            source=str(attributes.get("source", "unknown")),
            simulated=is_marked(dataset, "simulated"),
            simulated_training=is_marked(dataset, "simulated_training"),
            plausible=dataset["plausible"].values if "plausible" in dataset else None,
            novelty=dataset["novelty"].values if "novelty" in dataset else None,
            plausible_from=attributes.get("plausible_from"),
            level=attributes.get("level"),
            disagreement=dataset["disagreement"].values if "disagreement" in dataset else None,
        )

    def to_xarray(self) -> "xr.Dataset":
        """
        The same as an xarray.Dataset.

        Returns
        -------
        dataset : xarray.Dataset
            `probability` (storm, mode), and where they are known `plausible` (storm, mode),
            `novelty` (storm) and `disagreement` (storm), with the storm coordinates; all else is in
            the attributes.
        """
        import xarray as xr

        variables: dict[str, Any] = {"probability": (("storm", "mode"), self.probability)}
        attributes: dict[str, Any] = {
            "model": self.model,
            "simulated_training": int(self.simulated_training),
            "simulated": int(self.simulated),
            "source": self.source,
        }
        if self.plausible is not None:
            variables["plausible"] = ("storm", "mode"), self.plausible
            attributes |= {"plausible_from": self.plausible_from, "level": self.level}
        if self.novelty is not None:
            variables["novelty"] = "storm", self.novelty
        if self.disagreement is not None:
            unit = {"units": "nat", "long_name": "mutual information of mode and network"}
            variables["disagreement"] = "storm", self.disagreement, unit
        return xr.Dataset(
            variables, {**_coordinates(self.storm), "mode": list(self.modes)}, attributes
        )


def is_dataset(thing: object) -> "TypeGuard[xr.Dataset]":
    """
    Whether it is an xarray.Dataset, without importing xarray.

    Parameters
    ----------
    thing : object
        Anything.

    Returns
    -------
    dataset : bool
    """
    xarray = sys.modules.get("xarray")  # whoever made one has imported it
    return xarray is not None and isinstance(thing, xarray.Dataset)


def is_marked(dataset: "xr.Dataset", name: str) -> bool:
    """Whether an attribute says yes, which files hold as 1 or in words."""
    return str(dataset.attrs.get(name, 0)) not in ("0", "")


def grid_of(dataset: "xr.Dataset") -> Grid:
    """
    The grid of a mosaic or field that is an xarray.Dataset.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of `Mosaic.to_xarray` or `Field.to_xarray`.

    Returns
    -------
    grid : Grid
        The grid that attribute `grid` names; the national one if there is no such attribute.

    Raises
    ------
    InputError
        If it names no grid.
    """
    return Grid.named(str(dataset.attrs.get("grid", NATIONAL.name)))


def cells_of(array: "xr.DataArray", axis: str, grid: Grid) -> NDArray[np.intp]:
    """
    Which rows or columns of its grid a mosaic's variable has.

    Parameters
    ----------
    array : xarray.DataArray
        With the dimension `axis`, and perhaps a coordinate, km from the grid's first cell.
    axis : {"y", "x"}
        Rows or columns.
    grid : Grid
        What they are cells of.

    Returns
    -------
    cells : ndarray of int
        Neighbours in ascending or in descending order; where there is no coordinate, the first.

    Raises
    ------
    InputError
        If the coordinate does not go from cell to cell of the grid.
    """
    if axis not in array.coords:
        return np.arange(array.sizes[axis])
    places = np.asarray(array[axis].values, float) / PIXEL_KM
    numbers = np.rint(places)
    steps = np.diff(numbers)
    inside = (numbers >= 0) & (numbers < grid.shape["yx".index(axis)])
    on_cells = inside & (np.abs(places - numbers) < _OFF_CENTRE)
    are_neighbours = (steps == 1).all() or (steps == -1).all()
    if not on_cells.all() or not are_neighbours:
        raise InputError(
            f"The mosaic's {axis} does not go from cell to cell of the grid {grid.name}, "
            f"{PIXEL_KM} km each. A part of a mosaic serves, one that was thinned, moved or joined "
            "does not; make it anew with stormlens.readers.read."
        )
    return numbers.astype(np.intp)


def _whole(array: "xr.DataArray", grid: Grid) -> NDArray[Any]:
    """Values on all cells of the grid, 0 where there are none. What is no plane stays as it is."""
    if set(array.dims) != {"y", "x"}:
        return array.values
    array = array.transpose("y", "x")
    rows, columns = cells_of(array, "y", grid), cells_of(array, "x", grid)
    placed = "y" in array.coords and "x" in array.coords
    if not placed or (array.shape == grid.shape and not rows[0] and not columns[0]):
        return array.values
    values = np.zeros(grid.shape, array.dtype)
    values[np.ix_(rows, columns)] = array.values
    return values


def _storm_of(dataset: "xr.Dataset") -> Storm:
    known = dataset.coords.items()
    return {str(name): values.values for name, values in known if values.dims == ("storm",)}


def _coordinates(storm: Storm) -> dict[str, Any]:
    return {name: ("storm", values, _ATTRIBUTES.get(name, {})) for name, values in storm.items()}


def _plane_axis(n: int, name: str) -> tuple[NDArray[np.float64], dict[str, str]]:
    return np.arange(n, dtype=np.float64) * PIXEL_KM, plane_attributes(name)


def plane_attributes(name: str) -> dict[str, str]:
    """What CF says of a coordinate of the grid's plane."""
    return {"units": "km", "standard_name": f"projection_{name}_coordinate"}


def _box_axis(n: int, units: str, edge: str) -> tuple[NDArray[np.float64], dict[str, str]]:
    """Pixel centres in km where the images are radar boxes, else pixel numbers."""
    if units == "dBZ":
        return offsets_km(n), {"units": "km", "long_name": f"from {edge} edge"}
    side = "bottom" if edge == "southern" else "left"
    return np.arange(n, dtype=np.float64), {"units": "1", "long_name": f"pixels from the {side}"}
