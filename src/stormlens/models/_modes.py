"""
The mode that a box is given, from the network's probabilities and the box's context.

A network sees 0 both for clear air and for places that no radar covers. If the
coverage is known, this module distinguishes the two. A network does not know where
on Earth a box lies either, which rules some answers out. And if a classifier is
calibrated, a box without exactly one plausible mode is not named. `classify`, maps
of boxes and archives use the same rules, and show the values that decide.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.stormbox import Field, Predictions

if TYPE_CHECKING:
    import xarray as xr

MISSING, CLEAR, TROPICAL = "Missing", "Clear", "Tropical"

UNSURE, NO_STORM_BOX = "unsure", "no storm box"
"""Names of a box with several plausible modes or none, and of an image that is no storm box."""

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


def name_modes(predictions: "xr.Dataset | Predictions") -> NDArray[np.str_]:
    """
    The name of each box's mode.

    Parameters
    ----------
    predictions : xarray.Dataset or Predictions
        `probability` (storm, mode) as `Classifier.predict` gives it, with `plausible` and
        `novelty` where the classifier has a confidence. Storm coordinates `coverage`, `echo`,
        `latitude` and `longitude`, as `stormlens.boxes.cut` sets them, are used if they are
        there.

    Returns
    -------
    names : ndarray of str, shape (storm,)
        The first of these that holds:

        1. coverage below 0.5: Missing;
        2. coverage of 0.5 or more and echo exactly 0 (no pixel at 5 dBZ or more): Clear, air
           without a storm, which is no class of the network;
        3. novelty above 1: "no storm box", unlike all boxes of the calibration;
        4. plausible modes are known, and there is not exactly one: "unsure";
        5. the most probable mode.

        The first two are for a classifier that knows the mode Missing. 4 and 5 apply to the
        predictions after `apply_context`, which is called here: a box that radars see whole
        cannot be Missing, and one far inland not plausibly Tropical. NaN means unknown.

    Raises
    ------
    InputError
        If these are no predictions of boxes, a part of them has other dimensions, an attribute
        was lost that says what is plausible, or a probability is NaN.
    """
    if not isinstance(predictions, Predictions):
        _check(predictions, "name_modes", of_boxes=True)
        predictions = Predictions.from_xarray(predictions)
    result = apply_context(predictions)
    unknown = np.isnan(result.probability).any(axis=1)
    if unknown.any():
        raise InputError(
            f"name_modes: box {unknown.argmax()} has probabilities that are NaN; leave such boxes "
            "out, or classify them again."
        )
    names = np.array(result.modes)[result.probability.argmax(axis=1)]
    nothing = np.full(len(result), np.nan)
    coverage, echo = (result.storm.get(name, nothing) for name in ("coverage", "echo"))
    novelty = nothing if result.novelty is None else result.novelty
    # Comparisons with NaN are false, so what is unknown changes nothing.
    rules = [(novelty > NOVELTY_LIMIT, NO_STORM_BOX)]
    if _knows_missing(result.modes):
        seen = coverage >= MISSING_BELOW
        rules = [(coverage < MISSING_BELOW, MISSING), (seen & (echo == 0), CLEAR), *rules]
    if result.plausible is not None:
        rules.append((result.plausible.sum(axis=1) != 1, UNSURE))
    conditions, answers = zip(*rules, strict=True)
    return np.select(conditions, answers, names)


@overload
def apply_context(predictions: Predictions) -> Predictions: ...


@overload
def apply_context(predictions: Field) -> Field: ...


@overload
def apply_context(predictions: "xr.Dataset") -> "xr.Dataset": ...


def apply_context(predictions: Any) -> Any:
    """
    Rule out the modes that a box's coverage and place make impossible.

    Parameters
    ----------
    predictions : xarray.Dataset, Predictions or Field
        `probability` (..., mode) of `Classifier.predict` or `slide`, with `coverage` (...),
        and `latitude` and `longitude` (...), where they are known.

    Returns
    -------
    predictions : xarray.Dataset, Predictions or Field
        Of the type that was given. If coverage is 0.98 or more, the mode Missing gets probability
        0 and the others are divided by their sum: P(mode | box) / (1 - P(Missing | box)).
        `plausible`, if present, follows from these probabilities. But no mode is plausible if
        Missing had more than 0.5: a network so wrong about a fully seen box is not believed.
        North of 39 N and west of 88 W Tropical keeps its probability but is not plausible: a
        network that answers with the impossible is not believed. All else is unchanged, and
        applying it twice gives the same as once.

    Raises
    ------
    InputError
        If these are no predictions, a part of them has other dimensions, or an attribute was
        lost that says what is plausible.
    """
    if isinstance(predictions, Predictions):
        known = (predictions.storm.get(name) for name in ("coverage", "latitude", "longitude"))
        believed = _Believed(predictions.probability, predictions.plausible)
        result = _in_context(believed, predictions.modes, predictions.plausible_from, *known)
        return replace(predictions, probability=result.probability, plausible=result.plausible)
    if isinstance(predictions, Field):
        modes, coverage = predictions.modes, predictions.coverage
        result = _in_context(_Believed(predictions.probability, None), modes, None, coverage)
        return replace(predictions, probability=result.probability)
    _check(predictions, "apply_context")
    return _fields_in_context(predictions)


@dataclass(frozen=True)
class _Believed:
    """Probabilities and what is plausible, each (..., mode)."""

    probability: NDArray[np.floating]
    plausible: NDArray[np.bool_] | None


def _fields_in_context(predictions: "xr.Dataset") -> "xr.Dataset":
    """`_in_context` for a Dataset, in which modes may be any dimension."""
    probability = predictions["probability"]
    axis = probability.dims.index("mode")

    def of(name: str) -> NDArray[Any] | None:
        return predictions[name].values if name in predictions.variables else None

    plausible = of("plausible")
    believed = _Believed(
        np.moveaxis(probability.values, axis, -1),
        None if plausible is None else np.moveaxis(plausible, axis, -1),
    )
    found = _in_context(
        believed,
        predictions["mode"].values.astype(str).tolist(),
        predictions.attrs.get("plausible_from"),
        *map(of, ("coverage", "latitude", "longitude")),
    )
    result = predictions.assign(
        probability=probability.copy(data=np.moveaxis(found.probability, -1, axis))
    )
    if found.plausible is None:
        return result
    changed = predictions["plausible"].copy(data=np.moveaxis(found.plausible, -1, axis))
    return result.assign(plausible=changed)


def _in_context(
    believed: _Believed,
    modes: "list[str] | tuple[str, ...]",
    plausible_from: float | None,
    coverage: NDArray[np.floating] | None,
    latitude: NDArray[np.floating] | None = None,
    longitude: NDArray[np.floating] | None = None,
) -> _Believed:
    if coverage is not None and _knows_missing(modes):
        believed = _apply_coverage(believed, list(modes), plausible_from, coverage)
    if believed.plausible is None or latitude is None or longitude is None:
        return believed
    north, east = NEVER_TROPICAL
    inland = (latitude > north) & (longitude < east)
    possible = ~(inland[..., np.newaxis] & (np.array(modes) == TROPICAL))
    return replace(believed, plausible=believed.plausible & possible)


def _apply_coverage(
    believed: _Believed,
    modes: list[str],
    plausible_from: float | None,
    coverage: NDArray[np.floating],
) -> _Believed:
    probability, plausible = believed.probability, believed.plausible
    whole = (coverage >= WHOLE_FROM)[..., np.newaxis]
    is_other = np.array(modes) != MISSING
    others = np.where(is_other, probability, 0)
    total = others.sum(axis=-1, keepdims=True)
    given = np.where(total > 0, others / np.where(total > 0, total, 1), 1 / (len(modes) - 1))
    given = np.where(is_other, given, 0).astype(probability.dtype)
    result = np.where(whole, given, probability)
    if plausible is None:
        return _Believed(result, None)
    if plausible_from is None:
        raise InputError(
            "The predictions have lost their attribute plausible_from, without which it is "
            "unknown what is plausible in boxes that radars see whole; classify again, and "
            "compute with xarray.set_options(keep_attrs=True)."
        )
    missing = probability[..., [modes.index(MISSING)]]
    again = (given >= plausible_from) & is_other & ~(missing > 0.5)
    return _Believed(result, np.where(~whole | (missing == 0), plausible, again))


def _check(predictions: Any, caller: str, *, of_boxes: bool = False) -> None:
    """Refuse what is neither predictions of `Classifier.predict` nor, if allowed, of `slide`."""
    import xarray as xr

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


def _knows_missing(modes: "list[str] | tuple[str, ...]") -> bool:
    return MISSING in modes and len(modes) > 1
