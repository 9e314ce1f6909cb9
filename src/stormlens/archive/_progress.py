"""How far a run is: done, rate and remaining time, on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Report = Callable[[int, str], None]
"""Takes how much is done in all, and a remark."""

_EVERY = 30.0  # seconds between lines where no terminal shows a bar


def remaining(seconds: float) -> str:
    """
    A duration in words of two units at most.

    Parameters
    ----------
    seconds : float
        0 or more.

    Returns
    -------
    text : str

    Examples
    --------
    >>> remaining(42), remaining(200), remaining(7260), remaining(200_000)
    ('42 s', '3 min 20 s', '2 h 1 min', '2 d 7 h')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour} h"
    if hours:
        return f"{hours} h {minute} min"
    return f"{minute} min {second} s" if minutes else f"{second} s"


class Pace:
    """
    Rate and remaining time of work that began with some of it done.

    Parameters
    ----------
    total : int
        All there is to do.
    done : int
        What was done before.
    clock : callable, optional
        Seconds.
    """

    def __init__(self, total: int, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._before, self._clock = total, done, clock
        self._began = clock()

    def words(self, done: int, unit: str) -> str:
        """
        How far it is.

        Parameters
        ----------
        done : int
            In all, with what was done before.
        unit : str
            What is counted, in the plural.

        Returns
        -------
        text : str
            Such as ``1,000 of 5,000 boxes, 250/s, 16 s left``.
        """
        text = f"{done:,} of {self._total:,} {unit}"
        seconds = self._clock() - self._began
        rate = (done - self._before) / seconds if seconds > 0 else 0.0
        if rate <= 0:
            return text
        return f"{text}, {rate:,.0f}/s, {remaining((self._total - done) / rate)} left"


@contextmanager
def show_progress(title: str, total: int, done: int, unit: str, *, shown: bool) -> Iterator[Report]:
    """
    Show how far a run is: a bar on a terminal, elsewhere a line every half minute.

    Parameters
    ----------
    title : str
        Stands before it.
    total, done : int
        All there is, and what was done before.
    unit : str
        What is counted, in the plural.
    shown : bool
        Whether to show anything.

    Yields
    ------
    report : callable
        Takes how much is done in all, and a remark.
    """
    if not shown:
        yield lambda done, remark: None
        return
    from rich.console import Console

    pace = Pace(total, done)
    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(title, total=total, completed=done, words="")
            yield lambda done, remark: bar.update(
                task, completed=done, words=pace.words(done, unit) + remark
            )
    else:
        yield _lines(title, pace, unit)


def _bar(console: "Console") -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[words]}"),
        console=console,
        transient=True,
    )


def _lines(title: str, pace: Pace, unit: str) -> Report:
    said = time.monotonic()

    def report(done: int, remark: str) -> None:
        nonlocal said
        if time.monotonic() - said >= _EVERY:
            said = time.monotonic()
            sys.stderr.write(f"{title} {pace.words(done, unit)}{remark}\n")
            sys.stderr.flush()

    return report
