"""Gradients equal those worked by hand, by Keras on JAX, and by finite differences."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest

from stormlens import insight
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.models._keras import import_keras

keras = import_keras()
layers = keras.layers

ZEROS = {"kernel_initializer": "zeros"}  # Keras compiles a program for each shape it draws
SIZE, LOW, HIGH = 18, 2.0, 74.0
NAMES = ("Cellular", "QLCS", "Tropical")
SPAN = HIGH - LOW


def boxes(n=2, **options):
    images = np.random.default_rng(0).integers(0, 75, (n, SIZE, SIZE)).astype(np.uint8)
    return make_dataset(images, source="test", **options)


def wrap(model, **provenance):
    return Classifier(model, "test", NAMES, LOW, HIGH, provenance)


def drawn(model, spread=0.3):
    """The model with weights drawn here."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, spread, array.shape) for array in model.get_weights()])
    return model


def image():
    return keras.Input((SIZE, SIZE, 1))


@cache
def linear():
    """Dense alone: its score's gradient is a column of its kernel."""
    output = layers.Dense(3, **ZEROS, activation="softmax")
    return wrap(drawn(keras.Sequential([image(), layers.Flatten(), output]), 0.05)), output


def column(output, code):
    return np.asarray(output.kernel.value)[:, code].reshape(SIZE, SIZE)


@cache
def chain(activation="relu"):
    return drawn(
        keras.Sequential(
            [
                image(),
                layers.Conv2D(4, 3, **ZEROS, activation=activation),
                layers.SpatialDropout2D(0.3),
                layers.MaxPooling2D(2) if activation == "relu" else layers.AveragePooling2D(2),
                layers.Flatten(),
                layers.Dense(8, **ZEROS, activation=activation),
                layers.Dense(3, **ZEROS, activation="softmax"),
            ]
        ),
        0.15,
    )


def branched():
    taken = image()
    left = layers.MaxPooling2D(3)(layers.Conv2D(2, 3, **ZEROS, activation="relu")(taken))
    right = layers.AveragePooling2D(3)(layers.Conv2D(2, 3, **ZEROS, activation="tanh")(taken))
    both = layers.Flatten()(layers.Concatenate()([left, right]))
    return drawn(keras.Model(taken, layers.Dense(3, **ZEROS, activation="softmax")(both)))


def nested():
    convolution = layers.Conv2D(3, 3, **ZEROS, activation="relu")
    body = keras.Sequential([convolution, layers.MaxPooling2D(2)])
    tail = keras.Sequential([layers.Flatten(), layers.Dense(3, **ZEROS, activation="softmax")])
    return drawn(keras.Sequential([image(), body, tail]), 0.1)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.flat = layers.Flatten()
        self.dense = layers.Dense(3, **ZEROS, activation="softmax")

    def call(self, inputs):
        return self.dense(self.flat(inputs))


def log_odds(model, images, code, other):
    """Score of one mode less another's, by Keras alone: log p_code - log p_other."""
    trainable = [v.value for v in model.trainable_variables]
    rest = [v.value for v in model.non_trainable_variables]
    scaled = ((images - LOW) / SPAN)[..., None]
    given, _ = model.stateless_call(trainable, rest, scaled, training=False)
    return (jnp.log(given[:, code]) - jnp.log(given[:, other])).sum()


def keras_gradient(model, images, code, other):
    return jax.jit(jax.grad(lambda raw: log_odds(model, raw, code, other)))(images)


def test_linear_network_is_explained_by_its_weights():
    classifier, output = linear()
    dataset = boxes()
    explained = insight.gradient(classifier, dataset, "QLCS")
    for map_ in explained["attribution"].values:
        npt.assert_allclose(map_, column(output, 1) / SPAN, rtol=1e-4, atol=1e-8)
    assert explained["attribution"].attrs["units"] == "score per dBZ"
    assert explained.attrs["explains"] == "score before the softmax"


