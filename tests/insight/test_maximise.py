"""What a unit wants: known in closed form for linear ones, within 0 to 80 dBZ for all."""

import numpy as np
import numpy.testing as npt
import pytest
from scipy.signal import correlate2d

from stormlens import insight
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.insight._maximise import _draws
from stormlens.models import Classifier
from stormlens.models._keras import import_keras

keras = import_keras()
layers = keras.layers

ZEROS = {"kernel_initializer": "zeros"}  # Keras compiles a program for each shape it draws
SIZE, NAMES = 16, ("Cellular", "QLCS", "Tropical")
FREE = {"echo_cost": 0.0, "jump_cost": 0.0}


@pytest.fixture(scope="module")
def classifier():
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Conv2D(3, 3, **ZEROS, activation="relu", name="conv"),
            layers.MaxPooling2D(2),
            layers.Flatten(name="flat"),
            layers.Dense(5, **ZEROS, activation="relu", name="hidden"),
            layers.Dense(3, **ZEROS, activation="softmax", name="answer"),
        ]
    )
    rng = np.random.default_rng(2)
    shapes = [array.shape for array in model.get_weights()]  # biases of 0 leave all units awake
    model.set_weights([rng.normal(0, 0.3, shape) * (len(shape) > 1) for shape in shapes])
    return Classifier(model, "test", NAMES, 2.0, 72.0, {"training_simulated": True})


@pytest.fixture(scope="module")
def linear():
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Flatten(),
            layers.Dense(3, **ZEROS, activation="softmax"),
        ]
    )
    rng = np.random.default_rng(2)
    model.set_weights([rng.choice([-1.0, 1.0], (SIZE * SIZE, 3)), np.zeros(3)])
    return Classifier(model, "test", NAMES)


def test_a_linear_mode_wants_echo_where_its_weights_are_positive(linear):
    box = insight.maximise(linear, "QLCS", jitter=0, **FREE)
    weights = linear.model.get_weights()[0][:, 1].reshape(SIZE, SIZE)
    npt.assert_array_equal(box, np.where(weights > 0, 80, 0))
    assert box.attrs["response"] == pytest.approx((weights > 0).sum(), rel=1e-5)


def test_each_step_turns_its_shift_back_and_the_end_is_in_whole_dbz(linear):
    steps = 7
    box, shifts = _draws((SIZE, SIZE), steps, 4, 3)
    assert np.abs(shifts).max() > 0
    # Weights of 1 and -1 are a gradient whose root mean square is 1.
    weights = linear.model.get_weights()[0][:, 0].reshape(SIZE, SIZE)
    for shift, length in zip(shifts, np.geomspace(2, 0.2, steps), strict=True):
        box = np.clip(box + length * np.roll(weights, -shift, (0, 1)), 0, 80)
    assert np.abs(box % 1 - 0.5).min() > 1e-4  # none is rounded by a hair
    found = insight.maximise(linear, "Cellular", steps=steps, seed=3, rate=2.0, jitter=4, **FREE)
    npt.assert_array_equal(found, np.rint(box))


def test_a_filters_response_is_the_mean_of_its_map_before_the_activation(classifier):
    box = insight.maximise(classifier, 1, steps=40)
    kernel, bias = classifier.model.layers[0].get_weights()
    scaled = (box.values.astype(float) - 2) / 70
    map_ = correlate2d(scaled, kernel[:, :, 0, 1], "valid") + bias[1]
    due = np.where(map_ > 0, map_, 0.1 * map_).mean()
    assert box.attrs["response"] == pytest.approx(due, rel=1e-4)


@pytest.mark.slow
def test_a_modes_response_is_its_score(classifier):
    box = insight.maximise(classifier, "Tropical", steps=40)
    dataset = make_dataset(box.values[None], source="test")
    score = float(insight.gradient(classifier, dataset, "Tropical")["score"][0])
    assert box.attrs["response"] == pytest.approx(score, rel=1e-4)
    assert box.attrs["layer"] == "answer"
    by_number = insight.maximise(classifier, 2, "answer", steps=40)
    npt.assert_array_equal(by_number, box)


@pytest.mark.parametrize("target", [("QLCS", None), (0, "conv"), (1, "hidden"), (2, 0)])
def test_boxes_are_reflectivity_and_answered_more_strongly_than_noise(classifier, target):
    box = insight.maximise(classifier, *target, steps=40, **FREE)
    assert box.dtype == np.uint8
    assert box.dims == ("y", "x")
    assert box.max() <= 80
    assert box.attrs["response"] > box.attrs["start"]
    assert box.attrs["simulated_training"] == 1
    npt.assert_allclose(box["x"][:2], [1.875, 5.625])


def test_a_box_repeats_by_its_seed(classifier):
    first, again, other = (
        insight.maximise(classifier, "QLCS", steps=40, seed=seed) for seed in (1, 1, 2)
    )
    npt.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_costs_take_echo_and_jumps_away(classifier):
    free = insight.maximise(classifier, "QLCS", steps=40, **FREE).astype(float)
    dear = insight.maximise(classifier, "QLCS", steps=40, echo_cost=0.5, jump_cost=0.0)
    calm = insight.maximise(classifier, "QLCS", steps=40, echo_cost=0.0, jump_cost=1.0)
    assert dear.astype(float).mean() < free.mean()
    assert abs(calm.astype(float).diff("x")).mean() < 0.8 * abs(free.diff("x")).mean()


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (("QLSC",), "Unknown mode 'QLSC'. Did you mean 'QLCS'"),
        (("QLCS", "conv"), "Modes are units of the output layer, not of 'conv'"),
        ((3, "conv"), "has no filter or unit 3; they go from 0 to 2"),
        ((0, "konv"), "Did you mean 'conv'"),
        ((0, None, 0), "0 steps lead nowhere"),
    ],
)
def test_units_that_do_not_exist_get_their_sentence(classifier, ask, sentence):
    with pytest.raises(InputError, match=sentence):
        insight.maximise(classifier, *ask)


def test_bad_costs_and_networks_without_convolution_get_their_sentence(classifier, linear):
    with pytest.raises(InputError, match="echo_cost is -1; give a number of 0 or more"):
        insight.maximise(classifier, 0, echo_cost=-1)
    with pytest.raises(InputError, match="no convolutional layer, which maximise without a layer"):
        insight.maximise(linear, 0)
