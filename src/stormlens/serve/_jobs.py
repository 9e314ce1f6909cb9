"""
Work that is acknowledged before it is done, and done after all if the server is killed meanwhile.

A job is a few files in a folder that belongs to one server: ``ID.body`` as the client sent it,
``ID.job`` that says what is asked, and in the end ``ID.answer``. A body counts once its ``.job`` is
there, and both are on the disk before the client hears of it. The names are ours and secret; no
part of a request is ever a part of a path, but for an id that is in the list already.
"""

import asyncio
import json
import logging
import os
import re
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from stormlens.errors import InputError
from stormlens.serve._limits import MIB, Limits
from stormlens.serve._refusal import Refusal
from stormlens.storage import disk_errors, read_file, read_json, write_bytes

Work = Callable[[bytes, dict[str, str]], Awaitable[dict[str, Any]]]
"""Answers a body, as it was asked, with a document."""

_LOG = logging.getLogger("stormlens.serve")
_ID = re.compile(r"[0-9a-f]{32}")
_ID_BYTES = 16
_TRIES = 3
_DAY, _HOUR = 86400.0, 3600.0
_REMEDY = "remove it"
STATES = ("waiting", "running", "done", "failed")


@dataclass
class Job:
    """
    What is known of a job without looking into its files.

    Attributes
    ----------
    id : str
        32 hexadecimal digits that nobody can guess.
    asked : dict of str to str
        Headers and options of the request.
    size : int
        Bytes that its files have.
    created : float
        Seconds since 1970.
    tries : int
        How often it was begun.
    state : str
        Of `STATES`.
    finished : float or None
        Seconds since 1970.
    """

    id: str
    asked: dict[str, str]
    size: int
    created: float
    tries: int = 0
    state: str = "waiting"
    finished: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """What a client learns of it, without the answer."""
        known = {"id": self.id, "state": self.state, "created": _iso(self.created)}
        return known if self.finished is None else {**known, "finished": _iso(self.finished)}


