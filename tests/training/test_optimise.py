from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import optax
import pytest

from stormlens.datasets import make_dataset
from stormlens.models import build, fuse
from stormlens.models._keras import import_keras
from stormlens.ops import FusedStep, matmul
from stormlens.training import Recipe, fit
from stormlens.training._optimise import Average, learning_rate, make_optimiser
from stormlens.training._step import State, Totals, make_step

pytestmark = pytest.mark.usefixtures("fixed_start")

ADAM = Recipe("adam", "chapter-relu", learning_rate=1e-2, batch_size=8)
SGD = ADAM.with_changes(optimiser="sgd")


def draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize(
    ("recipe", "rule"),
    [(ADAM, optax.adam(1e-2, eps=1e-7)), (SGD, optax.sgd(1e-2, momentum=0.9))],
    ids=["adam", "sgd"],
)
def test_five_steps_follow_optax(recipe, rule):
    shapes = [(3, 3, 1, 4), (4,), (301, 299), (299,)]
    weights = expected = [draw(i, *shape) for i, shape in enumerate(shapes)]
    optimiser = make_optimiser(recipe, 5)
    state, judge = optimiser.init(weights), rule.init(weights)
    step, update = jax.jit(optimiser.step), jax.jit(rule.update)
    for number in range(5):
        gradients = [draw(10 * number + i, *shape) for i, shape in enumerate(shapes)]
        weights, state = step(gradients, state, weights)
        changes, judge = update(gradients, judge, expected)
        expected = optax.apply_updates(expected, changes)
    for mine, theirs in zip(weights, expected, strict=True):
        npt.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def cosine(steps):
    """What optax says of the recipes' cosine schedule with the rate 1e-2."""
    rising = -(-steps // 20)
    return optax.join_schedules(
        [
            optax.linear_schedule(1e-2 / rising, 1e-2 + 1e-2 / rising, rising),
            optax.cosine_decay_schedule(1e-2, max(steps - rising, 1)),
        ],
        [rising],
    )


@pytest.mark.parametrize("steps", [1, 2, 19, 40, 333])
def test_the_cosine_schedule_is_that_of_optax_with_a_warm_up(steps):
    rate, judge = learning_rate(ADAM.with_changes(schedule="cosine"), steps), cosine(steps)
    found = [float(rate(jnp.array(done))) for done in range(steps)]
    npt.assert_allclose(found, [judge(done) for done in range(steps)], rtol=1e-4, atol=1e-9)
    npt.assert_allclose(max(found), 1e-2, rtol=1e-6)
    assert all(value > 0 for value in found)
    assert steps < 40 or found[-1] < 1e-4


def is_kernel(weights):
    return [w.ndim > 1 for w in weights]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimiser", "rule"),
    [
        ("adam", optax.adamw(cosine(50), eps=1e-7, weight_decay=0.4, mask=is_kernel)),
        (
            "sgd",
            optax.chain(
                optax.trace(0.9),
                optax.add_decayed_weights(0.4, is_kernel),
                optax.scale_by_schedule(lambda done: -cosine(50)(done)),
            ),
        ),
    ],
)
def test_scheduled_steps_with_weight_decay_follow_optax(optimiser, rule):
    recipe = ADAM.with_changes(optimiser=optimiser, schedule="cosine", weight_decay=0.4)
    weights = expected = [draw(0, 3, 3, 1, 4), draw(1, 4), draw(2, 31, 29), draw(3, 29)]
    ours = make_optimiser(recipe, 50)
    state, judge = ours.init(weights), rule.init(weights)
    step, update = jax.jit(ours.step), jax.jit(rule.update)
    for number in range(50):
        gradients = [draw(10 * number + i, *w.shape) for i, w in enumerate(weights)]
        weights, state = step(gradients, state, weights)
        changes, judge = update(gradients, judge, expected)
        expected = optax.apply_updates(expected, changes)
    for mine, theirs in zip(weights, expected, strict=True):
        npt.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_weight_decay_alone_shrinks_kernels_by_hand_and_leaves_biases():
    recipe = ADAM.with_changes(weight_decay=0.5)  # at a rate of 0.01
    weights = [draw(0, 7, 5), draw(1, 5)]
    for optimiser in ("adam", "sgd"):
        rule = make_optimiser(recipe.with_changes(optimiser=optimiser), 1)
        nothing = [jnp.zeros_like(w) for w in weights]
        kernel, bias = rule.step(nothing, rule.init(weights), weights)[0]
        npt.assert_allclose(kernel, weights[0] * (1 - 0.005), rtol=1e-6)
        npt.assert_array_equal(bias, weights[1])


