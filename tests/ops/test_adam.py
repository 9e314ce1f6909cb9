import importlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import optax
import pytest

from stormlens.models._keras import import_keras
from stormlens.ops import AdamSettings, adam
from stormlens.ops._registration import Native

SETTINGS, RATE = AdamSettings(), 0.01
# No axis at all, part of a vector, more than one task of 65536 values.
SHAPES = [(), (1,), (7,), (3, 3, 1, 5), (301, 299)]


@pytest.fixture(params=["native", "portable"])
def version(request, monkeypatch):
    """The native version, where there is one, and the portable one."""
    if request.param == "portable":
        module = importlib.import_module("stormlens.ops._platform")
        monkeypatch.setattr(module, "native", lambda: Native(False))


def draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def steps(weight, gradients, settings=SETTINGS, rates=()):
    """Weights, means and squares after some steps."""
    state = weight, jnp.zeros_like(weight), jnp.zeros_like(weight)
    step = jax.jit(partial(adam, settings))
    rates = rates or [RATE] * len(gradients)
    for number, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        state = step(*state, gradient, jnp.array(number), rate, weight)
    return state


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("shape", SHAPES)
def test_steps_equal_those_of_optax(shape):
    weight, gradients = draw(0, *shape), [draw(i, *shape) for i in range(1, 6)]
    found = steps(weight, gradients)
    rule = optax.adam(RATE, eps=SETTINGS.epsilon)
    state, judge = rule.init(weight), weight
    update = jax.jit(rule.update)
    for gradient in gradients:
        change, state = update(gradient, state)
        judge = optax.apply_updates(judge, change)
    npt.assert_allclose(found[0], judge, rtol=1e-5, atol=1e-6)
    npt.assert_allclose(found[1], state[0].mu, rtol=1e-5, atol=1e-6)
    npt.assert_allclose(found[2], state[0].nu, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("version")
def test_weight_decay_and_a_rate_of_each_step_equal_those_of_optax():
    settings, rates = AdamSettings(weight_decay=0.3), [0.01, 0.05, 0.02, 0.0, 0.1]
    weight, gradients = draw(0, 301, 299), [draw(i, 301, 299) for i in range(5)]
    found = steps(weight, gradients, settings, rates)
    rule = optax.adamw(lambda n: jnp.array(rates)[n], eps=settings.epsilon, weight_decay=0.3)
    state, judge = rule.init(weight), weight
    update = jax.jit(rule.update)
    for gradient in gradients:
        change, state = update(gradient, state, judge)
        judge = optax.apply_updates(judge, change)
    npt.assert_allclose(found[0], judge, rtol=1e-5, atol=1e-3)
    assert np.mean(np.abs(found[0] - judge) > 1e-5) < 1e-3


@pytest.mark.usefixtures("version")
def test_steps_equal_those_of_keras_where_gradients_are_not_nearly_zero():
    # Keras adds its epsilon to another term, which only shows beside small gradients.
    weight, gradients = draw(0, 99), [draw(i, 99) for i in range(1, 6)]
    gradients = [g + jnp.where(g < 0, -1, 1) for g in gradients]
    keras = import_keras()
    variable = keras.Variable(weight)
    optimizer = keras.optimizers.Adam(RATE, epsilon=SETTINGS.epsilon)
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
    found, *_ = steps(weight, gradients)
    npt.assert_allclose(found, variable.value, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("version")
def test_a_gradient_of_zero_from_the_start_moves_nothing():
    weight = draw(0, 9, 5)
    new, mean, square = steps(weight, [jnp.zeros((9, 5))] * 3)
    npt.assert_array_equal(new, weight)
    npt.assert_array_equal(mean, 0)
    npt.assert_array_equal(square, 0)


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("wrapped", [lambda f: f, jax.jit])
def test_what_is_given_stays_as_it_was(wrapped):
    given = [draw(i, 301, 299) for i in range(2)] + [draw(2, 301, 299) ** 2]
    gradient = draw(5, 301, 299)
    before = jax.tree.map(lambda a: np.array(a, copy=True), (given, gradient))
    result = wrapped(partial(adam, SETTINGS))(*given, gradient, jnp.array(1), RATE, given[0])
    jax.block_until_ready(result)
    jax.tree.map(npt.assert_array_equal, (given, gradient), before)
    assert not np.array_equal(result[0], given[0])


@pytest.mark.usefixtures("version")
def test_the_old_weight_may_be_used_beside_the_new_one():
    weight, gradient = draw(0, 301, 299), draw(1, 301, 299)
    zeros = jnp.zeros_like(weight)

    def change(weight, mean, square):
        new, *rest = adam(SETTINGS, weight, mean, square, gradient, jnp.array(1), RATE, gradient)
        return new - weight, *rest

    donated = jax.jit(change, donate_argnums=(0, 1, 2))
    # The first step of Adam is the rate itself, away from the gradient.
    found, *_ = donated(*(jnp.array(a, copy=True) for a in (weight, zeros, zeros)))
    npt.assert_allclose(found, -0.01 * np.sign(gradient), atol=1e-4)


@pytest.mark.usefixtures("version")
def test_vmap_equals_one_after_the_other():
    weight, mean, square = draw(0, 3, 31, 29), draw(1, 3, 31, 29), draw(2, 3, 31, 29) ** 2
    gradient = draw(5, 3, 31, 29)
    numbers, rates = jnp.array([1, 5, 900]), jnp.array([0.01, 0.02, 0.05])
    run = partial(adam, SETTINGS)
    mapped = jax.jit(jax.vmap(run))(weight, mean, square, gradient, numbers, rates, weight)
    # The members' step in common, and nothing else, is what an ensemble in training has.
    in_step = jax.jit(jax.vmap(run, (0, 0, 0, 0, None, None, 0)))(
        weight, mean, square, gradient, numbers[1], rates[1], weight
    )
    one = jax.jit(run)
    for i in range(3):
        member = [a[i] for a in (weight, mean, square)]
        for at, found in ((i, mapped), (1, in_step)):
            expected = one(*member, gradient[i], numbers[at], rates[at], member[0])
            for mine, theirs in zip(found, expected, strict=True):
                npt.assert_allclose(mine[i], theirs, rtol=1e-5, atol=1e-6)
