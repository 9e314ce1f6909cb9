"""
Tables of storm reports: somebody's own, and the Storm Prediction Center's as they are.

The center's daily files (``YYMMDD_rpts_torn.csv``, ``_hail``, ``_wind`` and all three in
``YYMMDD_rpts.csv``, raw and filtered) write the time as HHMM UTC of a day that runs from 12 to
12 UTC, and three headers in one file; comments hold commas (www.spc.noaa.gov/climo/reports).
Its database (``1950-2023_torn.csv`` and the like) writes date, time and tz, 3 for Central
Standard Time and 9 for GMT (www.spc.noaa.gov/wcm/data/SPC_severe_database_description.pdf).
"""

import csv
import io
import re
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.storage import read_file
from stormlens.stormbox import nanoseconds, says_hour

if TYPE_CHECKING:
    import pandas as pd

# The first of each that a table has is taken: plain names, then those of the Storm Prediction
# Center's tables as the archive ships them.
_COLUMNS = {
    "latitude": ("latitude", "lat", "slat"),
    "longitude": ("longitude", "lon", "slon"),
    "time": ("date_utc", "time", "report_time"),
}
_IDENTIFIERS = ("unid", "uid")
_DEGREES = {"latitude": 90, "longitude": 360}

_DAILY_NAME = re.compile(r"(\d{6})_rpts", re.IGNORECASE)
_DAILY_HEADER = re.compile(r"\s*time,(f_scale|speed|size),", re.IGNORECASE)
_DAILY_FIELDS = 8  # Time, F_Scale or Speed or Size, Location, County, State, Lat, Lon, Comments
_HHMM = r"\d{1,4}"
_NOON = 1200

_DATABASE = {"date", "time", "tz"}
_HOURS_TO_UTC = {3: 6, 9: 0}
"""Hours to add to the center's times, by its code of the time zone; others are unknown."""

_MAX_BYTES = 2**26
"""Of a table; the database's largest, of all wind since 1955, holds 54 million."""

_MAX_COLUMNS = 1000


def read_reports(path: str | Path, day: str | date | None = None) -> "pd.DataFrame":
    """
    Read a report table or a track from a CSV file.

    Parameters
    ----------
    path : str or Path
        Columns as for `at_reports`, in any order and case, among others; or one of the Storm
        Prediction Center's files: daily reports of one hazard or of all three, raw or
        filtered, and the tables of its severe weather database.
    day : str or date, optional
        ``"2011-04-27"``: where times are written HHMM, as in daily reports, the day that runs
        from 12 UTC on that date to 12 UTC on the next. A daily file's own name says it.

    Returns
    -------
    table : pandas.DataFrame
        `latitude`, `longitude` (degrees), `time` (UTC) and, where the file has it, `unid`. Where
        reports of unknown time zone were left out, ``attrs["note"]`` says how many.

    Raises
    ------
    InputError
        If the file is missing or no table, a column is missing or holds what it cannot, a time
        is less than a date and an hour, or a day is missing, wrong or decides nothing.
    """
    import pandas as pd

    text = _text(path)
    try:
        table = _daily(text) if _DAILY_HEADER.match(text) else _plain(text)
        given = None if day is None else _day(day)
        named = _DAILY_NAME.match(Path(path).name)
        read_day = given or (_named_day(named[1]) if named else None)
        north, east, times = places_and_times(table, read_day)
        if given is not None and len(table) and not _without_date(table).any():
            raise InputError("times have dates of their own; a day decides nothing here.")
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    names = identifiers(table)
    read = {"latitude": north, "longitude": east, "time": times}
    reports = pd.DataFrame(read if names is None else {"unid": names, **read})
    unknown = int(np.isnat(times).sum())
    if unknown:
        reports = reports[~np.isnat(times)].reset_index(drop=True)
        reports.attrs["note"] = (
            f"{path}: {unknown} of {len(times)} reports are of an unknown time zone and left out."
        )
    return reports


def places_and_times(
    table: "pd.DataFrame", day: date | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.datetime64]]:
    """
    Latitude, longitude and UTC time of a table, checked.

    Parameters
    ----------
    table : pandas.DataFrame
        As `at_reports` takes it.
    day : date, optional
        What times written HHMM are of.

    Returns
    -------
    latitude, longitude : ndarray of float64
        Degrees.
    time : ndarray of datetime64[ns]
        NaT in the Storm Prediction Center's database where the time zone is unknown.

    Raises
    ------
    InputError
        If a column is missing or holds what it cannot.
    """
    north, east = (
        degrees(table[_column(table, name)].to_numpy(), name) for name in ("latitude", "longitude")
    )
    names = _by_folded_name(table)
    if "date_utc" not in names and names.keys() >= _DATABASE:
        return north, east, _database_times(*(table[names[n]] for n in ("date", "time", "tz")))
    return north, east, _times(table[_column(table, "time")], day)


def degrees(values: Any, name: str) -> NDArray[np.float64]:
    """
    Degrees of latitude or longitude, one a place.

    Parameters
    ----------
    values : array_like of float
        North or east.
    name : {"latitude", "longitude"}
        Which of them.

    Returns
    -------
    degrees : ndarray of float64, shape (place,)

    Raises
    ------
    InputError
        If one is no number, or out of bounds.
    """
    try:
        found = np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds what are no degrees ({error}).") from error
    wrong = ~(np.abs(found) <= _DEGREES[name])
    if found.ndim != 1 or wrong.any():
        strange = found[wrong][0] if found.ndim == 1 else f"an array of {found.shape}"
        raise InputError(f"{name} holds {strange}; give degrees, one a place.")
    return found


