"""
What all modes share: the day's weather, the box's pixel grid, and how rain falls off.

Reflectivity is painted as float32 dBZ, from far below zero (nothing there) to
about 70. Layers are joined by their maximum, as a column-maximum mosaic joins
the radars' beams. Lengths are in pixels of 3.75 km; angles are compass bearings
in radians, clockwise from north.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._simulated._texture import Field, Textures
from stormlens.stormbox import SIZE

NOTHING = np.float32(-60)
"""dBZ of a pixel in which nothing has been painted."""

_ZEROS = np.zeros((SIZE, SIZE), dtype=np.float32)

_OFFSETS = np.arange(SIZE, dtype=np.float32) - np.float32((SIZE - 1) / 2)


@dataclass(frozen=True)
class Weather:
    """
    What the boxes of one storm day have in common.

    Attributes
    ----------
    downwind : float
        Bearing to which anvils stream.
    calibration : float
        dBZ added to all echo, for radars that read high or low.
    sensitivity : float
        dBZ below which echo is seen only now and then.
    grain : float
        Standard deviation of pixel noise in dBZ.
    clear_air : float
        How far clear-air echo rises over the radars, in dBZ about its usual level.
    specks : float
        Share of pixels with a stray weak echo.
    """

    downwind: float
    calibration: float
    sensitivity: float
    grain: float
    clear_air: float
    specks: float

    @classmethod
    def of_day(cls, rng: np.random.Generator) -> "Weather":
        """
        The weather of a day.

        Parameters
        ----------
        rng : numpy.random.Generator
            The day's own.

        Returns
        -------
        weather : Weather
        """
        return cls(
            downwind=rng.normal(0.95, 0.45),
            calibration=rng.normal(-0.3, 2.0),
            sensitivity=rng.uniform(0.5, 5.0),
            grain=rng.uniform(0.3, 1.4),
            clear_air=rng.normal(-1.0, 6.0),
            specks=10 ** rng.uniform(-2.4, -1.2),
        )


@dataclass(frozen=True)
class Scene:
    """
    A box while it is painted: its random numbers, textures, weather and pixel grid.

    Attributes
    ----------
    rng : numpy.random.Generator
        The box's own.
    textures : Textures
        The noise fields of the seed and split.
    weather : Weather
        The day's.
    east, north : float
        Where the storm's origin lies, in pixels from the box's centre.
    aloft : float
        How much of what only high beams see is in the picture: 1 in a column maximum, less
        in a lowest scan.
    """

    rng: np.random.Generator
    textures: Textures
    weather: Weather
    east: float = 0.0
    north: float = 0.0
    aloft: float = 1.0

    @cached_property
    def x(self) -> Field:
        """Pixels east of the storm's origin, shape (1, 136)."""
        return _OFFSETS[None, :] - np.float32(self.east)

    @cached_property
    def y(self) -> Field:
        """Pixels north of the storm's origin, shape (136, 1)."""
        return _OFFSETS[:, None] - np.float32(self.north)

    def cut(self, kind: str) -> Field:
        """A random window of a texture; see `Textures.cut`."""
        return self.textures.cut(self.rng, kind)

    def bend(self, kind: str, u: Field, v: Field) -> Field:
        """A texture along curved coordinates; see `Textures.bend`."""
        return self.textures.bend(self.rng, kind, u, v)

    def chance(self, probability: float) -> bool:
        """Whether something of the given probability happens."""
        return self.rng.random() < probability

    def warped(self, push: float) -> tuple[Field, Field]:
        """
        The pixel grid pushed about by noise, so that nothing drawn on it is regular.

        Parameters
        ----------
        push : float
            Standard deviation of the push, in pixels; most of it varies over
            some 200 km, some from pixel to pixel.

        Returns
        -------
        x, y : ndarray of float32, shape (136, 136)
        """
        east, north = self.cut("sway"), self.cut("sway")
        # The origin stays where it is: the report is there.
        row, column = (min(max(int(SIZE / 2 + at), 0), SIZE - 1) for at in (self.north, self.east))
        return (
            self.x - push * float(east[row, column]) + push * east,
            self.y - push * float(north[row, column]) + push * north,
        )

    def window(self, west: float, east: float, south: float, north: float) -> tuple[slice, slice]:
        """
        The rows and columns of a rectangle, as far as it lies in the box.

        Parameters
        ----------
        west, east, south, north : float
            Its sides, in pixels from the storm's origin.

        Returns
        -------
        rows, columns : tuple of two slice
        """
        low_y, high_y, low_x, high_x = (
            min(max(int(side + SIZE / 2), 0), SIZE)
            for side in (
                south + self.north,
                north + self.north,
                west + self.east,
                east + self.east,
            )
        )
        return slice(low_y, high_y), slice(low_x, high_x)


