"""Grad-CAM equals what theory gives for tiny networks, and lies where the storm lies."""

import jax
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
SIZE, NAMES = 20, ("Cellular", "QLCS")


def boxes(n=2):
    images = np.random.default_rng(0).integers(0, 75, (n, SIZE, SIZE)).astype(np.uint8)
    return make_dataset(images, source="test")


def wrap(model):
    return Classifier(model, "test", NAMES, 0.0, 80.0)


def image():
    return keras.Input((SIZE, SIZE, 1))


def drawn(model):
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.3, array.shape) for array in model.get_weights()])
    return model


def answer():
    return layers.Dense(2, **ZEROS, activation="softmax")


def averaged():
    """1 x 1 filters, averaged: the map of a mode is known in closed form."""
    convolution = layers.Conv2D(3, 1, **ZEROS, name="maps")
    return drawn(
        keras.Sequential([image(), convolution, layers.GlobalAveragePooling2D(), answer()])
    )


def weighted_maps(model, dataset, code):
    """Maps weighted by the last layer, the class activation map of Zhou et al. (2016)."""
    kernel, bias, weights, _ = model.get_weights()
    maps = dataset["reflectivity"].values[..., None] / 80 * kernel[0, 0] + bias
    return maps @ weights[:, code] / SIZE**2


def test_behind_global_averaging_grad_cam_is_the_class_activation_map():
    # Selvaraju et al. (2017), section 3.1, but for the constant size of a map.
    model, dataset = averaged(), boxes()
    explained = insight.grad_cam(wrap(model), dataset, "QLCS")
    due = weighted_maps(model, dataset, 1)
    npt.assert_allclose(explained["attribution"], np.maximum(due, 0), rtol=1e-4, atol=1e-7)
    assert explained.attrs["layer"] == "maps"
    signed = insight.grad_cam(wrap(model), dataset, "QLCS", signed=True)
    npt.assert_allclose(signed["attribution"], due, rtol=1e-4, atol=1e-7)
    assert (signed["attribution"] < 0).any()


def split():
    """A network in two parts, so that Keras itself differentiates by the maps between."""
    first = keras.Sequential(
        [image(), layers.Conv2D(3, 3, **ZEROS, padding="same", activation="relu")]
    )
    maps = keras.Input((SIZE, SIZE, 3))
    left, right = layers.MaxPooling2D(5)(maps), layers.AveragePooling2D(5)(maps)
    flat = layers.Flatten()(layers.Concatenate()([left, right]))
    second = keras.Model(maps, layers.Dense(2, **ZEROS)(flat))
    return drawn(first), drawn(second)


@pytest.mark.slow
@pytest.mark.parametrize("is_nested", [False, True], ids=["branched", "nested"])
def test_maps_are_weighted_by_their_mean_gradient(is_nested):
    first, second = split()
    taken = image()
    if is_nested:  # the layer lies in a model within the model
        whole = keras.Model(taken, layers.Softmax()(second(first(taken))))
    else:
        whole = keras.Model(taken, layers.Softmax()(second.call(first.call(taken))))
    dataset = boxes()
    maps = first.predict(dataset["reflectivity"].values[..., None] / 80, verbose=0)
    trainable = [array.value for array in second.trainable_variables]

    @jax.jit
    @jax.grad
    def gradient(maps):
        return second.stateless_call(trainable, [], maps)[0][:, 0].sum()

    weights = np.asarray(gradient(maps)).mean((1, 2))
    due = np.maximum(np.einsum("nrcf,nf->nrc", maps, weights), 0)
    explained = insight.grad_cam(wrap(whole), dataset, "Cellular")
    npt.assert_allclose(explained["attribution"], due, rtol=1e-3, atol=1e-7)


def test_cells_are_put_where_what_they_see_lies():
    """A lone pixel is found at its place, which stretching the 6 x 6 map would miss."""
    model = keras.Sequential(
        [
            image(),
            layers.Conv2D(1, 3, **ZEROS),  # 18 x 18
            layers.MaxPooling2D(3),
            layers.Conv2D(1, 1, **ZEROS, name="last"),  # 6 x 6, middles 2, 5 ... 17
            layers.GlobalAveragePooling2D(),
            answer(),
        ]
    )
    centre = np.zeros((3, 3, 1, 1))
    centre[1, 1] = 1
    one = np.ones(1)
    model.set_weights(
        [centre, 0 * one, np.ones((1, 1, 1, 1)), 0 * one, np.array([[0, 36.0]]), np.zeros(2)]
    )
    values = np.zeros((1, SIZE, SIZE), np.uint8)
    values[0, 5, 14] = 80
    explained = insight.grad_cam(wrap(model), make_dataset(values, source="test"), "QLCS")
    map_ = explained["attribution"].values[0]
    assert np.unravel_index(map_.argmax(), map_.shape) == (5, 14)
    npt.assert_allclose(map_[5, 11:18], [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0], atol=1e-6)
    npt.assert_allclose(map_[2:9, 14], [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0], atol=1e-6)


def apart():
    """Convolution and activation as layers of their own, then dense ones."""
    return drawn(
        keras.Sequential(
            [
                image(),
                layers.Conv2D(2, 3, **ZEROS, name="conv"),
                layers.ReLU(name="active"),
                layers.Conv2D(2, 3, **ZEROS, activation="relu", name="second"),
                layers.MaxPooling2D(4),
                layers.Flatten(name="flat"),
                answer(),
            ]
        )
    )


@pytest.mark.slow
def test_any_layer_that_gives_maps_can_be_named():
    classifier, dataset = wrap(apart()), boxes(1)
    assert insight.grad_cam(classifier, dataset).attrs["layer"] == "second"
    by_name = insight.grad_cam(classifier, dataset, layer="active", signed=True)
    by_number = insight.grad_cam(classifier, dataset, layer=1, signed=True)
    npt.assert_array_equal(by_name["attribution"], by_number["attribution"])
    assert by_name.attrs["layer"] == "active"


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.maps, self.flat = layers.Conv2D(2, 3, **ZEROS), layers.Flatten()
        self.dense = answer()

    def call(self, inputs):
        return self.dense(self.flat(self.maps(inputs)))


def test_networks_and_layers_without_maps_get_their_sentence():
    dense = wrap(keras.Sequential([image(), layers.Flatten(), answer()]))
    with pytest.raises(InputError, match="no convolutional layer, which Grad-CAM needs"):
        insight.grad_cam(dense, boxes())
    classifier = wrap(apart())
    with pytest.raises(InputError, match=r"'flat' gives .* no maps; Grad-CAM needs a layer"):
        insight.grad_cam(classifier, boxes(), layer="flat")
    with pytest.raises(InputError, match="Did you mean 'conv'"):
        insight.grad_cam(classifier, boxes(), layer="conf")
    taken = image()
    inside = wrap(keras.Model(taken, Subclassed()(taken)))
    with pytest.raises(InputError, match="is subclassed: Keras keeps no graph"):
        insight.grad_cam(inside, boxes())
