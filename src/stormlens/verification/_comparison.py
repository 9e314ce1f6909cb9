"""What a comparison of classifiers finds, as plain data that JSON can hold."""

from dataclasses import asdict, dataclass
from typing import Any

from stormlens.verification._measures import COMPARED_SCORES
from stormlens.verification._probability import BrierDecomposition, Reliability
from stormlens.verification._scores import Estimate, ModeScores, none_for_nan

COMPARED = tuple(score.name for score in COMPARED_SCORES)
"""Scores of a comparison: accuracy, macro_f1, hss, peirce, gerrity, brier and log_loss."""


@dataclass(frozen=True)
class Performance:
    """
    One mode's place in a performance diagram (Roebber 2009).

    Attributes
    ----------
    success_ratio : Estimate
        One minus FAR, the abscissa.
    pod : Estimate
        The ordinate.
    csi : Estimate
        Constant along the diagram's curves.
    bias : Estimate
        Frequency bias, constant along its rays.
    """

    success_ratio: Estimate
    pod: Estimate
    csi: Estimate
    bias: Estimate


@dataclass(frozen=True)
class ClassifierScores:
    """
    The scores of one classifier in one view.

    Attributes
    ----------
    scores : dict of str to Estimate
        By name, as in `COMPARED`.
    per_mode : dict of str to ModeScores
        By class name: pod, far, csi, f1 and count.
    confusion : tuple of tuples of int
        Rows true, columns predicted, the view's modes.
    performance : dict of str to Performance
        By class name.
    """

    scores: dict[str, Estimate]
    per_mode: dict[str, ModeScores]
    confusion: tuple[tuple[int, ...], ...]
    performance: dict[str, Performance]


@dataclass(frozen=True)
class Difference:
    """
    A score of the first classifier minus that of the second, on the same boxes.

    Attributes
    ----------
    value : float
        NaN where either score is undefined. Brier score and log loss are
        better the lower they are, so there a negative value favours the first.
    low, high : float
        95 % interval by the bootstrap that draws the same days for both; NaN
        where it cannot be computed.
    p : float
        Two-sided p-value of the swap test by day; NaN where it cannot be computed.
    corrected : float
        The same after Holm's correction over the view's pairs.
    """

    value: float
    low: float
    high: float
    p: float
    corrected: float


@dataclass(frozen=True)
class PairMcNemar:
    """
    McNemar's exact test of a pair, which takes boxes as independent.

    Attributes
    ----------
    b, c : int
        Boxes where the first alone was right, and where the second alone was.
    p : float
        Two-sided exact p-value.
    corrected : float
        The same after Holm's correction over the view's pairs.
    """

    b: int
    c: int
    p: float
    corrected: float


@dataclass(frozen=True)
class Pair:
    """
    Two classifiers side by side in one view.

    Attributes
    ----------
    first, second : str
        Their names.
    differences : dict of str to Difference
        By score, as in `COMPARED`: first minus second.
    mcnemar : PairMcNemar
    differs : bool
        Whether their accuracies differ: the corrected p-value of the swap test
        by day, ``differences["accuracy"].corrected``, is at most the level.
    """

    first: str
    second: str
    differences: dict[str, Difference]
    mcnemar: PairMcNemar
    differs: bool


@dataclass(frozen=True)
class View:
    """
    All classifiers judged on some of the modes.

    Attributes
    ----------
    name : str
        ``"six"``, ``"weather"``, ``"three"``, or ``"all"`` for classes that are no storm modes.
    modes : tuple of str
        The view's classes.
    count : int
        Boxes whose truth is one of them.
    entrants : dict of str to ClassifierScores
        By name, in the order of the comparison.
    pairs : list of Pair
        Every two, in the order of the names.
    """

    name: str
    modes: tuple[str, ...]
    count: int
    entrants: dict[str, ClassifierScores]
    pairs: list[Pair]


@dataclass(frozen=True)
class Slice:
    """
    The boxes of one month, hour or year.

    Attributes
    ----------
    label : str
        ``"Jan"`` to ``"Dec"``, ``"00"`` to ``"23"`` (UTC), or a year such as ``"2014"``.
    count : int
        Boxes.
    scores : dict of str to Estimate
        Accuracy by name of the classifier, all classes.
    skill : dict of str to Estimate
        Heidke skill score, which allows for how often each mode occurs then.
    """

    label: str
    count: int
    scores: dict[str, Estimate]
    skill: dict[str, Estimate]


@dataclass(frozen=True)
class Calibration:
    """
    Whether a classifier's probabilities are as often right as they say.

    Attributes
    ----------
    reliability : Reliability
        Of the probability given to the answer.
    brier : BrierDecomposition
        Of the Brier score over all classes.
    """

    reliability: Reliability
    brier: BrierDecomposition


@dataclass(frozen=True)
class Disagreement:
    """
    A box that classifiers answer differently.

    Attributes
    ----------
    index : int
        Its place in the dataset.
    unid : str
        Its identifier.
    truth : str
        Class name.
    answers : dict of str to str
        Class name by classifier.
    probability : dict of str to float
        What each gave to its own answer.
    information : float
        How much they disagree: the mutual information of answer and classifier
        in nats, 0 to ln(classes), also known as their Jensen-Shannon divergence.
    """

    index: int
    unid: str
    truth: str
    answers: dict[str, str]
    probability: dict[str, float]
    information: float


@dataclass(frozen=True)
class Comparison:
    """
    What `compare` finds.

    Attributes
    ----------
    names : tuple of str
        The classifiers, in the order given.
    classes : tuple of str
        Class names by code.
    count : int
        Boxes scored.
    days : int
        Distinct UTC days among them; boxes of unknown time have none.
    simulated : dict
        `training`, by name, and `test`: whether a simulator made that data.
    intervals : dict
        How the intervals came about: `level`, `method`, `by`, `groups`, `replicates`, `seed`.
    correction : dict
        For how many tests p-values are corrected, and how: `method`, `tests` (pairs of a view),
        `level`, `family` (in words), `swaps`.
    views : dict of str to View
        By name; a view in which no box falls is left out.
    seasons : dict of str to list of Slice
        Under ``"month"``, ``"hour"`` and ``"year"`` the slices that hold boxes, in order.
        Boxes of unknown time are in none.
    reliability : dict of str to Calibration
        By name of the classifier, all classes.
    disagreeing : int
        Boxes that were not answered alike by all classifiers (constant ones aside).
    disagreements : list of Disagreement
        The boxes among them that they disagree on most, those first.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    count: int
    days: int
    simulated: dict[str, Any]
    intervals: dict[str, Any]
    correction: dict[str, Any]
    views: dict[str, View]
    seasons: dict[str, list[Slice]]
    reliability: dict[str, Calibration]
    disagreeing: int
    disagreements: list[Disagreement]

    def to_dict(self) -> dict[str, Any]:
        """
        Turn into dicts, lists, numbers and None (for NaN), ready for JSON.

        Returns
        -------
        data : dict
            As ``stormlens compare --json`` prints it.
        """
        result: dict[str, Any] = none_for_nan(asdict(self))
        return result
