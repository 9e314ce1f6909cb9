"""
The files of jobs, in a folder that belongs to one server.

``ID.body`` is what the client sent, ``ID.job`` says what is asked, and in the end there is
``ID.answer``. A body counts once its ``.job`` is there. Every write is on the disk, with its name
in the folder, when the call returns. The names are ours and secret; no part of a request is ever a
part of a path, but for an id that is in the list of jobs already.
"""

import json
import os
import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stormlens.errors import InputError
from stormlens.storage import disk_errors, read_file, read_json, write_bytes

STATES = ("waiting", "running", "done", "failed")
_ID = re.compile(r"[0-9a-f]{32}")
_ID_BYTES = 16
_REMEDY = "remove it"


@dataclass
class Job:
    """
    What is known of a job without looking into its files.

    Attributes
    ----------
    asked : dict of str to str
        Headers and options of the request.
    size : int
        Bytes that its files have.
    id : str
        32 hexadecimal digits that nobody can guess.
    created : float
        Seconds since 1970.
    tries : int
        How often it was begun.
    state : str
        Of `STATES`.
    finished : float or None
        Seconds since 1970.
    """

    asked: dict[str, str]
    size: int
    id: str = field(default_factory=lambda: secrets.token_hex(_ID_BYTES))
    created: float = field(default_factory=time.time)
    tries: int = 0
    state: str = "waiting"
    finished: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """What a client learns of it, without the answer."""
        known = {"id": self.id, "state": self.state, "created": _iso(self.created)}
        return known if self.finished is None else {**known, "finished": _iso(self.finished)}


class JobFolder:
    """
    Files of jobs. One call at a time may write or remove; whoever calls sees to that.

    Parameters
    ----------
    path : Path
        Made if it is missing; nobody else may read it.

    Raises
    ------
    InputError
        If the folder cannot be had or written.
    """

    def __init__(self, path: Path) -> None:
        make_private(path)
        self._path = path

    def jobs(self) -> list[Job]:
        """
        Jobs that are on the disk.

        Returns
        -------
        jobs : list of Job
            Oldest first; those that were not done wait.

        Raises
        ------
        InputError
            If a file is no job.
        """
        ids = [path.stem for path in self._files() if _is_of_job(path.name)]
        return sorted(map(self._read, sorted(ids)), key=lambda job: job.created)

    def remove_left_overs(self) -> None:
        """Remove files of ours that belong to no job: half written, or deleted in part."""
        names = {path.name for path in self._files()}
        for name in names:
            if _is_left_over(name, names):
                (self._path / name).unlink(missing_ok=True)

    def add(self, job: Job, body: bytes) -> None:
        """Write a new job with its body."""
        write_bytes(self._file(job.id, "body"), body)
        self.update(job)

    def update(self, job: Job) -> None:
        """Write what is known of a job."""
        fields = {
            "asked": job.asked,
            "size": job.size,
            "created": job.created,
            "tries": job.tries,
        }
        write_bytes(self._file(job.id, "job"), json.dumps(fields).encode())
        self._sync()

    def read_body(self, job: Job) -> bytes:
        """The body of a job that is not done."""
        return read_file(self._file(job.id, "body"))

    def write_answer(self, job: Job, content: bytes) -> None:
        """Write what came of a job, whose body is not needed any more."""
        write_bytes(self._file(job.id, "answer"), content)
        self._sync()
        self._file(job.id, "body").unlink(missing_ok=True)

    def read_answer(self, job: Job) -> dict[str, Any]:
        """What came of a job that is done or failed."""
        answer: dict[str, Any] = read_json(self._file(job.id, "answer"), _REMEDY)
        return answer

    def remove(self, job: Job) -> None:
        """Remove the files of a job."""
        # The .job first: without it nothing else counts.
        for kind in ("job", "body", "answer"):
            self._file(job.id, kind).unlink(missing_ok=True)
        self._sync()

    def _files(self) -> list[Path]:
        with disk_errors(self._path):
            return list(self._path.iterdir())

    def _file(self, id_: str, kind: str) -> Path:
        return self._path / f"{id_}.{kind}"

    def _read(self, id_: str) -> Job:
        path = self._file(id_, "job")
        fields = read_json(path, _REMEDY)
        try:
            job = Job(
                {str(name): str(value) for name, value in fields["asked"].items()},
                int(fields["size"]),
                id_,
                float(fields["created"]),
                int(fields["tries"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path} is no job of this server; {_REMEDY}.") from error
        answer = self._file(id_, "answer")
        if answer.is_file():
            job.finished = answer.stat().st_mtime
            job.state = "failed" if "error" in self.read_answer(job) else "done"
        return job

    def _sync(self) -> None:
        """Have the disk keep the names of the folder's files, too."""
        if os.name == "nt":  # where folders cannot be opened
            return
        handle = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def make_private(folder: Path) -> None:
    """
    Make a folder that nobody else may read, if it is not there.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    InputError
        If it cannot be made.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _is_of_job(name: str, kinds: tuple[str, ...] = ("job",)) -> bool:
    id_, _, kind = name.partition(".")
    return _ID.fullmatch(id_) is not None and kind in kinds


def _is_left_over(name: str, names: set[str]) -> bool:
    if name.startswith("."):  # of an atomic write that was killed
        return _ID.fullmatch(name[1:33]) is not None
    is_ours = _is_of_job(name, ("body", "answer"))
    return is_ours and f"{name.partition('.')[0]}.job" not in names


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
