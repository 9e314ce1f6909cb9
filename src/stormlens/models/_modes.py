"""
The mode that a box is given, from the network's probabilities and what is known beside the image.

A network sees 0 both where the air is clear and where no radar looks. Where
coverage is known, the two are told apart here. It does not know where on Earth
a box lies either, which rules some answers out. And where a classifier knows how
far it can be trusted, a box that it cannot name is not named. One rule serves
`classify`, maps of boxes and archives, and all of them show what is decided by.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens.errors import InputError

MISSING, CLEAR, TROPICAL = "Missing", "Clear", "Tropical"

UNSURE, NO_STORM_BOX = "unsure", "no storm box"
"""What a box is called for which several modes or none are plausible, and what is none at all."""

MISSING_BELOW = 0.5
"""Share of a box that radars must see, below which it is Missing whatever the network says."""

WHOLE_FROM = 0.98
"""Share from which a box counts as seen whole, and cannot be Missing."""

NEVER_TROPICAL = (39.0, -88.0)
"""Degrees north and east: a box centred north of the one and west of the other is taken to hold
no tropical cyclone. What is left of one that came so far inland is extratropical as a rule; the
bound is a judgement, taken from no archive of tracks."""

NOVELTY_LIMIT = 1.0
"""Novelty above which a box is unlike anything that the classifier is known to judge well."""


def name_modes(predictions: xr.Dataset) -> NDArray[np.str_]:
    """
    The name of each box's mode.

    Parameters
    ----------
    predictions : xarray.Dataset
        `probability` (storm, mode) as `Classifier.predict` gives it, with `plausible` and
        `novelty` where the classifier has a confidence. Storm coordinates `coverage`, `echo`,
        `latitude` and `longitude`, as `stormlens.boxes.cut` sets them, are looked at where they
        are there.

    Returns
    -------
    names : ndarray of str, shape (storm,)
        The first of these that holds:

        1. coverage below 0.5: Missing;
        2. coverage of 0.5 or more and echo exactly 0 (no pixel at 5 dBZ or more): Clear, air
           without a storm, which is no class of the network;
        3. novelty above 1: "no storm box", for it is unlike all that was seen;
        4. plausible modes are known, and there is not exactly one: "unsure";
        5. the most probable mode.

        The first two are for a classifier that knows the mode Missing. 4 and 5 are of what
        `heed_context` makes of the predictions, or has made: a box that radars see whole cannot
        be Missing, and one far inland not plausibly Tropical. NaN is what is unknown.

    Raises
    ------
    InputError
        If these are no predictions of boxes, a part of them has other dimensions, an attribute
        was lost that says what is plausible, or a probability is NaN.
    """
    _check(predictions, "name_modes", of_boxes=True)
    heeded = heed_context(predictions)
    modes = heeded["mode"].values.astype(str)
    unknown = np.isnan(heeded["probability"].values).any(axis=1)
    if unknown.any():
        raise InputError(
            f"name_modes: box {unknown.argmax()} has probabilities that are NaN; leave such boxes "
            "out, or classify them again."
        )
    names = modes[heeded["probability"].values.argmax(axis=1)]
    coverage, echo, novelty = (_known(heeded, name) for name in ("coverage", "echo", "novelty"))
    # Comparisons with NaN are false, so what is unknown changes nothing.
    rules = [(novelty > NOVELTY_LIMIT, NO_STORM_BOX)]
    if _knows_missing(modes.tolist()):
        seen = coverage >= MISSING_BELOW
        rules = [(coverage < MISSING_BELOW, MISSING), (seen & (echo == 0), CLEAR), *rules]
    if "plausible" in heeded:
        rules.append((heeded["plausible"].values.sum(axis=1) != 1, UNSURE))
    conditions, answers = zip(*rules, strict=True)
    return np.select(conditions, answers, names)


def heed_context(predictions: xr.Dataset) -> xr.Dataset:
    """
    Predictions in the light of what is known of a box beside its image.

    Parameters
    ----------
    predictions : xarray.Dataset
        `probability` (..., mode) of `Classifier.predict` or `slide`, with `coverage` (...),
        and `latitude` and `longitude` (...), where they are known.

    Returns
    -------
    predictions : xarray.Dataset
        Where coverage is 0.98 or more, the mode Missing has probability 0 and the others are
        divided by their sum: P(mode | box) / (1 - P(Missing | box)). Where `plausible` is
        there, it is what it would be of these probabilities, but no mode is plausible where
        Missing had more than 0.5: such a network does not see what is there. North of 39 N and
        west of 88 W Tropical keeps its probability and is not plausible: a network that takes
        something for what cannot be is not to be believed. All else is as it was, and what was
        heeded before stays as it is.

    Raises
    ------
    InputError
        If these are no predictions, a part of them has other dimensions, or an attribute was
        lost that says what is plausible.
    """
    _check(predictions, "heed_context")
    return _heed_place(_heed_coverage(predictions))


def _heed_coverage(predictions: xr.Dataset) -> xr.Dataset:
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
        if "plausible_from" not in predictions.attrs:
            raise InputError(
                "The predictions have lost their attribute plausible_from, without which it cannot "
                "be told what is plausible in boxes that radars see whole; classify again, and "
                "compute with xarray.set_options(keep_attrs=True)."
            )
        plausible, missing = predictions["plausible"], probability.sel(mode=MISSING, drop=True)
        again = (given >= predictions.attrs["plausible_from"]) & is_other & ~(missing > 0.5)
        left = ~whole | (missing == 0)
        heeded["plausible"] = plausible.where(left, again).assign_attrs(plausible.attrs)
    return heeded


def _heed_place(predictions: xr.Dataset) -> xr.Dataset:
    if not {"plausible", "latitude", "longitude"} <= set(predictions.variables):
        return predictions
    north, east = NEVER_TROPICAL
    inland = (predictions["latitude"] > north) & (predictions["longitude"] < east)
    plausible = predictions["plausible"]
    possible = ~(inland & (plausible["mode"] == TROPICAL)).transpose(*plausible.dims)
    return predictions.assign(plausible=(plausible & possible).assign_attrs(plausible.attrs))


def _check(predictions: xr.Dataset, caller: str, *, of_boxes: bool = False) -> None:
    """Hold predictions to what `Classifier.predict` gives, or where they may, `slide`."""
    needed = {"probability", "mode"}
    if not isinstance(predictions, xr.Dataset) or not needed <= set(predictions.variables):
        raise InputError(
            f"{caller} was given a {type(predictions).__name__} without probability and mode; give "
            "what Classifier.predict gives, not the boxes."
        )
    dims = predictions["probability"].dims
    if "mode" not in dims or not predictions.sizes["mode"]:
        raise InputError(
            f"{caller}: probability has dimensions {dims} and no modes; leave those of "
            "Classifier.predict together."
        )
    if of_boxes and dims != ("storm", "mode"):
        raise InputError(
            f"{caller}: probability has dimensions {dims}, not ('storm', 'mode'); one box is "
            "taken from predictions with isel(storm=[0])."
        )
    places = tuple(name for name in dims if name != "mode")
    beside = ("coverage", "echo", "novelty", "latitude", "longitude")
    due = dict.fromkeys(beside, places) | {"plausible": dims}
    for name, wanted in due.items():
        if name in predictions.variables and predictions[name].dims != wanted:
            raise InputError(
                f"{caller}: {name} has dimensions {predictions[name].dims}, not {wanted} as the "
                "probabilities have; classify the boxes again."
            )


def _knows_missing(modes: list[str]) -> bool:
    return MISSING in modes and len(modes) > 1


def _known(predictions: xr.Dataset, name: str) -> NDArray[np.floating]:
    if name in predictions.variables:
        return predictions[name].values
    return np.full(predictions.sizes["storm"], np.nan)
