"""Arrange scores, curves and pictures into the page, and write it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormlens import storage, verification
from stormlens.plots import class_colours
from stormlens.report import _card as cards
from stormlens.report import _figures as figures
from stormlens.report import _words as words
from stormlens.report._appraisal import Appraisal, on_real, read_appraisal
from stormlens.report._environment import environment
from stormlens.stormbox import MODES
from stormlens.verification import Scores

_MISTAKES = 8

_PROVENANCE = (
    "command",
    "created",
    "data",
    "data_source",
    "device",
    "layers",
    "members",
    "parameters",
    "seed",
    "split",
    "stormlens_version",
    "training_count",
    "training_simulated",
    "versions",
)


def write(
    path: str | Path,
    *,
    recipe: Mapping[str, str],
    history: Sequence[Mapping[str, Any]],
    scores: Scores,
    predictions: xr.Dataset,
    dataset: xr.Dataset,
    provenance: Mapping[str, Any],
) -> Path:
    """
    Write the report of a run as one self-contained HTML file.

    Parameters
    ----------
    path : str or Path
        File to write, atomically. If its folder has an ``appraisal.json``, the page has the model
        card's sections too.
    recipe : mapping
        `name`, and `toml`: the full recipe as TOML text.
    history : sequence of mapping
        One entry an epoch: epoch, seconds, loss, accuracy, val_loss,
        val_accuracy. May be empty.
    scores : stormlens.verification.Scores
        Of `predictions` on `dataset`.
    predictions : xarray.Dataset
        What `Classifier.predict` gave for `dataset`.
    dataset : xarray.Dataset
        The labelled container that was scored.
    provenance : mapping
        How to reproduce the run; each key may be absent: `data` (name),
        `data_source` (in words), `training_count` (examples trained on),
        `training_simulated` (bool), `split` (what was scored), `command`,
        `seed`, `device`, `created`, `stormlens_version`, `versions` (version by
        package), `parameters` (number), `layers` (each with name, kind,
        output_shape, parameters), `members` (networks of an ensemble, of these layers each),
        `teacher` (in words), `readings` (of the test split, in words), `at_work` (see
        `verification.gap`).

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If predictions and dataset do not fit, an appraisal in the folder is damaged, or the file
        cannot be written.
    """
    appraisal = read_appraisal(Path(path).parent)
    page = environment().get_template("page.html.j2")
    content = _content(recipe, history, scores, predictions, dataset, provenance)
    content["trust"] = (
        None
        if appraisal is None
        else _trust(
            appraisal,
            provenance.get("calibrated_on"),
            content["simulated_training"],
            scores.classes,
        )
    )
    return storage.write_text(path, page.render(content))


def _content(
    recipe: Mapping[str, str],
    history: Sequence[Mapping[str, Any]],
    scores: Scores,
    predictions: xr.Dataset,
    dataset: xr.Dataset,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    probability, truth, classes = verification.align(predictions, dataset)
    reliability = verification.reliability(probability, truth)
    simulated_training = scores.simulated["training"] or bool(provenance.get("training_simulated"))
    simulated = {"training": simulated_training, "test": scores.simulated["test"]}
    names = words.Names.of(classes)
    kind = words.kind_of(provenance.get("at_work"))
    return {
        "recipe": recipe,
        "names": names,
        "kind": kind,
        "scores": scores,
        "provenance": {key: provenance.get(key) for key in _PROVENANCE},
        "colours": class_colours(classes),
        "simulated": words.simulated(simulated, names, kind),
        "simulated_training": simulated_training,
        "headline": words.headline(recipe["name"], scores, simulated, names, provenance),
        "tiles": words.tiles(scores),
        "curves": _curves(history, simulated_training, provenance.get("at_work")),
        "confusion": _confusion_rows(scores),
        "commonest_mistake": words.commonest_mistake(scores, names),
        "few": words.few(scores, names),
        "intervals": words.intervals(scores, names),
        "reliability": {
            "picture": figures.reliability(reliability, any(simulated.values())),
            "sentence": words.reliability(reliability, names),
        },
        "disagreement": _disagreement(predictions, probability.argmax(1) == truth),
        "mistakes": _mistakes(predictions, dataset, names),
        "colour_bar": figures.colour_bar() if names.radar else None,
        "facts": words.facts(dataset, scores, provenance, names),
        "storm_modes": classes == MODES,
    }


def _disagreement(predictions: xr.Dataset, right: np.ndarray) -> str | None:
    if "disagreement" not in predictions:
        return None
    return words.disagreement(predictions["disagreement"].values, right)


def _curves(
    history: Sequence[Mapping[str, Any]], simulated: bool, at_work: Sequence[str] | None
) -> dict[str, Any] | None:
    if not history:
        return None
    gap = verification.gap(history, at_work=at_work)
    seconds = sum(float(epoch.get("seconds", math.nan)) for epoch in history)
    is_baseline = words.kind_of(at_work) == "baseline"
    # A curve of one point would show no more than the sentence says.
    drawn = () if is_baseline else ("accuracy", "loss")
    return {
        "pictures": [figures.curve(history, quantity, simulated) for quantity in drawn],
        "sentence": gap.sentence,
        "verdict": gap.verdict,
        "duration": words.duration(seconds, None if is_baseline else len(history)),
    }


def _confusion_rows(scores: Scores) -> list[dict[str, Any]]:
    """Rows of the table: each count with its share of the true class."""
    rows = []
    for name, counts in zip(scores.classes, scores.confusion, strict=True):
        total = sum(counts)
        shares = [count / total if total else 0.0 for count in counts]
        cells = [
            {"count": count, "share": round(share, 3)}
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append({"name": name, "cells": cells, "total": total})
    return rows


def _mistakes(
    predictions: xr.Dataset, dataset: xr.Dataset, names: words.Names
) -> list[dict[str, Any]]:
    worst = verification.most_confident_mistakes(predictions, dataset, _MISTAKES)
    entries = []
    for i in range(worst.sizes["storm"]):
        box = worst.isel(storm=i)
        entry = {
            "truth": str(box["truth"].item()),
            "answer": str(box["answer"].item()),
            "probability": float(box["probability"]),
            "probability_of_truth": float(box["probability_of_truth"]),
            "unid": str(box["unid"].item()),
            "time": moment(box),
        }
        entry["picture"] = figures.box(box, words.alternative(entry, names))
        entries.append(entry)
    return entries


def _trust(
    appraisal: Appraisal, calibrated_on: str | None, simulated: bool, classes: tuple[str, ...]
) -> dict[str, Any]:
    """The model card's sections: storms never trained on, real boxes, failures, use."""
    held_out = cards.held_out(appraisal)
    shown = appraisal.failures[:_MISTAKES]
    boxes = appraisal.failing_boxes() if shown else None
    return {
        "held_out": held_out,
        "worst": cards.worst(held_out),
        "kept": cards.kept(held_out, calibrated_on),
        "simulated": simulated,
        "real": appraisal.real,
        "on_real": on_real(appraisal.real),
        "failures": [
            {**row, "picture": figures.box(boxes.isel(storm=i), words.failure(row))}
            for i, row in enumerate(shown)
            if boxes is not None
        ],
        "use": cards.use(classes, simulated),
    }


def moment(box: xr.Dataset) -> str:
    """The time of a box, to the minute; empty if unknown."""
    if np.isnat(box["time"].values):
        return ""
    return str(box["time"].values.astype("datetime64[m]")).replace("T", " ") + " UTC"
