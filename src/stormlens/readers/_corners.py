"""Images on a map projection that are placed by the longitude and latitude of their corners."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._options import Options
from stormlens.readers._projected import import_pyproj, sample_projected
from stormlens.readers._sampling import Read
from stormlens.stormbox import Grid

Floats = NDArray[np.floating]

_CORNERS = ("LL", "UL", "UR", "LR")
_UNITS = (1.0, 1000.0, 0.001)
"""ODIM's scales are in the projection's unit; some write km where that is m, and the other way."""


def sample_cornered(
    read: Read,
    shape: tuple[int, int],
    projection: str,
    corners: Mapping[str, tuple[float, float]],
    scales: tuple[float, float],
    options: Options,
    name: str,
) -> tuple[Floats, NDArray[np.bool_], Grid]:
    """
    Sample an image whose first row is in the north.

    Parameters
    ----------
    read : callable
        What the image has at an index; see `sample_lonlat`.
    shape : tuple of int
        Its rows and columns.
    projection : str
        As PROJ knows it.
    corners : mapping
        Longitude and latitude, degrees, of the outer corners "LL", "UL", "UR" and "LR" (lower,
        upper, left and right); NaN where one is not given.
    scales : tuple of float
        Width and height of a pixel in the projection's unit, or in km or m where it is the other;
        NaN where they are not given.
    options : Options
        Sampling, and the grid.
    name : str
        What errors call the file.

    Returns
    -------
    dbz, coverage : ndarray, shape (y, x)
    grid : Grid
        As `sample_projected` gives them.

    Raises
    ------
    InputError
        If PROJ does not know the projection, corners and scales contradict each other, or as
        `sample_projected`.
    """
    pyproj = import_pyproj()
    try:
        crs = pyproj.CRS.from_user_input(projection)
        to_plane = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    except Exception as error:  # pyproj raises its own errors, and says much
        raise InputError(
            f"{name}: projection {projection[:80]!r} is not one that PROJ knows."
        ) from error
    longitude, latitude = np.array([corners[corner] for corner in _CORNERS], float).T
    x, y = (np.asarray(axis) for axis in to_plane.transform(longitude, latitude))
    rows, columns = shape
    left, right = _edges(x[[0, 1]], x[[2, 3]], scales[0], columns, name)
    bottom, top = _edges(y[[0, 3]], y[[1, 2]], scales[1], rows, name)
    x_axis = left + (right - left) * (np.arange(columns) + 0.5) / columns
    y_axis = top - (top - bottom) * (np.arange(rows) + 0.5) / rows
    return sample_projected(read, x_axis, y_axis, crs, options, name)


def _edges(low: Floats, high: Floats, scale: float, n: int, name: str) -> tuple[float, float]:
    """
    Outer edges of an image along one axis, from its corners.

    Corners are written to a few digits and may be rounded: the scale settles the width where both
    corners of an edge agree with it to a cell.
    """
    first, last = _middle(low), _middle(high)
    width = last - first
    steps = [width / n] if np.isnan(scale) else [unit * scale for unit in _UNITS]
    for step in steps:
        if np.isfinite(width) and step > 0 and abs(width - n * step) <= 2 * step:
            return first, first + n * step
    raise InputError(f"{name}: its corners, size of pixels and projection contradict each other.")


def _middle(sides: Floats) -> float:
    """The mean of what two corners say of one edge, as far as they are given."""
    known = sides[~np.isnan(sides)]
    return float(known.mean()) if known.size else np.nan
