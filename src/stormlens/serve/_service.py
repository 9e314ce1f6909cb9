"""
What stands behind each request: bodies within bounds, the queue in front of the classifier, jobs.

It knows the headers and the body of a request, and nothing else of HTTP; see `Gate`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets import TooManyError, is_images, parse_images
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.serve._answer import Answer, Speaker, arrow_of
from stormlens.serve._batches import Batches
from stormlens.serve._decoders import Decoders
from stormlens.serve._job_folder import Job
from stormlens.serve._jobs import Jobs
from stormlens.serve._limits import MIB, Limits
from stormlens.serve._metrics import Metrics
from stormlens.serve._question import JSON, Question, question_of
from stormlens.serve._reading import BODY
from stormlens.serve._refusal import Refusal

Headers = dict[bytes, bytes]
"""Of a request, by names in lower case."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
"""Gives the next message of a request, as ASGI has it."""

# Bytes of a body that a thread unpacks: in the event loop it would keep other requests waiting.
_LARGE = 2**18


class Gone(Exception):
    """The client has left; there is nobody to answer."""


class Service:
    """
    What answers: the queue in front of the classifier, decoders, jobs, and counts of all that.

    Parameters
    ----------
    classifier : Classifier
        Who answers.
    note : str
        What is to be said of it in every answer.
    limits : Limits
    keep : Path or None
        Folder of the jobs; None for a server that takes none.

    Attributes
    ----------
    metrics : Metrics
    speaker : Speaker
    jobs : Jobs or None
        None before `start`, which reads their folder, and for a server that takes none.
    """

    def __init__(
        self, classifier: Classifier, note: str, limits: Limits, keep: Path | None
    ) -> None:
        self.classifier, self.limits, self._keep = classifier, limits, keep
        self.metrics = Metrics()
        self.speaker = Speaker(classifier, note)
        self.jobs: Jobs | None = None
        self._batches = Batches(classifier, self.metrics.batch.add)
        self._decoders = decoders = Decoders(limits, classifier.image_shape)
        self._in_flight, self._body_bytes = 0, 0
        gauges = self.metrics.gauges
        gauges["stormlens_in_flight"] = "Requests that are computed.", lambda: self._in_flight
        gauges["stormlens_held_bytes"] = (
            "Bytes of bodies that are kept in memory.",
            lambda: self._body_bytes,
        )
        gauges["stormlens_decoders_replaced"] = (
            "Decoders that a file brought down.",
            lambda: decoders.replaced,
        )

    async def start(self) -> None:
        """Begin to answer."""
        self._batches.start()
        if self._keep is not None:
            jobs = self.jobs = Jobs(self._keep, self.limits, self._do_job)
            self.metrics.gauges["stormlens_jobs"] = "Jobs that are kept.", jobs.counts
            jobs.start()

    async def close(self) -> None:
        """End; jobs that wait are left for the next start."""
        if self.jobs is not None:
            await self.jobs.close()
        await self._decoders.close()
        await asyncio.to_thread(self._batches.close)

    async def classify(self, headers: Headers, query: bytes, receive: Receive) -> tuple[bytes, str]:
        """
        Answer the boxes of a request.

        Parameters
        ----------
        headers : dict
            By names in lower case.
        query : bytes
            Of the request's address.
        receive : callable
            Gives the body, part by part.

        Returns
        -------
        document : bytes
        form : str
            What it is.

        Raises
        ------
        Refusal
            If it cannot be answered.
        Gone
            If the client leaves.
        """
        question = _question(headers, query)
        if self._in_flight >= self.limits.requests:
            raise _busy()
        is_body_there = False
        try:
            async with asyncio.timeout(self.limits.seconds), self._body(headers, receive) as body:
                is_body_there = True
                answer = await self._answer(body, question)
        except TimeoutError as error:
            late = _overdue if is_body_there else _slow
            raise late(self.limits.seconds) from error
        return await self._document(answer, question.form), question.form

    async def add_job(self, headers: Headers, query: bytes, receive: Receive) -> Job:
        """
        Take a request on as a job.

        Parameters
        ----------
        headers, query, receive
            As `classify` takes them.

        Returns
        -------
        job : Job
            It is on the disk.

        Raises
        ------
        Refusal
            If it cannot be taken on.
        Gone
            If the client leaves.
        """
        jobs = self.kept_jobs()
        # Refused now rather than when the job is done. Which form its answer takes is decided when
        # it is fetched, so that `accept` says nothing here.
        _question({**headers, b"accept": b""}, query)
        asked = {
            "content_type": headers.get(b"content-type", b"").decode("latin-1"),
            "query": query.decode("latin-1"),
        }
        try:
            async with (
                asyncio.timeout(self.limits.seconds) as deadline,
                self._body(headers, receive) as body,
            ):
                deadline.reschedule(None)  # it was the client's; the disk has no limit of time
                return await jobs.add(body, asked)
        except TimeoutError as error:
            raise _slow(self.limits.seconds) from error

    def kept_jobs(self) -> Jobs:
        """The jobs of this server, or a refusal where it takes none."""
        if self.jobs is None:
            raise Refusal(
                HTTPStatus.NOT_FOUND, "This server takes no jobs; it is to be started with --keep."
            )
        return self.jobs

    async def _do_job(self, body: bytes, asked: dict[str, str]) -> dict[str, Any]:
        kind, query = (asked.get(name, "").encode("latin-1") for name in ("content_type", "query"))
        # A job was admitted when it was taken on, however many requests there are by now.
        answer = await self._answer(body, question_of(kind, b"", query), is_admitted=True)
        return self.speaker.as_dict(answer)

    async def _answer(self, body: bytes, question: Question, is_admitted: bool = False) -> Answer:
        """Classify the boxes of a body, counted among those that are computed."""
        if self._in_flight >= self.limits.requests and not is_admitted:
            raise _busy()
        self._in_flight += 1
        try:
            answer = await self._classified(body, question)
        except TooManyError as error:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
        except InputError as error:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        finally:
            self._in_flight -= 1
        self.metrics.boxes += len(answer.boxes)
        return answer

    async def _classified(self, body: bytes, question: Question) -> Answer:
        if not body:
            raise Refusal(HTTPStatus.BAD_REQUEST, "The body is empty; send a file.")
        if is_images(body):
            images, simulated = await self._images(body, question)
            return Answer(await self._batches.ask(images), simulated=simulated)
        boxes, notes = await self._decoders.read(body, question.reading, question.cutting)
        said = await self._batches.ask(boxes.reflectivity, boxes.storm) if len(boxes) else []
        return Answer(said, boxes.source, boxes.simulated, notes)

    async def _images(self, body: bytes, question: Question) -> tuple[NDArray[np.uint8], bool]:
        """Images of PNG or NPY, and whether they say that they are simulated."""
        parse = partial(
            parse_images,
            body,
            BODY,
            shape=self.classifier.image_shape,
            most=self.limits.boxes,
            pictures=question.pictures,
        )
        return parse() if len(body) < _LARGE else await asyncio.to_thread(parse)

    async def _document(self, answer: Answer, form: str) -> bytes:
        if form == JSON:
            return self.speaker.as_json(answer)
        return await asyncio.to_thread(arrow_of, self.speaker.as_dict(answer))

    @asynccontextmanager
    async def _body(self, headers: Headers, receive: Receive) -> AsyncIterator[bytes]:
        """All of a body; its bytes count as kept in memory until the block ends."""
        most = self.limits.body_mib * MIB
        # The parser of HTTP has seen to it that this is a number.
        if int(headers.get(b"content-length", 0)) > most:
            raise self._too_large()
        parts: list[bytes] = []
        n, is_more = 0, True
        try:
            while is_more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                part = message.get("body", b"")
                parts.append(part)
                n += len(part)
                self._body_bytes += len(part)
                if n > most:
                    raise self._too_large()
                if self._body_bytes > self.limits.bodies_mib * MIB:
                    raise _busy()
                is_more = message.get("more_body", False)
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()  # else it would be in memory twice while it is answered
            yield body
        finally:
            self._body_bytes -= n

    def _too_large(self) -> Refusal:
        return Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body is larger than {self.limits.body_mib} MiB, which is refused; divide it.",
        )


def _question(headers: Headers, query: bytes) -> Question:
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Bodies with a Content-Encoding are not read; send the file as it is.",
        )
    return question_of(headers.get(b"content-type", b""), headers.get(b"accept", b""), query)


def _busy() -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The server is busy; try again in a second.",
    )


def _slow(seconds: float) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_TIMEOUT, f"The body did not come within {seconds:g} s; send it faster."
    )


def _overdue(seconds: float) -> Refusal:
    return Refusal(
        HTTPStatus.GATEWAY_TIMEOUT,
        f"There was no answer within {seconds:g} s; send fewer boxes, or a job.",
    )
