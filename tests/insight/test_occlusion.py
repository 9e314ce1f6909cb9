"""Occlusion equals wiping out each square by hand and asking the classifier again."""

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
SIZE = 19


@pytest.fixture(scope="module")
def classifier():
    """The score of the first mode is always 0, so that probabilities tell the second's."""
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Conv2D(3, 3, **ZEROS, activation="relu"),
            layers.MaxPooling2D(3),
            layers.Flatten(),
            layers.Dense(2, **ZEROS, activation="softmax"),
        ]
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.2, array.shape) for array in model.get_weights()])
    output = model.layers[-1]
    output.set_weights([array * np.array([0.0, 1.0]) for array in output.get_weights()])
    return Classifier(model, "test", ("Cellular", "QLCS"), 1.0, 73.0)


def boxes(n=2):
    images = np.random.default_rng(0).integers(0, 75, (n, SIZE, SIZE)).astype(np.uint8)
    return make_dataset(images, source="test")


def score(classifier, images):
    chance = classifier.predict(make_dataset(images, source="test"))["probability"].values
    return np.log(chance[:, 1].astype(float) / chance[:, 0])


def by_brute_force(classifier, image, patch, starts, fill):
    whole = score(classifier, image[None])[0]
    losses = [[[] for _ in range(SIZE)] for _ in range(SIZE)]
    for top in starts:
        for left in starts:
            wiped = image.copy()
            wiped[top : top + patch, left : left + patch] = fill
            loss = whole - score(classifier, wiped[None])[0]
            for row in range(top, top + patch):
                for column in range(left, left + patch):
                    losses[row][column].append(loss)
    return np.array([[np.mean(each) for each in row] for row in losses])


@pytest.mark.parametrize(
    ("patch", "stride", "starts", "fill"),
    [(7, 4, (0, 4, 8, 12), 0), (8, 8, (0, 8, 11), 20), (SIZE, 5, (0,), 0)],
    ids=["steps fit", "last step is cut short", "one square"],
)
def test_occlusion_is_the_mean_loss_of_all_squares_over_a_pixel(
    classifier, patch, stride, starts, fill
):
    dataset = boxes()
    explained = insight.occlusion(
        classifier, dataset, "QLCS", patch=patch, stride=stride, fill=fill
    )
    for map_, image in zip(explained["attribution"], dataset["reflectivity"].values, strict=True):
        due = by_brute_force(classifier, image, patch, starts, fill)
        npt.assert_allclose(map_, due, atol=2e-4)
    assert explained["attribution"].attrs["units"] == "score"
    assert explained.attrs["patch"] == patch


def test_where_there_is_no_echo_nothing_is_lost(classifier):
    image = np.zeros((1, SIZE, SIZE), np.uint8)
    image[:, 12:15, 12:15] = 60
    explained = insight.occlusion(
        classifier, make_dataset(image, source="test"), "QLCS", patch=3, stride=3
    )
    npt.assert_allclose(explained["attribution"][0, :12, :12], 0, atol=1e-6)
    assert abs(explained["attribution"][0, 12:15, 12:15]).max() > 0.01


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"patch": 20}, "patch of 20 pixels does not fit a box of 19 x 19; give 1 to 19"),
        ({"patch": 0}, "give 1 to 19"),
        ({"patch": 4, "stride": 5}, "stride 5 leaves pixels out that no patch of 4 covers"),
        ({"stride": 0}, "give 1 to 16"),
        ({"fill": np.nan}, "fill nan is no reflectivity"),
    ],
)
def test_bad_squares_get_their_sentence(classifier, options, sentence):
    with pytest.raises(InputError, match=sentence):
        insight.occlusion(classifier, boxes(), **options)
