"""
Whole processes, started cold: from a file to its modes, beside peers on the same network.

    python benchmarks/cold.py [--radar FOLDER] [--runs N]

Processor seconds and peak memory are the median of so many runs, all commands taking turns, so
that a machine whose speed drifts treats them alike. Python's byte code is kept, as it is after a
first run. What slides is a network with its first weights. ONNX Runtime's process imports NumPy,
reads the boxes and answers once; it needs `pip install -e ".[bench]"`. Radar files are
measured where their folder is given.
"""

import argparse
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# In a process of its own: a child's peak memory is at least what this one had when it began.
_PREPARE = """
import sys
from pathlib import Path
import numpy as np
from stormlens.datasets import load
from stormlens.models import Classifier, build, network_graph
folder = Path(sys.argv[1])
Classifier(build("svrimg-3conv", seed=0), "svrimg-3conv").save(folder / "run")
np.save(folder / "boxes.npy", load("simulated", split="test", count=5)["reflectivity"].values)
network = Classifier.shipped().network
graph = network_graph(network.steps or (), network.input_shape)
(folder / "network.onnx").write_bytes(graph.SerializeToString())
"""
_PEER = """
import sys
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
boxes = np.load(sys.argv[2]).astype(np.float32)[..., None] / np.float32(80)
print(session.run(None, {"images": boxes})[0].argmax(1))
"""
_RADAR = {
    "NEXRAD volume": "KLIX20050828_180149.gz",
    "MRMS mosaic": "MRMS_MergedReflectivityQCComposite_00.50_20220704-110040.grib2",
}


def commands(folder: Path, radar: Path | None) -> dict[str, list[str]]:
    """What is measured, by name."""
    stormlens = [sys.executable, "-m", "stormlens"]
    boxes, graph = folder / "boxes.npy", folder / "network.onnx"
    subprocess.run([sys.executable, "-c", _PREPARE, str(folder)], check=True)
    (folder / "peer.py").write_text(_PEER)
    peer = [str(folder / "peer.py"), str(graph), str(boxes)]
    held = {
        "import numpy": [sys.executable, "-c", "import numpy"],
        "import typer": [sys.executable, "-c", "import typer"],
        "stormlens --help": [*stormlens, "--help"],
        "ONNX Runtime, five boxes": [sys.executable, *peer],
        "classify, five boxes": [*stormlens, "classify", str(boxes)],
    }
    for name, file in _RADAR.items() if radar is not None else ():
        path = str(Path(radar) / file)
        held[f"classify, {name}"] = [*stormlens, "classify", path]
        held[f"the same, --map, {name}"] = [*held[f"classify, {name}"], "--map", f"{folder}/m.png"]
    if radar is not None:
        mosaic = str(Path(radar) / _RADAR["MRMS mosaic"])
        slide = ["slide", mosaic, "--run", f"{folder}/run"]
        held["slide svrimg-3conv, MRMS mosaic"] = [*stormlens, *slide]
    return held


def once(command: list[str]) -> tuple[float, float, float]:
    """Seconds of the clock and of the processor, and MiB, of one process."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    clock = os.times().elapsed
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        return math.nan, math.nan, math.nan
    scale = 2**20 if platform.system() == "Darwin" else 2**10
    return os.times().elapsed - clock, used.ru_utime + used.ru_stime, used.ru_maxrss / scale


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--radar", type=Path, help="folder of the two real files")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stormlens-cold-") as name:
        held = commands(Path(name), options.radar)
        for command in held.values():  # byte code, and files in the system's memory
            once(command)
        runs = {name: [] for name in held}
        for _ in range(options.runs):
            for name, command in held.items():
                runs[name].append(once(command))
    print("| process | seconds | processor seconds | MiB |\n| --- | ---: | ---: | ---: |")
    for name, found in runs.items():
        clock, processor, memory = (
            statistics.median(column) for column in zip(*found, strict=True)
        )
        print(f"| {name} | {clock:.2f} | {processor:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
