"""The answer for each box as plain values: for `classify`, and for clients over HTTP."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.models._modes import name_modes
from stormlens.stormbox import Predictions

_CONFIDENCE = ("plausible", "novelty", "disagreement")


def confidence_of(predictions: Predictions) -> list[str]:
    """
    Which measures of trust the predictions have.

    Parameters
    ----------
    predictions : Predictions
        Of `Classifier.predict`.

    Returns
    -------
    names : list of str
        Attributes of the predictions that are not None.
    """
    return [name for name in _CONFIDENCE if getattr(predictions, name) is not None]


def describe(predictions: Predictions, known: Sequence[str] = ()) -> list[dict[str, Any]]:
    """
    The answer for each box.

    Parameters
    ----------
    predictions : Predictions
        Of `Classifier.predict`, corrected for coverage and place (`apply_context`).
    known : sequence of str, optional
        Names of what else the answers include: `time`, `latitude`, `longitude`,
        `coverage`.

    Returns
    -------
    boxes : list of dict
        ``{id, mode, likeliest, probabilities: {mode name: value}}``, with the names in `known`, and
        with plausible (a list of modes), novelty and disagreement if the classifier has them.
        `mode` is that of `name_modes`. Unknown values are None; times are text in ISO 8601.
    """
    modes = np.asarray(predictions.modes)
    probability = predictions.probability
    columns: dict[str, list[Any]] = {"id": list(map(str, predictions.storm["unid"]))}
    for name in known:
        values = predictions.storm.get(name, [float("nan")] * len(predictions))
        columns[name] = list(map(_iso if name == "time" else _known, values))
    columns["mode"] = name_modes(predictions).tolist()
    columns["likeliest"] = modes[probability.argmax(axis=1)].tolist()
    for name in confidence_of(predictions):
        values = getattr(predictions, name)
        is_set = name == "plausible"
        columns[name] = [modes[row].tolist() if is_set else _known(row) for row in values]
    columns["probabilities"] = _probabilities(modes.tolist(), probability)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _probabilities(modes: list[str], values: NDArray[np.floating]) -> list[dict[str, float]]:
    """The floats that float32 values print as: no digits that were never computed."""
    return [dict(zip(modes, map(float, map(str, row)), strict=True)) for row in values]


def _known(value: Any) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def _iso(time: np.datetime64) -> str | None:
    return None if np.isnat(time) else f"{np.datetime_as_string(time, unit='s')}Z"
