"""Record readings of test splits in the run whose classifier is scored."""

import json
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stormlens import storage
from stormlens.errors import InputError
from stormlens.report import READINGS, readings

__all__ = ["readings", "record_reading"]

_COUNTED = ("test", "all")


def record_reading(
    run: str | Path,
    *,
    by: str,
    data: str,
    options: Mapping[str, Any],
    split: str,
    boxes: int,
) -> None:
    """
    Record that a run's classifier is scored on a test split, before the scores are shown.

    Parameters
    ----------
    run : str or Path
        Run folder; the line goes to its ``readings.jsonl``.
    by : str
        What reads it, such as ``"evaluate"``.
    data : str
        Name or path of the data, as for `datasets.load`.
    options : mapping
        Its other arguments.
    split : str
        Only ``"test"`` and ``"all"`` hold test boxes; for others nothing is recorded.
    boxes : int
        How many boxes are scored.

    Warns
    -----
    UserWarning
        If the folder cannot be written; scores of a run on a read-only disk are still given.
    """
    if split not in _COUNTED:
        return
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": by,
        "data": data,
        "options": dict(options),
        "split": split,
        "boxes": boxes,
    }
    try:
        storage.append_line(Path(run) / READINGS, json.dumps(line, default=str))
    except (InputError, OSError) as error:
        note = f"This reading of the test split is not recorded: {error}"
        warnings.warn(note, UserWarning, stacklevel=2)
