"""
Workers: some processes on this machine, or a Dask scheduler that is there already.

Local workers have one thread each and are bound to cores of their own before
JAX starts in them, so that its threads neither wait for nor disturb those of
the next worker. Work is handed out in order, in groups that last a second or
more and a bounded number of them at a time, and comes back in order. What a
dead worker had in hand is done again by another; the items of a group whose
workers die again and again are tried alone and then given up.
"""

import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stormlens.archive._extra import need
from stormlens.errors import InputError
from stormlens.storage import read_json

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

IN_FLIGHT = 4
"""Tasks a worker's thread that are handed out and not yet taken back."""

_TASK_SECONDS = 1.0
_HANDING_SECONDS = 0.01  # of the client and the scheduler for one task, with room to spare
_TASK_BYTES = 8 * 2**20
_MOST_ITEMS = 1024
_GROWTH = 4  # times the largest task that has been measured
_LEARN = 0.3  # weight of the newest measurement
_BEFORE = 1  # priority of telling what is done before more is begun
_TAKEN = 64  # tasks that are taken back together
_ASK_SECONDS = 1.0
_REPLENISH_SECONDS = 2.0
_DEATHS = 2  # and one more
_TIMEOUT = 30.0  # seconds, for a scheduler to answer
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_SETTINGS = {
    # Dask's own choice also tells glibc to give memory back at once; a network that takes it
    # again for every batch would spend a quarter of its time on that.
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(_ONE_THREAD, "1"),
    # A busy machine may need longer than Dask's own 15 seconds to start a worker anew.
    "distributed.deploy.lost-worker-timeout": "60s",
    "distributed.scheduler.allowed-failures": _DEATHS,
    "distributed.worker.profile.enabled": False,
    # Dask looks fifty times a second whether its loops turn, and twice how the machine does: a
    # twelfth of a core for the client, and half as much for each worker.
    "distributed.admin.tick.interval": "2s",
    "distributed.admin.system-monitor.interval": "10s",
    # Members of tar files and the boxes of a file that is not full travel with their tasks.
    "distributed.admin.large-graph-warning-threshold": "1 GiB",
}
_LINUX = sys.platform == "linux"
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


