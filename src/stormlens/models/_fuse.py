"""
A Keras model as a pure function of (weights, state, images, key).

The user's model stays plain Keras; training and prediction call this function.
In a Sequential or functional chain each Conv2D [activation] [SpatialDropout2D]
MaxPooling2D run becomes one `ops.conv_pool`, a `Residual` layer two `ops.convolve`,
dropout draws from an explicit JAX key, a closing softmax is taken in logarithms, and
every other layer computes as Keras does. A model that is no chain is called whole through Keras.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from stormlens.models._chain import (
    chain_of,
    is_plain_convolution,
    is_plain_dense,
    is_plain_relu,
)
from stormlens.models._keras import import_keras
from stormlens.ops import Tapped, conv_pool, convolve, matmul

Weights = Sequence[Array | Tapped]
State = list[Array]
Step = Callable[["_Flow"], None]

# Activations that never fall: they keep the order of values, so they may follow the pool. Those
# of the first set give f(c x) = c f(x) for c of 0 or more, so a factor may pass them.
_HOMOGENEOUS = frozenset({"linear", "relu", "leaky_relu"})
_RISING = _HOMOGENEOUS | {"tanh", "sigmoid", "hard_sigmoid", "softplus", "elu", "selu"}


@dataclass
class _Flow:
    """What passes from layer to layer: values, the state left behind, the key."""

    values: Array
    weights: dict[str, Any]
    state: dict[str, Array]
    key: Array
    training: bool
    bounds: tuple[float, float]
    kept: Array | None = None  # factors of the channels, where dropout made some zero
    is_log: bool = False

    def variable(self, path: str) -> Any:
        """A layer's weight, which is part of the state where it is frozen."""
        return self.weights[path] if path in self.weights else self.state[path]


@dataclass(frozen=True)
class Forward:
    """
    A model's computation, free of the model object.

    Attributes
    ----------
    apply : callable
        ``apply(weights, state, images, key, training)`` to (log probabilities of shape
        (N, classes), new state). Images of shape (N, H, W, 1) are floats as the model takes
        them, or uint8, which are scaled first.
    weights, state : list of Array
        Trainable and other variables of the model, in Keras's order.
    dense : tuple of int
        Which weights are kernels of dense layers; they may be given as `ops.Tapped`.
    """

    apply: Callable[[Weights, State, Array, Array, bool], tuple[Array, State]]
    weights: list[Array]
    state: State
    dense: tuple[int, ...] = ()


