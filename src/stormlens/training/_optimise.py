"""
The recipes' optimisers: from gradients to new weights, in place.

An optimiser is a pair of functions, as in optax, but its second one gives the
new weights themselves, so that Adam can read and write them in one pass.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from stormlens.ops import AdamSettings, Product, adam
from stormlens.training._recipe import Recipe

Gradients = list[Array | Product]


class Optimiser(NamedTuple):
    """
    How weights follow their gradients.

    Attributes
    ----------
    init : callable
        ``init(weights)`` to the state before the first step.
    step : callable
        ``step(gradients, state, weights)`` to (new weights, new state).
    takes_products : bool
        Whether a gradient may be a `Product`.
    """

    init: Callable[[list[Array]], Any]
    step: Callable[[Gradients, Any, list[Array]], tuple[list[Array], Any]]
    takes_products: bool


class AdamState(NamedTuple):
    """Steps done, and moving averages of gradients and squared gradients."""

    done: Array
    mean: list[Array]
    square: list[Array]


def make_optimiser(recipe: Recipe) -> Optimiser:
    """
    The recipe's optimiser.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    optimiser : Optimiser
    """
    return _sgd(recipe) if recipe.optimiser == "sgd" else _adam(recipe)


def _sgd(recipe: Recipe) -> Optimiser:
    rule = optax.sgd(recipe.learning_rate, momentum=0.9)

    def step(gradients: Gradients, state: Any, weights: list[Array]) -> tuple[list[Array], Any]:
        updates, state = rule.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state

    return Optimiser(rule.init, step, takes_products=False)


def _adam(recipe: Recipe) -> Optimiser:
    settings = AdamSettings(recipe.learning_rate)

    def init(weights: list[Array]) -> AdamState:
        return AdamState(
            jnp.zeros((), jnp.int32),
            [jnp.zeros_like(w) for w in weights],
            [jnp.zeros_like(w) for w in weights],
        )

    def step(
        gradients: Gradients, state: AdamState, weights: list[Array]
    ) -> tuple[list[Array], AdamState]:
        number = state.done + 1
        arrays = zip(weights, state.mean, state.square, gradients, strict=True)
        # A bias gets its gradient after all that lies behind its layer, so the first one's is last.
        plain = [g.ravel()[0] for g in gradients if not isinstance(g, Product)]
        last = jnp.stack(plain) if plain else number.astype(jnp.float32)
        changed = [adam(settings, *of_one, number, last) for of_one in arrays]
        new_weights, mean, square = ([part[i] for part in changed] for i in range(3))
        return new_weights, AdamState(number, mean, square)

    return Optimiser(init, step, takes_products=True)
