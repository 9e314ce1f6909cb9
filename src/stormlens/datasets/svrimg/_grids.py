"""What the archive holds on its whole national grid: geography and one example mosaic."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stormlens.datasets._boxes import check_reflectivity
from stormlens.datasets._container import open_netcdf
from stormlens.datasets.svrimg._archive import CITATION, GEOGRAPHY_FILE, MOSAIC_FILE, Archive
from stormlens.datasets.svrimg._obtain import Kind, obtain
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, PIXEL_KM

if TYPE_CHECKING:
    import xarray as xr

_MAX_BYTES = 2**28


def geography(
    *, cache: str | Path | None = None, url: str | Path | None = None, refresh: bool = False
) -> "xr.Dataset":
    """
    Latitude and longitude of every cell of the national grid, as the archive gives them.

    Parameters
    ----------
    cache, url, refresh
        As for `splits`.

    Returns
    -------
    geography : xarray.Dataset
        `latitude` and `longitude` in degrees, float32 (y, x) of (899, 1399), row 0 in the
        south. `stormlens.stormbox.NATIONAL.lonlat` gives the same without a download.

    Raises
    ------
    InputError
        If the file cannot be obtained, or does not hold the grid.
    """
    return _read_geography(
        obtain(Archive.at(url, cache), GEOGRAPHY_FILE, GEOGRAPHY, refresh=refresh)
    )


def example_mosaic(
    *, cache: str | Path | None = None, url: str | Path | None = None, refresh: bool = False
) -> "xr.Dataset":
    """
    Column-maximum reflectivity over the United States on 27 April 2011, 19 UTC.

    Parameters
    ----------
    cache, url, refresh
        As for `splits`.

    Returns
    -------
    mosaic : xarray.Dataset
        `reflectivity` uint8 dBZ (time, y, x) of (n, 899, 1399), row 0 in the south, with
        `latitude` and `longitude` of each cell and y and x in km from the south-west corner.

    Raises
    ------
    InputError
        If the file cannot be obtained, or does not hold the mosaic.
    """
    return _read_mosaic(obtain(Archive.at(url, cache), MOSAIC_FILE, MOSAIC, refresh=refresh))


def _read_geography(path: Path) -> "xr.Dataset":
    import xarray as xr

    raw = open_netcdf(path)
    latitude, longitude = (_plane(raw, name, path)[0] for name in ("CLAT", "CLONG"))
    for name, values, limit in (("CLAT", latitude, 90), ("CLONG", longitude, 180)):
        if not (np.abs(values) <= limit).all():
            raise InputError(f"{path}: {name} holds values that are no degrees.")
    return xr.Dataset(
        {
            "latitude": (("y", "x"), latitude.astype("float32"), {"units": "degrees_north"}),
            "longitude": (("y", "x"), longitude.astype("float32"), {"units": "degrees_east"}),
        },
        attrs={"source": "SVRIMG geography grid", "references": CITATION},
    )


def _read_mosaic(path: Path) -> "xr.Dataset":
    import xarray as xr

    raw = open_netcdf(path)
    # Cells that no radar sees may be marked as missing; a box shows them as no echo, 0.
    values = np.nan_to_num(_plane(raw, "REFC_MAX", path), nan=0)
    values = check_reflectivity(values, where=str(path))
    rows, columns = NATIONAL.shape
    longitude, latitude = NATIONAL.lonlat(np.arange(columns), np.arange(rows)[:, np.newaxis])
    time = raw["time"].values if "time" in raw.variables else np.full(len(values), _MOSAIC_TIME)
    return xr.Dataset(
        {"reflectivity": (("time", "y", "x"), values, {"units": "dBZ"})},
        coords={
            "time": np.atleast_1d(time),
            "y": ("y", np.arange(rows) * PIXEL_KM, {"units": "km"}),
            "x": ("x", np.arange(columns) * PIXEL_KM, {"units": "km"}),
            "latitude": (("y", "x"), latitude, {"units": "degrees_north"}),
            "longitude": (("y", "x"), longitude, {"units": "degrees_east"}),
        },
        attrs={"source": "SVRIMG example mosaic", "references": CITATION, "simulated": 0},
    )


def _plane(raw: "xr.Dataset", name: str, path: Path) -> np.ndarray:
    """A variable on the national grid, shape (n, 899, 1399)."""
    if name not in raw.variables:
        present = ", ".join(map(str, raw.variables)) or "nothing"
        raise InputError(f"{path} lacks the variable {name!r}; it holds {present}.")
    values = raw[name].values
    if values.ndim < 2 or values.shape[-2:] != NATIONAL.shape or values.ndim > 3:
        rows, columns = NATIONAL.shape
        msg = f"{path}: {name} has shape {values.shape}; the grid is {rows} x {columns} cells."
        raise InputError(msg)
    return values.reshape(-1, *NATIONAL.shape)


_MOSAIC_TIME = np.datetime64("2011-04-27T19:00", "ns")
GEOGRAPHY = Kind(_MAX_BYTES, _read_geography)
MOSAIC = Kind(_MAX_BYTES, _read_mosaic)
