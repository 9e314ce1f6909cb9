"""
How far a classifier's probabilities can be trusted, measured on boxes it was never trained on.

It has three parts. A temperature calibrates the probabilities: if a network says
0.8, it should be right 8 times in 10. A lowest probability defines sets of modes
that contain the true one as often as requested. And a score of novelty says which
boxes are unlike all of the calibration. For those neither of the other two is valid,
since calibration says nothing about boxes of another kind.
"""

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets import check_reflectivity, class_names
from stormlens.errors import InputError
from stormlens.models._novelty import Novelty, fit_novelty

if TYPE_CHECKING:
    import xarray as xr

    from stormlens.models._classifier import Classifier

LEAST_BOXES = 20
"""Boxes that a calibration needs at least; a few hundred make it worth something."""

_LEVEL = 0.9
_TEMPERATURES = (0.05, 20.0)  # that are looked at
_POSSIBLE = (1e-3, 1e3)  # that are accepted: logarithms overflow with far smaller ones
LEAST = float(np.finfo(np.float32).tiny)
"""Lower probabilities are raised to this, since 0 has no logarithm."""


@dataclass(frozen=True, eq=False)
class Confidence:
    """
    What `calibrate` finds out about a classifier.

    Attributes
    ----------
    temperature : float
        0.001 to 1000. Logarithms of probabilities are divided by it: above 1 it makes a network
        less sure of itself, below 1 more. It never changes which mode is the likeliest.
    level : float
        Share of boxes, above 0 and below 1, whose true mode is to be among the plausible ones.
    plausible_from : float
        Lowest tempered probability of a plausible mode, 0 to 1.
    novelty : Novelty
        How unlike the boxes of the calibration a box is; 1 is the limit.

    Raises
    ------
    InputError
        If a number is out of bounds.
    """

    temperature: float
    level: float
    plausible_from: float
    novelty: Novelty = field(repr=False)

    def __post_init__(self) -> None:
        low, high = _POSSIBLE
        for name, fits, bounds in (
            ("temperature", low <= self.temperature <= high, f"{low:g} to {high:g}"),
            ("level", 0 < self.level < 1, "above 0 and below 1"),
            ("plausible_from", 0 <= self.plausible_from <= 1, "0 to 1"),
        ):
            if not fits:
                raise InputError(f"{name} is {getattr(self, name)}; it must be {bounds}.")

    def temper(self, probability: NDArray[np.floating]) -> NDArray[np.float32]:
        """
        Probabilities as often right as they say.

        Parameters
        ----------
        probability : ndarray of float, shape (..., mode)
            The network's own; rows sum to 1.

        Returns
        -------
        tempered : ndarray of float32, shape (..., mode)
            Each to the power of 1 / temperature, divided by the row's sum.
        """
        return temper(probability, self.temperature)

    def plausible(self, tempered: NDArray[np.floating]) -> NDArray[np.bool_]:
        """
        Which modes each box may well have.

        Parameters
        ----------
        tempered : ndarray of float, shape (..., mode)
            Of `temper`.

        Returns
        -------
        plausible : ndarray of bool, shape (..., mode)
            Of boxes like those of the calibration, the true mode is marked in a share `level`.
            A box may have several, or none.
        """
        return np.asarray(tempered) >= self.plausible_from


