"""
How the trials of a sweep stand: means over folds with intervals, and which differ from the best.

Folds share most of their training boxes, so their scores are not independent. The variance is
corrected as by Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning
52, 239-281: the factor 1/n becomes 1/n + judged/trained.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
"""Range of each score; Student's intervals over few folds are cut there."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Standing:
    """
    A trial in a rung.

    Attributes
    ----------
    share : float
        Of a full training's epochs or boxes, in (0, 1].
    scores : dict of str to Estimate
        By name: mean over folds, with its 95 % interval; NaN where no fold defines it.
    by_fold : tuple of float
        The score that decides, fold by fold and repeat by repeat; NaN where undefined or not
        yet known.
    fits : int
        Fits that are done.
    seconds : float
        Time that they took.
    failed : str or None
        Why the trial is out.
    """

    share: float
    scores: dict[str, Estimate]
    by_fold: tuple[float, ...]
    fits: int
    seconds: float
    failed: str | None

    @property
    def is_complete(self) -> bool:
        """Whether the trial needs no other fit in this rung: all are done, or one has failed."""
        return self.failed is not None or self.fits == len(self.by_fold)


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
        Of a full training.
    rungs : tuple of Standing
        Those that it reached; only a halving has more than one.
    behind : Estimate or None
        The best trial's score minus its own, over the folds of its last rung; None for the best
        itself, for one that failed, and for one whose last rung is not the best's.
    p : float
        Of the hypothesis that it does not differ from the best, corrected by Holm for all trials;
        NaN if `behind` is None or cannot be tested.
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
            "scores": {name: _plain(score) for name, score in self.last.scores.items()},
            "behind": None if self.behind is None else _plain(self.behind),
            "p": _known(self.p),
            "rungs": [
                {
                    "share": rung.share,
                    "scores": {name: _plain(score) for name, score in rung.scores.items()},
                    "by_fold": [_known(value) for value in rung.by_fold],
                    "fits": rung.fits,
                    "seconds": round(rung.seconds, 1),
                }
                for rung in self.rungs
            ],
        }


def _plain(score: Estimate) -> dict[str, float | None]:
    return {"value": _known(score.value), "low": _known(score.low), "high": _known(score.high)}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def standing(found: Found, trial: int, rung: int) -> Standing:
    """
    The standing of a trial in a rung, by the fits that are done.

    Parameters
    ----------
    found : Found
    trial, rung : int

    Returns
    -------
    standing : Standing
    """
    plan = found.plan
    results = [found.of(fit) for fit in plan.fits([trial], rung)]
    done = [result for result in results if result is not None]
    failed = next((result["failed"] for result in done if result["failed"] is not None), None)
    columns = {name: _column(results, name) for name in SCORES}
    if failed is None and len(done) == len(results) and np.isnan(columns[plan.score]).all():
        failed = f"no fold defines {plan.score}"
    return Standing(
        plan.rungs[rung].share,
        {name: mean(column, plan.folds, _LIMITS[name]) for name, column in columns.items()},
        tuple(columns[plan.score].tolist()),
        len(done),
        sum(float(result["seconds"]) for result in done),
        failed,
    )


def _column(results: Sequence[Mapping[str, Any] | None], name: str) -> Floats:
    """One score of each fit, NaN where it is not defined or the fit is still to be done."""
    known = [None if result is None else result["scores"].get(name) for result in results]
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
        Without bounds if fewer than two values are known.
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
    # judged/trained of the correction is 1 / (folds - 1): one fold judges, the others train.
    return math.sqrt(known.var(ddof=1) * (1 / known.size + 1 / (folds - 1)))


@cache
def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + _LEVEL / 2, freedom))


def _p_value(values: Floats, folds: int) -> float:
    """Two-sided p of a mean of 0; NaN if fewer than two values are known or all are equal."""
    from scipy.stats import t

    known = values[~np.isnan(values)]
    error = _standard_error(known, folds)
    if math.isnan(error) or error == 0:
        return math.nan
    return float(2 * t.sf(abs(known.mean()) / error, known.size - 1))


def going_on(found: Found, trials: Sequence[int], rung: int) -> list[int]:
    """
    The trials of a rung: all in the first, in others the best of the rung before.

    Parameters
    ----------
    found : Found
    trials : sequence of int
        Of the rung before, all of whose fits are done.
    rung : int

    Returns
    -------
    trials : list of int
        In the order of the plan; fewer than planned if some failed.
    """
    if rung == 0:
        return list(trials)
    plan = found.plan
    before = {trial: standing(found, trial, rung - 1) for trial in trials}
    passed = [trial for trial in trials if before[trial].failed is None]
    ranked = sorted(passed, key=lambda trial: _cost(before[trial], plan.score))
    return sorted(ranked[: plan.rungs[rung].trials])


def _cost(standing: Standing, score: str) -> float:
    """The score, or its negative if more is better: the lowest is the best."""
    value = standing.scores[score].value
    return -value if SCORES[score] else value


def rank(found: Found) -> list[Trial]:
    """
    Rank all trials by the fits done so far.

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
        for trial, standing_here in here.items():
            # All trials are listed from the first rung on, begun or not; later ones once begun.
            if rung == 0 or standing_here.fits:
                reached.setdefault(trial, []).append(standing_here)
        # An unfinished rung decides nothing: which trials go on is not known yet.
        if not all(standing_here.is_complete for standing_here in here.values()):
            break
    unranked = [
        Trial(number, plan.points[number], plan.recipe_of(number), tuple(rungs))
        for number, rungs in reached.items()
    ]
    ranked = sorted(unranked, key=lambda trial: _sort_key(trial, plan.score))
    return _compared(ranked, plan)


def _sort_key(trial: Trial, score: str) -> tuple[bool, int, float, int]:
    cost = _cost(trial.last, score)
    return (
        trial.failed is not None,
        -len(trial.rungs),
        math.inf if math.isnan(cost) else cost,
        trial.number,
    )


def _compared(ranked: list[Trial], plan: Plan) -> list[Trial]:
    """Compare each with the best, fold by fold: folds differ more than trials do."""
    if not ranked or ranked[0].failed is not None:
        return ranked
    best = ranked[0]
    sign = 1.0 if SCORES[plan.score] else -1.0  # a worse trial is behind by more than 0
    behind = {
        trial.number: sign * (np.array(best.last.by_fold) - np.array(trial.last.by_fold))
        for trial in ranked[1:]
        if trial.failed is None and len(trial.rungs) == len(best.rungs)
    }
    raw = [_p_value(values, plan.folds) for values in behind.values()]
    corrected = dict(zip(behind, verification.holm(raw).tolist() if raw else [], strict=True))
    return [
        replace(trial, behind=mean(behind[trial.number], plan.folds), p=corrected[trial.number])
        if trial.number in behind
        else trial
        for trial in ranked
    ]
