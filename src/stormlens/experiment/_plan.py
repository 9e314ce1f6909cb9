"""
The plan of a sweep: its trials, its rungs, and the fits that they add up to.

``plan.json`` contains everything that decides a sweep; each fit has a file with what it found. So
any process can see from the folder what is left to do: several share the work, and killing one
loses no more than its present fit.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from stormlens import storage
from stormlens.errors import InputError, unknown
from stormlens.experiment._data import Data
from stormlens.experiment._space import MOST_TRIALS, Point, Range, Space
from stormlens.training import Recipe

METHODS: tuple[str, ...] = ("grid", "random", "halving")
BUDGETS: tuple[str, ...] = ("epochs", "boxes")
SCORES: dict[str, bool] = {
    "hss": True,
    "accuracy": True,
    "macro_f1": True,
    "brier": False,
    "log_loss": False,
}
"""Scores that a trial gets, and whether more is better."""

_PLAN, _FITS = "plan.json", "fits"
_REMEDY = "put it back as it was, or sweep into another folder"
_TRIALS_DRAWN = 20  # by default
_MOST_FOLDS, _MOST_REPEATS = 100, 100
_KINDS: dict[str, type | tuple[type, ...]] = {
    "trial": int,
    "rung": int,
    "repeat": int,
    "fold": int,
    "scores": dict,
    "boxes": int,
    "trained_on": int,
    "epochs": int,
    "seconds": (int, float),
    "failed": (str, type(None)),
}


class Fit(NamedTuple):
    """One training of a sweep: a trial in a rung, on one of the folds."""

    trial: int
    rung: int
    repeat: int
    fold: int

    @property
    def file(self) -> str:
        """Name of the file with what it found."""
        return f"trial{self.trial:05d}-rung{self.rung}-repeat{self.repeat}-fold{self.fold}.json"


class Rung(NamedTuple):
    """How many trials are judged, with which share of a full training's budget."""

    trials: int
    share: float


