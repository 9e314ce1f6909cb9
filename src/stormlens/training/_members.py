"""
The networks of a training, one or an ensemble's, and the compiled calls that train them.

All members share one order and one batch a step, gathered, augmented and mixed once. On a CPU
they then step in turn, each by a call of the same program, so that cache and memory hold the
feature maps of one member at a time. An accelerator is mostly idle under one small network, so
there all members step as one program, by `jax.vmap`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.stages import Compiled

from stormlens.models import Forward, Network
from stormlens.storage import is_finite
from stormlens.training._optimise import Average, Optimiser, make_optimiser
from stormlens.training._recipe import Recipe
from stormlens.training._step import (
    Arrays,
    Batch,
    State,
    Totals,
    make_answers,
    make_draw,
    make_evaluate,
    make_order,
    make_step,
    make_update,
    score_mean,
)

Bounds = tuple[float, float]


class Members:
    """
    Networks in training, each with its optimiser's state.

    Everything is compiled before the optimiser's moments exist: the compiler needs about as much
    memory as they do, so the two never add up.

    Parameters
    ----------
    networks : sequence of Network
        With the weights that they begin with; they are not changed.
    recipe : Recipe
    bounds : tuple of float
        Minimum and maximum that images are scaled by.
    class_weights : ndarray of float, shape (classes,)
    train : Arrays
    validation : Arrays or None

    Attributes
    ----------
    count : int
        Number of networks.
    steps : int
        Of an epoch.
    states : list of State
        One for each member, or on an accelerator one for all, with a leading axis of members.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        recipe: Recipe,
        bounds: Bounds,
        class_weights: np.ndarray,
        train: Arrays,
        validation: Arrays | None,
    ) -> None:
        self.recipe, self.train, self.validation = recipe, train, validation
        self.steps = -(-len(train.images) // recipe.batch_size)
        forward = networks[0].forward(bounds, recipe.seed)
        # `forward` is closed over by the compiled steps, which would keep the first weights alive
        # throughout. The list gives them up when they are taken out of it, below.
        first = [(forward.weights, forward.state)]
        forward = replace(forward, weights=[], state=[])
        optimiser = make_optimiser(recipe, recipe.epochs * self.steps)
        self._start = partial(_first_state, recipe, optimiser)
        shape = jax.eval_shape(self._start, *first[0])
        self._order_of = make_order(len(train.images), recipe.batch_size)
        self._together = len(networks) > 1 and _is_accelerated()
        self.count = len(networks)
        parts = forward, optimiser, jnp.asarray(class_weights)
        if self.count == 1:
            self._compile_alone(*parts, bounds, shape)
        else:
            self._compile_for_all(*parts, bounds, shape)
        self.states: list[State] = []
        for network in networks:
            values = first.pop() if first else _values_of(network, bounds, recipe.seed)
            # Copied, since the steps donate them: what a network has must not change under it.
            self.states.append(self._start(*jax.tree.map(partial(jnp.array, copy=True), values)))
        self._pack()

    def _compile_alone(
        self,
        forward: Forward,
        optimiser: Optimiser,
        class_weights: Array,
        bounds: Bounds,
        shape: State,
    ) -> None:
        """
        Compile one program for a whole step.

        The last batch of an epoch is padded, which a model that mixes the images of a batch (such
        as by batch normalisation) would see: it gets a second program of that batch's own size.
        """
        of_size = partial(make_step, forward, self.recipe, bounds, class_weights, optimiser)
        arguments = shape, *self._batch_shapes(), self.train.taught
        self._step: Compiled = of_size().lower(*arguments).compile()
        self._last_step = self._step
        rest = len(self.train.images) % self.recipe.batch_size
        if rest and forward.mixes:
            self._last_step = of_size(rest).lower(*arguments).compile()
        if (split := self.validation) is not None:
            scored = shape.kept, shape.variables, split.images, split.codes
            evaluate = make_evaluate(forward, bounds, self.recipe.batch_size)
            self._score: Compiled = evaluate.lower(*scored).compile()

    def _compile_for_all(
        self,
        forward: Forward,
        optimiser: Optimiser,
        class_weights: Array,
        bounds: Bounds,
        shape: State,
    ) -> None:
        """Compile one program for the batch that members share, and one for a member's step."""
        draw = jax.jit(make_draw(self.recipe, bounds))
        arguments = *self._batch_shapes(), self.train.taught
        self._draw: Compiled = draw.lower(*arguments).compile()
        update: Any = make_update(forward, self.recipe, class_weights, optimiser)
        answers: Any = make_answers(forward, bounds)
        numbers: Any = 0
        if self._together:
            update = jax.vmap(update, in_axes=(0, None, 0))
            answers = jax.vmap(answers, in_axes=(0, 0, None))
            shape = _stacked_shape(shape, self.count)
            numbers = jnp.arange(self.count)
        batch = jax.eval_shape(draw, *arguments)
        step = jax.jit(update, donate_argnums=0).lower(shape, batch, _traced(numbers))
        self._step = step.compile()
        if (split := self.validation) is not None:
            lowered = jax.jit(answers).lower(shape.kept, shape.variables, split.images)
            self._answers: Compiled = lowered.compile()

    def _batch_shapes(self) -> tuple[Any, ...]:
        """Arguments of a step other than its network, as shapes where values are not known yet."""
        key, order = jax.eval_shape(self._order_of, jax.random.key(0), 1)
        return self.train.images, self.train.codes, order, key, 0

    def begin(self, epoch: int) -> tuple[Array, Array]:
        """
        Start an epoch: draw its order, and reset the sums of loss and accuracy.

        Parameters
        ----------
        epoch : int
            From 1.

        Returns
        -------
        key, order : Array
            For `step`.
        """
        self.states = [state._replace(totals=self._zeros()) for state in self.states]
        return self._order_of(jax.random.key(self.recipe.seed), epoch)

    def step(self, key: Array, order: Array, number: int) -> None:
        """
        Train all members by one step, and wait for it.

        Parameters
        ----------
        key, order : Array
            Of `begin`.
        number : int
            Of the step in its epoch, from 0.
        """
        if self.count == 1:
            step = self._step if number + 1 < self.steps else self._last_step
            self.states[0] = step(self.states[0], *self._shared(key, order, number))
            # Waited for, so that Ctrl-C is answered between any two steps.
            jax.block_until_ready(self.states[0].totals)
            return
        batch = self.draw(key, order, number)
        for place in range(len(self.states)):
            self.update(place, batch)

    def _shared(self, key: Array, order: Array, number: int) -> tuple[Any, ...]:
        """What a step takes beside its networks."""
        train = self.train
        return train.images, train.codes, order, key, number, train.taught

    def draw(self, key: Array, order: Array, number: int) -> Batch:
        """
        Gather, augment and mix the batch of an ensemble's step.

        Parameters
        ----------
        key, order, number
            As `step` takes them.

        Returns
        -------
        batch : Batch
            The same for all members; still being computed.
        """
        batch: Batch = self._draw(*self._shared(key, order, number))
        return batch

    def update(self, place: int, batch: Batch) -> None:
        """
        Train a part of an ensemble on a batch, and wait for it.

        Parameters
        ----------
        place : int
            Of the state in `states`: a member's, or 0 where all members are one state.
        batch : Batch
            Of `draw`.
        """
        numbers = jnp.arange(self.count) if self._together else jnp.int32(place)
        self.states[place] = self._step(self.states[place], batch, numbers)
        jax.block_until_ready(self.states[place].totals)

    def _zeros(self) -> Totals:
        """Sums of 0, new ones for each state, since a step donates their memory."""
        zero = Totals.zero()
        return _stacked([zero] * self.count) if self._together else zero

    def means(self) -> tuple[float, float]:
        """Loss and accuracy over the epoch so far, the mean of the members'; NaN at first."""
        totals = [state.totals for state in self.states]
        return Totals(*(jnp.sum(jnp.stack(sums)) for sums in zip(*totals, strict=True))).means()

    def validate(self) -> tuple[float, float]:
        """
        Loss and accuracy on the validation split, of an ensemble those of its mean probability.

        Returns
        -------
        loss, accuracy : float
            NaN where there is no such split.
        """
        if (split := self.validation) is None:
            return Totals.zero().means()
        if self.count == 1:
            state = self.states[0]
            totals: Totals = self._score(state.kept, state.variables, split.images, split.codes)
            return totals.means()
        answers = [
            self._answers(state.kept, state.variables, split.images) for state in self.states
        ]
        log_p = answers[0] if self._together else jnp.stack(answers)
        return score_mean(log_p, split.codes).means()

    def are_finite(self) -> bool:
        """
        Whether no weight, other variable, moment or average is NaN or infinite.

        The loss need not show it: the maximum of a pool passes NaN over, so that a network whose
        kernels are NaN may answer from its biases alone.

        Returns
        -------
        finite : bool
        """
        return all(is_finite(np.asarray(a)) for a in jax.tree.leaves(self.states))

    def separate(self) -> list[State]:
        """
        The members' states, one by one.

        Returns
        -------
        states : list of State
        """
        if not self._together:
            return self.states
        (all_,) = self.states
        return [jax.tree.map(lambda a, i=i: a[i], all_) for i in range(self.count)]

    def restore(self, leaves: list[list[Any]]) -> None:
        """
        Give the members the states of a checkpoint.

        Parameters
        ----------
        leaves : list of list of array
            Of each member, in the order of `jax.tree.leaves` of its state.
        """
        structure = jax.tree.structure(self.separate()[0])
        self.states = []  # frees the old states before the new ones are made
        for values in leaves:
            # Copied, since the steps donate them and a checkpoint's arrays are NumPy's.
            copies = jax.device_put(values, may_alias=False)
            self.states.append(jax.tree.unflatten(structure, copies))
        self._pack()

    def _pack(self) -> None:
        if self._together:
            self.states = [_stacked(self.states)]


def _is_accelerated() -> bool:
    return jax.default_backend() != "cpu"


def _first_state(
    recipe: Recipe, optimiser: Optimiser, weights: list[Array], variables: list[Array]
) -> State:
    average = Average.start(weights) if recipe.average > 0 else None
    return State(weights, variables, optimiser.init(weights), Totals.zero(), average)


def _values_of(network: Network, bounds: Bounds, seed: int) -> tuple[list[Array], list[Array]]:
    forward = network.forward(bounds, seed)
    return forward.weights, forward.state


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *arrays: jnp.stack(arrays), *trees)


def _stacked_shape(shape: State, count: int) -> State:
    stacked: State = jax.tree.map(lambda a: jax.ShapeDtypeStruct((count, *a.shape), a.dtype), shape)
    return stacked


def _traced(numbers: Any) -> Any:
    return jax.ShapeDtypeStruct(np.shape(numbers), jnp.int32)
