"""
The storm box: its grid, its modes, its reflectivity bounds, its identifier, and what holds it.

Constants and small pure functions that every layer above shares. A storm box
is 136 x 136 pixels of 3.75 km, whole dBZ, row 0 at the southern edge, 0 dBZ
where there is no echo.
"""

from stormlens.stormbox._field import Field
from stormlens.stormbox._grid import (
    ECHO_DBZ,
    MAX_DBZ,
    NATIONAL,
    PIXEL_KM,
    SIZE,
    Grid,
    offsets_km,
)
from stormlens.stormbox._modes import (
    CODES,
    MODES,
    SPLIT_COUNTS,
    SPLIT_YEARS,
    SPLITS,
    mode_code,
    split_of_year,
)
from stormlens.stormbox._moment import nanoseconds, says_hour
from stormlens.stormbox._records import (
    Boxes,
    Mosaic,
    Predictions,
    Storm,
    cells_of,
    grid_of,
    is_dataset,
)
from stormlens.stormbox._unid import hazard_of_unid, time_of_unid

__all__ = [
    "CODES",
    "ECHO_DBZ",
    "MAX_DBZ",
    "MODES",
    "NATIONAL",
    "PIXEL_KM",
    "SIZE",
    "SPLITS",
    "SPLIT_COUNTS",
    "SPLIT_YEARS",
    "Boxes",
    "Field",
    "Grid",
    "Mosaic",
    "Predictions",
    "Storm",
    "cells_of",
    "grid_of",
    "hazard_of_unid",
    "is_dataset",
    "mode_code",
    "nanoseconds",
    "offsets_km",
    "says_hour",
    "split_of_year",
    "time_of_unid",
]
