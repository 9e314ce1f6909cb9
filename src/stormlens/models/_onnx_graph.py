"""
ONNX graphs, written node by node, and a network's steps among them.

A network's maps are (N, channels, rows, columns) here, as ONNX has them, and are turned to
Keras's (N, rows, columns, channels) before they are flattened, since the first dense layer's
weights are in that order.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stormlens.engine import Step
from stormlens.errors import InputError, import_extra

Floats = NDArray[np.float32]

OPSET = 18
"""Of the operators: known to ONNX Runtime since 1.14 and to OpenVINO since 2023.0."""

IMAGES = "images"
"""What a network's graph takes, of `network_graph`."""

PROBABILITIES = "probabilities"
"""What a graph gives."""

_IR_VERSIONS = {OPSET: 8}  # of the file's format, as old as the operators; else as below
_IR_VERSION = 10
_MOST_BYTES = 2**31 - 1  # of a protocol buffer
_SELU = {"alpha": 1.67326324, "gamma": 1.05070098}
_FOLLOWED = {"highest": "MaxPool", "mean": "AveragePool"}


need = partial(import_extra, opening="ONNX files are written with", extra="export")


@dataclass(frozen=True)
class Value:
    """
    What a node gives.

    Attributes
    ----------
    name : str
    is_map : bool
        Whether it is (N, channels, rows, columns), else (N, values).
    """

    name: str
    is_map: bool


@dataclass
class Graph:
    """
    Nodes and constants; nodes stand in the order in which they are computed.

    Attributes
    ----------
    nodes, constants : list
        As ONNX holds them.
    opset : int
        Of the operators that they need.
    """

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    opset: int = OPSET

    def add(self, operation: str, *inputs: str | float | NDArray[Any], **attributes: Any) -> str:
        """
        Add a node.

        Parameters
        ----------
        operation : str
            ONNX's name of it.
        *inputs : str, float or ndarray
            Names of what other nodes give, and constants; a number is one of float32.
        **attributes
            Of the operation.

        Returns
        -------
        name : str
            Of what it gives.
        """
        from onnx import helper

        names = [given if isinstance(given, str) else self._constant(given) for given in inputs]
        output = f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [output], output, **attributes))
        return output

    def _constant(self, values: float | NDArray[Any]) -> str:
        from onnx import numpy_helper

        array = np.float32(values) if isinstance(values, float) else values
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def include(self, model: Any, inputs: Sequence[str]) -> list[str]:
        """
        Add the nodes and constants of a model.

        Parameters
        ----------
        model : onnx.ModelProto
            Of these operators or later ones.
        inputs : sequence of str
            Names of what is given to it, in its own order.

        Returns
        -------
        names : list of str
            Of what it gives.
        """
        from onnx import compose, inliner

        self.opset = max(self.opset, *(own.version for own in model.opset_import if not own.domain))
        flat = inliner.inline_local_functions(model)
        inner = compose.add_prefix(flat, f"of_{len(self.nodes)}_").graph
        self.constants += inner.initializer
        for name, taken in zip(inputs, inner.input, strict=True):
            self.nodes.append(_identity(name, taken.name))
        self.nodes += inner.node
        return [given.name for given in inner.output]

    def model(self, given: tuple[str, type, Sequence[int]], classes: int, name: str) -> Any:
        """
        Put it all together, and have ONNX check it.

        Parameters
        ----------
        given : tuple
            Name, kind of number and shape of an image, of what the graph takes.
        classes : int
            Of `PROBABILITIES`, which the last node gives.
        name : str
            Of the graph.

        Returns
        -------
        model : onnx.ModelProto

        Raises
        ------
        InputError
            If there is more than a file holds.
        """
        import onnx
        from onnx import TensorProto, helper

        taken, kind, shape = given
        self.nodes[-1].output[0] = PROBABILITIES
        number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        before = helper.make_tensor_value_info(taken, number, ["N", *shape])
        after = helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["N", classes])
        graph = helper.make_graph(self.nodes, name, [before], [after], self.constants)
        opset = [helper.make_opsetid("", self.opset)]
        version = _IR_VERSIONS.get(self.opset, _IR_VERSION)
        model = helper.make_model(graph, opset_imports=opset, ir_version=version)
        if model.ByteSize() > _MOST_BYTES:
            raise InputError(
                f"The network takes {model.ByteSize():,} bytes, and an ONNX file holds "
                f"{_MOST_BYTES:,} at most; export one with fewer weights."
            )
        onnx.checker.check_model(model, full_check=True)
        return model


