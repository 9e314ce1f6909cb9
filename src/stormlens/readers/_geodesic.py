"""
Shortest ways on the WGS84 ellipsoid: where a place lies from a radar, and where a beam leads.

Formulas: Vincenty (1975), Direct and inverse solutions of geodesics on the ellipsoid with
application of nested equations, Survey Review 23, 88-93. They are exact to a millimetre over
the distances that radars see. They fail to converge only near the opposite side of the earth.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_EQUATOR_M = 6_378_137.0
_FLAT = 1 / 298.257223563
_POLE_M = _EQUATOR_M * (1 - _FLAT)
_ROUNDS = 4
"""Each makes what is left to correct some 300 times smaller, over 1,000 km to a millimetre."""


class _Arc(NamedTuple):
    """A way on the sphere that stands for the ellipsoid: its length and its middle, as angles."""

    sigma: Floats
    sin: Floats
    cos: Floats
    middle: Floats  # cosine of twice the angle from the equator to the middle


def azimuth_and_distance(
    latitude: float, longitude: float, to_latitude: Floats, to_longitude: Floats
) -> tuple[Floats, Floats]:
    """
    Direction and distance of places.

    Parameters
    ----------
    latitude, longitude : float
        Where one stands, degrees north and east.
    to_latitude, to_longitude : ndarray of float
        Places, up to some 10,000 km away.

    Returns
    -------
    azimuth : ndarray of float
        Degrees clockwise from north, from 0 to less than 360.
    distance : ndarray of float
        m.

    Examples
    --------
    >>> azimuth, distance = azimuth_and_distance(35.0, -97.0, np.array([36.0]), np.array([-96.0]))
    >>> print(azimuth.round(3), distance.round(1))
    [38.985] [143321.6]
    """
    (sin_1, cos_1), (sin_2, cos_2) = (
        _reduced(np.deg2rad(north)) for north in (latitude, to_latitude)
    )
    apart = np.deg2rad((to_longitude - longitude + 180) % 360 - 180)
    turn = apart
    for _ in range(_ROUNDS):
        sin_turn, cos_turn = np.sin(turn), np.cos(turn)
        east, north = cos_2 * sin_turn, cos_1 * sin_2 - sin_1 * cos_2 * cos_turn
        sin, cos = np.hypot(east, north), sin_1 * sin_2 + cos_1 * cos_2 * cos_turn
        sin_alpha = _ratio(cos_1 * east, sin)
        square = 1 - sin_alpha**2
        middle = cos - _ratio(2 * sin_1 * sin_2, square)
        arc = _Arc(np.arctan2(sin, cos), sin, cos, middle)
        turn = apart + _eastward(arc, sin_alpha, square)
    scale, b = _series(square)
    distance = _POLE_M * scale * (arc.sigma - _correction(arc, b))
    azimuth = np.rad2deg(np.arctan2(east, north)) % 360
    # The remainder of a direction a hair west of north is rounded to the whole circle.
    return np.where(azimuth < 360, azimuth, 0.0), distance


def destination(
    latitude: float, longitude: float, azimuth: Floats, distance: Floats
) -> tuple[Floats, Floats]:
    """
    Places that lie in given directions at given distances.

    Parameters
    ----------
    latitude, longitude : float
        Where one stands, degrees north and east.
    azimuth : ndarray of float
        Degrees clockwise from north.
    distance : ndarray of float
        m.

    Returns
    -------
    latitude, longitude : ndarray of float
        Degrees north and east, -180 to 180.

    Examples
    --------
    >>> latitude, longitude = destination(35.0, -97.0, np.array([90.0]), np.array([1e5]))
    >>> print(latitude.round(4), longitude.round(4))
    [34.9951] [-95.9046]
    """
    sin_1, cos_1 = _reduced(np.deg2rad(latitude))
    east, north = np.sin(np.deg2rad(azimuth)), np.cos(np.deg2rad(azimuth))
    start = np.arctan2(sin_1, cos_1 * north)
    sin_alpha = cos_1 * east
    square = 1 - sin_alpha**2
    scale, b = _series(square)
    whole = distance / (_POLE_M * scale)
    arc = _arc(whole, start)
    for _ in range(_ROUNDS):
        arc = _arc(whole + _correction(arc, b), start)
    across = sin_1 * arc.sin - cos_1 * arc.cos * north
    parallel = np.arctan2(
        sin_1 * arc.cos + cos_1 * arc.sin * north, (1 - _FLAT) * np.hypot(sin_alpha, across)
    )
    turn = np.arctan2(arc.sin * east, cos_1 * arc.cos - sin_1 * arc.sin * north)
    meridian = longitude + np.rad2deg(turn - _eastward(arc, sin_alpha, square))
    return np.rad2deg(parallel), (meridian + 180) % 360 - 180


def _reduced(latitude: Floats) -> tuple[Floats, Floats]:
    """Sine and cosine of the latitude on the sphere that stands for the ellipsoid."""
    reduced = np.arctan((1 - _FLAT) * np.tan(latitude))
    return np.sin(reduced), np.cos(reduced)


def _arc(sigma: Floats, start: Floats) -> _Arc:
    return _Arc(sigma, np.sin(sigma), np.cos(sigma), np.cos(2 * start + sigma))


def _ratio(a: Floats, b: Floats) -> Floats:
    """0 where both are: a place that is its own, or a way along the equator."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def _eastward(arc: _Arc, sin_alpha: Floats, square: Floats) -> Floats:
    """By how much the turn on the sphere is larger than the one on the ellipsoid."""
    c = _FLAT / 16 * square * (4 + _FLAT * (4 - 3 * square))
    inner = arc.middle + c * arc.cos * (2 * arc.middle**2 - 1)
    return (1 - c) * _FLAT * sin_alpha * (arc.sigma + c * arc.sin * inner)


def _series(square: Floats) -> tuple[Floats, Floats]:
    """Vincenty's A and B."""
    u = square * (_EQUATOR_M**2 - _POLE_M**2) / _POLE_M**2
    a = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u)))
    return a, u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)))


def _correction(arc: _Arc, b: Floats) -> Floats:
    """By how much an arc on the sphere is longer than its distance says."""
    twice = 2 * arc.middle**2 - 1
    third = b / 6 * arc.middle * (4 * arc.sin**2 - 3) * (4 * arc.middle**2 - 3)
    return b * arc.sin * (arc.middle + b / 4 * (arc.cos * twice - third))
