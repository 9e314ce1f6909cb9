"""One file of the archive, checked and kept, from the cache or else from its place."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from stormlens.datasets._cache import is_intact, record, recorded, sha256
from stormlens.datasets.svrimg._archive import Archive
from stormlens.errors import InputError
from stormlens.storage import atomic_path, disk_errors, file_lock

if TYPE_CHECKING:
    import requests


Content = TypeVar("Content")


@dataclass(frozen=True)
class Kind(Generic[Content]):
    """
    A kind of file: how large it may be, and how it is checked and kept.

    Parameters
    ----------
    max_bytes : int
        Size above which it is refused.
    check : callable
        Reads a file that has arrived; raises `InputError` if it is not what it should be.
    convert : callable, optional
        Writes what is kept, from what `check` returned; without it the file itself is kept.
    ends_itself : bool, optional
        Whether `check` sees where a file is cut, wherever that is. A table cut between two rows
        is a table, so of one the server must say how long it is, or its hash must be known.
    """

    max_bytes: int
    check: Callable[[Path], Content]
    convert: Callable[[Content, Path], object] | None = None
    ends_itself: bool = True


def obtain(
    archive: Archive,
    path: str,
    kind: Kind,
    *,
    refresh: bool = False,
    session: "requests.Session | None" = None,
) -> Path:
    """
    Name in the cache of one of the archive's files, downloaded if need be.

    Parameters
    ----------
    archive : Archive
        Where it comes from and where it is kept.
    path : str
        The file, relative to the archive's base.
    kind : Kind
        How it is checked.
    refresh : bool, optional
        Download again, and accept a file that has changed.
    session : requests.Session, optional
        Keeps a connection open between files.

    Returns
    -------
    target : Path
        A checked file, whose hash is the one recorded on first download.

    Raises
    ------
    InputError
        If it cannot be downloaded, is not what it should be, or has changed.
    """
    target = archive.kept_as(path)
    if not refresh and is_intact(target):
        return target
    # One download at a time, of all processes that share this cache.
    with file_lock(archive.folder / ".lock"):
        if refresh or not is_intact(target):
            if not refresh:
                _remove_tampered(target)
            with disk_errors(target), _session(session) as open_session:
                target.parent.mkdir(parents=True, exist_ok=True)
                _fetch(archive, path, kind, refresh, open_session)
    return target


def _remove_tampered(target: Path) -> None:
    """
    Remove a file that has changed since it was downloaded, and say so.

    Its hash stays recorded, so that only the same file is accepted again.
    """
    if target.is_file():
        target.unlink()
        if recorded(target) is not None:
            msg = (
                f"{target} was no longer the file that was downloaded (its SHA-256 differs) and "
                "has been removed; run again to download it anew."
            )
            raise InputError(msg)


@contextmanager
def _session(given: "requests.Session | None") -> "Iterator[requests.Session]":
    import requests

    if given is not None:
        yield given
        return
    with requests.Session() as session:
        yield session


def _fetch(
    archive: Archive, path: str, kind: Kind, refresh: bool, session: "requests.Session"
) -> None:
    """Download a file, check it, record its hashes, and only then give it its own name."""
    source, target = archive.source_of(path), archive.kept_as(path)
    entry = recorded(target)
    known = entry["sha256"] if entry and not refresh else None
    arrived = target.with_name(f".{Path(source).name}.arrived")
    try:
        _retrieve(archive, source, arrived, known, kind, session)
        try:
            content = kind.check(arrived)
        except InputError as error:
            # The sentence is about the file at its source; the one that arrived is gone.
            raise InputError(str(error).replace(str(arrived), source)) from error
        with atomic_path(target) as temporary:
            if kind.convert is None:
                shutil.copyfile(arrived, temporary)
            else:
                kind.convert(content, temporary)
            digests = {"sha256": sha256(arrived), "stored_sha256": sha256(temporary)}
            record(target, {"url": source, **digests})
    finally:
        arrived.unlink(missing_ok=True)


def _retrieve(
    archive: Archive,
    source: str,
    arrived: Path,
    known: str | None,
    kind: Kind,
    session: "requests.Session",
) -> None:
    """A whole file with the known hash; a resumed one that differs is tried once from its start."""
    import pooch

    from stormlens.datasets.svrimg._download import Copying, Resuming

    arrived.unlink(missing_ok=True)
    is_url = source.startswith(("http://", "https://"))
    part = arrived.with_name(arrived.name.removesuffix(".arrived") + ".part")
    downloader = (
        Resuming(
            part,
            kind.max_bytes,
            session,
            archive.offline,
            needs_length=known is None and not kind.ends_itself,
        )
        if is_url
        else Copying(kind.max_bytes)
    )
    for tries_left in (1, 0):
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(source, known, arrived.name, arrived.parent, downloader=downloader)
        except InputError:
            raise
        except ValueError as error:
            downloader.discard()
            if downloader.resumed and tries_left:
                continue
            msg = (
                f"{source} is not the file that was first downloaded (its SHA-256 is not "
                f"{str(known)[:12]}...) and was not kept; if it has really changed there, "
                f"accept the new one with `stormlens data fetch {archive.name} --refresh`."
            )
            raise InputError(msg) from error
        return


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Leave out pooch's notes about hashes, which are recorded here and not there."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
