"""
A network as steps of the engine: what each layer becomes, from weights as Keras holds them.

Keras's own models are read here too, layer by layer. What is not known, or computes in another
precision, gives no steps, and is left to Keras.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.engine import Step
from stormlens.models._keras import import_keras

Floats = NDArray[np.float32]
Padding = tuple[int, int, int, int]


def convolution_step(
    kernel: Floats,
    bias: Floats,
    activation: str = "linear",
    *,
    constants: tuple[float, ...] = (),
    strides: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    padding: Padding = (0, 0, 0, 0),
) -> Step:
    """
    A convolution.

    Parameters
    ----------
    kernel, bias : ndarray of float32
        (rows, columns, channels / groups, filters) and (filters,).
    activation, constants, strides, dilation, groups, padding
        See `stormlens.engine.Step`.

    Returns
    -------
    step : Step
    """
    return Step(
        "convolution",
        (kernel.shape[0], kernel.shape[1]),
        strides,
        dilation,
        groups,
        padding,
        kernel,
        bias,
        activation,
        constants,
    )


def dense_step(
    kernel: Floats, bias: Floats, activation: str = "linear", constants: tuple[float, ...] = ()
) -> Step:
    """
    A dense layer on flat values.

    Parameters
    ----------
    kernel, bias : ndarray of float32
        (inputs, units) and (units,).
    activation, constants
        See `stormlens.engine.Step`.

    Returns
    -------
    step : Step
    """
    return Step("dense", kernel=kernel, bias=bias, activation=activation, constants=constants)


def pool_step(
    kind: str,
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: Padding = (0, 0, 0, 0),
) -> Step:
    """
    A pool.

    Parameters
    ----------
    kind : {"highest", "mean"}
        Of each window; cells beside the map are left out.
    window, strides, padding
        See `stormlens.engine.Step`.

    Returns
    -------
    step : Step
    """
    return Step(kind, window, strides, padding=padding)


def residual_steps(
    first: Floats, first_bias: Floats, second: Floats, second_bias: Floats
) -> list[Step]:
    """
    relu(x + conv(relu(conv(x)))), both convolutions keeping the map's size.

    Parameters
    ----------
    first, first_bias, second, second_bias : ndarray of float32
        Of the two 3 x 3 convolutions.

    Returns
    -------
    steps : list of Step
    """
    around = (1, 1, 1, 1)
    return [
        Step("keep"),
        convolution_step(first, first_bias, "relu", padding=around),
        convolution_step(second, second_bias, padding=around),
        Step("add"),
        Step("activation", activation="relu"),
    ]


def neighbours_step(size: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Step:
    """
    Local response normalisation.

    Parameters
    ----------
    size, k, alpha, beta
        As `stormlens.models._layers.LocalResponseNormalization` has them.

    Returns
    -------
    step : Step
    """
    return Step("neighbours", (size, 1), constants=(k, alpha, beta))


def same_padding(
    shape: Sequence[int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Padding:
    """
    Cells around a map with which there is a window for each stride, the odd one behind.

    Parameters
    ----------
    shape : sequence of int
        Rows and columns of the map.
    window, strides, dilation : tuple of int
        Along rows and columns.

    Returns
    -------
    padding : tuple of int
        Before and after the rows, before and after the columns.
    """
    sides = []
    for cells, size, stride, apart in zip(shape, window, strides, dilation, strict=False):
        reach = (size - 1) * apart + 1
        spare = max((-(-cells // stride) - 1) * stride + reach - cells, 0)
        sides += [spare // 2, spare - spare // 2]
    return sides[0], sides[1], sides[2], sides[3]


def keras_steps(
    keras: Any, layers: Sequence[Any], shape: tuple[int | None, ...]
) -> list[Step] | None:
    """
    The steps of a chain of Keras layers, with the weights that they hold now.

    Parameters
    ----------
    keras : module
    layers : sequence of keras.Layer
        In order, built.
    shape : tuple of int or None
        Of what the first is given: (N, rows, columns, channels).

    Returns
    -------
    steps : list of Step or None
        None where a layer is not known, or was first used on another shape: Keras tells no other.
    """
    steps: list[Step] = []
    for _, of_layer in steps_by_layer(keras, layers, shape):
        if of_layer is None:
            return None
        steps += of_layer
    return _folded(steps)


def steps_by_layer(
    keras: Any, layers: Sequence[Any], shape: tuple[int | None, ...]
) -> Iterator[tuple[Any, list[Step] | None]]:
    """
    The steps of each Keras layer of a chain, with the weights that it holds now.

    Parameters
    ----------
    keras, layers, shape
        As for `keras_steps`.

    Yields
    ------
    layer : keras.Layer
    steps : list of Step or None
        None where `keras_steps` gives None for it.
    """
    for layer in layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        fits = tuple(layer.input.shape[1:]) == tuple(shape[1:])
        shape = layer.output.shape
        read = _READERS.get(type(layer).__name__)
        known = fits and read is not None and _is_plain(keras, layer)
        yield layer, read(layer) if known and read is not None else None


Read = Callable[[Any], list[Step] | None]

_PRECISION = "float32"


def _is_plain(keras: Any, layer: Any) -> bool:
    """Whether a layer is one of Keras's own or ours, in single precision, channels last."""
    from stormlens.models import _layers

    name = type(layer).__name__
    is_known = type(layer) in (getattr(keras.layers, name, None), getattr(_layers, name, None))
    return (
        is_known
        and layer.compute_dtype == layer.variable_dtype == _PRECISION
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and getattr(layer, "quantization_mode", None) is None
        and not getattr(layer, "lora_enabled", False)
    )


