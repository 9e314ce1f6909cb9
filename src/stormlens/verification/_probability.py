"""
Scores of probabilities: Brier score, log loss and reliability.

They ask more than the right answer: that a classifier that says 70 % be right
7 times in 10. Probabilities have shape (storm, mode) and rows that sum to 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.errors import InputError
from stormlens.verification._categorical import wilson_interval

Floats = NDArray[np.float64]

CLIP = 1e-7
"""Lowest probability that log loss sees, as in Keras; a certain error costs 16.1, not infinity."""

_SUM_TOLERANCE = 1e-3


def brier(probability: ArrayLike, truth: ArrayLike) -> float:
    """
    Brier score of several classes: squared error summed over classes, mean over boxes.

    The original convention of Brier (1950): 0 is perfect, 2 the worst. With two
    classes it is twice the halved form that scikit-learn uses there.

    Parameters
    ----------
    probability : array_like of float, shape (storm, mode)
        Rows sum to 1.
    truth : array_like of int, shape (storm,)
        Class codes.

    Returns
    -------
    brier : float
        0 to 2, best 0.

    Raises
    ------
    InputError
        If a probability is NaN or outside 0 to 1, or a row does not sum to 1.

    References
    ----------
    .. [1] Brier (1950), Mon. Wea. Rev. 78, 1-3; Wilks (2019), section 9.4.

    Examples
    --------
    >>> print(brier([[1.0, 0.0], [0.5, 0.5]], [0, 0]))
    0.25
    """
    return float(brier_terms(*checked(probability, truth)).mean())


def log_loss(probability: ArrayLike, truth: ArrayLike) -> float:
    """
    Mean of minus the natural logarithm of the probability given to the true class.

    Also called cross-entropy or ignorance. Probabilities are clipped to at
    least 1e-7, as in Keras, so that one certain error costs 16.1 and not infinity.

    Parameters
    ----------
    probability : array_like of float, shape (storm, mode)
        Rows sum to 1.
    truth : array_like of int, shape (storm,)
        Class codes.

    Returns
    -------
    log_loss : float
        0 to 16.1, best 0.

    Raises
    ------
    InputError
        If a probability is NaN or outside 0 to 1, or a row does not sum to 1.

    Examples
    --------
    >>> print(round(log_loss([[0.5, 0.5]], [0]), 4))
    0.6931
    """
    return float(log_loss_terms(*checked(probability, truth)).mean())


def brier_terms(probability: Floats, truth: NDArray[np.int64]) -> Floats:
    """Each box's share of the Brier score, from checked arrays."""
    happened = np.eye(probability.shape[1])[truth]
    return ((probability - happened) ** 2).sum(1)


def log_loss_terms(probability: Floats, truth: NDArray[np.int64]) -> Floats:
    """Each box's share of the log loss, from checked arrays."""
    return -np.log(np.clip(probability[np.arange(truth.size), truth], CLIP, 1))


@dataclass(frozen=True)
class Reliability:
    """
    How often forecasts of each probability came true.

    Attributes
    ----------
    edges : tuple of float
        Bin edges from 0 to 1, one more than bins. A bin holds its lower edge;
        the last holds 1 too.
    count : tuple of int
        Forecasts in each bin.
    forecast : tuple of float
        Mean probability in each bin; NaN where it is empty.
    observed : tuple of float
        Share that happened in each bin; NaN where it is empty.
    low, high : tuple of float
        Wilson's 95 % interval of `observed`.
    calibration_error : float
        Expected calibration error: mean of ``|observed - forecast|`` over the
        bins, weighted by their counts. 0 is perfect.
    """

    edges: tuple[float, ...]
    count: tuple[int, ...]
    forecast: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    calibration_error: float