class Jobs:
    """
    The jobs of a folder.

    Parameters
    ----------
    folder : Path
        Made if it is missing; nobody else may read it.
    limits : Limits
        How many jobs are kept, how many bytes, how long.
    work : callable
        Does a job.

    Raises
    ------
    InputError
        If the folder cannot be had or written.
    """

    def __init__(self, folder: Path, limits: Limits, work: Work) -> None:
        self._folder, self._limits, self._work = folder, limits, work
        make_private(folder)
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[str] = deque()
        self._more = asyncio.Event()
        self._files = asyncio.Lock()  # one who writes or removes at a time
        self._running: list[asyncio.Task[None]] = []
        for job in self._found():
            self._jobs[job.id] = job
            if job.state == "waiting":
                self._waiting.append(job.id)

    def counts(self) -> dict[str, float]:
        """How many jobs there are of each state."""
        states = [job.state for job in self._jobs.values()]
        return {state: float(states.count(state)) for state in STATES}

    def start(self) -> None:
        """Begin to work on what waits."""
        self._more.set()
        self._running = [asyncio.create_task(self._run()), asyncio.create_task(self._forget())]

    async def close(self) -> None:
        """Leave what runs for the next start."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def add(self, body: bytes, asked: dict[str, str]) -> Job:
        """
        Take a job on; it is on the disk when this returns.

        Parameters
        ----------
        body : bytes
            As the client sent it.
        asked : dict of str to str
            Headers and options of the request.

        Returns
        -------
        job : Job

        Raises
        ------
        Refusal
            If as many jobs are kept as may be, or the disk is full.
        """
        if len(self._jobs) >= self._limits.jobs:
            raise _full(f"{self._limits.jobs} jobs are kept")
        if self._bytes() + len(body) > self._limits.jobs_mib * MIB:
            raise _full(f"the jobs that are kept take {self._limits.jobs_mib} MiB")
        job = Job(secrets.token_hex(_ID_BYTES), asked, len(body), time.time())
        self._jobs[job.id] = job  # counts from now on; nobody knows its id yet
        try:
            await asyncio.shield(asyncio.to_thread(self._write_new, job, body))
        except (InputError, OSError) as error:
            del self._jobs[job.id]
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "The job cannot be kept: the disk refuses it."
            ) from error
        except BaseException:  # cancelled: it may be on the disk by now, but no client knows of it
            job.state = "failed"
            raise
        self._waiting.append(job.id)
        self._more.set()
        return job

    def get(self, id_: str) -> Job:
        """
        A job by its id.

        Parameters
        ----------
        id_ : str
            What a client says.

        Returns
        -------
        job : Job

        Raises
        ------
        Refusal
            If there is none.
        """
        job = self._jobs.get(id_)
        if job is None:
            raise Refusal(
                HTTPStatus.NOT_FOUND,
                "There is no such job: it never was, was deleted, or has expired.",
            )
        return job

    async def answer(self, job: Job) -> dict[str, Any]:
        """
        What came of a job.

        Parameters
        ----------
        job : Job
            Done or failed.

        Returns
        -------
        answer : dict
            With ``answer``, a document, or ``error``, a sentence.
        """
        try:
            answer: dict[str, Any] = await asyncio.to_thread(
                read_json, self._path(job.id, "answer"), _REMEDY
            )
        except InputError as error:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "The answer cannot be read from the server's disk."
            ) from error
        return answer

    async def delete(self, job: Job) -> None:
        """
        Forget a job and remove its files.

        Parameters
        ----------
        job : Job
            In any state; one that runs is given up.
        """
        async with self._files:
            self._jobs.pop(job.id, None)
            await asyncio.to_thread(self._remove, job.id)

    async def _written(self, job: Job, write: Callable[..., None], *what: Any) -> None:
        """Write of a job that was not deleted meanwhile."""
        async with self._files:
            if job.id in self._jobs:
                await asyncio.to_thread(write, job, *what)

    def _bytes(self) -> int:
        return sum(job.size for job in self._jobs.values())

    def _path(self, id_: str, kind: str) -> Path:
        return self._folder / f"{id_}.{kind}"

    def _write_new(self, job: Job, body: bytes) -> None:
        write_bytes(self._path(job.id, "body"), body)
        self._write(job)

    def _write(self, job: Job) -> None:
        fields = {
            "asked": job.asked,
            "size": job.size,
            "created": job.created,
            "tries": job.tries,
        }
        write_bytes(self._path(job.id, "job"), json.dumps(fields).encode())
        _sync_folder(self._folder)

    def _remove(self, id_: str) -> None:
        # The job first: without it nothing else counts.
        for kind in ("job", "body", "answer"):
            self._path(id_, kind).unlink(missing_ok=True)
        _sync_folder(self._folder)

    def _found(self) -> Iterator[Job]:
        """Jobs that are on the disk, oldest first; what no client knows of is removed."""
        with disk_errors(self._folder):
            names = {path.name for path in self._folder.iterdir()}
        jobs = []
        for name in sorted(names):
            id_, _, kind = name.partition(".")
            if _ID.fullmatch(id_) and kind == "job":
                jobs.append(self._read(id_))
            elif _is_left_over(name, names):
                (self._folder / name).unlink(missing_ok=True)
        yield from sorted(jobs, key=lambda job: job.created)

    def _read(self, id_: str) -> Job:
        path = self._path(id_, "job")
        fields = read_json(path, _REMEDY)
        try:
            job = Job(
                id_,
                {str(name): str(value) for name, value in fields["asked"].items()},
                int(fields["size"]),
                float(fields["created"]),
                int(fields["tries"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path} is no job of this server; {_REMEDY}.") from error
        answer = self._path(id_, "answer")
        if answer.is_file():
            job.finished = answer.stat().st_mtime
            job.state = "failed" if "error" in read_json(answer, _REMEDY) else "done"
        return job

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            job = self._jobs.get(self._waiting.popleft()) if self._waiting else None
            if job is not None:
                await self._do(job)

    async def _do(self, job: Job) -> None:
        job.state, job.tries = "running", job.tries + 1
        # Counted on the disk before it begins: what brings the server down is not begun for ever.
        try:
            await self._written(job, self._write)
            await self._finish(job, await self._worked(job))
        except asyncio.CancelledError:
            job.tries -= 1  # the server stops, which is no fault of the job's
            if job.id in self._jobs and job.finished is None:
                with suppress(InputError, OSError):
                    self._write(job)
            raise
        except (InputError, OSError) as error:
            job.state = "waiting"  # for the next start
            _LOG.error("A job waits for the next start of the server: %s", error)

    async def _worked(self, job: Job) -> dict[str, Any]:
        if job.tries > _TRIES:
            return {"error": f"The server ended {_TRIES} times while it was at this job."}
        body = await asyncio.to_thread(read_file, self._path(job.id, "body"))
        try:
            return {"answer": await self._work(body, job.asked)}
        except Refusal as refusal:
            return {"error": refusal.sentence}
        except Exception:
            _LOG.exception("A job failed")
            return {"error": "The server failed at this job, which is a mistake of its own."}

    async def _finish(self, job: Job, outcome: dict[str, Any]) -> None:
        content = json.dumps(outcome).encode()
        await self._written(job, self._write_answer, content)
        job.size = len(content)
        job.state, job.finished = ("failed" if "error" in outcome else "done"), time.time()

    def _write_answer(self, job: Job, content: bytes) -> None:
        write_bytes(self._path(job.id, "answer"), content)
        _sync_folder(self._folder)
        self._path(job.id, "body").unlink(missing_ok=True)

    async def _forget(self) -> None:
        """Remove jobs that are older than they are kept."""
        while True:
            oldest = time.time() - self._limits.keep_days * _DAY
            for job in list(self._jobs.values()):
                if job.finished is not None and job.finished < oldest:
                    await self.delete(job)
            await asyncio.sleep(_HOUR)


def make_private(folder: Path) -> None:
    """
    Make a folder that nobody else may read, if it is not there.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    InputError
        If it cannot be made.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _is_left_over(name: str, names: set[str]) -> bool:
    """Whether a file of ours belongs to no job: half written, or deleted in part."""
    if name.startswith("."):
        return _ID.fullmatch(name[1:33]) is not None
    id_, _, kind = name.partition(".")
    is_ours = _ID.fullmatch(id_) is not None and kind in ("body", "answer")
    return is_ours and f"{id_}.job" not in names


def _sync_folder(folder: Path) -> None:
    """Have the disk hold the names of a folder's files, too."""
    if os.name == "nt":  # where folders cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _full(why: str) -> Refusal:
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"No job is taken on now, since {why}; delete some that are done, or try later.",
    )


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
