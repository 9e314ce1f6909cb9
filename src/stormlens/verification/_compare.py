"""
Compare classifiers that judged the same boxes: scores, paired differences, tests, disagreements.

Classifiers are compared pair by pair on the same boxes, so that how hard the
boxes are cancels out of the difference. Each replicate of the bootstrap draws
the same days for all of them.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens.datasets import is_simulated
from stormlens.errors import InputError
from stormlens.verification import _categorical as categorical
from stormlens.verification._bootstrap import (
    LEVEL,
    day_groups,
    interval,
    leave_one_out,
    replicates,
    swapping,
)
from stormlens.verification._comparison import (
    COMPARED,
    Calibration,
    ClassifierScores,
    Comparison,
    Difference,
    Disagreement,
    Pair,
    PairMcNemar,
    Performance,
    Slice,
    View,
)
from stormlens.verification._measures import ACCURACY, COMPARED_SCORES, HSS, Score
from stormlens.verification._pairs import holm, mcnemar, swap_test
from stormlens.verification._probability import brier_decomposition, reliability
from stormlens.verification._score import align
from stormlens.verification._scores import PER_MODE, Estimate, ModeScores
from stormlens.verification._totals import group_totals, scores_of
from stormlens.verification._views import restrict, views_of

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_OF_A_MODE = (*PER_MODE, "bias")
_ALPHA = round(1 - LEVEL, 10)
"""Highest corrected p-value that counts as a difference."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class _Boxes:
    """Boxes with all classifiers' predictions: `probability` (classifier, storm, mode)."""

    names: tuple[str, ...]
    modes: tuple[str, ...]
    probability: Floats
    truth: Codes
    time: NDArray[np.datetime64]

    @property
    def answer(self) -> Codes:
        return self.probability.argmax(2)

    def of(self, inside: NDArray[np.bool_]) -> "_Boxes":
        return _Boxes(
            self.names,
            self.modes,
            self.probability[:, inside],
            self.truth[inside],
            self.time[inside],
        )


@dataclass(frozen=True)
class _Draws:
    """How often to draw, and from which seed."""

    n: int
    seed: int


def compare(
    predictions: Mapping[str, xr.Dataset],
    dataset: xr.Dataset,
    *,
    n_boot: int = 1000,
    seed: int = 0,
    most: int = 100,
) -> Comparison:
    """
    Compare classifiers on the same labelled boxes.

    Every score has the 95 % interval that `score` gives it. The interval of a
    difference of two classifiers comes from the same draws of days. The exact
    `swap_test` by day decides whether two accuracies differ, corrected by `holm`
    over all pairs of a view. The other scores' p-values are sampled by `n_boot`
    swaps. None of them is below 1 / (n_boot + 1), so with over ten classifiers
    none is significant unless `n_boot` is larger than 1000. McNemar's test,
    which takes boxes as independent, is reported as well.

    Parameters
    ----------
    predictions : mapping of str to xarray.Dataset
        By name, what each `Classifier.predict` gave for `dataset`.
    dataset : xarray.Dataset
        The labelled container that was classified.
    n_boot : int, optional
        Number of bootstrap replicates and of swaps, 1 or more.
    seed : int, optional
        Of both draws.
    most : int, optional
        Largest number of disagreements to list.

    Returns
    -------
    comparison : Comparison
        Undefined scores are NaN, and None in `to_dict`.

    Raises
    ------
    InputError
        If there is no classifier, as `align` with the classifier's name, or if
        `n_boot` is below 1.
    """
    if n_boot < 1:
        raise InputError(f"A bootstrap needs at least 1 replicate, not {n_boot}.")
    boxes = _boxes(predictions, dataset)
    draws = _Draws(n_boot, seed)
    group, by = day_groups(boxes.time)
    return Comparison(
        names=boxes.names,
        classes=boxes.modes,
        count=int(boxes.truth.size),
        days=int(np.unique(_known(boxes.time).astype("datetime64[D]")).size),
        simulated={
            "training": {
                name: bool(given.attrs.get("simulated_training", 0))
                for name, given in predictions.items()
            },
            "test": is_simulated(dataset),
        },
        intervals={
            "level": LEVEL,
            "method": "BCa bootstrap",
            "by": by,
            "groups": int(group.max()) + 1,
            "replicates": n_boot,
            "seed": seed,
        },
        correction={
            "method": "Holm",
            "tests": len(boxes.names) * (len(boxes.names) - 1) // 2,
            "level": _ALPHA,
            "family": "all pairs of one view, for each score",
            "swaps": n_boot,
        },
        views=_views(boxes, draws),
        seasons=_seasons(boxes, draws),
        reliability={
            name: Calibration(
                reliability(given, boxes.truth), brier_decomposition(given, boxes.truth)
            )
            for name, given in zip(boxes.names, boxes.probability, strict=True)
        },
        **_disagreements(boxes, dataset["unid"].values, most),
    )


