"""
Occlusion: how much of the score is lost when a part of the box is wiped out.

Nothing is assumed about the network; only its answers are used. A square of no
echo slides over the box, up to its edges, and each pixel gets the mean loss over
all squares that covered it.
"""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from stormlens.errors import InputError
from stormlens.insight._explanation import Mode, answered, boxes, explanation, mode_codes
from stormlens.insight._layers import as_classifier
from stormlens.insight._score import Scores
from stormlens.models import Classifier

_BATCH = 64


def occlusion(
    classifier: Classifier,
    dataset: xr.Dataset,
    mode: Mode = None,
    *,
    patch: int = 16,
    stride: int = 8,
    fill: float = 0.0,
) -> xr.Dataset:
    """
    How much of a mode's score is lost without each part of the box.

    Parameters
    ----------
    classifier : Classifier
        Its score before the softmax is explained; the log probability where the network does
        not end in a softmax.
    dataset : xarray.Dataset
        The container.
    mode : str, int or sequence of str, optional
        The mode explained, by name or code, or one a storm; by default each storm's answer.
    patch : int, optional
        Side of the square, in pixels.
    stride : int, optional
        Pixels from one square to the next, up to `patch`; the last ones touch the edge.
    fill : float, optional
        What the square is filled with, in dBZ; by default no echo.

    Returns
    -------
    explained : xarray.Dataset
        `attribution` (storm, y, x) in units of the score, positive where the box loses score
        without its echo; coordinate `mode`, `score` and `probability` of it (storm).

    Raises
    ------
    InputError
        If there is no such mode, a box does not fit the classifier, the square is larger than
        the box, or the stride leaves gaps.

    References
    ----------
    .. [1] Zeiler and Fergus (2014), Proc. ECCV, 818-833, arXiv:1311.2901.
    """
    classifier = as_classifier(classifier)
    _check(patch, stride, fill, classifier.image_shape)
    wanted, images = mode_codes(classifier, dataset, mode), boxes(classifier, dataset)
    judge = Scores(classifier)
    scores = judge.of(images)
    codes = answered(wanted, scores)
    maps = [
        _losses(judge, image.astype(np.float32), code, score[code], (patch, stride, fill))
        for image, code, score in zip(images, codes, scores, strict=True)
    ]
    return explanation(
        classifier,
        dataset,
        np.stack(maps),
        scores,
        codes,
        method="occlusion",
        units="score",
        explains=judge.quantity,
        patch=patch,
        stride=stride,
        fill=fill,
    )


def _check(patch: int, stride: int, fill: float, shape: tuple[int, int]) -> None:
    if not 1 <= patch <= min(shape):
        raise InputError(
            f"Occlusion: a patch of {patch} pixels does not fit a box of {shape[0]} x {shape[1]}; "
            f"give 1 to {min(shape)}."
        )
    if not 1 <= stride <= patch:
        raise InputError(
            f"Occlusion: stride {stride} leaves pixels out that no patch of {patch} covers; "
            f"give 1 to {patch}."
        )
    if not np.isfinite(fill):
        raise InputError(f"Occlusion: fill {fill} is no reflectivity; give dBZ, such as 0.")


def _losses(
    judge: Scores, image: np.ndarray, code: int, score: float, square: tuple[int, int, float]
) -> np.ndarray:
    """Mean loss over all squares that cover each pixel."""
    patch, stride, fill = square
    corners = [
        (top, left)
        for top in _starts(image.shape[0], patch, stride)
        for left in _starts(image.shape[1], patch, stride)
    ]
    lost, covered = np.zeros(image.shape), np.zeros(image.shape)
    for start in range(0, len(corners), _BATCH):
        windows = list(_windows(corners[start : start + _BATCH], patch))
        wiped = np.repeat(image[None], len(windows), 0)
        for copy, window in zip(wiped, windows, strict=True):
            copy[window] = fill
        for window, left in zip(windows, judge.of(wiped)[:, code], strict=True):
            lost[window] += score - left
            covered[window] += 1
    return lost / covered


def _starts(pixels: int, patch: int, stride: int) -> list[int]:
    starts = list(range(0, pixels - patch + 1, stride))
    return starts if starts[-1] == pixels - patch else [*starts, pixels - patch]


def _windows(corners: list[tuple[int, int]], patch: int) -> Iterator[tuple[slice, slice]]:
    for top, left in corners:
        yield slice(top, top + patch), slice(left, left + patch)
