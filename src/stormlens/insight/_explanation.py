"""
What every explanation takes and returns: boxes and modes in, one map for each storm out.

An explanation is a Dataset with the storm's coordinates: `attribution`
(storm, y, x), and for each storm the coordinate `mode` that is explained, its
`score` and its `probability`. Attributes name the method and its options.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import softmax

from stormlens.errors import InputError, unknown
from stormlens.insight._boxes import (
    check_container,
    raw_batches,
    result_attributes,
    storm_coordinates,
)
from stormlens.models import Classifier

Mode = str | int | Sequence[str] | None

_BOXES_AT_A_TIME = 1024


def boxes(classifier: Classifier, dataset: xr.Dataset) -> np.ndarray:
    """All boxes of a container, checked: uint8, (storm, rows, columns)."""
    return np.concatenate(list(raw_batches(classifier, dataset, _BOXES_AT_A_TIME)))


def mode_codes(classifier: Classifier, dataset: xr.Dataset, mode: Mode) -> np.ndarray:
    """
    Codes of the modes to explain.

    Parameters
    ----------
    classifier : Classifier
        Knows the modes.
    dataset : xarray.Dataset
        The container.
    mode : str, int, sequence of str or None
        One for all storms by name or code, one each, or the answer of each (None).

    Returns
    -------
    codes : ndarray of int32, shape (storm,)
        -1 means the answer.

    Raises
    ------
    InputError
        If there is no such mode, or there are not as many as storms.
    """
    n = check_container(dataset, "Boxes to explain").sizes["storm"]
    if mode is None:
        return np.full(n, -1, np.int32)
    if isinstance(mode, str | int | np.integer):
        return np.full(n, _code(classifier, mode), np.int32)
    codes = [_code(classifier, each) for each in mode]
    if len(codes) != n:
        raise InputError(f"{len(codes)} modes for {n} boxes; give one, or one for each box.")
    return np.array(codes, np.int32)


def _code(classifier: Classifier, mode: Any) -> int:
    classes = classifier.classes
    if isinstance(mode, str):
        if mode not in classes:
            raise unknown("mode", mode, classes)
        return classes.index(mode)
    code = int(mode)
    if not 0 <= code < len(classes):
        raise InputError(
            f"Mode {code} does not exist: codes run from 0 to {len(classes) - 1} "
            f"({', '.join(classes)})."
        )
    return code


def answered(codes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Codes, with -1 replaced by the answer: the highest of the scores (storm, classes)."""
    return np.where(codes < 0, scores.argmax(-1), codes)


def explanation(
    classifier: Classifier,
    dataset: xr.Dataset,
    attribution: np.ndarray,
    scores: np.ndarray,
    codes: np.ndarray,
    **described: Any,
) -> xr.Dataset:
    """
    Make the Dataset of an explanation from a method's maps.

    Parameters
    ----------
    classifier, dataset
        Explained, and on which boxes.
    attribution : ndarray, shape (storm, y, x)
        One map a storm.
    scores : ndarray, shape (storm, classes)
        Of all modes.
    codes : ndarray of int, shape (storm,)
        The modes explained; -1 for the answer.
    **described
        `method` and its options; `units` of the attribution. Where images hold no
        reflectivity, "per dBZ" in it becomes "per unit".

    Returns
    -------
    explained : xarray.Dataset
    """
    codes = answered(codes, scores)
    storm = np.arange(len(codes))
    units = described.pop("units")
    if dataset["reflectivity"].attrs.get("units", "dBZ") != "dBZ":
        units = units.replace("dBZ", "unit")
    return xr.Dataset(
        {
            "attribution": (
                ("storm", "y", "x"),
                attribution.astype(np.float32),
                {"units": units},
            ),
            "score": ("storm", scores[storm, codes]),
            "probability": ("storm", softmax(scores, axis=-1)[storm, codes]),
        },
        coords={
            **storm_coordinates(dataset),
            "mode": ("storm", [classifier.classes[code] for code in codes]),
            "y": dataset["y"],
            "x": dataset["x"],
        },
        attrs={**result_attributes(classifier, dataset), **described},
    )
