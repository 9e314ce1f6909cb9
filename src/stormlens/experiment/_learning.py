"""
Learning curves: the same recipe trained on an eighth, a quarter, a half and all of the boxes.

The smaller subsets are parts of the larger ones, and consist of full days, since boxes of one day
show the same storms. Trainings are kept, so that each is done once.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormlens import datasets, storage
from stormlens.errors import InputError
from stormlens.experiment._data import Data
from stormlens.models import Classifier
from stormlens.training import Recipe, fit, lock_run
from stormlens.verification import Estimate, score

SHARES: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2)
"""Shares of the boxes to train on, besides all of them."""

_MARK = "compared.json"
_LEFT = (
    "classifier.json",
    "weights.safetensors",
    "recipe.toml",
    "history.csv",
    "checkpoint.safetensors",
    "readings.jsonl",
)
"""
Files of a training.

They are removed in this order: without classifier.json the folder is no finished run, so that a
killed removal leaves nothing that could be taken for one.
"""


@dataclass(frozen=True)
class LearningPoint:
    """
    A training on some of the boxes, scored.

    Attributes
    ----------
    name : str
        Whose curve it belongs to.
    boxes : int
        Trained on.
    accuracy, hss : Estimate
        On the boxes of the comparison.
    """

    name: str
    boxes: int
    accuracy: Estimate
    hss: Estimate

    def to_dict(self) -> dict[str, Any]:
        """
        The point, ready for JSON.

        Returns
        -------
        values : dict
            None where an estimate is undefined.
        """
        return {
            "name": self.name,
            "boxes": self.boxes,
            **{
                score: {
                    part: None if np.isnan(value) else value
                    for part, value in asdict(estimate).items()
                }
                for score, estimate in (("accuracy", self.accuracy), ("hss", self.hss))
            },
        }


class TrainingData:
    """
    What a comparison trains on; loaded once, and only if something is left to train.

    Parameters
    ----------
    data : Data
        The test split of it is not loaded.
    """

    def __init__(self, data: Data) -> None:
        self.data = data

    @cached_property
    def splits(self) -> dict[str, xr.Dataset]:
        """The training and the validation split."""
        return {split: self.data.load(split) for split in ("train", "validation")}

    @cached_property
    def content(self) -> str | None:
        """SHA-256 of the boxes of a file or folder; None for a source with a fixed content."""
        if self.data.name in {source.name for source in datasets.list_sources()}:
            return None
        digest = sha256()
        for split in self.splits.values():
            digest.update(np.ascontiguousarray(split["reflectivity"].values).data)
            digest.update(np.ascontiguousarray(split["mode"].values).data)
        return digest.hexdigest()

    def some(self, share: float, seed: int) -> dict[str, xr.Dataset]:
        """The splits with a share of the training boxes."""
        train = self.splits["train"]
        if share < 1:
            train = train.isel(storm=some_days(train["time"].values, share, seed))
        return {**self.splits, "train": train}


def some_days(time: np.ndarray, share: float, seed: int) -> np.ndarray:
    """
    Choose a share of the boxes, by full days drawn at random.

    Parameters
    ----------
    time : ndarray of datetime64, shape (storm,)
        UTC; a box of unknown time is drawn by itself.
    share : float
        Over 0, to 1.
    seed : int
        Of the draw; a larger share includes what a smaller one chooses.

    Returns
    -------
    chosen : ndarray of int64
        Places, in order: the first days of the draw that together hold the share.
    """
    day = time.astype("datetime64[D]").astype(np.int64)
    unknown = np.isnat(time)
    # A number of its own for each box without a time, which no real day has.
    day[unknown] = np.iinfo(np.int64).min // 2 + np.arange(unknown.sum())
    _, group, count = np.unique(day, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(count))
    enough = int(np.searchsorted(np.cumsum(count[order]), share * len(time))) + 1
    return np.flatnonzero(np.isin(group, order[:enough]))


def trained(
    recipe: Recipe,
    source: TrainingData,
    folder: Path,
    *,
    share: float = 1.0,
    seed: int = 0,
    begin: Callable[[], None],
    replace: bool,
    progress: bool,
) -> Classifier:
    """
    Train a recipe on a share of the boxes, or load what an earlier comparison trained.

    Parameters
    ----------
    recipe : Recipe
    source : TrainingData
    folder : Path
        Run folder to write; a training in it that was stopped goes on.
    share : float, optional
        Of the training boxes.
    seed : int, optional
        Of which.
    begin : callable
        Called before a training, if there is one.
    replace : bool
        Whether to train anew if an earlier comparison left something else.
    progress : bool
        Show it on standard error.

    Returns
    -------
    classifier : Classifier

    Raises
    ------
    InputError
        If the folder holds something else, or the recipe and the data do not fit.
    """
    wanted = {
        "recipe": sha256(recipe.to_toml().encode()).hexdigest(),
        "data": source.data.name,
        "data_options": source.data.options,
        "content": source.content,
        "share": share,
        "seed": seed,
    }
    with lock_run(folder):
        found = _read_mark(folder)
        if found != json.loads(json.dumps(wanted)):
            _clear(folder, replace=replace and isinstance(found, dict))
            storage.write_text(folder / _MARK, json.dumps(wanted, indent=2) + "\n")
        if (folder / "classifier.json").is_file():
            classifier = _loaded(folder)
        else:
            begin()
            again = (folder / "recipe.toml").exists()
            splits = source.some(share, seed)
            classifier = fit(recipe, splits, folder, resume=again, progress=progress).classifier
        if "data" not in classifier.provenance:
            classifier.provenance |= {"data": source.data.name, "data_options": source.data.options}
            classifier.save(folder)
    return classifier


def _clear(folder: Path, *, replace: bool) -> None:
    """Make room for another training, in a folder that only comparisons write to."""
    if not any((folder / name).exists() for name in _LEFT):
        return
    if not replace:
        raise InputError(
            f"{folder} was trained on other data, or by another recipe; remove it, or compare in "
            "another folder."
        )
    for name in _LEFT:
        (folder / name).unlink(missing_ok=True)


def _read_mark(folder: Path) -> Any:
    path = folder / _MARK
    return storage.read_json(path, f"remove {folder}") if path.is_file() else None


def _loaded(folder: Path) -> Classifier:
    try:
        return Classifier.load(folder)
    except InputError as error:
        raise InputError(f"{error} To train it again, remove {folder}.") from error


def point(
    name: str, classifier: Classifier, boxes: xr.Dataset, *, n_boot: int, seed: int
) -> LearningPoint:
    """
    One point of a learning curve.

    Parameters
    ----------
    name : str
        Whose curve it belongs to.
    classifier : Classifier
    boxes : xarray.Dataset
        Labelled.
    n_boot, seed : int
        Of the intervals.

    Returns
    -------
    point : LearningPoint
    """
    scores = score(classifier.predict(boxes), boxes, n_boot, seed)
    count = int(classifier.provenance["training_boxes"])
    return LearningPoint(name, count, scores.accuracy, scores.hss)
