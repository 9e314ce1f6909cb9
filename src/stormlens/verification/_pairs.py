"""
Whether two classifiers that judged the same boxes differ, and how to ask that of many pairs.

McNemar's test looks at the boxes where just one was right, and takes boxes as
independent cases. Boxes of one day are not: they show the same storms. The swap
test allows for that. Under the hypothesis of no difference the two classifiers
may exchange their answers of whole days (Hamill 1999). With one box a day the
two tests are the same. Holm's step-down procedure keeps the chance
of any false finding among many pairs below the level.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class McNemar:
    """
    McNemar's exact test of two classifiers on the same boxes.

    Attributes
    ----------
    b : int
        Boxes where the first was right and the second wrong.
    c : int
        Boxes where the second was right and the first wrong.
    p : float
        Two-sided exact p-value, 0 to 1; 1 where they never differ.
    """

    b: int
    c: int
    p: float


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """
    McNemar's exact test: whether two classifiers are right equally often.

    The p-value is that of a two-sided binomial test of b among b + c at 1/2.
    It takes boxes as independent; where many share a day it is too small, and
    `swap_test` is the right one.

    Parameters
    ----------
    first_right, second_right : array_like of bool, shape (storm,)
        Whether each classifier named each box right.

    Returns
    -------
    result : McNemar

    Raises
    ------
    InputError
        If lengths differ or a value is neither true nor false.

    References
    ----------
    .. [1] McNemar (1947), Psychometrika 12, 153-157; Fagerland, Lydersen and Laake (2013), BMC
       Med. Res. Methodol. 13, 91, for the exact form.

    Examples
    --------
    >>> result = mcnemar([True, True, True, False], [False, False, True, False])
    >>> print(result.b, result.c, f"{result.p:.3f}")
    2 0 0.500
    """
    first, second = _right(first_right), _right(second_right)
    if first.size != second.size:
        msg = f"There are {first.size} answers and {second.size}; give two for each box."
        raise InputError(msg)
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    return McNemar(b, c, _swap_p(np.ones(b + c, np.int64), b - c))


def swap_test(first_right: ArrayLike, second_right: ArrayLike, group: ArrayLike) -> float:
    """
    Exact test of equal accuracy that keeps the boxes of a day together.

    Were the two classifiers equally good, each day's answers could as well
    have been the other's. Over all 2**days ways to swap them, the p-value is
    the share in which their numbers of right boxes differ at least as much as
    they do. The distribution is computed, not sampled. With one box a group
    it is McNemar's exact test.

    Parameters
    ----------
    first_right, second_right : array_like of bool, shape (storm,)
        Whether each classifier named each box right.
    group : array_like of int, shape (storm,)
        Boxes that belong together, such as those of one UTC day; codes from 0.

    Returns
    -------
    p : float
        Two-sided, 0 to 1; 1 where they never differ.

    Raises
    ------
    InputError
        If lengths differ, a value is neither true nor false, or a code is no
        whole number from 0.

    References
    ----------
    .. [1] Hamill (1999), Hypothesis tests for evaluating numerical precipitation forecasts, Wea.
       Forecasting 14, 155-167.

    Examples
    --------
    >>> two_days = [0, 0, 0, 1]  # three boxes on one, one on the other
    >>> print(f"{swap_test([1, 1, 1, 1], [0, 0, 0, 0], two_days):.3f}")
    0.500
    """
    first, second = _right(first_right), _right(second_right)
    codes = np.asarray(group)
    if not first.size == second.size == codes.size:
        msg = (
            f"{first.size} answers, {second.size} answers and {codes.size} groups do not fit; "
            "give one of each for each box."
        )
        raise InputError(msg)
    if codes.size and (codes.dtype.kind not in "iu" or codes.min() < 0):
        raise InputError("Groups are whole numbers from 0, one for each box.")
    ahead = np.zeros(int(codes.max()) + 1 if codes.size else 0, np.int64)
    np.add.at(ahead, codes, first.astype(np.int64) - second)
    return _swap_p(np.abs(ahead[ahead != 0]), int(ahead.sum()))


def _swap_p(steps: NDArray[np.int64], observed: int) -> float:
    """
    Chance that the sum of `steps`, each with a fair sign, lies as far from 0 as `observed`.

    A distribution holds the chance of each sum from -reach to reach. A further step of size s
    convolves it with a half at -s and a half at s. Steps of 1, the most, have a binomial
    distribution and need no loop.
    """
    single = steps == 1
    distribution = _sum_of_signs(int(single.sum()))
    for step in np.sort(steps[~single]):
        wider = np.zeros(distribution.size + 2 * int(step))
        wider[: distribution.size] += distribution / 2
        wider[wider.size - distribution.size :] += distribution / 2
        distribution = wider
    reach = distribution.size // 2
    far = np.abs(np.arange(-reach, reach + 1)) >= abs(observed)
    return min(1.0, float(distribution[far].sum() / distribution.sum()))  # sums are rounded


def _sum_of_signs(count: int) -> Floats:
    """Distribution of the sum of `count` fair signs, from -count to count in steps of 1."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    ways = log_factorial[-1] - log_factorial - log_factorial[::-1]
    distribution = np.zeros(2 * count + 1)
    distribution[::2] = np.exp(ways - count * np.log(2))
    return distribution


def _right(values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 1 or not np.isin(array, (0, 1)).all():
        raise InputError("Give one true or false for each box: whether the answer was right.")
    return array.astype(bool)


def holm(p_values: ArrayLike) -> Floats:
    """
    Holm's correction of p-values for their number.

    The smallest is multiplied by the number of tests, the next by one less,
    and so on, each at least as large as those before it and at most 1. Those
    at or below a level are findings, with a chance of at most that level that
    any of them is false, however the tests depend on each other.

    Parameters
    ----------
    p_values : array_like of float, shape (test,)
        0 to 1. NaN, for a test that could not be made, stays and is not counted.

    Returns
    -------
    corrected : ndarray of float64, shape (test,)
        In the order given.

    Raises
    ------
    InputError
        If a value lies outside 0 to 1.

    References
    ----------
    .. [1] Holm (1979), Scand. J. Statist. 6, 65-70.

    Examples
    --------
    >>> print(holm([0.01, 0.04, 0.03]))
    [0.03 0.06 0.06]
    """
    given = np.asarray(p_values, float)
    known = np.flatnonzero(~np.isnan(given))
    if given.ndim != 1 or not ((given[known] >= 0) & (given[known] <= 1)).all():
        raise InputError("Give a list of p-values from 0 to 1.")
    corrected = np.full(given.shape, np.nan)
    order = known[np.argsort(given[known], kind="stable")]
    steps = given[order] * np.arange(order.size, 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
