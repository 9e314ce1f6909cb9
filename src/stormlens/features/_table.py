"""The table of features: the name, meaning, unit and range of each."""

import math
from dataclasses import dataclass
from functools import cache

from stormlens.stormbox import ECHO_DBZ, MAX_DBZ, PIXEL_KM, SIZE

TABLE_VERSION = 1
"""Increased whenever a feature is added, removed or computed in another way; models record it."""

AREA_DBZ = (20, 30, 40, 50, 60)
"""Reflectivities from which echo areas are measured."""

CORE_DBZ = 40
"""Lowest reflectivity of a core, the archive's own for convection."""

LINK_KM = 12.0
"""By how much cores are widened to find which of them make one line."""

BEND_KM = 20.0
"""Length that a core must have for its axis to be said to bend."""

HARD_DBZ = 20
"""Lowest reflectivity that makes a hard edge with a neighbour that is exactly zero."""

RANGE_KM = (45.0, 480.0)
"""Radii of the circles that a hard edge may lie along; weather radars see 460 km at most."""


@dataclass(frozen=True)
class Feature:
    """
    One column of the table.

    Attributes
    ----------
    name : str
        By which `measure` calls it.
    unit : str
        "1" for a share or a ratio.
    meaning : str
        One sentence, with the value of a box that has nothing to be measured.
    low, high : float
        Between which it lies for a storm box of 136 x 136 pixels.
    """

    name: str
    unit: str
    meaning: str
    low: float
    high: float


@cache
def describe() -> tuple[Feature, ...]:
    """
    The features, in the order of the table.

    Returns
    -------
    features : tuple of Feature

    Examples
    --------
    >>> [feature.name for feature in describe()][:3]
    ['zero_share', 'echo_share', 'area_20']
    """
    side = SIZE * PIXEL_KM
    diagonal = math.hypot(side, side)
    areas = (
        Feature(
            f"area_{dbz}",
            "km2",
            f"Area of all pixels of {dbz} dBZ or more.",
            0.0,
            side * side,
        )
        for dbz in AREA_DBZ
    )
    return (
        Feature("zero_share", "1", "Share of pixels that are exactly 0.", 0.0, 1.0),
        Feature("echo_share", "1", f"Share of pixels of {ECHO_DBZ} dBZ or more.", 0.0, 1.0),
        *areas,
        Feature("highest", "dBZ", "Highest reflectivity; 0 in a blank box.", 0.0, MAX_DBZ),
        Feature("mean_echo", "dBZ", "Mean of the echo's whole dBZ; 0 without echo.", 0.0, MAX_DBZ),
        Feature(
            "spread_echo",
            "dBZ",
            "Standard deviation of the echo's whole dBZ; 0 without echo.",
            0.0,
            MAX_DBZ / 2,
        ),
        Feature(
            "stratiform_share",
            "1",
            "Share of the echo that is stratiform by Steiner et al. (1995); 0 without echo.",
            0.0,
            1.0,
        ),
        Feature(
            "core_count",
            "1",
            f"How many cores there are: pixels of {CORE_DBZ} dBZ or more that touch, also by "
            "corners.",
            0.0,
            (SIZE / 2) ** 2,
        ),
        Feature("core_area", "km2", "Area of the largest core; 0 without one.", 0.0, side * side),
        Feature(
            "core_share",
            "1",
            "Share of all cores' area that the largest has; 0 without one.",
            0.0,
            1.0,
        ),
        Feature(
            "core_length",
            "km",
            "Major axis of the ellipse with the largest core's second moments; 0 without one.",
            0.0,
            2 * diagonal,
        ),
        Feature("core_width", "km", "Minor axis of that ellipse; 0 without a core.", 0.0, 2 * side),
        Feature(
            "core_elongation",
            "1",
            "1 - width / length of the largest core: 0 for a disk, near 1 for a line; 0 without "
            "a core.",
            0.0,
            1.0,
        ),
        Feature(
            "core_sin2",
            "1",
            "Sine of twice the angle of the major axis, from east towards north: 1 for "
            "south-west to north-east; 0 without a core, or where no axis is the major one.",
            -1.0,
            1.0,
        ),
        Feature(
            "core_cos2",
            "1",
            "Cosine of twice that angle: 1 for west to east, -1 for south to north; 0 likewise.",
            -1.0,
            1.0,
        ),
        Feature(
            "core_curvature",
            "1/km",
            "Curvature of the parabola fitted to the largest core along its major axis, the "
            f"inverse of the bend's radius; 0 for a core shorter than {BEND_KM:.0f} km.",
            0.0,
            1.0,
        ),
        Feature(
            "core_solidity",
            "1",
            "Area of the largest core over that of its convex hull; 0 without a core.",
            0.0,
            1.0,
        ),
        Feature(
            "core_distance",
            "km",
            "From the box's centre to the largest core's centroid; without a core half the "
            "diagonal, as far as one could be.",
            0.0,
            diagonal / 2,
        ),
        Feature(
            "line_length",
            "km",
            "Greatest extent of cores that make one line, each within some "
            f"{2 * LINK_KM:.0f} km of the next; 0 without a core.",
            0.0,
            diagonal + 2 * PIXEL_KM,
        ),
        Feature(
            "line_width",
            "km",
            "Area of the cores of that line over its length; 0 without a core.",
            0.0,
            side,
        ),
        Feature(
            "roughness",
            "dBZ",
            "Mean absolute difference between echoes side by side; 0 where there are no two.",
            0.0,
            float(MAX_DBZ - ECHO_DBZ),
        ),
        Feature(
            "speckle_share",
            "1",
            "Share of the echo's pixels with at most two echoes among their eight neighbours; 0 "
            "without echo.",
            0.0,
            1.0,
        ),
        Feature(
            "spectral_slope",
            "1",
            "Slope of the logarithm of power against that of the wavenumber, from half the box "
            "to four pixels; 0 where all pixels are equal.",
            -12.0,
            12.0,
        ),
        Feature(
            "straight_edge",
            "1",
            f"Length of the longest straight hard edge, where {HARD_DBZ} dBZ or more are beside an "
            "exact zero, over the box's side, less what chance would lay there among specks; 0 "
            "where hard edges have under 12 pixel sides.",
            0.0,
            math.sqrt(2),
        ),
        Feature(
            "circular_edge",
            "1",
            "The same of the longest hard edge along one circle, of a radius from "
            f"{RANGE_KM[0]:.0f} to {RANGE_KM[1]:.0f} km.",
            0.0,
            math.pi,
        ),
    )