def empty() -> Field:
    """A box in which nothing has been painted, shape (136, 136)."""
    return np.full((SIZE, SIZE), NOTHING)


def positive(field: Field) -> Field:
    """
    The larger of each value and 0, four times as fast as NumPy's maximum with a number.

    Parameters
    ----------
    field : ndarray of float32, shape (y, x)
        Up to 136 x 136 values.

    Returns
    -------
    part : ndarray of float32, shape (y, x)
    """
    return np.maximum(field, _ZEROS[: field.shape[0], : field.shape[1]])


def where(seen: NDArray[np.bool_], dbz: Field | float) -> Field:
    """
    Reflectivity where a mask is true and nothing elsewhere, also faster than NumPy's own.

    Parameters
    ----------
    seen : ndarray of bool, shape (y, x)
        The mask.
    dbz : ndarray of float32, shape (y, x), or float
        Reflectivity.

    Returns
    -------
    dbz : ndarray of float32, shape (y, x)
    """
    return seen * np.float32(dbz - NOTHING) + NOTHING


def along_across(x: Any, y: Any, bearing: float) -> tuple[Any, Any]:
    """
    Coordinates along a bearing and to the right of it.

    Parameters
    ----------
    x, y : ndarray of float32
        Pixels east and north.
    bearing : float
        Radians clockwise from north.

    Returns
    -------
    along, across : ndarray of float32
    """
    east, north = float(np.sin(bearing)), float(np.cos(bearing))
    return x * east + y * north, x * north - y * east


def oval(along: Field, across: Field, length: float, width: float) -> Field:
    """
    How deep pixels lie inside an ellipse centred on the origin, in pixels of its width.

    Parameters
    ----------
    along, across : ndarray of float32
        Coordinates along its axes.
    length, width : float
        Its half axes.

    Returns
    -------
    depth : ndarray of float32
        `width` in the middle, 0 on the rim, negative outside.
    """
    scaled = along * (width / length)
    return width - np.sqrt(scaled * scaled + across * across)


def tempered(dbz: Field, knee: float) -> Field:
    """
    Reflectivity with its excess over `knee` dBZ halved, as each kind of storm has its ceiling.

    Parameters
    ----------
    dbz : ndarray of float32
        What has been painted.
    knee : float
        dBZ from which it rises half as fast.

    Returns
    -------
    dbz : ndarray of float32
    """
    return np.minimum(dbz, 0.5 * dbz + 0.5 * knee)


def shield(depth: Field, level: Field | float, width: float, edge: float = 10.0) -> Field:
    """
    A sheet of rain or anvil: `edge` dBZ at its rim, nearing `level` further in.

    Parameters
    ----------
    depth : ndarray of float32
        Pixels inside the rim; negative outside, where echo falls by 3 dBZ a pixel.
    level : ndarray of float32 or float
        dBZ deep inside.
    width : float
        Pixels over which echo rises from rim to level.
    edge : float, optional
        dBZ at the rim.

    Returns
    -------
    dbz : ndarray of float32
    """
    within = positive(depth)
    inside = within * (1 / width)
    dbz = level - (level - edge) / (inside * inside + inside + 1)
    dbz += 3 * (depth - within)
    return dbz
