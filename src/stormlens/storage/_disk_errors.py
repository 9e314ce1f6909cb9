"""What the disk says of a write that fails, as sentences."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stormlens.errors import InputError


@contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """
    Turn errors of the disk into a sentence about `path`.

    Parameters
    ----------
    path : str or Path
        File or folder that the block writes.

    Raises
    ------
    InputError
        For a full disk, a read-only place, or a parent that is a file.
    """
    reasons = {
        errno.ENOSPC: "no space is left on the disk; free some or write elsewhere",
        errno.EDQUOT: "the disk quota is used up; free some space or write elsewhere",
        errno.EACCES: "permission is denied; write elsewhere",
        errno.EPERM: "permission is denied; write elsewhere",
        errno.EFBIG: "the file grew past the size that is allowed here; write elsewhere",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
        errno.EROFS: "the disk is read-only; write elsewhere",
        errno.ENOTDIR: "a part of this path is a file, not a folder",
        errno.EEXIST: "a part of this path is a file, not a folder",
    }
    try:
        yield
    except OSError as error:
        if error.errno not in reasons:
            raise
        raise InputError(f"Cannot write {path}: {reasons[error.errno]}.") from error
