"""
Storm boxes cut from mosaics: around points, reports or a track, where storms are, on a grid.

Every function takes a mosaic as `stormlens.readers` makes it, a `Mosaic` or an
xarray.Dataset, and gives `Boxes` or the container of `stormlens.datasets`: the
kind that it was given. Cells outside the mosaic's grid read 0 and
count as unseen, so that clear air and missing data stay two different things.
"""

from stormlens.boxes._cut import cut, tell_apart
from stormlens.boxes._geojson import outline, to_geojson
from stormlens.boxes._grid import grid
from stormlens.boxes._places import along_track, at_points, at_reports
from stormlens.boxes._reports import read_reports
from stormlens.boxes._storms import MINIMUM_AREA_KM2, THRESHOLD_DBZ, find_storms

__all__ = [
    "MINIMUM_AREA_KM2",
    "THRESHOLD_DBZ",
    "along_track",
    "at_points",
    "at_reports",
    "cut",
    "find_storms",
    "grid",
    "outline",
    "read_reports",
    "tell_apart",
    "to_geojson",
]
