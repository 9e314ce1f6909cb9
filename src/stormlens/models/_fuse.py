"""
A network as a pure function of (weights, state, images, key).

A user's model stays plain Keras; training and prediction call this function. A network known by
name comes from its blocks, without Keras.
In a Sequential or functional chain each Conv2D [activation] [SpatialDropout2D]
MaxPooling2D run becomes one `ops.conv_pool`, a `Residual` layer two `ops.convolve`,
dropout draws from an explicit JAX key, a closing softmax is taken in logarithms, and
every other layer computes as Keras does. A model that is no chain is called whole through Keras.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from stormlens.models import blocks
from stormlens.models._chain import (
    chain_of,
    is_plain_convolution,
    is_plain_dense,
    is_plain_relu,
)
from stormlens.models._keras import import_keras
from stormlens.ops import FusedStep, conv_pool, convolve, matmul

Weights = Sequence[Array | FusedStep]
State = list[Array]
Step = Callable[["_Flow"], None]
Name = str | int
"""Of a weight: of a Keras variable its `id`, since two of one model may have the same path."""

# Activations that never fall keep the order of values: max f(x) = f(max x). So they may follow the
# pool, where there are a ninth of the values or fewer. Those of the first set also give
# f(c x) = c f(x) for c of 0 or more, so the factor of dropout may change places with them.
_HOMOGENEOUS = frozenset({"linear", "relu", "leaky_relu"})
_RISING = _HOMOGENEOUS | {"tanh", "sigmoid", "hard_sigmoid", "softplus", "elu", "selu"}


@dataclass
class _Flow:
    """What passes from layer to layer: values, the state left behind, the key."""

    values: Array
    weights: dict[Name, Any]
    state: dict[Name, Array]
    key: Array
    training: bool
    bounds: tuple[float, float]
    # Factors of the channels, (N, channels), where dropout made some zero: the next `conv_pool`
    # passes over these channels.
    kept: Array | None = None
    is_log: bool = False

    def variable(self, name: Name) -> Any:
        """A layer's weight, which is part of the state where it is frozen."""
        return self.weights[name] if name in self.weights else self.state[name]


@dataclass(frozen=True)
class _Curve:
    """An activation, with Keras's name of it; empty where it is a user's own."""

    name: str
    function: Callable[[Any], Any]


@dataclass(frozen=True)
class _Convolution:
    """A convolution of stride 1: names of its weights, and its padding."""

    kernel: Name
    bias: Name | None
    padding: str


