"""A lock between processes that ends with the process that holds it."""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stormlens.errors import InputError
from stormlens.storage._atomic import disk_errors

_PAUSE_SECONDS = 0.05
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextmanager
def file_lock(path: str | Path, timeout: float = 3600.0) -> Iterator[None]:
    """
    Hold a lock on a file while the block runs; others that ask for it wait.

    The operating system drops the lock when the process ends, however it ends. The empty
    file stays, as removing it would let two processes hold two locks of one name.

    Parameters
    ----------
    path : str or Path
        File to lock; it is made if missing, and so are its folders.
    timeout : float, optional
        Seconds to wait for another process.

    Raises
    ------
    InputError
        If the wait is over, or the place cannot be written or locked.
    """
    path = Path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _wait(handle, path, timeout)
        yield
    finally:
        os.close(handle)


def _wait(handle: int, path: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while not _try_lock(handle, path):
        if time.monotonic() > end:
            msg = f"{path} is still locked by another process after {timeout:g} s; stop that one."
            raise InputError(msg)
        time.sleep(_PAUSE_SECONDS)


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
        msg = f"{path} cannot be locked ({error.strerror}); choose a folder on a local disk."
        raise InputError(msg) from error
    return True
