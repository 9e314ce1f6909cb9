"""
Times as CF writes them: numbers with a unit such as ``seconds since 2011-05-20 10:08:27``.

The reference is read here and not by xarray. In ``2011-05-20T10:08:27 0:00`` the last part is a
time zone, as UDUNITS writes it; pandas, which xarray uses, takes it for the time of day.

Convention: CF 1.12, section 4.4; UDUNITS-2, timestamps.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SECONDS = {
    **dict.fromkeys(("nanosecond", "ns"), 1e-9),
    **dict.fromkeys(("microsecond", "us"), 1e-6),
    **dict.fromkeys(("millisecond", "msec", "ms"), 1e-3),
    **dict.fromkeys(("second", "sec", "s"), 1.0),
    **dict.fromkeys(("minute", "min"), 60.0),
    **dict.fromkeys(("hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("day", "d"), 86400.0),
}
_SINCE = re.compile(
    r"\s*(?P<unit>[a-z]+)\s+since\s+"
    r"(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})|(?P<packed>\d{8}))"
    r"(?:(?:\s*T\s*|\s+)(?:(?P<clock>\d{6})|"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}(?:\.\d*)?))?)?))?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]?\d{1,2}:\d{2}|[+-]\d{1,4})?\s*",
    re.IGNORECASE,
)
_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
_FIRST_YEAR = 1583
"""Before it the standard calendar is the Julian one."""
_EARLIEST, _LATEST = np.datetime64("1678-01-01", "us"), np.datetime64("2262-01-01", "us")
"""What nanoseconds in 64 bits hold."""


def moments(
    values: ArrayLike, units: object, calendar: object = "standard"
) -> NDArray[np.datetime64]:
    """
    UTC of numbers that count from a reference.

    Parameters
    ----------
    values : array_like of float
        Counts; not finite where unknown.
    units : str
        Unit and reference.
    calendar : str, optional
        CF's name of the calendar.

    Returns
    -------
    moments : ndarray of datetime64[ns], of the shape of `values`
        Not-a-time where a count is not finite or leads out of the years 1678 to 2261, and
        for all where unit, reference or calendar is unknown.

    Examples
    --------
    >>> print(moments([0, 90], "seconds since 2011-05-20T10:08:27 0:00").astype("datetime64[s]"))
    ['2011-05-20T10:08:27' '2011-05-20T10:09:57']
    """
    counts = np.asarray(values, np.float64)
    found = _since(units)
    if found is None or str(calendar).strip().lower() not in _CALENDARS:
        return np.full(counts.shape, "NaT", "datetime64[ns]")
    second, reference = found
    seconds = counts * second
    near = np.abs(seconds) < 1e10  # three centuries; false where not finite
    offset = np.rint(np.where(near, seconds, 0) * 1e6).astype("timedelta64[us]")
    moment = np.datetime64(reference, "us") + offset
    near &= (moment >= _EARLIEST) & (moment < _LATEST)
    return np.where(near, moment, np.datetime64("NaT", "us")).astype("datetime64[ns]")


def plain_units(units: Any) -> Any:
    """
    The same unit with its reference in UTC, so that every decoder reads it alike.

    Parameters
    ----------
    units : str
        Unit and reference.

    Returns
    -------
    units : str
        Unchanged if it is not understood.

    Examples
    --------
    >>> print(plain_units("seconds since 2011-05-20T10:08:27 0:00"))
    seconds since 2011-05-20T10:08:27
    """
    found = _since(units)
    return f"{str(units).split()[0]} since {found[1].isoformat()}" if found else units


def _since(units: object) -> tuple[float, datetime] | None:
    """Seconds of the unit, and the reference in UTC without saying so."""
    match = _SINCE.fullmatch(str(units))
    second = match and _SECONDS.get(_singular(match["unit"].lower()))
    if not match or not second:
        return None
    date = match["packed"] or f"{match['year']}{match['month']:0>2}{match['day']:0>2}"
    clock = match["clock"] or "000000"
    hour, minute = match["hour"] or clock[:2], match["minute"] or clock[2:4]
    try:
        midnight = datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    # Added to midnight, since `datetime` refuses the 60th second that a leap second has.
    into = timedelta(
        hours=int(hour), minutes=int(minute), seconds=float(match["second"] or clock[4:])
    )
    if midnight.year < _FIRST_YEAR or into > timedelta(days=1, seconds=1):
        return None
    return second, (midnight + into - _zone(match["zone"])).replace(tzinfo=None)


def _singular(unit: str) -> str:
    return unit[:-1] if unit.endswith("s") and unit not in _SECONDS else unit


def _zone(text: str | None) -> timedelta:
    """How far a zone's clock is ahead of UTC: ``-6:00``, ``+0530``, ``0:00``, ``UTC``."""
    if text is None or text[0].isalpha():
        return timedelta(0)
    digits = text.lstrip("+-")
    # Up to two digits are hours; behind more of them come minutes.
    hours, _, minutes = digits.partition(":")
    if not minutes and len(digits) > 2:
        hours, minutes = digits[:-2], digits[-2:]
    ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -ahead if text.startswith("-") else ahead
