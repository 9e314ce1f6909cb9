"""
The mode that a box is given, from the network's probabilities and what radars saw of it.

A network sees 0 both where the air is clear and where no radar looks. Where
coverage is known, the two are told apart here; and where a classifier knows how
far it can be trusted, a box that it cannot name is not named. One rule serves the
command line, maps and archives; probabilities stay the classifier's own.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

MISSING, CLEAR = "Missing", "Clear"

UNSURE, NO_STORM_BOX = "unsure", "no storm box"
"""What a box is called for which several modes or none are plausible, and what is none at all."""

MISSING_BELOW = 0.5
"""Share of a box that radars must see, below which it is Missing whatever the network says."""

WHOLE_FROM = 0.98
"""Share from which a box counts as seen whole, and cannot be Missing."""

NOVELTY_LIMIT = 1.0
"""Novelty above which a box is unlike anything that the classifier is known to judge well."""


def name_modes(predictions: xr.Dataset) -> NDArray[np.str_]:
    """
    The name of each box's mode.

    Parameters
    ----------
    predictions : xarray.Dataset
        `probability` (storm, mode) as `Classifier.predict` gives it, with `plausible` and
        `novelty` where the classifier has a confidence. Storm coordinates `coverage` and
        `echo`, as `stormlens.boxes.cut` sets them, are looked at where they are there.

    Returns
    -------
    names : ndarray of str, shape (storm,)
        The first of these that holds:

        1. coverage below 0.5: Missing;
        2. coverage of 0.5 or more and echo exactly 0 (no pixel at 5 dBZ or more): Clear, air
           without a storm, which is no class of the network;
        3. novelty above 1: "no storm box", for it is unlike all that was seen;
        4. plausible modes are known, and there is not exactly one, or the box is seen whole and
           yet more likely Missing than not: "unsure";
        5. the most probable mode.

        The first two are for a classifier that knows the mode Missing. Where coverage is 0.98
        or more, 4 and 5 leave Missing out as `heed_coverage` does, for a box that radars see
        whole cannot be Missing. NaN is unknown coverage or unknown echo.
    """
    heeded = heed_coverage(predictions)
    modes = heeded["mode"].values.astype(str)
    names = modes[heeded["probability"].values.argmax(axis=1)]
    coverage, echo, novelty = (_known(heeded, name) for name in ("coverage", "echo", "novelty"))
    # Comparisons with NaN are false, so what is unknown changes nothing.
    rules = [(novelty > NOVELTY_LIMIT, NO_STORM_BOX)]
    if _knows_missing(modes.tolist()):
        seen = coverage >= MISSING_BELOW
        rules = [(coverage < MISSING_BELOW, MISSING), (seen & (echo == 0), CLEAR), *rules]
    if "plausible" in heeded:
        doubted = heeded["plausible"].values.sum(axis=1) != 1
        rules.append((doubted | _mistaken_for_missing(predictions, coverage), UNSURE))
    conditions, answers = zip(*rules, strict=True)
    return np.select(conditions, answers, names)


def heed_coverage(predictions: xr.Dataset) -> xr.Dataset:
    """
    Probabilities of boxes that radars see whole, given that they are not Missing.

    Parameters
    ----------
    predictions : xarray.Dataset
        `probability` (..., mode) of `Classifier.predict` or `slide`, with `coverage` (...).

    Returns
    -------
    predictions : xarray.Dataset
        Where coverage is 0.98 or more, the mode Missing has probability 0 and the others are
        divided by their sum: P(mode | box) / (1 - P(Missing | box)). Where `plausible` is
        there, it is what it would be of these probabilities. All else is as it was, and
        everything is for a classifier that does not know that mode.
    """
    modes = predictions["mode"].values.astype(str).tolist()
    if not _knows_missing(modes) or "coverage" not in predictions.variables:
        return predictions
    probability = predictions["probability"]
    whole = predictions["coverage"] >= WHOLE_FROM
    is_other = probability["mode"] != MISSING
    others = probability.where(is_other, 0.0)
    total = others.sum("mode")
    given = xr.where(total > 0, others / total.where(total > 0, 1.0), 1 / (len(modes) - 1))
    given = given.where(is_other, 0.0).transpose(*probability.dims).astype(probability.dtype)
    heeded = predictions.assign(
        probability=probability.where(~whole, given).assign_attrs(probability.attrs)
    )
    if "plausible" in predictions:
        plausible = predictions["plausible"]
        again = (given >= predictions.attrs["plausible_from"]) & is_other
        heeded["plausible"] = plausible.where(~whole, again).assign_attrs(plausible.attrs)
    return heeded


def _mistaken_for_missing(
    predictions: xr.Dataset, coverage: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Boxes seen whole in which the network sees more of a gap than of all else together."""
    is_missing = predictions["mode"].values == MISSING
    missing = predictions["probability"].values[:, is_missing].sum(axis=1)
    return (coverage >= WHOLE_FROM) & (missing > 0.5)


def _knows_missing(modes: list[str]) -> bool:
    return MISSING in modes and len(modes) > 1


def _known(predictions: xr.Dataset, name: str) -> NDArray[np.floating]:
    if name in predictions.variables:
        return predictions[name].values
    return np.full(predictions.sizes["storm"], np.nan)
