"""
A classifier appraised on boxes that no training has seen: what its model card says of it.

Simulated boxes come with the families they were drawn from, and each family is scored
alone: the worst of those that were held out says most about storms that nobody painted.
Real boxes are kept apart, and are only ever looked at.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens import datasets, storage
from stormlens import verification as scores
from stormlens.errors import InputError
from stormlens.models import NO_STORM_BOX, UNSURE, Classifier, name_modes

FILE, FAILURES = "appraisal.json", "failures.npz"
"""What `Appraisal.write` leaves in a run folder."""

_FORMAT = 1
_FAILURES_KEPT = 8
_FAMILY_COORDS = {"storm": "storm_family", "network": "network", "product": "product"}


@dataclass(frozen=True)
class Appraisal:
    """
    What was found of a classifier.

    Attributes
    ----------
    families : list of dict
        One a held-out family: kind, family, boxes, accuracy with its 95 % interval (low, high),
        calibration_error, coverage of the conformal sets, share called unsure.
    all : dict
        The same of all simulated boxes, and log_loss.
    modes : list of dict
        One a mode: mode, boxes, pod, far, csi on all simulated boxes.
    real : list of dict
        One a set of real boxes: name, source, boxes, right, unsure, confidently_wrong.
    failures : list of dict
        The most confident mistakes on simulated boxes: unid, truth, answer, probability, families.
    images : ndarray of uint8, shape (failures, rows, columns)
        Their boxes.
    """

    families: list[dict[str, Any]]
    all: dict[str, Any]
    modes: list[dict[str, Any]]
    real: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    images: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 136, 136), np.uint8))

    @property
    def worst(self) -> dict[str, Any]:
        """The family with the lowest accuracy."""
        return min(self.families, key=lambda row: row["accuracy"])

    def to_dict(self) -> dict[str, Any]:
        """
        All but the images, as ``appraisal.json`` holds it.

        Returns
        -------
        values : dict
        """
        return {
            "format": _FORMAT,
            "simulated": {"families": self.families, "all": self.all, "modes": self.modes},
            "real": self.real,
            "failures": self.failures,
        }

    def write(self, run: str | Path) -> None:
        """
        Write ``appraisal.json`` and ``failures.npz`` into a run folder.

        Parameters
        ----------
        run : str or Path
            Run folder.
        """
        storage.write_text(Path(run) / FILE, json.dumps(self.to_dict(), indent=1) + "\n")
        held = io.BytesIO()
        np.savez_compressed(held, images=self.images)
        storage.write_bytes(Path(run) / FAILURES, held.getvalue())


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
        With its confidence, or without: coverage is then NaN and no box is unsure.
    boxes : xarray.Dataset
        Labelled simulated boxes that neither trained nor calibrated it, with the coordinates
        `storm_family`, `network` and `product`, such as the test split of
        ``simulated-held-out``.
    real : mapping of str to xarray.Dataset, optional
        Labelled real boxes by what the card calls them; their attribute `source` is kept.
    families : sequence of str, optional
        Families to score, of `datasets.simulated_families`; those marked held out unless told.

    Returns
    -------
    appraisal : Appraisal

    Raises
    ------
    InputError
        If the boxes have no families, or boxes called real are simulated.
    """
    missing = [name for name in _FAMILY_COORDS.values() if name not in boxes.coords]
    if missing:
        raise InputError(
            f"The boxes to appraise have no coordinate {missing[0]}; give boxes of "
            "simulated-held-out."
        )
    judged = _Judged.of(classifier, boxes)
    held_out = [
        family
        for family in datasets.simulated_families()
        if (family.name in families if families else family.held_out)
    ]
    rows = [
        {"kind": family.kind, "family": family.name, **judged.summary(here)}
        for family in held_out
        if (here := boxes[_FAMILY_COORDS[family.kind]].values == family.name).any()
    ]
    everything = np.ones(boxes.sizes["storm"], bool)
    failures, images = _failures(judged, boxes)
    return Appraisal(
        families=rows,
        all={
            **judged.summary(everything),
            "log_loss": _short(scores.log_loss(judged.probability, judged.truth)),
        },
        modes=judged.by_mode(classifier.classes),
        real=[_of_real(classifier, name, held) for name, held in (real or {}).items()],
        failures=failures,
        images=images,
    )


@dataclass(frozen=True)
class _Judged:
    """Answers beside the truth."""

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
        return cls(
            predictions,
            predictions["probability"].values,
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
                **{name: _or_none(held[code]) for name, held in values.items()},
            }
            for code, mode in enumerate(classes)
        ]


def _failures(judged: _Judged, boxes: xr.Dataset) -> tuple[list[dict[str, Any]], NDArray[np.uint8]]:
    """The mistakes made with most confidence, at most two of a truth and answer."""
    modes = judged.predictions["mode"].values
    answers, order = judged.probability.argmax(1), np.argsort(-judged.probability.max(1))
    kept: list[int] = []
    pairs: list[tuple[int, int]] = []
    for box in order[~judged.right[order]].tolist():
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
        raise InputError(f"{name} holds simulated boxes; real ones are appraised beside them.")
    judged = _Judged.of(classifier, boxes)
    return {
        "name": name,
        "source": str(boxes.attrs.get("source", "unknown")),
        "boxes": len(judged.truth),
        "right": int(judged.right.sum()),
        "unsure": int(judged.doubted.sum()),
        "confidently_wrong": int((~judged.right & ~judged.doubted).sum()),
    }


def add_real(run: str | Path, classifier: Classifier, real: Mapping[str, xr.Dataset]) -> None:
    """
    Score a run's classifier on real boxes, beside what its appraisal holds already.

    Parameters
    ----------
    run : str or Path
        Run folder with ``appraisal.json``.
    classifier : Classifier
        The run's.
    real : mapping of str to xarray.Dataset
        As for `appraise`; replaces the real boxes of before.

    Raises
    ------
    InputError
        If there is no appraisal, or boxes called real are simulated.
    """
    path = Path(run) / FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); train again.") from error
    values["real"] = [_of_real(classifier, name, held) for name, held in real.items()]
    storage.write_text(path, json.dumps(values, indent=1) + "\n")


def _short(value: Any) -> float:
    return round(float(value), 4)


def _or_none(value: Any) -> float | None:
    return None if np.isnan(value) else _short(value)
