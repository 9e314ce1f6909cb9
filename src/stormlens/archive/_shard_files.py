"""
Files of boxes that workers write, put in place in the order of the boxes.

A worker writes a file under another name, and the process that was started moves it. So no worker
that was left behind by a run that died can touch the store.
"""

import secrets
import shutil
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormlens.archive._layout import BLOCK
from stormlens.archive._shard import write
from stormlens.archive._store import Store
from stormlens.errors import InputError
from stormlens.storage import disk_errors

if TYPE_CHECKING:
    from distributed import Client, Future

_WRITING = ".writing-"
_TRIES = 3
_PRIORITY = 2  # of writing before anything else that waits


@dataclass(frozen=True)
class _Piece:
    """Boxes of one input: numbers in the store, and where in what a worker keeps they begin."""

    first: int
    stop: int
    kept: "Future"
    begin: int

    def span(self, first: int, stop: int) -> tuple[int, int]:
        """Where in what is kept the boxes of these numbers lie."""
        shift = self.begin - self.first
        return max(first, self.first) + shift, min(stop, self.stop) + shift


@dataclass(frozen=True)
class _Asked:
    """A file that a worker was asked to write: its number, and that behind its last box."""

    number: int
    stop: int
    written: "Future"


class ShardFiles:
    """
    Files of a store that grows.

    Parameters
    ----------
    store : Store
        Truncated to its boxes.
    boxes : int
        How many it has.
    client : distributed.Client
        Of the workers.

    Attributes
    ----------
    taken : int
        Boxes of the store and those taken since.
    in_place : int
        Of these, the boxes whose files are in place.
    """

    def __init__(self, store: Store, boxes: int, client: "Client") -> None:
        self._store, self._client = store, client
        self._folder = store.path / f"{_WRITING}{secrets.token_hex(8)}"
        self._pieces: deque[_Piece] = deque()
        self._files: deque[_Asked] = deque()
        self._kept: Future | None = None
        self._behind = 0  # boxes taken from what that worker keeps
        self._most = max(2, sum(client.nthreads().values()))
        # Each is at most the next: files are asked for once their boxes are taken, and put in
        # place once they are written.
        self.in_place = self._asked = self.taken = boxes
        # A file that is not full is written anew with the boxes that it has already.
        self._before = store.images(boxes // BLOCK * BLOCK, boxes)

    def __enter__(self) -> "ShardFiles":
        for left in self._store.path.glob(f"{_WRITING}*"):
            shutil.rmtree(left, ignore_errors=True)
        with disk_errors(self._folder):
            self._folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def take(self, boxes: int, kept: "Future") -> None:
        """
        Take boxes of one input, and have each file written that they fill.

        Parameters
        ----------
        boxes : int
            How many, 0 or more.
        kept : Future
            What a worker keeps; these follow the boxes that were taken from it before.
        """
        if kept is not self._kept:
            self._kept, self._behind = kept, 0
        if boxes:
            self._pieces.append(_Piece(self.taken, self.taken + boxes, kept, self._behind))
            self._behind += boxes
            self.taken += boxes
        while self.taken >= (edge := (self._asked // BLOCK + 1) * BLOCK):
            self._ask(edge)
        self._place(self._most)

    def finish(self) -> None:
        """Have all boxes written that were taken, and put in place."""
        if self.taken > self._asked:
            self._ask(self.taken)
        self._place(0)

    def _ask(self, stop: int) -> None:
        """Have a worker write the file that boxes up to here belong to, from its first box on."""
        number = self._asked // BLOCK
        first = number * BLOCK
        pieces = [piece for piece in self._pieces if piece.first < stop and piece.stop > first]
        written = self._client.submit(
            write,
            [piece.kept for piece in pieces],
            [piece.span(first, stop) for piece in pieces],
            self._before,
            str(self._folder.absolute()),
            pure=False,
            priority=_PRIORITY,
        )
        self._files.append(_Asked(number, stop, written))
        self._asked = stop
        if stop % BLOCK == 0:
            self._before = self._before[:0]
            while self._pieces and self._pieces[0].stop <= stop:
                self._pieces.popleft()

    def _place(self, most: int) -> None:
        """Put files in place that are done, in order, until at most so many are asked for."""
        while self._files and (len(self._files) > most or self._files[0].written.done()):
            asked = self._files.popleft()
            written = self._result(asked)
            content = written if isinstance(written, bytes) else self._folder / written
            self._store.put(asked.number, content)
            self.in_place = asked.stop

    def _result(self, asked: _Asked) -> str | bytes:
        from distributed import KilledWorker

        for _ in range(_TRIES):
            try:
                written: str | bytes = asked.written.result()
                return written
            except KilledWorker:  # perhaps by a file that was read at the same time
                asked.written.retry()
        raise InputError(
            f"Boxes {self.in_place} to {asked.stop - 1} ended every process that wrote them, which "
            "may lack memory; give each worker more and build again."
        )
