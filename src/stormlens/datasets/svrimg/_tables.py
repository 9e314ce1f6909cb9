"""The archive's tables: hand labels, image index, report attributes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stormlens.datasets.svrimg._archive import LABELS_FILE, Archive, index_file, reports_file
from stormlens.datasets.svrimg._obtain import Kind, obtain
from stormlens.errors import InputError
from stormlens.storage import check_file
from stormlens.stormbox import MODES, NATIONAL, nanoseconds, says_hour, split_of_year, time_of_unid

if TYPE_CHECKING:
    import pandas as pd

_MAX_BYTES = 2**30
_BOX_COLUMNS = ["xmin", "xmax", "ymin", "ymax"]


def labels(
    *, cache: str | Path | None = None, url: str | Path | None = None, refresh: bool = False
) -> "pd.DataFrame":
    """
    Hand labels of the archive's example boxes.

    Parameters
    ----------
    cache : str or Path, optional
        Folder for downloads.
    url : str or Path, optional
        Mirror or folder in place of the archive's server.
    refresh : bool, optional
        Download again, and accept a file that has changed.

    Returns
    -------
    labels : pandas.DataFrame
        Indexed by `unid`; columns `code` (0 to 5), `mode`, `time` (UTC) and `split`.

    Raises
    ------
    InputError
        If the table cannot be obtained, or a UNID, code or name in it is not valid.
    """
    archive = Archive.at(url, cache)
    return read_labels(obtain(archive, LABELS_FILE, LABELS, refresh=refresh))


def index(
    hazard: str = "tor",
    *,
    cache: str | Path | None = None,
    url: str | Path | None = None,
    refresh: bool = False,
) -> "pd.DataFrame":
    """
    Image index: what was measured of every image of one hazard, and where it was cut.

    Parameters
    ----------
    hazard : str, optional
        ``"tor"``, ``"hail"`` or ``"wind"``.
    cache, url, refresh
        As for `labels`.

    Returns
    -------
    index : pandas.DataFrame
        Indexed by `unid`: radar_time and report_time (UTC), xmin, xmax, ymin, ymax
        (inclusive cells of the national grid), the archive's measures, and `latitude` and
        `longitude` of the box centre in degrees.

    Raises
    ------
    InputError
        If the hazard is unknown, or the table cannot be obtained or read.
    """
    archive = Archive.at(url, cache)
    return read_index(obtain(archive, index_file(hazard), INDEX, refresh=refresh))


def reports(
    hazard: str = "tor",
    *,
    cache: str | Path | None = None,
    url: str | Path | None = None,
    refresh: bool = False,
) -> "pd.DataFrame":
    """
    Storm reports of one hazard, with the Storm Prediction Center's attributes.

    Parameters
    ----------
    hazard : str, optional
        ``"tor"``, ``"hail"`` or ``"wind"``.
    cache, url, refresh
        As for `labels`.

    Returns
    -------
    reports : pandas.DataFrame
        Indexed by `uid`, the UNID of the report's image: om, st, mag, inj, fat, slat, slon,
        date_utc (datetime) and the other columns as they are.

    Raises
    ------
    InputError
        If the hazard is unknown, or the table cannot be obtained or read.
    """
    archive = Archive.at(url, cache)
    return read_reports(obtain(archive, reports_file(hazard), REPORTS, refresh=refresh))


def read_labels(path: Path) -> "pd.DataFrame":
    """Hand labels from a file; see `labels`."""
    table = _read_table(path, "UNID", ["Class Code", "Class Name"])
    table.index.name = "unid"
    table = table.rename(columns={"Class Code": "code", "Class Name": "mode"})
    for unid, code, name in zip(table.index, table["code"], table["mode"], strict=True):
        if code not in range(len(MODES)) or MODES[int(code)] != name:
            msg = f"{path}: {unid} has code {code} and name {name!r}, which are no storm mode."
            raise InputError(msg)
    try:
        table["time"] = np.array([time_of_unid(unid) for unid in table.index], "datetime64[ns]")
        table["split"] = [split_of_year(year) for year in table["time"].dt.year]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return table[["code", "mode", "time", "split"]].astype({"code": int})


def read_index(path: Path) -> "pd.DataFrame":
    """
    Image index from a file.

    Parameters
    ----------
    path : Path
        CSV table as the archive offers it.

    Returns
    -------
    index : pandas.DataFrame
        As `index` gives it.

    Raises
    ------
    InputError
        If it cannot be read, or lacks a column.
    """
    table = _read_table(path, "unid", _BOX_COLUMNS)
    for name in ("radar_time", "report_time"):
        if name in table:
            table[name] = _times(path, table[name])
    if not all(np.issubdtype(table[name].dtype, np.integer) for name in _BOX_COLUMNS):
        raise InputError(f"{path}: {', '.join(_BOX_COLUMNS)} must be whole cell numbers.")
    longitude, latitude = NATIONAL.box_centre(table["xmin"], table["ymin"])
    return table.assign(latitude=latitude, longitude=longitude)


def read_reports(path: Path) -> "pd.DataFrame":
    """Report attributes from a file; see `reports`."""
    table = _read_table(path, "uid", [])
    if "date_utc" in table:
        table["date_utc"] = _times(path, table["date_utc"])
    return table


def _read_table(path: Path, key: str, needed: list[str]) -> "pd.DataFrame":
    import pandas as pd

    check_file(path, _MAX_BYTES)
    try:
        table = pd.read_csv(path, dtype={key: str}, low_memory=False, encoding="utf-8")
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a table ({reason}); get it again.") from error
    missing = [name for name in (key, *needed) if name not in table]
    if missing:
        msg = f"{path} lacks the column {missing[0]!r}; it has {', '.join(map(str, table))}."
        raise InputError(msg)
    if table.empty or table[[key, *needed]].isna().any(axis=None):
        raise InputError(f"{path} is cut short, or has empty fields; get it again.")
    # Tables made by the archive's helper end tornado identifiers in an empty hazard.
    table[key] = table[key].str.replace(r"_(tor)?$", "", regex=True)
    return table.set_index(key)


def _times(path: Path, column: "pd.Series") -> "pd.Series":
    """UTC times written ``m/d/YYYY H:M``, or in ISO order as some tables have them."""
    import pandas as pd

    text = column.map(str, na_action="ignore").astype(object)
    times = pd.to_datetime(text, format="%m/%d/%Y %H:%M", errors="coerce")
    text = text.where(text.map(lambda value: says_hour(str(value))).astype(bool))
    times = times.fillna(pd.to_datetime(text, format="ISO8601", errors="coerce"))
    strange = times.isna() & column.notna()
    if strange.any():
        first = column[strange].iloc[0]
        raise InputError(f"{path}: {column.name} {first!r} is no time; expected m/d/YYYY H:M.")
    return pd.Series(nanoseconds(times.to_numpy(), f"{path}: {column.name}"), times.index)


LABELS = Kind(_MAX_BYTES, read_labels, ends_itself=False)
INDEX = Kind(_MAX_BYTES, read_index, ends_itself=False)
REPORTS = Kind(_MAX_BYTES, read_reports, ends_itself=False)
