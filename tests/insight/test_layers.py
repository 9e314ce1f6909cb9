"""Layers of sequential, functional, nested and subclassed models: found, listed and cut off at."""

from functools import cache

import numpy as np
import numpy.testing as npt
import pytest

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.insight import cut_off, feature_maps, grad_cam, list_layers, maximise
from stormlens.insight._layers import (
    as_classifier,
    as_model,
    choose_convolution,
    find_layer,
    last_hidden,
)
from stormlens.models import Classifier, build
from stormlens.models._keras import import_keras

pytestmark = pytest.mark.usefixtures("fixed_start")

SHAPE = (20, 20, 1)
ZEROS = {"kernel_initializer": "zeros"}  # Keras compiles a program for each shape it draws


def images(n=3):
    return np.random.default_rng(0).random((n, *SHAPE), np.float32)


def with_weights(model):
    """The model with weights drawn here."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.3, array.shape) for array in model.get_weights()])
    return model


@cache
def branched():
    """Two convolutions side by side, joined."""
    keras = import_keras()
    layers = keras.layers
    taken = keras.Input(SHAPE)
    left = layers.Conv2D(4, 3, padding="same", **ZEROS, name="left")(taken)
    right = layers.Conv2D(4, 5, padding="same", **ZEROS, activation="relu", name="right")(taken)
    joined = layers.Concatenate(name="joined")([left, right])
    flat = layers.Flatten(name="flat")(layers.MaxPooling2D(4, name="pool")(joined))
    answer = layers.Dense(6, **ZEROS, activation="softmax", name="answer")(flat)
    return with_weights(keras.Model(taken, answer))


@cache
def nested():
    """A functional backbone with a Sequential inside, called by a Sequential head."""
    keras = import_keras()
    layers = keras.layers
    block = keras.Sequential(
        [
            keras.Input((9, 9, 4)),
            layers.Conv2D(5, 3, **ZEROS, name="deep"),
            layers.ReLU(name="cut"),
        ],
        name="block",
    )
    taken = keras.Input(SHAPE)
    first = layers.MaxPooling2D(2, name="pool")(layers.Conv2D(4, 3, **ZEROS, name="first")(taken))
    backbone = keras.Model(taken, block(first), name="backbone")
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Rescaling(2.0, name="twice"),
            backbone,
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(6, **ZEROS, activation="softmax", name="answer"),
        ]
    )
    return with_weights(model)


def subclassed():
    keras = import_keras()

    class Own(keras.Model):
        def __init__(self):
            super().__init__(name="own")
            self.flat = keras.layers.Flatten(name="flat")
            self.answer = keras.layers.Dense(6, **ZEROS, activation="softmax", name="answer")

        def call(self, inputs):
            return self.answer(self.flat(inputs))

    model = Own()
    model(images())
    return model


def test_shapes_and_counts_are_the_chapters():
    layers = list_layers(build("chapter-linear"))
    assert [layer.output_shape for layer in layers] == [
        (134, 134, 32),
        (44, 44, 32),
        (61952,),
        (128,),
        (6,),
    ]
    assert [layer.parameters for layer in layers] == [320, 0, 0, 7929984, 774]
    relu = list_layers(build("chapter-relu"))
    assert [layer.kind for layer in relu][:3] == ["Conv2D", "SpatialDropout2D", "MaxPooling2D"]
    assert relu[0].output_shape == (134, 134, 32)


def test_layers_are_numbered_from_the_one_after_the_input():
    for model, first in ((branched(), {"left", "right"}), (nested(), {"twice"})):
        assert find_layer(model, 0).path in first
        assert find_layer(model, -1).path == "answer"


def test_layers_of_nested_models_stand_where_their_model_does():
    names = [layer.name for layer in list_layers(nested())]
    assert names == [
        "twice",
        "backbone/first",
        "backbone/pool",
        "backbone/block/deep",
        "backbone/block/cut",
        "mean",
        "answer",
    ]


def test_a_cut_off_branch_is_keras_own():
    keras, model = import_keras(), branched()
    for name in ("left", "right", "joined", "pool", "answer"):
        by_hand = keras.Model(model.input, model.get_layer(name).output)
        npt.assert_allclose(
            cut_off(model, name).predict(images(), verbose=0),
            by_hand.predict(images(), verbose=0),
            atol=1e-6,
        )


def test_a_cut_off_nested_model_computes_its_layers_one_by_one():
    model = nested()
    backbone = model.get_layer("backbone")
    values = model.get_layer("twice")(images())
    for path, layer in (
        ("backbone/first", backbone.get_layer("first")),
        ("backbone/pool", backbone.get_layer("pool")),
        ("backbone/block/deep", backbone.get_layer("block").get_layer("deep")),
        ("backbone/block/cut", backbone.get_layer("block").get_layer("cut")),
        ("mean", model.get_layer("mean")),
        ("answer", model.get_layer("answer")),
    ):
        values = layer(values)
        npt.assert_allclose(cut_off(model, path)(images()), values, atol=1e-6)
    npt.assert_allclose(cut_off(model, "backbone")(images()), backbone(2 * images()), atol=1e-6)
    npt.assert_allclose(cut_off(model, "deep")(images()), cut_off(model, 3)(images()))


def called_twice(*, is_nested):
    """A network of which one layer is called twice, itself or as part of a model that is."""
    keras = import_keras()
    layers = keras.layers
    again = layers.Conv2D(1, 3, padding="same", **ZEROS, name="again")
    taken = keras.Input(SHAPE)
    block = keras.Model(taken, again(taken), name="block") if is_nested else again
    values = block(block(layers.Conv2D(1, 3, padding="same", **ZEROS, name="once")(taken)))
    answer = layers.Dense(6, **ZEROS, activation="softmax", name="answer")
    return with_weights(keras.Model(taken, answer(layers.Flatten(name="flat")(values)), name="two"))


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_layer_called_twice_has_no_single_output(is_nested):
    model = called_twice(is_nested=is_nested)
    sentence = "'block'" if is_nested else "'again'"
    for layer in ("again", "block/again", "block") if is_nested else ("again", 1):
        with pytest.raises(InputError) as caught:
            cut_off(model, layer)
        assert f"Layer {sentence} is called 2 times in model 'two'" in str(caught.value)
        assert str(caught.value).endswith("name a layer that is called once: once, flat, answer.")
    shapes = {info.name: info.output_shape for info in list_layers(model)}
    assert shapes["once"] == (*SHAPE[:2], 1)
    assert shapes["block/again" if is_nested else "again"] is None
    npt.assert_allclose(cut_off(model, "answer")(images()), model(images()), atol=1e-6)


@pytest.mark.parametrize("is_nested", [False, True])
def test_nothing_is_explained_at_one_of_several_calls(is_nested):
    classifier = Classifier(called_twice(is_nested=is_nested), None)
    boxes = make_dataset(np.zeros((2, *SHAPE[:2]), np.uint8), source="test", simulated=True)
    for look in (
        lambda: grad_cam(classifier, boxes),
        lambda: grad_cam(classifier, boxes, layer="again"),
        lambda: feature_maps(classifier, boxes, "again"),
        lambda: maximise(classifier, layer="again", filter=0, steps=1),
    ):
        with pytest.raises(InputError, match="is called 2 times in model 'two'"):
            look()
    assert grad_cam(classifier, boxes, layer="once").sizes["storm"] == 2


def test_a_part_shares_the_weights_of_the_whole():
    model = build("chapter-relu", input_shape=SHAPE)
    part = cut_off(model, 0)
    model.layers[0].set_weights([np.zeros((3, 3, 1, 32)), np.full(32, 2.0)])
    npt.assert_array_equal(part(images()), 2.0)


def test_the_last_hidden_layer_is_what_the_output_weighs_up():
    assert last_hidden(build("chapter-relu", input_shape=SHAPE)).layer.units == 128
    assert last_hidden(build("svrimg-3conv", input_shape=(64, 64, 1))).layer.units == 128
    assert last_hidden(branched()).path == "flat"
    assert last_hidden(nested()).path == "mean"


def test_layers_that_do_not_exist_get_the_near_miss():
    model = branched()
    for layer, sentence in (
        ("rihgt", "Unknown layer 'rihgt'. Did you mean 'right'?"),
        (9, "has no layer 9; its layers go from 0 to 5 .*or from -6 to -1"),
        (-7, "has no layer -7"),
        (1.5, r"Layer 1.5 is neither a name nor a whole number"),
    ):
        with pytest.raises(InputError, match=sentence):
            cut_off(model, layer)


def test_one_name_for_several_layers_asks_for_the_path():
    keras = import_keras()
    block = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Conv2D(2, 3, **ZEROS, name="pool")], name="block"
    )
    model = keras.Sequential(
        [keras.Input(SHAPE), block, keras.Sequential([keras.layers.ReLU(name="pool")], name="b")]
    )
    with pytest.raises(InputError, match="2 layers 'pool'; write one of block/pool, b/pool"):
        cut_off(model, "pool")
    assert cut_off(model, "b/pool").output_shape == (None, 18, 18, 2)


def test_a_subclassed_model_is_listed_but_not_cut_off():
    model = subclassed()
    layers = list_layers(model)
    assert [(layer.name, layer.output_shape) for layer in layers] == [
        ("flat", None),
        ("answer", None),
    ]
    assert layers[1].parameters == 400 * 6 + 6
    with pytest.raises(InputError, match=r"'own' is subclassed: .* cannot cut it off at layer"):
        cut_off(model, "answer")


def test_what_needs_a_convolution_says_so():
    keras = import_keras()
    layers = keras.layers
    plain = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(6, **ZEROS)])
    with pytest.raises(InputError, match="no convolutional layer, which Grad-CAM needs"):
        choose_convolution(plain, None, default=-1, purpose="Grad-CAM")
    with pytest.raises(InputError, match="'pool' is of kind MaxPooling2D; Grad-CAM needs"):
        choose_convolution(branched(), "pool", default=-1, purpose="Grad-CAM")
    only = keras.Sequential([keras.Input((4,)), layers.Dense(6, **ZEROS, name="only")])
    with pytest.raises(InputError, match="has no hidden layer"):
        last_hidden(only)


def test_networks_and_classifiers_are_told_apart():
    model = build("chapter-relu", input_shape=SHAPE)
    classifier = Classifier(model, "chapter-relu")
    assert as_model(classifier) is as_model(model) is model
    assert as_classifier(classifier) is classifier
    with pytest.raises(InputError, match="alone does not say how images are scaled; wrap it"):
        as_classifier(model)
    with pytest.raises(InputError, match="'chapter-relu' is no classifier"):
        as_classifier("chapter-relu")
    with pytest.raises(InputError, match="None is no network"):
        as_model(None)
