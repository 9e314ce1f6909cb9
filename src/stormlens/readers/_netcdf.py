"""
NetCDF files that are gridded already: our own mosaics, SVRIMG's example, and any CF grid.

A mosaic written with ``mosaic.to_netcdf(path)`` comes back as it was. In other
files there must be one field of reflectivity or rain rate, as for `from_xarray`.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from stormlens.errors import InputError
from stormlens.readers._format import Format
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._target import on_its_grid
from stormlens.readers._times import plain_units
from stormlens.readers._xarray import as_mosaic
from stormlens.storage import HDF5_SIGNATURE, as_sentences, hdf5_dataset, opened_hdf5
from stormlens.stormbox import NATIONAL, Mosaic

if TYPE_CHECKING:
    import xarray as xr

CLASSIC = b"CDF"
"""How NetCDF-3 begins."""

_KIND = "NetCDF"
_EXAMPLE = "REFC_MAX"
_MAX_LEVELS, _MAX_BYTES = 2**32, 2**28
"""Most that is read at once, twice a national mosaic of MRMS in four bytes a value."""


def _is_netcdf(content: bytes) -> bool:
    return content.startswith((HDF5_SIGNATURE, CLASSIC))


def read_netcdf(content: bytes, name: str, options: Options) -> Mosaic:
    """
    A mosaic, or reflectivity of any CF grid, from a NetCDF file.

    Parameters
    ----------
    content : bytes
        NetCDF-3 or NetCDF-4.
    name : str
        What errors call the file.
    options : Options
        Sampling, and the Z-R relation for rain rates.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If the file is damaged, or holds no field that `from_xarray` takes.
    """
    with as_sentences(name, _KIND), _opened(content, name) as raw:
        if not raw.variables:
            raise InputError(
                f"{name} holds no variables that are numbers at its root, where NetCDF keeps them; "
                "of other HDF5 files, ODIM, CfRadial and KNMI's own are read."
            )
        if _EXAMPLE in raw.variables:
            return on_its_grid(_example(raw, name), name, options)
        return as_mosaic(_decoded(raw), name, options)


NETCDF = Format(
    "netcdf",
    "mosaics and CF grids of reflectivity in NetCDF",
    _is_netcdf,
    read_netcdf,
    fields=True,
)


@contextmanager
def _opened(content: bytes, name: str) -> "Iterator[xr.Dataset]":
    """An open file, not decoded, its larger variables unread."""
    import xarray as xr

    if content.startswith(HDF5_SIGNATURE):
        with opened_hdf5(content, name, _KIND, _MAX_LEVELS) as file:
            yield hdf5_dataset(file, most=_MAX_BYTES, later=True)
        return
    if content[3:4] not in b"\x01\x02":
        raise InputError(f"{name} is NetCDF of kind 5; convert it: nccopy -k nc4 FILE NEW")
    with xr.open_dataset(io.BytesIO(content), engine="scipy", decode_cf=False) as raw:
        yield raw


def _decoded(raw: "xr.Dataset") -> "xr.Dataset":
    """The Dataset decoded by CF, without times that cannot be decoded."""
    import xarray as xr

    for key, variable in raw.variables.items():
        if "since" in str(variable.attrs.get("units", "")):
            units = plain_units(variable.attrs["units"])
            variable = variable.copy(deep=False)
            variable.attrs = {**variable.attrs, "units": units}
            raw = raw.assign({key: variable})
            try:
                xr.decode_cf(xr.Dataset({"time": variable}))
            except (ValueError, OverflowError):
                raw = raw.drop_vars([key])
    return xr.decode_cf(raw, decode_timedelta=False)


def _example(raw: "xr.Dataset", name: str) -> Mosaic:
    """SVRIMG's example mosaic: one field on the national grid, 0 where there is no echo."""
    import xarray as xr

    field = xr.decode_cf(raw[[_EXAMPLE]], decode_times=False)[_EXAMPLE]
    if field.shape[-2:] != NATIONAL.shape or field.size != np.prod(NATIONAL.shape):
        rows, columns = NATIONAL.shape
        raise InputError(
            f"{name}: {_EXAMPLE} has shape {field.shape}; one field of {rows} x {columns} is read."
        )
    values = field.values.reshape(NATIONAL.shape)
    return mosaic_of(
        values,
        ~np.isnan(values.astype(float)),
        time=_time_of_name(name),
        source="SVRIMG mosaic (Haberlie, Ashley and Karpinski 2020)",
        product="column maximum of GridRad",
    )


def _time_of_name(name: str) -> np.datetime64 | None:
    """UTC from a file's name, such as ``20110427T190000Z``."""
    found = re.search(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z", name)
    if not found:
        return None
    try:
        return np.datetime64("{}-{}-{}T{}:{}:{}".format(*found.groups()), "s")
    except ValueError:
        return None
