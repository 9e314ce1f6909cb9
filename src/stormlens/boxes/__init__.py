"""
Storm boxes cut from mosaics: around points, reports or a track, where storms are, on a grid.

Every function takes a mosaic as `stormlens.readers` makes it, a `Mosaic` or an
xarray.Dataset, and gives `Boxes` or the container of `stormlens.datasets`: the
kind that it was given. Cells outside the mosaic's grid read 0 and
count as unseen, so that clear air and missing data stay two different things.
`Cutting` is one of these ways with its settings, as the commands use it.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.boxes._cut import cut, unique_ids
    from stormlens.boxes._cutting import Cutting
    from stormlens.boxes._defaults import (
        MINIMUM_AREA_KM2,
        MINIMUM_COVERAGE,
        STRIDE,
        THRESHOLD_DBZ,
        WAYS,
        WITHIN_MINUTES,
    )
    from stormlens.boxes._geojson import outline, to_geojson
    from stormlens.boxes._grid import grid
    from stormlens.boxes._places import along_track, at_points, at_reports
    from stormlens.boxes._reports import read_reports
    from stormlens.boxes._storms import find_storms

__all__ = [
    "MINIMUM_AREA_KM2",
    "MINIMUM_COVERAGE",
    "STRIDE",
    "THRESHOLD_DBZ",
    "WAYS",
    "WITHIN_MINUTES",
    "Cutting",
    "along_track",
    "at_points",
    "at_reports",
    "cut",
    "find_storms",
    "grid",
    "outline",
    "read_reports",
    "to_geojson",
    "unique_ids",
]

on_first_use(
    __name__,
    {
        "_cut": "cut unique_ids",
        "_cutting": "Cutting",
        "_defaults": "MINIMUM_AREA_KM2 MINIMUM_COVERAGE STRIDE THRESHOLD_DBZ WAYS WITHIN_MINUTES",
        "_geojson": "outline to_geojson",
        "_grid": "grid",
        "_places": "along_track at_points at_reports",
        "_reports": "read_reports",
        "_storms": "find_storms",
    },
)
