"""
Under which names the pages answer, so that no page of another server can look at them.

Only this machine reaches the port, but a browser on it may be told by anybody's name server that
evil.example is 127.0.0.1, and shows that page what it finds. So the name in a request must be one
of ours; what a websocket says of the page that opens it must be too, which Bokeh looks after.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from tornado.httputil import split_host_and_port

from stormlens.errors import InputError

HOST = "127.0.0.1"
"""Address that is listened on."""

_OWN = (HOST, "localhost")
_NAME = re.compile(r"[a-z0-9._-]+(:\d{1,5})?")


def origins(port: int, allowed: Sequence[str]) -> list[str]:
    """
    Hosts of the pages that may open a websocket.

    Parameters
    ----------
    port : int
        That is listened on.
    allowed : sequence of str
        Names beside those of this machine, each with its port where the address has one.

    Returns
    -------
    origins : list of str

    Raises
    ------
    InputError
        If a name is no name of a host.
    """
    for name in allowed:
        if not _NAME.fullmatch(name.lower()):
            raise InputError(
                f"{name!r} is no name of a host; write it as the browser's address has it, such "
                "as hub.example.org or localhost:8888."
            )
    return [*(f"{name}:{port}" for name in _OWN), *(name.lower() for name in allowed)]


class OwnHosts(AuthProvider):
    """
    Answers requests that are made to a known name, and tells others which those are.

    Parameters
    ----------
    allowed : sequence of str
        As `origins` takes them.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._names = {*_OWN, *(split_host_and_port(name.lower())[0] for name in allowed)}
        super().__init__()

    @property
    def get_user_async(self) -> Callable[[Any], Awaitable[str]]:
        """Called before any page is made or websocket opened."""

        async def get_user(handler: Any) -> str:
            if handler.request.host_name not in self._names:
                names = ", ".join(sorted(self._names))
                handler.set_status(403)
                handler.set_header("Content-Type", "text/plain; charset=utf-8")
                handler.finish(
                    f"Stormlens answers here as {names} alone. Where another name is yours, such "
                    "as a proxy's, give it to `stormlens learn` with --allow-host NAME.\n"
                )
            return "somebody"

        return get_user

    @property
    def login_url(self) -> str:
        """Bokeh asks for one; everybody is let in, and nobody is sent there."""
        return "/"
