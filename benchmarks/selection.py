"""
Recipes side by side on families of simulated boxes that none of them was trained on.

    python benchmarks/selection.py [--boxes 8000] [--epochs 5] [--seeds 0 1]

Each differs from the recipe `storm-residual`, shortened, in one thing. Prints a Markdown table,
the best worst family first. An hour on two cores with the values above.
"""

import argparse
from dataclasses import replace

import numpy as np

from stormlens.augment import Augmentation
from stormlens.experiment import Candidate, select
from stormlens.training import Recipe, load_recipe


def main() -> None:
    """Train all candidates and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    recipes = candidates(load_recipe("storm-residual").with_changes(epochs=options.epochs))
    chosen = select(recipes, seeds=options.seeds, boxes=options.boxes, progress=False)
    print("| recipe | worst family | all held-out boxes | log loss | calibration error |")
    print("| --- | --- | --- | --- | --- |")
    for candidate in chosen:
        print(row(candidate))


def candidates(base: Recipe) -> list[Recipe]:
    """The recipe, and others that differ in one thing each."""
    moves = base.augmentation or Augmentation()
    radar = {"offset_range": 3.0, "scale_range": (0.95, 1.05), "cutoff_range": 15.0}
    changes = {
        "as shipped, shortened": {},
        "network svrimg-3conv": {"model": "svrimg-3conv"},
        "constant rate": {"schedule": "constant"},
        "last weights, not their average": {"average": 0.0},
        "labels not smoothed": {"label_smoothing": 0.0},
        "no weight decay": {"weight_decay": 0.0},
        "mixup 0.2": {"mixup": 0.2},
        "turned by any angle": {"augmentation": replace(moves, rotation_range=180.0)},
        "offset, scale and cut-off": {"augmentation": replace(moves, **radar)},
        "drop-out of radars": {"augmentation": replace(moves, dropout_range=0.3)},
        "no augmentation": {"augmentation": Augmentation()},
    }
    return [replace(base, name=name, **change) for name, change in changes.items()]


def row(candidate: Candidate) -> str:
    """A line of the table: means over the seeds, and the worst family of any seed."""
    held = list(candidate.appraisals.values())
    worst = min((appraisal.worst for appraisal in held), key=lambda family: family["accuracy"])
    means = [
        np.mean([appraisal.overall[name] for appraisal in held])
        for name in ("accuracy", "log_loss", "calibration_error")
    ]
    figures = " | ".join(f"{mean:.3f}" for mean in means)
    return f"| {candidate.recipe.name} | {worst['accuracy']:.3f} ({worst['family']}) | {figures} |"


if __name__ == "__main__":
    main()
