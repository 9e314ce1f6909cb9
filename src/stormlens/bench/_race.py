"""One task and network: the contenders start, warm up, and take turns."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from stormlens.bench._contenders import STORMLENS, Contender
from stormlens.bench._job import Job
from stormlens.bench._process import ContenderError, Process
from stormlens.bench._results import Measurement
from stormlens.bench._roofline import Machine, measure_machine

Note = Callable[[str], None]
"""Called with a sentence of progress."""

Group = Sequence[tuple[Contender, Job]]
"""Contenders in one task and network, each with its job."""


@dataclass
class Race:
    """
    Results of a group of contenders.

    Attributes
    ----------
    measurements : list of Measurement
        Of those that finished.
    notes : list of str
        Why others did not finish, a sentence each.
    machine : Machine
        Best rates of the machine over all rounds.
    """

    measurements: list[Measurement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    machine: Machine = field(default_factory=Machine)

    def __add__(self, other: "Race") -> Self:
        return type(self)(
            self.measurements + other.measurements,
            self.notes + other.notes,
            self.machine.best(other.machine),
        )


@dataclass
class _Runner:
    """A process with the seconds of its passes so far."""

    process: Process
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int | None = None


def run_race(group: Group, images: int, epochs: int, note: Note) -> Race:
    """
    Let contenders take turns.

    Parameters
    ----------
    group : sequence of (Contender, Job)
        Contenders and their jobs.
    images : int
        In one pass.
    epochs : int
        Passes that are counted. One more comes first and is not, since it may compile.
    note : callable
        Called with a sentence each round.

    Returns
    -------
    race : Race
    """
    race = Race()
    with ExitStack() as stack:
        runners = [_Runner(stack.enter_context(Process(*entry))) for entry in group]
        runners = _each(runners, lambda runner: runner.process.start(), race, note)
        for number in range(epochs + 1):
            race.machine = race.machine.best(measure_machine())
            runners = _each(runners, _one_pass, race, note)
            note(_round(number, epochs, runners))
        runners = _each(runners, _finish, race, note)
    race.measurements = _compare([_measured(runner, images) for runner in runners], group)
    return race


def _each(
    runners: list[_Runner], action: Callable[[_Runner], None], race: Race, note: Note
) -> list[_Runner]:
    """Call `action` on each in turn; returns those whose process has not ended."""
    going = []
    for runner in runners:
        try:
            action(runner)
        except ContenderError as error:
            race.notes.append(str(error))
            note(str(error))
        else:
            going.append(runner)
    return going


def _one_pass(runner: _Runner) -> None:
    runner.seconds.append(runner.process.run())


def _finish(runner: _Runner) -> None:
    runner.peak_bytes = runner.process.finish()


def _round(number: int, epochs: int, runners: list[_Runner]) -> str:
    if not runners:
        return "No contender is left in this race."
    job = runners[0].process.job
    what = " ".join(part for part in (job.task, job.model) if part)
    which = f"pass {number} of {epochs}" if number else "first pass"
    times = "; ".join(f"{r.process.job.contender} {r.seconds[-1]:.2f} s" for r in runners)
    return f"{what}, {which}: {times}"


def _measured(runner: _Runner, images: int) -> Measurement:
    job, (first, *seconds) = runner.process.job, runner.seconds
    return Measurement(
        job.task, job.model, job.contender, images, first, tuple(seconds), runner.peak_bytes
    )


def _compare(measurements: list[Measurement], group: Group) -> list[Measurement]:
    """Measurements with the ratio to Stormlens's and the largest difference of probabilities."""
    ours = next((m for m in measurements if m.contender == STORMLENS), None)
    if ours is None:
        return measurements
    answers = {job.contender: job.answer for _, job in group}
    compared = []
    for entry in measurements:
        difference = None
        if entry.task == "predict" and entry is not ours:
            given, expected = (np.load(answers[m.contender]) for m in (entry, ours))
            difference = float(abs(given - expected).max())
        ratio = entry.median / ours.median
        compared.append(replace(entry, ratio=ratio, difference=difference))
    return compared
