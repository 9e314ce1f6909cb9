"""
Networks that are no chain of known steps, as nodes of an ONNX graph, layer by layer.

What the engine knows of them is written as in a chain, and so are layers that add, multiply or
join what others give. Any other layer is traced by jax2onnx, by which Keras exports where it
computes on JAX: each alone, since of a whole model it makes max pools that ONNX Runtime refuses.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from importlib import import_module
from typing import Any

import numpy as np

from stormlens.errors import InputError, install_line
from stormlens.models._chain import chain_of
from stormlens.models._keras import import_keras
from stormlens.models._onnx_graph import Graph, Value, add_steps
from stormlens.models._steps import steps_by_layer

_PAIRED = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Maximum": "Max", "Minimum": "Min"}
_RANKS = (2, 4)  # of values in a row, and of maps
_SINGLE = "float32"
_OPSET = 21  # of an older one jax2onnx still writes nodes of later ones


def add_model(graph: Graph, model: Any, images: Value) -> tuple[str, bool, str]:
    """
    Add the nodes of a Keras model.

    Parameters
    ----------
    graph : Graph
        Where to.
    model : keras.Model
        Built; one image in, class probabilities out.
    images : Value
        What it takes.

    Returns
    -------
    name : str
        Of what it gives, float32 (N, classes).
    is_softmax : bool
        Whether it is a chain that ends in a softmax.
    written_by : str
        Who wrote the nodes, in words.

    Raises
    ------
    InputError
        If a layer cannot be exported, or jax2onnx is needed and not installed; the sentence
        names the layer.
    """
    keras = import_keras()
    writer = _Writer(graph, keras)
    name = writer.add(model, [images]).name
    if model.outputs[0].dtype != _SINGLE:
        name = graph.add("Cast", name, to=1)  # float32
    by = f", and of {', '.join(writer.traced)} by jax2onnx" if writer.traced else ""
    is_softmax = writer.ends_in_softmax and chain_of(keras, model) is not None
    return name, is_softmax, f"Stormlens{by}"


class _Writer:
    """Writes models into a graph, and keeps the names of layers that were traced."""

    def __init__(self, graph: Graph, keras: Any) -> None:
        self._graph, self._keras = graph, keras
        self.traced: list[str] = []
        self.ends_in_softmax = False

    def add(self, model: Any, given: Sequence[Value]) -> Value:
        """Add a model's layers in Keras's order."""
        tensors = map(id, model.inputs)
        values = dict(zip(tensors, given, strict=True))
        for node in _nodes(model):
            taken = [values[id(tensor)] for tensor in node.input_tensors]
            for tensor, value in zip(node.outputs, self._node(node, taken), strict=True):
                values[id(tensor)] = value
        return values[id(model.outputs[0])]

    def _node(self, node: Any, taken: Sequence[Value]) -> list[Value]:
        if self._is_inner(node):
            return [self.add(node.operation, taken)]
        self.ends_in_softmax = False
        if _is_single(node):
            steps = self._steps(node)
            if steps is not None:
                self.ends_in_softmax = bool(steps) and steps[-1].activation == "softmax"
                return [add_steps(self._graph, steps, taken[0])]
            other = self._pad(node, taken[0]) or self._join(node, [value.name for value in taken])
            if other is not None:
                return [Value(other, taken[0].is_map)]
        return self._trace(node, taken)

    def _is_inner(self, node: Any) -> bool:
        """Whether it is a model that lists its layers, with one output."""
        model, given = node.operation, node.arguments
        lists_layers = isinstance(model, self._keras.Sequential) or hasattr(
            model, "_nodes_by_depth"
        )
        return (
            isinstance(model, self._keras.Model)
            and lists_layers
            and len(given.args) == len(node.outputs) == 1
            and all(value is None for value in self._keras.tree.flatten(given.kwargs))
            and len(model.inputs) == len(node.input_tensors)
        )

    def _steps(self, node: Any) -> Any:
        """The engine's steps of a layer, or None."""
        layer = node.operation
        if not _takes_one(node) or not isinstance(layer, self._keras.layers.Layer):
            return None
        if len(layer._inbound_nodes) != 1:  # it has no one input whose shape could be read
            return None
        ((_, steps),) = steps_by_layer(self._keras, [layer], node.input_tensors[0].shape)
        return steps

    def _pad(self, node: Any, given: Value) -> str | None:
        """The node of a layer that puts zeros around maps, or None."""
        layer = node.operation
        if type(layer) is not self._keras.layers.ZeroPadding2D or not given.is_map:
            return None
        if layer.data_format != "channels_last":
            return None
        (top, bottom), (left, right) = layer.padding
        around = np.array([0, 0, top, left, 0, 0, bottom, right])
        return self._graph.add("Pad", given.name, around)

    def _join(self, node: Any, names: Sequence[str]) -> str | None:
        """The node of a layer that joins what others give, or None."""
        layer, kind = node.operation, type(node.operation).__name__
        if type(layer) is not getattr(self._keras.layers, kind, None):
            return None
        shapes = [tuple(tensor.shape) for tensor in node.input_tensors]
        if kind == "Concatenate" and layer.axis in (-1, len(shapes[0]) - 1):
            return self._graph.add("Concat", *names, axis=1)
        if len(set(shapes)) > 1:  # broadcast along axes in another order than ONNX's
            return None
        if kind == "Average":
            return self._graph.add("Mean", *names)
        if kind not in _PAIRED:
            return None
        return reduce(lambda one, other: self._graph.add(_PAIRED[kind], one, other), names)

    def _trace(self, node: Any, taken: Sequence[Value]) -> list[Value]:
        """The nodes that jax2onnx makes of a layer, which takes and gives maps as Keras does."""
        layer = node.operation
        self.traced.append(f"{layer.name!r} ({type(layer).__name__})")
        model = _traced(node, self.traced[-1])
        names = [
            self._graph.add("Transpose", value.name, perm=(0, 2, 3, 1))
            if value.is_map
            else value.name
            for value in taken
        ]
        return [
            Value(self._graph.add("Transpose", name, perm=(0, 3, 1, 2)), True)
            if len(tensor.shape) == 4
            else Value(name, False)
            for name, tensor in zip(self._graph.include(model, names), node.outputs, strict=True)
        ]


