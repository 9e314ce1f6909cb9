"""The regions of a climatology: rectangles of latitude and longitude over the United States."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Region:
    """
    A rectangle; its southern and western edges belong to it.

    Attributes
    ----------
    name : str
        As people say.
    south, north, west, east : float
        Edges, degrees north and east.
    """

    name: str
    south: float
    north: float
    west: float
    east: float


REGIONS = (
    Region("Northwest", 42, 50, -125, -104),
    Region("Southwest", 31, 42, -125, -104),
    Region("Northern Plains", 42, 50, -104, -95),
    Region("Central Plains", 36, 42, -104, -95),
    Region("Southern Plains", 25, 36, -104, -95),
    Region("Midwest", 38, 50, -95, -82),
    Region("Lower Mississippi", 28, 38, -95, -88),
    Region("Southeast", 31, 38, -88, -75),
    Region("Florida", 24, 31, -88, -79),
    Region("Northeast", 38, 48, -82, -66),
)
"""Rectangles that do not overlap; what lies in none of them is elsewhere."""

ELSEWHERE = "elsewhere"
"""Name of what lies in no region, or is of unknown place."""


def region_numbers(latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.intp]:
    """
    Which region places lie in.

    Parameters
    ----------
    latitude, longitude : array_like of float, shape (...)
        Degrees north and east; NaN where unknown.

    Returns
    -------
    numbers : ndarray of int, shape (...)
        Places in `REGIONS`; ``len(REGIONS)`` elsewhere and where unknown.

    Examples
    --------
    >>> REGIONS[region_numbers(35.2, -97.4)].name
    'Southern Plains'
    """
    north, east = np.asarray(latitude, float), np.asarray(longitude, float)
    inside = [
        (north >= r.south) & (north < r.north) & (east >= r.west) & (east < r.east) for r in REGIONS
    ]
    return np.select(inside, np.arange(len(REGIONS)), len(REGIONS))
