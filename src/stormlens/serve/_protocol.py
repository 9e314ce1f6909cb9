"""
HTTP on a connection, by uvicorn, with what it lacks: limits of time, of heads and of connections.

uvicorn waits for ever for a head that does not end, so a client that sends a byte now and then
(slowloris) would keep its connection and, in time, all of them. Here it loses it within seconds.
Every refusal is JSON of the form that the application's have.
"""

import time
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from stormlens.serve._refusal import error_body

HEAD_SECONDS = 10.0
"""How long the head of a request may take to come."""

IDLE_SECONDS = 30
"""How long a connection may be silent between requests."""

_LARGEST_HEAD = 2**16  # bytes
_LINGER_SECONDS = 5.0
_SWEPT_EVERY = 5  # of uvicorn's ticks, of which there are ten a second


class Protocol(HttpToolsProtocol):
    """
    A connection that knows since when it has waited for its client.

    Attributes
    ----------
    most_connections : int
        How many there may be at once.
    since : float
        When a head began to come, or the last answer was given; seconds of the monotonic clock.
    """

    most_connections = 1024

    def connection_made(self, transport: Any) -> None:
        """Begin, or refuse if there are too many."""
        super().connection_made(transport)
        self.since, self._head, self._is_in_head = time.monotonic(), 0, False
        # uvicorn has counted this one already; its own limit waits until a head is read.
        if len(self.connections) > self.most_connections:
            self._refuse(503, "Too many connections are open; try again in a second.")

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it belongs to a head that is too long."""
        if self.transport.is_closing():  # after a refusal the client may go on sending
            return
        if self._is_in_head:
            self._head += len(data)
            if self._head > _LARGEST_HEAD:
                self._refuse(431, f"The head of the request is over {_LARGEST_HEAD >> 10} KiB.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """See a head begin."""
        super().on_message_begin()
        self.since, self._head, self._is_in_head = time.monotonic(), 0, True

    def on_headers_complete(self) -> None:
        """See it end."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Measure the client's silence from now on."""
        self.since = time.monotonic()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(400, "The request is no HTTP that is understood here.")

    def sweep(self, now: float) -> None:
        """
        End the connection if it has waited too long for its client.

        Parameters
        ----------
        now : float
            Seconds of the monotonic clock.
        """
        waited = now - self.since
        if self.transport.is_closing():  # the client does not take what is left for it
            if waited > IDLE_SECONDS + _LINGER_SECONDS:
                self.transport.abort()
        elif self._is_in_head:
            if waited > HEAD_SECONDS:
                self._refuse(408, f"The head did not come within {HEAD_SECONDS:g} s.")
        elif self.cycle is None or self.cycle.response_complete:
            # Also where the rest of a refused body still comes in, and is thrown away.
            if waited > IDLE_SECONDS:
                self.transport.close()
        elif self.cycle.response_started and self.flow.write_paused and waited > 2 * IDLE_SECONDS:
            # An answer that the client does not read; `since` is of its head, hence the double.
            self.transport.abort()

    def _refuse(self, status: int, sentence: str) -> None:
        body = error_body(sentence)
        head = (
            b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        ) % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()


class Server(uvicorn.Server):
    """A server that ends connections which wait too long."""

    async def on_tick(self, counter: int) -> bool:
        """Check all connections twice a second."""
        if counter % _SWEPT_EVERY == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.sweep(now)
        return await super().on_tick(counter)
