"""Processes that read NetCDF and radar files, started when there is one to read."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from stormlens.datasets import TooManyError
from stormlens.serve._frames import MOST_JSON, SIZES, packed, sentence_of, to_boxes
from stormlens.serve._limits import Limits
from stormlens.serve._reading import TOO_MANY
from stormlens.serve._refusal import Refusal
from stormlens.serve._token import VARIABLE
from stormlens.stormbox import Boxes

_MODULE = "stormlens.serve._reading"
_NONSENSE = "made the process that read it answer nonsense"
# A decoder ends itself by the time that a processor spends on it. Waiting counts the clock, which
# runs on while processors are busy with others: three times as long, and a start.
_PATIENCE = 3
_START_SECONDS = 10.0
_GRACE = 1.0  # seconds for a process to end of itself


class Decoders:
    """
    As many processes as are allowed; each reads one file at a time.

    Parameters
    ----------
    limits : Limits
        How many there may be, and what each may take.
    shape : tuple of int
        Rows and columns that the classifier takes.

    Attributes
    ----------
    replaced : int
        Processes that a file brought down.
    """

    def __init__(self, limits: Limits, shape: tuple[int, int]) -> None:
        self._limits, self._shape = limits, shape
        self._slots = asyncio.Semaphore(limits.decoders)
        self._idle: list[asyncio.subprocess.Process] = []
        self.replaced = 0

    async def read(
        self, content: bytes, reading: dict[str, Any], cutting: dict[str, Any]
    ) -> tuple[Boxes, list[str]]:
        """
        Boxes of a NetCDF or radar file.

        Parameters
        ----------
        content : bytes
            The file's.
        reading, cutting : dict
            Arguments of `stormlens.readers.Options` and of `stormlens.boxes.Cutting`.

        Returns
        -------
        boxes : Boxes
        notes : list of str
            What is to be said of the file.

        Raises
        ------
        InputError
            If it cannot be read.
        Refusal
            If reading it takes more memory or time than is allowed.
        """
        asked = {
            "shape": self._shape,
            "most": self._limits.boxes,
            "reading": reading,
            "cutting": cutting,
        }
        async with self._slots, self._process() as process:
            try:
                async with asyncio.timeout(
                    _PATIENCE * self._limits.decoder_seconds + _START_SECONDS
                ):
                    answer, pixels = await self._exchange(process, packed(asked, content))
            except TimeoutError as late:
                raise _unreadable("takes too long to read") from late
            error = sentence_of(answer)
            if error is None:
                try:
                    return to_boxes(answer, pixels, self._shape, self._limits.boxes)
                except (ValueError, KeyError, TypeError, OverflowError) as wrong:
                    raise _unreadable(_NONSENSE) from wrong
        raise TooManyError(str(error)) if answer.get("kind") == TOO_MANY else error

    async def close(self) -> None:
        """End all processes."""
        for process in self._idle:
            await _end(process)
        self._idle.clear()

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """
        A process for one file; it is kept for the next one, unless this file failed in any way.

        After a failure, an answer may still come that the next file would take for its own.
        """
        while self._idle and self._idle[-1].returncode is not None:
            self._idle.pop()
        process = self._idle.pop() if self._idle else await self._start()
        try:
            yield process
        except BaseException:
            self.replaced += 1
            await _kill(process)
            raise
        self._idle.append(process)

    async def _start(self) -> asyncio.subprocess.Process:
        # One thread, since each takes address space, which is limited. A hostile file may take
        # the process over, so it does not get the token.
        environment = {
            **{name: value for name, value in os.environ.items() if name != VARIABLE},
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", _MODULE, str(self._limits.decoder_mib), str(self._limits.decoder_seconds)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )

    async def _exchange(
        self, process: asyncio.subprocess.Process, message: bytes
    ) -> tuple[Any, bytes]:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(message)
            await process.stdin.drain()
            head, body = SIZES.unpack(await process.stdout.readexactly(SIZES.size))
            rows, columns = self._shape
            # Checked before memory is taken: a hostile file may have taken the process over.
            if head > MOST_JSON or body > self._limits.boxes * rows * columns:
                raise _unreadable(_NONSENSE)
            answer = json.loads(await process.stdout.readexactly(head))
            return answer, await process.stdout.readexactly(body)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise _unreadable(await self._why(process)) from error
        except ValueError as error:
            raise _unreadable(_NONSENSE) from error

    async def _why(self, process: asyncio.subprocess.Process) -> str:
        """What ended a process that was at a file."""
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE)
        if process.returncode == -getattr(signal, "SIGXCPU", 0):
            return f"takes more than {self._limits.decoder_seconds:g} s of a processor to read"
        if process.returncode == 0:
            return f"takes more than {self._limits.decoder_mib} MiB of memory to read"
        return "brought down the process that read it"


def _unreadable(what: str) -> Refusal:
    return Refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"The body {what}; it is damaged, or too large to be read here.",
    )


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _GRACE)
    except TimeoutError:
        await _kill(process)