def _array(variable: Any) -> Floats:
    return np.ascontiguousarray(np.asarray(variable.value), np.float32)


def _bias(layer: Any, count: int) -> Floats:
    return _array(layer.bias) if layer.use_bias else np.zeros(count, np.float32)


# Keras's activation functions by name, with the engine's name and constants. Relu's are the
# slope below its threshold, the most, and the threshold.
_CURVES: dict[str, tuple[str, tuple[float, ...]]] = {
    "linear": ("linear", ()),
    "relu": ("relu", ()),
    "relu6": ("relu", (0.0, 6.0, 0.0)),
    "leaky_relu": ("relu", (0.2, np.inf, 0.0)),
    "elu": ("elu", (1.0,)),
    **{
        name: (name, ())
        for name in (
            *("tanh", "sigmoid", "selu", "softplus", "softsign", "silu", "exponential"),
            *("hard_sigmoid", "gelu", "softmax"),
        )
    },
}


def _curve(activation: Any) -> tuple[str, tuple[float, ...]] | None:
    name = getattr(activation, "__name__", "")
    # By identity: keras.ops has functions of the same names and other defaults.
    is_keras = activation is getattr(import_keras().activations, name, None)
    return _CURVES.get(name) if is_keras else None


def _padding(layer: Any, window: Any, dilation: Sequence[int] = (1, 1)) -> Padding | None:
    if layer.padding == "valid":
        return (0, 0, 0, 0)
    if layer.padding != "same":
        return None
    rows, columns = layer.input.shape[1:3]
    if rows is None or columns is None:
        return None
    return same_padding(
        (rows, columns), tuple(window), tuple(layer.strides), (dilation[0], dilation[1])
    )


def _convolution(layer: Any) -> list[Step] | None:
    kernel = _array(layer.kernel)
    return _convolved(layer, kernel, layer.groups)


def _convolved(layer: Any, kernel: Floats, groups: int) -> list[Step] | None:
    curve = _curve(layer.activation)
    padding = _padding(layer, layer.kernel_size, layer.dilation_rate)
    if curve is None or padding is None:
        return None
    bias = _bias(layer, kernel.shape[3])
    return [
        convolution_step(
            kernel,
            bias,
            curve[0],
            constants=curve[1],
            strides=tuple(layer.strides),
            dilation=tuple(layer.dilation_rate),
            groups=groups,
            padding=padding,
        )
    ]


def _depthwise(layer: Any) -> list[Step] | None:
    kernel = _array(layer.kernel)
    rows, columns, channels, each = kernel.shape
    return _convolved(layer, kernel.reshape(rows, columns, 1, channels * each), channels)


def _separable(layer: Any) -> list[Step] | None:
    curve = _curve(layer.activation)
    padding = _padding(layer, layer.kernel_size, layer.dilation_rate)
    if curve is None or padding is None:
        return None
    depthwise, pointwise = _array(layer.depthwise_kernel), _array(layer.pointwise_kernel)
    rows, columns, channels, each = depthwise.shape
    return [
        convolution_step(
            depthwise.reshape(rows, columns, 1, channels * each),
            np.zeros(channels * each, np.float32),
            strides=tuple(layer.strides),
            dilation=tuple(layer.dilation_rate),
            groups=channels,
            padding=padding,
        ),
        convolution_step(pointwise, _bias(layer, pointwise.shape[3]), curve[0], constants=curve[1]),
    ]


def _dense(layer: Any) -> list[Step] | None:
    curve, kernel = _curve(layer.activation), _array(layer.kernel)
    if curve is None:
        return None
    bias = _bias(layer, kernel.shape[1])
    if len(layer.input.shape) == 2:
        return [dense_step(kernel, bias, *curve)]
    if len(layer.input.shape) == 4:  # on each cell of a map
        return [convolution_step(kernel[None, None], bias, curve[0], constants=curve[1])]
    return None