def network_graph(steps: Sequence[Step], shape: tuple[int, int, int]) -> Any:
    """
    A network alone as an ONNX model, from scaled images to what its last step gives.

    Parameters
    ----------
    steps : sequence of Step
        The network.
    shape : tuple of int
        (rows, columns, channels) of an image.

    Returns
    -------
    model : onnx.ModelProto
        Takes "images", float32 (N, rows, columns, channels), as Keras does; gives
        "probabilities", float32 (N, classes).

    Raises
    ------
    InputError
        If onnx is not installed.
    """
    need("onnx")
    graph = Graph()
    turned = Value(graph.add("Transpose", IMAGES, perm=(0, 3, 1, 2)), True)
    add_steps(graph, steps, turned)
    classes = next(step.kernel.shape[-1] for step in reversed(steps) if step.kernel is not None)
    return graph.model((IMAGES, np.float32, shape), classes, "network")


def add_steps(graph: Graph, steps: Sequence[Step], given: Value) -> Value:
    """
    Add the nodes of steps, one behind the other.

    Parameters
    ----------
    graph : Graph
        Where to.
    steps : sequence of Step
        Of the engine.
    given : Value
        What the first step takes.

    Returns
    -------
    value : Value
        What the last one gives.
    """
    kept: list[Value] = []
    for step in steps:
        if step.kind == "keep":
            kept.append(given)
        elif step.kind == "add":
            given = replace(given, name=graph.add("Add", given.name, kept.pop().name))
        else:
            given = _ADDERS[step.kind](graph, step, given)
        if step.activation != "linear":
            given = replace(given, name=_add_activation(graph, step, given.name))
    return given


def _add_convolution(graph: Graph, step: Step, given: Value) -> Value:
    kernel, bias = _weights(step)
    name = graph.add(
        "Conv",
        given.name,
        kernel.transpose(3, 2, 0, 1),
        bias,
        kernel_shape=step.window,
        pads=_pads(step),
        strides=step.strides,
        dilations=step.dilation,
        group=step.groups,
    )
    return Value(name, True)


def _weights(step: Step) -> tuple[Floats, Floats]:
    return cast(Floats, step.kernel), cast(Floats, step.bias)


def _pads(step: Step) -> tuple[int, int, int, int]:
    top, bottom, left, right = step.padding
    return top, left, bottom, right


def _add_dense(graph: Graph, step: Step, given: Value) -> Value:
    return Value(graph.add("Gemm", given.name, *_weights(step)), False)


def _add_pool(graph: Graph, step: Step, given: Value) -> Value:
    # Cells beside the map count as nothing, which is ONNX's default for either pool.
    name = graph.add(
        _FOLLOWED[step.kind],
        given.name,
        kernel_shape=step.window,
        pads=_pads(step),
        strides=step.strides,
    )
    return Value(name, True)


def _add_scale(graph: Graph, step: Step, given: Value) -> Value:
    return replace(given, name=_scaled(graph, step, given.name, given.is_map))


def _scaled(graph: Graph, step: Step, name: str, is_map: bool) -> str:
    """Each channel times the step's kernel plus its bias."""
    factor, offset = (values.reshape(-1, 1, 1) if is_map else values for values in _weights(step))
    return graph.add("Add", graph.add("Mul", name, factor), offset)


