#!/bin/sh
# Keras 3.15.1 on JAX with jax2onnx 0.17.1: told an older opset, it writes nodes of a later one.
#
# model.export(path, format="onnx", opset_version=17) hands 17 to jax2onnx, and the file says so. A
# mean (GlobalAveragePooling2D) becomes a ReduceMean whose axes are an input, as they are since
# opset 18; in 17 they are an attribute. No warning is given; onnx's checker refuses the file, and
# so does ONNX Runtime 1.32.0 when it loads it. With opset_version=18 both take it.
#
# Seen: opset 17, ReduceMean with 2 inputs: checker refuses, ONNX Runtime refuses
#   opset 18, ReduceMean with 2 inputs: both take it, differs from Keras by less than 1e-6
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
    "keras==3.15.1" "jax==0.10.2" "jax2onnx==0.17.1" "onnx==1.23.2" "onnxruntime==1.32.0"
KERAS_BACKEND=jax "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import keras
import numpy as np
import onnx
import onnxruntime

model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.GlobalAveragePooling2D()])
image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
due = np.asarray(model(image))


def refusal(ask):
    try:
        ask()
    except Exception as error:
        return str(error).splitlines()[0]
    return ""


for opset in (17, 18):
    path = f"{sys.argv[1]}/mean-{opset}.onnx"
    model.export(path, format="onnx", verbose=False, opset_version=opset)
    graph = onnx.load(path)
    (told,) = [held.version for held in graph.opset_import if not held.domain]
    (mean,) = [node for node in graph.graph.node if node.op_type == "ReduceMean"]
    checker = refusal(lambda: onnx.checker.check_model(graph))
    options = {"providers": ["CPUExecutionProvider"]}
    runtime = refusal(lambda: onnxruntime.InferenceSession(path, **options))
    print(f"opset {told}, ReduceMean with {len(mean.input)} inputs")
    print("  checker:", checker or "takes it")
    print("  ONNX Runtime:", runtime or "takes it")
    assert told == opset and len(mean.input) == 2
    assert bool(checker) == bool(runtime) == (opset == 17)
session = onnxruntime.InferenceSession(path, **options)
found = session.run(None, {graph.graph.input[0].name: image})[0]
assert np.abs(found - due).max() < 1e-6
PYTHON