def test_linear_network_integrates_to_weight_times_value():
    classifier, output = linear()
    dataset = boxes()
    explained = insight.integrated_gradients(classifier, dataset, "QLCS")
    values = dataset["reflectivity"].values.astype(float)
    due = column(output, 1) * values / SPAN
    npt.assert_allclose(explained["attribution"], due, rtol=1e-4, atol=1e-7)
    npt.assert_allclose(explained["residual"], 0, atol=1e-4)
    gained = explained["score"] - explained["baseline_score"]
    npt.assert_allclose(gained, due.sum((1, 2)), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("make", [chain, branched, nested], ids=lambda make: make.__name__)
def test_gradients_are_keras_own(make):
    model = make()
    dataset = boxes(2)
    first, second = (insight.gradient(wrap(model), dataset, mode) for mode in (0, 2))
    ours = first["attribution"].values - second["attribution"].values
    due = keras_gradient(model, dataset["reflectivity"].values.astype(np.float32), 0, 2)
    npt.assert_allclose(ours, due, rtol=1e-3, atol=1e-7)


def test_gradient_is_what_finite_differences_find():
    classifier = wrap(chain("tanh"))
    dataset = boxes(1)
    explained = insight.gradient(classifier, dataset, "Tropical")
    raw = dataset["reflectivity"].values.copy()
    for row, column_ in ((0, 0), (9, 7), (16, 3)):
        scores = []
        for value in (30, 34):
            raw[0, row, column_] = value
            moved = make_dataset(raw, source="test")
            scores.append(float(insight.gradient(classifier, moved, "Tropical")["score"][0]))
        raw[0, row, column_] = 32
        found = insight.gradient(classifier, make_dataset(raw, source="test"), "Tropical")
        slope = float(found["attribution"][0, row, column_])
        assert (scores[1] - scores[0]) / 4 == pytest.approx(slope, rel=0.03, abs=2e-6)
    assert explained["attribution"].dtype == np.float32


def closing(ending):
    """A network that ends in a softmax, in each way in which Keras can say so."""
    dense = layers.Dense(3, **ZEROS, use_bias=False)
    if ending == "operation":
        taken = image()
        return keras.Model(taken, keras.ops.softmax(dense(layers.Flatten()(taken))))
    ends = {
        "dense": [layers.Dense(3, **ZEROS, activation="softmax", use_bias=False)],
        "activation": [dense, layers.Activation("softmax")],
        "layer": [dense, layers.Softmax()],
    }
    return keras.Sequential([image(), layers.Flatten(), *ends[ending]])


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["dense", "activation", "layer", "operation"])
def test_every_way_to_end_in_a_softmax_is_explained_by_its_scores(ending):
    model = closing(ending)
    kernel = np.random.default_rng(1).normal(size=(SIZE * SIZE, 3)).astype(np.float32)
    model.set_weights([kernel])
    dataset = boxes(1)
    explained = insight.gradient(wrap(model), dataset, "Cellular")
    assert explained.attrs["explains"] == "score before the softmax"
    due = kernel[:, 0].reshape(SIZE, SIZE) / SPAN
    npt.assert_allclose(explained["attribution"][0], due, rtol=1e-4, atol=1e-7)
    scaled = (dataset["reflectivity"].values.reshape(1, -1).astype(float) - LOW) / SPAN
    npt.assert_allclose(explained["score"], scaled @ kernel[:, 0], rtol=1e-4, atol=1e-4)


def without_closing_softmax():
    dense = layers.Dense(3, **ZEROS, activation="softmax")
    model = keras.Sequential([image(), layers.Flatten(), dense, layers.Reshape((3,))])
    return drawn(model, 0.05)


def subclassed_inside():
    taken = image()
    return drawn(keras.Model(taken, Subclassed()(taken)), 0.05)


@pytest.mark.parametrize("make", [without_closing_softmax, subclassed_inside])
def test_other_networks_are_explained_by_their_log_probability(make):
    classifier, dataset = wrap(make()), boxes(2)
    explained = insight.gradient(classifier, dataset, "QLCS")
    assert explained.attrs["explains"] == "log probability"
    chance = classifier.predict(dataset)["probability"][:, 1]
    npt.assert_allclose(explained["score"], np.log(chance), rtol=1e-4)
    npt.assert_allclose(explained["probability"], chance, rtol=1e-4)
    assert float(abs(explained["attribution"]).max()) > 0


