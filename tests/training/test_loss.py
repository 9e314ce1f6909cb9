import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from scipy import stats

from stormlens.models import fuse
from stormlens.models._keras import import_keras
from stormlens.training import Recipe
from stormlens.training._loss import Mixture, cross_entropy, losses
from stormlens.training._optimise import make_optimiser
from stormlens.training._step import State, Totals, make_step

pytestmark = pytest.mark.usefixtures("fixed_start")

keras = import_keras()
CODES = np.array([0, 2, 1, 1, 2])


def log_probabilities(seed=0):
    return jax.nn.log_softmax(jax.random.normal(jax.random.key(seed), (len(CODES), 3)))


def keras_loss(targets, logits, smoothing):
    entropy = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction="none"
    )
    return entropy(targets, logits)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_smoothed_labels_cost_what_keras_says(smoothing):
    log_p = log_probabilities()
    expected = keras_loss(np.eye(3)[CODES], log_p, smoothing)
    npt.assert_allclose(cross_entropy(log_p, jnp.asarray(CODES), smoothing), expected, rtol=1e-5)


def test_a_mixture_costs_what_its_mixed_labels_cost():
    log_p, share = log_probabilities(), np.array([0.5, 0.6, 1.0, 0.75, 0.9])
    partner = np.array([1, 2, 3, 4, 0])
    mixture = Mixture(jnp.asarray(partner), jnp.asarray(share, jnp.float32))
    weights = jnp.array([1.0, 2.0, 5.0])
    plain, weighted = losses(log_p, jnp.asarray(CODES), weights, 0.1, mixture)
    one_hot = np.eye(3)[CODES]
    targets = share[:, None] * one_hot + (1 - share[:, None]) * one_hot[partner]
    npt.assert_allclose(plain, keras_loss(targets, log_p, 0.1), rtol=1e-5)
    own, other = (keras_loss(t, log_p, 0.1) for t in (one_hot, one_hot[partner]))
    by_hand = [
        share[i] * weights[CODES[i]] * own[i]
        + (1 - share[i]) * weights[CODES[partner[i]]] * other[i]
        for i in range(len(CODES))
    ]
    npt.assert_allclose(weighted, by_hand, rtol=1e-5)


@pytest.mark.slow
def test_shares_are_beta_distributed_with_the_larger_one_first():
    share = Mixture.draw(jax.random.key(0), 0.4, jnp.ones(4000, bool)).share
    # The larger of b and 1 - b lies below s where b lies between 1 - s and s.
    beta = stats.beta(0.4, 0.4)
    assert stats.kstest(share, lambda s: beta.cdf(s) - beta.cdf(1 - s)).pvalue > 0.01
    assert 0.5 <= share.min() < share.max() <= 1


@pytest.mark.slow
def test_each_sample_has_a_partner_that_is_present():
    present = jnp.arange(8) < 5
    partner = Mixture.draw(jax.random.key(0), 1.0, present).partner
    npt.assert_array_equal(partner[:5], [1, 2, 3, 4, 0])
    alone = Mixture.draw(jax.random.key(0), 1.0, jnp.arange(8) < 1).partner
    assert alone[0] == 0


@pytest.mark.slow
def test_a_step_on_mixed_images_and_smoothed_labels_follows_keras():
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(4, 3, activation="tanh"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    recipe = Recipe(
        "mixed", "x", optimiser="sgd", learning_rate=0.1, batch_size=8, mixup=0.5,
        label_smoothing=0.2,
    )  # fmt: skip
    images = np.random.default_rng(0).integers(0, 70, (5, 12, 12)).astype(np.uint8)
    bounds, key = (0.0, 70.0), jax.random.key(4)
    forward, optimiser = fuse(model, bounds), make_optimiser(recipe, 1)
    step = make_step(forward, recipe, bounds, jnp.ones(3), optimiser)
    weights = [jnp.array(w, copy=True) for w in forward.weights]
    order = jnp.array([3, 1, 4, 0, 2, 5, 5, 5])  # three of them padding
    state = State(weights, [], optimiser.init(weights), Totals.zero())
    after = step(state, jnp.asarray(images), jnp.asarray(CODES, jnp.int32), order, key, 0)

    mixture_key = jax.random.split(jax.random.fold_in(key, 0), 3)[2]
    share = np.asarray(Mixture.draw(mixture_key, 0.5, jnp.arange(8) < 5).share)[:5]
    chosen = np.array([3, 1, 4, 0, 2])
    pixels, targets = images[chosen][..., None] / 70.0, np.eye(3)[CODES[chosen]]
    mixed = [
        np.stack([s * a + (1 - s) * b for s, a, b in zip(share, v, np.roll(v, -1, 0), strict=True)])
        for v in (pixels, targets)
    ]

    def judge(weights):
        p, _ = model.stateless_call(weights, [], jnp.asarray(mixed[0], jnp.float32))
        entropy = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)
        return entropy(mixed[1].astype(np.float32), p)

    expected, gradients = jax.value_and_grad(judge)(forward.weights)
    npt.assert_allclose(after.totals.loss / 5, expected, rtol=1e-5)
    for new, old, gradient in zip(after.weights, forward.weights, gradients, strict=True):
        npt.assert_allclose(new, old - 0.1 * gradient, rtol=1e-4, atol=1e-6)
