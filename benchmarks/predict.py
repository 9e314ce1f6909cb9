"""
Warm prediction beside ONNX Runtime and OpenVINO, in one process, taking turns of three passes.

    python benchmarks/predict.py [--boxes N] [--rounds N]

Milliseconds a SIMULATED box on all cores, the least of all passes, and how many times as long the
peers take; all from raw dBZ, peers in batches of 64. The first pass of a turn meets the threads of
the one before, which still wait busily for more. GFLOP/s count each product of the network as it is
written, pools' cells included; the peak is measured as `stormlens bench` does. The shipped
network's eight orientations are one here. Needs `pip install -e ".[bench]"`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from stormlens.bench import measure_machine
from stormlens.datasets import load
from stormlens.engine import Step
from stormlens.models import Classifier, Network, build, network_graph

BATCH, PASSES = 64, 3
BOUNDS = (0.0, 75.0)
NETWORKS = ("chapter-relu", "svrimg-3conv", "shipped")


def flops(steps: list[Step]) -> float:
    """Twice the products of one box."""
    rows, columns, total = 136, 136, 0.0
    for step in steps:
        if step.kind == "convolution":
            top, bottom, left, right = step.padding
            rows += top + bottom - step.window[0] + 1
            columns += left + right - step.window[1] + 1
            total += 2.0 * step.kernel.size * rows * columns
        elif step.kind == "highest":
            rows, columns = rows // step.window[0], columns // step.window[1]
        elif step.kind == "dense":
            total += 2.0 * step.kernel.size
    return total


def peers(path: Path, boxes: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """What answers, by name."""
    import onnxruntime
    import openvino

    parts = range(0, len(boxes), BATCH)

    def scaled(first: int) -> np.ndarray:
        return boxes[first : first + BATCH, ..., None].astype(np.float32) / np.float32(BOUNDS[1])

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(
        str(path), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    )
    return {
        "ONNX Runtime": lambda: np.concatenate(
            [session.run(None, {"images": scaled(first)})[0] for first in parts]
        ),
        "OpenVINO": lambda: np.concatenate([compiled([scaled(first)])[0] for first in parts]),
    }


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--boxes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    boxes = load("simulated", split="train", count=options.boxes)["reflectivity"].values
    print("| network | Stormlens | ONNX Runtime | OpenVINO | GFLOP/s | of peak |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in NETWORKS:
        shipped = name == "shipped"
        network = Classifier.shipped().network if shipped else Network.of_model(build(name))
        steps = network.steps or []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            path.write_bytes(network_graph(steps, network.input_shape).SerializeToString())
            runs = {"Stormlens": lambda n=network: n.probabilities(boxes, BOUNDS)}
            runs |= peers(path, boxes)
            answers = {who: run() for who, run in runs.items()}
            for who, answer in answers.items():
                np.testing.assert_allclose(answer, answers["Stormlens"], atol=1e-4, err_msg=who)
            best = dict.fromkeys(runs, np.inf)
            for _ in range(options.rounds):
                for who, run in runs.items():
                    for _ in range(PASSES):
                        began = time.perf_counter()
                        run()
                        best[who] = min(best[who], (time.perf_counter() - began) / len(boxes))
        peak = 1e9 * measure_machine().gflops
        speed = flops(steps) / best["Stormlens"]
        cells = [
            f"{1e3 * seconds:.3f} ms" + (f" ({seconds / best['Stormlens']:.2f})" if i else "")
            for i, seconds in enumerate(best.values())
        ]
        print(f"| {name} | {' | '.join(cells)} | {speed / 1e9:.0f} | {speed / peak:.0%} |")


if __name__ == "__main__":
    main()
