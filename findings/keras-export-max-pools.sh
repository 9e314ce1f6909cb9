#!/bin/sh
# Keras 3.15.1 on JAX with jax2onnx 0.17.1: a max pool is exported so that ONNX Runtime refuses it.
#
# Keras's model.export(path, format="onnx") works through jax2onnx where Keras computes on JAX.
# MaxPooling2D is a lax.reduce_window over all four axes, (1, 2, 2, 1), and becomes a MaxPool with
# four spatial axes: two axes are put before the values, and the kernel is 1 x 2 x 2 x 1. That is
# valid ONNX, and the checker finds no fault. ONNX Runtime 1.32.0 pools over one to three axes: it
# loads the file and refuses each image, and so does onnx's own reference. Nothing is said at export.
# AveragePooling2D becomes a convolution over four axes, which ONNX Runtime does run.
#
# Seen: nodes Unsqueeze, Unsqueeze, MaxPool, Squeeze
#   kernel_shape [1, 2, 2, 1]
#   onnx's reference: Not implemented yet for shape (1, 1, 1, 4, 4, 1).
#   ONNX Runtime: Unsupported pooling size.
# Way round it: export layers alone, and write the max pools oneself.
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
    "keras==3.15.1" "jax==0.10.2" "jax2onnx==0.17.1" "onnx==1.23.2" "onnxruntime==1.32.0"
KERAS_BACKEND=jax "$folder/venv/bin/python" - "$folder/pool.onnx" <<'PYTHON'
import sys

import keras
import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

path = sys.argv[1]
model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.MaxPooling2D(2)])
image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
model(image)  # it exports what was called
model.export(path, format="onnx", verbose=False)

graph = onnx.load(path)
onnx.checker.check_model(graph, full_check=True)
(pool,) = [node for node in graph.graph.node if node.op_type == "MaxPool"]
(kernel,) = [list(held.ints) for held in pool.attribute if held.name == "kernel_shape"]
print("nodes:", *[node.op_type for node in graph.graph.node])
print("kernel_shape:", kernel)
given = {graph.graph.input[0].name: image}


def refusal(ask):
    try:
        ask()
    except Exception as error:
        return str(error)
    return ""


reference = refusal(lambda: ReferenceEvaluator(graph).run(None, given))
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
runtime = refusal(lambda: session.run(None, given))
print("onnx's reference:", reference)
print("ONNX Runtime:", runtime)
assert kernel == [1, 2, 2, 1]
assert "Not implemented yet" in reference
assert "Unsupported pooling size" in runtime
PYTHON
