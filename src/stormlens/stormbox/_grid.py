"""
The planes that storm boxes are cut from: the archive's national grid, and others like it.

Each is a Lambert conformal conic projection of a sphere, tangent at its centre, in
cells of 3.75 km. Cells are numbered from 0 at the south-west corner, x eastward
and y northward; a cell's coordinates are its centre's.
Formulas: Snyder (1987), Map Projections: A Working Manual, USGS PP 1395,
section 15 (sphere, one standard parallel).
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.errors import InputError

SIZE = 136
"""Pixels along each side of a storm box."""

PIXEL_KM = 3.75
"""Width of a pixel in km."""

MAX_DBZ = 80
"""Highest reflectivity accepted, dBZ; the archive's own maximum is 74."""

ECHO_DBZ = 5
"""Lowest reflectivity that counts as echo, dBZ; the archive's own threshold."""

_RADIUS_M = 6_370_000.0
_CELL_M = PIXEL_KM * 1000.0
_NATIONAL = "national"
_NAME = re.compile(r"(\d\d\.\d\d)([NS])-(\d\d\d\.\d\d)([EW])-(\d{1,4})x(\d{1,4})")
_MOST_CELLS = 2001
"""Along a side: 3,750 km to either side of the centre, where a cell spans 2.9 to 3.7 km."""

_DEGREE, _KM = 'ANGLEUNIT["degree",0.0174532925199433]', 'LENGTHUNIT["kilometre",1000]'
_WKT = (
    'PROJCRS["{0}",BASEGEOGCRS["sphere",DATUM["sphere",ELLIPSOID["sphere",{1},0,'
    f'LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,{_DEGREE}]],'
    'CONVERSION["Lambert",METHOD["Lambert Conic Conformal (1SP)",ID["EPSG",9801]],'
    f'PARAMETER["Latitude of natural origin",{{2}},{_DEGREE},ID["EPSG",8801]],'
    f'PARAMETER["Longitude of natural origin",{{3}},{_DEGREE},ID["EPSG",8802]],'
    'PARAMETER["Scale factor at natural origin",1,SCALEUNIT["unity",1],ID["EPSG",8805]],'
    f'PARAMETER["False easting",{{4}},{_KM},ID["EPSG",8806]],'
    f'PARAMETER["False northing",{{5}},{_KM},ID["EPSG",8807]]],'
    f'CS[Cartesian,2],AXIS["easting",east,ORDER[1],{_KM}],AXIS["northing",north,ORDER[2],{_KM}]]'
)
"""Well-known text of a grid, ISO 19162:2019."""


