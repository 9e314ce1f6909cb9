"""
What a network does to one window, read from its layers, for windows to share.

Sharing needs a chain of convolutions of stride 1 without padding, each followed
by activations and at most one pool whose stride is its side; then flattening
and dense layers. Dropout does nothing in prediction. `read_plan` gives such a
chain as plain data, or the reason why there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stormlens.models._chain import (
    chain_of,
    is_plain_convolution,
    is_plain_dense,
    is_plain_relu,
)
from stormlens.models._keras import import_keras
from stormlens.models._network import Network

Activations = tuple[Callable[[Any], Any], ...]
Weights = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Stage:
    """
    A convolution and what follows it up to the next: everything but the weights.

    Attributes
    ----------
    kernel : tuple of int
        Rows and columns.
    channels, filters : int
        Of input and output.
    before, after : tuple of callable
        Activations before and after the pool.
    pool : int
        Side and stride of the pool window; 1 for no pool.
    averages : bool
        Whether the pool takes the mean, not the maximum.
    """

    kernel: tuple[int, int]
    channels: int
    filters: int
    before: Activations = ()
    after: Activations = ()
    pool: int = 1
    averages: bool = False


@dataclass
class Plan:
    """
    A network's stages and dense layers.

    Attributes
    ----------
    stages : list of Stage
    dense : list of tuple of callable
        The activations after each dense layer.
    stage_weights, dense_weights : list of (kernel, bias)
        The weights of the moment as float32: (rows, columns, channels, filters) and
        (filters,); (inputs, units) and (units,).
    """

    stages: list[Stage] = field(default_factory=list)
    dense: list[Activations] = field(default_factory=list)
    stage_weights: list[Weights] = field(default_factory=list)
    dense_weights: list[Weights] = field(default_factory=list)

    def stride_near(self, wanted: int) -> int:
        """
        A stride with which windows share most.

        Windows whose starts differ by a multiple of what the pools reduce a map by look at the
        same pooled cells.

        Parameters
        ----------
        wanted : int
            Cells from window to window.

        Returns
        -------
        stride : int
            The nearest multiple of the sides of as many pools as half as much again holds.
        """
        shared = 1
        for stage in self.stages:
            if shared * stage.pool > 1.5 * wanted:
                break
            shared *= stage.pool
        return max(round(wanted / shared), 1) * shared


class _NoPlan(Exception):
    """Says what stands in the way."""


_NOT_FLAT = "the network does not flatten its feature maps just once"


def read_plan(network: Network) -> Plan | str:
    """
    A network as stages and dense layers.

    Parameters
    ----------
    network : Network
        One image in, class probabilities out.

    Returns
    -------
    plan : Plan or str
        The reason, in words that complete "cannot be shared: ...", where it is no such chain.
    """
    steps = network.steps
    if steps is not None and [step.kind for step in steps].count("flatten") != 1:
        return _NOT_FLAT  # known without Keras, which takes seconds
    keras = import_keras()
    layers = chain_of(keras, network.model)
    if layers is None:
        return "the network is no single chain of layers"
    flat = [type(layer) is keras.layers.Flatten for layer in layers]
    if flat.count(True) != 1:
        return _NOT_FLAT
    plan, split = Plan(), flat.index(True)
    try:
        for layer in layers[:split]:
            _add_to_stages(keras, plan, layer)
        for layer in layers[split + 1 :]:
            _add_to_dense(keras, plan, layer)
        _require(bool(plan.stages and plan.dense), "convolutions and dense layers are both needed")
    except _NoPlan as reason:
        return str(reason)
    return plan


def _require(fits: bool, reason: str) -> None:
    if not fits:
        raise _NoPlan(reason)


def _add_to_stages(keras: Any, plan: Plan, layer: Any) -> None:
    if _does_nothing(keras, layer):
        return
    if is_plain_convolution(keras, layer):
        _require(layer.padding == "valid", f"layer {layer.name} pads its input")
        rows, columns, channels, filters = layer.kernel.shape
        before = _activations(layer.name, layer.activation)
        plan.stages.append(Stage((rows, columns), channels, filters, before))
        plan.stage_weights.append(_weights(layer))
        return
    _require(bool(plan.stages), f"layer {layer.name} stands before any convolution")
    plan.stages[-1] = _extended(keras, plan.stages[-1], layer)


def _extended(keras: Any, stage: Stage, layer: Any) -> Stage:
    """A stage with one more layer, an activation or a pool."""
    activation = _as_activation(keras, layer)
    if activation is not None:
        if stage.pool == 1:
            return replace(stage, before=stage.before + activation)
        return replace(stage, after=stage.after + activation)
    pools = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
    plain = (
        type(layer) in pools
        and layer.pool_size[0] == layer.pool_size[1]
        and tuple(layer.strides) == tuple(layer.pool_size)
        and layer.padding == "valid"
        and layer.data_format == "channels_last"
    )
    _require(plain and stage.pool == 1, f"layer {layer.name} is of a kind that cannot be shared")
    return replace(stage, pool=layer.pool_size[0], averages=type(layer) is pools[1])


def _add_to_dense(keras: Any, plan: Plan, layer: Any) -> None:
    if _does_nothing(keras, layer):
        return
    if is_plain_dense(keras, layer):
        plan.dense.append(_activations(layer.name, layer.activation))
        plan.dense_weights.append(_weights(layer))
        return
    activation = _as_activation(keras, layer)
    _require(
        activation is not None and bool(plan.dense),
        f"layer {layer.name} is of a kind that cannot be shared",
    )
    plan.dense[-1] += activation or ()


def _does_nothing(keras: Any, layer: Any) -> bool:
    return type(layer) in (keras.layers.Dropout, keras.layers.SpatialDropout2D)


def _as_activation(keras: Any, layer: Any) -> Activations | None:
    if type(layer) is keras.layers.Activation:
        return _activations(layer.name, layer.activation)
    if type(layer) is keras.layers.ReLU and is_plain_relu(layer):
        return (keras.activations.relu,)
    return None


def _activations(name: str, function: Any) -> Activations:
    """None for linear; a function that Keras does not bring could look beyond its position."""
    _require(
        getattr(function, "__module__", "").startswith("keras."),
        f"the activation of layer {name} is not Keras's own",
    )
    return () if function.__name__ == "linear" else (function,)


def _weights(layer: Any) -> Weights:
    kernel = np.asarray(layer.kernel.value)
    bias = np.asarray(layer.bias.value) if layer.use_bias else np.zeros(kernel.shape[-1:])
    return kernel, bias.astype(np.float32)