def identifiers(table: "pd.DataFrame") -> NDArray[Any] | None:
    """
    Names of a table's reports.

    Parameters
    ----------
    table : pandas.DataFrame
        Any.

    Returns
    -------
    names : ndarray of str, or None
        Of its index or column called unid or uid, where it has one.
    """
    for name in _IDENTIFIERS:
        if table.index.name == name:
            return table.index.to_numpy(str)
        if name in table:
            return table[name].to_numpy(str)
    return None


def _text(path: str | Path) -> str:
    content = read_file(path, _MAX_BYTES)
    if b"\0" in content:
        raise InputError(f"{path} cannot be read as a CSV table (it is no text in UTF-8).")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # any byte is a letter there, as in old comments


def _plain(text: str) -> "pd.DataFrame":
    import pandas as pd

    if text.partition("\n")[0].count(",") > _MAX_COLUMNS:  # each costs pandas some kilobytes
        raise InputError(f"the table has more than {_MAX_COLUMNS} columns.")
    try:
        return pd.read_csv(io.StringIO(text), dtype=str)
    except (ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"cannot be read as a CSV table ({reason}).") from error


def _daily(text: str) -> "pd.DataFrame":
    """Daily reports, line by line: a comment may hold commas and a single quotation mark."""
    import pandas as pd

    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or _DAILY_HEADER.match(line):
            continue
        try:
            fields = next(csv.reader([line]))
        except csv.Error as error:
            raise InputError(f"line {number} cannot be read ({error}).") from error
        if len(fields) < _DAILY_FIELDS:
            raise InputError(
                f"line {number} has {len(fields)} fields where daily reports have "
                f"{_DAILY_FIELDS}; the file is cut short or was changed."
            )
        rows.append((fields[0].strip(), fields[5], fields[6]))
    return pd.DataFrame(rows, columns=["time", "lat", "lon"], dtype=str)


def _day(value: str | date) -> date:
    try:
        return value if isinstance(value, date) else datetime.strptime(value, "%Y-%m-%d").date()
    except (TypeError, ValueError) as error:
        raise InputError(f"{value!r} is no day; write YYYY-MM-DD: 2011-04-27.") from error


def _named_day(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%y%m%d").date()
    except ValueError:
        return None


def _by_folded_name(table: "pd.DataFrame") -> dict[str, Any]:
    return {str(name).strip().casefold(): name for name in table.columns}


def _column(table: "pd.DataFrame", wanted: str) -> Any:
    """Name of the column that holds what is wanted."""
    by_folded_name = _by_folded_name(table)
    for name in _COLUMNS[wanted]:
        if name in by_folded_name:
            return by_folded_name[name]
    names = ", ".join(map(str, table.columns))
    choice = " or ".join(_COLUMNS[wanted])
    raise InputError(f"The table has no column {choice}; it has {names}.")


def _without_date(table: "pd.DataFrame") -> "pd.Series":
    return table[_column(table, "time")].map(str).str.fullmatch(_HHMM)


def _times(column: "pd.Series", day: date | None) -> NDArray[np.datetime64]:
    import pandas as pd

    if column.dtype.kind == "M":
        times = pd.to_datetime(column, utc=True)
    else:
        text = column.map(lambda value: str(value).strip())
        if text.str.fullmatch(_HHMM).any():
            return _hhmm_times(text, day)
        text = text.where(text.map(says_hour).astype(bool))
        times = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
        # The archive's tables write month, day, year.
        for form in ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"):
            other = pd.to_datetime(text, utc=True, format=form, errors="coerce")
            times = times.fillna(other)
    if times.isna().any():
        strange = column[times.isna()].iloc[0]
        raise InputError(
            f"{column.name} holds {strange!r}, which is no time; write date and hour at least, "
            "in ISO 8601 and UTC: 2011-04-27T19:55."
        )
    return nanoseconds(times.dt.tz_localize(None).to_numpy(), str(column.name))


def _hhmm_times(text: "pd.Series", day: date | None) -> NDArray[np.datetime64]:
    """Times of a day that runs from 12 to 12 UTC."""
    bare = text.str.fullmatch(_HHMM)
    if day is None:
        raise InputError(
            f"{text.name} holds {text[bare].iloc[0]!r}, an hour and minute without a date; give "
            "the day whose 12 UTC the reports begin at (`--day 2011-04-27`, in Python day=)."
        )
    # What is written in another way becomes 9999, which is refused like any other wrong time.
    number = text.where(bare, "9999").astype(int).to_numpy()
    hour, minute = np.divmod(number, 100)
    wrong = (hour > 23) | (minute > 59)
    if wrong.any():
        strange = text[wrong].iloc[0]
        raise InputError(f"{text.name} holds {strange!r}, which is no HHMM from 0000 to 2359.")
    start = np.datetime64(day, "m") + np.where(number < _NOON, 24 * 60, 0)
    return nanoseconds(start + hour * 60 + minute, str(text.name))


def _database_times(
    dates: "pd.Series", clock: "pd.Series", zone: "pd.Series"
) -> NDArray[np.datetime64]:
    """Times of the Storm Prediction Center's database, in UTC; NaT where the zone is unknown."""
    import pandas as pd

    local = _times((dates.map(str) + " " + clock.map(str)).rename("date and time"), None)
    hours = pd.to_numeric(zone, errors="coerce").map(_HOURS_TO_UTC).to_numpy(float)
    known = np.isfinite(hours)
    shift = np.where(known, hours, 0).astype("timedelta64[h]")
    return np.where(known, local + shift, np.datetime64("NaT", "ns"))
