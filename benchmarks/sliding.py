"""
Seconds of a field of probabilities over a national mosaic, sliding and box by box, as Markdown.

    python benchmarks/sliding.py [--models svrimg-3conv chapter-relu] [--mosaics SIMULATED FILE]
                                 [--stride 8] [--repeat 5]

A model is a name (untrained weights) or the folder of a run; a mosaic is the word SIMULATED or
a radar file that `stormlens.readers.read` takes. The simulated one is full: simulated boxes of
all modes laid side by side. Each row is measured in a process of its own. The first call
compiles, with an empty cache; then both ways take turns, so that a busy machine slows both,
and the best of each counts; processor seconds, of all threads, depend less on other work. Box
by box is `Classifier.probabilities` of boxes cut beforehand; `model.predict` is Keras's own (on
JAX), timed once on the first 2,048 of them after a call that compiles, and scaled to all. Memory
is what the sliding calls add to the process at their peak (Linux only).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from stormlens.models import Classifier

MODELS = ("svrimg-3conv", "chapter-relu")
AT_A_TIME = 1024
COLUMNS = (
    "network",
    "mosaic",
    "echo",
    "boxes",
    "box by box, s (processor s)",
    "sliding, s (processor s)",
    "times",
    "model.predict, s",
    "times",
    "first call, s",
    "largest difference",
    "memory, MiB",
)


def main() -> None:
    """Print a row for each model and mosaic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--mosaics", nargs="+", default=["SIMULATED"])
    parser.add_argument("--stride", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options.models[0], options.mosaics[0], options)))
        return
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * 2 + " ---: |" * (len(COLUMNS) - 2))
    for model in options.models:
        for mosaic in options.mosaics:
            row = ask(model, mosaic, options)
            print("| " + " | ".join(cells(row, Path(mosaic).name)) + " |", flush=True)


def cells(row: dict, mosaic: str) -> list[str]:
    """A row's figures as text, in the order of COLUMNS."""
    (sliding, sliding_cpu), (apart, apart_cpu) = row["sliding"], row["apart"]
    return [
        row["model"],
        mosaic,
        f"{row['echo']:.0%}",
        f"{row['boxes']:,}",
        f"{apart:.2f} ({apart_cpu:.2f})",
        f"{sliding:.2f} ({sliding_cpu:.2f})",
        f"{apart / sliding:.1f} ({apart_cpu / sliding_cpu:.1f})",
        f"{row['keras']:.0f}",
        f"{row['keras'] / sliding:.0f}",
        f"{row['first']:.1f}",
        f"{row['difference']:.0e}",
        f"{row['memory']:.0f}",
    ]


def ask(model: str, mosaic: str, options: argparse.Namespace) -> dict:
    """Figures of one row, from a process with an empty compilation cache."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {
            **os.environ,
            "JAX_COMPILATION_CACHE_DIR": cache,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",  # as stormlens sets it
        }
        command = [sys.executable, __file__, "--worker", "--models", model, "--mosaics", mosaic]
        command += ["--stride", str(options.stride), "--repeat", str(options.repeat)]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    return json.loads(done.stdout.splitlines()[-1])


def measure(model: str, mosaic: str, options: argparse.Namespace) -> dict:
    """Both ways on one mosaic."""
    from stormlens.models import Classifier, build, slide

    trained = Path(model).is_dir()
    classifier = Classifier.load(model) if trained else Classifier(build(model), model)
    field = simulated() if mosaic == "SIMULATED" else read(mosaic)
    before = start_counting()

    def sliding() -> np.ndarray:
        found = slide(classifier, field, stride=options.stride)
        return found["probability"].values.reshape(-1, len(classifier.classes))

    seconds: dict[str, list[tuple[float, float]]] = {"sliding": [], "apart": []}
    (first, _), _ = timed(sliding)
    for _ in range(2):
        sliding()
    memory = peak() - before
    boxes = cut(field["reflectivity"].values, classifier.image_shape, options.stride)

    def apart() -> np.ndarray:
        parts = [boxes[i : i + AT_A_TIME] for i in range(0, len(boxes), AT_A_TIME)]
        return np.concatenate([classifier.probabilities(part) for part in parts])

    expected = apart()
    difference = float(np.abs(sliding() - expected).max())
    for _ in range(options.repeat):
        for name, way in (("sliding", sliding), ("apart", apart)):
            seconds[name].append(timed(way)[0])
    return {
        "model": f"{classifier.architecture}, {'trained' if trained else 'untrained'}",
        "echo": float((field["reflectivity"].values > 0).mean()),
        "boxes": len(boxes),
        "keras": keras_seconds(classifier, boxes[:2048]) * len(boxes),
        "first": first,
        "difference": difference,
        "memory": memory,
        **{name: np.min(values, axis=0).tolist() for name, values in seconds.items()},
    }


def keras_seconds(classifier: "Classifier", boxes: np.ndarray) -> float:
    """Seconds a box of Keras's own prediction."""
    scaled = (boxes[..., None] - np.float32(classifier.minimum)) / np.float32(
        classifier.maximum - classifier.minimum
    )
    classifier.model.predict(scaled, batch_size=64, verbose=0)
    (seconds, _), _ = timed(lambda: classifier.model.predict(scaled, batch_size=64, verbose=0))
    return seconds / len(boxes)


def simulated(seed: int = 0) -> xr.Dataset:
    """A national mosaic of SIMULATED boxes side by side, none of them without echo."""
    from stormlens import load
    from stormlens.readers import make_mosaic
    from stormlens.stormbox import NATIONAL, SIZE

    boxes = load("simulated", split="train", count=200)["reflectivity"].values
    boxes = boxes[boxes.any(axis=(1, 2))]
    down, across = (-(-cells // SIZE) for cells in NATIONAL.shape)
    chosen = np.random.default_rng(seed).integers(0, len(boxes), (down, across))
    tiled = boxes[chosen].transpose(0, 2, 1, 3).reshape(down * SIZE, across * SIZE)
    dbz = tiled[: NATIONAL.shape[0], : NATIONAL.shape[1]]
    seen = np.ones(NATIONAL.shape, bool)
    return make_mosaic(dbz, seen, time=None, source="simulated boxes", simulated=True)


def read(path: str) -> xr.Dataset:
    """A radar file on the national grid."""
    from stormlens.readers import read

    return read(path)


def cut(reflectivity: np.ndarray, box: tuple[int, int], stride: int) -> np.ndarray:
    """Every box, copied."""
    views = np.lib.stride_tricks.sliding_window_view(reflectivity, box)[::stride, ::stride]
    return views.reshape(-1, *box)


def timed(way: Callable[[], np.ndarray]) -> tuple[tuple[float, float], np.ndarray]:
    """Seconds, processor seconds and result of one call."""
    began, used = time.perf_counter(), time.process_time()
    found = way()
    return (time.perf_counter() - began, time.process_time() - used), found


def start_counting() -> float:
    """Forget the peak of memory so far; what the process holds now, MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return held("VmRSS")


def peak() -> float:
    """Most memory held since `start_counting`, MiB."""
    return held("VmHWM")


def held(which: str) -> float:
    """A line of the kernel's account of this process, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


if __name__ == "__main__":
    main()