@pytest.mark.parametrize("decay", [0.3, 0.999, 0.99999])
def test_the_average_weighs_each_step_by_its_age(decay):
    steps = [[draw(2 * i, 7, 5), draw(2 * i + 1, 5)] for i in range(30)]
    average = Average.start(steps[0])
    after = jax.jit(Average.after, static_argnums=2)
    rule = optax.ema(decay, debias=True)
    state = rule.init(steps[0])
    for weights in steps:
        average = after(average, weights, decay)
        debiased, state = rule.update(weights, state)
    ages = decay ** np.arange(29, -1, -1.0)
    for i, mine in enumerate(average.weights):
        every = np.stack([np.float64(weights[i]) for weights in steps])
        npt.assert_allclose(mine, np.average(every, 0, ages), rtol=1e-5, atol=1e-6)
        if decay < 0.9:  # beyond, optax's corrections lose figures in single precision
            npt.assert_allclose(mine, debiased[i], rtol=1e-5, atol=1e-6)


def test_adam_alone_takes_steps_on_the_way_back():
    weights = [draw(0, 9, 5), draw(1, 5)]
    inputs, wanted, of_bias = draw(2, 4, 9), draw(3, 4, 5), draw(4, 5)
    recipe = ADAM.with_changes(schedule="cosine", weight_decay=0.4)
    adam, sgd = (make_optimiser(recipe.with_changes(optimiser=o), 50) for o in ("adam", "sgd"))
    assert sgd.fuse_steps(sgd.init(weights), weights, (0,)) == weights
    state = adam.init(weights)._replace(done=jnp.array(7))
    kernel, bias = adam.fuse_steps(state, weights, (0,))
    assert isinstance(kernel, FusedStep)
    assert bias is weights[1]
    changed = jax.vjp(partial(matmul, inputs), kernel)[1](wanted)[0]
    on_the_way, after = adam.step([changed, of_bias], state, weights)
    plain, expected = adam.step([inputs.T @ wanted, of_bias], state, weights)
    for mine, theirs in zip(
        jax.tree.leaves((on_the_way, after)), jax.tree.leaves((plain, expected)), strict=True
    ):
        npt.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


N, SIZE, BOUNDS = 43, 30, (0.0, 70.0)