def _pool(kind: str) -> Read:
    def read(layer: Any) -> list[Step] | None:
        padding = _padding(layer, layer.pool_size)
        if padding is None:
            return None
        return [pool_step(kind, tuple(layer.pool_size), tuple(layer.strides), padding)]

    return read


def _global(kind: str) -> Read:
    return lambda layer: None if getattr(layer, "keepdims", False) else [Step(kind)]


def _activation(layer: Any) -> list[Step] | None:
    curve = _curve(layer.activation)
    return None if curve is None else [_activated(*curve)]


def _activated(name: str, constants: tuple[float, ...] = ()) -> Step:
    return Step("activation", activation=name, constants=constants)


def _relu(layer: Any) -> list[Step] | None:
    most = np.inf if layer.max_value is None else float(layer.max_value)
    slope, threshold = float(layer.negative_slope), float(layer.threshold)
    return [_activated("relu", (slope, most, threshold))]


def _leaky_relu(layer: Any) -> list[Step] | None:
    return [_activated("relu", (float(layer.negative_slope), np.inf, 0.0))]


def _elu(layer: Any) -> list[Step] | None:
    return [_activated("elu", (float(layer.alpha),))]


def _softmax(layer: Any) -> list[Step] | None:
    last = len(layer.input.shape) - 1
    return [_activated("softmax")] if layer.axis in (-1, last) else None


def _batch_norm(layer: Any) -> list[Step] | None:
    last = len(layer.input.shape) - 1
    if layer.axis not in (-1, last):
        return None
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    factor = 1 / np.sqrt(variance.astype(np.float64) + layer.epsilon)
    if layer.scale:
        factor *= _array(layer.gamma)
    offset = -mean * factor + (_array(layer.beta) if layer.center else 0.0)
    return [Step("scale", kernel=factor.astype(np.float32), bias=offset.astype(np.float32))]


def _layer_norm(layer: Any) -> list[Step] | None:
    last = len(layer.input.shape) - 1
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if list(axes) not in ([-1], [last]) or getattr(layer, "rms_scaling", False):
        return None
    channels = layer.input.shape[-1]
    factor = _array(layer.gamma) if layer.scale else np.ones(channels, np.float32)
    offset = _array(layer.beta) if layer.center else np.zeros(channels, np.float32)
    return [Step("normalise", kernel=factor, bias=offset, constants=(float(layer.epsilon),))]


def _rescaling(layer: Any) -> list[Step] | None:
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        return None
    channels = layer.input.shape[-1]
    return [
        Step(
            "scale",
            kernel=np.full(channels, layer.scale, np.float32),
            bias=np.full(channels, layer.offset, np.float32),
        )
    ]


def _residual(layer: Any) -> list[Step] | None:
    return residual_steps(
        *(
            _array(variable)
            for inner in (layer.first, layer.second)
            for variable in (inner.kernel, inner.bias)
        )
    )


def _nothing(layer: Any) -> list[Step] | None:
    return []


_READERS: dict[str, Read] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "Dense": _dense,
    "MaxPooling2D": _pool("highest"),
    "AveragePooling2D": _pool("mean"),
    "GlobalAveragePooling2D": _global("global mean"),
    "GlobalMaxPooling2D": _global("global highest"),
    "GlobalMeanMax": _global("global both"),
    "Flatten": lambda layer: [Step("flatten")] if len(layer.input.shape) == 4 else [],
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Rescaling": _rescaling,
    "Residual": _residual,
    "LocalResponseNormalization": lambda layer: [
        neighbours_step(layer.size, layer.k, layer.alpha, layer.beta)
    ],
    **dict.fromkeys(
        (
            *("Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise"),
            *("AlphaDropout", "ActivityRegularization", "Identity"),
            # Augmentation within a model, which is at work in training alone.
            *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
            *("RandomContrast", "RandomBrightness"),
        ),
        _nothing,
    ),
}


def _folded(steps: list[Step]) -> list[Step]:
    """Scales taken into the convolution or dense layer before them, where nothing is between."""
    folded: list[Step] = []
    for step in steps:
        before = folded[-1] if folded else None
        if (
            step.kind == "scale"
            and before is not None
            and before.kind in ("convolution", "dense")
            and before.activation == "linear"
        ):
            kernel = before.kernel * step.kernel  # type: ignore[operator]
            bias = before.bias * step.kernel + step.bias  # type: ignore[operator]
            folded[-1] = replace(before, kernel=kernel, bias=bias)
        else:
            folded.append(step)
    return folded
