"""
Activation maximisation: a box, made from noise, to which a filter or a mode responds most.

The box climbs the response's gradient. Without regularisation it would turn into
a fine pattern that no radar shows. So echo costs, jumps from pixel to pixel cost,
and the box is shifted by a few pixels at random before each step, so that the
response cannot depend on single pixels (Olah, Mordvintsev and Schubert 2017,
Feature Visualization, doi:10.23915/distill.00007).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from stormlens.errors import InputError, unknown
from stormlens.insight._layers import (
    Place,
    as_classifier,
    choose_convolution,
    cut_off,
    find_layer,
    places,
)
from stormlens.insight._score import Scorer, bounds_of, keep
from stormlens.models import Classifier, scale
from stormlens.stormbox import MAX_DBZ, offsets_km

_SILENT = 0.1  # share of a negative response that counts, so that a silent filter can be woken
_NOISE_DBZ = (5.0, 5.0)  # mean and standard deviation of the first box, before it is clipped
_SMALLEST_JUMP = 1.0  # dBZ; smaller ones cost ever less


def maximise(
    classifier: Classifier,
    filter: int | str,
    layer: str | int | None = None,
    steps: int = 256,
    seed: int = 0,
    *,
    rate: float = 1.0,
    echo_cost: float = 0.1,
    jump_cost: float = 0.1,
    jitter: int = 4,
) -> xr.DataArray:
    """
    A box to which a filter, or a mode, responds as strongly as possible.

    Parameters
    ----------
    classifier : Classifier
        Images are scaled as it was trained on them.
    filter : int or str
        Number of the filter or unit; the name of a mode for its score before the softmax.
    layer : str or int, optional
        Name or number of the layer; by default the last convolution, the output (-1) where
        `filter` is a mode's name.
    steps : int, optional
        Steps of the ascent.
    seed : int, optional
        Fixes the noise at the start and the shifts.
    rate : float, optional
        Length of the first step in dBZ, as a root mean square; it falls to a tenth of it.
    echo_cost, jump_cost : float, optional
        Cost of a dBZ of echo, and of a jump between neighbouring pixels (total variation),
        relative to a response whose gradient has a root mean square of 1; 0 or more.
    jitter : int, optional
        Pixels by which the box is shifted at most, to any side, before each step.

    Returns
    -------
    box : xarray.DataArray of uint8, shape (y, x)
        Reflectivity in whole dBZ, 0 to 80, y and x in km. Attributes: `layer`, `filter`, the
        `response` to it and to the noise at the `start`. A filter's response is the mean of
        its map before the activation, negative values counting a tenth. If both are equal, no
        unit that leads to the filter responded to the noise: try another seed.

    Raises
    ------
    InputError
        If there is no such layer, filter or mode, or a number is out of bounds.

    References
    ----------
    .. [1] Erhan, Bengio, Courville and Vincent (2009), Univ. Montreal, technical report 1341.
    """
    classifier = as_classifier(classifier)
    _check(steps, rate=rate, echo_cost=echo_cost, jump_cost=jump_cost, jitter=jitter)
    place, number = _target(classifier, filter, layer)
    ascent: _Ascent = keep(
        classifier.model, f"maximise {place.path}", lambda: _make(classifier.model, place)
    )
    start, shifts = _draws(classifier.image_shape, steps, jitter, seed)
    rates = rate * np.geomspace(1, 0.1, steps, dtype=np.float32)
    costs = np.array([echo_cost, jump_cost], np.float32)
    values, bounds = ascent.values(), bounds_of(classifier)
    box = start
    for shift, length in zip(shifts, rates, strict=True):
        box = ascent.step(values, box, number, shift, length, costs, bounds)
    box = np.rint(box)
    before, after = (ascent.response(each, values, number, bounds) for each in (start, box))
    rows, columns = classifier.image_shape
    return xr.DataArray(
        np.asarray(box).astype(np.uint8),
        dims=("y", "x"),
        coords={
            "y": ("y", offsets_km(rows), {"units": "km"}),
            "x": ("x", offsets_km(columns), {"units": "km"}),
        },
        name="reflectivity",
        attrs={
            "units": "dBZ",
            "layer": place.path,
            "filter": filter,
            "start": float(before),
            "response": float(after),
            "steps": steps,
            "seed": seed,
            "model": classifier.architecture or "user's own Keras model",
            "simulated_training": int(classifier.trained_on_simulated),
        },
    )


@dataclass(frozen=True)
class _Ascent:
    """
    The compiled parts of one layer's ascent, and its weights.

    The steps are called one by one: inside a compiled loop XLA's convolutions are slower.
    """

    values: Callable[[], Any]
    response: Callable[..., Any]
    step: Callable[..., Any]


def _check(steps: int, **numbers: float) -> None:
    if steps < 1:
        raise InputError(f"maximise: {steps} steps lead nowhere; take at least 1.")
    for name, value in numbers.items():
        if not 0 <= value < np.inf:
            raise InputError(f"maximise: {name} is {value}; give a number of 0 or more.")


def _target(
    classifier: Classifier, filter: int | str, layer: str | int | None
) -> tuple[Place, int]:
    """The layer meant, and which of its filters or units."""
    model = classifier.model
    if isinstance(filter, str):
        if filter not in classifier.classes:
            raise unknown("mode", filter, classifier.classes)
        place = find_layer(model, -1 if layer is None else layer)
        if place.path != places(model)[-1].path:
            raise InputError(
                f"Modes are units of the output layer, not of {place.path!r}; give a filter's "
                "number, or leave layer out."
            )
        return place, classifier.classes.index(filter)
    if layer is None:
        place = choose_convolution(model, None, default=-1, purpose="maximise without a layer")
    else:
        place = find_layer(model, layer)
    count = cut_off(model, place.path).output_shape[-1]
    if not 0 <= filter < count:
        raise InputError(
            f"Layer {place.path!r} has no filter or unit {filter}; they go from 0 to {count - 1}."
        )
    return place, int(filter)


def _draws(
    shape: tuple[int, int], steps: int, jitter: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The noise at the start, and how far the box is shifted in each step."""
    rng = np.random.default_rng(seed)
    mean, deviation = _NOISE_DBZ
    start = np.clip(rng.normal(mean, deviation, shape), 0, MAX_DBZ).astype(np.float32)
    return start, rng.integers(-jitter, jitter + 1, (steps, 2), dtype=np.int32)


