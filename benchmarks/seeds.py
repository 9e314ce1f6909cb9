"""
Runs of one recipe side by side, such as three seeds, or a short and a long training.

    python benchmarks/seeds.py RUN RUN ...

Each RUN is what `stormlens train storm-residual --out RUN --seed N` left. Prints accuracy on each
family of SIMULATED boxes that was held out, and what all of them say together, as Markdown.
"""

import argparse
from pathlib import Path

from stormlens.models import Classifier
from stormlens.report import read_appraisal
from stormlens.training import load_recipe

TOGETHER = ("accuracy", "calibration_error", "coverage", "unsure")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    runs = parser.parse_args().runs
    held = {run: appraisal for run in runs if (appraisal := read_appraisal(run)) is not None}
    if len(held) < len(runs):
        parser.error("A run has no appraisal.json; train it with a recipe that calibrates.")
    print(f"| SIMULATED, held out | {' | '.join(map(title, held))} |")
    print(f"| --- |{' ---: |' * len(held)}")
    for rows in zip(*(appraisal.families for appraisal in held.values()), strict=True):
        print(row(f"{rows[0]['family']} ({rows[0]['boxes']} boxes)", [r["accuracy"] for r in rows]))
    for name in TOGETHER:
        values = [appraisal.overall[name] for appraisal in held.values()]
        print(row(f"all: {name.replace('_', ' ')}", values))
    families = [appraisal.families for appraisal in held.values()]
    print(row("worst family", [min(r["accuracy"] for r in rows) for rows in families]))


def title(run: Path) -> str:
    """Seed and epochs of a run."""
    recipe = load_recipe(run / "recipe.toml")
    return f"seed {Classifier.load(run).provenance['seed']}, {recipe.epochs} epochs"


def row(name: str, values: list[float]) -> str:
    """A line of the table."""
    return f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |"


if __name__ == "__main__":
    main()
