"""
Does a map point at what the network uses? Deletion and insertion, as a number.

Deletion removes echo from a box pixel by pixel, in the map's order, strongest
first: the sooner the probability falls, the better the map (a small area under
the curve). Insertion adds echo to an empty box in that order: the sooner the
probability rises, the better (a large area). Only pixels with echo take part,
since removing no echo changes nothing. A random order is the baseline to beat.
"""

import numpy as np
import xarray as xr

from stormlens.errors import InputError
from stormlens.insight._boxes import check_container, result_attributes, storm_coordinates
from stormlens.insight._explanation import Mode, boxes, explanation, mode_codes
from stormlens.insight._layers import as_classifier
from stormlens.insight._score import Scores
from stormlens.models import Classifier


def faithfulness(
    classifier: Classifier,
    dataset: xr.Dataset,
    attribution: xr.Dataset,
    steps: int = 20,
    seed: int = 0,
) -> xr.Dataset:
    """
    Probability of the explained mode as a map's pixels are taken out, or put in.

    Parameters
    ----------
    classifier : Classifier
        The one explained.
    dataset : xarray.Dataset
        The boxes explained.
    attribution : xarray.Dataset
        What `explain` gave for them; of signed values the most positive counts as strongest.
    steps : int, optional
        Equal parts of a box's echo that are taken out one after the other.
    seed : int, optional
        Fixes the order of pixels of equal value.

    Returns
    -------
    curves : xarray.Dataset
        `deletion` and `insertion`, probability (storm, share) by the share of the box's echo
        taken out or put in, from 0 to 1; `deletion_area` and `insertion_area` (storm) under
        them, from 0 to 1.

    Raises
    ------
    InputError
        If the explanation is not of these boxes, or there is no step.

    References
    ----------
    .. [1] Petsiuk, Das and Saenko (2018), Proc. BMVC, arXiv:1806.07421.
    """
    classifier = as_classifier(classifier)
    codes = _explained_codes(classifier, dataset, attribution)
    if steps < 1:
        raise InputError(f"Faithfulness needs at least 1 step, not {steps}.")
    rng = np.random.default_rng(seed)
    shares = np.linspace(0, 1, steps + 1)
    curves = np.array(
        [
            _curves(classifier, image, ranked, code, shares, rng)
            for image, ranked, code in zip(
                boxes(classifier, dataset), attribution["attribution"].values, codes, strict=True
            )
        ]
    )
    areas = np.trapezoid(curves, shares, axis=-1)
    return xr.Dataset(
        {
            "deletion": (("storm", "share"), curves[:, 0]),
            "insertion": (("storm", "share"), curves[:, 1]),
            "deletion_area": ("storm", areas[:, 0]),
            "insertion_area": ("storm", areas[:, 1]),
        },
        coords={
            **storm_coordinates(dataset),
            "mode": ("storm", attribution["mode"].values),
            "share": shares,
        },
        attrs={
            **result_attributes(classifier, dataset),
            "method": attribution.attrs.get("method", "unknown"),
        },
    )


def _explained_codes(
    classifier: Classifier, dataset: xr.Dataset, explained: xr.Dataset
) -> np.ndarray:
    reflectivity = check_container(dataset, "Boxes to test an explanation on")
    if not isinstance(explained, xr.Dataset) or "attribution" not in explained:
        raise InputError(
            f"faithfulness was given a {type(explained).__name__} without attribution; give what "
            "stormlens.insight.explain returned."
        )
    maps = explained["attribution"]
    same = maps.shape == reflectivity.shape and (
        "unid" not in dataset.coords
        or np.array_equal(explained["unid"].values, dataset["unid"].values)
    )
    if not same:
        raise InputError(
            f"The explanation of {maps.sizes['storm']} storms is not of the "
            f"{reflectivity.sizes['storm']} boxes given; explain these, in the same order."
        )
    return mode_codes(classifier, dataset, [str(name) for name in explained["mode"].values])


def _curves(
    classifier: Classifier,
    image: np.ndarray,
    ranked: np.ndarray,
    code: int,
    shares: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Probabilities (deletion and insertion, share) of one box."""
    flat = image.ravel()
    echo = np.flatnonzero(flat)
    order = echo[np.lexsort((rng.random(len(echo)), -ranked.ravel()[echo]))]
    counts = np.rint(shares * len(order)).astype(int)
    without = np.repeat(flat[None], len(shares), 0)
    within = np.zeros_like(without)
    for i, count in enumerate(counts):
        chosen = order[:count]
        without[i, chosen] = 0
        within[i, chosen] = flat[chosen]
    images = np.concatenate([without, within]).reshape(-1, *image.shape)
    return classifier.probabilities(images)[:, code].reshape(2, len(shares))


def random_attribution(
    classifier: Classifier, dataset: xr.Dataset, mode: Mode = None, seed: int = 0
) -> xr.Dataset:
    """
    A map of random numbers in the form of an explanation: what methods must beat.

    Parameters
    ----------
    classifier, dataset, mode
        As for `explain`.
    seed : int, optional
        Fixes the numbers, the same for every storm.

    Returns
    -------
    explained : xarray.Dataset
        `attribution` (storm, y, x) from 0 to 1, by the method ``"random"``.

    Raises
    ------
    InputError
        As for `explain`.
    """
    classifier = as_classifier(classifier)
    codes, images = mode_codes(classifier, dataset, mode), boxes(classifier, dataset)
    judge = Scores(classifier)
    numbers = np.random.default_rng(seed).random(images.shape[1:])
    return explanation(
        classifier,
        dataset,
        np.broadcast_to(numbers, images.shape),
        judge.of(images),
        codes,
        method="random",
        units="1",
        explains=judge.quantity,
        seed=seed,
    )
