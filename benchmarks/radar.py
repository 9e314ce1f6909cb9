"""
Seconds from a radar file to a mosaic, boxes and modes, step by step.

    python benchmarks/radar.py RUN FILE...

Each step is timed three times in one process, and the fastest counts; the
whole command, its start included, is timed from outside, three times too.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stormlens import boxes, readers
from stormlens.models import Classifier

TRIES = 3


def fastest(step: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the fastest try, and what it gave."""
    best, result = float("inf"), None
    for _ in range(TRIES):
        start = time.perf_counter()
        result = step()
        best = min(best, time.perf_counter() - start)
    return best, result


def whole_command(run: str, file: str) -> float:
    """Seconds of `stormlens classify`, with a map."""
    command = [
        sys.executable,
        "-m",
        "stormlens",
        "classify",
        file,
        "--run",
        run,
        "--map",
        "/dev/shm/map.png",
    ]
    return fastest(lambda: subprocess.run(command, check=True, capture_output=True))[0]


def main(run: str, files: list[str]) -> None:
    """Print one row a file."""
    classifier = Classifier.load(run)
    print("| file | to mosaic | to boxes | boxes | to modes | command with map |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for file in files:
        reading, mosaic = fastest(lambda file=file: readers.read(file))
        cutting, storms = fastest(lambda mosaic=mosaic: boxes.find_storms(mosaic))
        naming, _ = fastest(lambda storms=storms: classifier.predict(storms))
        command = whole_command(run, file)
        print(
            f"| {Path(file).name} | {reading:.2f} s | {cutting:.3f} s | {storms.sizes['storm']} "
            f"| {naming:.3f} s | {command:.1f} s |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of this process: {peak:,.0f} MiB.")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
