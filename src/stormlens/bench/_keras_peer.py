"""Keras as the chapter uses it: `fit` and `predict`, on the backend that the process is given."""

from typing import Any

from stormlens.bench._job import BATCH, LEARNING_RATE, PREDICT_BATCH, Job, Pass
from stormlens.bench._network import Layer


def start(job: Job) -> Pass:
    """
    One epoch of `fit`, or `predict` on all images.

    Parameters
    ----------
    job : Job

    Returns
    -------
    one_pass : callable
    """
    import keras

    images, codes = job.scaled, job.codes
    layers = [_build(keras.layers, layer) for layer in job.layers]
    model = keras.Sequential([keras.Input(images.shape[1:]), *layers])
    model.set_weights(job.weights)
    if job.task == "predict":
        return lambda: model.predict(images, batch_size=PREDICT_BATCH, verbose=0)
    optimiser = keras.optimizers.Adam(LEARNING_RATE)
    model.compile(optimiser, "sparse_categorical_crossentropy", metrics=["accuracy"])

    def epoch() -> None:
        model.fit(images, codes, batch_size=BATCH, verbose=0)

    return epoch


def _build(layers: Any, layer: Layer) -> Any:
    makers = {
        "conv": lambda: layers.Conv2D(layer.units, layer.size, activation=layer.activation),
        "max_pool": lambda: layers.MaxPooling2D(layer.size),
        "spatial_dropout": lambda: layers.SpatialDropout2D(layer.rate),
        "dropout": lambda: layers.Dropout(layer.rate),
        "flatten": layers.Flatten,
        "dense": lambda: layers.Dense(layer.units, activation=layer.activation),
    }
    return makers[layer.kind]()
