"""
What was published on the archive, to compare our results with.

The chapter prints accuracies of its three networks; a notebook of the archive's authors gives the
confusion matrix of theirs, from which every score follows; a workshop used the same design on
other test images.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stormlens import verification
from stormlens.stormbox import MODES, SPLIT_COUNTS

ARCHIVE_CONFUSION: tuple[tuple[int, ...], ...] = (
    (76, 1, 1, 0, 0, 0),
    (4, 145, 2, 0, 0, 1),
    (0, 1, 32, 0, 0, 0),
    (3, 0, 6, 1, 0, 1),
    (0, 0, 0, 0, 0, 2),
    (11, 1, 0, 0, 0, 12),
)
"""Of the archive's own network on its test split: rows true, columns answered, codes 0 to 5."""

_WORKSHOP_IMAGES = 920


@dataclass(frozen=True)
class Published:
    """
    A published score.

    Attributes
    ----------
    split : str
        ``"train"``, ``"validation"`` or ``"test"``.
    score : str
        ``"accuracy"``, ``"macro_f1"``, ``"hss"``, or one of a mode, such as ``"QLCS pod"``.
    value : float
        As printed, or from the published counts.
    boxes : int or None
        Of how many it is a share, or from how many it was computed; None if not published.
    low, high : float
        Wilson's 95 % interval, which assumes independent boxes; NaN for a score that is no
        share, such as a skill score.
    """

    split: str
    score: str
    value: float
    boxes: int | None
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def share(cls, split: str, score: str, value: float, boxes: int) -> "Published":
        """
        A share of boxes, with Wilson's interval.

        Parameters
        ----------
        split, score : str
        value : float
            0 to 1; the interval is that of the nearest whole number of boxes.
        boxes : int
            Of how many.

        Returns
        -------
        published : Published
        """
        low, high = map(float, verification.wilson_interval(round(value * boxes), boxes))
        return cls(split, score, value, boxes, low, high)

    def place(self, value: float) -> str | None:
        """
        Whether a value lies inside, above or below the interval.

        Parameters
        ----------
        value : float

        Returns
        -------
        place : {"inside", "above", "below"} or None
            None without an interval or a value.
        """
        if math.isnan(self.low) or math.isnan(value):
            return None
        if self.low <= value <= self.high:
            return "inside"
        return "above" if value > self.high else "below"

    def to_dict(self) -> dict[str, Any]:
        """
        Ready for JSON, None for NaN.

        Returns
        -------
        values : dict
        """
        return without_nan(asdict(self))


def without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with None for NaN, which JSON does not know."""
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in values.items()
    }


def of_chapter(training: float, validation: float) -> tuple[Published, ...]:
    """
    The two accuracies that the chapter prints for an experiment.

    Parameters
    ----------
    training, validation : float
        After ten epochs.

    Returns
    -------
    published : tuple of Published
    """
    counts = {split: sum(SPLIT_COUNTS[split]) for split in ("train", "validation")}
    return (
        Published.share("train", "accuracy", training, counts["train"]),
        Published.share("validation", "accuracy", validation, counts["validation"]),
    )


def of_archive() -> tuple[Published, ...]:
    """
    The scores that follow from the archive's own confusion matrix.

    Returns
    -------
    published : tuple of Published
        Accuracy, macro F1 and HSS, then POD and FAR of each mode that have a value.
    """
    counts = np.array(ARCHIVE_CONFUSION)
    boxes, right = int(counts.sum()), np.diag(counts)
    found = [
        Published.share("test", "accuracy", float(verification.accuracy(counts)), boxes),
        Published("test", "macro_f1", float(verification.macro_f1(counts)), boxes),
        Published("test", "hss", float(verification.hss(counts)), boxes),
    ]
    for code, mode in enumerate(MODES):
        truth, answers = int(counts[code].sum()), int(counts[:, code].sum())
        found.append(Published.share("test", f"{mode} pod", right[code] / truth, truth))
        if answers:
            missed = (answers - right[code]) / answers
            found.append(Published.share("test", f"{mode} far", missed, answers))
    return tuple(found)


def always_qlcs() -> Published:
    """
    What answering QLCS every time scores on the archive's test split.

    Returns
    -------
    published : Published
    """
    counts = np.array(ARCHIVE_CONFUSION).sum(1)
    boxes = int(counts.sum())
    return Published.share("test", "accuracy", counts[MODES.index("QLCS")] / boxes, boxes)


def elsewhere() -> list[dict[str, Any]]:
    """
    What was published on other test images, which our results cannot be compared with.

    Returns
    -------
    results : list of dict
        `what`, and its numbers as `Published.to_dict` gives them.
    """
    return [
        {
            "what": "A workshop's network of the archive's design (2023), other test images",
            "published": [
                Published.share("test", "accuracy", 0.886, _WORKSHOP_IMAGES).to_dict(),
                Published("test", "macro_f1", 0.81, _WORKSHOP_IMAGES).to_dict(),
            ],
        },
        {
            "what": "The same on the four weather modes alone",
            "published": [
                Published("test", "accuracy", 0.758, None).to_dict(),
            ],
        },
    ]