@dataclass(frozen=True)
class _Link:
    """
    A layer in a chain: how it computes alone, and what it may be in a fused run.

    Attributes
    ----------
    alone : callable
        Its step where it is not fused.
    closing : callable or None
        Its step where it comes last, if that is another.
    convolution : _Convolution or None
        Where it is one that a run may begin with.
    curve : _Curve or None
        The activation that it is, or ends with.
    channel_rate : float or None
        Of spatial dropout.
    pool : int or None
        Side of the windows, where it is a max pool whose windows do not overlap.
    """

    alone: Step
    closing: Step | None = None
    convolution: _Convolution | None = None
    curve: _Curve | None = None
    channel_rate: float | None = None
    pool: int | None = None


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
        Which weights are kernels of dense layers; they may be given as `ops.FusedStep`.
    added : callable or None
        As `apply`, and third what the model adds to its loss: for its weights, for what its layers
        give, or by `add_loss`. None where it adds nothing, or this is not for training.
    constrain : callable or None
        What the model makes of its weights after each step; None where it has no constraint.
    mixes : bool
        Whether in training an answer, or what is added, may hang on other images of the batch.
    """

    apply: Callable[[Weights, State, Array, Array, bool], tuple[Array, State]]
    weights: list[Array]
    state: State
    dense: tuple[int, ...] = ()
    added: Callable[[Weights, State, Array, Array, bool], tuple[Array, State, Array]] | None = None
    constrain: Callable[[list[Array]], list[Array]] | None = None
    mixes: bool = False


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
    # Keras draws the seed of each generator. Ours and its place in the model make runs repeatable,
    # and give each layer other draws.
    state = [
        jnp.array([seed, i], v.dtype) if "seed_generator" in v.path else jnp.asarray(v.value)
        for i, v in enumerate(model.non_trainable_variables)
    ]
    layers = chain_of(keras, model)
    if layers is None:
        return Forward(_whole(model, bounds), weights, state)
    kernels = [id(layer.kernel) for layer in layers if is_plain_dense(keras, layer)]
    trainable = [id(v) for v in model.trainable_variables]
    other = [id(v) for v in model.non_trainable_variables]
    # A kernel that two layers share has the sum of two gradients, so it cannot step while the first
    # of them is taken.
    dense = tuple(i for i, name in enumerate(trainable) if kernels.count(name) == 1)
    links = [_of_layer(keras, layer) for layer in layers]
    return Forward(_chained(links, trainable, other, bounds), weights, state, dense)


def fuse_blocks(
    chain: Sequence[blocks.Block],
    shapes: Sequence[blocks.Shape],
    weights: Sequence[Any],
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Forward:
    """
    The pure function of a network known by name; the same as that of its Keras model, to the bit.

    Parameters
    ----------
    chain : sequence of Block
        Its layers.
    shapes : sequence of tuple of int
        What each of them is given.
    weights : sequence of array
        In Keras's order.
    bounds : tuple of float, optional
        Values of uint8 images that become 0 and 1.

    Returns
    -------
    forward : Forward
        Without state.
    """
    names = [f"{i}" for i in range(len(weights))]
    unused = iter(names)
    links, dense = [], []
    for block, shape in zip(chain, shapes, strict=True):
        own = [next(unused) for _ in block.weights(shape)]
        links.append(_of_block(block, own))
        if isinstance(block, blocks.Dense):
            dense.append(int(own[0]))
    return Forward(_chained(links, names, [], bounds), list(weights), [], tuple(dense))


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
        given: tuple[Array, State] = scaled_call(model, bounds, weights, state, images, training)
        return given

    return apply


def scaled_call(
    model: Any,
    bounds: tuple[float, float],
    weights: Weights,
    state: State,
    images: Array,
    training: bool,
    **options: Any,
) -> Any:
    """
    A Keras model called whole.

    Parameters
    ----------
    model : keras.Model
    bounds : tuple of float
        Values of uint8 images that become 0 and 1.
    weights, state, images, training
        As for `Forward.apply`.
    **options
        For the model's `stateless_call`.

    Returns
    -------
    given : tuple
        As of `stateless_call`, with logarithms of probabilities in place of these.
    """
    if images.dtype == jnp.uint8:
        images = scale(images, bounds)
    output, *others = model.stateless_call(weights, state, images, training=training, **options)
    return clipped_log(output), *others


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
    probabilities = probabilities.astype(jnp.float32)  # as Keras's losses do with half precision
    total = probabilities.sum(-1, keepdims=True)
    return jnp.log(jnp.clip(probabilities / total, 1e-7, 1 - 1e-7))


def _chained(
    links: list[_Link],
    trainable: Sequence[Name],
    other: Sequence[Name],
    bounds: tuple[float, float],
) -> Callable[..., tuple[Array, State]]:
    steps = _steps(links)

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
        # By the number of a step, not of a layer: a network's blocks and its Keras model have the
        # same steps, and so the same draws.
        for number, step in enumerate(steps):
            flow.key = jax.random.fold_in(key, number)
            step(flow)
        log_probabilities = flow.values if flow.is_log else clipped_log(flow.values)
        return log_probabilities, [flow.state[name] for name in other]

    return apply


def _steps(links: list[_Link]) -> list[Step]:
    steps: list[Step] = []
    while links:
        fused = _conv_pool_run(links)
        if fused is not None:
            step, used = fused
        else:
            closing = links[0].closing if len(links) == 1 else None
            step, used = _as_floats(closing or links[0].alone), 1
        steps.append(step)
        links = links[used:]
    return steps


def _as_floats(step: Step) -> Step:
    """A step that knows nothing of raw bytes or dropped channels."""

    def floats(flow: _Flow) -> None:
        if flow.values.dtype == jnp.uint8:
            flow.values = scale(flow.values, flow.bounds)
        step(flow)
        flow.kept = None  # what this step gave may have other channels, and none need be zero

    return floats


def _conv_pool_run(links: list[_Link]) -> tuple[Step, int] | None:
    """
    The step for a convolution that a max pool follows, and how many layers it covers.

    Between the two may stand activations that never fall and one spatial dropout, which takes or
    leaves whole channels. Behind the dropout only an activation may stand that its factor passes;
    before it any, as the factor is then applied after the pool. Whatever else stands between ends
    the run, and each layer computes alone.
    """
    first = links[0]
    convolution = first.convolution
    if convolution is None or first.curve is None:
        return None
    curves, rate = [first.curve], None
    allowed = _RISING
    for position, link in enumerate(links[1:], start=1):
        if link.channel_rate is not None and rate is None:
            rate, allowed = link.channel_rate, _HOMOGENEOUS
            continue
        if link.pool is not None and first.curve.name in _RISING:
            return _fused_step(convolution, curves, rate, link.pool), position + 1
        if link.convolution is not None or link.curve is None:
            return None
        curves.append(link.curve)
        if link.curve.name not in allowed:
            return None
    return None


def _fused_step(
    convolution: _Convolution, curves: list[_Curve], rate: float | None, pool: int
) -> Step:
    names = {curve.name for curve in curves} - {"linear"}
    # The operation itself has ReLU and the channels' factors. Other activations follow the pool,
    # and then so does dropout, whose factor must not come before them.
    inside = names <= {"relu"}

    def step(flow: _Flow) -> None:
        weights = flow.variable(convolution.kernel)
        factors = _channel_factors(flow, rate, weights.shape[3])
        bias = convolution.bias
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
            for curve in curves:
                flow.values = curve.function(flow.values)
            if factors is not None:
                flow.values = flow.values * factors[:, None, None, :]
        flow.kept = factors

    return step


def _channel_dropout(rate: float) -> _Link:
    def step(flow: _Flow) -> None:
        factors = _channel_factors(flow, rate, flow.values.shape[3])
        if factors is not None:
            flow.values = flow.values * factors[:, None, None, :]

    return _Link(step, channel_rate=rate)


def _channel_factors(flow: _Flow, rate: float | None, channels: int) -> Array | None:
    """Factors of spatial dropout, shape (N, channels); kept ones keep the expectation."""
    if not rate or not flow.training:
        return None
    keep = jax.random.bernoulli(flow.key, 1 - rate, (len(flow.values), channels))
    return jnp.where(keep, 1 / (1 - rate), 0.0)


def _dropout(rate: float) -> _Link:
    """Inverted dropout: kept values are scaled up so that the expectation stays."""

    def step(flow: _Flow) -> None:
        if flow.training and rate > 0:
            keep = jax.random.bernoulli(flow.key, 1 - rate, flow.values.shape)
            flow.values = jnp.where(keep, flow.values / (1 - rate), 0)

    return _Link(step)


def _dense(kernel: Name, bias: Name | None, curve: _Curve) -> _Link:
    def multiply(flow: _Flow) -> Array:
        values = matmul(flow.values, flow.variable(kernel))
        return values if bias is None else values + flow.variable(bias)

    def step(flow: _Flow) -> None:
        flow.values = curve.function(multiply(flow))

    def in_logarithms(flow: _Flow) -> None:
        flow.values, flow.is_log = jax.nn.log_softmax(multiply(flow)), True

    # The logarithm of a softmax that was rounded to 0 would be lost; taken together it is not.
    return _Link(step, closing=in_logarithms if curve.name == "softmax" else None)


def _residual(first: tuple[Name, Name], second: tuple[Name, Name]) -> _Link:
    """Two convolutions, each given as the names of its kernel and bias."""

    def step(flow: _Flow) -> None:
        def convolved(values: Array, names: tuple[Name, Name]) -> Array:
            kernel, bias = map(flow.variable, names)
            return convolve(values, kernel) + bias

        added = convolved(jax.nn.relu(convolved(flow.values, first)), second)
        flow.values = jax.nn.relu(flow.values + added)

    return _Link(step)


def _of_block(block: blocks.Block, names: list[str]) -> _Link:
    """A layer of a network known by name; `names` are those of its weights."""
    return _OF_BLOCK[type(block)](block, names)


def _of_convolution(block: blocks.Conv, names: list[str]) -> _Link:
    curve = _CURVES[block.activation]
    alone = _layer(partial(_convolved, block, curve), names)
    if block.strides != 1:
        return _Link(alone)
    kernel, bias = names
    return _Link(alone, convolution=_Convolution(kernel, bias, block.padding), curve=curve)


def _of_max_pool(block: blocks.MaxPool, _: list[str]) -> _Link:
    is_plain = block.strides in (0, block.size)
    return _Link(_layer(partial(_highest, block)), pool=block.size if is_plain else None)


_CURVES = {
    curve.name: curve
    for curve in (
        _Curve("linear", lambda values: values),
        _Curve("relu", jax.nn.relu),
        _Curve("tanh", jnp.tanh),
        _Curve("softmax", jax.nn.softmax),
    )
}


def _layer(compute: Callable[..., Array], names: Sequence[str] = ()) -> Step:
    """The step of a layer that computes from its values and its weights alone."""

    def step(flow: _Flow) -> None:
        flow.values = compute(flow.values, *map(flow.variable, names))

    return step


def _convolved(
    block: blocks.Conv, curve: _Curve, values: Array, kernel: Array, bias: Array
) -> Array:
    sums = jax.lax.conv_general_dilated(
        values,
        kernel,
        (block.strides,) * 2,
        block.padding.upper(),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    result: Array = curve.function(sums + bias)
    return result


def _highest(block: blocks.MaxPool, values: Array) -> Array:
    return _pooled(block, values, -jnp.inf, jax.lax.max)


def _mean(block: blocks.MeanPool, values: Array) -> Array:
    return _pooled(block, values, 0.0, jax.lax.add) / block.size**2


def _pooled(
    block: blocks.MaxPool | blocks.MeanPool, values: Array, start: float, reduce: Any
) -> Array:
    window, strides = (block.size,) * 2, (block.strides or block.size,) * 2
    pooled: Array = jax.lax.reduce_window(
        values, start, reduce, (1, *window, 1), (1, *strides, 1), "VALID"
    )
    return pooled


def _mean_and_max(values: Array) -> Array:
    return jnp.concatenate([values.mean((1, 2)), values.max((1, 2))], -1)


def _among_neighbours(values: Array) -> Array:
    """As `LocalResponseNormalization` with the constants of its source."""
    channels = values.shape[-1]
    squares = jnp.pad(jnp.square(values), [(0, 0)] * 3 + [(2, 2)])
    total = sum(squares[..., i : i + channels] for i in range(5))
    return values / (2.0 + 1e-4 * total) ** 0.75


_OF_BLOCK: dict[type[blocks.Block], Callable[[Any, list[str]], _Link]] = {
    blocks.Conv: _of_convolution,
    blocks.MaxPool: _of_max_pool,
    blocks.MeanPool: lambda block, _: _Link(_layer(partial(_mean, block))),
    blocks.Flatten: lambda *_: _Link(_layer(lambda values: values.reshape(len(values), -1))),
    blocks.Dense: lambda block, names: _dense(names[0], names[1], _CURVES[block.activation]),
    blocks.Dropout: lambda block, _: _dropout(block.rate),
    blocks.SpatialDropout: lambda block, _: _channel_dropout(block.rate),
    blocks.ResidualBlock: lambda _, names: _residual((names[0], names[1]), (names[2], names[3])),
    blocks.MeanAndMax: lambda *_: _Link(_layer(_mean_and_max)),
    blocks.LocalResponse: lambda *_: _Link(_layer(_among_neighbours)),
}


def _of_layer(keras: Any, layer: Any) -> _Link:
    """A Keras layer; one of no known kind computes as Keras does."""
    layers = keras.layers
    if is_plain_convolution(keras, layer):
        bias = id(layer.bias) if layer.use_bias else None
        convolution = _Convolution(id(layer.kernel), bias, layer.padding)
        return _by_keras(keras, layer, convolution=convolution, curve=_curve_of(layer.activation))
    if isinstance(layer, layers.Activation):
        return _by_keras(keras, layer, curve=_curve_of(layer.activation))
    if isinstance(layer, layers.ReLU) and is_plain_relu(layer):
        return _by_keras(keras, layer, curve=_curve_of(keras.activations.relu))
    if _is_plain_pool(keras, layer):
        return _by_keras(keras, layer, pool=layer.pool_size[0])
    if type(layer) is layers.SpatialDropout2D:
        return _channel_dropout(layer.rate)
    if type(layer) is layers.Dropout and layer.noise_shape is None:
        return _dropout(layer.rate)
    if is_plain_dense(keras, layer):
        bias = id(layer.bias) if layer.use_bias else None
        return _dense(id(layer.kernel), bias, _curve_of(layer.activation))
    if _is_residual(keras, layer):
        first, second = (
            (id(inner.kernel), id(inner.bias)) for inner in (layer.first, layer.second)
        )
        return _residual(first, second)
    return _by_keras(keras, layer)


def _curve_of(activation: Any) -> _Curve:
    """An activation of Keras by its name; one of the user's own has none."""
    is_keras = getattr(activation, "__module__", "").startswith("keras.")
    return _Curve(activation.__name__ if is_keras else "", activation)


def _is_plain_pool(keras: Any, layer: Any) -> bool:
    return (
        type(layer) is keras.layers.MaxPooling2D
        and layer.pool_size[0] == layer.pool_size[1]
        and tuple(layer.strides) == tuple(layer.pool_size)
        and layer.padding == "valid"
        and layer.data_format == "channels_last"
    )


def _is_residual(keras: Any, layer: Any) -> bool:
    """Whether a layer is a `Residual` whose two convolutions are in single precision."""
    from stormlens.models._layers import Residual

    return type(layer) is Residual and all(
        is_plain_convolution(keras, inner) for inner in (layer.first, layer.second)
    )


def _by_keras(keras: Any, layer: Any, **known: Any) -> _Link:
    def step(flow: _Flow) -> None:
        values = [(variable, flow.variable(id(variable))) for variable in layer.variables]
        # Called as a model calls it. `layer.stateless_call` passes over what stands around a
        # layer's own computation: its precision, and whether layers inside of it are training.
        with keras.StatelessScope(state_mapping=values) as scope:
            flow.values = layer(flow.values, training=flow.training)
        for variable in layer.non_trainable_variables:
            flow.state[id(variable)] = scope.get_current_value(variable)

    return _Link(step, **known)
