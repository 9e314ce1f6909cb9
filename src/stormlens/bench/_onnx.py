"""
A network as an ONNX graph, written node by node from the engine's steps.

Images come in as Keras takes them, (N, rows, columns, channels), and are turned
to ONNX's (N, channels, rows, columns). They are turned back before they are
flattened, as the first dense layer's weights are in Keras's order.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.engine import Step
from stormlens.errors import InputError

IMAGES = "images"
"""Name of the graph's input; its output is `probabilities`."""

_OPSET = 17
_IR_VERSION = 8
_CURVES = {"relu": "Relu", "softmax": "Softmax", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def write_graph(path: str | Path, steps: Sequence[Step], shape: tuple[int, int, int]) -> None:
    """
    Write a network as an ONNX file.

    Parameters
    ----------
    path : str or Path
        File to write.
    steps : sequence of Step
        The network.
    shape : tuple of int
        (rows, columns, channels) of an image.

    Raises
    ------
    InputError
        If a step is none that is written.
    """
    import onnx

    graph = _Graph()
    graph.add("Transpose", perm=(0, 3, 1, 2))
    for step in steps:
        graph.step(step)
    classes = next(s.kernel.shape[-1] for s in reversed(steps) if s.kernel is not None)
    onnx.save(graph.model(shape, classes), str(path))


class _Graph:
    """Nodes, each fed by the one before."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.last = IMAGES
        self.kept = ""

    def step(self, step: Step) -> None:
        """Add the nodes of one step."""
        if step.kind == "convolution" and step.kernel is not None and step.bias is not None:
            top, bottom, left, right = step.padding
            self.add(
                "Conv",
                step.kernel.transpose(3, 2, 0, 1),
                step.bias,
                pads=(top, left, bottom, right),
                strides=step.strides,
                dilations=step.dilation,
                group=step.groups,
            )
        elif step.kind == "dense" and step.kernel is not None and step.bias is not None:
            self.add("Gemm", step.kernel, step.bias)
        elif step.kind in ("highest", "mean") and not any(step.padding):
            operation = "MaxPool" if step.kind == "highest" else "AveragePool"
            self.add(operation, kernel_shape=step.window, strides=step.strides)
        elif step.kind == "flatten":
            self.add("Transpose", perm=(0, 2, 3, 1))
            self.add("Flatten")
        elif step.kind == "keep":
            self.kept = self.last
        elif step.kind == "add":
            self.add("Add", others=(self.kept,))
        elif step.kind == "global both":
            whole, means = self.last, self.add("ReduceMean", axes=(2, 3), keepdims=0)
            self.last = whole
            highest = self.add("ReduceMax", axes=(2, 3), keepdims=0)
            self.last = means
            self.add("Concat", others=(highest,), axis=1)
        elif step.kind != "activation":
            raise InputError(f"A step {step.kind!r} is not written as ONNX.")
        if step.activation != "linear":
            self.add(_CURVES[step.activation])

    def add(
        self,
        operation: str,
        *constants: np.ndarray,
        others: Sequence[str] = (),
        **attributes: Any,
    ) -> str:
        """Add a node that takes the last one's output, others' and some constants."""
        from onnx import helper, numpy_helper

        names = [f"constant_{len(self.constants) + i}" for i in range(len(constants))]
        self.constants += [
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for value, name in zip(constants, names, strict=True)
        ]
        output = f"{operation.lower()}_{len(self.nodes)}"
        taken = [self.last, *others, *names]
        self.nodes.append(helper.make_node(operation, taken, [output], **attributes))
        self.last = output
        return output

    def model(self, shape: tuple[int, int, int], classes: int) -> Any:
        """Put it all together, and have ONNX check it."""
        import onnx
        from onnx import TensorProto, helper

        self.nodes[-1].output[0] = "probabilities"
        given = helper.make_tensor_value_info(IMAGES, TensorProto.FLOAT, ["N", *shape])
        found = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes])
        graph = helper.make_graph(self.nodes, "network", [given], [found], self.constants)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return model
