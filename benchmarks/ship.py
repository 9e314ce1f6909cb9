"""
Put a run into the package, as the classifier that answers where no run is named.

    python benchmarks/ship.py RUN

RUN is what `stormlens train storm-residual` left. Copies its classifier, confidence, appraisal and
failures, notes what it cost, and prints the folder and its size. Then look at real storms:
`python benchmarks/real_storms.py --write`.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

from stormlens import datasets
from stormlens.experiment import read_history
from stormlens.models import Classifier, shipped_folder
from stormlens.report import read_appraisal
from stormlens.training import load_recipe


def main(run: Path) -> None:
    """Look the run through, copy, note and print."""
    classifier, history, appraisal = Classifier.load(run), read_history(run), read_appraisal(run)
    known = classifier.provenance
    recipe = load_recipe(str(known["recipe"]))
    if load_recipe(run / "recipe.toml") != recipe.with_changes(seed=known["seed"]):
        sys.exit(f"{run} is not what recipe {recipe.name} makes today; train it again.")
    if classifier.confidence is None or appraisal is None:
        sys.exit(f"{run} was not calibrated and appraised; train it again.")
    pictures = appraisal.failing_boxes()["reflectivity"].values
    known["command"] = f"stormlens train {recipe.name} --seed {known['seed']}"
    known["licence"] = "BSD-3-Clause"
    known["cost"] = {
        "training, minutes on 2 cores": round(sum(row["seconds"] for row in history) / 60),
        "a box, milliseconds on 2 cores": round(1000 * seconds_a_box(classifier), 2),
    }
    folder = classifier.save(shipped_folder())
    replace(appraisal, pictures=pictures).write(folder)
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
