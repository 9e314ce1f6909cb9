"""
Explanations by gradients: plain, averaged over noise, and integrated from no echo.

The plain gradient says how the score changes with one dBZ more in a pixel; it is
jagged, because the network is piecewise linear. SmoothGrad averages it over
noisy copies of the box. Integrated gradients add it up along the straight path
from no echo to the box: the map's sum is the score gained on that path.
"""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from stormlens.errors import InputError
from stormlens.insight._explanation import Mode, answered, boxes, explanation, mode_codes
from stormlens.insight._layers import as_classifier
from stormlens.insight._score import Scores
from stormlens.models import Classifier

_BATCH = 16
_FEWEST_STEPS, _FINER = 48, 3  # the middles of n steps are also middles of 3 n


def gradient(classifier: Classifier, dataset: xr.Dataset, mode: Mode = None) -> xr.Dataset:
    """
    How the score of a mode answers to one dBZ more in each pixel.

    Parameters
    ----------
    classifier : Classifier
        Its score before the softmax is explained; the log probability where the network does
        not end in a softmax.
    dataset : xarray.Dataset
        The container.
    mode : str, int or sequence of str, optional
        The mode explained, by name or code, or one a storm; by default each storm's answer.

    Returns
    -------
    explained : xarray.Dataset
        `attribution` (storm, y, x) in score per dBZ, positive where more echo speaks for the
        mode; coordinate `mode`, `score` and `probability` of it (storm).

    Raises
    ------
    InputError
        If there is no such mode, or a box does not fit the classifier.

    References
    ----------
    .. [1] Simonyan, Vedaldi and Zisserman (2014), arXiv:1312.6034.
    """
    classifier = as_classifier(classifier)
    codes, images = mode_codes(classifier, dataset, mode), boxes(classifier, dataset)
    judge = Scores(classifier)
    gradients, scores = judge.gradients(images, codes)
    return explanation(
        classifier,
        dataset,
        gradients,
        scores,
        codes,
        method="gradient",
        units="score per dBZ",
        explains=judge.quantity,
    )


def smoothgrad(
    classifier: Classifier,
    dataset: xr.Dataset,
    mode: Mode = None,
    *,
    samples: int = 48,
    noise: float = 0.1,
    seed: int = 0,
) -> xr.Dataset:
    """
    The gradient averaged over noisy copies of each box.

    Parameters
    ----------
    classifier, dataset, mode
        As for `gradient`.
    samples : int, optional
        Noisy copies of a box.
    noise : float, optional
        Standard deviation of the Gaussian noise, as a share of the box's highest less its
        lowest value. It falls on echo and on no echo alike, as in [1]_.
    seed : int, optional
        Fixes the noise, which is the same for every box but for its strength.

    Returns
    -------
    explained : xarray.Dataset
        As for `gradient`.

    Raises
    ------
    InputError
        As for `gradient`, or if there are no samples or the noise is negative.

    References
    ----------
    .. [1] Smilkov, Thorat, Kim, Viegas and Wattenberg (2017), arXiv:1706.03825.
    """
    classifier = as_classifier(classifier)
    if samples < 1 or not 0 <= noise < np.inf:
        raise InputError(
            f"SmoothGrad with {samples} samples and noise {noise} averages nothing; give at least "
            "1 sample and noise of 0 or more, such as 0.1."
        )
    wanted, images = mode_codes(classifier, dataset, mode), boxes(classifier, dataset)
    judge = Scores(classifier)
    _, scores = judge.gradients(images, wanted, more_follow=True)
    codes = answered(wanted, scores)
    draws = np.random.default_rng(seed).standard_normal((samples, *images.shape[1:]), np.float32)
    maps = [
        _sum_of_gradients(judge, image + noise * np.ptp(image) * draws, code) / samples
        for image, code in zip(images.astype(np.float32), codes, strict=True)
    ]
    return explanation(
        classifier,
        dataset,
        np.stack(maps),
        scores,
        codes,
        method="smoothgrad",
        units="score per dBZ",
        explains=judge.quantity,
        samples=samples,
        noise=noise,
        seed=seed,
    )


