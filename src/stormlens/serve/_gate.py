"""
The ASGI application: it admits requests, and counts their answers.

`Gate` checks every request's host, origin and token, and answers the most frequent one, `POST
/v1/classify`, without a framework: FastAPI takes longer to pass on a box than it takes to read it,
hand it to the queue and write the answer. Other requests go to a FastAPI application. It is made
when it is first needed, since importing it takes as long as the rest of the start.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stormlens.errors import InputError
from stormlens.hosts import OwnHosts
from stormlens.serve._question import ARROW, JSON
from stormlens.serve._refusal import Refusal, error_body
from stormlens.serve._service import Gone, Headers, Receive, Service
from stormlens.serve._token import Bearer

if TYPE_CHECKING:
    from fastapi import FastAPI

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLASSIFY, JOBS, HEALTH = "/v1/classify", "/v1/jobs", "/health"
_LOG = logging.getLogger("stormlens.serve")
_CLIENT_GONE = 499  # as nginx counts requests whose client left before the answer
_CONTENT_TYPES = {kind: [(b"content-type", kind.encode())] for kind in (JSON, ARROW)}
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


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
        # Remembered, as most clients name one and the same host in every request.
        self._is_own_host = lru_cache(maxsize=256)(lambda host: host.decode("latin-1") in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or begin and end with the server."""
        if scope["type"] == "lifespan":
            await self._begin_and_end(receive, send)
            return
        operation = _operation(scope)
        metrics = self.service.metrics
        began = time.perf_counter()
        try:
            status = await self._answer(operation, scope, receive, send)
        except Gone:
            metrics.requests[operation, _CLIENT_GONE] += 1
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
                return await _pass_on(await self._framework(), scope, receive, send)
            document, form = await self.service.classify(headers, scope["query_string"], receive)
        except Refusal as refusal:
            body, kind = error_body(refusal.sentence), [*_CONTENT_TYPES[JSON], *refusal.headers]
            await _send(send, refusal.status, body, kind)
            return int(refusal.status)
        except Gone:
            raise
        except Exception:
            _LOG.exception("A request failed")
            sentence = "The server failed at this request, which is a mistake of its own."
            await _send(send, 500, error_body(sentence), _CONTENT_TYPES[JSON])
            return 500
        await _send(send, 200, document, _CONTENT_TYPES[form])
        return 200

    async def _framework(self) -> "FastAPI":
        if self._inner is None:
            self._inner = asyncio.ensure_future(asyncio.to_thread(self._make_inner))
        return await asyncio.shield(self._inner)

    async def _begin_and_end(self, receive: Receive, send: Send) -> None:
        """Begin with the server, and end with it (ASGI's lifespan protocol)."""
        await receive()  # lifespan.startup
        try:
            await self.service.start()
        except InputError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        await self.service.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _admit(self, path: str, headers: Headers) -> None:
        """Refuse names of hosts that are not ours, pages of others, and who lacks the token."""
        if not self._is_own_host(headers.get(b"host", b"")):
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                f"Stormlens answers here as {self._hosts} alone; where another name is yours, "
                "such as a proxy's, start it with --allow-host NAME.",
            )
        # A browser lets any page send something here, without letting it see the answer.
        origin = headers.get(b"origin")
        if origin is not None and not self._is_own_page(origin):
            raise Refusal(
                HTTPStatus.FORBIDDEN, "Pages of other hosts may not ask; ask from a program."
            )
        if path != HEALTH and not self._bearer.knows(headers.get(b"authorization")):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "The token is missing or wrong; send it as Authorization: Bearer TOKEN.",
            )

    def _is_own_page(self, origin: bytes) -> bool:
        try:
            return self._is_own_host(urlsplit(origin).netloc)
        except ValueError:
            return False


def _operation(scope: Scope) -> str:
    """What is asked, as one of few words: what clients make up is not counted by name."""
    path = scope["path"]
    if path == CLASSIFY and scope["method"] == "POST":
        return CLASSIFY
    if path == JOBS or path.startswith(f"{JOBS}/"):
        return JOBS
    return path if path in (HEALTH, "/metrics", "/v1/card", "/openapi.json") else "other"


async def _pass_on(inner: Any, scope: Scope, receive: Receive, send: Send) -> int:
    """Let another application answer; the status of its answer."""
    status = 500  # where it sends none

    async def watch(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message["headers"] = [*message.get("headers", ()), *_ALWAYS]
        await send(message)

    await inner(scope, receive, watch)
    return status


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", b"%d" % len(body))
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [*headers, length, *_ALWAYS]})
    await send({"type": "http.response.body", "body": body})