@dataclass(frozen=True)
class Plan:
    """
    Everything that decides a sweep.

    Attributes
    ----------
    recipe : dict
        What is not varied, as `Recipe.to_dict` gives it.
    fields : dict
        By field: a list of values, or ``low``, ``high`` and ``log`` of a range.
    points : list of dict
        Value by field of each trial.
    method : {"grid", "random", "halving"}
    folds, repeats : int
        Of the cross-validation.
    score : str
        Which decides, of `SCORES`.
    budget : {"epochs", "boxes"}
        What a rung of a halving has less of.
    factor : int
        One in so many trials of a rung goes on to the next.
    seed : int
        Of draws and folds.
    data : str
        Name of the boxes.
    options : dict
        Their other arguments.
    boxes : str
        SHA-256 of images, classes and times.
    """

    recipe: dict[str, Any]
    fields: dict[str, Any]
    points: list[Point]
    method: str
    folds: int
    repeats: int
    score: str
    budget: str
    factor: int
    seed: int
    data: str
    options: dict[str, Any]
    boxes: str

    @classmethod
    def of(cls, space: Space, source: Data, boxes: str, choices: "Choices") -> "Plan":
        """
        The plan of a new sweep.

        Parameters
        ----------
        space : Space
        source : Data
        boxes : str
            SHA-256 of what it holds.
        choices : Choices

        Returns
        -------
        plan : Plan

        Raises
        ------
        InputError
            If recipes of the trials are refused, or choices do not fit the space.
        """
        choices.check(space)
        points = _points(space, choices)
        for point in points:
            space.recipe(point)  # refuses values that do not fit each other before any training
        fields = {
            name: asdict(values) if isinstance(values, Range) else list(values)
            for name, values in space.fields.items()
        }
        given = asdict(choices)
        given.pop("trials")
        plan = cls(
            recipe=space.base.to_dict(),
            fields=fields,
            points=points,
            data=source.name,
            options=source.options,
            boxes=boxes,
            **given,
        )
        # By way of JSON, so that a plan equals the one read from its file (tuples become lists).
        return replace(plan, **json.loads(json.dumps(asdict(plan), default=str)))

    @property
    def base(self) -> Recipe:
        """What is not varied."""
        return Recipe.from_dict(self.recipe, name="of the sweep")

    @property
    def varied(self) -> list[str]:
        """Fields that differ between trials."""
        return [
            name
            for name in self.fields
            if any(point[name] != self.points[0][name] for point in self.points)
        ]

    @property
    def varies_data(self) -> bool:
        """Whether trials differ in their boxes."""
        return any(_is_of_data(name) for name in self.varied)

    @property
    def rungs(self) -> list[Rung]:
        """
        Of a halving, the rungs with the full training last; else one.

        Returns
        -------
        rungs : list of Rung
        """
        trials = len(self.points)
        if self.method != "halving":
            return [Rung(trials, 1.0)]
        counts = [trials]
        while counts[-1] > 1:
            counts.append(math.ceil(counts[-1] / self.factor))
        if self.budget == "epochs":
            # As many rungs as leave the first at least one epoch: factor^(rungs - 1) <= epochs.
            # 1e-9 keeps a power of the factor from falling just below its whole logarithm.
            epochs = self.recipe_of(0).epochs
            counts = counts[: 1 + int(math.log(epochs) / math.log(self.factor) + 1e-9)]
        last = len(counts) - 1
        return [Rung(count, self.factor ** (i - last)) for i, count in enumerate(counts)]

    def recipe_of(self, trial: int) -> Recipe:
        """The recipe of a full training of a trial."""
        if trial not in self._recipes:
            self._recipes[trial] = Space(self.base, {}).recipe(self.points[trial])
        return self._recipes[trial]

    @cached_property
    def _recipes(self) -> dict[int, Recipe]:
        """A cache for `recipe_of`."""
        return {}

    def source_of(self, trial: int) -> Data:
        """The boxes of a trial."""
        if not any(map(_is_of_data, self.fields)):
            return Data(self.data, self.options)
        made_for = self.recipe_of(trial).data
        if made_for is None:
            raise InputError(f"The data of trial {trial} have no name; {_REMEDY}.")
        return Data.of(made_for.name, made_for.options)

    def fits(self, trials: Sequence[int], rung: int) -> Iterator[Fit]:
        """All fits of some trials in a rung, a trial after the other."""
        for trial in trials:
            for repeat in range(self.repeats):
                for fold in range(self.folds):
                    yield Fit(trial, rung, repeat, fold)

    @property
    def count(self) -> int:
        """Fits in all, if none fails."""
        return sum(rung.trials for rung in self.rungs) * self.folds * self.repeats

    def write(self, folder: Path) -> None:
        """Leave it in a folder."""
        text = json.dumps(asdict(self), indent=2, allow_nan=False)
        storage.write_text(folder / _PLAN, text + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Plan | None":
        """
        The plan in a folder, if any.

        Parameters
        ----------
        folder : Path

        Returns
        -------
        plan : Plan or None

        Raises
        ------
        InputError
            If it is damaged.
        """
        path = folder / _PLAN
        if not path.exists():
            return None
        values = storage.read_json(path, _REMEDY)
        try:
            return _checked(cls(**values))
        except (TypeError, AttributeError, KeyError, ValueError) as error:
            reason = str(error) if isinstance(error, InputError) else "no plan of a sweep"
            raise InputError(f"{path} is damaged ({reason}); {_REMEDY}.") from error

    def joined(self, other: "Plan", folder: Path) -> "Plan":
        """
        Join the plan in a folder with a new one, if both are of one sweep.

        Parameters
        ----------
        other : Plan
            The new one.
        folder : Path
            For errors.

        Returns
        -------
        plan : Plan
            The one with more trials: a random sweep may grow.

        Raises
        ------
        InputError
            If something that decides the sweep differs.
        """
        for name, before in asdict(self).items():
            now = getattr(other, name)
            if now == before or (name == "points" and self._grows(other)):
                continue
            if name == "boxes":
                raise InputError(
                    f"{folder} holds a sweep of other boxes: {self.data} has changed since; "
                    "sweep into another folder."
                )
            raise InputError(_difference(folder, name, before, now))
        return max(self, other, key=lambda plan: len(plan.points))

    def _grows(self, other: "Plan") -> bool:
        if self.method != "random":
            return False
        shared = min(len(self.points), len(other.points))
        return self.points[:shared] == other.points[:shared]


@dataclass(frozen=True)
class Choices:
    """The method of a sweep and its settings; see `Plan`, and `sweep` for what each may be."""

    method: str = "grid"
    trials: int | None = None
    folds: int = 5
    repeats: int = 1
    score: str = "hss"
    budget: str = "epochs"
    factor: int = 3
    seed: int = 0

    def check(self, space: Space) -> None:
        """
        Refuse values that are out of range, or that the method does not use.

        Parameters
        ----------
        space : Space

        Raises
        ------
        InputError
            With what to change.
        """
        for what, text, options in (
            ("method", self.method, METHODS),
            ("score", self.score, SCORES),
            ("budget", self.budget, BUDGETS),
        ):
            if text not in options:
                raise unknown(f"{what} of a sweep", text, options)
        for name, value, low, high in (
            ("folds", self.folds, 2, _MOST_FOLDS),
            ("repeats", self.repeats, 1, _MOST_REPEATS),
            ("factor", self.factor, 2, 100),
            ("seed", self.seed, 0, 2**31 - 1),
            ("trials", 1 if self.trials is None else self.trials, 1, MOST_TRIALS),
        ):
            if type(value) is not int or not low <= value <= high:
                raise InputError(
                    f"{name} is {value!r}, it must be a whole number from {low} to {high:,}."
                )
        self._check_method(space)

    def _check_method(self, space: Space) -> None:
        if self.method == "grid" and self.trials is not None:
            raise InputError(
                "trials decides nothing for a grid, which tries every combination; choose the "
                "method random or halving."
            )
        if self.method != "halving" or self.budget != "epochs":
            return
        tables = [name for name in space.fields if name.startswith("features.")]
        if tables or space.base.model.startswith("features-"):
            raise InputError(
                "A baseline on features has no epochs to halve; halve the boxes: --budget boxes."
            )
        values = space.fields.get("epochs", ())
        if isinstance(values, Range) or len(values) > 1:
            raise InputError(
                "A halving over epochs decides the epochs itself; give one value of epochs, or "
                "halve the boxes: --budget boxes."
            )


def _is_of_data(name: str) -> bool:
    return name.partition(".")[0] == "data"


def _points(space: Space, choices: Choices) -> list[Point]:
    if choices.method == "grid" or (
        choices.method == "halving" and choices.trials is None and not space.has_range
    ):
        return space.grid()
    return space.draw(choices.trials or _TRIALS_DRAWN, choices.seed)


def _difference(folder: Path, name: str, before: Any, now: Any) -> str:
    called = {"fields": "vary", "points": "trials", "options": "data options"}.get(name, name)
    if name == "recipe":
        keys = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
        called = f"recipe's {keys[0]}"
        before, now = before.get(keys[0]), now.get(keys[0])
    if name == "points":
        before, now = f"{len(before)} of them", f"{len(now)} of them"
    return (
        f"{folder} holds a sweep with other values of {called}: {str(before)[:200]}, not "
        f"{str(now)[:200]}. Give the same again to go on with it, or choose another folder."
    )


def _checked(plan: Plan) -> Plan:
    """Check a plan from disk: its numbers decide the lengths of loops and names of files."""
    given = ("method", "folds", "repeats", "score", "budget", "factor", "seed")
    choices = Choices(**{name: getattr(plan, name) for name in given})
    choices.check(Space(plan.base, {}))
    if not 1 <= len(plan.points) <= MOST_TRIALS:
        raise InputError("it has no trial, or too many")
    for trial, point in enumerate(plan.points):
        if set(point) != set(plan.fields):
            raise InputError(f"trial {trial} has other fields than the sweep")
    if not isinstance(plan.data, str) or not isinstance(plan.options, dict):
        raise InputError("it does not name its data")
    return plan


class Found:
    """
    What the fits of a sweep found, each file read once.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    plan : Plan
        Its plan.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self._known: dict[Fit, dict[str, Any]] = {}

    def path(self, fit: Fit) -> Path:
        """Path of a fit's file."""
        return self.folder / _FITS / fit.file

    def of(self, fit: Fit) -> dict[str, Any] | None:
        """
        What a fit found.

        Parameters
        ----------
        fit : Fit

        Returns
        -------
        found : dict or None
            scores (None where undefined), boxes, trained_on, epochs, seconds, and in ``failed``
            a sentence or None. None where the fit is still to be done.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        if fit not in self._known:
            path = self.path(fit)
            if not path.exists():
                return None
            self._known[fit] = _read(path, fit)
        return self._known[fit]

    def write(self, fit: Fit, found: Mapping[str, Any]) -> None:
        """Write what a fit found, atomically."""
        text = json.dumps({**fit._asdict(), **found}, indent=2, allow_nan=False)
        storage.write_text(self.path(fit), text + "\n")


def _read(path: Path, fit: Fit) -> dict[str, Any]:
    remedy = "remove it, and the same command does that fit again"
    values = storage.read_json(path, remedy)
    has_all = isinstance(values, dict) and all(
        isinstance(values.get(name), kind) for name, kind in _KINDS.items()
    )
    if (
        not has_all
        or Fit(*(values[name] for name in Fit._fields)) != fit
        or not _has_scores(values)
    ):
        raise InputError(f"{path} is damaged (it is no fit of this sweep); {remedy}.")
    return {name: values[name] for name in _KINDS}


def _has_scores(values: Mapping[str, Any]) -> bool:
    if values["failed"] is not None:
        return True
    scores = values["scores"]
    return all(
        name in scores
        and (scores[name] is None or type(scores[name]) in (int, float))
        and math.isfinite(scores[name] or 0)
        for name in SCORES
    )
