"""A field of probabilities over a mosaic, as plain arrays and as an xarray.Dataset."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.stormbox._grid import ECHO_DBZ, NATIONAL, Grid
from stormlens.stormbox._moment import nanoseconds
from stormlens.stormbox._records import grid_of, is_marked, plane_attributes

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class Field:
    """
    What a classifier says of boxes at regular places of a mosaic.

    Attributes
    ----------
    probability : ndarray of float32, shape (y, x, mode)
        Sums to 1 over modes.
    modes : tuple of str
        Names along the last axis.
    y, x : ndarray of float64
        The boxes' centres in km from the centre of the grid's south-western cell.
    echo : ndarray of float32, shape (y, x)
        Share of a box at 5 dBZ or more.
    coverage : ndarray of float32, shape (y, x), or None
        Share that some radar sees, where it is known.
    latitude, longitude : ndarray of float64, shape (y, x), or None
        Of the centres, degrees north and east.
    time : datetime64[ns] or None
        UTC of the observation; NaT or None where unknown.
    model : str
        What the network is called.
    source : str
        Where the mosaic comes from, in words for a reader.
    simulated, simulated_training : bool
        Whether a simulator made the mosaic, and the boxes that trained the classifier.
    stride : int
        Cells from box to box.
    box : tuple of int
        Cells of a box along y and x.
    computed : str
        "shared convolutions" or "box by box", with the reason.
    grid : Grid
        The mosaic's.
    """

    probability: NDArray[np.float32] = field(repr=False)
    modes: tuple[str, ...]
    y: NDArray[np.float64] = field(repr=False)
    x: NDArray[np.float64] = field(repr=False)
    echo: NDArray[np.float32] = field(repr=False)
    coverage: NDArray[np.float32] | None = field(default=None, repr=False)
    latitude: NDArray[np.float64] | None = field(default=None, repr=False)
    longitude: NDArray[np.float64] | None = field(default=None, repr=False)
    time: np.datetime64 | None = None
    model: str = "unknown"
    source: str = "mosaic"
    simulated: bool = False
    simulated_training: bool = False
    stride: int = 0
    box: tuple[int, ...] = ()
    computed: str = ""
    grid: Grid = NATIONAL

    @property
    def seen(self) -> NDArray[np.float32]:
        """The coverage, and 1 everywhere where it is not known."""
        return np.ones_like(self.echo) if self.coverage is None else self.coverage

    @property
    def is_box_by_box(self) -> bool:
        """Whether the boxes share no convolution; `computed` has the reason."""
        return self.computed.startswith("box by box")

    @classmethod
    def from_xarray(cls, dataset: "xr.Dataset") -> "Field":
        """
        A field that is an xarray.Dataset.

        Parameters
        ----------
        dataset : xarray.Dataset
            As `to_xarray` gives it, or a part of it; attributes may be missing.

        Returns
        -------
        field : Field
        """
        known: dict[str, Any] = {
            name: dataset[name].values if name in dataset.variables else None
            for name in ("echo", "coverage", "latitude", "longitude", "time")
        }
        if known["time"] is not None:
            known["time"] = nanoseconds(known["time"], "time of the field")[()]
        attributes = dataset.attrs
        return cls(
            dataset["probability"].transpose("y", "x", "mode").values,
            modes=tuple(dataset["mode"].values.astype(str).tolist()),
            y=dataset["y"].values,
            x=dataset["x"].values,
            **known,
            model=str(attributes.get("model", "unknown")),
            source=str(attributes.get("source", "mosaic")),
            simulated=is_marked(dataset, "simulated"),
            simulated_training=is_marked(dataset, "simulated_training"),
            stride=int(attributes.get("stride", 0)),
            box=tuple(int(cells) for cells in attributes.get("box", ())),
            computed=str(attributes.get("computed", "")),
            grid=grid_of(dataset),
        )

    def to_xarray(self) -> "xr.Dataset":
        """
        The same as an xarray.Dataset.

        Returns
        -------
        dataset : xarray.Dataset
            `probability` (y, x, mode), `echo` and, where it is known, `coverage` (y, x), with
            `y`, `x`, `latitude` and `longitude` of the boxes' centres; `crs`, the grid as CF
            describes one; all else is in the attributes.
        """
        import xarray as xr

        plane = ("y", "x")
        placed = {"long_name": "probability of storm mode", "units": "1", "grid_mapping": "crs"}
        variables: dict[str, Any] = {
            "probability": ((*plane, "mode"), self.probability, placed),
            "crs": ((), np.int32(0), {**self.grid.mapping, "crs_wkt": self.grid.wkt}),
            "echo": (plane, self.echo, _share(f"at {ECHO_DBZ} dBZ or more")),
        }
        if self.coverage is not None:
            variables["coverage"] = plane, self.coverage, _share("seen")
        coordinates: dict[str, Any] = {
            "y": ("y", self.y, plane_attributes("y")),
            "x": ("x", self.x, plane_attributes("x")),
            "mode": list(self.modes),
        }
        for name, unit in (("latitude", "degrees_north"), ("longitude", "degrees_east")):
            if getattr(self, name) is not None:
                coordinates[name] = plane, getattr(self, name), {"units": unit}
        if self.time is not None:
            coordinates["time"] = np.asarray(self.time, "datetime64[ns]")
        attributes = {
            "model": self.model,
            "simulated_training": int(self.simulated_training),
            "simulated": int(self.simulated),
            "source": self.source,
            "stride": self.stride,
            "box": list(self.box),
            "computed": self.computed,
            "grid": self.grid.name,
        }
        return xr.Dataset(variables, coordinates, attributes)


def _share(of: str) -> dict[str, str]:
    return {"long_name": f"share of the box {of}", "units": "1"}
