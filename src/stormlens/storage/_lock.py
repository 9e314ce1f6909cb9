"""
Locks between processes, which the operating system releases when their process ends.

A file that is merely there would lock everybody out after a crash, so the lock is on the open file.
"""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stormlens.errors import InputError
from stormlens.storage._disk_errors import disk_errors

_PAUSE_SECONDS = 0.05
_TRIES = 100
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextmanager
def file_lock(path: str | Path, timeout: float = 3600.0, busy: str = "") -> Iterator[None]:
    """
    Hold a lock on a file while the block runs; others that ask for it wait.

    The operating system releases the lock when the process ends, however it ends. The file is
    removed at the end of the block; one that a killed process left locks nobody out.

    Parameters
    ----------
    path : str or Path
        File to lock; it is made if missing, and so are its folders.
    timeout : float, optional
        Seconds to wait for another process.
    busy : str, optional
        The error's sentence if another process holds it for longer.

    Raises
    ------
    InputError
        If the time is over, or the file cannot be made or locked.
    """
    path = Path(path).absolute()
    handle = _locked(path, timeout)
    if handle is None:
        stop = f"{path} is still locked by another process after {timeout:g} s; stop that one."
        raise InputError(busy or stop)
    try:
        yield
    finally:
        _let_go(handle, path)


@contextmanager
def lock_if_free(path: str | Path) -> Iterator[bool]:
    """
    Hold a lock on a file while the block runs, unless another process holds it.

    Parameters
    ----------
    path : str or Path
        As for `file_lock`.

    Yields
    ------
    locked : bool
        Whether this process has the lock.

    Raises
    ------
    InputError
        If the file cannot be made or locked.
    """
    path = Path(path).absolute()
    handle = _locked(path, timeout=0)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            _let_go(handle, path)


def _let_go(handle: int, path: Path) -> None:
    # The file is removed while it is still locked, so that whoever waits for it notices, in
    # _is_of_name, that its name is gone. Windows cannot remove an open file, so closes it first.
    if sys.platform == "win32":
        os.close(handle)
    with suppress(OSError):
        path.unlink()
    if sys.platform != "win32":
        os.close(handle)


def _locked(path: Path, timeout: float) -> int | None:
    """The open file, once locked and still the one of that name; None when the time is over."""
    end = time.monotonic() + timeout
    while True:
        handle = _opened(path)
        try:
            if _try_lock(handle, path) and _is_of_name(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if time.monotonic() >= end:
            return None
        time.sleep(_PAUSE_SECONDS)


def _opened(path: Path) -> int:
    try:
        with disk_errors(path):
            for _ in range(_TRIES):
                path.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):  # its last holder has just removed the folder
                    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # and if it fails, that is said
    except OSError as error:
        raise _not_lockable(path, error) from error


def _is_of_name(handle: int, path: Path) -> bool:
    """Whether the last holder did not remove the file between our opening and locking it."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _try_lock(handle: int, path: Path) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise _not_lockable(path, error) from error
    return True


def _not_lockable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path} cannot be locked ({error.strerror}); choose another folder, on a local disk."
    )
