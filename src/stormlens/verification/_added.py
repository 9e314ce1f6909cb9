"""
Scores beyond the five: those of other packages, each on its own so that none spoils another.

A package's function may fail on boxes that its author never met, in a single replicate too. Then
this one score is left out, and a warning names it.
"""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens import __version__
from stormlens.plugins import reason_of
from stormlens.verification._measures import ADDED_SCORES, SCORES, Score
from stormlens.verification._scores import OVERALL, AddedScore, Estimate
from stormlens.verification._totals import estimates_of, group_totals

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def added_scores(
    probability: Floats,
    truth: Codes,
    constant: Floats,
    group: Codes,
    *,
    n_boot: int,
    seed: int,
) -> dict[str, AddedScore]:
    """
    All scores beyond the five that can be had of these boxes.

    Parameters
    ----------
    probability : ndarray, shape (storm, mode)
        Checked.
    truth : ndarray of int64, shape (storm,)
        Class codes.
    constant : ndarray, shape (storm, mode)
        Of the constant answer.
    group : ndarray of int64, shape (storm,)
        What is resampled together.
    n_boot, seed
        As for `score`.

    Returns
    -------
    added : dict of str to AddedScore
        By name. A score that fails, or leaves its range, is not there; a `UserWarning` says why.
    """
    added = {}
    for fault in ADDED_SCORES.faults():
        warnings.warn(fault, UserWarning, stacklevel=3)
    for score, package, called in _all():
        try:
            ours, base = (
                _estimate(score, given, truth, group, n_boot=draws, seed=seed)
                for given, draws in ((probability, n_boot), (constant, 1))
            )
        except Exception as error:  # foreign code may raise anything
            warnings.warn(
                f"{called} is left out: it fails on these boxes ({reason_of(error)}).",
                UserWarning,
                stacklevel=3,
            )
            continue
        low, high = (None if np.isinf(end) else float(end) for end in score.range)
        added[score.name] = AddedScore(
            ours.value,
            ours.low,
            ours.high,
            score.title,
            score.meaning,
            score.sense,
            low,
            high,
            score.higher_is_better,
            base.value,
            package,
        )
    return added


def _all() -> Iterator[tuple[Score, str, str]]:
    """Each score, its package, and what sentences call it."""
    for score in SCORES:
        if score.name not in OVERALL:
            yield score, f"stormlens {__version__}", f"The score {score.name}"
    for found in ADDED_SCORES.all():
        plugin = found.plugin
        called = str(plugin)
        yield (
            found.content,
            f"{plugin.package} {plugin.version}",
            f"{called[0].upper()}{called[1:]}",
        )


def _estimate(
    score: Score, probability: Floats, truth: Codes, group: Codes, *, n_boot: int, seed: int
) -> Estimate:
    guarded = _guarded(score)
    summed = () if guarded.of_boxes is None else (guarded,)
    with np.errstate(all="ignore"):  # what is undefined is NaN, and so told
        totals = group_totals(probability, truth, probability.argmax(1), group, summed)
        (found,) = estimates_of(
            totals, probability.shape[1], (guarded,), (), n_boot=n_boot, seed=seed, summed=summed
        )
    low, high = score.range
    # Sums over boxes are rounded, so that a bound may be missed by that much.
    if not np.isnan(found.value) and not low - 1e-9 <= found.value <= high + 1e-9:
        raise ValueError(f"{found.value:.6g} lies outside its range, {low:g} to {high:g}")
    return Estimate(*(value if np.isfinite(value) else np.nan for value in _numbers(found)))


def _numbers(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def _guarded(score: Score) -> Score:
    """The same score, whose function has to give the shape that is due."""
    of_confusion, of_boxes = score.of_confusion, score.of_boxes
    if of_confusion is not None:
        return replace(
            score, of_confusion=lambda counts: _shaped(of_confusion(counts), counts.shape[:-2])
        )
    assert of_boxes is not None  # noqa: S101
    return replace(
        score,
        of_boxes=lambda probability, truth: _shaped(of_boxes(probability, truth), truth.shape),
    )


def _shaped(values: Any, due: tuple[int, ...]) -> Floats:
    array = np.asarray(values, float)
    if array.shape != due:
        raise ValueError(f"it gives shape {array.shape} where {due} is due")
    return array
