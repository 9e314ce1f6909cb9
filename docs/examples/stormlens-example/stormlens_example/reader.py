"""
Esri ASCII grids of reflectivity.

Six lines of a key and a number, then rows of numbers in dBZ from north to south, in degrees:

    ncols 400
    nrows 300
    xllcorner -98.0
    yllcorner 33.0
    cellsize 0.02
    nodata_value -9999
"""

import numpy as np

from stormlens import InputError, readers
from stormlens.stormbox import Mosaic

KEYS = ("ncols", "nrows", "xllcorner", "yllcorner", "cellsize", "nodata_value")
MOST_CELLS = 50_000_000


def fits(content: bytes) -> bool:
    """Whether a file is of this kind, from how it begins."""
    return content[:5].lower() == b"ncols"


def read(content: bytes, name: str, options: readers.Options) -> Mosaic:
    """Bring the file to the grid that the options ask for."""
    import xarray as xr

    try:
        *head, body = content.decode("ascii").split("\n", len(KEYS))
        said = {key.lower(): float(value) for key, value in map(str.split, head)}
        columns, rows = int(said["ncols"]), int(said["nrows"])
        west, south, side = said["xllcorner"], said["yllcorner"], said["cellsize"]
        # A file may claim any size, so bound it before memory is taken.
        if not (0 < rows * columns <= MOST_CELLS and 0 < side < 10):
            raise ValueError(f"{rows} x {columns} cells of {side} degrees")
        dbz = np.array(body.split(), np.float32).reshape(rows, columns)
    except (ValueError, KeyError) as error:
        raise InputError(f"{name} is a damaged Esri grid ({error}); get it again.") from error
    field = xr.DataArray(
        np.where(dbz == said["nodata_value"], np.nan, dbz),
        dims=("latitude", "longitude"),
        coords={
            "latitude": south + side * (np.arange(rows)[::-1] + 0.5),
            "longitude": west + side * (np.arange(columns) + 0.5),
        },
        name="reflectivity",
        attrs={"units": "dBZ"},
    )
    return readers.as_mosaic(field, name, options)


ESRI_GRID = readers.Format("esri-grid", "Esri ASCII grids", fits, read)
