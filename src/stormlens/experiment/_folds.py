"""
Cross-validation by day, of the training and validation boxes together.

Boxes of one UTC day show the same storms, so a day is never divided; modes are spread over the
folds as evenly as days allow. The test split is never loaded.
"""

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens import datasets, verification
from stormlens.errors import InputError
from stormlens.experiment._data import Data
from stormlens.models import Classifier
from stormlens.training import Recipe, fit

Indices = NDArray[np.int64]

_STOPPING_FOLDS = 5  # one of which stops a training early
_MOST_SEED = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Pool:
    """
    The boxes that a sweep may learn from and judge by: training and validation split together.

    Attributes
    ----------
    boxes : xarray.Dataset
        The container.
    groups : ndarray of int64, shape (storm,)
        Boxes of one number stay together.
    by : str
        What a group is, such as ``"UTC day"``.
    classes : int
        How many there are.
    """

    boxes: xr.Dataset
    groups: Indices
    by: str
    classes: int

    @classmethod
    def load(cls, source: Data) -> "Pool":
        """
        Load both splits.

        Parameters
        ----------
        source : Data

        Returns
        -------
        pool : Pool

        Raises
        ------
        InputError
            If a split is missing, or has no labels.
        """
        parts = [source.load(split) for split in ("train", "validation")]
        for part in parts:
            if "mode" not in part:
                raise InputError(
                    f"{source.name} has no labels: its boxes can be classified, not learnt."
                )
        boxes = datasets.join(parts, where=source.name)
        groups, by = verification.day_groups(boxes["time"].values)
        return cls(boxes, groups, by, len(datasets.class_names(boxes)))

    @property
    def codes(self) -> NDArray[np.integer[Any]]:
        """Class code of each box."""
        codes: NDArray[np.integer[Any]] = self.boxes["mode"].values
        return codes

    def fingerprint(self) -> str:
        """SHA-256 of images, classes and times."""
        digest = hashlib.sha256()
        for name in ("reflectivity", "mode", "time"):
            values = np.ascontiguousarray(self.boxes[name].values)
            digest.update(f"{name} {values.shape} {values.dtype}".encode())
            digest.update(values.view(np.uint8).data)
        return digest.hexdigest()

    def check(self, folds: int, stops: bool) -> None:
        """
        Refuse boxes that cannot be divided into so many folds.

        Parameters
        ----------
        folds : int
        stops : bool
            Whether a recipe stops early, for which a part of each training is set aside.

        Raises
        ------
        InputError
            If there are too few days, or boxes of every class.
        """
        count = len(np.unique(self.groups))
        what = "days" if "day" in self.by else "boxes"
        if count < folds:
            raise InputError(
                f"{folds} folds need as many {what}, since a day is never divided, and training "
                f"and validation have {count}; give fewer folds or other data."
            )
        if np.bincount(self.codes).max() < folds:
            raise InputError(
                f"{folds} folds need a class with as many boxes, and the largest has "
                f"{np.bincount(self.codes).max()}; give fewer folds or more boxes."
            )
        for train, judging in self.divided(folds, 0):
            if not judging.size or len(np.unique(self.codes[train])) < 2:
                raise InputError(
                    f"Divided by day into {folds} folds, one is empty or leaves a single class to "
                    "learn; give fewer folds or boxes of more days."
                )
            if stops and len(np.unique(self.groups[train])) < 2:
                raise InputError(
                    "A recipe that stops early sets days of each training aside, and there is "
                    "one; give early_stopping=0, or boxes of more days."
                )

    def divided(self, folds: int, seed: int) -> list[tuple[Indices, Indices]]:
        """
        Boxes to learn from and boxes to judge by, for each fold.

        Parameters
        ----------
        folds : int
        seed : int
            Of how days are assigned to folds.

        Returns
        -------
        pairs : list of (ndarray, ndarray)
            Indices of boxes in their order.
        """
        return list(_divided(self.codes, self.groups, folds, seed))

    def part(self, chosen: Indices, share: float, seed: int) -> Indices:
        """
        Some days of the boxes, as many as it takes to reach a share of the boxes.

        Parameters
        ----------
        chosen : ndarray of int
            Boxes.
        share : float
            In (0, 1].
        seed : int
            Of the order of days: a smaller share lies within a larger one.

        Returns
        -------
        part : ndarray of int
            In their order; two classes at least.
        """
        if share >= 1:
            return chosen
        groups, codes = self.groups[chosen], self.codes[chosen]
        order = np.random.default_rng(seed).permutation(np.unique(groups))
        rank = np.empty(self.groups.max() + 1, np.int64)
        rank[order] = np.arange(len(order))
        ranks = rank[groups]
        # Day by day in their random order, on until the share is reached, and at least until a
        # second class has appeared: one class alone cannot be trained on.
        _, second, *_ = sorted(ranks[codes == code].min() for code in np.unique(codes))
        reached = np.cumsum(np.bincount(ranks, minlength=len(order))) >= share * len(chosen)
        return chosen[ranks <= max(second, int(reached.argmax()))]


