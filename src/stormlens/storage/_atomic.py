"""
Atomic writes: a file is written under another name in its folder, then renamed.

A killed process leaves the old file or the new one, never half of it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stormlens.errors import InputError
from stormlens.storage._disk_errors import disk_errors
from stormlens.storage._lock import file_lock

_APPEND_SECONDS = 60.0  # to wait for other processes that append


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """
    Give a temporary path in the same folder, and rename it to `path` when the block succeeds.

    Parameters
    ----------
    path : str or Path
        Final name; missing parent folders are made.

    Yields
    ------
    temporary : Path
        Where to write. It is removed if the block raises.

    Raises
    ------
    InputError
        If the disk is full, the folder cannot be written, or `path` is a folder,
        a device or a pipe.
    """
    path = _target(Path(path))
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _new_beside(path)
    try:
        with disk_errors(path):
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """
    Raise now, as far as it can be known, the error that writing a file would end with.

    Parameters
    ----------
    path : str or Path
        Final name; its folder need not exist yet.

    Raises
    ------
    InputError
        If its folder cannot be made or written, or `path` is a folder, a device or a pipe.
    """
    target = _target(Path(path))
    with disk_errors(target):
        folder = next(place for place in target.absolute().parents if place.exists())
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def write_bytes(path: str | Path, content: bytes) -> Path:
    """
    Write a file atomically.

    Parameters
    ----------
    path : str or Path
        File to write.
    content : bytes
        All of it.

    Returns
    -------
    path : Path
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def write_text(path: str | Path, content: str) -> Path:
    """
    Write a text file in UTF-8 atomically.

    Parameters
    ----------
    path : str or Path
        File to write.
    content : str
        All of it; line ends stay as they are. Bytes of file names that are not UTF-8 are escaped.

    Returns
    -------
    path : Path
    """
    return write_bytes(path, content.encode(errors="backslashreplace"))


def append_line(path: str | Path, line: str) -> Path:
    """
    Append one line to a text file, and return when it is on the disk.

    A line that a killed process left unfinished is cut off first. Processes that append at the
    same time wait for each other.

    Parameters
    ----------
    path : str or Path
        The file; it is made if missing, and so are its folders.
    line : str
        Without line end.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If the disk is full, the folder cannot be written, or `path` is a folder, a device or a
        pipe.
    """
    target = _target(Path(path))
    with (
        file_lock(target.with_name(f".{target.name}.lock"), _APPEND_SECONDS),
        disk_errors(target),
        os.fdopen(os.open(target, os.O_RDWR | os.O_CREAT, 0o666), "rb+") as file,
    ):
        content = file.read()
        file.seek(content.rfind(b"\n") + 1)
        file.truncate()
        file.write(line.encode(errors="backslashreplace") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return Path(path)


def _target(path: Path) -> Path:
    """The file to write: where a link points, since renaming would replace the link itself."""
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    if path.is_dir():
        raise InputError(f"{path} is a directory; give the name of a file to write.")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a device or a pipe; give the name of a file to write.")
    return path


def _new_beside(path: Path) -> Path:
    # Made by os.open, not tempfile, so that the umask decides who may read the result.
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}{path.suffix}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
