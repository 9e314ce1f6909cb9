"""
The compiled part of training: steps over arrays that stay on the device.

One call is one step of an epoch, and the loop over steps stays in Python: inside a
compiled loop XLA computes a convolution's weight gradient on a CPU up to a hundred
times slower. The last, partial batch is padded with samples of weight zero. A model that mixes
the images of a batch would see the padding, so it has a step of that batch's own size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from stormlens.augment import Augmentation
from stormlens.models import Forward, scale
from stormlens.ops import FusedStep
from stormlens.training._loss import Mixture, Taught, cross_entropy, losses
from stormlens.training._optimise import Average, Optimiser
from stormlens.training._recipe import Recipe
from stormlens.training._split import Split

_EVALUATION_BATCH = 64


class Totals(NamedTuple):
    """Sums over the samples seen: cross-entropy, right answers, samples."""

    loss: Array
    correct: Array
    seen: Array

    @classmethod
    def zero(cls) -> "Totals":
        """Nothing seen yet."""
        return cls(*(jnp.zeros((), jnp.float32) for _ in range(3)))

    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy; NaN where nothing was seen."""
        seen = float(self.seen)
        if seen == 0:
            return float("nan"), float("nan")
        return float(self.loss) / seen, float(self.correct) / seen


class State(NamedTuple):
    """What a step changes: weights, other variables, optimiser state, sums, averaged weights."""

    weights: list[Array]
    variables: list[Array]
    optimiser: Any
    totals: Totals
    average: Average | None = None

    @property
    def kept(self) -> list[Array]:
        """The weights to validate and keep: the averaged ones if the recipe averages."""
        return self.weights if self.average is None else self.average.weights


@dataclass(frozen=True)
class Arrays:
    """
    One split on the device.

    Attributes
    ----------
    images : Array of uint8, shape (N, rows, columns)
    codes : Array of int32, shape (N,)
    taught : Array of float32, shape (N, classes), or None
        A teacher's probabilities.
    """

    images: Array
    codes: Array
    taught: Array | None = None

    @classmethod
    def of(cls, split: Split, taught: np.ndarray | None = None) -> "Arrays":
        """Copy a split to the device."""
        # Not by jnp.asarray, which copies the images twice and keeps the memory of both.
        return cls(
            jax.device_put(split.images),
            jax.device_put(split.codes.astype(np.int32)),
            None if taught is None else jax.device_put(taught),
        )


class Batch(NamedTuple):
    """
    What a step's networks have in common.

    Attributes
    ----------
    images : Array, shape (N, rows, columns, 1)
        As `Forward.apply` takes them: augmented and mixed where the recipe asks.
    codes : Array of int, shape (N,)
    present : Array of bool, shape (N,)
        False for the padding at the end.
    key : Array
        Of what a network draws for itself.
    mixture : Mixture or None
    taught : Array of float, shape (N, classes), or None
        A teacher's probabilities.
    """

    images: Array
    codes: Array
    present: Array
    key: Array
    mixture: Mixture | None
    taught: Array | None


Draw = Callable[..., Batch]
"""``draw(images, codes, order, key, number, taught)`` to a `Batch`."""

Update = Callable[[State, Batch, Array | int], State]
"""``update(state, batch, member)`` to the state after a step."""


def make_draw(recipe: Recipe, bounds: tuple[float, float], size: int | None = None) -> Draw:
    """
    What gathers, augments and mixes a step's samples, for one network or many.

    Parameters
    ----------
    recipe : Recipe
        Batch size, augmentation, mixup.
    bounds : tuple of float
        Minimum and maximum that images are scaled by.
    size : int, optional
        Samples of the step; by default a full batch.

    Returns
    -------
    draw : callable
        ``draw(images, codes, order, key, number, taught)``; `order` is a permutation of the
        samples padded with N to whole batches, and `number` says which of them.
    """

    # Keys: (seed, epoch) gives the epoch's key, and folding the step's number into that gives the
    # step's. So any step can be drawn without those before it, and a resumed training draws the
    # same numbers.
    def draw(
        images: Array, codes: Array, order: Array, key: Array, number: int, taught: Array | None
    ) -> Batch:
        first, length = number * recipe.batch_size, size or recipe.batch_size
        chosen = jax.lax.dynamic_slice_in_dim(order, first, length)
        present = chosen < len(images)
        chosen = jnp.minimum(chosen, len(images) - 1)
        augment_key, forward_key, mixture_key = jax.random.split(jax.random.fold_in(key, number), 3)
        batch = prepare(images[chosen], bounds, recipe.augmentation, augment_key)
        mixture = None
        if recipe.mixup > 0:
            mixture = Mixture.draw(mixture_key, recipe.mixup, present)
            batch = scale(batch, bounds) if batch.dtype == jnp.uint8 else batch
            batch = mixture.blend(batch, batch[mixture.partner])
        answers = None if taught is None else taught[chosen]
        return Batch(batch, codes[chosen], present, forward_key, mixture, answers)

    return draw


