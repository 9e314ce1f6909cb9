"""
What workers give, put into a store: files of boxes, then their coordinates, then their rows.

The order makes it safe to kill. Only rows of the catalogue count, and a row is added when the files
and coordinates of all its boxes are there.
"""

import time
from typing import TYPE_CHECKING

import numpy as np

from stormlens.archive import _catalogue as catalogue
from stormlens.archive._catalogue import Known, Row
from stormlens.archive._extract import Extracted, Unit
from stormlens.archive._layout import Arrays
from stormlens.archive._shard_files import ShardFiles
from stormlens.archive._store import Store
from stormlens.stormbox import NATIONAL

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client, Future

_FLUSH_SECONDS = 60.0  # after which rows are added though their boxes fill no file


class Writer:
    """
    The one that adds to a store for the time of a block.

    What is left is written when the block ends, after Ctrl-C too.

    Parameters
    ----------
    store : Store
        Truncated to what the catalogue counts.
    known : Known
        Takes in each row that is in the catalogue.
    index : pandas.DataFrame or None
        Where SVRIMG images belong.
    client : distributed.Client
        Of the workers.

    Attributes
    ----------
    lacking : list of str
        What radar files lack of which boxes were cut all the same.
    """

    def __init__(
        self, store: Store, known: Known, index: "pd.DataFrame | None", client: "Client"
    ) -> None:
        self._store, self._known = store, known
        self._index = None if index is None else index[~index.index.duplicated()]
        self._files = ShardFiles(store, known.boxes, client)
        self._extended = known.boxes  # boxes whose coordinates are in the store
        self._waiting: list[Arrays] = []  # coordinates of those behind them
        self._rows: list[Row] = []  # of inputs whose boxes are not all in place
        self.lacking: list[str] = []
        self._flushed = time.monotonic()

    @property
    def boxes(self) -> int:
        """How many boxes there are, those included whose files are not written yet."""
        return self._files.taken

    def __enter__(self) -> "Writer":
        self._files.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            # What came before Ctrl-C is worth keeping; after an error, writing may be what fails.
            if kind is None or issubclass(kind, KeyboardInterrupt):
                self._flush()
        finally:
            self._files.__exit__(kind, *rest)

    def add(self, unit: Unit, extracted: Extracted, kept: "Future") -> None:
        """
        Take what a unit gave, and write what fills a file or has waited long.

        Parameters
        ----------
        unit : Unit
        extracted : Extracted
            Without its images.
        kept : Future
            The images, as a worker keeps them with those of other units.
        """
        arrays = extracted.arrays
        boxes = len(arrays["unid"])
        number = self._known.rows + len(self._rows)
        row = Row(
            unit.name,
            unit.size,
            unit.stamp,
            self.boxes,
            boxes,
            extracted.problems,
            extracted.simulated,
            str(arrays["grid"][0]) if boxes else "",
        )
        self._rows.append(row)
        if extracted.lacking:
            self.lacking.append(extracted.lacking)
        if boxes:
            source = np.full(boxes, number, np.int32)
            self._waiting.append({**self._placed(arrays), "source": source})
        self._files.take(boxes, kept)
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flush()
        elif self._files.in_place > self._extended:
            self._commit()

    def _flush(self) -> None:
        """Write all that waits."""
        self._files.finish()
        self._commit()

    def _placed(self, arrays: Arrays) -> Arrays:
        """With the places of SVRIMG images that the index knows."""
        if self._index is None:
            return arrays
        rows = self._index.reindex(arrays["unid"])
        known = rows["xmin"].notna().to_numpy()
        placed = dict(arrays)
        on_grid = rows.assign(grid=NATIONAL.name)
        for name in ("xmin", "ymin", "grid", "latitude", "longitude"):
            values = arrays[name].copy()
            values[known] = on_grid[name].to_numpy()[known]
            placed[name] = values
        return placed

    def _commit(self) -> None:
        """Add the coordinates of boxes that are in place, and the rows that these complete."""
        new = self._files.in_place - self._extended
        if new:
            together = _joined(self._waiting)
            self._store.extend(
                self._extended, {name: values[:new] for name, values in together.items()}
            )
            self._waiting = [{name: values[new:] for name, values in together.items()}]
            self._extended += new
        whole = [row for row in self._rows if row.stop <= self._extended]
        if whole:
            catalogue.append(self._store.path, whole)
            for row in whole:
                self._known.add(row)
            self._rows = self._rows[len(whole) :]
        self._flushed = time.monotonic()


def _joined(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
