"""
The recipes' optimisers: from gradients to new weights, in place.

An optimiser is a set of functions, as in optax, but `step` gives the new weights
themselves and not changes to them, so that Adam reads and writes them in one pass.
Weight decay is decoupled from the gradient (AdamW).
"""

import math
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from stormlens.ops import AdamSettings, FusedStep, adam, fuse_step
from stormlens.training._recipe import Recipe

Weights = list[Array | FusedStep]
Rate = float | Callable[[Array], Array]

_WARM_UP = 20  # the learning rate rises during the first of so many equal parts of a training
_MOMENTUM = 0.9


class Optimiser(NamedTuple):
    """
    How weights follow their gradients.

    Attributes
    ----------
    init : callable
        ``init(weights)`` to the state before the first step.
    fuse_steps : callable
        ``fuse_steps(state, weights, dense)`` to the weights to differentiate by: those whose
        numbers are in `dense`, kernels of dense layers, may take their step in the backward pass.
    step : callable
        ``step(gradients, state, weights)`` to (new weights, new state).
    """

    init: Callable[[list[Array]], Any]
    fuse_steps: Callable[[Any, list[Array], Collection[int]], Weights]
    step: Callable[[Weights, Any, list[Array]], tuple[list[Array], Any]]


class AdamState(NamedTuple):
    """Steps done, and moving averages of gradients and squared gradients."""

    done: Array
    mean: list[Array]
    square: list[Array]


class Average(NamedTuple):
    """
    Exponential moving average of the weights, from the first step on.

    Attributes
    ----------
    done : Array of int
        Steps averaged over.
    weights : list of Array
        Their average, corrected for its start as in [1]_.

    References
    ----------
    .. [1] Kingma and Ba (2015), Adam: a method for stochastic optimization, ICLR, section 3.
    """

    done: Array
    weights: list[Array]

    @classmethod
    def start(cls, weights: list[Array]) -> "Average":
        """Nothing averaged yet."""
        return cls(jnp.zeros((), jnp.int32), [jnp.array(w, copy=True) for w in weights])

    def after(self, weights: list[Array], decay: float) -> "Average":
        """
        The average with one more step.

        Parameters
        ----------
        weights : list of Array
            After that step.
        decay : float
            What a step leaves of the average, above 0 and below 1.

        Returns
        -------
        average : Average
        """
        done = self.done + 1
        # (1 - decay) / (1 - decay^done), which is 1 at first: so the start needs no zero.
        share = (1 - decay) / -jnp.expm1(done * math.log(decay))
        pairs = zip(self.weights, weights, strict=True)
        return Average(done, [a + share * (w - a) for a, w in pairs])


def make_optimiser(recipe: Recipe, steps: int) -> Optimiser:
    """
    The recipe's optimiser.

    Parameters
    ----------
    recipe : Recipe
    steps : int
        Of the whole training, which a schedule ends with.

    Returns
    -------
    optimiser : Optimiser
    """
    return _sgd(recipe, steps) if recipe.optimiser == "sgd" else _adam(recipe, steps)


def learning_rate(recipe: Recipe, steps: int) -> Rate:
    """
    The learning rate, or what gives it from the number of steps done.

    Parameters
    ----------
    recipe : Recipe
    steps : int
        Of the whole training.

    Returns
    -------
    rate : float or callable
        ``rate(done)``: under ``cosine`` it rises in equal parts over the first twentieth of the
        steps, then falls as half a cosine towards 0.
    """
    peak = recipe.learning_rate
    if recipe.schedule == "constant":
        return peak
    rising = -(-steps // _WARM_UP)

    def rate(done: Array) -> Array:
        gone = (done - rising) / max(steps - rising, 1)
        falls = (1 + jnp.cos(jnp.pi * gone)) / 2
        return peak * jnp.where(done < rising, (done + 1) / rising, falls)

    return rate


def _is_kernel(weight: Array) -> bool:
    """Whether weight decay is for it: not for biases and the like."""
    return weight.ndim > 1


def _sgd(recipe: Recipe, steps: int) -> Optimiser:
    import optax

    rules = [optax.trace(_MOMENTUM)]
    if recipe.weight_decay > 0:
        decay = optax.add_decayed_weights(
            recipe.weight_decay, mask=lambda weights: [_is_kernel(w) for w in weights]
        )
        rules.append(decay)
    rule = optax.chain(*rules, optax.scale_by_learning_rate(learning_rate(recipe, steps)))

    # Momentum of SGD has no native operation, so no step is fused.
    def fuse_none(_state: Any, weights: list[Array], _dense: Collection[int]) -> Weights:
        return list(weights)

    def step(gradients: Weights, state: Any, weights: list[Array]) -> tuple[list[Array], Any]:
        updates, state = rule.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state

    return Optimiser(rule.init, fuse_none, step)


def _needs_all(gradients: Weights, number: Array) -> Array:
    """
    Make a value that XLA can compute only after all gradients, as an operand of `adam`.

    `adam` changes weights in place, so the backward pass must have read each for the last time. XLA
    orders operations by their data alone. One value of each gradient is enough, as an array is
    complete or not there. Fused steps have changed their weights already; if all are fused, there
    is nothing to wait for, and the step's `number` takes the place.
    """
    values = [g.ravel()[0] for g in gradients if not isinstance(g, FusedStep)]
    return jnp.stack(values) if values else number.astype(jnp.float32)


def _adam(recipe: Recipe, steps: int) -> Optimiser:
    of_biases, of_kernels = AdamSettings(), AdamSettings(weight_decay=recipe.weight_decay)
    rate = learning_rate(recipe, steps)

    def init(weights: list[Array]) -> AdamState:
        return AdamState(
            jnp.zeros((), jnp.int32),
            [jnp.zeros_like(w) for w in weights],
            [jnp.zeros_like(w) for w in weights],
        )

    def now(state: AdamState) -> tuple[Array, Array | float]:
        return state.done + 1, rate(state.done) if callable(rate) else rate

    def fuse_dense(state: AdamState, weights: list[Array], dense: Collection[int]) -> Weights:
        arrays = zip(weights, state.mean, state.square, strict=True)
        return [
            fuse_step(of_kernels, *of_one, *now(state)) if i in dense else of_one[0]
            for i, of_one in enumerate(arrays)
        ]

    def step(
        gradients: Weights, state: AdamState, weights: list[Array]
    ) -> tuple[list[Array], AdamState]:
        number, this_rate = now(state)
        after = _needs_all(gradients, number)

        def changed(
            gradient: Array | FusedStep, weight: Array, mean: Array, square: Array
        ) -> tuple[Array, Array, Array]:
            if isinstance(gradient, FusedStep):  # the step is done
                return gradient.kernel, gradient.mean, gradient.square
            settings = of_kernels if _is_kernel(weight) else of_biases
            return adam(settings, weight, mean, square, gradient, number, this_rate, after)

        arrays = zip(gradients, weights, state.mean, state.square, strict=True)
        new = [changed(*of_one) for of_one in arrays]
        new_weights, mean, square = ([part[i] for part in new] for i in range(3))
        return new_weights, AdamState(number, mean, square)

    return Optimiser(init, fuse_dense, step)
