"""
The options of radar files: how they are read, and which boxes are cut from them.

`classify`, `slide`, `archive build` share them. A command takes what they say as one
value, `stormlens.readers.Options` or `stormlens.boxes.Cutting`, which have the defaults
and check what is given.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stormlens.boxes import MINIMUM_AREA_KM2, STRIDE, THRESHOLD_DBZ, WITHIN_MINUTES
from stormlens.cli._notes import say
from stormlens.cli._parameters import PATH, option, options_as_one
from stormlens.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from stormlens.boxes import Cutting
    from stormlens.readers import Options

_Command = TypeVar("_Command", bound=Callable[..., None])

READING = "How radar files are read"
CUTTING = "Where boxes are cut from radar files"

_READING = {
    "sampling": option(
        "--sampling",
        metavar="WAY",
        help="nearest value to a cell, or maximum within it.  [default: nearest]",
        panel=READING,
    ),
    "rain": option(
        "--rain",
        metavar="LAW",
        help="From rain rates: marshall-palmer or wsr-88d.  [default: marshall-palmer]",
        panel=READING,
    ),
    "quality_control": option(
        "--qc",
        "quality_control",
        is_flag=True,
        help="Take specks and echo of low correlation out of volumes.",
        panel=READING,
    ),
    "grid": option(
        "--grid",
        metavar="GRID",
        help="auto: the national grid of the United States where a file reaches it, else one "
        "about the radar or composite. Or national, LAT,LON of a centre, or a grid's name.  "
        "[default: auto]",
        panel=READING,
    ),
    "field": option(
        "--field",
        metavar="NAME",
        help="Which field is read of a file of several.",
        panel=READING,
    ),
    "strict": option(
        "--strict",
        is_flag=True,
        help="Refuse a NEXRAD volume that lacks something.",
        panel=READING,
    ),
    "site": option(
        "--site",
        metavar="LAT,LON[,ALT]",
        help="Where the radar stands, if the volume does not say.",
        panel=READING,
    ),
}

_CUTTING = {
    "boxes": option(
        "--boxes",
        metavar="WAY",
        help="Where to cut boxes: storms or grid.  [default: storms]",
        panel=CUTTING,
    ),
    "at": option(
        "--at",
        multiple=True,
        metavar="LAT,LON",
        help="Around this point instead; may be repeated.",
        panel=CUTTING,
    ),
    "reports": option(
        "--reports",
        type=PATH,
        metavar="FILE.csv",
        help="Around storm reports instead: a table of latitude, longitude, time (UTC), or one "
        "of SPC's.",
        panel=CUTTING,
    ),
    "day": option(
        "--day",
        metavar="YYYY-MM-DD",
        help="Of reports whose times are HHMM: from 12 UTC of this day to 12 UTC of the next.  "
        "[default: what a file of SPC's is named]",
        panel=CUTTING,
    ),
    "within": option(
        "--within",
        type=float,
        metavar="MINUTES",
        help=f"Reports: how far from the file's time.  [0 or more; default {WITHIN_MINUTES:g}]",
        panel=CUTTING,
    ),
    "threshold": option(
        "--threshold",
        type=int,
        metavar="DBZ",
        help=f"Storms: lowest reflectivity of a core.  [1 to 80; default {THRESHOLD_DBZ}]",
        panel=CUTTING,
    ),
    "minimum_area": option(
        "--min-area",
        "minimum_area",
        type=float,
        metavar="KM2",
        help=f"Storms: smallest core.  [0 or more; default {MINIMUM_AREA_KM2:g}]",
        panel=CUTTING,
    ),
    "stride": option(
        "--stride",
        type=int,
        metavar="CELLS",
        help=f"Grid: cells of 3.75 km from box to box.  [1 or more; default {STRIDE}]",
        panel=CUTTING,
    ),
}


def reading_options(command: _Command) -> _Command:
    """
    Give a command the options of how radar files are read.

    Parameters
    ----------
    command : callable
        Takes them as one, `options`, a `stormlens.readers.Options`.

    Returns
    -------
    command : callable
        To be made a command by Click.
    """
    return options_as_one(command, "options", _READING, _options_of)


def cutting_options(command: _Command) -> _Command:
    """
    Give a command the options of which boxes are cut from radar files.

    Parameters
    ----------
    command : callable
        Takes them as one, `cutting`, a `stormlens.boxes.Cutting`.

    Returns
    -------
    command : callable
        To be made a command by Click.
    """
    return options_as_one(command, "cutting", _CUTTING, _cutting_of)


def _options_of(site: str | None, **given: Any) -> "Options":
    from stormlens.readers import Options

    if site is not None:
        given["site"] = _numbers(site, "--site", "LAT,LON in degrees, west negative: 32.32,-90.08")
    return Options(**{name: value for name, value in given.items() if value is not None})


def _cutting_of(
    boxes: str | None, at: Sequence[str], reports: Path | None, day: str | None, **settings: Any
) -> "Cutting":
    from stormlens.boxes import Cutting

    if sum((boxes is not None, bool(at), reports is not None)) > 1:
        raise InputError("Choose one of --boxes, --at and --reports.")
    how = "points" if at else "reports" if reports is not None else boxes or "storms"
    points = [_point(text) for text in at] or None
    return Cutting(how, points=points, reports=_table(reports, day), **settings)


def _point(text: str) -> tuple[float, float]:
    what = "LAT,LON in degrees, west negative: 29.95,-90.07"
    numbers = _numbers(text, "--at", what)
    if len(numbers) != 2:
        raise InputError(f"--at {text} is no place; write {what}.")
    return numbers[0], numbers[1]


def _numbers(text: str, flag: str, what: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split(",")))
    except ValueError as error:
        raise InputError(f"{flag} {text} is no place; write {what}.") from error


def _table(path: Path | None, day: str | None) -> "pd.DataFrame | None":
    """The table of --reports and --day, with a line on stderr where rows were left out."""
    if path is None:
        if day is not None:
            raise InputError("--day decides nothing here; it is for --reports.")
        return None
    from stormlens.boxes import read_reports

    table = read_reports(path, day)
    if "note" in table.attrs:
        say(f"Note: {table.attrs['note']}")
    return table
