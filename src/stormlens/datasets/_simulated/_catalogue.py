"""When and where simulated boxes stand: split years, shared storm days, plausible places."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormlens.stormbox import NATIONAL, SIZE, SPLIT_YEARS

NEW_DAY = 0.45
"""Chance that a box opens a new storm day of its mode: 300 boxes hold some 135 days."""

# By mode: months of most storms (mean, spread), mean hour UTC and its spread,
# and (longitude, latitude, spread east, spread north) of the regions they favour.
_SEASON = ((5.0, 1.3), (5.5, 2.0), (9.0, 1.0), (5.0, 2.5), (7.0, 2.0), (6.0, 2.0))
_HOUR = ((23.0, 2.5), (3.0, 5.0), (19.0, 5.0), (21.0, 5.0), (4.0, 5.0), (22.0, 5.0))
_PLAINS_AND_SOUTH = ((-98.0, 36.5, 3.5, 4.0), (-89.0, 35.0, 4.0, 3.0))
_EAST = ((-96.0, 37.0, 4.0, 3.5), (-86.0, 36.0, 4.0, 3.5))
_COAST = ((-81.5, 28.0, 0.8, 1.5), (-90.0, 30.5, 3.0, 0.7), (-78.0, 34.5, 1.2, 1.0))
_REGIONS = (_PLAINS_AND_SOUTH, _EAST, _COAST, _EAST, _EAST, _EAST)


@dataclass(frozen=True)
class StormDay:
    """
    Date and place that boxes of one storm share.

    Attributes
    ----------
    date : datetime64[D]
        UTC.
    hour : float
        Mean hour of its reports, UTC.
    longitude, latitude : float
        Where its storms are, degrees.
    """

    date: np.datetime64
    hour: float
    longitude: float
    latitude: float


def storm_day(rng: np.random.Generator, split: str, code: int) -> StormDay:
    """
    A day of the split's years, in the season and the region of a mode.

    Parameters
    ----------
    rng : numpy.random.Generator
        The day's own.
    split : str
        One of ``stormbox.SPLITS``.
    code : int
        The mode's.

    Returns
    -------
    day : StormDay
    """
    year = int(rng.choice(np.asarray(SPLIT_YEARS[split])))
    mean, spread = _SEASON[code]
    day_of_year = round((rng.normal(mean, spread) - 0.5) * 30.4) % 365
    mean, spread = _HOUR[code]
    regions = _REGIONS[code]
    longitude, latitude, east, north = regions[int(rng.integers(len(regions)))]
    return StormDay(
        date=np.datetime64(f"{year}-01-01", "D") + np.timedelta64(day_of_year, "D"),
        hour=rng.normal(mean, spread) % 24,
        longitude=longitude + east * rng.normal(),
        latitude=latitude + north * rng.normal(),
    )


def report(rng: np.random.Generator, day: StormDay) -> tuple[np.datetime64, float, float]:
    """
    Time and place of one box's report.

    Parameters
    ----------
    rng : numpy.random.Generator
        The box's own.
    day : StormDay
        Its day.

    Returns
    -------
    time : datetime64[m]
        UTC, within the day.
    longitude, latitude : float
        Degrees.
    """
    minute = min(max(int(60 * (day.hour + rng.normal(0, 1.5))), 0), 1439)
    longitude, latitude = day.longitude + rng.normal(0, 1.0), day.latitude + rng.normal(0, 0.8)
    return day.date.astype("datetime64[m]") + np.timedelta64(minute, "m"), longitude, latitude


def box_centres(
    longitude: list[float], latitude: list[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Centres of the boxes around reports, which consist of whole cells of the archive's grid.

    Parameters
    ----------
    longitude, latitude : list of float
        Of the reports, in degrees.

    Returns
    -------
    longitude, latitude : ndarray of float64
        Degrees.
    """
    x, y = NATIONAL.cell(longitude, latitude)
    height, width = NATIONAL.shape
    xmin = np.clip(np.round(x - SIZE / 2), 0, width - SIZE)
    ymin = np.clip(np.round(y - SIZE / 2), 0, height - SIZE)
    return NATIONAL.box_centre(xmin, ymin)
