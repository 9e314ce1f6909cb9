"""Deletion and insertion curves equal those worked by hand, and tell good maps from bad."""

import numpy as np
import numpy.testing as npt
import pytest

from stormlens import insight
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.models._keras import import_keras

keras = import_keras()
SIDE = 8


@pytest.fixture(scope="module")
def classifier():
    """Mode "Yes" has the score sum(w x) / 80 - 1, mode "No" has 0."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Flatten(),
            layers.Dense(2, kernel_initializer="zeros", activation="softmax"),
        ]
    )
    model.set_weights([np.stack([0 * WEIGHTS, WEIGHTS], 1), np.array([0.0, -1.0])])
    return Classifier(model, "test", ("No", "Yes"), 0.0, 80.0)


WEIGHTS = np.random.default_rng(3).normal(0.1, 0.4, SIDE * SIDE)


def boxes():
    images = np.random.default_rng(0).integers(0, 75, (2, SIDE, SIDE)).astype(np.uint8)
    images[0, :4] = 0
    return make_dataset(images, source="test")


def chance(image):
    return 1 / (1 + np.exp(1 - WEIGHTS @ image.ravel() / 80.0))


def test_curves_are_those_worked_by_hand(classifier):
    dataset = boxes()
    explained = insight.integrated_gradients(classifier, dataset, "Yes")
    curves = insight.faithfulness(classifier, dataset, explained, steps=4)
    assert curves["share"].values.tolist() == [0, 0.25, 0.5, 0.75, 1]
    for storm, image in enumerate(dataset["reflectivity"].values):
        flat, gains = image.ravel().astype(float), WEIGHTS * image.ravel()
        echo = np.flatnonzero(flat)
        order = echo[np.argsort(-gains[echo])]
        deletion, insertion = [], []
        for quarter in range(5):
            chosen = order[: round(len(order) * quarter / 4)]
            without, within = flat.copy(), np.zeros_like(flat)
            without[chosen] = 0
            within[chosen] = flat[chosen]
            deletion.append(chance(without))
            insertion.append(chance(within))
        npt.assert_allclose(curves["deletion"][storm], deletion, rtol=1e-4)
        npt.assert_allclose(curves["insertion"][storm], insertion, rtol=1e-4)
        area = sum((a + b) / 8 for a, b in zip(deletion[1:], deletion[:-1], strict=True))
        assert float(curves["deletion_area"][storm]) == pytest.approx(area, rel=1e-4)


def test_a_good_map_beats_random_order_and_its_reverse_is_beaten(classifier):
    dataset = boxes()
    good = insight.integrated_gradients(classifier, dataset, "Yes")
    bad = good.assign(attribution=-good["attribution"])
    chances = insight.random_attribution(classifier, dataset, "Yes", seed=1)
    assert chances.attrs["method"] == "random"
    areas = [
        insight.faithfulness(classifier, dataset, explained) for explained in (good, chances, bad)
    ]
    assert (np.diff([each["deletion_area"] for each in areas], axis=0) > 0.01).all()
    assert (np.diff([each["insertion_area"] for each in areas], axis=0) < -0.01).all()


def test_curves_begin_and_end_at_the_whole_and_the_empty_box(classifier):
    dataset = boxes()
    explained = insight.gradient(classifier, dataset)
    curves = insight.faithfulness(classifier, dataset, explained, steps=3)
    whole = explained["probability"].values
    npt.assert_allclose(curves["deletion"][:, 0], whole, rtol=1e-5)
    npt.assert_allclose(curves["insertion"][:, -1], whole, rtol=1e-5)
    npt.assert_array_equal(curves["deletion"][:, -1], curves["insertion"][:, 0])
    assert curves["mode"].values.tolist() == explained["mode"].values.tolist()


def test_an_empty_box_stays_as_sure_as_it_is(classifier):
    empty = make_dataset(np.zeros((1, SIDE, SIDE), np.uint8), source="test")
    explained = insight.gradient(classifier, empty, "Yes")
    curves = insight.faithfulness(classifier, empty, explained)
    npt.assert_allclose(curves["deletion_area"], 1 / (1 + np.e), rtol=1e-5)


def test_pixels_of_equal_value_take_a_random_order_fixed_by_the_seed(classifier):
    dataset = boxes()
    flat = insight.gradient(classifier, dataset, "Yes")
    flat = flat.assign(attribution=flat["attribution"] * 0)
    first, again, other = (
        insight.faithfulness(classifier, dataset, flat, seed=seed)["deletion"] for seed in (1, 1, 2)
    )
    npt.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_random_order_repeats_by_its_seed(classifier):
    first, again, other = (
        insight.random_attribution(classifier, boxes(), seed=seed)["attribution"]
        for seed in (1, 1, 2)
    )
    npt.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_explanations_of_other_boxes_get_their_sentence(classifier):
    dataset = boxes()
    explained = insight.gradient(classifier, dataset)
    with pytest.raises(InputError, match="of 2 storms is not of the 1 boxes given"):
        insight.faithfulness(classifier, dataset.isel(storm=[0]), explained)
    with pytest.raises(InputError, match="in the same order"):
        insight.faithfulness(classifier, dataset.isel(storm=[1, 0]), explained)
    with pytest.raises(InputError, match="Dataset without attribution"):
        insight.faithfulness(classifier, dataset, dataset)
    with pytest.raises(InputError, match="at least 1 step, not 0"):
        insight.faithfulness(classifier, dataset, explained, steps=0)
