"""Radar files brought to the archive's national grid: one verb, `read`, for every format."""

from stormlens.readers._format import Format
from stormlens.readers._mosaic import grid_lonlat, make_mosaic
from stormlens.readers._options import Options
from stormlens.readers._read import formats, read

__all__ = ["Format", "Options", "formats", "grid_lonlat", "make_mosaic", "read"]
