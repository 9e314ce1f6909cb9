#!/bin/sh
# Keras 3.15.1: stateless_call of one layer is not what a model does with that layer.
#
# Layer.stateless_call calls the layer's `call`, not the layer. All that stands around `call` is
# passed over: a layer of the policy mixed_bfloat16 computes in float32, activity regularisers add
# nothing to the losses that are asked for, masks go unseen, and a dropout inside of a layer whose
# `call` takes no `training` stays off. stateless_call of a model is right, since it calls the layers
# themselves.
#
# Seen: kind of number by the layer float32, by the model bfloat16
#   losses by the layer 0, by the model 1
#   zeros by the layer 0, by the model some 900 of 1000
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" jax
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

ones = np.ones((1, 1000), np.float32)


class Outer(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Dropout(0.9)

    def call(self, values):
        return self.inner(values)


def both(layer):
    model = keras.Sequential([keras.Input((1000,)), layer])
    by_layer = layer.stateless_call(
        layer.trainable_variables, layer.non_trainable_variables, ones, return_losses=True
    )
    by_model = model.stateless_call(
        model.trainable_variables,
        model.non_trainable_variables,
        ones,
        return_losses=True,
        training=True,
    )
    return by_layer, by_model


half = both(keras.layers.Dense(2, dtype="mixed_bfloat16"))
kinds = [str(given.dtype) for given, *_ in half]
print("kind of number:", kinds)
regular = both(keras.layers.Dense(2, activity_regularizer="l2"))
losses = [len(found) for *_, found in regular]
print("losses:", losses)
dropped = both(Outer())
zeros = [int((np.asarray(given) == 0).sum()) for given, *_ in dropped]
print("zeros:", zeros)
assert kinds == ["float32", "bfloat16"]
assert losses == [0, 1]
assert zeros[0] == 0 and zeros[1] > 800
PYTHON
