"""
A small server of files on the standard library: known paths alone, nothing opened by a request.

Each answer says what the page may do: only what comes from here, in a browser that keeps it apart
from other pages, which lets it compute on several threads.
"""

import gzip
import hashlib
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from stormlens.errors import InputError
from stormlens.hosts import (
    HOST,
    OwnHosts,
    addresses,
    cannot_listen,
    check_address,
    check_names,
)
from stormlens.learn._site import check_page, read_content, site
from stormlens.learn._storms import Content

if TYPE_CHECKING:
    import xarray as xr

    from stormlens.models import Classifier

FIRST = "index.html"
_IDLE = 120.0  # seconds that a connection may stay silent
_TYPES = {
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".safetensors": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
_SHRINK = {".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm"}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",  # widths of bars and places of marks
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
_ALWAYS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """
    Pages that answer until `stop`.

    Parameters
    ----------
    files : mapping of str to Path or callable
        By path, as `site` lists them.
    host : str
        Address to listen on.
    port : int
        0 for any free one.
    hosts : OwnHosts
        Names of ours.

    Attributes
    ----------
    addresses : list of str
        Where the pages can be opened.
    """

    daemon_threads = True

    def __init__(self, files: Mapping[str, Content], host: str, port: int, hosts: OwnHosts) -> None:
        self.files, self.hosts = files, hosts
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.addresses = addresses(host, self.server_port)

    def server_bind(self) -> None:
        """Take the address, without asking name servers for its name as the library does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that browsers drop."""

    def stop(self) -> None:
        """End, and give the port back."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Stormlens", ""
    timeout = _IDLE
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what follows is no next request
        if self.headers.get("Host", "") not in self.server.hosts:
            self._say(
                HTTPStatus.FORBIDDEN,
                f"Stormlens answers here as {self.server.hosts} alone. Where another name is "
                "yours, such as a proxy's, give it to `stormlens learn` with --allow-host NAME.",
            )
            return
        name = unquote(urlsplit(self.path).path).removeprefix("/") or FIRST
        content = self.server.files.get(name)
        if content is None:
            self._say(HTTPStatus.NOT_FOUND, "There is no such page; begin at the address printed.")
            return
        try:
            body = read_content(content)
        except (OSError, InputError) as error:
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, f"{name} cannot be read: {error}")
            return
        suffix = PurePosixPath(name).suffix
        headers = {"Vary": "Accept-Encoding"}
        if suffix in _SHRINK and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if headers["ETag"] in self.headers.get("If-None-Match", ""):
            self._send(HTTPStatus.NOT_MODIFIED, None, headers)
        else:
            kind = _TYPES.get(suffix, "application/octet-stream")
            self._send(HTTPStatus.OK, body, {"Content-Type": kind, **headers})

    def _say(self, status: HTTPStatus, sentence: str) -> None:
        kind = {"Content-Type": "text/plain; charset=utf-8"}
        self._send(status, f"{sentence}\n".encode(), kind)

    def _send(self, status: HTTPStatus, content: bytes | None, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_ALWAYS, **headers}.items():
            self.send_header(name, value)
        if content is not None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if content is not None and self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: who looks at a page is nobody's business."""


def serve(
    page: str | None = None,
    *,
    dataset: "xr.Dataset | None" = None,
    classifier: "Classifier | None" = None,
    title: str = "",
    host: str = HOST,
    port: int = 0,
    hosts: Sequence[str] = (),
    show: bool = True,
    started: Callable[[list[str]], None] | None = None,
    threaded: bool = False,
) -> Server | None:
    """
    Serve the pages from this machine; no network is needed.

    Parameters
    ----------
    page : str, optional
        Page to open, of `COMPONENTS`; by default the first, which links to all.
    dataset : xarray.Dataset, optional
        Own storms; by default the simulated ones.
    classifier : Classifier, optional
        Own network, of any chain of layers that the engine knows; by default the one that comes
        with Stormlens.
    title : str, optional
        What the pages call it.
    host : str, optional
        Address to listen on; by default this machine alone. "0.0.0.0" admits all machines
        that reach this one; they see these pages, storms and networks, and nothing else of it.
    port : int, optional
        By default any free one.
    hosts : sequence of str, optional
        Names under which a proxy or JupyterHub shows the pages, with a port where the browser's
        address has one; requests under a name that is not known are refused.
    show : bool, optional
        Open the page in a browser.
    started : callable, optional
        Called with the addresses at which the page is served, once it is.
    threaded : bool, optional
        Return at once and serve from a thread; else serve until interrupted.

    Returns
    -------
    server : Server or None
        Where `threaded`: has `addresses`, and a method `stop`.

    Raises
    ------
    InputError
        If there is no such page, a name is none of a host, the address or port cannot be had, the
        storms cannot be shown, or the network not be taken apart.
    """
    check_page(page)
    check_names(hosts)
    check_address(host, port)
    files = site(dataset, classifier, title)
    server = _listening(files, host, port, OwnHosts(host, hosts))
    here = "" if page is None else f"#/{page}"
    places = [address + here for address in server.addresses]
    if started is not None:
        started(places)
    if show:
        threading.Thread(target=_open, args=(places[-1],), daemon=True).start()
    if threaded:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server
    try:
        server.serve_forever()
    finally:
        server.server_close()
    return None


def _listening(files: Mapping[str, Content], host: str, port: int, hosts: OwnHosts) -> Server:
    try:
        return Server(files, host, port, hosts)
    except OSError as error:
        raise cannot_listen(error, host, port) from error


def _open(address: str) -> None:
    import webbrowser

    webbrowser.open(address)
