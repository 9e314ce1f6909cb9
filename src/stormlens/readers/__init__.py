"""Radar files brought to a grid of 3.75 km: one verb, `read`, for every format."""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.readers._bucket import (
        Volume,
        check_volume_request,
        fetch_nexrad,
        is_passed_over,
        is_volume_request,
        nexrad_volumes,
    )
    from stormlens.readers._chunks import Chunks, volumes_of
    from stormlens.readers._format import Format
    from stormlens.readers._mosaic import grid_lonlat, make_mosaic, mosaic_of
    from stormlens.readers._options import Options
    from stormlens.readers._read import ADDED_READERS, check_file, formats, read, read_mosaic
    from stormlens.readers._xarray import as_mosaic, from_xarray

__all__ = [
    "ADDED_READERS",
    "Chunks",
    "Format",
    "Options",
    "Volume",
    "as_mosaic",
    "check_file",
    "check_volume_request",
    "fetch_nexrad",
    "formats",
    "from_xarray",
    "grid_lonlat",
    "is_passed_over",
    "is_volume_request",
    "make_mosaic",
    "mosaic_of",
    "nexrad_volumes",
    "read",
    "read_mosaic",
    "volumes_of",
]

on_first_use(
    __name__,
    {
        "_bucket": "Volume check_volume_request fetch_nexrad is_passed_over is_volume_request "
        "nexrad_volumes",
        "_chunks": "Chunks volumes_of",
        "_format": "Format",
        "_mosaic": "grid_lonlat make_mosaic mosaic_of",
        "_options": "Options",
        "_read": "ADDED_READERS check_file formats read read_mosaic",
        "_xarray": "as_mosaic from_xarray",
    },
)
