"""
Work that is acknowledged before it is done, and done after all if the server is killed meanwhile.

A job is on the disk (`JobFolder`) before the client hears of it. One job is done at a time; what is
not done when the server ends is done by the next one.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from stormlens.errors import InputError
from stormlens.serve._job_folder import STATES, Job, JobFolder
from stormlens.serve._limits import MIB, Limits
from stormlens.serve._refusal import Refusal

Work = Callable[[bytes, dict[str, str]], Awaitable[dict[str, Any]]]
"""Answers a body, as it was asked, with a document."""

_LOG = logging.getLogger("stormlens.serve")
_TRIES = 3
_DAY, _HOUR = 86400.0, 3600.0


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
        self._folder, self._limits, self._work = JobFolder(folder), limits, work
        self._folder.remove_left_overs()
        self._jobs = {job.id: job for job in self._folder.jobs()}
        self._waiting: asyncio.Queue[str] = asyncio.Queue()  # ids, some of jobs deleted meanwhile
        self._writing = asyncio.Lock()  # of one call that writes or removes at a time
        self._tasks: list[asyncio.Task[None]] = []
        for job in self._jobs.values():
            if job.state == "waiting":
                self._waiting.put_nowait(job.id)

    def counts(self) -> dict[str, float]:
        """How many jobs there are of each state."""
        states = [job.state for job in self._jobs.values()]
        return {state: float(states.count(state)) for state in STATES}

    def start(self) -> None:
        """Begin to work on what waits."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._forget())]

    async def close(self) -> None:
        """Leave what runs for the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

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
        kept = sum(job.size for job in self._jobs.values())
        if kept + len(body) > self._limits.jobs_mib * MIB:
            raise _full(f"the jobs that are kept take {self._limits.jobs_mib} MiB")
        job = Job(asked, len(body))
        self._jobs[job.id] = job  # counts from now on; nobody knows its id yet
        try:
            await asyncio.shield(asyncio.to_thread(self._folder.add, job, body))
        except (InputError, OSError) as error:
            del self._jobs[job.id]
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "The job cannot be kept: the disk refuses it."
            ) from error
        except BaseException:  # cancelled: it may be on the disk by now, but no client knows of it
            job.state = "failed"
            raise
        self._waiting.put_nowait(job.id)
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
            return await asyncio.to_thread(self._folder.read_answer, job)
        except InputError as error:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "The answer cannot be read from the server's disk."
            ) from error

    async def delete(self, job: Job) -> None:
        """
        Forget a job and remove its files.

        Parameters
        ----------
        job : Job
            In any state; one that runs is given up.
        """
        async with self._writing:
            self._jobs.pop(job.id, None)
            await _to_its_end(self._folder.remove, job)

    async def _write(self, write: Callable[..., None], job: Job, *more: Any) -> None:
        """Write to the folder, unless the job was deleted meanwhile."""
        async with self._writing:
            if job.id in self._jobs:
                await _to_its_end(write, job, *more)

    async def _run(self) -> None:
        while True:
            job = self._jobs.get(await self._waiting.get())
            if job is not None:
                await self._do(job)

    async def _do(self, job: Job) -> None:
        job.state, job.tries = "running", job.tries + 1
        try:
            # Counted on the disk before it begins: what brings the server down is not begun for
            # ever.
            await self._write(self._folder.update, job)
            await self._finish(job, await self._outcome(job))
        except asyncio.CancelledError:
            job.tries -= 1  # the server stops, which is no fault of the job's
            if job.id in self._jobs and job.finished is None:
                with suppress(InputError, OSError):
                    self._folder.update(job)
            raise
        except (InputError, OSError) as error:
            job.state = "waiting"  # for the next start
            _LOG.error("A job waits for the next start of the server: %s", error)

    async def _outcome(self, job: Job) -> dict[str, Any]:
        if job.tries > _TRIES:
            return {"error": f"The server ended {_TRIES} times while it was at this job."}
        body = await asyncio.to_thread(self._folder.read_body, job)
        try:
            return {"answer": await self._work(body, job.asked)}
        except Refusal as refusal:
            return {"error": refusal.sentence}
        except Exception:
            _LOG.exception("A job failed")
            return {"error": "The server failed at this job, which is a mistake of its own."}

    async def _finish(self, job: Job, outcome: dict[str, Any]) -> None:
        content = json.dumps(outcome).encode()
        await self._write(self._folder.write_answer, job, content)
        job.size = len(content)
        job.state, job.finished = ("failed" if "error" in outcome else "done"), time.time()

    async def _forget(self) -> None:
        """Remove jobs that are older than they are kept."""
        while True:
            oldest = time.time() - self._limits.keep_days * _DAY
            for job in list(self._jobs.values()):
                if job.finished is not None and job.finished < oldest:
                    await self.delete(job)
            await asyncio.sleep(_HOUR)


async def _to_its_end(change: Callable[..., None], *what: Any) -> None:
    """
    Change files in a thread; if cancelled, only once it has ended.

    A thread cannot be stopped, and what is written next would be overwritten by it.
    """
    thread = asyncio.ensure_future(asyncio.to_thread(change, *what))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise


def _full(why: str) -> Refusal:
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"No job is taken on now, since {why}; delete some that are done, or try later.",
    )
