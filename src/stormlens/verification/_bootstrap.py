"""
Bootstrap intervals over days: how much a score would move with other weather.

Boxes of one storm system recur for hours, so boxes are not independent
cases; days nearly are. Whole UTC days are drawn with replacement, and because every
score comes from sums over boxes, a replicate is one row of weights times the
table of each day's sums.

Plain percentiles of the replicates are too narrow here: 300 boxes of 135 days,
of which few were named wrong, are a small and skewed sample, and percentiles
cover the truth in 92 to 93 % of cases instead of 95 %. So intervals are
bias-corrected and accelerated (BCa: Efron 1987, J. Amer. Stat. Assoc. 82,
171-185), with levels widened for the number of days as Student's t widens the
normal (Hesterberg 2015, Amer. Statist. 69, 371-386). Days count by the boxes
they bring: their number is Kish's (1965) effective one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Draw = Callable[[np.random.Generator, int, int], Floats]

LEVEL = 0.95
"""How often an interval should cover the truth."""

_CHUNK = 4_000_000
"""Numbers of the largest array at a time: 32 MB."""


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
    # Each row counts in cells of its own, so that one bincount serves all of them.
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


def leave_one_out(totals: Floats, statistics: Callable[[Floats], Floats]) -> Floats:
    """
    Statistics without each group in turn, which is the jackknife.

    Parameters
    ----------
    totals : ndarray, shape (group, sum)
        Sums over the boxes of each group.
    statistics : callable
        As in `replicates`.

    Returns
    -------
    values : ndarray of float64, shape (group, statistic)
    """
    whole = totals.sum(0)
    step = max(1, _CHUNK // totals.shape[1])
    parts = [
        statistics(whole - totals[start : start + step])
        for start in range(0, totals.shape[0], step)
    ]
    return np.concatenate(parts)


def interval(
    values: Floats, repeated: Floats, left_out: Floats, sizes: Floats, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """
    Bias-corrected and accelerated interval of each statistic.

    Parameters
    ----------
    values : ndarray, shape (...)
        The statistics themselves.
    repeated : ndarray, shape (replicate, ...)
        From `replicates`. NaN where a replicate leaves a statistic undefined;
        those are left out.
    left_out : ndarray, shape (group, ...)
        From `leave_one_out`; NaN as in `repeated`.
    sizes : ndarray, shape (group,)
        Boxes in each group.
    level : float, optional
        How often the interval should cover the truth.

    Returns
    -------
    low, high : ndarray of float64, shape (...)
        NaN for a statistic that is NaN, or that no replicate defines.
    """
    from scipy.special import stdtrit

    # Kish's effective number; below 2 days Student's t has no finite quantile to widen by.
    groups = max(float(sizes.sum() ** 2 / (sizes**2).sum()), 2.0)
    tail = stdtrit(groups - 1, (1 - level) / 2) * np.sqrt(groups / (groups - 1))
    columns = (array.reshape(array.shape[0], values.size).T for array in (repeated, left_out))
    bounds = [
        _bca(value, replicated[~np.isnan(replicated)], without[~np.isnan(without)], tail)
        for value, replicated, without in zip(values.ravel(), *columns, strict=True)
    ]
    low, high = np.reshape(bounds, (*values.shape, 2)).T
    return low.T, high.T


def _bca(value: float, replicated: Floats, without: Floats, tail: float) -> tuple[float, float]:
    """
    BCa interval of one statistic; `replicated` and `without` are free of NaN.

    Its bounds are percentiles of the replicates. Without corrections they would be those of the
    normal quantiles `tail`, below 0, and `-tail`.
    """
    from scipy.special import ndtr

    if np.isnan(value) or not replicated.size:
        return np.nan, np.nan
    bias, acceleration = _bias(value, replicated), _acceleration(without)
    # Near 1 the acceleration would turn the interval inside out; the limit keeps its order.
    corrected = [
        bias + (bias + z) / max(1 - acceleration * (bias + z), 1e-3) for z in (tail, -tail)
    ]
    low, high = np.percentile(replicated, 100 * ndtr(corrected))
    return float(low), float(high)


def _bias(value: float, replicated: Floats) -> float:
    """Normal quantile of the share of replicates below the value: 0 if that is their median."""
    from scipy.special import ndtri

    # A replicate equal to the value counts half: scores of few boxes take few values.
    below = (np.mean(replicated < value) + np.mean(replicated <= value)) / 2
    # Shares of 0 and 1 have no finite quantile, and so many replicates cannot tell them from these.
    edge = 1 / (replicated.size + 1)
    return float(ndtri(np.clip(below, edge, 1 - edge)))


def _acceleration(without: Floats) -> float:
    """Change of the standard error with the statistic: a sixth of the jackknife's skewness."""
    if not without.size:
        return 0.0
    pull = without.mean() - without
    spread = (pull**2).sum() ** 1.5
    return float((pull**3).sum() / (6 * spread)) if spread > 0 else 0.0