def test_the_answer_is_explained_unless_told_and_the_network_left_as_it_was():
    classifier, dataset = wrap(chain()), boxes()
    before = classifier.model.get_weights()
    answers = classifier.predict(dataset)["probability"].argmax("mode").values
    for method in ("gradient", "smoothgrad", "integrated-gradients", "grad-cam", "occlusion"):
        explained = insight.explain(classifier, dataset, method)
        assert explained["mode"].values.tolist() == [NAMES[code] for code in answers]
        assert explained.attrs["method"] == method
        assert explained["attribution"].dims == ("storm", "y", "x")
    for old, new in zip(before, classifier.model.get_weights(), strict=True):
        npt.assert_array_equal(old, new)
    assert classifier.model.layers[-1].activation is keras.activations.softmax
    one_each = insight.gradient(classifier, dataset, [NAMES[code] for code in answers])
    npt.assert_array_equal(
        one_each["attribution"], insight.gradient(classifier, dataset)["attribution"]
    )


def test_a_storms_map_does_not_depend_on_its_company():
    classifier, dataset = wrap(chain()), boxes(21)
    for method in ("gradient", "smoothgrad"):
        together = insight.explain(classifier, dataset, method, 1)
        alone = insight.explain(classifier, dataset.isel(storm=[20]), method, 1)
        npt.assert_allclose(
            together["attribution"][20], alone["attribution"][0], rtol=1e-4, atol=1e-7
        )


def test_explanations_keep_the_storm_and_say_what_was_made_up():
    classifier = wrap(chain(), training_simulated=True)
    dataset = boxes(2, simulated=True, latitude=[30.0, 40.0])
    explained = insight.gradient(classifier, dataset)
    assert explained["latitude"].values.tolist() == [30.0, 40.0]
    assert explained["unid"].values.tolist() == dataset["unid"].values.tolist()
    npt.assert_array_equal(explained["x"], dataset["x"])
    assert explained.attrs["simulated"] == explained.attrs["simulated_training"] == 1


def test_images_without_reflectivity_are_explained_per_unit():
    explained = insight.gradient(linear()[0], boxes(1, units="1"))
    assert explained["attribution"].attrs["units"] == "score per unit"


def test_weights_are_taken_as_they_are_now():
    classifier, output = linear()
    before, kernel = insight.gradient(classifier, boxes(1), 0), output.kernel.numpy()
    output.kernel.assign(2 * kernel)
    after = insight.gradient(classifier, boxes(1), 0)
    output.kernel.assign(kernel)
    npt.assert_allclose(after["attribution"], 2 * before["attribution"], rtol=1e-3, atol=1e-7)


def test_smoothgrad_averages_gradients_of_noisy_copies():
    classifier, dataset = wrap(chain()), boxes(1)
    explained = insight.smoothgrad(classifier, dataset, 0, samples=3, noise=0.2, seed=5)
    raw = dataset["reflectivity"].values[0].astype(np.float32)
    draws = np.random.default_rng(5).standard_normal((3, SIZE, SIZE), np.float32)
    due = keras_gradient(classifier.model, raw + 0.2 * np.ptp(raw) * draws, 0, 2).mean(0)
    other = insight.smoothgrad(classifier, dataset, 2, samples=3, noise=0.2, seed=5)
    ours = explained["attribution"][0] - other["attribution"][0]
    npt.assert_allclose(ours, due, rtol=2e-3, atol=1e-6)


def test_smoothgrad_repeats_by_its_seed_and_without_noise_is_the_gradient():
    classifier, dataset = wrap(chain()), boxes(2)
    first, again, other = (
        insight.explain(classifier, dataset, "smoothgrad", 0, seed, samples=4)["attribution"]
        for seed in (1, 1, 2)
    )
    npt.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    plain = insight.gradient(classifier, dataset, 0)["attribution"]
    still = insight.smoothgrad(classifier, dataset, 0, samples=2, noise=0)["attribution"]
    npt.assert_allclose(still, plain, rtol=1e-4, atol=1e-8)


