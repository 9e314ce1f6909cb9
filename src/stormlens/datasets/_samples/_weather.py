"""One simulated moment: storms on the national grid, and the storm that one radar sees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._simulated import simulate
from stormlens.stormbox import MODES, NATIONAL, SIZE

LATITUDE, LONGITUDE = 38.0, -97.5
"""Of the radar that does not exist: in Kansas, where the grid points north."""

_BEGIN = np.datetime64("2000-06-15T21:00", "ns")
_APART = np.timedelta64(10, "m")
# A storm's family, and the middle of its box: degrees north and east.
_RADAR_STORM = ("QLCS", "trailing stratiform")
_OTHERS = (
    ("Cellular", "supercells", 43.0, -102.0),
    ("QLCS", "bow echo", 40.5, -87.5),
    ("Tropical", "whole cyclone", 29.5, -88.5),
    ("Other", "frontal band", 41.5, -77.5),
    ("Cellular", "broken line", 32.5, -101.5),
)
_TRIES = 40
_RIM = 16  # cells along the edge of a box over which its echo fades out
_FADE = 45.0  # dB
_EAST, _NORTH = 640, 410  # cells from the grid's middle to the end of what the composite covers


@dataclass(frozen=True)
class Weather:
    """
    What the files of a folder show.

    Attributes
    ----------
    dbz : ndarray of uint8, shape (899, 1399)
        On the national grid, row 0 in the south; 0 where there is no echo.
    seen : ndarray of bool, shape (899, 1399)
        What radars cover.
    radar_box : ndarray of uint8, shape (136, 136)
        The storm with the radar in its middle.
    moments : tuple of datetime64
        Of the two volumes; the composite is of the first.
    """

    dbz: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    radar_box: NDArray[np.uint8]
    moments: tuple[np.datetime64, np.datetime64] = (_BEGIN, _BEGIN + _APART)


def simulated_weather(seed: int) -> Weather:
    """
    Storms of several modes at one moment.

    Parameters
    ----------
    seed : int
        0 or more.

    Returns
    -------
    weather : Weather

    Raises
    ------
    InputError
        If the seed is negative.
    """
    dbz = np.zeros(NATIONAL.shape, np.uint8)
    mode, family = _RADAR_STORM
    radar_box = _storm(mode, family, seed)
    _paste(dbz, radar_box, LATITUDE, LONGITUDE)
    for number, (mode, family, latitude, longitude) in enumerate(_OTHERS, 1):
        _paste(dbz, _storm(mode, family, seed + 1000 * number), latitude, longitude)
    north, east = (np.arange(n) - (n - 1) / 2 for n in NATIONAL.shape)
    seen = (east / _EAST) ** 4 + (north[:, np.newaxis] / _NORTH) ** 4 < 1
    return Weather(np.where(seen, dbz, 0).astype(np.uint8), seen, radar_box)


def _storm(mode: str, family: str, seed: int) -> NDArray[np.uint8]:
    """A box of a family as a mosaic of radars without artefacts shows it."""
    codes = np.full(_TRIES, MODES.index(mode))
    boxes = simulate(codes, seed, "test", stream="simulated-wide", one_of=(family,))
    clean = (boxes["network"] == "clean mosaic") & (boxes["product"] == "archive product")
    return boxes["reflectivity"].values[int(np.argmax(clean.values))]


def _paste(
    dbz: NDArray[np.uint8], box: NDArray[np.uint8], latitude: float, longitude: float
) -> None:
    """The higher value of grid and box, which fades out towards its edge."""
    edge = np.minimum(np.arange(SIZE), np.arange(SIZE)[::-1])
    depth = np.minimum.outer(edge, edge)
    faded = box - _FADE * np.clip(1 - depth / _RIM, 0, 1)
    shown = np.where(faded >= 5, faded, 0).astype(np.uint8)
    x, y = (round(float(at)) - SIZE // 2 for at in NATIONAL.cell(longitude, latitude))
    window = dbz[y : y + SIZE, x : x + SIZE]
    np.maximum(window, shown, out=window)
