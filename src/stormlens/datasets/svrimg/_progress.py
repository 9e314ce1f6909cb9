"""A progress bar for downloads, on a terminal only."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_SMALLEST = 2**18


class DownloadProgress:
    """
    Bytes received so far; nothing shows for files under 256 KiB, nor outside a terminal.

    Parameters
    ----------
    name : str
        What is downloaded.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: Progress | None = None

    def show(self, received: int, total: int | None) -> None:
        """
        Bring the bar up to date.

        Parameters
        ----------
        received, total : int
            Bytes; `total` is None where the server did not say.
        """
        if self._bar is None:
            if (total or 0) < _SMALLEST or not sys.stderr.isatty():
                return
            self._bar = _new_bar()
            self._bar.add_task(self._name, total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=received, total=total)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _new_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
