"""The history of a training: a row for each epoch, and the file history.csv that holds them."""

import csv
import io
from pathlib import Path

from stormlens.storage import write_text

HISTORY_FIELDS = ("epoch", "seconds", "loss", "accuracy", "val_loss", "val_accuracy")
"""Columns of history.csv."""

Row = dict[str, float]


def write_history(run: Path, history: list[Row]) -> None:
    """
    Write history.csv: a header and a line for each epoch, floats in full precision.

    Parameters
    ----------
    run : Path
        Run folder.
    history : list of dict
        Rows with the keys of `HISTORY_FIELDS`.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, HISTORY_FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(run / "history.csv", buffer.getvalue())
