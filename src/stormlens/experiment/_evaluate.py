"""Score a trained classifier on labelled boxes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from stormlens import datasets, verification
from stormlens.experiment._data import Data, data_of
from stormlens.experiment._readings import record_reading
from stormlens.models import Classifier
from stormlens.verification import Scores


@dataclass(frozen=True)
class Evaluation:
    """
    A classifier, scored on labelled boxes.

    Attributes
    ----------
    data : Data
        Where the boxes come from.
    split : str
        Which of them.
    scores : Scores
        With intervals.
    predictions, dataset : xarray.Dataset
        Probabilities, and the boxes they are of.
    """

    data: Data
    split: str
    scores: Scores
    predictions: xr.Dataset
    dataset: xr.Dataset

    def to_dict(self) -> dict[str, Any]:
        """
        The scores and what was scored, ready for JSON.

        Returns
        -------
        values : dict
            As ``scores.json`` holds them.
        """
        return {
            "data": self.data.name,
            "data_options": self.data.options,
            "split": self.split,
            **self.scores.to_dict(),
        }


def evaluate(
    run: str | Path,
    data: str | Path | None = None,
    split: str = "test",
    *,
    data_options: Mapping[str, Any] | None = None,
) -> Evaluation:
    """
    Score a run's classifier on a split; a reading of the test split is recorded in the run.

    Parameters
    ----------
    run : str or Path
        Run folder.
    data : str or Path, optional
        As for `datasets.load`; by default what the run was trained on.
    split : str, optional
        ``"train"``, ``"validation"``, ``"test"``, or ``"all"`` for every labelled box.
    data_options : mapping, optional
        Other arguments of `datasets.load`; the run's own where `data` is the run's.

    Returns
    -------
    evaluation : Evaluation

    Raises
    ------
    InputError
        If run or data cannot be read, or do not fit each other.
    """
    classifier = Classifier.load(run)
    source = data_of(classifier, run, data, data_options)
    boxes = source.load(None if split == "all" else split)
    return judge(classifier, source, split, boxes, run=run, by="evaluate")


def judge(
    classifier: Classifier, data: Data, split: str, boxes: xr.Dataset, *, run: str | Path, by: str
) -> Evaluation:
    """Score a run's classifier on loaded boxes, and record the reading."""
    datasets.class_names(boxes)
    predictions = classifier.predict(boxes)
    scores = verification.score(predictions, boxes)
    record_reading(
        run, by=by, data=data.name, options=data.options, split=split, boxes=scores.count
    )
    return Evaluation(data, split, scores, predictions, boxes)
