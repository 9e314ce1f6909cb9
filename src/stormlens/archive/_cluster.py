"""
Workers: some processes on this machine, or a Dask scheduler that is there already.

Local workers have one thread each and are bound to cores of their own before
JAX starts in them, so that its threads neither wait for nor disturb those of
the next worker. Work is handed out in order, a bounded number of tasks at a
time, and comes back in order. What a dead worker had in hand is done again by
another; a task whose workers die again and again is given back as lost, to be
tried alone and then given up.
"""

import json
import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stormlens.archive._extra import need
from stormlens.errors import InputError

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

IN_FLIGHT = 4
"""Tasks a worker's thread that are handed out and not yet taken back."""

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
}
_T = TypeVar("_T")
_R = TypeVar("_R")


class Lost:
    """
    Stands for the result of a task whose workers died, several in a row.

    A worker's death counts against all that it had in hand, so the task may be innocent: try
    it alone.
    """


class Results(Generic[_T, _R]):
    """
    Results of tasks, in the order of their arguments.

    Parameters
    ----------
    client : distributed.Client
        Of the workers.
    function : callable
        Of one argument; importable by the workers.
    arguments : iterable
        Taken one at a time, as there is room.
    in_flight : int, optional
        Tasks a thread that are handed out at once.
    """

    def __init__(
        self,
        client: "Client",
        function: Callable[[_T], _R],
        arguments: Iterable[_T],
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._client, self._function = client, function
        self._arguments = iter(arguments)
        self._in_flight = in_flight
        self._pending: deque[tuple[_T, Future]] = deque()
        self._room, self._asked = 1, -math.inf

    def __iter__(self) -> Iterator[tuple[_T, "_R | Lost"]]:
        """Arguments with their results, or `Lost`."""
        try:
            while self._fill():
                argument, future = self._pending.popleft()
                yield argument, self._result(future)
        finally:
            for _, future in self._pending:
                future.cancel()

    def _fill(self) -> bool:
        """Hand out what there is room for; whether anything is in flight."""
        now = time.monotonic()
        if now - self._asked > _ASK_SECONDS:  # workers come and go, but asking takes time
            self._asked = now
            self._room = max(self._in_flight * sum(self._client.nthreads().values()), 1)
        while len(self._pending) < self._room:
            try:
                argument = next(self._arguments)
            except StopIteration:
                break
            self._pending.append((argument, self._submit(argument)))
        return bool(self._pending)

    def _submit(self, argument: _T) -> "Future":
        return self._client.submit(self._function, argument, pure=False)

    @staticmethod
    def _result(future: "Future") -> "_R | Lost":
        from distributed import KilledWorker

        try:
            result: _R = future.result()
            return result
        except KilledWorker:
            return Lost()

    def alone(self, argument: _T) -> "_R | Lost":
        """
        The result of one task that runs while no other does.

        Parameters
        ----------
        argument : object
            Its argument.

        Returns
        -------
        result : object
            Its result, or `Lost`.
        """
        for _, other in self._pending:
            other.exception()  # waits until it is done
        return self._result(self._submit(argument))


@contextmanager
def connect(
    workers: int | None = None,
    scheduler: str | None = None,
    carried: Mapping[str, Any] | None = None,
) -> Iterator["Client"]:
    """
    Workers for the time of a block.

    Parameters
    ----------
    workers : int, optional
        Local processes, 1 or more; one a core unless told.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``, or the JSON file that it
        wrote, in place of local ones.
    carried : mapping, optional
        What all tasks need, by the name they ask for it; sent once to each worker.

    Yields
    ------
    client : distributed.Client

    Raises
    ------
    InputError
        If Dask is not installed, both or a wrong number are given, or no scheduler answers.
    """
    need("distributed")
    if scheduler is not None and workers is not None:
        raise InputError("Give a number of local workers or a scheduler's address, not both.")
    if workers is not None and workers < 1:
        raise InputError(f"The number of workers is {workers}; give 1 or more.")
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


@contextmanager
def _local(workers: int) -> Iterator["Client"]:
    import dask
    from distributed import Client, LocalCluster

    from stormlens.archive._plugins import Bind

    can_bind = hasattr(os, "sched_setaffinity") and sys.platform == "linux"
    bound = shares(cores(), workers) if can_bind else [[]]
    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            # A page that nobody is told of; without a port of its own it would claim Dask's.
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
        Its workers are counted as they were asked for.

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
    from distributed import Client

    try:
        client = Client(_address(scheduler), timeout=_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No Dask scheduler answers at {scheduler}; give the address that `dask scheduler` "
            "printed when it started."
        ) from error
    with client:
        yield client


def _address(scheduler: str) -> str:
    """The address itself, or the one in a scheduler's file, which may be yet to be written."""
    if not scheduler.endswith(".json"):
        return scheduler
    end = time.monotonic() + _TIMEOUT
    while not Path(scheduler).exists() and time.monotonic() < end:
        time.sleep(0.1)
    try:
        return str(json.loads(Path(scheduler).read_text())["address"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{scheduler} names no address") from error
