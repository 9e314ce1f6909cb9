"""Gridded NetCDF files: CF grids, a mosaic of our own, and the archive's example."""

import io

import numpy as np
import xarray as xr
from h5bytes import written

from stormlens.readers import make_mosaic
from stormlens.stormbox import NATIONAL


def _netcdf(dataset, classic=False):
    if classic:
        return bytes(dataset.to_netcdf(engine="scipy"))
    memory = io.BytesIO()
    dataset.to_netcdf(memory, engine="h5netcdf")
    return memory.getvalue()


def meridians(values, *, classic=False, units="dBZ", south=33.0, west=-100.0, step=0.1, time=True):
    """A field on latitude and longitude, NaN where nothing is known."""
    rows, columns = values.shape
    dataset = xr.Dataset(
        {"field": (("lat", "lon"), np.asarray(values, "f4"), {"units": units})},
        coords={"lat": south + step * np.arange(rows), "lon": west + step * np.arange(columns)},
    )
    if time:
        dataset["time"] = np.datetime64("2020-07-14T20:15", "ns")
    return _netcdf(dataset, classic)


def wrfout(dbz, *, xtime=True, classic=False):
    """
    Reflectivity of a model run as WRF writes it: (Time, bottom_top, south_north, west_east).

    WRF ARW User's Guide 4.5, chapter 5, list of fields: XLAT and XLONG are of every time, units
    degree_north; Times are characters.
    """
    plane = {"south_north": dbz.shape[1], "west_east": dbz.shape[2]}
    latitude, longitude = np.meshgrid(
        33 + 0.1 * np.arange(plane["south_north"]),
        -100 + 0.1 * np.arange(plane["west_east"]),
        indexing="ij",
    )
    dims = "Time", *plane
    dataset = xr.Dataset(
        {
            "Times": ("Time", np.array([b"2020-07-14_20:15:00"])),
            "XLAT": (dims, latitude[np.newaxis].astype("f4"), {"units": "degree_north"}),
            "XLONG": (dims, longitude[np.newaxis].astype("f4"), {"units": "degree_east"}),
            "REFL_10CM": (
                ("Time", "bottom_top", *plane),
                np.asarray(dbz, "f4")[np.newaxis],
                {"units": "dBZ", "coordinates": "XLONG XLAT XTIME", "MemoryOrder": "XYZ"},
            ),
            "T2": (dims, np.zeros((1, *plane.values()), "f4"), {"units": "K"}),
        }
    )
    dataset["Times"].encoding["char_dim_name"] = "DateStrLen"
    if xtime:
        since = {"units": "minutes since 2020-07-14 18:00:00"}
        dataset["XTIME"] = ("Time", np.array([135.0], "f4"), since)
    return _netcdf(dataset, classic)


def mosaic():
    """A mosaic written as xarray writes one."""
    dbz, coverage = np.zeros(NATIONAL.shape), np.ones(NATIONAL.shape, bool)
    dbz[200:220, 300:340], coverage[:100] = 45, False
    time = np.datetime64("2020-07-14T20:15", "ns")
    made = make_mosaic(dbz, coverage, time=time, source="made up")
    made["reflectivity"].encoding.update(zlib=True)
    made["coverage"].encoding.update(zlib=True)
    return _netcdf(made)


def example(values=None):
    """As the archive's example mosaic: `REFC_MAX` of (time, y, x)."""
    if values is None:
        values = np.zeros(NATIONAL.shape, np.uint8)
        values[200:220, 300:340] = 45

    def write(file):
        file.dimensions = {"time": 1, "y": len(values), "x": len(values[0])}
        file.create_variable(
            "REFC_MAX",
            ("time", "y", "x"),
            values.dtype,
            data=values[np.newaxis],
            compression="gzip",
        )

    return written(write)
