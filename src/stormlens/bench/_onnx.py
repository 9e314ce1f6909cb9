"""
A network as an ONNX graph, written node by node with its weights.

Images come in as Keras takes them, (N, rows, columns, channels), and are turned
to ONNX's (N, channels, rows, columns). They are turned back before they are
flattened, as the first dense layer's weights are in Keras's order. Dropout does
nothing in prediction and is left out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.bench._network import Layer
from stormlens.stormbox import SIZE

IMAGES = "images"
"""Name of the graph's input; its output is `probabilities`."""

_OPSET = 17
_IR_VERSION = 8


def write_graph(path: str | Path, layers: Sequence[Layer], weights: Sequence[np.ndarray]) -> None:
    """
    Write a network as an ONNX file.

    Parameters
    ----------
    path : str or Path
        File to write.
    layers : sequence of Layer
        The network.
    weights : sequence of ndarray of float32
        Kernel and bias of each layer that has them, in Keras's layout.
    """
    import onnx

    graph = _Graph(iter(weights))
    graph.add("Transpose", perm=(0, 3, 1, 2))
    for layer in layers:
        graph.layer(layer)
    onnx.save(graph.model(layers[-1].units), str(path))


class _Graph:
    """A chain of nodes, each fed by the one before."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.last = IMAGES

    def layer(self, layer: Layer) -> None:
        """Add the nodes of one layer."""
        if layer.kind == "conv":
            kernel, bias = next(self.weights), next(self.weights)
            self.add("Conv", kernel.transpose(3, 2, 0, 1), bias)
        elif layer.kind == "max_pool":
            window = (layer.size, layer.size)
            self.add("MaxPool", kernel_shape=window, strides=window)
        elif layer.kind == "flatten":
            self.add("Transpose", perm=(0, 2, 3, 1))
            self.add("Flatten")
        elif layer.kind == "dense":
            self.add("Gemm", next(self.weights), next(self.weights))
        if layer.activation != "linear":
            self.add({"relu": "Relu", "softmax": "Softmax"}[layer.activation])

    def add(self, operation: str, *constants: np.ndarray, **attributes: Any) -> None:
        """Add a node that takes the last one's output and some constants."""
        from onnx import helper, numpy_helper

        names = [f"constant_{len(self.constants) + i}" for i in range(len(constants))]
        self.constants += [
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for value, name in zip(constants, names, strict=True)
        ]
        output = f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, [self.last, *names], [output], **attributes))
        self.last = output

    def model(self, classes: int) -> Any:
        """Put it all together, and have ONNX check it."""
        import onnx
        from onnx import TensorProto, helper

        self.nodes[-1].output[0] = "probabilities"
        given = helper.make_tensor_value_info(IMAGES, TensorProto.FLOAT, ["N", SIZE, SIZE, 1])
        found = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes])
        graph = helper.make_graph(self.nodes, "network", [given], [found], self.constants)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return model
