"""
Put a run into the package, as the classifier that answers where no run is named.

    python benchmarks/ship.py RUN

RUN is what `stormlens train storm-residual` left. Copies its classifier, confidence, appraisal and
failures, notes what it cost, and prints the folder and its size. Then look at real storms:
`python benchmarks/real_storms.py --write`.
"""

import shutil
import sys
import time
from pathlib import Path

from stormlens import datasets
from stormlens.experiment import read_history
from stormlens.models import Classifier, shipped_folder

APPRAISAL = ("appraisal.json", "failures.npz")


def main(run: Path) -> None:
    """Copy, note and print."""
    classifier = Classifier.load(run)
    history = read_history(run)
    classifier.provenance["command"] = f"stormlens train {classifier.provenance['recipe']}"
    classifier.provenance["cost"] = {
        "training, minutes on 2 cores": round(sum(row["seconds"] for row in history) / 60),
        "a box, milliseconds on 2 cores": round(1000 * seconds_a_box(classifier), 2),
    }
    folder = shipped_folder()
    classifier.save(folder)
    for name in APPRAISAL:
        shutil.copy(run / name, folder / name)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {size / 1e6:.2f} MB")


def seconds_a_box(classifier: Classifier) -> float:
    """Of 512 boxes at once, the fastest of three tries."""
    boxes = datasets.load("simulated-held-out", "test", count=512)
    classifier.predict(boxes)
    tries = []
    for _ in range(3):
        start = time.perf_counter()
        classifier.predict(boxes)
        tries.append(time.perf_counter() - start)
    return min(tries) / 512


if __name__ == "__main__":
    main(Path(sys.argv[1]))
