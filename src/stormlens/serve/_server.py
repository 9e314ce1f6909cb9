"""From a classifier to a server that listens, and its end."""

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stormlens.errors import InputError
from stormlens.hosts import HOST, OwnHosts, addresses, cannot_listen, check_address, check_names
from stormlens.serve._extra import need, need_later
from stormlens.serve._limits import Limits
from stormlens.storage import file_lock

if TYPE_CHECKING:
    from stormlens.models import Classifier
    from stormlens.serve._gate import Gate

PORT = 8000
_BACKLOG = 1024
_LAST_SECONDS = 10  # for answers that are being computed when the server ends
_BUSY_FOLDER = "{} is the folder of a server that runs; stop it, or give another with --keep."


def serve(
    load: "Callable[[], tuple[Classifier, str]]",
    *,
    folder: Path | None = None,
    host: str = HOST,
    port: int = PORT,
    hosts: Sequence[str] = (),
    token: str | None = None,
    keep: Path | None = None,
    limits: Limits | None = None,
    started: Callable[[list[str]], None] | None = None,
) -> None:
    """
    Answer over HTTP until interrupted or terminated (SIGTERM).

    Parameters
    ----------
    load : callable
        Gives the classifier, and what is to be said of it in every answer (that SIMULATED storms
        trained it, where it is empty and they did). Called once the address is taken.
    folder : Path, optional
        Where the classifier's files lie, with its appraisal, for the card.
    host : str, optional
        Address to listen on; by default only this machine reaches it.
    port : int, optional
        0 for any free one.
    hosts : sequence of str, optional
        More names under which it answers, such as a proxy's.
    token : str, optional
        What clients must send as a bearer token. Needed where others are let in.
    keep : Path, optional
        Folder of the jobs; without, none are taken.
    limits : Limits, optional
        Bounds of a request and of all together.
    started : callable, optional
        Called with the addresses at which it listens. Clients may connect from then on.

    Raises
    ------
    InputError
        If others are let in and there is no token, a name is none of a host, the address or port
        cannot be had, a package is missing, the folder is another server's, or of `load`.
    """
    for name in ("uvicorn", "httptools"):
        need(name)
    need_later("fastapi")
    limits = limits or Limits()
    check_names(hosts)
    check_address(host, port)
    own = OwnHosts(host, hosts)
    if own.is_open and token is None:
        raise InputError(
            f"With --host {host} others reach the server, and none may without a token: give one "
            "with --token-file FILE, or in STORMLENS_TOKEN."
        )
    lock = nullcontext() if keep is None else _own_folder(keep)
    with _listening(host, port) as listener, lock:
        if started is not None:
            started(addresses(host, listener.getsockname()[1]))
        classifier, note = load()
        from stormlens.serve._app import create_app

        app = create_app(
            classifier, note=note, folder=folder, limits=limits, keep=keep, token=token, hosts=own
        )
        _run(app, listener, limits)


@contextmanager
def _own_folder(keep: Path) -> Iterator[None]:
    from stormlens.serve._job_folder import make_private

    make_private(keep)
    with file_lock(keep / "lock", timeout=1.0, busy=_BUSY_FOLDER.format(keep)):
        yield


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that takes connections from now on, which are answered once all is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        try:
            if sys.platform != "win32":  # where it would let two servers have one port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise cannot_listen(error, host, port) from error
        yield listener


def _run(app: "Gate", listener: socket.socket, limits: Limits) -> None:
    import uvicorn

    from stormlens.serve._protocol import IDLE_SECONDS, Protocol, Server

    bounded = type("_Bounded", (Protocol,), {"most_connections": limits.connections})
    config = uvicorn.Config(
        app,
        http=bounded,
        loop="asyncio",  # uvloop takes as much of the processor here
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nothing here uses them
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    server = Server(config)
    app.service.metrics.gauges["stormlens_connections"] = (
        "Connections that are open.",
        lambda: len(server.server_state.connections),
    )
    _allow_files(2 * limits.connections)
    # uvicorn raises the signal that ended it once more, for the handler that was there before it.
    # This one does nothing, since all is ended by then.
    before = signal.signal(signal.SIGTERM, lambda *_: None) if _is_main() else None
    try:
        server.run(sockets=[listener])
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _allow_files(n: int) -> None:
    """Ask the system for so many open files, of which connections are some."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < n:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(n, hard), hard))
