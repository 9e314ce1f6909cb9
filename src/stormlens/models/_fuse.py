"""
A Keras model as a pure function of (weights, images, key).

The user's model stays plain Keras; training and prediction call this function.
In a sequential model each Conv2D [ReLU] [SpatialDropout2D] MaxPooling2D run
becomes one `ops.conv_pool`, dropout draws from an explicit JAX key, a closing
softmax is taken in logarithms, and every other layer computes as Keras does.
A model that is no plain sequence is called whole through Keras.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from stormlens.models._keras import import_keras
from stormlens.ops import conv_pool

Weights = list[Array]
Step = Callable[["_Flow"], None]


@dataclass
class _Flow:
    """What passes from layer to layer: values, the state left behind, the key."""

    values: Array
    weights: dict[str, Array]
    state: dict[str, Array]
    key: Array
    training: bool
    is_log: bool = False


@dataclass(frozen=True)
class Forward:
    """
    A model's computation, free of the model object.

    Attributes
    ----------
    apply : callable
        ``apply(weights, state, images, key, training)`` to (log probabilities of shape
        (N, classes), new state). Images are normalised floats of shape (N, H, W, 1).
    weights, state : list of Array
        Trainable and other variables of the model, in Keras's order.
    """

    apply: Callable[[Weights, Weights, Array, Array, bool], tuple[Array, Weights]]
    weights: Weights
    state: Weights


def forward_pass(model: Any, seed: int = 0) -> Forward:
    """
    The pure function of a built Keras model, and its variables.

    Parameters
    ----------
    model : keras.Model
        One image in, class probabilities out; it is read, never changed.
    seed : int, optional
        Replaces the states of Keras's own random generators, which Keras draws at
        random when a layer is made.

    Returns
    -------
    forward : Forward
    """
    keras = import_keras()
    weights = [jnp.asarray(v.value) for v in model.trainable_variables]
    state = [
        jnp.array([seed, i], v.dtype) if "seed_generator" in v.path else jnp.asarray(v.value)
        for i, v in enumerate(model.non_trainable_variables)
    ]
    if type(model) is keras.Sequential:
        return Forward(_sequential(keras, model), weights, state)
    return Forward(_whole(model), weights, state)


def _whole(model: Any) -> Callable[..., tuple[Array, Weights]]:
    def apply(
        weights: Weights, state: Weights, images: Array, key: Array, training: bool
    ) -> tuple[Array, Weights]:
        output, new_state = model.stateless_call(weights, state, images, training=training)
        return _log(output), new_state

    return apply


def _log(probabilities: Array) -> Array:
    """Logarithm, clipped as Keras clips in its categorical cross-entropy."""
    total = probabilities.sum(-1, keepdims=True)
    return jnp.log(jnp.clip(probabilities / total, 1e-7, 1 - 1e-7))


def _sequential(keras: Any, model: Any) -> Callable[..., tuple[Array, Weights]]:
    steps = _steps(keras, list(model.layers))
    trainable = [v.path for v in model.trainable_variables]
    other = [v.path for v in model.non_trainable_variables]

    def apply(
        weights: Weights, state: Weights, images: Array, key: Array, training: bool
    ) -> tuple[Array, Weights]:
        flow = _Flow(
            images,
            dict(zip(trainable, weights, strict=True)),
            dict(zip(other, state, strict=True)),
            key,
            training,
        )
        for number, step in enumerate(steps):
            flow.key = jax.random.fold_in(key, number)
            step(flow)
        log_probabilities = flow.values if flow.is_log else _log(flow.values)
        return log_probabilities, [flow.state[path] for path in other]

    return apply


def _steps(keras: Any, layers: list[Any]) -> list[Step]:
    steps: list[Step] = []
    while layers:
        fused = _conv_pool_run(keras, layers)
        if fused is not None:
            step, used = fused
        else:
            step, used = _one_layer(keras, layers[0], last=len(layers) == 1), 1
        steps.append(step)
        layers = layers[used:]
    return steps


def _conv_pool_run(keras: Any, layers: list[Any]) -> tuple[Step, int] | None:
    """The step for a convolution that a max pool follows, and how many layers it covers."""
    convolution, position = layers[0], 1
    if not _is_plain_convolution(keras, convolution):
        return None
    activations = [convolution.activation.__name__]
    dropout = None
    while position < len(layers):
        layer = layers[position]
        position += 1
        if isinstance(layer, keras.layers.Activation):
            activations.append(layer.activation.__name__)
        elif isinstance(layer, keras.layers.ReLU) and _is_plain_relu(layer):
            activations.append("relu")
        elif isinstance(layer, keras.layers.SpatialDropout2D) and dropout is None:
            dropout = layer
        else:
            break
    if not _is_plain_pool(keras, layer) or not set(activations) <= {"linear", "relu"}:
        return None
    return _fused_step(convolution, "relu" in activations, dropout, layer.pool_size[0]), position


def _is_plain_convolution(keras: Any, layer: Any) -> bool:
    return (
        type(layer) is keras.layers.Conv2D
        and layer.kernel_size[0] == layer.kernel_size[1]
        and layer.strides == (1, 1)
        and layer.dilation_rate == (1, 1)
        and layer.groups == 1
        and layer.padding == "valid"
        and layer.data_format == "channels_last"
        and layer.use_bias
        and not layer.lora_enabled
    )


def _is_plain_relu(layer: Any) -> bool:
    return layer.max_value is None and not layer.negative_slope and not layer.threshold


def _is_plain_pool(keras: Any, layer: Any) -> bool:
    return (
        type(layer) is keras.layers.MaxPooling2D
        and layer.pool_size[0] == layer.pool_size[1]
        and tuple(layer.strides) == tuple(layer.pool_size)
        and layer.padding == "valid"
        and layer.data_format == "channels_last"
    )


def _fused_step(convolution: Any, relu: bool, dropout: Any, pool: int) -> Step:
    kernel, bias = convolution.kernel.path, convolution.bias.path

    def step(flow: _Flow) -> None:
        # ReLU and dropout's factor keep the order of values, so they may follow the pool.
        values = conv_pool(flow.values, flow.weights[kernel], flow.weights[bias], pool)
        flow.values = jax.nn.relu(values) if relu else values
        if dropout is not None:
            _drop(flow, dropout.rate, (values.shape[0], 1, 1, values.shape[3]))

    return step


def _one_layer(keras: Any, layer: Any, last: bool) -> Step:
    if type(layer) is keras.layers.SpatialDropout2D:
        return lambda flow: _drop(
            flow, layer.rate, (flow.values.shape[0], 1, 1, flow.values.shape[3])
        )
    if type(layer) is keras.layers.Dropout and layer.noise_shape is None:
        return lambda flow: _drop(flow, layer.rate, flow.values.shape)
    if last and _is_softmax_dense(keras, layer):
        return _log_softmax_step(layer)
    return _keras_step(layer)


def _drop(flow: _Flow, rate: float, shape: tuple[int, ...]) -> None:
    """Inverted dropout: kept values are scaled up so that the expectation stays."""
    if flow.training and rate > 0:
        keep = jax.random.bernoulli(flow.key, 1 - rate, shape)
        flow.values = jnp.where(keep, flow.values / (1 - rate), 0)


def _is_softmax_dense(keras: Any, layer: Any) -> bool:
    return (
        type(layer) is keras.layers.Dense
        and layer.activation is keras.activations.softmax
        and layer.use_bias
        and not layer.lora_enabled
    )


def _log_softmax_step(layer: Any) -> Step:
    kernel, bias = layer.kernel.path, layer.bias.path

    def step(flow: _Flow) -> None:
        logits = flow.values @ flow.weights[kernel] + flow.weights[bias]
        flow.values, flow.is_log = jax.nn.log_softmax(logits), True

    return step


def _keras_step(layer: Any) -> Step:
    trainable = [v.path for v in layer.trainable_variables]
    other = [v.path for v in layer.non_trainable_variables]
    takes_training = getattr(layer, "_call_has_training_arg", False)

    def step(flow: _Flow) -> None:
        extra = {"training": flow.training} if takes_training else {}
        flow.values, new_state = layer.stateless_call(
            [flow.weights[path] for path in trainable],
            [flow.state[path] for path in other],
            flow.values,
            **extra,
        )
        flow.state.update(zip(other, new_state, strict=True))

    return step
