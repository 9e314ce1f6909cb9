"""
What a bootstrap adds up: each day's confusion counts and sums of Brier score and log loss.

All scores of all replicates follow from such sums (counts first, scores second).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stormlens.verification import _categorical as categorical
from stormlens.verification._probability import brier_terms, log_loss_terms

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def group_totals(probability: Floats, truth: Codes, answer: Codes, group: Codes) -> Floats:
    """
    Each group's confusion counts, then its sums of Brier score and log loss.

    Parameters
    ----------
    probability : ndarray, shape (storm, mode)
        Checked: rows sum to 1.
    truth, answer : ndarray of int64, shape (storm,)
        Class codes.
    group : ndarray of int64, shape (storm,)
        Codes from 0 of what is resampled together.

    Returns
    -------
    totals : ndarray of float64, shape (group, mode * mode + 2)
    """
    n_groups, cells = int(group.max()) + 1, probability.shape[1] ** 2
    cell = truth * probability.shape[1] + answer
    counts = np.bincount(group * cells + cell, minlength=n_groups * cells).reshape(n_groups, cells)
    sums = [
        np.bincount(group, weights=terms(probability, truth), minlength=n_groups)
        for terms in (brier_terms, log_loss_terms)
    ]
    return np.column_stack([counts, *sums])


def scores_of(
    sums: Floats, n_classes: int, overall: Sequence[str], per_mode: Sequence[str]
) -> Floats:
    """
    Scores from rows of sums.

    Parameters
    ----------
    sums : ndarray, shape (replicate, mode * mode + 2)
        As `group_totals`, added up over groups.
    n_classes : int
        Number of classes.
    overall, per_mode : sequence of str
        Names of scores; functions of `_categorical`, or ``"brier"`` and ``"log_loss"``.

    Returns
    -------
    scores : ndarray of float64, shape (replicate, statistic)
        `overall` first, then each of `per_mode` for all modes; NaN where undefined.
    """
    confusion = sums[:, :-2].reshape(-1, n_classes, n_classes)
    boxes = confusion.sum((-2, -1))
    means = {"brier": sums[:, -2] / boxes, "log_loss": sums[:, -1] / boxes}
    columns = [
        means[name] if name in means else getattr(categorical, name)(confusion) for name in overall
    ]
    columns += [getattr(categorical, name)(confusion) for name in per_mode]
    return np.column_stack(columns)
