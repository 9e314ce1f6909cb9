"""
The archive's national grid and the storm box cut from it.

Lambert conformal conic tangent at 38.5 N on a sphere, 1399 x 899 cells of
3.75 km centred on 38.5 N 97.5 W. Cells are numbered from 0 at the south-west
corner, x eastward and y northward; a cell's coordinates are its centre's.
Formulas: Snyder (1987), Map Projections: A Working Manual, USGS PP 1395,
section 15 (sphere, one standard parallel).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIZE = 136
"""Pixels along each side of a storm box."""

PIXEL_KM = 3.75
"""Width of a pixel in km."""

MAX_DBZ = 80
"""Highest reflectivity accepted, dBZ; the archive's own maximum is 74."""

ECHO_DBZ = 5
"""Lowest reflectivity that counts as echo, dBZ; the archive's own threshold."""

GRID_SHAPE = (899, 1399)
"""Cells (y, x) of the national grid."""

_RADIUS_M = 6_370_000.0
_CELL_M = PIXEL_KM * 1000.0
_LATITUDE_0 = np.deg2rad(38.5)
_LONGITUDE_0 = -97.5
_CONE = np.sin(_LATITUDE_0)
_F = np.cos(_LATITUDE_0) * np.tan(np.pi / 4 + _LATITUDE_0 / 2) ** _CONE / _CONE
_RHO_0 = _RADIUS_M * _F / np.tan(np.pi / 4 + _LATITUDE_0 / 2) ** _CONE
_CENTRE_X = (GRID_SHAPE[1] - 1) / 2
_CENTRE_Y = (GRID_SHAPE[0] - 1) / 2

GRID_MAPPING = {
    "grid_mapping_name": "lambert_conformal_conic",
    "standard_parallel": 38.5,
    "latitude_of_projection_origin": 38.5,
    "longitude_of_central_meridian": _LONGITUDE_0,
    "earth_radius": _RADIUS_M,
    "false_easting": _CENTRE_X * PIXEL_KM,
    "false_northing": _CENTRE_Y * PIXEL_KM,
}
"""The grid as CF describes one, for axes in km from the centre of the south-western cell."""


def cell_to_lonlat(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Longitude and latitude of grid cells.

    Parameters
    ----------
    x, y : array_like of float
        Cell numbers; fractions lie between cell centres. Shapes broadcast.

    Returns
    -------
    longitude, latitude : ndarray of float64
        Degrees east and north.

    Examples
    --------
    >>> longitude, latitude = cell_to_lonlat(0, 0)
    >>> print(f"{latitude:.4f} {longitude:.4f}")
    20.5092 -121.8110
    """
    east = (np.asarray(x, float) - _CENTRE_X) * _CELL_M
    north = _RHO_0 - (np.asarray(y, float) - _CENTRE_Y) * _CELL_M
    rho = np.hypot(east, north)
    longitude = _LONGITUDE_0 + np.rad2deg(np.arctan2(east, north) / _CONE)
    latitude = np.rad2deg(2 * np.arctan((_RADIUS_M * _F / rho) ** (1 / _CONE)) - np.pi / 2)
    return longitude, latitude


def lonlat_to_cell(
    longitude: ArrayLike, latitude: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Grid cells of places, the inverse of `cell_to_lonlat`.

    Parameters
    ----------
    longitude, latitude : array_like of float
        Degrees east and north. Shapes broadcast.

    Returns
    -------
    x, y : ndarray of float64
        Cell numbers, with fractions; outside the grid where the place is.

    Examples
    --------
    >>> x, y = lonlat_to_cell(-97.5, 38.5)
    >>> print(round(float(x), 6), round(float(y), 6))
    699.0 449.0
    """
    angle = _CONE * np.deg2rad(np.asarray(longitude, float) - _LONGITUDE_0)
    parallel = np.deg2rad(np.asarray(latitude, float))
    with np.errstate(divide="ignore"):  # the South Pole lies infinitely far away
        rho = _RADIUS_M * _F / np.tan(np.pi / 4 + parallel / 2) ** _CONE
    x = rho * np.sin(angle) / _CELL_M + _CENTRE_X
    y = (_RHO_0 - rho * np.cos(angle)) / _CELL_M + _CENTRE_Y
    return x, y


def box_centre(
    xmin: ArrayLike, ymin: ArrayLike, size: int = SIZE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Longitude and latitude of the centre of boxes, from their south-west cell.

    Parameters
    ----------
    xmin, ymin : array_like of int
        First (western, southern) cell of the box.
    size : int, optional
        Cells along a side.

    Returns
    -------
    longitude, latitude : ndarray of float64
        Degrees east and north.
    """
    half = (size - 1) / 2
    return cell_to_lonlat(np.asarray(xmin, float) + half, np.asarray(ymin, float) + half)


def offsets_km(size: int = SIZE) -> NDArray[np.float64]:
    """
    Distance of pixel centres from a box's western (or southern) edge, in km.

    Parameters
    ----------
    size : int, optional
        Pixels along the side.

    Returns
    -------
    km : ndarray of float64, shape (size,)
        1.875, 5.625, ... 508.125 for a storm box.

    Examples
    --------
    >>> print(offsets_km()[[0, -1]])
    [  1.875 508.125]
    """
    return (np.arange(size, dtype=np.float64) + 0.5) * PIXEL_KM