def make_update(
    forward: Forward, recipe: Recipe, class_weights: Array, optimiser: Optimiser
) -> Update:
    """
    Make the function that trains one network by one step.

    Parameters
    ----------
    forward : Forward
        The model's computation.
    recipe : Recipe
        Loss and averaging.
    class_weights : Array of float, shape (classes,)
        Factor on the loss of each class.
    optimiser : Optimiser
        The recipe's.

    Returns
    -------
    update : callable
        ``update(state, batch, member)``; each member draws its own dropout, and number 0 draws
        the same as a network trained alone.
    """

    def update(state: State, batch: Batch, member: Array | int) -> State:
        key, present = own_key(batch.key, member), batch.present
        taught = None
        if batch.taught is not None:
            taught = Taught(batch.taught, recipe.teacher_temperature, recipe.teacher_weight)

        def loss_of(
            weights: list[Array | FusedStep],
        ) -> tuple[Array, tuple[Array, Array, list[Array]]]:
            log_p, variables, added = _forward(
                forward, weights, state.variables, batch.images, key, True
            )
            plain, weighted = losses(
                log_p,
                batch.codes,
                class_weights,
                recipe.label_smoothing,
                batch.mixture,
                taught,
            )
            total = (plain * present).sum()
            # Divided by the number of samples, not by the sum of their weights, as Keras does.
            mean = (weighted * present).sum() / present.sum()
            if added is not None:  # counted for each sample, as Keras does
                mean, total = mean + added, total + added * present.sum()
            return mean, (total, log_p, variables)

        given = optimiser.fuse_steps(state.optimiser, state.weights, forward.dense)
        gradients, (loss_sum, log_p, variables) = jax.grad(loss_of, has_aux=True)(given)
        weights, optimiser_state = optimiser.step(gradients, state.optimiser, state.weights)
        if forward.constrain is not None:
            weights = forward.constrain(weights)
        correct = ((log_p.argmax(1) == batch.codes) & present).sum()
        before = state.totals
        totals = Totals(
            before.loss + loss_sum, before.correct + correct, before.seen + present.sum()
        )
        average = None
        if state.average is not None:
            average = state.average.after(weights, recipe.average)
        return State(weights, variables, optimiser_state, totals, average)

    return update


def own_key(key: Array, member: Array | int) -> Array:
    """
    The key that a member draws its dropout from.

    Parameters
    ----------
    key : Array
        Of the step.
    member : Array of int or int
        Its number; 0 takes the step's own.

    Returns
    -------
    key : Array
    """
    if isinstance(member, int) and member == 0:  # a network alone: nothing to compile for it
        return key
    # Under `vmap` the number is traced, so both keys are computed and one is chosen.
    return jnp.where(member == 0, key, jax.random.fold_in(key, member))


def make_step(
    forward: Forward,
    recipe: Recipe,
    bounds: tuple[float, float],
    class_weights: Array,
    optimiser: Optimiser,
    size: int | None = None,
) -> jax.stages.Wrapped:
    """
    The compiled training step of one network.

    Parameters
    ----------
    forward, recipe, class_weights, optimiser
        As for `make_update`.
    bounds, size
        As for `make_draw`.

    Returns
    -------
    step : callable
        ``step(state, images, codes, order, key, number, taught)`` to the new state, which takes
        the old one's place in memory. It may be compiled ahead.
    """
    draw = make_draw(recipe, bounds, size)
    update = make_update(forward, recipe, class_weights, optimiser)

    def step(
        state: State,
        images: Array,
        codes: Array,
        order: Array,
        key: Array,
        number: int,
        taught: Array | None = None,
    ) -> State:
        return update(state, draw(images, codes, order, key, number, taught), 0)

    return jax.jit(step, donate_argnums=0)


