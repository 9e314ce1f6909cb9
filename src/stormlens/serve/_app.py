"""
The application: who may ask, what is asked, and what is answered.

`Gate` stands in front. It checks every request's host, origin and token, and answers the most
frequent one, `POST /v1/classify`, without a framework: FastAPI takes longer to pass on a box than
it takes to read it, hand it to the queue and write the answer. Other requests go to a FastAPI
application, whose OpenAPI document describes both. It is imported when it is first needed, since
that takes as long as the rest of the start.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stormlens.datasets import TooManyError, is_images, parse_images
from stormlens.errors import InputError
from stormlens.hosts import HOST, OwnHosts
from stormlens.models import Classifier
from stormlens.serve._answer import Answer, Speaker, arrow_of
from stormlens.serve._batches import Batches
from stormlens.serve._decoders import Decoders
from stormlens.serve._jobs import Job, Jobs
from stormlens.serve._limits import MIB, Limits
from stormlens.serve._metrics import Metrics
from stormlens.serve._question import ARROW, JSON, Question, question_of
from stormlens.serve._reading import BODY
from stormlens.serve._refusal import Refusal, error_body
from stormlens.serve._token import Bearer

if TYPE_CHECKING:
    from fastapi import FastAPI

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[bytes, bytes]

CLASSIFY, JOBS, HEALTH = "/v1/classify", "/v1/jobs", "/health"
# Bytes of a body that a thread unpacks: in the event loop it would keep other requests waiting.
_LARGE = 2**18
_LOG = logging.getLogger("stormlens.serve")
_KINDS = {JSON: [(b"content-type", JSON.encode())], ARROW: [(b"content-type", ARROW.encode())]}
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


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
        Known once it is started.
    """

    def __init__(
        self, classifier: Classifier, note: str, limits: Limits, keep: Path | None
    ) -> None:
        self.classifier, self.limits, self._keep = classifier, limits, keep
        self.metrics = Metrics()
        self.speaker = Speaker(classifier, note)
        self.jobs: Jobs | None = None
        self._batches = Batches(classifier, self.metrics.batch.add)
        self._decoders: Decoders | None = None
        self._in_flight, self._body_bytes = 0, 0
        gauges = self.metrics.gauges
        gauges["stormlens_in_flight"] = "Requests that are computed.", lambda: self._in_flight
        gauges["stormlens_held_bytes"] = (
            "Bytes of bodies that are kept in memory.",
            lambda: self._body_bytes,
        )

    async def start(self) -> None:
        """Begin to answer."""
        self._batches.start()
        decoders = self._decoders = Decoders(self.limits, self.classifier.image_shape)
        gauges = self.metrics.gauges
        gauges["stormlens_decoders_replaced"] = (
            "Decoders that a file brought down.",
            lambda: decoders.replaced,
        )
        if self._keep is not None:
            jobs = self.jobs = Jobs(self._keep, self.limits, self._do_job)
            gauges["stormlens_jobs"] = "Jobs that are kept.", jobs.counts
            jobs.start()

    async def close(self) -> None:
        """End; jobs that wait are left for the next start."""
        if self.jobs is not None:
            await self.jobs.close()
        if self._decoders is not None:
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
        question = _asked(headers, query)
        if self._in_flight >= self.limits.requests:
            raise _busy()
        late = _slow
        try:
            async with asyncio.timeout(self.limits.seconds):
                body = await self._body(headers, receive)
                late = _overdue
                try:
                    answer = await self._answered(body, question)
                finally:
                    self._body_bytes -= len(body)
        except TimeoutError as error:
            raise late(self.limits.seconds) from error
        self.metrics.boxes += len(answer.boxes)
        return await self.written(answer, question.form), question.form

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
        asked = {
            "content_type": headers.get(b"content-type", b"").decode("latin-1"),
            "query": query.decode("latin-1"),
        }
        _asked({**headers, b"accept": b""}, query)
        try:
            async with asyncio.timeout(self.limits.seconds):
                body = await self._body(headers, receive)
        except TimeoutError as error:
            raise _slow(self.limits.seconds) from error
        try:
            return await jobs.add(body, asked)
        finally:
            self._body_bytes -= len(body)

    def kept_jobs(self) -> Jobs:
        """The jobs of this server, or a refusal where it takes none."""
        if self.jobs is None:
            raise Refusal(
                HTTPStatus.NOT_FOUND, "This server takes no jobs; it is to be started with --keep."
            )
        return self.jobs

    async def written(self, answer: Answer, form: str) -> bytes:
        """
        An answer in the requested form.

        Parameters
        ----------
        answer : Answer
        form : str

        Returns
        -------
        document : bytes
        """
        if form == JSON:
            return self.speaker.as_json(answer)
        return await asyncio.to_thread(arrow_of, self.speaker.as_dict(answer))

    async def _do_job(self, body: bytes, asked: dict[str, str]) -> dict[str, Any]:
        kind, query = (asked.get(name, "").encode("latin-1") for name in ("content_type", "query"))
        answer = await self._answered(body, question_of(kind, b"", query), is_job=True)
        self.metrics.boxes += len(answer.boxes)
        return self.speaker.as_dict(answer)

    async def _answered(self, body: bytes, question: Question, is_job: bool = False) -> Answer:
        if self._in_flight >= self.limits.requests and not is_job:
            raise _busy()
        self._in_flight += 1
        try:
            return await self._read_and_asked(body, question)
        except TooManyError as error:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
        except InputError as error:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        finally:
            self._in_flight -= 1

    async def _read_and_asked(self, body: bytes, question: Question) -> Answer:
        if not body:
            raise Refusal(HTTPStatus.BAD_REQUEST, "The body is empty; send a file.")
        if not is_images(body):
            assert self._decoders is not None  # noqa: S101
            boxes, notes = await self._decoders.read(body, question.reading, question.cutting)
            if not len(boxes):
                return Answer([], boxes.source, boxes.simulated, notes)
            answers = await self._batches.ask(boxes.reflectivity, boxes.storm)
            return Answer(answers, boxes.source, boxes.simulated, notes)
        if len(body) < _LARGE:
            images, simulated = self._images(body, question)
        else:
            images, simulated = await asyncio.to_thread(self._images, body, question)
        return Answer(await self._batches.ask(images), simulated=simulated)

    def _images(self, body: bytes, question: Question) -> tuple[Any, bool]:
        return parse_images(
            body,
            BODY,
            shape=self.classifier.image_shape,
            most=self.limits.boxes,
            pictures=question.pictures,
        )

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """All of a body; its bytes count as kept until the caller subtracts them."""
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
        except BaseException:
            self._body_bytes -= n
            raise
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body is larger than {self.limits.body_mib} MiB, which is refused; divide it.",
        )


