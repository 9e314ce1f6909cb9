"""The chapter's three experiments in a row, compared with the accuracies that it prints."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from stormlens import datasets, plots, report, storage
from stormlens.experiment._data import Data
from stormlens.experiment._run import Outcome, run_recipe
from stormlens.models import Classifier
from stormlens.training import load_recipe, lock_run

CHAPTER: tuple[str, ...] = ("chapter-linear", "chapter-relu", "chapter-augmented")
"""Recipes of the chapter's three experiments, in its order."""

PUBLISHED: dict[str, dict[str, float]] = {
    "chapter-linear": {"training": 0.931, "validation": 0.782},
    "chapter-relu": {"training": 0.865, "validation": 0.773},
    "chapter-augmented": {"training": 0.640, "validation": 0.773},
}
"""Accuracies that the chapter prints after ten epochs on the real archive; none on test."""


@dataclass(frozen=True)
class ChapterOutcome:
    """
    The chapter's three experiments.

    Attributes
    ----------
    folder : Path
        Holds a run folder each, and chapter.json, chapter.png and chapter.html.
    outcomes : dict of str to Outcome
        By recipe name, in the chapter's order.
    """

    folder: Path
    outcomes: dict[str, Outcome]

    def to_dict(self) -> dict[str, Any]:
        """
        Our accuracies and the published ones, ready for JSON.

        Returns
        -------
        values : dict
            As ``chapter.json`` holds them.
        """
        last = next(reversed(self.outcomes.values()))
        provenance = last.classifier.provenance
        return {
            "data": provenance["data"],
            "data_options": provenance["data_options"],
            "seed": provenance["seed"],
            "simulated": last.classifier.trained_on_simulated,
            "baseline": last.evaluation.to_dict()["baseline"],
            "experiments": [_row(name, outcome) for name, outcome in self.outcomes.items()],
        }


def chapter(
    data: str | Path = "simulated",
    out: str | Path = "chapter",
    *,
    seed: int | None = None,
    epochs: int | None = None,
    data_options: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: bool = True,
    command: str | None = None,
) -> ChapterOutcome:
    """
    Train the chapter's three networks in a row; the third continues the second.

    Parameters
    ----------
    data : str or Path, optional
        As for `datasets.load`.
    out : str or Path, optional
        Folder that will hold a run each.
    seed : int, optional
        Of all three, instead of the recipes'.
    epochs : int, optional
        Of each, instead of the recipes' ten.
    data_options, resume, progress, command
        As for `train`. What is finished is not trained again.

    Returns
    -------
    outcome : ChapterOutcome

    Raises
    ------
    InputError
        As `train`.
    """
    folder = Path(out)
    source = Data.of(data, data_options)
    with lock_run(folder):
        splits = datasets.load_splits(source.name, **source.options)
        outcomes: dict[str, Outcome] = {}
        for name in CHAPTER:
            recipe = load_recipe(name).with_changes(seed=seed, epochs=epochs)
            start = Classifier.load(folder / recipe.continues) if recipe.continues else None
            with lock_run(folder / name):
                outcomes[name] = run_recipe(
                    recipe,
                    source,
                    splits,
                    folder / name,
                    start=start,
                    resume=resume,
                    progress=progress,
                    command=command,
                    by="chapter",
                )
        result = ChapterOutcome(folder, outcomes)
        _write_chapter(result)
    return result


def _row(name: str, outcome: Outcome) -> dict[str, Any]:
    """One line of the chapter's table."""
    last = outcome.history[-1]
    return {
        "recipe": name,
        "run": outcome.run.name,
        "epochs": len(outcome.history),
        "training": last["accuracy"],
        "validation": last["val_accuracy"],
        "test": outcome.evaluation.to_dict()["accuracy"],
        "published": PUBLISHED[name],
    }


def _write_chapter(result: ChapterOutcome) -> None:
    values = result.to_dict()
    storage.write_text(result.folder / "chapter.json", json.dumps(values, indent=2) + "\n")
    simulated = values["simulated"]
    names = {"training": "accuracy", "validation": "val_accuracy"}
    histories = {name: outcome.history for name, outcome in result.outcomes.items()}
    published = {
        name: {names[key]: value for key, value in numbers.items()}
        for name, numbers in PUBLISHED.items()
    }
    wide, narrow = (
        _png(plots.chapter_comparison(histories, published, simulated=simulated, narrow=is_narrow))
        for is_narrow in (False, True)
    )
    storage.write_bytes(result.folder / "chapter.png", wide)
    page = result.folder / "chapter.html"
    report.write_chapter(page, chapter=values, curves=wide, narrow=narrow)


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=150, format="png")
    return picture.getvalue()
