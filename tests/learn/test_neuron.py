"""The neuron answers its sliders with the sums of the chapter's exercise."""

import numpy as np
import numpy.testing as npt
import param
import pytest

from stormlens.learn import Neuron


def test_it_begins_as_the_chapters_widget():
    neuron = Neuron()
    assert (neuron.z, neuron.a) == (2, 2)
    assert "(1.0)(1.0) + (1.0)(1.0) + (0.0)" in neuron.words.object


def test_a_negative_sum_is_silenced_by_relu_and_passed_by_linear():
    neuron = Neuron()
    neuron.x1, neuron.w1, neuron.bias = -4.0, 2.0, 0.5  # -8 + 1 + 0.5
    assert (neuron.z, neuron.a) == (-6.5, 0)
    assert neuron.point.data == {"z": [-6.5], "a": [0.0]}
    neuron.activation = "linear"
    assert (neuron.z, neuron.a) == (-6.5, -6.5)
    assert neuron.point.data == {"z": [-6.5], "a": [-6.5]}
    assert "linear(-6.50) = <span class='big'>-6.50" in neuron.words.object


def test_the_curve_is_that_of_the_activation():
    neuron = Neuron(activation="tanh")
    npt.assert_allclose(neuron.curve.data["a"], np.tanh(neuron.curve.data["z"]))
    neuron.activation = "sigmoid"
    slope = np.gradient(neuron.curve.data["a"], neuron.curve.data["z"])
    npt.assert_allclose(neuron.curve.data["slope"], slope, atol=2e-3)


def test_the_ranges_are_the_chapters():
    bounds = {name: Neuron.param[name].bounds for name in ("x1", "x2", "w1", "w2", "bias")}
    assert bounds == dict.fromkeys(("x1", "x2"), (-5, 5)) | dict.fromkeys(
        ("w1", "w2", "bias"), (-3, 3)
    )
    with pytest.raises(ValueError, match="must be at most 5"):
        Neuron().x1 = 6
    assert isinstance(Neuron.param.activation, param.Selector)


def test_two_neurons_do_not_share_their_settings():
    first, second = Neuron(), Neuron()
    first.w1 = 3.0
    assert (second.w1, second.z) == (1.0, 2.0)