def make_order(n: int, batch_size: int) -> Callable[[Array, int], tuple[Array, Array]]:
    """
    Make the function that draws the order of an epoch.

    It is one compiled program: JAX would compile each of its operations by itself, in every
    process anew.

    Parameters
    ----------
    n : int
        Samples.
    batch_size : int

    Returns
    -------
    order_of : callable
        ``order_of(key, epoch)`` to the epoch's own key and a permutation of the samples, padded
        with n to whole batches.
    """
    steps = -(-n // batch_size)

    @jax.jit
    def order_of(key: Array, epoch: int) -> tuple[Array, Array]:
        key = jax.random.fold_in(key, epoch)
        # Steps fold in 0 to steps - 1, so that `steps` itself is still free for the order.
        order = jax.random.permutation(jax.random.fold_in(key, steps), n)
        return key, jnp.concatenate([order, jnp.full(steps * batch_size - n, n, order.dtype)])

    return order_of


def _forward(
    forward: Forward,
    weights: Any,
    variables: list[Array],
    batch: Array,
    key: Array,
    training: bool,
) -> tuple[Array, list[Array], Array | None]:
    """Logarithms of probabilities, other variables, and what the model adds to its loss, if any."""
    if forward.added is not None:
        return forward.added(weights, variables, batch, key, training)
    return *forward.apply(weights, variables, batch, key, training), None


def make_evaluate(
    forward: Forward, bounds: tuple[float, float], batch_size: int
) -> jax.stages.Wrapped:
    """
    The compiled scoring loop, without dropout or augmentation.

    Parameters
    ----------
    forward : Forward
        The model's computation.
    bounds : tuple of float
        Minimum and maximum that images are scaled by.
    batch_size : int
        The recipe's, which counts only for a model that mixes images of a batch.

    Returns
    -------
    evaluate : callable
        ``evaluate(weights, variables, images, codes)`` to `Totals`; it may be compiled ahead.
    """

    @jax.jit
    def evaluate(
        weights: list[Array], variables: list[Array], images: Array, codes: Array
    ) -> Totals:
        size = batch_size if forward.mixes else _EVALUATION_BATCH

        def step(first: Array | int, totals: Totals, size: int = size) -> Totals:
            position = first + jnp.arange(size)
            present = position < len(images)
            chosen = jnp.minimum(position, len(images) - 1)
            batch = prepare(images[chosen], bounds, None, None)
            # The key is not used: nothing is random without dropout.
            log_p, _, added = _forward(forward, weights, variables, batch, jax.random.key(0), False)
            of_batch = cross_entropy(log_p, codes[chosen])
            if added is not None:
                of_batch = of_batch + added
            correct = (log_p.argmax(1) == codes[chosen]) & present
            return Totals(
                totals.loss + (of_batch * present).sum(),
                totals.correct + correct.sum(),
                totals.seen + present.sum(),
            )

        whole, rest = divmod(len(images), size)
        if rest and not forward.mixes:  # padding costs less than a second compilation
            whole, rest = whole + 1, 0
        totals = jax.lax.fori_loop(
            0, whole, lambda number, totals: step(number * size, totals), Totals.zero()
        )
        return step(whole * size, totals, rest) if rest else totals

    return evaluate


def make_answers(forward: Forward, bounds: tuple[float, float]) -> Callable[..., Array]:
    """
    Make the function that gives a network's answers for a split, without dropout or augmentation.

    Parameters
    ----------
    forward : Forward
        The model's computation; it leaves images of a batch apart.
    bounds : tuple of float
        Minimum and maximum that images are scaled by.

    Returns
    -------
    answers : callable
        ``answers(weights, variables, images)`` to logarithms of probabilities (N, classes).
    """

    def answers(weights: list[Array], variables: list[Array], images: Array) -> Array:
        def of_batch(_: None, first: Array) -> tuple[None, Array]:
            chosen = jnp.minimum(first + jnp.arange(_EVALUATION_BATCH), len(images) - 1)
            batch = prepare(images[chosen], bounds, None, None)
            answered = _forward(forward, weights, variables, batch, jax.random.key(0), False)
            return None, answered[0]

        firsts = jnp.arange(0, len(images), _EVALUATION_BATCH)
        _, log_p = jax.lax.scan(of_batch, None, firsts)
        return log_p.reshape(-1, log_p.shape[-1])[: len(images)]

    return answers


@jax.jit
def score_mean(log_p: Array, codes: Array) -> Totals:
    """
    Sums over a split that an ensemble answered.

    Parameters
    ----------
    log_p : Array of float, shape (members, N, classes)
        Logarithms of the members' probabilities.
    codes : Array of int, shape (N,)

    Returns
    -------
    totals : Totals
        Of the mean of the probabilities.
    """
    mean = jax.nn.logsumexp(log_p, axis=0) - jnp.log(len(log_p))
    correct = (mean.argmax(1) == codes).sum()
    return Totals(cross_entropy(mean, codes).sum(), correct, jnp.float32(len(codes)))


def prepare(
    images: Array, bounds: tuple[float, float], augmentation: Augmentation | None, key: Array | None
) -> Array:
    """
    Raw images as `Forward.apply` takes them.

    Parameters
    ----------
    images : Array of uint8, shape (N, rows, columns)
    bounds : tuple of float
        Become 0 and 1.
    augmentation : Augmentation or None
        Drawn from `key`, before scaling.
    key : Array or None
        Random key.

    Returns
    -------
    prepared : Array, shape (N, rows, columns, 1)
        Scaled float32 where augmented; else the bytes, which the network scales.
    """
    if augmentation is not None and key is not None:
        images = scale(augmentation.apply(key, images), bounds)
    return images[..., None]


def balanced_weights(codes: np.ndarray, n_classes: int) -> np.ndarray:
    """
    Factors that give each class the same total weight.

    Parameters
    ----------
    codes : ndarray of int, shape (N,)
        Class codes.
    n_classes : int
        Number of classes.

    Returns
    -------
    weights : ndarray of float32, shape (n_classes,)
        N / (present classes * count), as scikit-learn's "balanced"; 0 for an absent class.

    Examples
    --------
    >>> print(balanced_weights(np.array([0, 0, 0, 1]), 2))
    [0.6666667 2.       ]
    """
    counts = np.bincount(codes, minlength=n_classes)
    present = counts > 0
    weights = np.zeros(n_classes, np.float32)
    weights[present] = len(codes) / (present.sum() * counts[present])
    return weights