def fuse(model: Any, bounds: tuple[float, float] = (0.0, 1.0), seed: int = 0) -> Forward:
    """
    The pure function of a built Keras model, and its variables.

    Parameters
    ----------
    model : keras.Model
        One image in, class probabilities out; it is read, never changed.
    bounds : tuple of float, optional
        Values of uint8 images that become 0 and 1.
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
    layers = chain_of(keras, model)
    if layers is None:
        return Forward(_whole(model, bounds), weights, state)
    kernels = [layer.kernel.path for layer in layers if is_plain_dense(keras, layer)]
    dense = tuple(i for i, v in enumerate(model.trainable_variables) if kernels.count(v.path) == 1)
    return Forward(_chained(keras, model, layers, bounds), weights, state, dense)


def scale(images: Array, bounds: tuple[float, float]) -> Array:
    """
    Images as a network takes them.

    Parameters
    ----------
    images : Array
        Raw values.
    bounds : tuple of float
        Become 0 and 1.

    Returns
    -------
    scaled : Array of float32
    """
    low, high = bounds
    return (images.astype(jnp.float32) - low) / (high - low)


def _whole(model: Any, bounds: tuple[float, float]) -> Callable[..., tuple[Array, State]]:
    def apply(
        weights: Weights, state: State, images: Array, key: Array, training: bool
    ) -> tuple[Array, State]:
        if images.dtype == jnp.uint8:
            images = scale(images, bounds)
        output, new_state = model.stateless_call(weights, state, images, training=training)
        return clipped_log(output), new_state

    return apply


def clipped_log(probabilities: Array) -> Array:
    """
    Logarithm, clipped as Keras clips in its categorical cross-entropy.

    Parameters
    ----------
    probabilities : Array of float, shape (N, classes)
        Divided by each row's sum first.

    Returns
    -------
    logarithms : Array of float, shape (N, classes)
    """
    total = probabilities.sum(-1, keepdims=True)
    return jnp.log(jnp.clip(probabilities / total, 1e-7, 1 - 1e-7))


def _chained(
    keras: Any, model: Any, layers: list[Any], bounds: tuple[float, float]
) -> Callable[..., tuple[Array, State]]:
    steps = _steps(keras, layers)
    trainable = [v.path for v in model.trainable_variables]
    other = [v.path for v in model.non_trainable_variables]

    def apply(
        weights: Weights, state: State, images: Array, key: Array, training: bool
    ) -> tuple[Array, State]:
        flow = _Flow(
            images,
            dict(zip(trainable, weights, strict=True)),
            dict(zip(other, state, strict=True)),
            key,
            training,
            bounds,
        )
        for number, step in enumerate(steps):
            flow.key = jax.random.fold_in(key, number)
            step(flow)
        log_probabilities = flow.values if flow.is_log else clipped_log(flow.values)
        return log_probabilities, [flow.state[path] for path in other]

    return apply


def _steps(keras: Any, layers: list[Any]) -> list[Step]:
    steps: list[Step] = []
    while layers:
        fused = _conv_pool_run(keras, layers)
        if fused is not None:
            step, used = fused
        else:
            step, used = _as_floats(_one_layer(keras, layers[0], last=len(layers) == 1)), 1
        steps.append(step)
        layers = layers[used:]
    return steps


def _as_floats(step: Step) -> Step:
    """A step that knows nothing of raw bytes or dropped channels."""

    def floats(flow: _Flow) -> None:
        if flow.values.dtype == jnp.uint8:
            flow.values = scale(flow.values, flow.bounds)
        step(flow)
        flow.kept = None

    return floats


def _conv_pool_run(keras: Any, layers: list[Any]) -> tuple[Step, int] | None:
    """The step for a convolution that a max pool follows, and how many layers it covers."""
    convolution = layers[0]
    if not is_plain_convolution(keras, convolution):
        return None
    activations, dropout = [convolution.activation], None
    allowed = _RISING
    for position, layer in enumerate(layers[1:], start=1):
        if isinstance(layer, keras.layers.Activation):
            activations.append(layer.activation)
        elif isinstance(layer, keras.layers.ReLU) and is_plain_relu(layer):
            activations.append(keras.activations.relu)
        elif isinstance(layer, keras.layers.SpatialDropout2D) and dropout is None:
            dropout, allowed = layer, _HOMOGENEOUS
            continue
        elif _is_plain_pool(keras, layer) and _is_one_of(_RISING, convolution.activation):
            step = _fused_step(convolution, activations, dropout, layer.pool_size[0])
            return step, position + 1
        else:
            return None
        if not _is_one_of(allowed, activations[-1]):
            return None
    return None


def _is_one_of(names: frozenset[str], activation: Any) -> bool:
    is_keras = getattr(activation, "__module__", "").startswith("keras.")
    return is_keras and activation.__name__ in names


def _is_plain_pool(keras: Any, layer: Any) -> bool:
    return (
        type(layer) is keras.layers.MaxPooling2D
        and layer.pool_size[0] == layer.pool_size[1]
        and tuple(layer.strides) == tuple(layer.pool_size)
        and layer.padding == "valid"
        and layer.data_format == "channels_last"
    )


def _fused_step(convolution: Any, activations: list[Any], dropout: Any, pool: int) -> Step:
    kernel = convolution.kernel.path
    bias = convolution.bias.path if convolution.use_bias else None
    names = {activation.__name__ for activation in activations} - {"linear"}
    inside = names <= {"relu"}  # else the activations follow the pool, and dropout them

    def step(flow: _Flow) -> None:
        weights = flow.variable(kernel)
        factors = _channel_factors(flow, dropout, weights.shape[3])
        flow.values = conv_pool(
            flow.values,
            weights,
            jnp.zeros(weights.shape[3:], weights.dtype) if bias is None else flow.variable(bias),
            pool,
            padding=convolution.padding,
            activation="relu" if inside and names else "linear",
            mask=factors if inside else None,
            keep=flow.kept,
            bounds=flow.bounds if flow.values.dtype == jnp.uint8 else None,
        )
        if not inside:
            for activation in activations:
                flow.values = activation(flow.values)
            if factors is not None:
                flow.values = flow.values * factors[:, None, None, :]
        flow.kept = factors

    return step


def _spatial_dropout_step(dropout: Any) -> Step:
    def step(flow: _Flow) -> None:
        factors = _channel_factors(flow, dropout, flow.values.shape[3])
        if factors is not None:
            flow.values = flow.values * factors[:, None, None, :]

    return step


def _channel_factors(flow: _Flow, dropout: Any, channels: int) -> Array | None:
    """Factors of spatial dropout, shape (N, channels); kept ones keep the expectation."""
    if dropout is None or not flow.training or dropout.rate == 0:
        return None
    keep = jax.random.bernoulli(flow.key, 1 - dropout.rate, (len(flow.values), channels))
    return jnp.where(keep, 1 / (1 - dropout.rate), 0.0)


def _one_layer(keras: Any, layer: Any, last: bool) -> Step:
    if type(layer) is keras.layers.SpatialDropout2D:
        return _spatial_dropout_step(layer)
    if type(layer) is keras.layers.Dropout and layer.noise_shape is None:
        return lambda flow: _drop(flow, layer.rate, flow.values.shape)
    if is_plain_dense(keras, layer):
        return _dense_step(layer, is_last=last and layer.activation is keras.activations.softmax)
    if _is_residual(layer):
        return _residual_step(layer)
    return _keras_step(layer)


def _drop(flow: _Flow, rate: float, shape: tuple[int, ...]) -> None:
    """Inverted dropout: kept values are scaled up so that the expectation stays."""
    if flow.training and rate > 0:
        keep = jax.random.bernoulli(flow.key, 1 - rate, shape)
        flow.values = jnp.where(keep, flow.values / (1 - rate), 0)


def _dense_step(layer: Any, is_last: bool) -> Step:
    kernel, bias = layer.kernel.path, layer.bias.path if layer.use_bias else None

    def step(flow: _Flow) -> None:
        values = matmul(flow.values, flow.variable(kernel))
        values = values if bias is None else values + flow.variable(bias)
        flow.is_log = is_last
        flow.values = jax.nn.log_softmax(values) if is_last else layer.activation(values)

    return step


def _is_residual(layer: Any) -> bool:
    """Whether a layer is a `Residual` whose two convolutions are in single precision."""
    from stormlens.models._layers import Residual

    return type(layer) is Residual and all(
        is_plain_convolution(import_keras(), inner) for inner in (layer.first, layer.second)
    )


def _residual_step(layer: Any) -> Step:
    def step(flow: _Flow) -> None:
        def convolved(values: Array, inner: Any) -> Array:
            kernel, bias = (flow.variable(v.path) for v in (inner.kernel, inner.bias))
            return convolve(values, kernel) + bias

        added = convolved(jax.nn.relu(convolved(flow.values, layer.first)), layer.second)
        flow.values = jax.nn.relu(flow.values + added)

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
