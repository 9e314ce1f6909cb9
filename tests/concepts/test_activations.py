"""Activations against Keras, their slopes against differences and JAX."""

import jax
import numpy as np
import numpy.testing as npt
import pytest

from stormlens import concepts
from stormlens.errors import InputError
from stormlens.models._keras import import_keras

Z = np.array([-800.0, -5.0, -1.0, -0.2, 0.2, 1.0, 5.0, 800.0])
CURVES = [name for name in concepts.ACTIVATIONS if name != "softmax"]
KERAS_ARGUMENTS = {"leaky_relu": {"negative_slope": 0.01}, "gelu": {"approximate": False}}


@pytest.mark.parametrize("name", concepts.ACTIVATIONS)
def test_values_are_those_of_keras(name):
    keras = import_keras()
    function = getattr(keras.activations, name)
    # Keras's softmax takes a batch.
    z = Z.astype("float32")[None]
    expected = np.asarray(function(z, **KERAS_ARGUMENTS.get(name, {})))
    npt.assert_allclose(concepts.ACTIVATIONS[name].function(z), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CURVES)
def test_slopes_are_those_that_keras_learns_by(name):
    keras = import_keras()
    function = getattr(keras.activations, name)
    slope = jax.vmap(jax.grad(lambda z: function(z, **KERAS_ARGUMENTS.get(name, {}))))
    npt.assert_allclose(concepts.derivative(name, Z), slope(Z.astype("float32")), atol=1e-5)


@pytest.mark.parametrize("name", CURVES)
def test_slopes_are_what_differences_give(name):
    function = concepts.ACTIVATIONS[name].function
    step = 1e-6
    differences = (function(Z + step) - function(Z - step)) / (2 * step)
    npt.assert_allclose(concepts.derivative(name, Z), differences, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_the_slope_at_a_corner_is_that_of_its_left_side(name):
    left = concepts.derivative(name, -1.0)
    assert concepts.derivative(name, 0.0) == left


@pytest.mark.slow
def test_the_softmax_jacobian_is_that_of_jax():
    z = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 3.0]], np.float32)
    expected = jax.vmap(jax.jacobian(jax.nn.softmax))(z)
    npt.assert_allclose(concepts.derivative("softmax", z), expected, atol=1e-6)
    npt.assert_allclose(concepts.derivative("softmax", z).sum(-1), 0, atol=1e-12)


def test_softmax_of_logarithms_gives_their_shares():
    npt.assert_allclose(concepts.softmax(np.log([2.0, 3.0, 5.0])), [0.2, 0.3, 0.5])
    npt.assert_allclose(concepts.softmax([1000.0, 1000.0]), [0.5, 0.5])


def test_an_unknown_activation_gets_the_nearest():
    with pytest.raises(InputError, match=r"Unknown activation 'rellu'\. Did you mean 'relu'"):
        concepts.derivative("rellu", 0)