@pytest.fixture(scope="module")
def samples():
    """Images of which two classes differ, and their codes."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, N)
    images = rng.integers(0, 30, (N, SIZE, SIZE)) + 30 * codes[:, None, None]
    return jnp.asarray(images, jnp.uint8), jnp.asarray(codes, jnp.int32)


@pytest.fixture(scope="module")
def forward():
    # The dense kernel, 2592 x 128, is large enough for the native code.
    return fuse(build("chapter-relu", input_shape=(SIZE, SIZE, 1), n_classes=2), BOUNDS)


def start(forward, factor=1.0):
    """A state that may be given away."""
    weights = [jnp.array(w * factor, copy=True) for w in forward.weights]
    variables = [jnp.array(v, copy=True) for v in forward.state]
    return State(weights, variables, make_optimiser(ADAM, STEPS).init(weights), Totals.zero())


def order_of(key):
    order = jax.random.permutation(key, N)
    return jnp.concatenate([order, jnp.full(-N % ADAM.batch_size, N, order.dtype)])


STEPS = -(-N // ADAM.batch_size)


def epoch(step, state, samples, order, key):
    for number in range(STEPS):
        state = step(state, *samples, order, key, number)
    return state


def assert_same_training(one, other):
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        npt.assert_allclose(mine, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())
    npt.assert_allclose(one.totals.loss, other.totals.loss, rtol=1e-5)
    assert float(one.totals.correct) == float(other.totals.correct)
    assert float(one.totals.seen) == float(other.totals.seen) == N


@pytest.mark.slow
def test_steps_on_the_way_back_equal_steps_after_it(samples, forward):
    assert len(forward.dense) == 2
    key = jax.random.key(1)
    # Where a gradient is zero but for rounding, Adam steps by its sign: so a low rate.
    gentle = make_optimiser(ADAM.with_changes(learning_rate=1e-4), STEPS)

    def trained(optimiser):
        step = make_step(forward, ADAM, BOUNDS, jnp.ones(2), optimiser)
        return epoch(step, start(forward), samples, order_of(key), key)

    afterwards = gentle._replace(fuse_steps=lambda _state, weights, _dense: list(weights))
    assert_same_training(trained(gentle), trained(afterwards))


@pytest.mark.slow
def test_two_members_together_equal_the_two_apart(samples, forward):
    step = make_step(forward, ADAM, BOUNDS, jnp.ones(2), make_optimiser(ADAM, STEPS))
    keys = jax.random.split(jax.random.key(3), 2)
    orders = [order_of(key) for key in keys]
    states = [start(forward), start(forward, 0.5)]
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *states)
    mapped = jax.vmap(step, (0, None, None, 0, 0, None))
    together = epoch(mapped, stacked, samples, jnp.stack(orders), keys)
    for i, (state, order) in enumerate(zip(states, orders, strict=True)):
        apart = epoch(step, state, samples, order, keys[i])
        assert_same_training(jax.tree.map(lambda a, i=i: a[i], together), apart)


def boxes(n):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, n)
    images = rng.integers(0, 25, (n, 53, 53))
    images[codes == 0] += 30
    images[codes == 1, ::3] += 45
    return make_dataset(images, codes, classes=("A", "B", "C"), source="test", simulated=True)


@pytest.mark.slow
def test_the_loss_curve_follows_keras_without_dropout():
    """Keras's own training from the same weights, in the same order, for three epochs."""
    keras = import_keras()

    def still(layer):
        config = layer.get_config()
        return layer.from_config({**config, "rate": 0.0} if "rate" in config else config)

    ours = keras.models.clone_model(
        build("svrimg-3conv", input_shape=(53, 53, 1), n_classes=3), clone_function=still
    )
    judge = keras.models.clone_model(ours)
    judge.set_weights(ours.get_weights())
    data = boxes(96)
    recipe = Recipe("curve", "svrimg-3conv", learning_rate=1e-4, batch_size=16, epochs=3)
    fitted = fit(recipe, {"train": data}, model=ours, progress=False)
    judge.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(recipe.learning_rate),
    )
    images = data["reflectivity"].values.astype(np.float32)[..., None]
    images = (images - images.min()) / (images.max() - images.min())
    codes = data["mode"].values
    for epoch, row in enumerate(fitted.history, start=1):
        key = jax.random.fold_in(jax.random.key(recipe.seed), epoch)
        order = np.asarray(jax.random.permutation(jax.random.fold_in(key, 6), len(codes)))
        total = 0.0
        for first in range(0, len(codes), 16):
            batch = order[first : first + 16]
            judge.reset_metrics()
            total += float(judge.train_on_batch(images[batch], codes[batch])) * len(batch)
        npt.assert_allclose(row["loss"], total / len(codes), rtol=1e-3)
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"]
