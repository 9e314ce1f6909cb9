"""
Appraise a classifier on boxes that no training has seen, for its model card.

Simulated boxes name the families they were drawn from, and each family is scored by
itself: the worst held-out one says most about storms that the simulator cannot paint.
Real boxes are scored apart, and never used for training or choosing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens import datasets
from stormlens import verification as scores
from stormlens.errors import InputError, unknown
from stormlens.models import NO_STORM_BOX, UNSURE, Classifier, apply_context, name_modes
from stormlens.report import Appraisal, read_appraisal

_FAILURES_KEPT = 8
_FAMILY_COORDS = {"storm": "storm_family", "network": "network", "product": "product"}


def appraise(
    classifier: Classifier,
    boxes: xr.Dataset,
    real: Mapping[str, xr.Dataset] | None = None,
    *,
    families: Sequence[str] = (),
) -> Appraisal:
    """
    Score a classifier family by family.

    Parameters
    ----------
    classifier : Classifier
        With its confidence or without; without it coverage is None and no box is unsure.
    boxes : xarray.Dataset
        Labelled simulated boxes that neither trained nor calibrated it, with the coordinates
        `storm_family`, `network` and `product`, such as the test split of
        ``simulated-held-out``.
    real : mapping of str to xarray.Dataset, optional
        Labelled real boxes by what the card calls them; their attribute `source` is kept.
    families : sequence of str, optional
        Families to score, of `datasets.simulated_families`; by default those marked held out.

    Returns
    -------
    appraisal : Appraisal

    Raises
    ------
    InputError
        If the boxes have no families or are real, a family does not exist, or boxes called real
        are simulated.
    """
    missing = [name for name in _FAMILY_COORDS.values() if name not in boxes.coords]
    if missing or not datasets.is_simulated(boxes):
        what = f"have no coordinate {missing[0]}" if missing else "are not simulated"
        raise InputError(f"The boxes to appraise {what}; give boxes of simulated-held-out.")
    judged = _Judged.of(classifier, boxes)
    held_out = _chosen(families)
    rows = [
        {"kind": family.kind, "family": family.name, **judged.summary(here)}
        for family in held_out
        if (here := boxes[_FAMILY_COORDS[family.kind]].values == family.name).any()
    ]
    everything = np.ones(boxes.sizes["storm"], bool)
    failures, pictures = _failures(judged, boxes)
    return Appraisal(
        families=rows,
        overall={
            **judged.summary(everything),
            "log_loss": _short(scores.log_loss(judged.probability, judged.truth)),
        },
        modes=judged.by_mode(classifier.classes),
        real=[_of_real(classifier, name, some) for name, some in (real or {}).items()],
        failures=failures,
        pictures=pictures,
    )


def _chosen(names: Sequence[str]) -> list[Any]:
    """Families by name; those marked held out where none is named."""
    known = datasets.simulated_families()
    if isinstance(names, str):
        raise InputError(f"Families are given as a list of names, such as [{names!r}].")
    for name in names:
        if name not in [family.name for family in known]:
            raise unknown("family of simulated boxes", name, [family.name for family in known])
    return [family for family in known if (family.name in names if names else family.held_out)]


def families_of(boxes: xr.Dataset) -> NDArray[np.str_]:
    """
    The families of simulated boxes.

    Parameters
    ----------
    boxes : xarray.Dataset
        The container.

    Returns
    -------
    names : ndarray of str, shape (storm, 3)
        Of storm, network and product; (storm, 0) where the boxes do not name them.
    """
    if not set(_FAMILY_COORDS.values()) <= set(boxes.coords):
        return np.empty((boxes.sizes["storm"], 0), str)
    return np.stack([boxes[name].values for name in _FAMILY_COORDS.values()], axis=1)


@dataclass(frozen=True)
class _Judged:
    """Answers and truth. Context is applied, so that a box gets the name that `classify` gives."""

    predictions: xr.Dataset
    probability: NDArray[np.float32]
    truth: NDArray[np.int64]
    verdict: NDArray[np.str_]

    @classmethod
    def of(cls, classifier: Classifier, boxes: xr.Dataset) -> "_Judged":
        if datasets.class_names(boxes) != classifier.classes:
            raise InputError(
                f"The boxes have the classes {', '.join(datasets.class_names(boxes))}; the "
                f"classifier knows {', '.join(classifier.classes)}."
            )
        predictions = classifier.predict(boxes)
        corrected = apply_context(predictions)
        return cls(
            corrected,
            corrected["probability"].values,
            boxes["mode"].values.astype(np.int64),
            name_modes(predictions),
        )

    @property
    def right(self) -> NDArray[np.bool_]:
        return self.probability.argmax(1) == self.truth

    @property
    def doubted(self) -> NDArray[np.bool_]:
        return np.isin(self.verdict, (UNSURE, NO_STORM_BOX))

    def summary(self, here: NDArray[np.bool_]) -> dict[str, Any]:
        """Scores of some of the boxes."""
        hits, count = int(self.right[here].sum()), int(here.sum())
        low, high = scores.wilson_interval(hits, count)
        reliability = scores.reliability(self.probability[here], self.truth[here])
        return {
            "boxes": count,
            "accuracy": _short(hits / count),
            "low": _short(low),
            "high": _short(high),
            "calibration_error": _short(reliability.calibration_error),
            "coverage": self._coverage(here),
            "unsure": _short(self.doubted[here].mean()),
        }

    def _coverage(self, here: NDArray[np.bool_]) -> float | None:
        if "plausible" not in self.predictions:
            return None
        rows = np.arange(len(self.truth))
        return _short(self.predictions["plausible"].values[rows, self.truth][here].mean())

    def by_mode(self, classes: Sequence[str]) -> list[dict[str, Any]]:
        confusion = scores.confusion_matrix(self.truth, self.probability.argmax(1), len(classes))
        measures = {"pod": scores.pod, "far": scores.far, "csi": scores.csi}
        values = {name: measure(confusion) for name, measure in measures.items()}
        return [
            {
                "mode": mode,
                "boxes": int(confusion[code].sum()),
                **{name: _or_none(of_mode[code]) for name, of_mode in values.items()},
            }
            for code, mode in enumerate(classes)
        ]


def _failures(judged: _Judged, boxes: xr.Dataset) -> tuple[list[dict[str, Any]], NDArray[np.uint8]]:
    """
    The most confident mistakes, at most two for each pair of truth and answer.

    A box that gets no mode (unsure, or no storm box) is not a mistake.
    """
    modes = judged.predictions["mode"].values
    answers, order = judged.probability.argmax(1), np.argsort(-judged.probability.max(1))
    kept: list[int] = []
    pairs: list[tuple[int, int]] = []
    mistaken = ~judged.right & ~judged.doubted
    for box in order[mistaken[order]].tolist():
        pair = (int(judged.truth[box]), int(answers[box]))
        if pairs.count(pair) < 2 and len(kept) < _FAILURES_KEPT:
            kept.append(box)
            pairs.append(pair)
    rows = [
        {
            "unid": str(boxes["unid"].values[box]),
            "truth": str(modes[truth]),
            "answer": str(modes[answer]),
            "probability": _short(judged.probability[box, answer]),
            **{name: str(boxes[name].values[box]) for name in _FAMILY_COORDS.values()},
        }
        for box, (truth, answer) in zip(kept, pairs, strict=True)
    ]
    return rows, boxes["reflectivity"].values[kept]


def _of_real(classifier: Classifier, name: str, boxes: xr.Dataset) -> dict[str, Any]:
    if datasets.is_simulated(boxes):
        raise InputError(f"{name} holds simulated boxes; give real ones, which are scored apart.")
    judged = _Judged.of(classifier, boxes)
    named = np.array(classifier.classes)[judged.truth]
    return {
        "name": name,
        "source": str(boxes.attrs.get("source", "unknown")),
        "boxes": len(judged.truth),
        "right": int(judged.right.sum()),
        "unsure": int(judged.doubted.sum()),
        "confidently_wrong": int((judged.verdict != named)[~judged.doubted].sum()),
    }


def add_real(run: str | Path, classifier: Classifier, real: Mapping[str, xr.Dataset]) -> None:
    """
    Score a run's classifier on real boxes, and add that to its appraisal.

    Parameters
    ----------
    run : str or Path
        Run folder with ``appraisal.json``.
    classifier : Classifier
        The run's.
    real : mapping of str to xarray.Dataset
        As for `appraise`; replaces real boxes that were added before.

    Raises
    ------
    InputError
        If there is no appraisal or it is damaged, or boxes called real are simulated.
    """
    appraisal = read_appraisal(run)
    if appraisal is None:
        raise InputError(f"{run} holds no appraisal to add to; appraise its classifier first.")
    rows = [_of_real(classifier, name, boxes) for name, boxes in real.items()]
    replace(appraisal, real=rows).write(run)


def _short(value: Any) -> float:
    return round(float(value), 4)


def _or_none(value: Any) -> float | None:
    return None if np.isnan(value) else _short(value)
