"""
The catalogue of a store: one row an input, in the order of their boxes.

It is a file of JSON lines that only grows. A batch of rows is appended and
synced once the boxes they count are in the arrays, so what the catalogue
counts is there, whatever killed the process; a last line that was cut short is
cut away when the next build begins. Rows are the truth about how many boxes a
store holds.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stormlens.errors import InputError
from stormlens.storage import disk_errors, parse_json

NAME = "catalogue.jsonl"
_TAIL = 1 << 16


@dataclass(frozen=True)
class Row:
    """
    What became of one input.

    Attributes
    ----------
    input : str
        Path or URL; of one part of a tar file, its path and ``#`` with the part's number.
    size : int
        Bytes.
    stamp : str
        What changes when the input does: time of last change, or a store's ETag.
    first : int
        Number of its first box in the store.
    boxes : int
        How many it gave.
    problems : list of str
        A sentence for what was passed over: the whole input, or some of its members.
    simulated : bool
        Whether a simulator made its boxes.
    grid : str
        Name of the grid that they lie on; empty where they lie on none.
    """

    input: str
    size: int
    stamp: str
    first: int
    boxes: int
    problems: list[str] = field(default_factory=list)
    simulated: bool = False
    grid: str = ""

    @property
    def stop(self) -> int:
        """Number behind its last box."""
        return self.first + self.boxes

    @property
    def failed(self) -> bool:
        """Whether nothing of it is in the store, for a reason."""
        return bool(self.problems) and self.boxes == 0


def read_rows(store: Path) -> Iterator[Row]:
    """
    Rows of a store's catalogue, one after the other.

    Parameters
    ----------
    store : Path
        Folder of the store.

    Yields
    ------
    row : Row

    Raises
    ------
    InputError
        If a line that is not the last one is damaged.
    """
    path = store / NAME
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return  # cut short: its boxes are counted by no row
            yield _row(line, f"{path}, line {number}")


def _row(line: bytes, where: str) -> Row:
    try:
        return Row(**parse_json(line, where, "build the store again"))
    except TypeError as error:
        raise InputError(f"{where} is damaged ({error}); build the store again.") from error


def count_boxes(store: Path) -> int:
    """
    How many boxes a store holds: those that its catalogue counts.

    Parameters
    ----------
    store : Path
        Folder of the store.

    Returns
    -------
    boxes : int
    """
    path = store / NAME
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        whole = file.read().rpartition(b"\n")[0]
    last = whole.rpartition(b"\n")[2]
    if not last:
        return 0
    if len(last) >= _TAIL - 1:  # a row with very many problems
        return max((row.stop for row in read_rows(store)), default=0)
    return _row(last, str(path)).stop


def repair(store: Path) -> None:
    """
    Cut away a last line that was cut short.

    Parameters
    ----------
    store : Path
        Folder of the store, which no other process writes.
    """
    path = store / NAME
    if not path.exists():
        return
    whole = 0
    with path.open("rb") as file:
        for line in file:
            whole += len(line) if line.endswith(b"\n") else 0
    if whole < path.stat().st_size:
        os.truncate(path, whole)


def append(store: Path, rows: Iterable[Row]) -> None:
    """
    Add rows and make sure that they are on the disk.

    Parameters
    ----------
    store : Path
        Folder of the store.
    rows : iterable of Row
        Their boxes are in the arrays.

    Raises
    ------
    InputError
        If the disk is full or the place cannot be written.
    """
    text = "".join(json.dumps(asdict(row), separators=(",", ":")) + "\n" for row in rows)
    path = store / NAME
    with disk_errors(path), path.open("ab") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


class Known:
    """
    The inputs that a store knows, which says whether one still has to be read.

    Parameters
    ----------
    store : Path
        Folder of the store.
    """

    def __init__(self, store: Path) -> None:
        self._latest: dict[str, tuple[int, str, bool]] = {}
        self._problems: dict[str, list[str]] = {}
        self.rows = self.boxes = 0
        self.simulated = False
        for row in read_rows(store):
            self.add(row)

    def add(self, row: Row) -> None:
        """
        Take a row in; a later one of the same input takes an earlier one's place.

        Parameters
        ----------
        row : Row
        """
        self._latest[row.input] = (row.size, row.stamp, row.failed)
        self._problems.pop(row.input, None)
        if row.problems:
            self._problems[row.input] = row.problems
        self.rows += 1
        self.boxes = row.stop
        self.simulated |= row.simulated

    @property
    def problems(self) -> list[str]:
        """Sentences for all that is passed over so far, in the order of the inputs."""
        return [sentence for sentences in self._problems.values() for sentence in sentences]

    def state(self, name: str, size: int, stamp: str) -> str:
        """
        What the store knows of an input.

        Parameters
        ----------
        name : str
            Path or URL.
        size : int
            Bytes now.
        stamp : str
            Its stamp now.

        Returns
        -------
        state : {"new", "done", "failed", "changed"}
            An input that failed and has changed since is new; one whose boxes are in the store
            and that has changed since is changed.
        """
        if name not in self._latest:
            return "new"
        *before, failed = self._latest[name]
        if before == [size, stamp]:
            return "failed" if failed else "done"
        return "new" if failed else "changed"
