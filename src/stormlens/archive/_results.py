"""
Results of many items from the workers, in the order of the items.

Work is handed out in order, in groups that last a second or more and a bounded number of them at a
time, and comes back in order. What a dead worker had in hand is done again by another; the items of
a group whose workers die again and again are tried alone and then given up.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from distributed import Client, Future

IN_FLIGHT = 4
"""Tasks for each thread of a worker that are handed out and not yet taken back."""

_TASK_SECONDS = 1.0
_HANDING_SECONDS = 0.01  # of the client and the scheduler for one task, with room to spare
_TASK_BYTES = 8 * 2**20
_MOST_ITEMS = 1024
_GROWTH = 4  # times the largest task that has been measured
_LEARN = 0.3  # weight of the newest measurement
_RESULTS_FIRST = 1  # priority of telling what is done over beginning more
_TAKEN = 64  # tasks that are taken back together
_ASK_SECONDS = 1.0

_T = TypeVar("_T")
_R = TypeVar("_R")


class Lost:
    """Stands for the result of an item whose workers died, several in a row, also when alone."""


class GroupSize:
    """
    How many items make a task.

    A task should last about a second, so that workers do not wait between tasks, and longer with
    many workers, since one process hands out all tasks. Its results should fit into a small part
    of a worker's memory. The first task is one item, since nothing is known before; after that a
    task has at most four times the items of the largest one so far, since one quick item says
    little about the next.

    Attributes
    ----------
    known : bool
        Whether a task has been measured.
    """

    def __init__(self) -> None:
        self._seconds = self._weight = 0.0
        self._largest = 1
        self.known = False

    def learn(self, items: int, seconds: float, weight: float) -> None:
        """
        Take in how long a task took.

        Parameters
        ----------
        items : int
            In the task, 1 or more.
        seconds : float
            On the worker.
        weight : float
            Bytes of its results.
        """
        share = _LEARN if self.known else 1.0
        self._seconds += share * (seconds / items - self._seconds)
        self._weight += share * (weight / items - self._weight)
        self._largest = max(self._largest, items)
        self.known = True

    def of(self, threads: int) -> int:
        """
        Items of the next task.

        Parameters
        ----------
        threads : int
            Of all workers.

        Returns
        -------
        items : int
            1 or more.
        """
        target = max(_TASK_SECONDS, _HANDING_SECONDS * threads)
        items = min(_MOST_ITEMS, _GROWTH * self._largest if self.known else 1)
        if self._seconds > 0:
            items = min(items, int(target / self._seconds))
        if self._weight > 0:
            items = min(items, int(_TASK_BYTES / self._weight))
        return max(items, 1)


def _timed(
    function: Callable[[list[_T]], tuple[Any, list[_R]]], items: list[_T]
) -> tuple[Any, tuple[list[_R], float]]:
    """What a worker keeps of a group, its results, and the seconds that they took."""
    began = time.perf_counter()
    kept, results = function(items)
    return kept, (results, time.perf_counter() - began)


def _without_kept(done: tuple[Any, tuple[list[_R], float]]) -> tuple[list[_R], float]:
    return done[1]


@dataclass(frozen=True)
class _Group(Generic[_T]):
    """Items that were handed out together."""

    items: list[_T]
    kept: "Future"
    results: "Future"


class Results(Generic[_T, _R]):
    """
    Results of items, in the order of the items, which are handed out in groups.

    Dask counts a worker's death against every task that the worker had, whichever of them killed
    it. So when a group is given up, its items are tried one at a time while nothing else runs:
    only the one that kills a worker by itself is lost. Large results stay on the worker, where
    other tasks use them; Dask makes them again if the worker dies.

    Parameters
    ----------
    client : distributed.Client
        Of the workers.
    function : callable
        Of a list of items, to what the worker keeps of them and a list of as many results;
        importable by the workers.
    items : iterable
        Taken as tasks can be handed out.
    weigh : callable, optional
        Bytes of what is kept for a result. By default nothing is kept.
    """

    def __init__(
        self,
        client: "Client",
        function: Callable[[list[_T]], tuple[Any, list[_R]]],
        items: Iterable[_T],
        weigh: Callable[[_R], float] | None = None,
    ) -> None:
        self._client = client
        self._work = partial(_timed, function)
        self._items, self._weigh = iter(items), weigh
        self._pending: deque[_Group[_T]] = deque()
        self._size = GroupSize()
        self._threads, self._asked = 1, -math.inf

    def __iter__(self) -> Iterator[tuple[_T, "_R | Lost"]]:
        """Items with their results, or `Lost`."""
        with closing(self.with_kept()) as found:
            for item, result, _ in found:
                yield item, result

    def with_kept(self) -> Generator[tuple[_T, "_R | Lost", "Future"], None, None]:
        """
        Items with their results and what a worker keeps of their group.

        Yields
        ------
        item : object
        result : object or Lost
        kept : distributed.Future
            The same for all items of a group.
        """
        try:
            while self._fill():
                for group, results in self._take():
                    if results is None:
                        yield from self._singly(group.items)
                    else:
                        for item, result in zip(group.items, results, strict=True):
                            yield item, result, group.kept
        finally:
            self._client.cancel(
                [of for group in self._pending for of in (group.results, group.kept)]
            )

    def _fill(self) -> bool:
        """Hand out as much as may be in flight; whether anything is."""
        now = time.monotonic()
        if now - self._asked > _ASK_SECONDS:  # workers come and go, but asking takes time
            self._asked = now
            self._threads = max(sum(self._client.nthreads().values()), 1)
        most = self._threads * (IN_FLIGHT if self._size.known else 1)
        new = islice(self._groups(), max(most - len(self._pending), 0))
        self._pending.extend(self._submit(list(new)))
        return bool(self._pending)

    def _groups(self) -> Iterator[list[_T]]:
        while group := list(islice(self._items, self._size.of(self._threads))):
            yield group

    def _submit(self, groups: list[list[_T]]) -> list[_Group[_T]]:
        if not groups:
            return []
        kept = self._client.map(self._work, groups, pure=False)
        results: list[Any] = kept
        if self._weigh is not None:
            # A second task, which Dask runs where the first one's data lies: the results come here,
            # and what is kept stays there.
            results = self._client.map(_without_kept, kept, pure=False, priority=_RESULTS_FIRST)
        return list(map(_Group, groups, kept, results))

    def _take(self) -> list[tuple[_Group[_T], "list[_R] | None"]]:
        """The oldest group, once it is done, with those behind it that are done; None if lost."""
        taken = [self._pending.popleft()]
        while self._pending and len(taken) < _TAKEN and self._pending[0].results.done():
            taken.append(self._pending.popleft())
        found = self._gather([group.results for group in taken])
        return [
            (group, None if done is None else self._learn(*done))
            for group, done in zip(taken, found, strict=True)
        ]

    def _gather(self, futures: list["Future"]) -> list[tuple[list[_R], float] | None]:
        """Results and seconds of tasks, in one message where none is lost."""
        from distributed import KilledWorker

        try:
            found = self._client.gather(futures)
            return found if self._weigh is not None else list(map(_without_kept, found))
        except KilledWorker:
            if len(futures) == 1:
                return [None]
            return [self._gather([future])[0] for future in futures]

    def _learn(self, results: list[_R], seconds: float) -> list[_R]:
        weight = 0.0 if self._weigh is None else sum(map(self._weigh, results))
        self._size.learn(len(results), seconds, weight)
        return results

    def _singly(self, items: list[_T]) -> Iterator[tuple[_T, "_R | Lost", "Future"]]:
        """Items of a lost group one at a time, while nothing else runs."""
        for group in self._pending:
            group.results.exception()  # waits until it is done
        for item in items:
            (alone,) = self._submit([[item]])
            (done,) = self._gather([alone.results])
            yield item, Lost() if done is None else done[0][0], alone.kept
