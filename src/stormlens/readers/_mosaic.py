"""
The mosaic: column-maximum reflectivity on a grid.

Every reader gives a `Mosaic`, and on request an `xarray.Dataset` with dimensions
(y, x), row 0 in the south.
`reflectivity` is whole dBZ as uint8, 0 where there is no echo; `coverage` is
True where some radar could have seen one. A cell without coverage reads 0 too,
so the two together distinguish clear air (0, covered) from missing data
(0, not covered).
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.errors import InputError, printable
from stormlens.readers._marks import is_mark
from stormlens.stormbox import NATIONAL, Grid, Mosaic, nanoseconds

if TYPE_CHECKING:
    import xarray as xr


def make_mosaic(
    dbz: ArrayLike,
    coverage: ArrayLike,
    *,
    time: np.datetime64 | None,
    source: str,
    product: str = "composite reflectivity",
    derived: str = "",
    sampling: str = "nearest",
    simulated: bool = False,
    grid: Grid = NATIONAL,
) -> "xr.Dataset":
    """
    Put sampled reflectivity into the container of mosaics.

    Parameters
    ----------
    dbz : array_like of float, shape (y, x)
        Reflectivity, dBZ. Fractions are truncated as the archive does; what lies below
        1 dBZ (minus infinity and NaN too) is no echo. What no radar measures, above 80 dBZ or
        below -90, is a mark of missing data, and no coverage.
    coverage : array_like of bool, shape (y, x)
        Where some radar could have seen an echo; elsewhere reflectivity becomes 0.
    time : datetime64 or None
        UTC of the observation; None where unknown.
    source : str
        Instrument and file, in words for a reader.
    product : str, optional
        What the file contains.
    derived : str, optional
        How reflectivity was computed, if the file has another quantity.
    sampling : {"nearest", "maximum"}, optional
        How the file's values were brought to the grid.
    simulated : bool, optional
        Whether a simulator made them.
    grid : Grid, optional
        Where the cells lie; by default the national grid, 899 x 1399 cells.

    Returns
    -------
    mosaic : xarray.Dataset
        `reflectivity` uint8 and `coverage` bool (y, x); `y`, `x` in km from the centre of
        the south-western cell; `time`, a scalar; `crs`, the grid as CF describes one.

    Raises
    ------
    InputError
        If a shape is not the grid's, or a time lies outside 1678 to 2261.
    """
    mosaic = mosaic_of(
        dbz,
        coverage,
        time=time,
        source=source,
        product=product,
        derived=derived,
        sampling=sampling,
        simulated=simulated,
        grid=grid,
    )
    return mosaic.to_xarray()


def mosaic_of(
    dbz: ArrayLike,
    coverage: ArrayLike,
    *,
    time: np.datetime64 | None,
    source: str,
    grid: Grid = NATIONAL,
    **description: Any,
) -> Mosaic:
    """
    The same as plain arrays.

    Parameters
    ----------
    dbz, coverage, time, source, grid, **description
        As `make_mosaic` takes them.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If a shape is not the grid's.
    """
    values, seen = np.asarray(dbz), np.asarray(coverage, bool)
    for name, array in (("reflectivity", values), ("coverage", seen)):
        if array.shape != grid.shape:
            rows, columns = grid.shape
            raise InputError(
                f"{source}: {name} has shape {array.shape}; the grid is {rows} x {columns} cells."
            )
    seen = seen & ~is_mark(values)
    whole = np.where(seen & (values >= 1), values, 0).astype(np.uint8)
    moment: Any = nanoseconds("NaT" if time is None else time, f"{source}: time")[()]
    # Names of files and texts within files are untrusted, and may have control characters.
    texts = {name: printable(text) for name, text in description.items() if isinstance(text, str)}
    return Mosaic(whole, seen, moment, printable(source), grid=grid, **{**description, **texts})


@lru_cache(maxsize=2)
def grid_lonlat(grid: Grid = NATIONAL) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Longitude and latitude of every cell centre of a grid, computed once.

    Parameters
    ----------
    grid : Grid, optional
        By default the national grid.

    Returns
    -------
    longitude, latitude : ndarray of float64, shape (y, x)
        Degrees east and north; read-only.
    """
    rows, columns = grid.shape
    both = grid.lonlat(np.arange(columns), np.arange(rows)[:, np.newaxis])
    for array in both:
        array.flags.writeable = False
    return both
