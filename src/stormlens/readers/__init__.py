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
    from stormlens.readers._mosaic import grid_lonlat, make_mosaic
    from stormlens.readers._options import Options
    from stormlens.readers._read import check_file, formats, read, read_mosaic
    from stormlens.readers._xarray import from_xarray

__all__ = [
    "Chunks",
    "Format",
    "Options",
    "Volume",
    "check_file",
    "check_volume_request",
    "fetch_nexrad",
    "formats",
    "from_xarray",
    "grid_lonlat",
    "is_passed_over",
    "is_volume_request",
    "make_mosaic",
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
        "_mosaic": "grid_lonlat make_mosaic",
        "_options": "Options",
        "_read": "check_file formats read read_mosaic",
        "_xarray": "from_xarray",
    },
)
