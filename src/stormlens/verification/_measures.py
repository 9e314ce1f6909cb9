"""
What a score is, and those that `score` gives: one class, for our own and for other packages'.

A score comes from sums over boxes, either of the confusion matrix or of a number of each box. So
the sums of each day are enough for a bootstrap that draws days: a replicate adds them up anew,
and no box is looked at twice.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.plugins import Group
from stormlens.verification import _categorical as categorical
from stormlens.verification._probability import CLIP, brier_terms, log_loss_terms

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_NAME = "[a-z][a-z0-9]*(_[a-z0-9]+)*"
_LONGEST = 100


@dataclass(frozen=True)
class Score:
    """
    A number that says how good a classifier's answers are.

    Attributes
    ----------
    name : str
        Key in JSON: lower-case letters, digits and underscores.
    title : str
        As it stands in a table, such as ``"Brier score"``.
    meaning : str
        What it measures, a clause for the report.
    range : tuple of float
        Lowest and highest value; infinite where there is no bound.
    higher_is_better : bool
        The direction.
    of_confusion : callable or None
        From confusion matrices, shape (..., mode, mode), rows true and columns answered, to
        scores of shape (...); NaN where undefined. It is given many matrices at once.
    of_boxes : callable or None
        From probabilities, float64 of shape (storm, mode) whose rows sum to 1, and true codes of
        shape (storm,), to a number for each box. Their mean is the score. A score has either
        this or `of_confusion`.

    Raises
    ------
    InputError
        If the name, a text, the range or the function cannot be used.

    Examples
    --------
    >>> def surprise(probability, truth):
    ...     return 1 - probability[np.arange(len(truth)), truth]
    >>> doubt = Score("doubt", "doubt", "what truth is denied", (0, 1), False, of_boxes=surprise)
    >>> doubt.sense
    'lower is better, 0 to 1'
    """

    name: str
    title: str
    meaning: str
    range: tuple[float, float]
    higher_is_better: bool
    of_confusion: Callable[[Floats], Any] | None = None
    of_boxes: Callable[[Floats, Codes], Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(_NAME, self.name):
            raise InputError(
                f"A score's name is {self.name!r:.60}; give lower-case letters, digits and "
                "underscores."
            )
        for key in ("title", "meaning"):
            text = getattr(self, key)
            if not isinstance(text, str) or not text.isprintable() or not 0 < len(text) < _LONGEST:
                raise InputError(
                    f"Score {self.name}: {key} is {text!r:.60}; give text on one line of less "
                    f"than {_LONGEST} characters."
                )
        if not _is_range(self.range):
            raise InputError(
                f"Score {self.name}: range is {self.range!r:.60}; give its lowest and its highest "
                "value, such as (0, 1)."
            )
        if (self.of_confusion is None) == (self.of_boxes is None):
            raise InputError(
                f"Score {self.name}: give either of_confusion or of_boxes; both, or neither, "
                "say not how it is computed."
            )

    @property
    def sense(self) -> str:
        """Direction and range in words."""
        low, high = self.range
        ends = f"{low:.3g} to {high:.3g}"
        if math.isinf(high):
            ends = f"{low:.3g} or more" if math.isfinite(low) else "without bounds"
        elif math.isinf(low):
            ends = f"at most {high:.3g}"
        return f"{'higher' if self.higher_is_better else 'lower'} is better, {ends}"


def _is_range(given: Any) -> bool:
    return (
        isinstance(given, tuple | list)
        and len(given) == 2
        and all(isinstance(end, int | float) for end in given)
        and given[0] < given[1]
    )


ACCURACY = Score(
    "accuracy", "accuracy", "share named right", (0, 1), True, of_confusion=categorical.accuracy
)
MACRO_F1 = Score(
    "macro_f1",
    "macro F1",
    "mean F1, rare ones count as much",
    (0, 1),
    True,
    of_confusion=categorical.macro_f1,
)
HSS = Score(
    "hss",
    "HSS",
    "Heidke skill: accuracy beyond chance; 0 is none",
    (-1, 1),
    True,
    of_confusion=categorical.hss,
)
PEIRCE = Score(
    "peirce",
    "Peirce skill",
    "accuracy beyond chance, which no shift in how often modes are answered raises",
    (-1, 1),
    True,
    of_confusion=categorical.peirce,
)
GERRITY = Score(
    "gerrity",
    "Gerrity skill",
    "skill that rewards rare modes and near misses",
    (-1, 1),
    True,
    of_confusion=categorical.gerrity,
)
BRIER = Score(
    "brier",
    "Brier score",
    "squared error of the probabilities",
    (0, 2),
    False,
    of_boxes=brier_terms,
)
LOG_LOSS = Score(
    "log_loss",
    "log loss",
    "surprise at the truth",
    (0, -math.log(CLIP)),
    False,
    of_boxes=log_loss_terms,
)

SCORES = (ACCURACY, MACRO_F1, HSS, BRIER, LOG_LOSS)
"""What `score` gives. Beyond these five, which have fields of their own, it stands in `added`."""

COMPARED_SCORES = (ACCURACY, MACRO_F1, HSS, PEIRCE, GERRITY, BRIER, LOG_LOSS)
"""What `compare` gives."""

SUMMED = (BRIER, LOG_LOSS)
"""Of these, the ones that are means over boxes, whose sums follow the counts."""

TAKEN = (
    *dict.fromkeys(score.name for score in (*COMPARED_SCORES, *SCORES)),
    *("per_mode", "confusion", "count", "classes", "baseline", "simulated", "intervals", "added"),
    *("name", "data", "data_options", "split"),
)
"""Names that no other score can have: keys of scores.json."""

ADDED_SCORES = Group("score", "stormlens.scores", Score, lambda: TAKEN, separator="_")
"""Scores that other packages add through entry points."""