def integrated_gradients(
    classifier: Classifier,
    dataset: xr.Dataset,
    mode: Mode = None,
    *,
    baseline: ArrayLike = 0.0,
    tolerance: float = 0.01,
    most_steps: int = 1296,
) -> xr.Dataset:
    """
    The share of each pixel in the score that the box gains over a box without echo.

    The straight path from baseline to box is cut into 48 steps, then into three times as many
    until the map adds up: ReLU and max pooling put bends where a fixed number would miss them.

    Parameters
    ----------
    classifier, dataset, mode
        As for `gradient`.
    baseline : float or array_like, shape (y, x), optional
        Where the path begins, in dBZ; by default no echo. A pixel that equals it gets 0.
    tolerance : float, optional
        Largest residual at which to stop.
    most_steps : int, optional
        Steps at which to stop in any case; 48 or more.

    Returns
    -------
    explained : xarray.Dataset
        As for `gradient`, with `attribution` in units of the score: it adds up to `score` less
        `baseline_score` (storm), but for the share `residual` (storm) of that difference;
        `steps` (storm) says how many were taken.

    Raises
    ------
    InputError
        As for `gradient`, or if the baseline has another shape or a number is out of bounds.

    References
    ----------
    .. [1] Sundararajan, Taly and Yan (2017), Proc. ICML 70, 3319-3328.
    """
    classifier = as_classifier(classifier)
    if most_steps < _FEWEST_STEPS or not tolerance > 0:
        raise InputError(
            f"Integrated gradients: {most_steps} steps at most and tolerance {tolerance} cannot "
            f"be met; allow at least {_FEWEST_STEPS} steps and a tolerance above 0, such as 0.01."
        )
    wanted, images = mode_codes(classifier, dataset, mode), boxes(classifier, dataset)
    start = _baseline(baseline, classifier.image_shape)
    judge = Scores(classifier)
    _, scores = judge.gradients(images, wanted, more_follow=True)
    start_scores = judge.gradients(start[None], wanted[:1], more_follow=True)[1][0]
    codes = answered(wanted, scores)
    gained = scores[np.arange(len(codes)), codes] - start_scores[codes]
    maps, residuals, steps = zip(
        *(
            _integrate(judge, start, image, code, gain, tolerance, most_steps)
            for image, code, gain in zip(images, codes, gained, strict=True)
        ),
        strict=True,
    )
    explained = explanation(
        classifier,
        dataset,
        np.stack(maps),
        scores,
        codes,
        method="integrated-gradients",
        units="score",
        explains=judge.quantity,
        tolerance=tolerance,
        baseline="no echo" if not start.any() else "given",
    )
    return explained.assign(
        baseline_score=("storm", start_scores[codes]),
        residual=("storm", np.array(residuals, np.float32)),
        steps=("storm", np.array(steps)),
    )


def _baseline(baseline: ArrayLike, shape: tuple[int, int]) -> np.ndarray:
    given = np.asarray(baseline, np.float32)
    if given.shape not in ((), shape) or not np.isfinite(given).all():
        raise InputError(
            f"Integrated gradients: a baseline of shape {given.shape} must be one number or a box "
            f"of {shape[0]} x {shape[1]} finite values."
        )
    return np.broadcast_to(given, shape)


def _integrate(
    judge: Scores,
    start: np.ndarray,
    image: np.ndarray,
    code: int,
    gained: float,
    tolerance: float,
    most_steps: int,
) -> tuple[np.ndarray, float, int]:
    """Attribution of one box, its residual and the steps taken."""
    path = image.astype(np.float32) - start
    total, steps = np.zeros(path.shape), _FEWEST_STEPS
    middles = (np.arange(steps) + 0.5) / steps
    while True:
        parts = np.array_split(middles.astype(np.float32), -(-len(middles) // _BATCH))
        total += sum(
            _sum_of_gradients(judge, start + part[:, None, None] * path, code) for part in parts
        )
        attribution = path * total / steps
        residual = _residual(float(attribution.sum()), float(gained))
        if residual <= tolerance or steps * _FINER > most_steps:
            return attribution, residual, steps
        steps *= _FINER
        every = np.arange(steps)
        # Of three times as many midpoints, the middle one of each three is already in `total`.
        middles = (every[every % _FINER != _FINER // 2] + 0.5) / steps


def _residual(found: float, gained: float) -> float:
    missed = abs(found - gained)
    return missed / abs(gained) if gained else (np.inf if missed else 0.0)


def _sum_of_gradients(judge: Scores, images: np.ndarray, code: int) -> np.ndarray:
    """Gradients of one score, added up over images (N, rows, columns)."""
    gradients, _ = judge.gradients(images, np.full(len(images), code), more_follow=True)
    return gradients.sum(0)
