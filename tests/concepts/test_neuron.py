"""A neuron against hand-worked sums and a Keras layer; the chapter's three patches."""

import numpy as np
import numpy.testing as npt
import pytest

from stormlens import concepts
from stormlens.errors import InputError
from stormlens.models._keras import import_keras


def test_the_chapters_question_relu_silences_what_linear_passes_on():
    inputs = (1.5, 0.5)  # -2 * 1.5 + 1 * 0.5 + 0.5 = -2
    answers = {
        name: concepts.Neuron((-2, 1), 0.5, name).activate(inputs) for name in ("relu", "linear")
    }
    assert answers == {"relu": 0.0, "linear": -2.0}


def test_many_inputs_at_once_equal_a_keras_layer():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(7, 3)), rng.normal(size=3)
    layer = import_keras().layers.Dense(1, activation="tanh")
    layer.build((None, 3))
    layer.set_weights([w[:, None], np.array([0.25])])
    npt.assert_allclose(
        concepts.Neuron(w, 0.25, "tanh").activate(x), np.asarray(layer(x))[:, 0], atol=1e-6
    )


def test_explain_shows_products_sum_and_answer():
    line = concepts.Neuron((1, -2), 0.5, "relu").explain((0, 1))
    assert line == "z = (1.00)(0.00) + (-2.00)(1.00) + (0.50) = -1.50; a = relu(-1.50) = 0.00"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"weights": (1, 1), "activation": "softmax"}, "take sigmoid"),
        ({"weights": (1, 1), "activation": "linea"}, "Did you mean 'linear'"),
        ({"weights": [[1, 1]]}, r"a row of weights, one an input, not shape \(1, 2\)"),
    ],
)
def test_what_does_not_make_a_neuron(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        concepts.Neuron(**arguments)


@pytest.mark.parametrize("inputs", [(1, 2, 3), 4.0])
def test_as_many_inputs_as_weights(inputs):
    with pytest.raises(InputError, match=r"with 2 weights takes 2 inputs, not [13]\."):
        concepts.Neuron((1, 1)).aggregate(inputs)


def test_the_chapters_patches_and_which_of_them_fire():
    pooled = {name: concepts.fires(patch) for name, patch in concepts.EXAMPLE_PATCHES.items()}
    assert {name: (each.pooled, each.z, each.a) for name, each in pooled.items()} == {
        "convection": (49, 9, 9),
        "stratiform": (25, -15, 0),
        "nothing": (9, -31, 0),
    }
    assert {patch.shape for patch in concepts.EXAMPLE_PATCHES.values()} == {(5, 5)}


def test_weight_and_bias_move_the_answer():
    assert concepts.fires([[20, 30]], threshold=40, weight=1.5, bias=2) == concepts.PatchResponse(
        30, 7, 7
    )


def test_an_empty_patch_has_no_maximum():
    with pytest.raises(InputError, match="no maximum; choose a place inside the box"):
        concepts.fires(np.empty((0, 5)))
