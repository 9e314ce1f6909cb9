"""
Files that a user named, opened only if they are regular files of a bounded size.

Opening a pipe without a writer would block for ever, and opening a device may do anything.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stormlens.errors import InputError

MAX_FILE_BYTES = 2**30
"""Largest file that is read into memory by default, bytes."""

_KINDS = (
    (stat.S_ISDIR, "is a directory; give the files in it"),
    (stat.S_ISFIFO, "is a pipe, which is not read; save what comes out of it to a file"),
    (stat.S_ISCHR, "is a device, which is not read; give a file"),
    (stat.S_ISBLK, "is a device, which is not read; give a file"),
    (stat.S_ISSOCK, "is a socket, which is not read; give a file"),
)
_MISSING = {errno.ENOENT, errno.ENOTDIR}
_REASONS = {
    errno.ELOOP: "the links on the way lead in a circle",
    errno.EACCES: "permission is denied",
    errno.ENAMETOOLONG: "the name is too long",
}
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def check_file(path: str | Path, limit: int | None = MAX_FILE_BYTES) -> None:
    """
    Raise a sentence unless a path is a file that can be opened and is not too large.

    Parameters
    ----------
    path : str or Path
        What a user named.
    limit : int or None, optional
        Largest size, bytes; None for any.

    Raises
    ------
    InputError
        If it is not; nothing has been read then, and no pipe or device opened.
    """
    with opened_file(path, limit):
        pass


def read_file(path: str | Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """
    Read all of a file.

    Parameters
    ----------
    path, limit
        As `check_file` takes them.

    Returns
    -------
    content : bytes

    Raises
    ------
    InputError
        As `check_file`, or if the disk fails or the file grows meanwhile.
    """
    with opened_file(path, limit) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1)
    if len(content) > size:
        raise InputError(f"{path} grows while it is read; give it when it is whole.")
    return content


@contextmanager
def opened_file(path: str | Path, limit: int | None = MAX_FILE_BYTES) -> Iterator[BinaryIO]:
    """
    Open a file for reading. Errors of the disk, here and in the block, become sentences.

    Parameters
    ----------
    path, limit
        As `check_file` takes them.

    Yields
    ------
    file : binary file

    Raises
    ------
    InputError
        As `check_file`, or if the disk fails.
    """
    try:
        _check(path, _found(path), limit)
        # Checked again once it is open: another file may have taken its name in between.
        with os.fdopen(os.open(path, _FLAGS), "rb") as file:
            _check(path, os.fstat(file.fileno()), limit)
            yield file
    except OSError as error:
        if error.errno in _MISSING:
            raise InputError(f"{path} does not exist; check the name.") from error
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise InputError(f"{path} cannot be read: {reason}.") from error


def _found(path: str | Path) -> os.stat_result:
    try:
        return os.stat(path)
    except ValueError as error:  # a zero byte, or a lone surrogate
        raise InputError(f"{path} cannot be the name of a file ({error}).") from error


def _check(path: str | Path, found: os.stat_result, limit: int | None) -> None:
    for is_kind, what in _KINDS:
        if is_kind(found.st_mode):
            raise InputError(f"{path} {what}.")
    if limit is not None and found.st_size > limit:
        raise InputError(f"{path} is larger than {limit >> 20} MiB, which is refused.")
