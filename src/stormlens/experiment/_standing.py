"""
How the trials of a sweep stand: means over folds with intervals, and who is told from the best.

Folds share most of their training boxes, so that their scores are no independent cases; the
variance is raised as Nadeau and Bengio (2003), Inference for the generalization error, Machine
Learning 52, 239-281, correct it: by 1/n + judged/trained for 1/n.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens import verification
from stormlens.experiment._plan import SCORES, Found, Plan, Point
from stormlens.training import Recipe
from stormlens.verification import Estimate

_LEVEL = 0.95
_LIMITS = {
    "hss": (-1.0, 1.0),
    "accuracy": (0.0, 1.0),
    "macro_f1": (0.0, 1.0),
    "brier": (0.0, 2.0),
    "log_loss": (0.0, math.inf),
}
"""What a score can be: bounds of Student's intervals over few folds lie beyond."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Standing:
    """
    A trial in a rung.

    Attributes
    ----------
    share : float
        Of a whole training's epochs or boxes, in (0, 1].
    scores : dict of str to Estimate
        By name: mean over folds, with its 95 % interval; NaN where no fold defines it.
    by_fold : tuple of float
        The score that decides, fold by fold and repeat by repeat; NaN where undefined or not
        yet known.
    fits : int
        Done.
    seconds : float
        That they took.
    failed : str or None
        Why the trial is out.
    """

    share: float
    scores: dict[str, Estimate]
    by_fold: tuple[float, ...]
    fits: int
    seconds: float
    failed: str | None


@dataclass(frozen=True)
class Trial:
    """
    A trial of a sweep.

    Attributes
    ----------
    number : int
        Counted from 0 in the order of the plan.
    values : dict
        By field.
    recipe : Recipe
        Of a whole training.
    rungs : tuple of Standing
        Those that it reached; one but in a halving.
    behind : Estimate or None
        The best trial's score minus its own, over the folds of its last rung; None of the best
        itself, of one that failed, and of one that another rung than the best's was the last of.
    p : float
        Of no difference from the best, corrected by Holm for all trials; NaN where `behind` is
        None or cannot be tested.
    """

    number: int
    values: Point
    recipe: Recipe
    rungs: tuple[Standing, ...]
    behind: Estimate | None = None
    p: float = math.nan

    @property
    def last(self) -> Standing:
        """The standing that counts."""
        return self.rungs[-1]

    @property
    def failed(self) -> str | None:
        """Why it is out, if it is."""
        return self.last.failed

    def to_dict(self) -> dict[str, Any]:
        """
        As ``sweep.json`` holds it.

        Returns
        -------
        values : dict
        """
        return {
            "number": self.number,
            "values": self.values,
            "failed": self.failed,
            "scores": {name: _plain(held) for name, held in self.last.scores.items()},
            "behind": None if self.behind is None else _plain(self.behind),
            "p": _known(self.p),
            "rungs": [
                {
                    "share": held.share,
                    "scores": {name: _plain(score) for name, score in held.scores.items()},
                    "by_fold": [_known(value) for value in held.by_fold],
                    "fits": held.fits,
                    "seconds": round(held.seconds, 1),
                }
                for held in self.rungs
            ],
        }


def _plain(held: Estimate) -> dict[str, float | None]:
    return {"value": _known(held.value), "low": _known(held.low), "high": _known(held.high)}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def standing(found: Found, trial: int, rung: int) -> Standing:
    """
    How a trial stands in a rung, by the fits that are done.

    Parameters
    ----------
    found : Found
    trial, rung : int

    Returns
    -------
    standing : Standing
    """
    plan = found.plan
    every = [found.of(fit) for fit in plan.fits([trial], rung)]
    done = [held for held in every if held is not None]
    failed = next((held["failed"] for held in done if held["failed"] is not None), None)
    columns = {name: _column(every, name) for name in SCORES}
    if failed is None and len(done) == len(every) and np.isnan(columns[plan.score]).all():
        failed = f"no fold defines {plan.score}"
    return Standing(
        plan.rungs[rung].share,
        {name: mean(column, plan.folds, _LIMITS[name]) for name, column in columns.items()},
        tuple(columns[plan.score].tolist()),
        len(done),
        sum(float(held["seconds"]) for held in done),
        failed,
    )


def _column(every: Sequence[Mapping[str, Any] | None], name: str) -> Floats:
    known = [None if held is None else held["scores"].get(name) for held in every]
    return np.array([math.nan if value is None else value for value in known], float)