def _divided(
    codes: NDArray[Any], groups: Indices, folds: int, seed: int
) -> Iterator[tuple[Indices, Indices]]:
    from sklearn.model_selection import StratifiedGroupKFold

    # Of days that are equally uneven the one with the lower number is assigned first, so other
    # numbers give another division. scikit-learn's own shuffle, before 1.8, takes the classes of
    # one day for those of another.
    numbers = np.random.default_rng(seed).permutation(groups.max() + 1)[groups]
    with warnings.catch_warnings():
        # Warns of a class with fewer boxes than folds, which then is in some folds only.
        warnings.simplefilter("ignore", UserWarning)
        yield from StratifiedGroupKFold(folds).split(np.zeros(len(codes)), codes, numbers)


def judge_fold(
    recipe: Recipe, pool: Pool, *, folds: int, seed: int, repeat: int, fold: int, share: float
) -> dict[str, Any]:
    """
    Train on all folds but one, and score on that one.

    Parameters
    ----------
    recipe : Recipe
        Its own seed is raised by the number of the repeat. If it stops early, some days of the
        folds trained on are set aside to decide when, so that the judging fold decides nothing.
    pool : Pool
    folds, seed : int
        Of the division.
    repeat, fold : int
        Which.
    share : float
        Of the boxes trained on, in (0, 1].

    Returns
    -------
    found : dict
        As `read_fit` gives it.
    """
    train, judging = pool.divided(folds, _seed(seed, repeat))[fold]
    train = pool.part(train, share, _seed(seed, repeat))
    splits = {"train": train}
    if recipe.early_stopping:
        most = min(_STOPPING_FOLDS, len(np.unique(pool.groups[train])))
        inner, stopping = next(_divided(pool.codes[train], pool.groups[train], most, seed))
        splits = {"train": train[inner], "validation": train[stopping]}
    containers = {name: pool.boxes.isel(storm=chosen) for name, chosen in splits.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # notes on the recipe, said once before
        fitted = fit(
            recipe.with_changes(seed=_seed(recipe.seed, repeat)), containers, progress=False
        )
    return {
        "scores": _scores(fitted.classifier, pool.boxes.isel(storm=judging), pool.classes),
        "boxes": len(judging),
        "trained_on": len(splits["train"]),
        "epochs": len(fitted.history),
        "failed": None,
    }


def _seed(first: int, repeat: int) -> int:
    return (first + repeat) % (_MOST_SEED + 1)


def _scores(classifier: Classifier, boxes: xr.Dataset, classes: int) -> dict[str, float | None]:
    probability = classifier.predict(boxes)["probability"].values
    if not np.isfinite(probability).all():
        raise InputError("The trained network gives no numbers; lower the learning rate.")
    truth = boxes["mode"].values.astype(np.int64)
    confusion = verification.confusion_matrix(truth, probability.argmax(1), classes)
    found: dict[str, Any] = {
        "hss": verification.hss(confusion),
        "accuracy": verification.accuracy(confusion),
        "macro_f1": verification.macro_f1(confusion),
        "brier": verification.brier(probability, truth),
        "log_loss": verification.log_loss(probability, truth),
    }
    return {name: float(v) if np.isfinite(v) else None for name, v in found.items()}