def _nodes(model: Any) -> Iterator[Any]:
    """What a model does, in the order in which Keras does it."""
    functional = getattr(model, "_functional", None) or model
    by_depth = functional._nodes_by_depth
    for depth in sorted(by_depth, reverse=True):
        yield from (node for node in by_depth[depth] if not node.is_input)


def _takes_one(node: Any) -> bool:
    """Whether one tensor is given and nothing else."""
    given = node.arguments
    return (
        len(node.input_tensors) == 1
        and len(given.args) == 1
        and not any(value is not None for value in given.kwargs.values())
    )


def _is_single(node: Any) -> bool:
    """Whether all that goes in and out is a row of values or a map, in single precision."""
    tensors = [*node.input_tensors, *node.outputs]
    of_layer = getattr(node.operation, "compute_dtype", _SINGLE)
    return of_layer == _SINGLE and all(
        tensor.dtype == _SINGLE and len(tensor.shape) in _RANKS for tensor in tensors
    )


def _traced(node: Any, named: str) -> Any:
    """What jax2onnx makes of a layer, as an ONNX model."""
    try:
        with _quiet():
            to_onnx = import_module("jax2onnx").to_onnx
    except ImportError as error:
        raise InputError(
            f"The network cannot be exported: layer {named} is not among those that Stormlens "
            f"writes, and jax2onnx, by which Keras exports, cannot be imported ({error}). In the "
            f"clone of Stormlens, run `{install_line('export-keras')}`, or replace the layer."
        ) from error
    import jax

    def run(*arrays: Any) -> Any:
        tensors = map(id, node.input_tensors)
        args, kwargs = node.arguments.fill_in(dict(zip(tensors, arrays, strict=True)))
        return node.operation(*args, **kwargs)

    given = [
        jax.ShapeDtypeStruct(("N", *tensor.shape[1:]), tensor.dtype)
        for tensor in node.input_tensors
    ]
    try:
        with _quiet():
            return to_onnx(run, inputs=given, opset=_OPSET)
    except Exception as error:  # of any kind: what it cannot do it finds out half-way
        raise InputError(
            f"The network cannot be exported: layer {named} is not among those that Stormlens "
            f"writes, and jax2onnx, by which Keras exports, does not know it ({error}). Replace "
            "the layer by ones of Keras's own that are exported."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what jax2onnx and its parts say to those who develop them."""
    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