def mean(
    values: Floats, folds: int, limits: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """
    Mean of scores of a repeated cross-validation, with its 95 % interval.

    Parameters
    ----------
    values : ndarray of float64
        One a fold and repeat; NaN where unknown.
    folds : int
        Of one repeat.
    limits : tuple of float, optional
        Lowest and highest that the mean can be, at which bounds are cut.

    Returns
    -------
    estimate : Estimate
        Without bounds where fewer than two are known.
    """
    known = values[~np.isnan(values)]
    if known.size == 0:
        return Estimate(math.nan, math.nan, math.nan)
    centre = float(known.mean())
    error = _standard_error(known, folds)
    if math.isnan(error):
        return Estimate(centre, math.nan, math.nan)
    half = _quantile(known.size - 1) * error
    return Estimate(centre, max(centre - half, limits[0]), min(centre + half, limits[1]))


def _standard_error(known: Floats, folds: int) -> float:
    if known.size < 2:
        return math.nan
    return math.sqrt(known.var(ddof=1) * (1 / known.size + 1 / (folds - 1)))


@cache
def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + _LEVEL / 2, freedom))


def _p_value(values: Floats, folds: int) -> float:
    """Of a mean of 0, two-sided; NaN where fewer than two are known or all are alike."""
    from scipy.stats import t

    known = values[~np.isnan(values)]
    error = _standard_error(known, folds)
    if math.isnan(error) or error == 0:
        return math.nan
    return float(2 * t.sf(abs(known.mean()) / error, known.size - 1))


def going_on(found: Found, trials: Sequence[int], rung: int) -> list[int]:
    """
    The trials of a rung: all in the first, the best of those before in any other.

    Parameters
    ----------
    found : Found
    trials : sequence of int
        Of the rung before, all of whose fits are done.
    rung : int

    Returns
    -------
    trials : list of int
        In the order of the plan; fewer than planned where others failed.
    """
    if rung == 0:
        return list(trials)
    plan = found.plan
    held = {trial: standing(found, trial, rung - 1) for trial in trials}
    fit = [trial for trial in trials if held[trial].failed is None]
    ranked = sorted(fit, key=lambda trial: _merit(held[trial], plan.score))
    return sorted(ranked[: plan.rungs[rung].trials])


def _merit(held: Standing, score: str) -> float:
    """Less is better."""
    value = held.scores[score].value
    return -value if SCORES[score] else value


def rank(found: Found) -> list[Trial]:
    """
    All trials by what is done so far.

    Parameters
    ----------
    found : Found

    Returns
    -------
    trials : list of Trial
        The best first: those of later rungs before others, those that failed last.
    """
    plan = found.plan
    reached: dict[int, list[Standing]] = {}
    trials: Sequence[int] = range(len(plan.points))
    for rung in range(len(plan.rungs)):
        trials = going_on(found, trials, rung)
        here = {trial: standing(found, trial, rung) for trial in trials}
        for trial, held in here.items():
            if rung == 0 or held.fits:
                reached.setdefault(trial, []).append(held)
        whole = plan.folds * plan.repeats
        if any(held.failed is None and held.fits < whole for held in here.values()):
            break
    made = [
        Trial(number, plan.points[number], plan.recipe_of(number), tuple(rungs))
        for number, rungs in reached.items()
    ]
    ranked = sorted(made, key=lambda trial: _place(trial, plan.score))
    return _compared(ranked, plan)


def _place(trial: Trial, score: str) -> tuple[bool, int, float, int]:
    merit = _merit(trial.last, score)
    return (
        trial.failed is not None,
        -len(trial.rungs),
        math.inf if math.isnan(merit) else merit,
        trial.number,
    )


def _compared(ranked: list[Trial], plan: Plan) -> list[Trial]:
    """Each beside the best, fold by fold."""
    if not ranked or ranked[0].failed is not None:
        return ranked
    best = ranked[0]
    sign = 1.0 if SCORES[plan.score] else -1.0
    behind = {
        trial.number: sign * (np.array(best.last.by_fold) - np.array(trial.last.by_fold))
        for trial in ranked[1:]
        if trial.failed is None and len(trial.rungs) == len(best.rungs)
    }
    raw = [_p_value(values, plan.folds) for values in behind.values()]
    corrected = dict(zip(behind, verification.holm(raw).tolist() if raw else [], strict=True))
    return [
        Trial(
            trial.number,
            trial.values,
            trial.recipe,
            trial.rungs,
            mean(behind[trial.number], plan.folds),
            corrected[trial.number],
        )
        if trial.number in behind
        else trial
        for trial in ranked
    ]
