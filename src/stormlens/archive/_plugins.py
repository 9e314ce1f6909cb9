"""
What each worker gets when it starts, one that replaces a dead worker too.

Imported only where Dask is there; see `_workers`.
"""

import os
import signal
import threading
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker


class Carry(WorkerPlugin):
    """
    Something that all tasks of a run need, sent once a worker.

    Parameters
    ----------
    name : str
        What `carried` asks for.
    content : object
        Anything that can be pickled.
    """

    def __init__(self, name: str, content: Any) -> None:
        self.name, self.content = name, content


def carried(name: str) -> Any:
    """
    What `Carry` brought to the worker that runs this task.

    Parameters
    ----------
    name : str
        As given to `Carry`.

    Returns
    -------
    content : object
    """
    plugin: Any = get_worker().plugins[name]
    return plugin.content


class Bind(WorkerPlugin):
    """
    Bind a local worker to cores of its own, and leave Ctrl-C to the client.

    Parameters
    ----------
    cores : list of list of int
        Cores of each worker, by its number.
    """

    name = "stormlens-bind"

    def __init__(self, cores: list[list[int]]) -> None:
        self.cores = cores

    def setup(self, worker: Any) -> None:
        """Bind all threads that there are; those to come inherit it."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        mine = self.cores[int(worker.name) % len(self.cores)]
        if not mine:
            return
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), mine)
