"""
What a bootstrap adds up: each group's confusion counts, and sums over its boxes.

All scores of all replicates follow from these sums (counts first, scores second).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stormlens.verification import _categorical as categorical
from stormlens.verification._bootstrap import interval, leave_one_out, replicates
from stormlens.verification._measures import SUMMED, Score
from stormlens.verification._scores import Estimate

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def group_totals(
    probability: Floats,
    truth: Codes,
    answer: Codes,
    group: Codes,
    summed: Sequence[Score] = SUMMED,
) -> Floats:
    """
    Each group's confusion counts, then its sums over boxes.

    Parameters
    ----------
    probability : ndarray, shape (storm, mode)
        Checked: rows sum to 1.
    truth, answer : ndarray of int64, shape (storm,)
        Class codes.
    group : ndarray of int64, shape (storm,)
        Codes from 0 of what is resampled together.
    summed : sequence of Score, optional
        Those that have `of_boxes`; by default Brier score and log loss.

    Returns
    -------
    totals : ndarray of float64, shape (group, mode * mode + summed)
    """
    n_groups, cells = int(group.max()) + 1, probability.shape[1] ** 2
    cell = truth * probability.shape[1] + answer
    counts = np.bincount(group * cells + cell, minlength=n_groups * cells).reshape(n_groups, cells)
    sums = [
        np.bincount(group, weights=score.of_boxes(probability, truth), minlength=n_groups)
        for score in summed
        if score.of_boxes is not None
    ]
    return np.column_stack([counts, *sums])


def scores_of(
    sums: Floats,
    n_classes: int,
    overall: Sequence[Score],
    per_mode: Sequence[str],
    summed: Sequence[Score] = SUMMED,
) -> Floats:
    """
    Scores from rows of sums.

    Parameters
    ----------
    sums : ndarray, shape (replicate, mode * mode + summed)
        As `group_totals`, added up over groups.
    n_classes : int
        Number of classes.
    overall : sequence of Score
        Scores of all modes together; those with `of_boxes` are among `summed`.
    per_mode : sequence of str
        Names of functions of `_categorical` that give a score for each mode.
    summed : sequence of Score, optional
        As `group_totals` was given them.

    Returns
    -------
    scores : ndarray of float64, shape (replicate, statistic)
        `overall` first, then each of `per_mode` for all modes; NaN where undefined.
    """
    cells = n_classes**2
    confusion = sums[:, :cells].reshape(-1, n_classes, n_classes)
    boxes = confusion.sum((-2, -1))
    means = {score.name: sums[:, cells + i] / boxes for i, score in enumerate(summed)}
    columns = [
        means[score.name] if score.of_confusion is None else score.of_confusion(confusion)
        for score in overall
    ]
    columns += [getattr(categorical, name)(confusion) for name in per_mode]
    return np.column_stack(columns)


def estimates_of(
    totals: Floats,
    n_classes: int,
    overall: Sequence[Score],
    per_mode: Sequence[str],
    *,
    n_boot: int,
    seed: int,
    summed: Sequence[Score] = SUMMED,
) -> list[Estimate]:
    """
    Scores with their intervals, from each group's sums.

    Parameters
    ----------
    totals : ndarray, shape (group, mode * mode + summed)
        Of `group_totals`.
    n_classes, overall, per_mode, summed
        As for `scores_of`.
    n_boot : int
        Replicates.
    seed : int
        Of the draws. Equal seeds draw the same groups whatever the scores.

    Returns
    -------
    estimates : list of Estimate
        In the order of `scores_of`; without an interval where there are fewer than two groups.
    """

    def scores(sums: Floats) -> Floats:
        return scores_of(sums, n_classes, overall, per_mode, summed)

    values = scores(totals.sum(0, keepdims=True))[0]
    low = high = np.full(values.shape, np.nan)
    if totals.shape[0] > 1:
        repeated = replicates(totals, scores, n_boot, seed)
        sizes = totals[:, : n_classes**2].sum(1)
        low, high = interval(values, repeated, leave_one_out(totals, scores), sizes)
    return [Estimate(*map(float, triple)) for triple in zip(values, low, high, strict=True)]