def reliability(
    probability: ArrayLike, truth: ArrayLike, *, mode: int | None = None, bins: int = 10
) -> Reliability:
    """
    Compare the probabilities that were given with what happened.

    Parameters
    ----------
    probability : array_like of float, shape (storm, mode)
        Rows sum to 1.
    truth : array_like of int, shape (storm,)
        Class codes.
    mode : int, optional
        Code of the mode whose probability is judged. By default it is the
        probability of each box's answer, against its being right.
    bins : int, optional
        Equal bins from 0 to 1.

    Returns
    -------
    reliability : Reliability

    Raises
    ------
    InputError
        If a probability is NaN or outside 0 to 1, a row does not sum to 1, or
        `bins` is below 1.

    References
    ----------
    .. [1] Wilks (2019), section 9.4.4; Guo et al. (2017), On calibration of modern neural
       networks, ICML, for the expected calibration error.

    Examples
    --------
    >>> result = reliability([[0.9, 0.1], [0.9, 0.1]], [0, 1], bins=2)
    >>> print(result.count, result.observed[1], round(result.calibration_error, 3))
    (0, 2) 0.5 0.4
    """
    edges = _edges(bins)
    given, codes = checked(probability, truth)
    if mode is None:
        forecast, happened = given.max(1), given.argmax(1) == codes
    else:
        forecast, happened = given[:, mode], codes == mode
    where = _bin_of(forecast, edges)
    count = np.bincount(where, minlength=bins)
    hits = np.bincount(where, weights=happened, minlength=bins)
    safe = np.where(count, count, np.nan)
    mean_forecast = np.bincount(where, weights=forecast, minlength=bins) / safe
    low, high = wilson_interval(hits, count)
    off = np.where(count, np.abs(hits / safe - mean_forecast), 0)
    return Reliability(
        edges=tuple(edges.tolist()),
        count=tuple(count.tolist()),
        forecast=tuple(mean_forecast.tolist()),
        observed=tuple((hits / safe).tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        calibration_error=float((off * count).sum() / count.sum()),
    )


@dataclass(frozen=True)
class BrierDecomposition:
    """
    The parts of a Brier score: ``reliability - resolution + uncertainty + within_bins``.

    Attributes
    ----------
    brier : float
        The score itself.
    reliability : float
        Mean squared distance of each bin's mean probability from what was
        observed in it; 0 is perfect.
    resolution : float
        Mean squared distance of what was observed in each bin from what was
        observed over all; the higher the better, at most the uncertainty.
    uncertainty : float
        The score of always giving the observed frequencies.
    within_bins : float
        What the bins hide: variance of the probabilities inside them less
        twice their covariance with what was observed. 0 where all
        probabilities of a bin are the same; it may be negative.
    skill : float
        Brier skill score against the observed frequencies, 1 - brier / uncertainty;
        NaN where nothing was uncertain.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float
    skill: float


def brier_decomposition(
    probability: ArrayLike, truth: ArrayLike, *, mode: int | None = None, bins: int = 10
) -> BrierDecomposition:
    """
    Split the Brier score into reliability, resolution and uncertainty.

    Murphy's (1973) partition over bins of the probability, with what binning
    leaves over (Stephenson et al. 2008), so that the parts add up to the score
    exactly. Each class's probability is binned by itself and the parts are
    added over classes, in the convention of `brier`.

    Parameters
    ----------
    probability : array_like of float, shape (storm, mode)
        Rows sum to 1.
    truth : array_like of int, shape (storm,)
        Class codes.
    mode : int, optional
        Code of the one mode whose probability is judged, as a forecast of an
        event. Its score is then 0 to 1, and the sum over modes is that of all.
    bins : int, optional
        Equal bins from 0 to 1, as in `reliability`.

    Returns
    -------
    decomposition : BrierDecomposition

    Raises
    ------
    InputError
        If a probability is NaN or outside 0 to 1, a row does not sum to 1, or
        `bins` is below 1.

    References
    ----------
    .. [1] Murphy (1973), J. Appl. Meteor. 12, 595-600; Stephenson, Coelho and Jolliffe (2008), Two
       extra components in the Brier score decomposition, Wea. Forecasting 23, 752-757.

    Examples
    --------
    >>> result = brier_decomposition([[0.8, 0.2]] * 5, [0, 0, 0, 1, 1], mode=0)
    >>> print(f"{result.reliability:.2f} {result.resolution:.2f} {result.uncertainty:.2f}")
    0.04 0.00 0.24
    """
    given, codes = checked(probability, truth)
    edges = _edges(bins)
    modes = range(given.shape[1]) if mode is None else (mode,)
    parts = [_brier_parts(given[:, code], codes == code, edges) for code in modes]
    score, fit, resolution, uncertainty, within_bins = np.sum(parts, axis=0).tolist()
    skill = 1 - score / uncertainty if uncertainty else float("nan")
    return BrierDecomposition(score, fit, resolution, uncertainty, within_bins, skill)


def _brier_parts(forecast: Floats, happened: NDArray[np.bool_], edges: Floats) -> list[float]:
    """Brier score, reliability, resolution, uncertainty and what bins hide, for one event."""
    where, n = _bin_of(forecast, edges), forecast.size
    count = np.bincount(where, minlength=edges.size - 1)
    safe = np.maximum(count, 1)
    given = np.bincount(where, weights=forecast, minlength=count.size) / safe
    observed = np.bincount(where, weights=happened, minlength=count.size) / safe
    base = happened.mean()
    off = forecast - given[where]
    return [
        float(((forecast - happened) ** 2).mean()),
        float((count * (given - observed) ** 2).sum() / n),
        float((count * (observed - base) ** 2).sum() / n),
        float(base * (1 - base)),
        float((off**2 - 2 * off * (happened - observed[where])).mean()),
    ]


def _edges(bins: int) -> Floats:
    if bins < 1:
        raise InputError(f"Reliability needs at least 1 bin, not {bins}.")
    return np.linspace(0, 1, bins + 1)


def _bin_of(forecast: Floats, edges: Floats) -> NDArray[np.int64]:
    """Bin of each probability: one holds its lower edge, and the last holds 1 too."""
    found = np.searchsorted(edges, forecast, side="right") - 1
    return np.clip(found, 0, edges.size - 2).astype(np.int64)


def checked(probability: ArrayLike, truth: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    """
    Probabilities as float64 and codes as int64, or an error that says which is wrong.

    Parameters
    ----------
    probability : array_like of float, shape (storm, mode)
    truth : array_like of int, shape (storm,)

    Returns
    -------
    probability : ndarray of float64
    truth : ndarray of int64

    Raises
    ------
    InputError
        If shapes do not fit, there is no box, a probability is NaN or outside
        0 to 1, a row does not sum to 1 within 0.001, or a code is out of range.
    """
    given, codes = np.asarray(probability, float), np.asarray(truth)
    if given.ndim != 2 or codes.shape != given.shape[:1] or given.size == 0:
        msg = (
            f"Probabilities of shape {given.shape} and labels of shape {codes.shape} do not fit; "
            "give (storm, mode) and (storm,) with at least one box."
        )
        raise InputError(msg)
    _check_values(given)
    wrong = ~np.isin(codes, np.arange(given.shape[1]))
    if wrong.any():
        box = int(np.flatnonzero(wrong)[0])
        msg = (
            f"Label {codes[box]} of box {box} is no class code; they run 0 to {given.shape[1] - 1}."
        )
        raise InputError(msg)
    return given, codes.astype(np.int64)


def _check_values(given: Floats) -> None:
    if np.isnan(given).any():
        box, mode = np.argwhere(np.isnan(given))[0]
        msg = (
            f"The probability of class {mode} for box {box} is NaN: the classifier failed there, "
            "so nothing can be scored. Check its training for a loss of NaN."
        )
        raise InputError(msg)
    if given.min() < -_SUM_TOLERANCE or given.max() > 1 + _SUM_TOLERANCE:
        box, mode = np.argwhere((given < -_SUM_TOLERANCE) | (given > 1 + _SUM_TOLERANCE))[0]
        msg = f"The probability of class {mode} for box {box} is {given[box, mode]}, not in 0 to 1."
        raise InputError(msg)
    sums = given.sum(1)
    box = int(np.abs(sums - 1).argmax())
    if abs(sums[box] - 1) > _SUM_TOLERANCE:
        msg = f"The probabilities of box {box} sum to {sums[box]:.4g}; they must sum to 1."
        raise InputError(msg)
