"""
Convective and stratiform echo, after Steiner, Houze and Yuter (1995).

An echo is a convective centre where it is strong, or stands out from the mean of its
surroundings; what lies near a centre is convective with it, and all other echo is stratiform.
Their pixels are 2 km wide and ours 3.75 km, so the radii, which are in km, cover fewer pixels: the
11 km of the background are the 5 x 5 pixels around one, and of the convective radii of 1 to 5 km
only the last two reach a pixel's four neighbours.
"""

import numpy as np
from numpy.typing import NDArray

from stormlens.features._around import disk, shifted, sum_around
from stormlens.stormbox import ECHO_DBZ, MAX_DBZ, PIXEL_KM

_CENTRE_DBZ = 40.0
_BACKGROUND_KM = 11.0
_STEP_DBZ = 25.0  # of the background, from which the convective radius grows
_LARGEST_KM = 5

_POWER = 10.0 ** (np.arange(256) / 10.0)  # mm6 m-3 of each whole dBZ
_POWER[:ECHO_DBZ] = 0.0


def convective(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """
    Where echo is convective; the echo that is not is stratiform.

    Echo is 5 dBZ or more. With the mean Zb of the reflectivity, in mm6 m-3, of all echo
    within 11 km (5 x 5 pixels, as far as they lie in the image), an echo of Z dBZ is a
    convective centre if Z is 40 or more, or exceeds Zb by 10 - Zb^2 / 180 or more (by 0
    from Zb = 42.43). Echo within 1 km of a centre with Zb below 25 dBZ, 2 km below 30, 3
    below 35, 4 below 40 and 5 km above is convective: the paper's medium relation [1]_.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, rows, columns)
        Whole dBZ.

    Returns
    -------
    convective : ndarray of bool, shape (N, rows, columns)
        False where there is no echo.

    References
    ----------
    .. [1] Steiner, Houze and Yuter (1995), Climatological characterization of three-dimensional
       storm structure from operational radar and rain gauge data, J. Appl. Meteor. 34, 1978-2007.

    Examples
    --------
    >>> box = np.full((1, 136, 136), 30, np.uint8)  # even, wide rain
    >>> box[0, 60, 60] = 45
    >>> int(convective(box).sum())
    1
    """
    echo = images >= ECHO_DBZ
    background = _background(images, echo)
    excess = np.maximum(10.0 - background * background / 180.0, 0.0)
    centre = echo & ((images >= _CENTRE_DBZ) | (images - background >= excess))
    kilometres = np.clip(np.floor((background - _STEP_DBZ) / 5.0) + 2.0, 1, _LARGEST_KM)
    found = centre.copy()
    reached = 1  # pixels of the largest disk used so far
    for radius in range(1, _LARGEST_KM + 1):
        offsets = disk(radius / PIXEL_KM)
        if len(offsets) > reached:  # else the disk has the same pixels as the one before
            reached = len(offsets)
            for here, neighbours in shifted(centre & (kilometres >= radius), offsets):
                found[here] |= neighbours
    return found & echo


def _background(images: NDArray[np.uint8], echo: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean reflectivity of the echo around each pixel, dBZ; the highest one where there is none."""
    radius = _BACKGROUND_KM / PIXEL_KM
    total = sum_around(_POWER[images], radius)
    count = sum_around(echo.view(np.uint8), radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        background = 10.0 * np.log10(total / count)
    return np.where(count > 0, background, float(MAX_DBZ))