def _boxes(predictions: Mapping[str, xr.Dataset], dataset: xr.Dataset) -> _Boxes:
    if not predictions:
        raise InputError("There is nothing to compare; give the predictions of one classifier.")
    aligned = []
    for name, given in predictions.items():
        try:
            aligned.append(align(given, dataset))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    _, truth, classes = aligned[0]
    probability = np.stack([entry[0] for entry in aligned])
    return _Boxes(tuple(predictions), classes, probability, truth, dataset["time"].values)


def _views(boxes: _Boxes, draws: _Draws) -> dict[str, View]:
    result = {}
    for name, modes in views_of(boxes.modes).items():
        codes = [boxes.modes.index(mode) for mode in modes]
        parts = [restrict(given, boxes.truth, codes) for given in boxes.probability]
        inside, _, truth = parts[0]
        if inside.any():
            given = np.stack([part[1] for part in parts])
            result[name] = _view(
                name, _Boxes(boxes.names, modes, given, truth, boxes.time[inside]), draws
            )
    return result


def _view(name: str, boxes: _Boxes, draws: _Draws) -> View:
    group, _ = day_groups(boxes.time)
    totals = _totals(boxes, group)
    judged = _judged(totals, boxes, draws, COMPARED_SCORES, _OF_A_MODE)
    estimates = judged.estimates()
    scores = {
        classifier: _classifier_scores(estimates[i], boxes.truth, boxes.answer[i], boxes.modes)
        for i, classifier in enumerate(boxes.names)
    }
    pairs = _pairs(boxes, group, totals, judged, draws)
    return View(name, boxes.modes, int(boxes.truth.size), scores, pairs)


def _totals(boxes: _Boxes, group: Codes) -> Floats:
    """Each group's sums, the classifiers' columns side by side: (group, classifier * sum)."""
    return np.column_stack(
        [
            group_totals(given, boxes.truth, answer, group)
            for given, answer in zip(boxes.probability, boxes.answer, strict=True)
        ]
    )


@dataclass(frozen=True)
class _Judged:
    """
    Scores of all classifiers, with what their intervals are made from.

    `values` has shape (classifier, statistic), `repeated` (replicate, classifier, statistic),
    `left_out` (day, classifier, statistic): the scores without that day. `sizes` is each day's
    number of boxes.
    """

    values: Floats
    repeated: Floats
    left_out: Floats
    sizes: Floats

    def estimates(self) -> list[list[Estimate]]:
        bounds = _interval(self.values, self.repeated, self.left_out, self.sizes)
        return [
            [Estimate(*triple) for triple in zip(*rows, strict=True)]
            for rows in zip(*(array.tolist() for array in (self.values, *bounds)), strict=True)
        ]


