"""
Seconds that explaining one box takes, by method and model, as a Markdown table.

    python benchmarks/explain.py [--models chapter-relu svrimg-3conv] [--repeat 5]

Each row is measured in processes of its own, after imports: the first call ever, which
compiles; the first call of a later process, which loads what was compiled from the cache
folder; and the median of later calls. Weights are untrained and the box is simulated:
seconds do not depend on what was learnt, but for integrated gradients, which take more
steps where the score gained is small.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

METHODS = ("gradient", "smoothgrad", "integrated-gradients", "grad-cam", "occlusion")
MODELS = ("chapter-relu", "svrimg-3conv")


def main() -> None:
    """Print a row for each model and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(*options.worker, options.repeat)))
        return
    print("| model | method | first call, s | in a new process, s | later calls, s |")
    print("| --- | --- | ---: | ---: | ---: |")
    for model in options.models:
        for method in METHODS:
            with tempfile.TemporaryDirectory() as cache:
                first = ask(model, method, options.repeat, cache)
                second = ask(model, method, options.repeat, cache)
            print(f"| {model} | {method} | {first[0]:.2f} | {second[0]:.2f} | {second[1]:.3f} |")


def ask(model: str, method: str, repeat: int, cache: str) -> list[float]:
    """Seconds of the first call and of later ones, in a process of its own."""
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",  # as stormlens sets it
    }
    command = [sys.executable, __file__, "--repeat", str(repeat), "--worker", model, method]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(model: str, method: str, repeat: int) -> tuple[float, float]:
    """Seconds of the first call and the median of later ones."""
    from stormlens import load
    from stormlens.insight import explain
    from stormlens.models import Classifier, build

    classifier = Classifier(build(model), model)
    box = load("simulated", split="test", count=1)
    seconds = []
    for _ in range(1 + repeat):
        began = time.perf_counter()
        explain(classifier, box, method)
        seconds.append(time.perf_counter() - began)
    return seconds[0], statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
