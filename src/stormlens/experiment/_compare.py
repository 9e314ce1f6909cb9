"""Compare runs and baselines on the same boxes: what the command `compare` does."""

import json
import os
import platform
import sys
from collections.abc import Collection, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormlens import plots, report, storage, verification
from stormlens.errors import InputError, printable
from stormlens.experiment._contestants import (
    Contestant,
    contestant,
    load_classifiers,
    notes_on,
    trained_on,
)
from stormlens.experiment._data import Data, data_of
from stormlens.experiment._learning import SHARES, LearningPoint, TrainingData, point, trained
from stormlens.experiment._readings import record_reading
from stormlens.features import remembering
from stormlens.models import Classifier
from stormlens.training import Recipe, load_recipe, lock_run
from stormlens.verification import Comparison

BASELINES: tuple[str, ...] = ("features-logistic", "features-boosted")
"""Recipes that are part of every comparison: logistic regression and trees on storm features."""

_PAGE, _VALUES = "comparison.html", "comparison.json"
_SHARES = {1 / 8: "an-eighth", 1 / 4: "a-quarter", 1 / 2: "a-half"}
_NO_FEATURES = "The images hold no reflectivity, so baselines on storm features are left out."


@dataclass(frozen=True)
class Compared:
    """
    Runs and baselines, compared.

    Attributes
    ----------
    folder : Path
        Holds comparison.html, comparison.json, and what was trained for the comparison.
    data : Data
        Whose boxes are scored.
    split : str
        Which of them.
    contestants : tuple of Contestant
        Runs in the order given, then baselines, each with what it costs.
    comparison : Comparison
        The statistics, by the contestants' names.
    curve : tuple of LearningPoint
        Accuracy against the number of training boxes.
    constant : dict
        By view, the best constant answer, which all must beat: `name`, `accuracy` and so on.
    notes : tuple of str
        What a reader must know before believing the rest.
    """

    folder: Path
    data: Data
    split: str
    contestants: tuple[Contestant, ...]
    comparison: Comparison
    curve: tuple[LearningPoint, ...]
    constant: dict[str, dict[str, Any]]
    notes: tuple[str, ...]

    @property
    def page(self) -> Path:
        """Path of the page."""
        return self.folder / _PAGE

    @property
    def headline(self) -> str:
        """The answer in a sentence or two."""
        return report.comparison_headline(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """
        All results, ready for JSON.

        Returns
        -------
        values : dict
            As ``comparison.json`` holds them; None where a score is undefined.
        """
        names = [entry.name for entry in self.contestants]
        marks = plots.entrant_marks(names)
        return {
            "data": self.data.name,
            "data_options": self.data.options,
            "split": self.split,
            "contestants": [
                {"letter": marks[entry.name].letter, **entry.to_dict()}
                for entry in self.contestants
            ],
            "constant": self.constant,
            "notes": list(self.notes),
            **self.comparison.to_dict(),
            "learning_curve": [one.to_dict() for one in self.curve],
        }


def compare(
    runs: Sequence[str | Path],
    out: str | Path = "comparison",
    data: str | Path | None = None,
    split: str = "test",
    *,
    data_options: Mapping[str, Any] | None = None,
    baselines: bool = True,
    curve: bool = False,
    n_boot: int = 1000,
    seed: int = 0,
    progress: bool = True,
    command: str | None = None,
) -> Compared:
    """
    Compare runs on the same boxes, and leave a page and the numbers.

    Baselines are trained on what the first run was trained on, and kept in the folder, where a
    second comparison finds them. If a run already is one of the baselines, by its recipe and
    its data, it is not trained again. Each reading of a test split is recorded in the runs.

    Parameters
    ----------
    runs : sequence of str or Path
        Run folders; one is compared with the baselines alone.
    out : str or Path, optional
        Folder to leave.
    data : str or Path, optional
        Whose boxes are scored, as for `datasets.load`; by default the first run's own.
    split : str, optional
        ``"train"``, ``"validation"``, ``"test"``, or ``"all"`` for every labelled box.
    data_options : mapping, optional
        Other arguments of `datasets.load`; the first run's own where `data` is the run's.
    baselines : bool, optional
        Whether logistic regression and boosted trees on storm features take part. They never do
        where images hold no reflectivity.
    curve : bool, optional
        Train each run's recipe on an eighth, a quarter and a half of its boxes too.
    n_boot : int, optional
        Bootstrap replicates, 1 or more.
    seed : int, optional
        Of the bootstrap, and of which boxes a learning curve is trained on.
    progress : bool, optional
        Say on standard error what is being done.
    command : str, optional
        What the page gives as the line to repeat this with.

    Returns
    -------
    compared : Compared

    Raises
    ------
    InputError
        If a run or the data cannot be read, or they do not fit each other.
    """
    if n_boot < 1:
        raise InputError(f"A bootstrap needs at least 1 replicate, not {n_boot}.")
    if seed < 0:
        raise InputError(f"The seed is {seed}; give a whole number of 0 or more.")
    folder = Path(out)
    loaded = load_classifiers(runs)
    first_folder, first = next(iter(loaded.values()))
    _check_place(folder, [run for run, _ in loaded.values()])
    source = data_of(first, first_folder, data, data_options)
    own = trained_on(first) or source
    # Learning curves measure the features of the same boxes several times.
    with lock_run(folder), remembering():
        boxes = source.load(None if split == "all" else split)
        work = _Work(folder, boxes, TrainingData(own), n_boot, seed, progress)
        notes = []
        if baselines and str(boxes["reflectivity"].attrs.get("units", "dBZ")) != "dBZ":
            baselines = False
            notes.append(_NO_FEATURES)
        present = work.baselines_among(loaded) if baselines else {}
        notes += [
            f"{run} is the baseline {name} itself, which is not trained again."
            for name, run in present.items()
        ]
        due = [name for name in BASELINES if baselines and name not in present]
        contestants = work.contestants(loaded, due)
        predictions = {entry.name: entry.classifier.predict(boxes) for entry in contestants}
        points, skipped = work.curve(contestants, retrain=curve)
        places = [entry.folder for entry in contestants] + [place for place, _ in points]
        # Recorded first: a comparison that fails later has still read the test split.
        for place in places:
            record_reading(
                place,
                by="compare",
                data=source.name,
                options=source.options,
                split=split,
                boxes=boxes.sizes["storm"],
            )
        work.report(f"Comparing {len(contestants)} on {boxes.sizes['storm']:,} boxes.")
        comparison = verification.compare(predictions, boxes, n_boot=n_boot, seed=seed)
        result = Compared(
            folder,
            source,
            split,
            tuple(contestants),
            comparison,
            (*_full_points(contestants, comparison), *(one for _, one in points)),
            _constant(predictions[contestants[0].name], boxes, comparison),
            (*notes, *notes_on(contestants, source, split, boxes), *skipped),
        )
        _write(result, boxes, command)
    return result


@dataclass(frozen=True)
class _Work:
    """Trainings of a comparison, and where they are kept."""

    folder: Path
    boxes: xr.Dataset
    training: TrainingData
    n_boot: int
    seed: int
    progress: bool

    def report(self, sentence: str) -> None:
        """Say on standard error what is being done."""
        if self.progress:
            sys.stderr.write(f"{printable(sentence)}\n")
            sys.stderr.flush()

    def baselines_among(self, loaded: Mapping[str, tuple[Path, Classifier]]) -> dict[str, str]:
        """Baselines that are among the runs, each with the name of the first run that is it."""
        found: dict[str, str] = {}
        for run, (folder, classifier) in loaded.items():
            name, recipe_file = classifier.architecture, folder / "recipe.toml"
            if (
                name in BASELINES
                and name not in found
                and trained_on(classifier) == self.training.data
                and recipe_file.is_file()
                and load_recipe(recipe_file) == load_recipe(name)
            ):
                found[name] = run
        return found

    def contestants(
        self, loaded: Mapping[str, tuple[Path, Classifier]], baselines: Sequence[str]
    ) -> list[Contestant]:
        """Runs, then baselines, each timed on the boxes that are scored."""
        entries = [(name, "run", *run) for name, run in loaded.items()]
        for name in baselines:
            place = self.folder / "baselines" / name
            classifier = self._baseline(name, place)
            entries.append((_unique(name, loaded), "baseline", place, classifier))
        images = self.boxes["reflectivity"].values
        return [contestant(*entry, images) for entry in entries]

    def _baseline(self, name: str, place: Path) -> Classifier:
        try:
            recipe = load_recipe(name)
            # In an empty context no features are cached, so that its time is that of a full
            # training.
            return Context().run(self._trained, recipe, place, self.training, 1.0, "baseline")
        except InputError as error:
            raise InputError(
                f"{error} (This is the baseline {name}, trained on the first run's data; "
                "--no-baselines leaves it out.)"
            ) from error

    def _trained(
        self, recipe: Recipe, place: Path, training: TrainingData, share: float, kind: str
    ) -> Classifier:
        part = "" if share == 1 else f"{_SHARES[share].replace('-', ' ')} of "
        return trained(
            recipe,
            training,
            place,
            share=share,
            seed=self.seed,
            begin=lambda: self.report(
                f"Training {recipe.name} on {part}the training boxes of {training.data.name}."
            ),
            replace=kind == "baseline",  # seconds of work; a run's hours are never thrown away
            progress=self.progress,
        )

    def curve(
        self, contestants: Sequence[Contestant], *, retrain: bool
    ) -> tuple[list[tuple[Path, LearningPoint]], list[str]]:
        """Points of the learning curves with their run folders, and why some are missing."""
        points, skipped = [], []
        if retrain:
            self._report_time(contestants)
        for entry in contestants:
            if entry.classifier.architecture not in BASELINES and not retrain:
                continue
            try:
                points += self._smaller(entry)
            except InputError as error:
                skipped.append(f"{entry.name} has no learning curve: {error}")
        return points, skipped

    def _smaller(self, entry: Contestant) -> list[tuple[Path, LearningPoint]]:
        """The points of one contestant's recipe on fewer boxes."""
        recipe_file = entry.folder / "recipe.toml"
        if entry.data is None or not recipe_file.is_file():
            raise InputError(f"{entry.folder} does not record its recipe, or its training data.")
        recipe = load_recipe(recipe_file)
        same = entry.data == self.training.data
        training = self.training if same else TrainingData(entry.data)
        points = []
        for share in SHARES:
            place = self.folder / "curve" / f"{entry.name.replace('/', '-')}-{_SHARES[share]}"
            classifier = self._trained(recipe, place, training, share, entry.kind)
            one = point(entry.name, classifier, self.boxes, n_boot=self.n_boot, seed=self.seed)
            points.append((place, one))
        return points

    def _report_time(self, contestants: Sequence[Contestant]) -> None:
        seconds = sum(entry.seconds or 0 for entry in contestants if entry.kind == "run")
        if seconds:
            self.report(
                "Training each run's recipe on fewer boxes. At the speed of the runs this takes "
                f"about {max(1, round(sum(SHARES) * seconds / 60))} min."
            )


def _full_points(contestants: Sequence[Contestant], comparison: Comparison) -> list[LearningPoint]:
    """The points of the contestants themselves, trained on all boxes."""
    entrants = next(iter(comparison.views.values())).entrants
    scored = [(entry, entrants[entry.name].scores) for entry in contestants]
    return [
        LearningPoint(entry.name, entry.training_boxes, found["accuracy"], found["hss"])
        for entry, found in scored
        if entry.training_boxes is not None
    ]


def _unique(name: str, taken: Collection[str]) -> str:
    """The name, extended if a run has it."""
    while name in taken:
        name += " (baseline)"
    return name


def _check_place(folder: Path, runs: Sequence[Path]) -> None:
    if folder.resolve() in {run.resolve() for run in runs}:
        raise InputError(f"{folder} is one of the runs; give another folder for the comparison.")


def _constant(
    predictions: xr.Dataset, boxes: xr.Dataset, comparison: Comparison
) -> dict[str, dict[str, Any]]:
    """The constant answer of each view and its scores; any contestant's predictions will do."""
    found = {}
    for name, view in comparison.views.items():
        known = verification.score(*verification.in_view(predictions, boxes, name), n_boot=1)
        values = dict(known.baseline)
        counts = np.array([sum(row) for row in known.confusion])
        code = view.modes.index(values["name"].removeprefix("always "))
        confusion = np.zeros((len(counts), len(counts)))
        confusion[:, code] = counts
        values["peirce"] = float(verification.peirce(confusion))
        values["gerrity"] = float(verification.gerrity(confusion))
        found[name] = {
            key: None if isinstance(value, float) and np.isnan(value) else value
            for key, value in values.items()
        }
    return found


def _write(result: Compared, boxes: xr.Dataset, command: str | None) -> None:
    """Write the numbers, then the page."""
    values = result.to_dict()
    storage.write_text(
        result.folder / _VALUES, json.dumps(values, indent=2, allow_nan=False) + "\n"
    )
    report.write_comparison(
        result.page,
        comparison=values,
        boxes=boxes,
        provenance={
            "command": command,
            "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "stormlens_version": version("stormlens"),
            "machine": f"{os.cpu_count() or 1} cores of {platform.machine()}",
        },
    )