@dataclass(frozen=True)
class Grid:
    """
    A plane of 3.75 km cells.

    Attributes
    ----------
    latitude, longitude : float
        Centre, degrees north and east, where the cone touches the earth. Of grids other than
        the national one to a hundredth, so that `name` says all; the latitude lies within 89
        degrees, and is not 0, where the cone becomes a cylinder.
    shape : tuple of int
        Cells (y, x).

    Examples
    --------
    >>> here = Grid(52.1, 5.18, (401, 401))
    >>> here.name, Grid.named("52.10N-005.18E-401x401") == here
    ('52.10N-005.18E-401x401', True)
    """

    latitude: float
    longitude: float
    shape: tuple[int, int]

    @classmethod
    def around(cls, latitude: float, longitude: float, half: tuple[int, int]) -> "Grid":
        """
        A grid of its own for a radar or a composite.

        Parameters
        ----------
        latitude, longitude : float
            Centre, degrees north and east, any number of turns; rounded to a hundredth.
        half : tuple of int
            Cells (y, x) on either side of the central one, at most 1,000.

        Returns
        -------
        grid : Grid
        """
        north = round(float(np.clip(latitude, -89, 89)), 2) or 0.01
        east = round(float((longitude + 180) % 360 - 180), 2)
        rows, columns = (min(2 * cells + 1, _MOST_CELLS) for cells in half)
        return cls(north, -180.0 if east == 180 else east + 0.0, (rows, columns))

    @classmethod
    def named(cls, name: str) -> "Grid":
        """
        The grid of a name.

        Parameters
        ----------
        name : str
            As `name` gives it.

        Returns
        -------
        grid : Grid

        Raises
        ------
        InputError
            If no grid is called so.
        """
        if name == _NATIONAL:
            return NATIONAL
        found = _NAME.fullmatch(name)
        if found:
            north, south, east, west, rows, columns = found.groups()
            latitude = float(north) * (1 if south == "N" else -1)
            longitude = float(east) * (1 if west == "E" else -1)
            shape = int(rows), int(columns)
            fits = 0 < abs(latitude) <= 89 and -180 <= longitude < 180
            if fits and all(0 < cells <= _MOST_CELLS for cells in shape):
                return cls(latitude, longitude, shape)
        raise InputError(
            f"{name!r} is no grid; grids are called {_NATIONAL}, or by centre and cells, such as "
            "52.10N-005.18E-401x401."
        )

    @property
    def name(self) -> str:
        """The name that no other grid has."""
        if self == NATIONAL:
            return _NATIONAL
        rows, columns = self.shape
        north, east = "N" if self.latitude > 0 else "S", "E" if self.longitude >= 0 else "W"
        place = f"{abs(self.latitude):05.2f}{north}-{abs(self.longitude):06.2f}{east}"
        return f"{place}-{rows}x{columns}"

    @property
    def mapping(self) -> dict[str, str | float]:
        """The grid as CF describes one, for axes in km from the south-western cell's centre."""
        y, x = self._centre
        return {
            "grid_mapping_name": "lambert_conformal_conic",
            "standard_parallel": self.latitude,
            "latitude_of_projection_origin": self.latitude,
            "longitude_of_central_meridian": self.longitude,
            "earth_radius": _RADIUS_M,
            "false_easting": x * PIXEL_KM,
            "false_northing": y * PIXEL_KM,
        }

    @property
    def wkt(self) -> str:
        """
        The same as well-known text, CF's `crs_wkt`.

        Many take CF's false easting, which is in the unit of the axes, for metres.
        """
        y, x = (PIXEL_KM * cells for cells in self._centre)
        return _WKT.format(self.name, _RADIUS_M, self.latitude, self.longitude, x, y)

    @property
    def _centre(self) -> tuple[float, float]:
        """Cell numbers (y, x) of the centre."""
        return (self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2

    @cached_property
    def _cone(self) -> tuple[float, float, float]:
        """Snyder's n, R F and rho of the centre; south of the equator all are negative."""
        parallel = np.deg2rad(self.latitude)
        n = np.sin(parallel)
        stretched = np.tan(np.pi / 4 + parallel / 2) ** n
        radius = _RADIUS_M * np.cos(parallel) * stretched / n
        return float(n), float(radius), float(radius / stretched)

    def lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """
        Longitude and latitude of cells.

        Parameters
        ----------
        x, y : array_like of float
            Cell numbers; fractions lie between cell centres. Shapes broadcast.

        Returns
        -------
        longitude, latitude : ndarray of float64
            Degrees east, -180 to 180, and north.

        Examples
        --------
        >>> longitude, latitude = NATIONAL.lonlat(0, 0)
        >>> print(f"{latitude:.4f} {longitude:.4f}")
        20.5092 -121.8110
        """
        n, radius, of_centre = self._cone
        centre_y, centre_x = self._centre
        side = np.sign(n)
        east = side * (np.asarray(x, float) - centre_x) * _CELL_M
        north = side * (of_centre - (np.asarray(y, float) - centre_y) * _CELL_M)
        longitude = self.longitude + np.rad2deg(np.arctan2(east, north) / n)
        rho = side * np.hypot(east, north)
        with np.errstate(divide="ignore"):  # the pole itself
            latitude = np.rad2deg(2 * np.arctan((radius / rho) ** (1 / n)) - np.pi / 2)
        return np.where(np.abs(longitude) <= 180, longitude, _turned(longitude)), latitude

    def cell(
        self, longitude: ArrayLike, latitude: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """
        Cells of places, the inverse of `lonlat`.

        Parameters
        ----------
        longitude, latitude : array_like of float
            Degrees east, any number of turns, and north. Shapes broadcast.

        Returns
        -------
        x, y : ndarray of float64
            Cell numbers, with fractions; outside the grid where the place is.

        Examples
        --------
        >>> x, y = NATIONAL.cell([-97.5, 262.5], 38.5)
        >>> print(x.round(6), y.round(6))
        [699. 699.] [449. 449.]
        """
        n, radius, of_centre = self._cone
        centre_y, centre_x = self._centre
        angle = n * np.deg2rad(_turned(np.asarray(longitude, float) - self.longitude))
        parallel = np.deg2rad(np.asarray(latitude, float))
        with np.errstate(divide="ignore"):  # the far pole lies infinitely far away
            rho = radius / np.tan(np.pi / 4 + parallel / 2) ** n
        x = rho * np.sin(angle) / _CELL_M + centre_x
        y = (of_centre - rho * np.cos(angle)) / _CELL_M + centre_y
        return x, y

    def holds(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """
        Whether places lie on the grid.

        Parameters
        ----------
        x, y : array_like of float
            Cell numbers, with fractions.

        Returns
        -------
        holds : ndarray of bool
        """
        (rows, columns), x, y = self.shape, np.asarray(x, float), np.asarray(y, float)
        return (x >= -0.5) & (x < columns - 0.5) & (y >= -0.5) & (y < rows - 0.5)

    def box_centre(
        self, xmin: ArrayLike, ymin: ArrayLike, size: int = SIZE
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
        return self.lonlat(np.asarray(xmin, float) + half, np.asarray(ymin, float) + half)


NATIONAL = Grid(38.5, -97.5, (899, 1399))
"""The archive's own: the contiguous United States."""


def _turned(longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same meridians, from -180 to less than 180."""
    return (longitude + 180) % 360 - 180


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
