"""
Bootstrap intervals over days: how much a score would move with other weather.

Boxes of one storm system recur for hours, so boxes are no independent cases;
days nearly are. Whole UTC days are drawn with replacement, and because every
score comes from sums over boxes, a replicate is one row of weights times the
table of each day's sums. Percentile intervals: Efron and Tibshirani (1993),
An Introduction to the Bootstrap, chapter 13.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Draw = Callable[[np.random.Generator, int, int], Floats]

_CHUNK = 4_000_000


def day_groups(time: ArrayLike) -> tuple[NDArray[np.int64], str]:
    """
    Which boxes are resampled together.

    Parameters
    ----------
    time : array_like of datetime64, shape (storm,)
        UTC; NaT where unknown.

    Returns
    -------
    group : ndarray of int64, shape (storm,)
        Codes from 0. Boxes of one UTC day share a code; a box of unknown time stands alone.
    by : str
        ``"UTC day"``, ``"box"`` if no time is known, or ``"UTC day, and box where the
        time is unknown"``.
    """
    day = np.asarray(time).astype("datetime64[D]")
    unknown = np.isnat(day)
    _, group = np.unique(day[~unknown], return_inverse=True)
    result = np.empty(day.size, np.int64)
    result[~unknown] = group
    result[unknown] = np.arange(unknown.sum()) + (group.max() + 1 if group.size else 0)
    if unknown.all():
        return result, "box"
    return result, "UTC day, and box where the time is unknown" if unknown.any() else "UTC day"


def resampling(rng: np.random.Generator, rows: int, groups: int) -> Floats:
    """How often each group is drawn in each replicate, with replacement: (replicate, group)."""
    drawn = rng.integers(groups, size=(rows, groups))
    flat = (drawn + groups * np.arange(rows)[:, None]).ravel()
    return np.bincount(flat, minlength=rows * groups).reshape(rows, groups).astype(float)


def swapping(rng: np.random.Generator, rows: int, groups: int) -> Floats:
    """Whether each group changes sides in each replicate: 1 or -1 by a fair coin."""
    return np.where(rng.integers(2, size=(rows, groups)), 1.0, -1.0)


def replicates(
    totals: Floats,
    statistics: Callable[[Floats], Floats],
    n_boot: int,
    seed: int,
    draw: Draw = resampling,
) -> Floats:
    """
    Statistics of `n_boot` draws of groups.

    Parameters
    ----------
    totals : ndarray, shape (group, sum)
        Sums over the boxes of each group.
    statistics : callable
        From sums (replicate, sum) to statistics (replicate, statistic).
    n_boot : int
        Replicates.
    seed : int
        Of the draws.
    draw : callable, optional
        From generator, replicates and groups to the groups' weights; `resampling` or `swapping`.

    Returns
    -------
    values : ndarray of float64, shape (n_boot, statistic)
    """
    rng = np.random.default_rng(seed)
    groups = totals.shape[0]
    step = max(1, _CHUNK // max(totals.shape))
    parts = []
    for start in range(0, n_boot, step):
        rows = min(step, n_boot - start)
        parts.append(statistics(draw(rng, rows, groups) @ totals))
    return np.concatenate(parts)


def percentile_interval(values: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """
    Central interval of each statistic over its replicates.

    Parameters
    ----------
    values : ndarray, shape (replicate, statistic)
        NaN where a replicate leaves a statistic undefined; those are left out.
    level : float, optional
        Share of the replicates inside.

    Returns
    -------
    low, high : ndarray of float64, shape (statistic,)
        NaN for a statistic that no replicate defines.
    """
    low = np.full(values.shape[1], np.nan)
    high = low.copy()
    tail = 100 * (1 - level) / 2
    for i, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if known.size:
            low[i], high[i] = np.percentile(known, [tail, 100 - tail])
    return low, high
