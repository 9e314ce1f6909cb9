"""
What the curves of a training say: overfitting, under-fitted, or healthy.

The chapter reads its networks by the gap between training and validation
accuracy. The same reading in numbers, with the thresholds stated here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance
from typing import Any

from stormlens.errors import InputError

GAP = 0.05
"""Accuracy difference that counts as a gap; 5 points, over one standard error of 110 boxes."""

RISE = 1.1
"""Validation loss over its lowest value that counts as a rise, if it is 0.05 or more as well."""

FALL = 0.05
"""
Relative fall of mean validation loss from the last quarter of epochs but one to the last that
means: still learning, if it is twice its standard error as well.
"""


@dataclass(frozen=True)
class Gap:
    """
    The end of a training, read from its curves.

    Attributes
    ----------
    epochs : int
        Epochs trained.
    accuracy, val_accuracy : float
        At the last epoch. Training accuracy is measured during the epoch, with
        dropout and augmentation at work.
    difference : float
        `accuracy` minus `val_accuracy`; NaN without validation.
    val_loss, lowest_val_loss : float
        At the last epoch, and the lowest.
    best_epoch : int
        Number of the epoch with the lowest validation loss.
    verdict : str
        ``"overfitting"``, ``"under-fitted"``, ``"healthy"`` or ``"unknown"``.
    at_work : tuple of str or None
        Of "dropout", "augmentation" and "early stopping" those that the training had, which are
        not advised again; "one step" for a baseline, which has none of them and no epochs; None
        where that is not known.
    """

    epochs: int
    accuracy: float
    val_accuracy: float
    difference: float
    val_loss: float
    lowest_val_loss: float
    best_epoch: int
    verdict: str
    at_work: tuple[str, ...] | None = None

    @property
    def sentence(self) -> str:
        """The verdict in words, with its numbers."""
        if self.verdict == "unknown":
            return "Without validation accuracy and loss nothing can be said of the gap."
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        if self._is_baseline:
            epochs = "its one step"
        return (
            f"After {epochs} training accuracy is {100 * self.accuracy:.1f} % and validation "
            f"accuracy {100 * self.val_accuracy:.1f} %, {self._reading()}"
        )

    @property
    def _is_baseline(self) -> bool:
        return _ONE_STEP in (self.at_work or ())

    def _reading(self) -> str:
        points = f"{100 * abs(self.difference):.1f} points"
        rise = (
            f"validation loss was lowest at epoch {self.best_epoch} ({self.lowest_val_loss:.3f}) "
            f"and has risen to {self.val_loss:.3f} since"
        )
        risen = _risen(self.val_loss, self.lowest_val_loss)
        if self._is_baseline:
            return _BASELINE[self.verdict].format(points=points)
        if self.verdict == "overfitting" and self.difference > GAP:
            end = f" Moreover, {rise}." if risen else ""
            return _WIDE.format(points=points, remedies=self._remedies()) + end
        if self.verdict == "overfitting":
            stopped = "early stopping" in (self.at_work or ())
            return _RISEN.format(points=points, rise=rise) + (_STOPPED if stopped else _STOP)
        if self.verdict == "under-fitted" and self.difference < -GAP:
            return _BELOW.format(points=points, why=self._why_harder())
        return (_FALLING if self.verdict == "under-fitted" else _HEALTHY).format(points=points)

    def _remedies(self) -> str:
        """What would narrow a gap."""
        if self.at_work is None:
            return "Dropout or augmentation, where it has none, or more data"
        lacking = [name for name in _HARDER if name not in self.at_work]
        if not lacking:
            return "More data or a smaller network"
        return f"{', '.join(lacking)} or more data".capitalize()

    def _why_harder(self) -> str:
        """Why training lies below validation, as far as it is known."""
        harder = "its training examples harder than the plain validation ones"
        if self.at_work is None:
            return f"Dropout and augmentation, where it has them, make {harder}. "
        names = [name for name in _HARDER if name in self.at_work]
        verb = "make" if len(names) > 1 else "makes"
        return f"{' and '.join(names).capitalize()} {verb} {harder}. " if names else ""


_HARDER = ("dropout", "augmentation")
_ONE_STEP = "one step"
_BASELINE = {
    "overfitting": "a gap of {points}: the baseline is overfitting, it knows its training examples "
    "better than it can read new ones. More regularisation or more data would narrow the gap.",
    "under-fitted": "which is {points} higher: chance in so few examples, or the baseline is "
    "under-fitted and less regularisation should raise both.",
    "healthy": "{points} apart: a healthy fit, it reads new examples about as well as those it "
    "learned from.",
}
_WIDE = (
    "a gap of {points}: the network is overfitting, it knows its training examples better than it "
    "can read new ones. {remedies} would narrow the gap."
)
_RISEN = (
    "only {points} apart, but {rise}: the network is overfitting, it grows surer of answers that "
    "are wrong."
)
_STOP, _STOPPED = " Early stopping would help.", " Early stopping keeps the weights of that epoch."
_BELOW = (
    "which is {points} higher: the network is under-fitted. {why}More epochs or a larger learning "
    "rate should raise both."
)
_FALLING = (
    "{points} apart, and validation loss is still falling: the network is under-fitted, and more "
    "epochs should raise both."
)
_HEALTHY = (
    "{points} apart: a healthy fit, it reads new examples about as well as those it learned from."
)


def gap(history: Sequence[Mapping[str, Any]], *, at_work: Iterable[str] | None = None) -> Gap:
    """
    Read a training's curves: how far training and validation have come apart.

    Overfitting: training accuracy lies over 5 points above validation accuracy,
    or validation loss has risen by over 10 % and by 0.05 from its lowest. Under-fitted:
    training lies over 5 points below validation, or mean validation loss fell by
    over 5 %, and by twice its standard error, from the last quarter of the epochs
    but one to the last. Healthy: neither.

    Parameters
    ----------
    history : sequence of mapping
        One entry an epoch: epoch, loss, accuracy, val_loss, val_accuracy.
    at_work : iterable of str, optional
        Of ``"dropout"``, ``"augmentation"`` and ``"early stopping"`` those that the training had,
        which are then not advised again; ``"one step"`` of a baseline.

    Returns
    -------
    gap : Gap
        Verdict ``"unknown"`` where the last epoch has no validation figures.

    Raises
    ------
    InputError
        If there is no epoch.

    Examples
    --------
    >>> epoch = {"epoch": 10, "loss": 0.4, "accuracy": 0.93, "val_loss": 0.7, "val_accuracy": 0.78}
    >>> gap([epoch]).verdict
    'overfitting'
    """
    if not history:
        raise InputError("The history holds no epoch; train for at least one.")
    last = history[-1]
    val_losses = [float(epoch["val_loss"]) for epoch in history]
    accuracy, val_accuracy = float(last["accuracy"]), float(last["val_accuracy"])
    known = [loss for loss in val_losses if not math.isnan(loss)]
    lowest = min(known, default=math.nan)
    best = val_losses.index(lowest) if known else len(history) - 1
    return Gap(
        epochs=len(history),
        accuracy=accuracy,
        val_accuracy=val_accuracy,
        difference=accuracy - val_accuracy,
        val_loss=val_losses[-1],
        lowest_val_loss=lowest,
        best_epoch=int(history[best]["epoch"]),
        verdict=_verdict(accuracy - val_accuracy, val_losses),
        at_work=None if at_work is None else tuple(at_work),
    )


def _verdict(difference: float, val_losses: list[float]) -> str:
    if math.isnan(difference) or any(map(math.isnan, val_losses)):
        return "unknown"
    if difference > GAP or _risen(val_losses[-1], min(val_losses)):
        return "overfitting"
    if difference < -GAP or _still_falling(val_losses):
        return "under-fitted"
    return "healthy"


def _risen(last: float, lowest: float) -> bool:
    return last > RISE * lowest and last - lowest >= 0.05


def _still_falling(val_losses: list[float]) -> bool:
    size = max(1, len(val_losses) // 4)
    late, before = val_losses[-size:], val_losses[-2 * size : -size]
    if not before:
        return False
    fall = fmean(before) - fmean(late)
    doubt = math.sqrt((pvariance(before) + pvariance(late)) / size)
    return fall > FALL * fmean(before) and fall > 2 * doubt
