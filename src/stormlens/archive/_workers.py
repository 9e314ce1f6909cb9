"""
Workers: some processes on this machine, or a Dask scheduler that is there already.

Local workers have one thread each and are bound to cores of their own before JAX starts in them, so
that its threads neither wait for nor disturb those of the next worker.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.archive._extra import need
from stormlens.errors import InputError
from stormlens.storage import read_json

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_REPLENISH_SECONDS = 2.0
_DEATHS = 2  # that a task may cost; it is given up at the third
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


def share_cores(available: list[int], workers: int) -> list[list[int]]:
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
    >>> share_cores([0, 1, 2, 3, 4], 2), share_cores([0, 1], 3)
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

    bound = share_cores(cores(), workers) if _LINUX else [[]]
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
