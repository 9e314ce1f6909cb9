"""
Scores of storm modes from a confusion matrix (rows true, columns predicted).

Counts first, scores second: matrices of many archive chunks are added before
anything is scored. Each mode is scored against the rest, with a hits, b
false alarms, c misses: POD = a/(a+c), FAR = b/(a+b), CSI = a/(a+b+c),
F1 = 2a/(2a+b+c) (Wilks 2019, ch. 9). FAR is the false alarm *ratio*. A zero
denominator gives NaN: a mode that never occurred has no POD, one that was
never answered no FAR. Every function takes stacks of matrices too, shape
(..., truth, answer), which is how the bootstrap scores 1000 at once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.errors import InputError

Floats = NDArray[np.float64]


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """
    Count how often each true mode was answered by each mode.

    Parameters
    ----------
    truth, predicted : array_like of int, shape (storm,)
        Class codes, 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes.

    Returns
    -------
    counts : ndarray of int64, shape (n_classes, n_classes)
        Rows true, columns predicted.

    Raises
    ------
    InputError
        If lengths differ or a code is missing (NaN) or out of range.

    Examples
    --------
    >>> print(confusion_matrix([0, 0, 1], [0, 1, 1], 2))
    [[1 1]
     [0 1]]
    """
    rows = _codes(truth, n_classes, "truth")
    columns = _codes(predicted, n_classes, "predicted")
    if rows.size != columns.size:
        msg = f"There are {rows.size} true labels and {columns.size} answers; give one each."
        raise InputError(msg)
    flat = np.bincount(rows * n_classes + columns, minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes).astype(np.int64)


def _codes(values: ArrayLike, n_classes: int, name: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"{name} has shape {array.shape}; give a list of class codes.")
    wrong = ~np.isin(array, np.arange(n_classes))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        msg = f"{name} {first} is {array[first]}, no class code; codes run 0 to {n_classes - 1}."
        raise InputError(msg)
    return array.astype(np.int64)


def accuracy(confusion: ArrayLike) -> Floats:
    """
    Share of boxes whose mode was named right.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    accuracy : ndarray of float64, shape (...)
        0 to 1; NaN where nothing was counted.

    Examples
    --------
    >>> print(accuracy([[3, 1], [0, 4]]))
    0.875
    """
    counts = _matrix(confusion)
    return _ratio(_hits(counts).sum(-1), counts.sum((-2, -1)))


def pod(confusion: ArrayLike) -> Floats:
    """
    Probability of detection of each mode: of its boxes, the share that was named so.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    pod : ndarray of float64, shape (..., truth)
        0 to 1, best 1; NaN for a mode that never occurred. Also called recall.

    Examples
    --------
    >>> print(pod([[3, 1], [0, 4]]))
    [0.75 1.  ]
    """
    counts = _matrix(confusion)
    return _ratio(_hits(counts), counts.sum(-1))


def far(confusion: ArrayLike) -> Floats:
    """
    False alarm ratio of each mode: of the times it was answered, the share that was wrong.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    far : ndarray of float64, shape (..., answer)
        0 to 1, best 0; NaN for a mode that was never answered. One minus precision.

    Examples
    --------
    >>> print(far([[3, 1], [0, 4]]))
    [0.  0.2]
    """
    counts = _matrix(confusion)
    answered = counts.sum(-2)
    return _ratio(answered - _hits(counts), answered)


def csi(confusion: ArrayLike) -> Floats:
    """
    Critical success index of each mode: hits over hits, misses and false alarms.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    csi : ndarray of float64, shape (..., mode)
        0 to 1, best 1; NaN for a mode that neither occurred nor was answered.

    Examples
    --------
    >>> print(csi([[3, 1], [0, 4]]))
    [0.75 0.8 ]
    """
    counts = _matrix(confusion)
    hits = _hits(counts)
    return _ratio(hits, counts.sum(-1) + counts.sum(-2) - hits)


def f1(confusion: ArrayLike) -> Floats:
    """
    F1 of each mode: the harmonic mean of precision (1 - FAR) and recall (POD).

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    f1 : ndarray of float64, shape (..., mode)
        0 to 1, best 1; NaN for a mode that neither occurred nor was answered.

    Examples
    --------
    >>> print(f1([[3, 0], [0, 4]]))
    [1. 1.]
    """
    counts = _matrix(confusion)
    return _ratio(2 * _hits(counts), counts.sum(-1) + counts.sum(-2))


def macro_f1(confusion: ArrayLike) -> Floats:
    """
    Mean F1 over the modes that occurred or were answered, each mode counting the same.

    Modes that are absent from truth and answers alike are left out, as in
    scikit-learn's ``f1_score(average="macro")``; one that occurred and was
    never answered counts as 0.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    macro_f1 : ndarray of float64, shape (...)
        0 to 1, best 1; NaN where nothing was counted.

    Examples
    --------
    >>> print(macro_f1([[3, 0, 0], [0, 4, 0], [0, 0, 0]]))
    1.0
    """
    scores = f1(confusion)
    known = ~np.isnan(scores)
    return _ratio(np.where(known, scores, 0).sum(-1), known.sum(-1))


def hss(confusion: ArrayLike) -> Floats:
    """
    Heidke skill score: how far accuracy lies above that of chance, 1 being perfect.

    (accuracy - chance) / (1 - chance), where chance is the accuracy of random
    answers with the same frequencies; Wilks 2019, eq. 9.20, for any number of
    classes. It equals Cohen's kappa.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    hss : ndarray of float64, shape (...)
        At most 1; 0 is no skill, and any constant answer scores 0. NaN where
        only one mode occurred and only that was answered, or nothing was counted.

    Examples
    --------
    >>> print(hss([[5, 5], [5, 5]]), hss([[5, 0], [0, 5]]))
    0.0 1.0
    """
    counts = _matrix(confusion)
    total = counts.sum((-2, -1))
    chance = (counts.sum(-1) * counts.sum(-2)).sum(-1)
    return _ratio(total * _hits(counts).sum(-1) - chance, total**2 - chance)


def peirce(confusion: ArrayLike) -> Floats:
    """
    Peirce skill score: as `hss`, but measured against answers that are unbiased.

    (accuracy - chance) / (1 - sum of squared true shares), where chance is the
    accuracy of random answers with the same frequencies; Wilks 2019, ch. 9,
    for any number of classes. With two classes it is POD minus the probability
    of false detection. Also called Hanssen and Kuipers's discriminant, or true
    skill statistic.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    peirce : ndarray of float64, shape (...)
        At most 1; 0 is no skill, and any constant answer scores 0. NaN where
        fewer than two modes occurred.

    References
    ----------
    .. [1] Peirce (1884), Science 4, 453-454; Hanssen and Kuipers (1965), KNMI Meded. Verhand. 81.

    Examples
    --------
    >>> print(round(float(peirce([[28, 23], [72, 2680]])), 3))  # Finley's tornadoes
    0.523
    """
    counts = _matrix(confusion)
    total, true = counts.sum((-2, -1)), counts.sum(-1)
    chance = (true * counts.sum(-2)).sum(-1)
    return _ratio(total * _hits(counts).sum(-1) - chance, total**2 - (true**2).sum(-1))


def gerrity(confusion: ArrayLike, order: Sequence[int] | None = None) -> Floats:
    """
    Gerrity skill score: right answers count more the rarer their class, for ordered classes.

    Gandin and Murphy's equitable score with Gerrity's weights (Wilks 2019,
    ch. 9). Gerrity showed that it is the mean of the Peirce scores of
    all questions "at or below this class?" of the order, which is how it is
    computed here. It was made for ordinal classes, such as terciles of rain.
    Storm modes are nominal: they have no order. By default the score takes the
    order of their codes, so a mistake between modes far apart in it costs more
    than one between neighbours, for no reason of meteorology. `peirce` and
    `hss` do not depend on an order.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.
    order : sequence of int, optional
        Every code once, from the lowest class to the highest.

    Returns
    -------
    gerrity : ndarray of float64, shape (...)
        At most 1; 0 is no skill, and any constant answer scores 0. NaN where
        the first or the last class of the order never occurred, which leaves
        its weight undefined.

    Raises
    ------
    InputError
        If `order` does not name every code once.

    References
    ----------
    .. [1] Gerrity (1992), Mon. Wea. Rev. 120, 2709-2712; Gandin and Murphy (1992), 361-370.

    Examples
    --------
    >>> print(gerrity([[5, 5, 0], [0, 10, 0], [0, 0, 10]]))
    0.75
    """
    counts = _matrix(confusion)
    size = counts.shape[-1]
    if order is not None:
        if sorted(order) != list(range(size)):
            msg = f"An order names every code from 0 to {size - 1} once; this one is {order}."
            raise InputError(msg)
        counts = counts[..., order, :][..., :, order]
    # One question for each class but the last: is it at or below that class? Its hits and false
    # alarms are sums along both axes of the matrix.
    below = counts.cumsum(-1)[..., :-1]
    hits = np.diagonal(below.cumsum(-2), axis1=-2, axis2=-1)
    true = counts.sum(-1).cumsum(-1)
    occurred, total = true[..., :-1], true[..., -1:]
    false_alarms = below.sum(-2) - hits
    skill = _ratio(hits, occurred) - _ratio(false_alarms, total - occurred)
    return skill.mean(-1) if size > 1 else np.full(skill.shape[:-1], np.nan)


def bias(confusion: ArrayLike) -> Floats:
    """
    Frequency bias of each mode: how often it was answered, over how often it occurred.

    Parameters
    ----------
    confusion : array_like, shape (..., truth, answer)
        Counts.

    Returns
    -------
    bias : ndarray of float64, shape (..., mode)
        0 or more; 1 is unbiased, above 1 is answered too often. NaN for a mode
        that never occurred.

    Examples
    --------
    >>> print(bias([[3, 1], [0, 4]]))
    [0.75 1.25]
    """
    counts = _matrix(confusion)
    return _ratio(counts.sum(-2), counts.sum(-1))


def wilson_interval(
    hits: ArrayLike, count: ArrayLike, z: float = 1.959964
) -> tuple[Floats, Floats]:
    """
    Wilson's interval of a share: which true shares agree with `hits` of `count`.

    Parameters
    ----------
    hits, count : array_like
        Successes and trials; shapes broadcast.
    z : float, optional
        Normal quantile; 1.959964 for 95 %.

    Returns
    -------
    low, high : ndarray of float64
        0 to 1; NaN where `count` is 0.

    References
    ----------
    .. [1] Wilson (1927), J. Amer. Stat. Assoc. 22, 209-212.

    Examples
    --------
    >>> low, high = wilson_interval(266, 300)
    >>> print(f"{low:.3f} {high:.3f}")
    0.846 0.918
    """
    n = np.asarray(count, float)
    share = _ratio(np.asarray(hits, float), n)
    centre = _ratio(share * n + z**2 / 2, n + z**2)
    half = _ratio(z * np.sqrt(share * (1 - share) * n + z**2 / 4), n + z**2)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def _matrix(confusion: ArrayLike) -> Floats:
    counts = np.asarray(confusion, float)
    if counts.ndim < 2 or counts.shape[-1] != counts.shape[-2]:
        msg = f"A confusion matrix has as many rows as columns; this one has shape {counts.shape}."
        raise InputError(msg)
    return counts


def _hits(counts: Floats) -> Floats:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Quotient, NaN where the denominator is zero."""
    above, below = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    result = np.full(below.shape, np.nan)
    np.divide(above, below, out=result, where=below != 0)
    return result