def test_integrated_gradients_add_up_to_the_score_gained():
    classifier, dataset = wrap(chain()), boxes(6)
    explained = insight.integrated_gradients(classifier, dataset)
    gained = explained["score"] - explained["baseline_score"]
    added = explained["attribution"].astype(float).sum(("y", "x"))
    npt.assert_allclose(added, gained, rtol=0.01)
    npt.assert_allclose(abs(added - gained) / abs(gained), explained["residual"], atol=1e-4)


def kinked(threshold, slope):
    """Score of mode 0: relu(100 (m - threshold)) - slope m, m the box's scaled mean."""
    model = keras.Sequential(
        [
            image(),
            layers.Flatten(),
            layers.Dense(2, **ZEROS, activation="relu"),
            layers.Dense(3, **ZEROS, activation="softmax"),
        ]
    )
    mean = np.full(SIZE * SIZE, 1 / SIZE**2)
    model.set_weights(
        [
            np.stack([100 * mean, mean], 1),
            np.array([-100 * threshold, 0]),
            np.array([[1, 0, 0], [-slope, 0, 0]]),
            np.zeros(3),
        ]
    )
    return Classifier(model, "test", NAMES, 0.0, 50.0)


def full_box():
    return make_dataset(np.full((1, SIZE, SIZE), 50, np.uint8), source="test")


def test_steps_are_refined_until_the_map_adds_up():
    # 48 steps put the bend at 24/48 instead of 0.505: half a point of a gain of 8.5.
    explained = insight.integrated_gradients(kinked(0.505, 41), full_box(), 0)
    assert int(explained["steps"][0]) in (144, 432)
    assert float(explained["residual"][0]) <= 0.01


def test_refinement_is_bounded_and_the_residual_reported():
    explained = insight.integrated_gradients(kinked(0.5021, 49.7), full_box(), 0, most_steps=200)
    assert int(explained["steps"][0]) == 144
    assert float(explained["residual"][0]) > 0.01


def test_a_box_that_equals_the_baseline_is_not_explained():
    empty = make_dataset(np.zeros((1, SIZE, SIZE), np.uint8), source="test")
    explained = insight.integrated_gradients(wrap(chain()), empty)
    assert not explained["attribution"].any()
    assert float(explained["residual"][0]) == 0


def test_any_box_can_be_the_baseline():
    classifier, output = linear()
    dataset = boxes(1)
    baseline = np.full((SIZE, SIZE), 20.0)
    explained = insight.integrated_gradients(classifier, dataset, 0, baseline=baseline)
    due = column(output, 0) * (dataset["reflectivity"].values[0] - 20.0) / SPAN
    npt.assert_allclose(explained["attribution"][0], due, rtol=1e-4, atol=1e-7)
    assert explained.attrs["baseline"] == "given"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda c, d: insight.explain(c, d, "gradcam"), "Did you mean 'grad-cam'"),
        (lambda c, d: insight.explain(c, d, "gradient", patch=3), "takes no option 'patch'"),
        (lambda c, d: insight.explain(c, d, "occlusion", layer=1), "it takes patch, stride, fill"),
        (lambda c, d: insight.gradient(c, d, "Tropicl"), "Did you mean 'Tropical'"),
        (lambda c, d: insight.gradient(c, d, 3), "codes run from 0 to 2"),
        (lambda c, d: insight.gradient(c, d, ["QLCS"]), "1 modes for 2 boxes"),
        (lambda c, d: insight.gradient(c.model, d), "wrap it as"),
        (lambda c, d: insight.gradient(c, d["reflectivity"]), "without reflectivity"),
        (lambda c, d: insight.smoothgrad(c, d, samples=0), "at least 1 sample"),
        (lambda c, d: insight.smoothgrad(c, d, noise=-1), "noise of 0 or more"),
        (lambda c, d: insight.integrated_gradients(c, d, most_steps=5), "at least 48 steps"),
        (lambda c, d: insight.integrated_gradients(c, d, baseline=[1.0]), "must be one number"),
    ],
)
def test_bad_input_gets_its_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call(linear()[0], boxes())