class Gate:
    """
    The ASGI application as a whole.

    Parameters
    ----------
    service : Service
    make_inner : callable
        Makes the FastAPI application that answers all but `POST /v1/classify`.
    bearer : Bearer
        Who knows the token.
    hosts : OwnHosts
        Names of ours.
    """

    def __init__(
        self,
        service: Service,
        make_inner: "Callable[[], FastAPI]",
        bearer: Bearer,
        hosts: OwnHosts,
    ) -> None:
        self.service, self._make_inner = service, make_inner
        self._bearer, self._hosts = bearer, hosts
        self._inner: asyncio.Future[FastAPI] | None = None
        # Most clients name one host and no page.
        self._is_ours = lru_cache(maxsize=256)(lambda host: host.decode("latin-1") in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or begin and end with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        operation = _operation(scope)
        metrics = self.service.metrics
        began = time.perf_counter()
        try:
            status = await self._answer(operation, scope, receive, send)
        except Gone:
            metrics.requests[operation, 499] += 1  # as nginx counts them
            return
        metrics.requests[operation, status] += 1
        if operation == CLASSIFY:
            metrics.seconds.add(time.perf_counter() - began)

    async def _answer(self, operation: str, scope: Scope, receive: Receive, send: Send) -> int:
        headers = dict(scope["headers"])
        try:
            self._admit(scope["path"], headers)
            if scope["path"] == CLASSIFY and operation != CLASSIFY:
                raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"{CLASSIFY} takes POST alone.")
            if operation != CLASSIFY:
                return await _watched(await self._framework(), scope, receive, send)
            document, form = await self.service.classify(headers, scope["query_string"], receive)
        except Refusal as refusal:
            body, kind = error_body(refusal.sentence), [*_KINDS[JSON], *refusal.headers]
            await _send(send, refusal.status, body, kind)
            return int(refusal.status)
        except Gone:
            raise
        except Exception:
            _LOG.exception("A request failed")
            sentence = "The server failed at this request, which is a mistake of its own."
            await _send(send, 500, error_body(sentence), _KINDS[JSON])
            return 500
        await _send(send, 200, document, _KINDS[form])
        return 200

    async def _framework(self) -> "FastAPI":
        if self._inner is None:
            self._inner = asyncio.ensure_future(asyncio.to_thread(self._make_inner))
        return await asyncio.shield(self._inner)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Begin with the server, and end with it."""
        await receive()
        try:
            await self.service.start()
        except InputError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.service.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _admit(self, path: str, headers: Headers) -> None:
        """Refuse names of hosts that are not ours, pages of others, and who lacks the token."""
        if not self._is_ours(headers.get(b"host", b"")):
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                f"Stormlens answers here as {self._hosts} alone; where another name is yours, "
                "such as a proxy's, start it with --allow-host NAME.",
            )
        # A browser lets any page send something here, without letting it see the answer.
        origin = headers.get(b"origin")
        if origin is not None and not self._is_own(origin):
            raise Refusal(
                HTTPStatus.FORBIDDEN, "Pages of other hosts may not ask; ask from a program."
            )
        if path != HEALTH and not self._bearer.knows(headers.get(b"authorization")):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "The token is missing or wrong; send it as Authorization: Bearer TOKEN.",
            )

    def _is_own(self, origin: bytes) -> bool:
        try:
            return self._is_ours(urlsplit(origin).netloc)
        except ValueError:
            return False


def create_app(
    classifier: Classifier,
    *,
    note: str = "",
    folder: Path | None = None,
    limits: Limits | None = None,
    keep: Path | None = None,
    token: str | None = None,
    hosts: OwnHosts | None = None,
) -> Gate:
    """
    The service as an ASGI application, for a server of one's own.

    Parameters
    ----------
    classifier : Classifier
        Who answers.
    note : str, optional
        What is to be said of it in every answer; by default that SIMULATED storms trained it, if
        they did.
    folder : Path, optional
        Where its files lie, with its appraisal, for the card.
    limits : Limits, optional
        Bounds of a request and of all together.
    keep : Path, optional
        Folder of the jobs; without, none are taken.
    token : str, optional
        What clients must know; by default anybody is answered.
    hosts : OwnHosts, optional
        Names under which it answers; by default those of this machine.

    Returns
    -------
    app : Gate

    """
    service = Service(classifier, note, limits or Limits(), keep)
    bearer = Bearer(token)

    def make_inner() -> "FastAPI":
        from stormlens.serve._operations import operations

        return operations(service, folder, bearer.is_asked)

    return Gate(service, make_inner, bearer, hosts or OwnHosts(HOST, []))


def _operation(scope: Scope) -> str:
    """What is asked, as one of few words: what clients make up is not counted by name."""
    path = scope["path"]
    if path == CLASSIFY and scope["method"] == "POST":
        return CLASSIFY
    if path == JOBS or path.startswith(f"{JOBS}/"):
        return JOBS
    return path if path in (HEALTH, "/metrics", "/v1/card", "/openapi.json") else "other"


def _asked(headers: Headers, query: bytes) -> Question:
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


async def _watched(inner: Any, scope: Scope, receive: Receive, send: Send) -> int:
    """Let an application answer, and see with which status."""
    seen = 500

    async def sent(message: MutableMapping[str, Any]) -> None:
        nonlocal seen
        if message["type"] == "http.response.start":
            seen = message["status"]
            message["headers"] = [*message.get("headers", ()), *_ALWAYS]
        await send(message)

    await inner(scope, receive, sent)
    return seen


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", b"%d" % len(body))
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [*headers, length, *_ALWAYS]})
    await send({"type": "http.response.body", "body": body})
