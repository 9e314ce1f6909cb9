"""
Programs that JAX compiled, for all workers of a suite and for its next runs.

JAX writes a program's file in place, so another process might read half of one. Each worker
therefore has a folder of its own, and complete files are linked between it and the shared one.
"""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

_KEPT_SECONDS = 30 * 86400


def share(given: Path, taken: Path) -> None:
    """
    Let a folder hold all files of another.

    Parameters
    ----------
    given : Path
        Folder to which nothing is written at the moment, but by this function.
    taken : Path
        Folder that holds its files too afterwards. What it holds already stays.
    """
    known = set(os.listdir(taken))
    for name in os.listdir(given):
        if name not in known and not name.startswith("."):
            _link(given / name, taken / name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:  # another worker was faster
        pass
    except OSError:  # the folders are on different disks, or theirs knows no links
        half = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(source, half)
        os.replace(half, target)


def forget_old(folder: Path) -> None:
    """
    Remove files that were written a month ago or earlier.

    Code changes, so most of them are of programs that nobody will ask for again.

    Parameters
    ----------
    folder : Path
    """
    oldest = time.time() - _KEPT_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another worker was faster
            if path.stat().st_mtime < oldest:
                path.unlink()
