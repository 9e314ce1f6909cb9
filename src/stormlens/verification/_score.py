"""Judge a classifier's probabilities against a labelled dataset."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens.datasets import class_names, is_simulated
from stormlens.errors import InputError
from stormlens.stormbox import MODES
from stormlens.verification import _categorical as categorical
from stormlens.verification._added import added_scores
from stormlens.verification._bootstrap import LEVEL, day_groups
from stormlens.verification._measures import SCORES
from stormlens.verification._probability import checked
from stormlens.verification._scores import OVERALL, PER_MODE, Estimate, ModeScores, Scores
from stormlens.verification._totals import estimates_of, group_totals, scores_of

Floats = NDArray[np.float64]

_FIVE = tuple(score for score in SCORES if score.name in OVERALL)


def align(
    predictions: xr.Dataset, dataset: xr.Dataset
) -> tuple[Floats, NDArray[np.int64], tuple[str, ...]]:
    """
    Probabilities and true codes of the same boxes, in the same order.

    Parameters
    ----------
    predictions : xarray.Dataset
        What `Classifier.predict` gave: `probability` (storm, mode).
    dataset : xarray.Dataset
        The labelled container that was classified.

    Returns
    -------
    probability : ndarray of float64, shape (storm, mode)
    truth : ndarray of int64, shape (storm,)
        Class codes.
    classes : tuple of str
        Class names by code.

    Raises
    ------
    InputError
        If the dataset has no labels, boxes or classes differ, or a probability
        is NaN, outside 0 to 1, or a row of them does not sum to 1.
    """
    classes = class_names(dataset)
    answered = tuple(str(name).strip().replace(" ", "_") for name in predictions["mode"].values)
    if answered != classes:
        msg = (
            f"The classifier answers {', '.join(answered)}, but the dataset's classes are "
            f"{', '.join(classes)}; score it on a dataset with the same classes in the same order."
        )
        raise InputError(msg)
    _check_boxes(predictions, dataset)
    probability = predictions["probability"].transpose("storm", "mode").values
    given, truth = checked(probability, dataset["mode"].values)
    return given, truth, classes


def _check_boxes(predictions: xr.Dataset, dataset: xr.Dataset) -> None:
    predicted, labelled = predictions.sizes["storm"], dataset.sizes["storm"]
    if predicted != labelled:
        msg = f"There are {predicted} predictions and {labelled} labelled boxes; give one each."
        raise InputError(msg)
    if "unid" in predictions.coords and "unid" in dataset.coords:
        ours, theirs = predictions["unid"].values, dataset["unid"].values
        differing = np.flatnonzero(ours != theirs)
        if differing.size:
            box = int(differing[0])
            msg = (
                f"Box {box} is {ours[box]} in the predictions and {theirs[box]} in the dataset; "
                "score predictions against the dataset they were made from."
            )
            raise InputError(msg)


def score(
    predictions: xr.Dataset, dataset: xr.Dataset, n_boot: int = 1000, seed: int = 0
) -> Scores:
    """
    Score a classifier on labelled boxes, with a 95 % interval on every number.

    Intervals come from a bootstrap that draws whole UTC days with replacement
    (boxes, where times are unknown), since boxes of one day show the same
    storms; they are bias-corrected and accelerated. Replicates that leave a
    score undefined are left out of its interval; with fewer than two days there
    is no interval (NaN).

    Parameters
    ----------
    predictions : xarray.Dataset
        What `Classifier.predict` gave: `probability` (storm, mode).
    dataset : xarray.Dataset
        The labelled container that was classified.
    n_boot : int, optional
        Bootstrap replicates, 1 or more.
    seed : int, optional
        Of the bootstrap.

    Returns
    -------
    scores : Scores
        Undefined scores are NaN, and None in `to_dict`.

    Raises
    ------
    InputError
        As `align`, or if `n_boot` is below 1.
    """
    if n_boot < 1:
        raise InputError(f"A bootstrap needs at least 1 replicate, not {n_boot}.")
    probability, truth, classes = align(predictions, dataset)
    answer = probability.argmax(1)
    group, by = day_groups(dataset["time"].values)
    totals = group_totals(probability, truth, answer, group)
    estimates = estimates_of(totals, len(classes), _FIVE, PER_MODE, n_boot=n_boot, seed=seed)
    named, constant = _constant(truth, classes)
    confusion = categorical.confusion_matrix(truth, answer, len(classes))
    return Scores(
        **dict(zip(OVERALL, estimates, strict=False)),
        per_mode=_per_mode(estimates[len(OVERALL) :], confusion, classes),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        count=int(truth.size),
        classes=classes,
        baseline=_baseline(named, constant, truth),
        simulated={
            "training": bool(predictions.attrs.get("simulated_training", 0)),
            "test": is_simulated(dataset),
        },
        intervals={
            "level": LEVEL,
            "method": "BCa bootstrap",
            "by": by,
            "groups": int(totals.shape[0]),
            "replicates": n_boot,
            "seed": seed,
        },
        added=added_scores(probability, truth, constant, group, n_boot=n_boot, seed=seed),
    )


def most_confident_mistakes(predictions: xr.Dataset, dataset: xr.Dataset, n: int = 8) -> xr.Dataset:
    """
    The boxes that a classifier got wrong while most sure of itself.

    Parameters
    ----------
    predictions : xarray.Dataset
        What `Classifier.predict` gave: `probability` (storm, mode).
    dataset : xarray.Dataset
        The labelled container that was classified.
    n : int, optional
        How many at most.

    Returns
    -------
    mistakes : xarray.Dataset
        Those boxes of `dataset`, most confident first, with `truth` and
        `answer` (class names), `probability` (of the answer) and
        `probability_of_truth`. It has no storms where nothing was wrong.

    Raises
    ------
    InputError
        As `align`.
    """
    probability, truth, classes = align(predictions, dataset)
    answer = probability.argmax(1)
    wrong = np.flatnonzero(answer != truth)
    order = wrong[np.argsort(-probability[wrong, answer[wrong]], kind="stable")][:n]
    names = np.asarray(classes)
    return dataset.isel(storm=order).assign(
        truth=("storm", names[truth[order]]),
        answer=("storm", names[answer[order]]),
        probability=("storm", probability[order, answer[order]]),
        probability_of_truth=("storm", probability[order, truth[order]]),
    )


def _per_mode(
    estimates: list[Estimate], confusion: NDArray[np.int64], classes: tuple[str, ...]
) -> dict[str, ModeScores]:
    size = len(classes)
    return {
        name: ModeScores(
            **{key: estimates[i * size + code] for i, key in enumerate(PER_MODE)},
            count=int(confusion[code].sum()),
        )
        for code, name in enumerate(classes)
    }


def _constant(truth: NDArray[np.int64], classes: tuple[str, ...]) -> tuple[str, Floats]:
    """The constant answer: its name, and its probabilities for each box."""
    counts = np.bincount(truth, minlength=len(classes))
    code = classes.index("QLCS") if classes == MODES else int(counts.argmax())
    certain = np.zeros((truth.size, len(classes)))
    certain[:, code] = 1
    return f"always {classes[code]}", certain


def _baseline(name: str, constant: Floats, truth: NDArray[np.int64]) -> dict[str, Any]:
    group = np.zeros(truth.size, np.int64)
    totals = group_totals(constant, truth, constant.argmax(1), group)
    values = scores_of(totals, constant.shape[1], _FIVE, ())[0]
    return {"name": name, **dict(zip(OVERALL, values.tolist(), strict=True))}
