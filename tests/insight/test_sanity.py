"""Random weights must change a map (Adebayo et al. 2018), and the check finds maps that stay."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from scipy.stats import spearmanr

from stormlens import insight
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.models._keras import import_keras

keras = import_keras()
layers = keras.layers

ZEROS = {"kernel_initializer": "zeros"}  # Keras compiles a program for each shape it draws
SIZE = 24
NAMES = ("Cellular", "QLCS", "Tropical")


@jax.custom_vjp
def _guided(values):
    return jnp.maximum(values, 0)


_guided.defvjp(
    lambda values: (_guided(values), values),
    lambda values, gradient: (jnp.where((values > 0) & (gradient > 0), gradient, 0),),
)


@keras.saving.register_keras_serializable()
def guided_relu(values):
    """ReLU whose gradient drops what speaks against: guided backpropagation."""
    return _guided(values)


def network(activation="relu"):
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Conv2D(6, 3, **ZEROS, activation=activation, name="first"),
            layers.Conv2D(6, 3, **ZEROS, activation=activation, name="second"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(12, **ZEROS, activation=activation, name="hidden"),
            layers.Dropout(0.5),
            layers.Dense(3, **ZEROS, activation="softmax", name="answer"),
        ]
    )
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(0, 0.3, array.shape) for array in model.get_weights()])
    return Classifier(model, "test", NAMES, provenance={"training_simulated": True})


@pytest.fixture(scope="module")
def classifier():
    return network()


def boxes():
    y, x = np.mgrid[:SIZE, :SIZE]
    cells = [70 * np.exp(-((y - 8 - 2 * i) ** 2 + (x - 10) ** 2) / 30) for i in range(3)]
    noise = np.random.default_rng(0).integers(0, 5, (3, SIZE, SIZE))
    return make_dataset((np.stack(cells) + noise).astype(np.uint8), source="test")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["gradient", "smoothgrad", "integrated-gradients"])
def test_random_weights_change_the_map(classifier, method):
    left = insight.sanity_check(classifier, boxes(), method, "Cellular")
    assert left.dims == ("layers", "storm")
    assert left["layers"].values.tolist() == [0, 1, 2, 3, 4]
    npt.assert_allclose(left[0], 1)
    assert (left[1:].mean("storm") < 0.4).all()
    assert (abs(left[2:]) < 0.3).all()


@pytest.mark.slow
def test_a_guided_gradient_hardly_changes_and_is_not_used(classifier):
    """It shows edges whatever was learnt; the check tells it from the gradient."""
    guided = insight.sanity_check(network(guided_relu), boxes(), "gradient", "Cellular")
    assert (guided[1:4] > 0.4).all()
    plain = insight.gradient(classifier, boxes(), "Cellular")["attribution"]
    trick = insight.gradient(network(guided_relu), boxes(), "Cellular")["attribution"]
    assert not np.allclose(plain, trick, atol=1e-3)


def test_layers_become_random_from_the_output_backwards(classifier):
    before = {variable.path: variable.numpy() for variable in classifier.model.weights}
    copy = insight.randomised(classifier, 2, seed=3)
    changed = {
        layer.name
        for layer, own in zip(copy.model.layers, classifier.model.layers, strict=True)
        if any(
            not np.array_equal(new, old)
            for new, old in zip(layer.get_weights(), own.get_weights(), strict=True)
        )
    }
    assert changed == {"hidden", "answer"}
    for variable in classifier.model.weights:
        npt.assert_array_equal(variable.numpy(), before[variable.path])
    assert copy.provenance["randomised_layers"] == 2
    assert copy.trained_on_simulated


def test_random_weights_have_glorots_spread_and_vectors_are_shuffled(classifier):
    copy = insight.randomised(classifier)
    kernel, bias = copy.model.get_layer("second").get_weights()
    limit = np.sqrt(6 / (9 * (6 + 6)))
    assert abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    own = classifier.model.get_layer("second").get_weights()[1]
    npt.assert_array_equal(np.sort(bias), np.sort(own))


def test_random_weights_repeat_by_their_seed(classifier):
    first, again, other = (
        insight.randomised(classifier, seed=seed).model.get_weights()[0] for seed in (1, 1, 2)
    )
    npt.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    first, second = (
        xr.DataArray(rng.integers(0, 9, (2, 5, 6)), dims=("storm", "y", "x")) for _ in range(2)
    )
    due = [
        spearmanr(a.ravel(), b.ravel()).statistic
        for a, b in zip(first.values, second.values, strict=True)
    ]
    npt.assert_allclose(insight.rank_correlation(first, second), due)
    assert np.isnan(insight.rank_correlation(first, first * 0)).all()


class Subclassed(keras.Model):
    def __init__(self, width):
        super().__init__()
        self.flat = layers.Flatten()
        self.dense = layers.Dense(width, **ZEROS, activation="softmax")

    def call(self, inputs):
        return self.dense(self.flat(inputs))


def test_what_cannot_be_made_random_or_compared_gets_its_sentence(classifier):
    with pytest.raises(InputError, match="has 4 layers with weights; 5 of them cannot"):
        insight.randomised(classifier, 5)
    taken = keras.Input((SIZE, SIZE, 1))
    inside = keras.Model(taken, Subclassed(3)(taken))
    with pytest.raises(InputError, match="cannot be copied by Keras"):
        insight.randomised(Classifier(inside, "test", NAMES))
    maps = insight.gradient(classifier, boxes())["attribution"]
    with pytest.raises(InputError, match="cannot be compared"):
        insight.rank_correlation(maps, maps[:1])