def _results_of(done: tuple[Any, tuple[list[_R], float]]) -> tuple[list[_R], float]:
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
        Taken as there is room.
    weigh : callable, optional
        Bytes of what is kept for a result. By default nothing is kept.

    Attributes
    ----------
    kept : distributed.Future
        Of the group at hand: what the worker keeps, with the results.
    """

    kept: "Future"

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
        try:
            while self._fill():
                for group, done in self._take():
                    self.kept = group.kept
                    results = self._singly(group.items) if done is None else done
                    yield from zip(group.items, results, strict=True)
        finally:
            self._client.cancel(
                [of for group in self._pending for of in (group.results, group.kept)]
            )

    def _fill(self) -> bool:
        """Hand out what there is room for; whether anything is in flight."""
        now = time.monotonic()
        if now - self._asked > _ASK_SECONDS:  # workers come and go, but asking takes time
            self._asked = now
            self._threads = max(sum(self._client.nthreads().values()), 1)
        room = self._threads * (IN_FLIGHT if self._size.known else 1) - len(self._pending)
        self._pending.extend(self._submit(list(islice(self._groups(), max(room, 0)))))
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
            results = self._client.map(_results_of, kept, pure=False, priority=_BEFORE)
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
            return found if self._weigh is not None else list(map(_results_of, found))
        except KilledWorker:
            if len(futures) == 1:
                return [None]
            return [self._gather([future])[0] for future in futures]

    def _learn(self, results: list[_R], seconds: float) -> list[_R]:
        weight = 0.0 if self._weigh is None else sum(map(self._weigh, results))
        self._size.learn(len(results), seconds, weight)
        return results

    def _singly(self, items: list[_T]) -> Iterator["_R | Lost"]:
        for group in self._pending:
            group.results.exception()  # waits until it is done
        for item in items:
            (alone,) = self._submit([[item]])
            (done,) = self._gather([alone.results])
            self.kept = alone.kept
            yield Lost() if done is None else done[0][0]


def check_workers(workers: int | None, scheduler: str | None) -> None:
    """
    Raise a sentence unless there can be such workers.

    Parameters
    ----------
    workers, scheduler
        As `connect` takes them.

    Raises
    ------
    InputError
        If both or a wrong number are given.
    """
    if scheduler is not None and workers is not None:
        raise InputError("Give a number of local workers or a scheduler's address, not both.")
    if workers is not None and workers < 1:
        raise InputError(f"The number of workers is {workers}; give 1 or more.")


@contextmanager
def connect(
    workers: int | None = None,
    scheduler: str | None = None,
    carried: Mapping[str, Any] | None = None,
    modules: Sequence[str] = (),
) -> Iterator["Client"]:
    """
    Workers for the time of a block.

    Parameters
    ----------
    workers : int, optional
        Local processes, 1 or more; by default one for each core.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``, or the JSON file that it
        wrote, in place of local ones.
    carried : mapping, optional
        What all tasks need, by the name they ask for it; sent once to each worker.
    modules : sequence of str, optional
        What all tasks import, so that local workers begin with it.

    Yields
    ------
    client : distributed.Client

    Raises
    ------
    InputError
        If Dask is not installed or no scheduler answers.
    """
    if scheduler is None:
        prepare(modules)
    need("distributed")
    from stormlens.archive._plugins import Carry

    started = _local(workers or len(cores())) if scheduler is None else _remote(scheduler)
    with started as client:
        carried = carried or {}
        for name, content in carried.items():
            _give(client, Carry(name, content))
        try:
            yield client
        finally:
            if scheduler is not None:
                for name in carried:
                    with suppress(OSError):
                        client.unregister_worker_plugin(name)


def _give(client: "Client", plugin: Any) -> None:
    """Give all workers a plugin, those to come too, whichever of them dies at that moment."""
    for pause in (0.5, 1.0, 2.0, None):
        try:
            client.register_plugin(plugin)
            return
        except OSError:
            if pause is None:
                raise
            time.sleep(pause)


def cores() -> list[int]:
    """
    Cores that this process may use.

    Returns
    -------
    cores : list of int
        Their numbers.
    """
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def shares(available: list[int], workers: int) -> list[list[int]]:
    """
    Cores of each worker: as evenly as they can be shared, whole cores each.

    Parameters
    ----------
    available : list of int
        Cores to share.
    workers : int
        How many share them.

    Returns
    -------
    cores : list of list of int
        Of each worker; where there are more workers than cores, several have the same.

    Examples
    --------
    >>> shares([0, 1, 2, 3, 4], 2), shares([0, 1], 3)
    ([[0, 1], [2, 3, 4]], [[0], [1], [0]])
    """
    n = len(available)
    if workers > n:
        return [[available[i % n]] for i in range(workers)]
    return [available[i * n // workers : (i + 1) * n // workers] for i in range(workers)]


def prepare(modules: Sequence[str]) -> None:
    """
    Start the process that local workers are forked from; it imports while this one does.

    Nothing is done where processes are not forked, which is all but Linux.

    Parameters
    ----------
    modules : sequence of str
        What it imports for them.
    """
    if not _LINUX:
        return
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    # It must not start threads of its own: they would be missing in the workers.
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        forkserver.set_forkserver_preload(["stormlens.archive._plugins", *modules])
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _local(workers: int) -> Iterator["Client"]:
    import dask
    from distributed import Client, LocalCluster, utils

    from stormlens.archive._plugins import Bind

    bound = shares(cores(), workers) if _LINUX else [[]]
    # Dask would import pandas here and in the process that workers are forked from.
    utils._forkserver_preload_set = True
    method = "forkserver" if _LINUX else "spawn"
    with (
        dask.config.set({**_SETTINGS, "distributed.worker.multiprocessing-method": method}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            # No dashboard; the port keeps a second run from claiming Dask's usual one.
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            silence_logs=logging.CRITICAL,
        ) as cluster,
        replenished(cluster),
        Client(cluster, set_as_default=False) as client,
    ):
        _give(client, Bind(bound))
        yield client


@contextmanager
def replenished(cluster: "LocalCluster") -> Iterator[None]:
    """
    Keep the number of workers of a local cluster for the time of a block.

    A worker that dies is started anew by its nanny, once: one that dies again while it starts
    is given up, and a cluster that has lost all of its workers would wait for ever.

    Parameters
    ----------
    cluster : distributed.LocalCluster
        Its workers are counted as requested.

    Yields
    ------
    None
    """
    over = threading.Event()

    def replenish() -> None:
        while not over.wait(_REPLENISH_SECONDS):
            cluster.scale(len(cluster.worker_spec))

    thread = threading.Thread(target=replenish, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _remote(scheduler: str) -> Iterator["Client"]:
    import dask
    from distributed import Client

    try:
        client = Client(_address(scheduler), timeout=_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No Dask scheduler answers at {scheduler}; give the address that `dask scheduler` "
            "printed when it started."
        ) from error
    with dask.config.set(_SETTINGS), client:
        yield client


def _address(scheduler: str) -> str:
    """The address itself, or the one in a scheduler's file, which may be yet to be written."""
    if not scheduler.endswith(".json"):
        return scheduler
    end = time.monotonic() + _TIMEOUT
    while not Path(scheduler).exists() and time.monotonic() < end:
        time.sleep(0.1)
    try:
        return str(read_json(Path(scheduler), "start the scheduler again")["address"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{scheduler} names no address") from error
