"""
How often a run's test split was read: anyone who chooses by its scores must know that.

Each reading is a line of JSON in the run's ``readings.jsonl``, which `experiment` adds before
it returns the scores.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from stormlens import storage
from stormlens.errors import InputError

READINGS = "readings.jsonl"
"""Name of the file in a run folder."""

_KINDS = {"time": str, "by": str, "data": str, "options": dict, "split": str, "boxes": int}
_REMEDY = "restore the file, or remove it to start counting anew"
_MOST_BYTES = 2**24
_OFTEN = ("", "once", "twice")


def readings(run: str | Path) -> list[dict[str, Any]]:
    """
    Every recorded reading of test splits by a run's classifier, oldest first.

    Parameters
    ----------
    run : str or Path
        Run folder.

    Returns
    -------
    readings : list of dict
        time (ISO 8601, UTC), by (command or function), data and options (as for
        `datasets.load`), split (``"test"`` or ``"all"``), boxes. Empty if none is recorded.

    Raises
    ------
    InputError
        If the file is damaged or larger than 16 MiB. An unfinished last line is left out: its
        process was killed before it returned scores.
    """
    path = Path(run) / READINGS
    if not path.exists():
        return []
    content = storage.read_file(path, _MOST_BYTES)
    lines = content.split(b"\n")[:-1]
    return [_reading(line, f"{path}, line {i}") for i, line in enumerate(lines, 1)]


def _reading(line: bytes, where: str) -> dict[str, Any]:
    values = storage.parse_json(line, where, _REMEDY)
    fits = isinstance(values, dict) and all(
        isinstance(values.get(name), kind) for name, kind in _KINDS.items()
    )
    if fits:
        try:
            datetime.fromisoformat(values["time"])
        except ValueError:
            fits = False
    if not fits:
        raise InputError(f"{where} is damaged (it is no reading of a test split); {_REMEDY}.")
    return {name: values[name] for name in _KINDS}


def readings_in_words(rows: Iterable[Mapping[str, Any]]) -> str:
    """
    How often test splits were read, by whom first and last.

    Parameters
    ----------
    rows : iterable of mapping
        As `readings` gives them.

    Returns
    -------
    text : str
        A sentence for each data set; empty without readings.

    Examples
    --------
    >>> row = {"time": "2026-12-01T08:40:00+00:00", "by": "train", "data": "simulated"}
    >>> readings_in_words([{**row, "options": {}, "split": "test", "boxes": 1200}])
    'The test split of simulated was read once: 2026-12-01 08:40 UTC by train.'
    """
    by_data: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        given = ", ".join(f"{name} {value}" for name, value in row["options"].items())
        by_data.setdefault(f"{row['data']} ({given})" if given else row["data"], []).append(row)
    return " ".join(_sentence(name, some) for name, some in by_data.items())


def _sentence(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    often = _OFTEN[len(rows)] if len(rows) < len(_OFTEN) else f"{len(rows):,} times"
    opening = f"The test split of {name} was read {often}: "
    if len(rows) == 1:
        return f"{opening}{_moment(rows[0])}."
    return f"{opening}first {_moment(rows[0])}, last {_moment(rows[-1])}."


def _moment(row: Mapping[str, Any]) -> str:
    return f"{row['time'][:16].replace('T', ' ')} UTC by {row['by']}"
