"""The progress of a sweep: how many fits, about how long, a line for each trial judged."""

import math
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from stormlens.errors import printable
from stormlens.experiment._plan import Fit, Found, Plan
from stormlens.experiment._standing import Standing, going_on, standing

_PAUSE_SECONDS = 0.5  # between two looks


class Progress:
    """
    A bar over all fits, a line a trial, on standard error.

    Parameters
    ----------
    found : Found
        What is done so far.
    processes : int
        Number of processes at work, to estimate the time left.
    shown : bool
        Whether to show anything.
    """

    def __init__(self, found: Found, processes: int, *, shown: bool) -> None:
        plan = found.plan
        self._found, self._plan, self._processes = found, plan, processes
        self._shown = shown
        self._fits = plan.folds * plan.repeats  # of a trial in a rung
        self._reported: set[tuple[int, int]] = set()
        self._first = True
        self._looked = -math.inf
        self._console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.completed:.0f}/{task.total:.0f} fits"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[left]}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not shown,
        )

    def __enter__(self) -> "Progress":
        plan = self._plan
        task = self._bar.add_task("", total=plan.count, left="")
        self._task = task
        self._bar.start()
        self._survey()  # counts earlier fits, so that their trials are not reported again
        done = int(self._bar.tasks[0].completed)
        self._first = not done
        before = f", {done:,} of them done before; {self._left_words()} left" if done else ""
        self._print(f"{_opening(plan)}{before}.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.look(at_once=True)
        self._bar.stop()

    def hear(self, fit: Fit, found: dict[str, Any]) -> None:
        """Note a fit that this process has done."""
        self.look()

    def look(self, at_once: bool = False) -> None:
        """Note all fits that are done, at most twice a second: it reads the folder."""
        now = time.monotonic()
        if not self._shown or (now - self._looked < _PAUSE_SECONDS and not at_once):
            return
        self._looked = now
        judged = self._survey()
        if self._first and self._spent:
            self._first = False
            took = self._spent / self._bar.tasks[0].completed
            self._print(f"The first fit took {took:.1f} s: {self._left_words()} for the rest.")
        for trial, one in judged:
            self._print(_line(self._plan, trial, one))

    def _survey(self) -> list[tuple[int, Standing]]:
        """
        Count the fits done, and return the trials judged since last time.

        Rungs after the first unfinished one are counted as planned, since their trials are not
        known yet. Costs are in epochs of all boxes, so that the time left can be estimated from
        fits of other lengths.
        """
        judged, done, total = [], 0, 0
        rungs = self._plan.rungs
        trials: Sequence[int] = range(len(self._plan.points))
        self._spent = self._left = self._worked = 0.0
        for rung, planned in enumerate(rungs):
            trials = going_on(self._found, trials, rung)
            here = {trial: standing(self._found, trial, rung) for trial in trials}
            for trial, found in here.items():
                needed = found.fits if found.is_complete else self._fits
                done, total = done + found.fits, total + needed
                self._spent += found.seconds
                cost = self._cost(trial, planned.share)
                self._worked += cost * found.fits
                self._left += cost * (needed - found.fits)
                if found.is_complete and (rung, trial) not in self._reported:
                    self._reported.add((rung, trial))
                    judged.append((trial, found))
            if not all(found.is_complete for found in here.values()):
                break
        for later in rungs[rung + 1 :]:
            total += later.trials * self._fits
            self._left += later.trials * self._fits * self._cost(0, later.share)
        words = f"{self._left_words()} left" if self._worked and self._left else ""
        self._bar.update(self._task, completed=done, total=total, left=words)
        return judged

    def _cost(self, trial: int, share: float) -> float:
        """Cost of a fit, in epochs of all boxes."""
        return self._plan.recipe_of(trial).epochs * share

    def _left_words(self) -> str:
        if not self._left:
            return "nothing"
        a_unit = self._spent / self._worked if self._worked else 0.0
        return "about " + duration(self._left * a_unit / self._processes)

    def _print(self, text: str) -> None:
        if self._shown:
            self._console.print(printable(text), highlight=False, markup=False, soft_wrap=True)


def _opening(plan: Plan) -> str:
    trials = len(plan.points)
    dealt = f"{plan.folds} folds" + (f" dealt {plan.repeats} times" if plan.repeats > 1 else "")
    text = f"{trials:,} trial{'s' if trials != 1 else ''} of {plan.base.name}, {dealt} by day"
    if len(plan.rungs) > 1:
        counts = ", ".join(f"{rung.trials:,}" for rung in plan.rungs)
        text += f", in rungs of {counts}"
    return f"{text}: {plan.count:,} fits"


def _line(plan: Plan, trial: int, one: Standing) -> str:
    opening = f"trial {trial}"
    if len(plan.rungs) > 1:
        opening += f", {one.share:.3g} of {plan.budget}"
    opening += f": {values_in_words(plan, trial)}: "
    if one.failed is not None:
        return f"{opening}failed. {one.failed}"
    score = one.scores[plan.score]
    return f"{opening}{plan.score} {score.value:.3f} ({score.low:.3f} to {score.high:.3f})"


def values_in_words(plan: Plan, trial: int) -> str:
    """
    The values of a trial.

    Parameters
    ----------
    plan : Plan
    trial : int

    Returns
    -------
    text : str
        Such as ``learning_rate 0.001, epochs 10``.
    """
    point = plan.points[trial]
    return ", ".join(f"{name} {point[name]}" for name in plan.varied or point)


def duration(seconds: float) -> str:
    """
    About how long, in words.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    text : str

    Examples
    --------
    >>> duration(42), duration(200), duration(7500)
    ('42 s', '3 min', '2 h 5 min')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"
