"""Generated chains of Keras layers, for what computes them elsewhere to be held against Keras."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import reject

from stormlens.models import import_keras
from stormlens.models._chain import chain_of
from stormlens.models._steps import keras_steps

keras = import_keras()
layers = keras.layers

ACTIVATIONS = (
    *("linear", "relu", "tanh", "sigmoid", "elu", "selu", "softplus", "softsign", "silu"),
    *("exponential", "hard_sigmoid", "gelu", "leaky_relu", "relu6"),
)


def filled(model, rng):
    """Weights of a size that keeps values of the order of one, and statistics that are none."""
    for variable in model.weights:
        shape = variable.shape
        name = variable.path
        if "variance" in name:
            variable.assign(rng.uniform(0.5, 2.0, shape))
        elif "kernel" in name and len(shape) > 1:
            fan = np.prod(shape[:-1])
            variable.assign(rng.normal(0, 1 / np.sqrt(fan), shape))
        else:
            variable.assign(rng.normal(0, 0.3, shape))
    return model


def steps_of(model):
    chain = chain_of(keras, model)
    return None if chain is None else keras_steps(keras, chain, model.input_shape)


# Layers are drawn as functions that make them: Keras draws numbers as it makes one.


@st.composite
def convolutions(draw):
    kind = draw(st.sampled_from(["plain", "plain", "plain", "depthwise", "separable"]))
    size = draw(st.one_of(st.just(3), st.integers(1, 7), st.tuples(*[st.integers(1, 7)] * 2)))
    strides, dilation = draw(st.sampled_from([(1, 1), (1, 1), (1, 1), (2, 1), (3, 1), (1, 2)]))
    settings = {
        "strides": strides,
        "dilation_rate": dilation,
        "padding": draw(st.sampled_from(["valid", "same"])),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "use_bias": draw(st.booleans()),
    }
    if kind == "depthwise":
        settings["depth_multiplier"] = draw(st.integers(1, 3))
        return lambda: layers.DepthwiseConv2D(size, **settings)
    filters = draw(st.sampled_from([1, 2, 3, 8, 12, 16, 24, 33, 40]))
    if kind == "separable":
        return lambda: layers.SeparableConv2D(filters, size, **settings)
    groups = draw(st.sampled_from([1, 1, 1, 2, 4])) if filters % 4 == 0 else 1
    return lambda: layers.Conv2D(filters, size, groups=groups, **settings)


@st.composite
def pools(draw):
    kind = draw(st.sampled_from(["MaxPooling2D", "MaxPooling2D", "AveragePooling2D"]))
    size = draw(st.one_of(st.integers(1, 4), st.tuples(*[st.integers(1, 4)] * 2)))
    strides, padding = draw(st.sampled_from([None, 1, 2])), draw(st.sampled_from(["valid", "same"]))
    return lambda: getattr(layers, kind)(size, strides=strides, padding=padding)


OTHERS = (
    lambda: layers.BatchNormalization(),
    lambda: layers.LayerNormalization(),
    lambda: layers.ReLU(negative_slope=0.1, max_value=3.0, threshold=0.2),
    lambda: layers.LeakyReLU(0.3),
    lambda: layers.ELU(0.7),
    lambda: layers.Activation("tanh"),
    lambda: layers.Rescaling(0.5, 0.1),
    lambda: layers.SpatialDropout2D(0.4),
    lambda: layers.Dropout(0.4),
    lambda: layers.Dense(5, activation="relu"),
)
ENDS = (layers.Flatten, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)


@st.composite
def chains(draw):
    """What makes a model of Keras's own layers, from a map to probabilities."""
    sides = st.one_of(*[st.tuples(*[st.integers(1, most)] * 2) for most in (9, 40)])
    shape = (*draw(sides), draw(st.sampled_from([1, 1, 1, 2, 3])))
    part = st.one_of(convolutions(), convolutions(), pools(), st.sampled_from(OTHERS))
    parts, end = draw(st.lists(part, max_size=5)), draw(st.sampled_from(ENDS))
    units, activation = draw(st.integers(1, 70)), draw(st.sampled_from(ACTIVATIONS))
    classes, seed = draw(st.integers(2, 6)), draw(st.integers(0, 9))

    def make():
        made = [keras.Input(shape), *(part() for part in parts), end()]
        made += [layers.Dense(units, activation=activation)]
        try:
            model = keras.Sequential([*made, layers.Dense(classes, activation="softmax")])
        except ValueError:  # groups that do not divide the channels, maps that shrink to nothing
            reject()
        rng = np.random.default_rng(seed)
        return filled(model, rng), rng

    return make
