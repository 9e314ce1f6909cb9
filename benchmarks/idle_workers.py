"""
Workers that speak Dask's protocol, say that each item took so long, and do nothing.

    python benchmarks/idle_workers.py SCHEDULER WORKERS SECONDS

All live in one process, for `archive.py --handing-out`. Each takes one task at a time, gives
back what it has not begun when it is asked, and hands out its results.
"""

import asyncio
import os
import pickle
import resource
import sys
import time
from contextlib import suppress
from typing import Any, ClassVar

from distributed.batched import BatchedSend
from distributed.comm import connect, listen
from distributed.protocol import to_serialize
from tornado.ioloop import IOLoop

_METRICS = {
    "bandwidth": {"total": 1e8, "workers": {}, "types": {}},
    "digests_total_since_heartbeat": {},
    "memory": 1e8,
    "managed_bytes": 0,
    "spilled_bytes": {"memory": 0, "disk": 0},
    "cpu": 0,
    "task_counts": {},
    "event_loop_interval": 0.02,
}
_KIND = pickle.dumps(tuple)


class Idle:
    """One of them; what one holds, all can give."""

    _held: ClassVar[dict[Any, Any]] = {}

    def __init__(self, scheduler: str, number: int, seconds: float) -> None:
        self._scheduler, self._number, self._seconds = scheduler, number, seconds
        self._waiting: dict[Any, dict[str, Any]] = {}
        self._running: Any = None
        self._stream = BatchedSend(interval=0.005, loop=IOLoop.current())

    async def start(self) -> asyncio.Task[None]:
        """Register, and go on listening until the scheduler leaves."""
        self._listener = await listen("tcp://127.0.0.1:0", self._asked)
        address = self._listener.contact_address
        comm = await connect(self._scheduler)
        told = {
            "op": "register-worker",
            "reply": False,
            "address": address,
            "status": "running",
            "nthreads": 1,
            "name": str(self._number),
            "now": time.time(),
            "resources": {},
            "memory_limit": 0,
            "local_directory": "",
            "services": {},
            "nanny": None,
            "pid": os.getpid(),
            "versions": {},
            "metrics": _METRICS,
            "extra": {},
            "stimulus_id": "start",
            "server_id": address,
        }
        await comm.write(told, serializers=["msgpack"])
        await comm.read()
        self._stream.start(comm)
        return asyncio.ensure_future(self._listen(comm))

    async def _listen(self, comm: Any) -> None:
        does = {
            "compute-task": self._compute,
            "steal-request": self._give_back,
            "free-keys": self._free,
        }
        with suppress(OSError):
            while True:
                for message in await comm.read():
                    if message["op"] in does:
                        does[message["op"]](message)

    def _compute(self, message: dict[str, Any]) -> None:
        self._waiting[message["key"]] = message
        if self._running is None:
            self._begin()

    def _begin(self) -> None:
        """The task of highest priority."""
        self._running = min(
            self._waiting, key=lambda key: self._waiting[key]["priority"], default=None
        )
        if self._running is None:
            return
        message = self._waiting.pop(self._running)
        known = {key: self._held[key] for key in message["who_has"]}
        result, took = message["run_spec"](known), 0.0
        if not known:
            kept, (results, _) = result
            took = self._seconds * len(results)
            result = kept, (results, took)
        IOLoop.current().call_later(took, self._finish, message, result, took)

    def _finish(self, message: dict[str, Any], result: Any, took: float) -> None:
        now = time.time()
        self._held[message["key"]] = result
        told = {
            "op": "task-finished",
            "status": "OK",
            "key": message["key"],
            "run_id": message["run_id"],
            "nbytes": 1000,
            "type": _KIND,
            "typename": "tuple",
            "metadata": {},
            "thread": 1,
            "startstops": [{"action": "compute", "start": now - took, "stop": now}],
            "stimulus_id": "done",
        }
        self._stream.send(told)
        self._begin()

    def _give_back(self, message: dict[str, Any]) -> None:
        key = message["key"]
        state = "executing" if key == self._running else "memory" if key in self._held else None
        if self._waiting.pop(key, None) is not None:
            state = "ready"
        told = {"op": "steal-response", "key": key, "state": state}
        self._stream.send({**told, "stimulus_id": message["stimulus_id"]})

    def _free(self, message: dict[str, Any]) -> None:
        for key in message["keys"]:
            self._held.pop(key, None)
            self._waiting.pop(key, None)

    async def _asked(self, comm: Any) -> None:
        with suppress(OSError):
            while True:
                message = await comm.read()
                data = {key: to_serialize(self._held[key]) for key in message["keys"]}
                await comm.write({"status": "OK", "data": data})
                await comm.read()


async def main(scheduler: str, workers: int, seconds: float) -> None:
    """Start them all and say so."""
    tasks = [await Idle(scheduler, number, seconds).start() for number in range(workers)]
    print("ready", flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
