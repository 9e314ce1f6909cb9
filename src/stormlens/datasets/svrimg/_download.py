"""
Downloaders for pooch that go on where they were cut off.

What has arrived lies in ``.NAME.part``, with what the server said of the file
(its entity tag or date) beside it, so that a later try asks only for the rest,
and only of the same file (HTTP ranges: RFC 9110, section 14).
"""

import json
import os
import shutil
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from stormlens.datasets.svrimg._progress import DownloadProgress
from stormlens.errors import InputError
from stormlens.storage import read_json

if TYPE_CHECKING:
    import requests

_TIMEOUT_SECONDS = (10, 60)
_VAIN_TRIES = 3
_PAUSE_SECONDS = 1.0
# What arrived of a broken chunk is lost, so chunks are small.
_CHUNK = 2**14
_PASSING = {429, 500, 502, 503, 504}


class NotInArchive(InputError):
    """The archive, or its copy, holds no such file."""


class _Cut(Exception):
    """The server stopped before the file's end, or asked to come again later."""


class Resuming:
    """
    A pooch downloader over HTTP that tries again, each time for the missing rest.

    Parameters
    ----------
    part : Path
        Where bytes gather until all are there.
    max_bytes : int
        Size above which the file is refused.
    session : requests.Session
        Keeps the connection open between files.
    offline : str
        For a user without a network: what else to do.
    needs_length : bool
        Refuse a file of which the server does not say where it ends (RFC 9112, section 8).
    """

    def __init__(
        self,
        part: Path,
        max_bytes: int,
        session: "requests.Session",
        offline: str,
        *,
        needs_length: bool,
    ) -> None:
        self.resumed = False
        self._part = part
        self._notes = part.with_name(part.name + ".json")
        self._max_bytes = max_bytes
        self._session = session
        self._offline = offline
        self._needs_length = needs_length

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """
        Download a whole file.

        Parameters
        ----------
        url : str
            Where from.
        output_file : str
            Where to.
        pooch : object
            Not used; pooch hands itself over.

        Raises
        ------
        InputError
            If the server cannot be reached, has no such file, or stops again and again.
        """
        progress = DownloadProgress(self._part.name.removeprefix(".").removesuffix(".part"))
        try:
            self._all(url, progress)
        finally:
            progress.close()
        os.replace(self._part, output_file)
        self._notes.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget what has arrived."""
        self._part.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def _all(self, url: str, progress: DownloadProgress) -> None:
        import requests

        problem: Exception
        vain = 0
        while True:
            before = self._kept_bytes()
            try:
                return self._stream(url, progress)
            except requests.exceptions.SSLError as error:
                raise InputError(f"{url} has no valid certificate: {error}.") from error
            except (requests.ConnectionError, requests.Timeout, _Cut) as error:
                problem = error
            except requests.RequestException as error:
                raise InputError(f"{url} cannot be downloaded: {error}.") from error
            vain = vain + 1 if self._kept_bytes() <= before else 0
            if vain >= _VAIN_TRIES:
                raise self._given_up(url, problem)
            time.sleep(_PAUSE_SECONDS * max(vain, 1))

    def _kept_bytes(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _given_up(self, url: str, problem: Exception) -> InputError:
        if not self._notes.exists():
            self.discard()
        if isinstance(problem, _Cut):
            kept = self._kept_bytes()
            again = (
                f"try again ({kept} bytes are kept and need not come again)"
                if kept
                else "try again"
            )
            return InputError(f"{url} {problem}; {again}, or {self._offline}.")
        return InputError(f"{url} cannot be reached; check the network, or {self._offline}.")

    def _stream(self, url: str, progress: DownloadProgress) -> None:
        """One request: the rest where it can be resumed, else all."""
        headers = {"Accept-Encoding": "identity", **self._range_wanted(url)}
        with self._session.get(
            url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS
        ) as response:
            status = response.status_code
            if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self.discard()
                raise _Cut("has changed while it was downloaded")
            if status in _PASSING:
                raise _Cut(f"is not served at the moment (HTTP {status})")
            if status == HTTPStatus.NOT_FOUND:
                raise NotInArchive(f"{url} does not exist on the server (HTTP 404).")
            if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                raise InputError(f"{url} was refused by the server (HTTP {status}).")
            self._check_length(response, url)
            start = self._start_of(response)
            total = self._total(response, start)
            self._check_size(url, total)
            self._save(response, url, start, total, progress)

    def _range_wanted(self, url: str) -> dict[str, str]:
        try:
            notes = read_json(self._notes, "download again")
        except InputError:
            notes = {}
        kept = self._kept_bytes()
        if not kept or not isinstance(notes, dict) or notes.get("url") != url:
            self.discard()
            return {}
        return {"Range": f"bytes={kept}-", "If-Range": str(notes.get("validator"))}

    def _start_of(self, response: "requests.Response") -> int:
        """First byte of the answer; a whole file where the server ignores ranges."""
        if response.status_code == HTTPStatus.OK:
            return 0
        span = response.headers.get("Content-Range", "")
        if not span.startswith(f"bytes {self._kept_bytes()}-"):
            self.discard()
            raise _Cut(f"answered with another part than asked for ({span or 'unnamed'})")
        self.resumed = True
        return self._kept_bytes()

    @staticmethod
    def _total(response: "requests.Response", start: int) -> int | None:
        length = response.headers.get("Content-Length", "")
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        return start + int(length) if length.isdigit() and not encoded else None

    def _check_length(self, response: "requests.Response", url: str) -> None:
        """A body that ends where the connection does may have been cut anywhere."""
        has_length = response.headers.get("Content-Length", "").isdigit()
        # requests raises where chunks end before the last one.
        chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
        if self._needs_length and not (has_length or chunked):
            self.discard()
            raise InputError(
                f"{url} comes without its length, so a table cut short would look complete; "
                f"{self._offline}."
            )

    def _check_size(self, url: str, size: int | None) -> None:
        if size is not None and size > self._max_bytes:
            self.discard()
            msg = f"{url} holds {size} bytes; over {self._max_bytes} it is refused."
            raise InputError(msg)

    def _save(
        self,
        response: "requests.Response",
        url: str,
        start: int,
        total: int | None,
        progress: DownloadProgress,
    ) -> None:
        import requests

        self._note(response, url, start)
        with self._part.open("r+b" if start else "wb") as file:
            file.seek(start)
            try:
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
                    self._check_size(url, file.tell())
                    progress.show(file.tell(), total)
            except requests.RequestException as error:
                raise _Cut(f"broke off after {file.tell()} of {total or 'all'} bytes") from error
            size = file.tell()
        if total is not None and size != total:
            raise _Cut(f"broke off after {size} of {total} bytes")

    def _note(self, response: "requests.Response", url: str, start: int) -> None:
        """Write down what a later try needs to ask for the rest of the same file."""
        if start:
            return
        tag = response.headers.get("ETag", "")
        validator = tag if tag.startswith('"') else response.headers.get("Last-Modified")
        if validator:
            text = json.dumps({"url": url, "validator": validator})
            self._notes.write_text(text, encoding="utf-8")
        else:
            self._notes.unlink(missing_ok=True)


class Copying:
    """
    A pooch downloader for a folder in place of a server.

    Parameters
    ----------
    max_bytes : int
        Size above which the file is refused.
    """

    resumed = False

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """
        Copy a whole file.

        Parameters
        ----------
        url : str
            File to copy.
        output_file : str
            Where to.
        pooch : object
            Not used; pooch hands itself over.

        Raises
        ------
        InputError
            If there is no such file, or it is too large.
        """
        source = Path(url)
        if not source.is_file():
            raise NotInArchive(f"{source} does not exist; copy it there first.")
        size = source.stat().st_size
        if size > self._max_bytes:
            raise InputError(f"{source} holds {size} bytes; over {self._max_bytes} it is refused.")
        shutil.copyfile(source, output_file)

    def discard(self) -> None:
        """Nothing to forget: a copy is made in one go."""