def temper(probability: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """Each probability to the power of 1 / temperature, divided by the sum (..., mode)."""
    logarithm = np.log(np.maximum(probability, LEAST, dtype=np.float64)) / temperature
    power = np.exp(logarithm - logarithm.max(-1, keepdims=True))
    return (power / power.sum(-1, keepdims=True)).astype(np.float32)


def calibrate(
    classifier: "Classifier",
    boxes: "xr.Dataset",
    level: float = _LEVEL,
    *,
    known: "xr.Dataset | None" = None,
) -> Confidence:
    """
    Find out how far a classifier can be trusted, from labelled boxes never trained on.

    The temperature is the one of the highest likelihood [1]_. The plausible modes are split
    conformal sets [2]_ of the tempered probabilities: modes whose probability is at least that
    which the true mode has in a share `level` of the boxes. One parameter cannot learn a few
    hundred boxes by heart, so the same boxes serve for both.

    Parameters
    ----------
    classifier : Classifier
        Its own confidence, if it has one, is not looked at.
    boxes : xarray.Dataset
        Labelled container of 20 boxes or more, best several hundred, none of which the
        classifier was trained or chosen on. They must be of two modes at least: a limit taken
        from one says nothing of the others.
    level : float, optional
        Share of boxes whose true mode is to be among the plausible ones, above 0 and below 1.
    known : xarray.Dataset, optional
        More boxes, labelled or not, that the score of novelty counts as known, such as some
        that the classifier was trained on.

    Returns
    -------
    confidence : Confidence
        To be set as the classifier's `confidence`. With fewer than level / (1 - level) boxes
        every mode is plausible.

    Raises
    ------
    InputError
        If there are too few boxes, or too few with echo, they have no labels, others than the
        classifier gives, or one for all; if the known boxes are no container or an empty one; or
        if the level is out of bounds.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks,
       Proc. 34th ICML.
    .. [2] Sadinle, Lei and Wasserman (2019), Least ambiguous set-valued classifiers with bounded
       error levels, J. Amer. Stat. Assoc. 114, 223-234.
    """
    kinds = int | float | np.integer | np.floating
    if isinstance(level, bool) or not isinstance(level, kinds) or not 0 < level < 1:
        raise InputError(f"calibrate: level is {level!r}; it must lie above 0 and below 1.")
    # By its decimals: 0.8 as a float32 is a little more, and would ask for one box too many.
    level = float(str(level))
    truth = _labels(classifier, boxes)
    parts = [boxes] if known is None else [boxes, _checked(known)]
    probability = replace(classifier, confidence=None).predict(boxes)["probability"].values
    temperature = _best_temperature(probability, truth)
    of_truth = temper(probability, temperature)[np.arange(len(truth)), truth]
    seen = [_images(part, classifier.image_shape) for part in parts]
    novelty = fit_novelty(np.concatenate(seen))
    return Confidence(temperature, level, _lowest_plausible(of_truth, level), novelty)


def _images(boxes: "xr.Dataset", shape: tuple[int, int]) -> NDArray[np.uint8]:
    values = boxes["reflectivity"].values  # of labelled boxes `predict` has looked at them
    return check_reflectivity(values, where="Known boxes", maximum=255, shape=shape)


def _checked(known: "xr.Dataset") -> "xr.Dataset":
    import xarray as xr

    if not isinstance(known, xr.Dataset) or "reflectivity" not in known:
        raise InputError(
            "calibrate: the known boxes are no container of reflectivity; give a Dataset as "
            "stormlens.datasets makes it, or leave them out."
        )
    dims = known["reflectivity"].dims
    if dims != ("storm", "y", "x"):
        raise InputError(
            f"calibrate: reflectivity of the known boxes has dimensions {dims}, not "
            "('storm', 'y', 'x')."
        )
    if not known.sizes["storm"]:
        raise InputError("calibrate: there are no known boxes; give some, or leave them out.")
    return known


def _labels(classifier: "Classifier", boxes: "xr.Dataset") -> NDArray[np.int64]:
    import xarray as xr

    if not isinstance(boxes, xr.Dataset) or "mode" not in boxes:
        raise InputError("calibrate: the boxes have no labels; give labelled ones.")
    labels = boxes["mode"]
    if labels.dims != ("storm",) or "flag_meanings" not in labels.attrs:
        raise InputError(
            "calibrate: mode of the boxes is not one code a storm, with attribute flag_meanings "
            "to name the codes; make labelled boxes with stormlens.datasets.make_dataset."
        )
    # A container's labels are named without blanks.
    if class_names(boxes) != tuple("_".join(name.split()) for name in classifier.classes):
        raise InputError(
            f"calibrate: the boxes are labelled {', '.join(class_names(boxes))}; the classifier "
            f"gives {', '.join(classifier.classes)}."
        )
    if boxes.sizes["storm"] < LEAST_BOXES:
        raise InputError(
            f"calibrate: {boxes.sizes['storm']} boxes are too few; give {LEAST_BOXES} or more."
        )
    codes, classes = labels.values, len(classifier.classes)
    wrong = np.flatnonzero(~np.isin(codes, np.arange(classes)))
    if len(wrong):
        raise InputError(
            f"calibrate: label {codes[wrong[0]]} of box {wrong[0]} is no class code; codes run "
            f"from 0 to {classes - 1}. Give labelled boxes alone, each with its code."
        )
    if (codes == codes[0]).all():
        raise InputError(
            f"calibrate: all boxes are labelled {classifier.classes[int(codes[0])]}; give boxes of "
            "two modes or more, for a limit taken from one says nothing of the others."
        )
    return codes.astype(np.int64)


def _best_temperature(probability: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The temperature of the lowest mean log loss; the lowest tried if all answers are right."""
    from scipy.optimize import minimize_scalar

    logarithm = np.log(np.maximum(probability, LEAST, dtype=np.float64))

    def loss(log_temperature: float) -> float:
        scaled = logarithm / math.exp(log_temperature)
        scaled -= scaled.max(1, keepdims=True)
        of_truth = scaled[np.arange(len(truth)), truth]
        return float((np.log(np.exp(scaled).sum(1)) - of_truth).mean())

    low, high = map(math.log, _TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return math.exp(found.x)


def _lowest_plausible(of_truth: NDArray[np.float32], level: float) -> float:
    """
    The probability that the true mode has in a share `level` of boxes, from n of them.

    The score 1 - p has its ceil((n + 1) level)-th smallest value as its quantile, so that one
    more box of the kind is covered with a probability of `level` at least. Ranks of p itself
    are taken, not of 1 - p, so that nothing is rounded.
    """
    rank = math.ceil((len(of_truth) + 1) * level - 1e-9)
    return 0.0 if rank > len(of_truth) else float(np.sort(of_truth)[-rank])