def _add_normalise(graph: Graph, step: Step, given: Value) -> Value:
    less = graph.add("Sub", given.name, _mean(graph, given.name))
    # Once more: the mean of many large values is rounded, and what is left of it counts.
    less = graph.add("Sub", less, _mean(graph, less))
    variance = _mean(graph, graph.add("Mul", less, less))
    (epsilon,) = step.constants
    deviation = graph.add("Sqrt", graph.add("Add", variance, float(epsilon)))
    name = graph.add("Div", less, deviation)
    return replace(given, name=_scaled(graph, step, name, given.is_map))


def _mean(graph: Graph, name: str) -> str:
    """Over the channels of each cell."""
    return graph.add("ReduceMean", name, np.array([1]))


def _add_neighbours(graph: Graph, step: Step, given: Value) -> Value:
    k, alpha, beta = step.constants
    size = step.window[0] // 2 * 2 + 1  # as many channels on one side as on the other
    name = graph.add("LRN", given.name, size=size, bias=k, alpha=alpha * size, beta=beta)
    return Value(name, given.is_map)


def _add_global(graph: Graph, step: Step, given: Value) -> Value:
    wanted = {"global mean": ["Average"], "global highest": ["Max"]}
    pooled = [
        graph.add("Flatten", graph.add(f"Global{kind}Pool", given.name))
        for kind in wanted.get(step.kind, ["Average", "Max"])
    ]
    return Value(pooled[0] if len(pooled) == 1 else graph.add("Concat", *pooled, axis=1), False)


def _add_flatten(graph: Graph, step: Step, given: Value) -> Value:
    if not given.is_map:
        return given
    turned = graph.add("Transpose", given.name, perm=(0, 2, 3, 1))
    return Value(graph.add("Flatten", turned), False)


def _add_nothing(graph: Graph, step: Step, given: Value) -> Value:
    return given


_ADDERS: dict[str, Callable[[Graph, Step, Value], Value]] = {
    "convolution": _add_convolution,
    "dense": _add_dense,
    "highest": _add_pool,
    "mean": _add_pool,
    "activation": _add_nothing,
    "scale": _add_scale,
    "normalise": _add_normalise,
    "neighbours": _add_neighbours,
    "global mean": _add_global,
    "global highest": _add_global,
    "global both": _add_global,
    "flatten": _add_flatten,
}


def _add_activation(graph: Graph, step: Step, given: str) -> str:
    if step.activation == "relu":
        return _add_relu(graph, given, *(step.constants or (0.0, np.inf, 0.0)))
    if step.activation in _ALONE:
        operation, attributes = _ALONE[step.activation]
        return graph.add(operation, given, **attributes)
    if step.activation == "elu":
        return graph.add("Elu", given, alpha=step.constants[0])
    if step.activation == "silu":
        return graph.add("Mul", given, graph.add("Sigmoid", given))
    # What is left is gelu, by the error function: x (1 + erf(x / sqrt 2)) / 2.
    error = graph.add("Erf", graph.add("Mul", given, math.sqrt(0.5)))
    half = graph.add("Mul", given, 0.5)
    return graph.add("Mul", half, graph.add("Add", error, 1.0))


_ALONE: dict[str, tuple[str, dict[str, Any]]] = {
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "selu": ("Selu", _SELU),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "exponential": ("Exp", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "softmax": ("Softmax", {"axis": 1}),
}


def _add_relu(graph: Graph, given: str, slope: float, most: float, threshold: float) -> str:
    """Of x: min(x, most) above the threshold, else slope (x - threshold)."""
    if not threshold and not slope:
        top = () if most == np.inf else (0.0, most)
        return graph.add("Clip", given, *top) if top else graph.add("Relu", given)
    if not threshold and most == np.inf:
        return graph.add("LeakyRelu", given, alpha=slope)
    high = given if most == np.inf else graph.add("Min", given, most)
    beyond = graph.add("Sub", given, threshold)
    low = graph.add("Mul", beyond, slope)
    above = graph.add("Greater", given, threshold)
    return graph.add("Where", above, high, low)


def _identity(given: str, name: str) -> Any:
    from onnx import helper

    return helper.make_node("Identity", [given], [name], name)