def _judged(
    totals: Floats,
    boxes: _Boxes,
    draws: _Draws,
    overall: tuple[Score, ...],
    per_mode: tuple[str, ...],
) -> _Judged:
    n_classes = len(boxes.modes)

    def scores(sums: Floats) -> Floats:
        each = scores_of(sums.reshape(-1, n_classes**2 + 2), n_classes, overall, per_mode)
        return each.reshape(sums.shape[0], -1)

    values = scores(totals.sum(0, keepdims=True))
    shape = (len(boxes.names), values.size // len(boxes.names))
    repeated = left_out = np.empty((0, *shape))
    if totals.shape[0] > 1:
        repeated = replicates(totals, scores, draws.n, draws.seed).reshape(-1, *shape)
        left_out = leave_one_out(totals, scores).reshape(-1, *shape)
    sizes = totals[:, : n_classes**2].sum(1)
    return _Judged(values.reshape(shape), repeated, left_out, sizes)


def _interval(
    values: Floats, repeated: Floats, left_out: Floats, sizes: Floats
) -> tuple[Floats, Floats]:
    """Intervals, or NaN with fewer than two days."""
    if not left_out.shape[0]:
        unknown = np.full(values.shape, np.nan)
        return unknown, unknown
    return interval(values, repeated, left_out, sizes)


def _classifier_scores(
    estimates: list[Estimate], truth: Codes, answer: Codes, modes: tuple[str, ...]
) -> ClassifierScores:
    confusion = categorical.confusion_matrix(truth, answer, len(modes))
    rest = estimates[len(COMPARED) :]
    size = len(modes)
    by_mode = {
        mode: {name: rest[i * size + code] for i, name in enumerate(_OF_A_MODE)}
        for code, mode in enumerate(modes)
    }
    return ClassifierScores(
        scores=dict(zip(COMPARED, estimates, strict=False)),
        per_mode={
            mode: ModeScores(
                **{name: found[name] for name in PER_MODE}, count=int(confusion[code].sum())
            )
            for code, (mode, found) in enumerate(by_mode.items())
        },
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        performance={
            mode: Performance(_one_minus(found["far"]), found["pod"], found["csi"], found["bias"])
            for mode, found in by_mode.items()
        },
    )


def _one_minus(estimate: Estimate) -> Estimate:
    return Estimate(1 - estimate.value, 1 - estimate.high, 1 - estimate.low)


def _pairs(
    boxes: _Boxes, group: Codes, totals: Floats, judged: _Judged, draws: _Draws
) -> list[Pair]:
    places = list(itertools.combinations(range(len(boxes.names)), 2))
    if not places:
        return []
    first, second = np.transpose(places)
    difference, repeated, left_out = (
        array[..., first, : len(COMPARED)] - array[..., second, : len(COMPARED)]
        for array in (judged.values, judged.repeated, judged.left_out)
    )
    low, high = _interval(difference, repeated, left_out, judged.sizes)
    right = boxes.answer == boxes.truth
    p = _swap_p_values(boxes, totals, difference, first, second, draws)
    # For accuracy the distribution over all swaps is known exactly and need not be sampled.
    p[:, COMPARED.index("accuracy")] = [swap_test(right[i], right[j], group) for i, j in places]
    corrected = np.column_stack([holm(column) for column in p.T])
    exact = [mcnemar(right[i], right[j]) for i, j in places]
    exact_corrected = holm([test.p for test in exact])
    result = []
    for k, (i, j) in enumerate(places):
        rows = (array[k].tolist() for array in (difference, low, high, p, corrected))
        differences = dict(
            zip(COMPARED, itertools.starmap(Difference, zip(*rows, strict=True)), strict=True)
        )
        result.append(
            Pair(
                boxes.names[i],
                boxes.names[j],
                differences,
                PairMcNemar(exact[k].b, exact[k].c, exact[k].p, float(exact_corrected[k])),
                bool(differences["accuracy"].corrected <= _ALPHA),
            )
        )
    return result


def _swap_p_values(
    boxes: _Boxes,
    totals: Floats,
    difference: Floats,
    first: Codes,
    second: Codes,
    draws: _Draws,
) -> Floats:
    """
    Share of swaps of whole days after which a pair's scores are at least as far apart as now.

    With each day's sums A and B, a swap of some days gives one side
    (sum(A + B) + S) / 2 and the other (sum(A + B) - S) / 2, where S is the sum
    of A - B with a sign for each day; all pairs share the signs.
    """
    classifiers, n_classes = len(boxes.names), len(boxes.modes)
    whole = totals.sum(0).reshape(classifiers, -1)
    middle = (whole[first] + whole[second]) / 2

    def apart(sums: Floats) -> Floats:
        signed = sums.reshape(sums.shape[0], classifiers, -1)
        half = (signed[:, first] - signed[:, second]) / 2
        sides = [
            scores_of(side.reshape(-1, side.shape[-1]), n_classes, COMPARED_SCORES, ())
            for side in (middle + half, middle - half)
        ]
        return (sides[0] - sides[1]).reshape(sums.shape[0], -1)

    swapped = replicates(totals, apart, draws.n, draws.seed, swapping)
    swapped = np.abs(swapped.reshape(-1, *difference.shape))
    known = ~np.isnan(swapped)
    # Sums of probabilities are rounded, so an equal distance may come out a little smaller.
    as_far = (swapped >= np.abs(difference) - 1e-9) & known
    # The observed scores are one of the possible swaps: no sampled p-value is 0 (Phipson and Smyth
    # 2010, Stat. Appl. Genet. Mol. Biol. 9, 39).
    p = (1 + as_far.sum(0)) / (1 + known.sum(0))
    return np.where(np.isnan(difference), np.nan, p)


def _known(time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    return time[~np.isnat(time)]


def _seasons(boxes: _Boxes, draws: _Draws) -> dict[str, list[Slice]]:
    known = boxes.of(~np.isnat(boxes.time))
    month = known.time.astype("datetime64[M]").astype(int) % 12
    hour = known.time.astype("datetime64[h]").astype(int) % 24
    year = known.time.astype("datetime64[Y]").astype(int) + 1970
    return {
        "month": _slices(known, month, _MONTHS.__getitem__, draws),
        "hour": _slices(known, hour, "{:02d}".format, draws),
        "year": _slices(known, year, str, draws),
    }


def _slices(boxes: _Boxes, key: Codes, label: Any, draws: _Draws) -> list[Slice]:
    result = []
    for value in np.unique(key).tolist():
        part = boxes.of(key == value)
        totals = _totals(part, day_groups(part.time)[0])
        found = _judged(totals, part, draws, (ACCURACY, HSS), ()).estimates()
        accuracy, skill = (
            dict(zip(boxes.names, column, strict=True)) for column in zip(*found, strict=True)
        )
        result.append(Slice(label(value), int(part.truth.size), accuracy, skill))
    return result


def _disagreements(boxes: _Boxes, unid: NDArray[Any], most: int) -> dict[str, Any]:
    """
    Boxes answered differently, by the mutual information of answer and classifier.

    A classifier that answers every box alike would disagree with the others on
    most boxes and say nothing about any. It is left out where two others remain.
    """
    given = boxes.probability
    varies = (given != given[:, :1]).any((1, 2))
    if varies.sum() > 1:
        given = given[varies]
    answer = given.argmax(2)
    differ = np.flatnonzero((answer != answer[0]).any(0))
    information = _entropy(given[:, differ].mean(0)) - _entropy(given[:, differ]).mean(0)
    order = np.argsort(-information, kind="stable")[:most]
    listed = [
        Disagreement(
            index=int(box),
            unid=str(unid[box]),
            truth=boxes.modes[boxes.truth[box]],
            answers={
                name: boxes.modes[code]
                for name, code in zip(boxes.names, boxes.answer[:, box].tolist(), strict=True)
            },
            probability=dict(
                zip(boxes.names, boxes.probability[:, box].max(1).tolist(), strict=True)
            ),
            information=float(max(amount, 0)),
        )
        for box, amount in zip(differ[order], information[order], strict=True)
    ]
    return {"disagreeing": int(differ.size), "disagreements": listed}


def _entropy(probability: Floats) -> Floats:
    """Shannon entropy in nats over the last axis."""
    positive = probability > 0
    return -(probability * np.log(np.where(positive, probability, 1))).sum(-1, where=positive)