def _make(model: Any, place: Place) -> _Ascent:
    import jax
    import jax.numpy as jnp

    values, apply = _responses(model, place)

    def response(box: Any, values: Any, number: Any, bounds: Any) -> Any:
        given = apply(values, scale(box, bounds)[None, ..., None])[0, ..., number]
        return given if given.ndim == 0 else jnp.where(given > 0, given, _SILENT * given).mean()

    def cost(box: Any, costs: Any) -> Any:
        jumps = sum(
            jnp.sqrt(_SMALLEST_JUMP**2 + jnp.diff(box, axis=axis) ** 2).sum() for axis in (0, 1)
        )
        return costs[0] * box.sum() + costs[1] * jumps

    @jax.jit
    def step(
        values: Any, box: Any, number: Any, shift: Any, length: Any, costs: Any, bounds: Any
    ) -> Any:
        moved = jnp.roll(box, shift, (0, 1))
        upward = jax.grad(response)(moved, values, number, bounds)
        upward = jnp.roll(upward, -shift, (0, 1))
        # Scaled to one length, so that the costs weigh the same for every layer and network.
        upward = upward / (jnp.sqrt((upward**2).mean()) + 1e-12)
        return jnp.clip(box + length * (upward - jax.grad(cost)(box, costs)), 0, MAX_DBZ)

    return _Ascent(values, jax.jit(response), step)


def _responses(model: Any, place: Place) -> tuple[Callable[[], Any], Callable[..., Any]]:
    """Weights, and the values (1, ..., filters) that a layer gives before its activation."""
    if place.path == places(model)[-1].path:
        scorer: Scorer = keep(model, "scorer", lambda: Scorer(model))
        return scorer.scored.values, scorer.apply
    from stormlens.insight._rewire import before_activation

    part, originals = before_activation(model, place)

    def now(variables: list[Any]) -> list[Any]:
        return [originals.get(id(own), own).value for own in variables]

    def values() -> Any:
        return now(part.trainable_variables), now(part.non_trainable_variables)

    return values, lambda values, images: part.stateless_call(*values, images, training=False)[0]
