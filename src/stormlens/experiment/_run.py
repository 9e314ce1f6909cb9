"""One recipe from training to report, and its run folder."""

import csv
import json
import re
import reprlib
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormlens import datasets, report, storage, verification
from stormlens.errors import InputError
from stormlens.experiment._appraise import appraise, families_of
from stormlens.experiment._data import Data, data_of
from stormlens.experiment._evaluate import Evaluation, judge
from stormlens.experiment._readings import readings, record_reading
from stormlens.models import Classifier, FeatureModel, calibrate
from stormlens.training import HISTORY_FIELDS, Recipe, fit, load_recipe, lock_run

_SCORES, _HISTORY, _RECIPE, _REPORT = "scores.json", "history.csv", "recipe.toml", "report.html"
_MOST_EPOCHS = 100_000  # that a recipe can ask for


@dataclass(frozen=True)
class Outcome:
    """
    What an experiment gives.

    Attributes
    ----------
    run : Path
        The run folder.
    classifier : Classifier
        Trained.
    history : list of dict
        A row an epoch: epoch, seconds, loss, accuracy, val_loss, val_accuracy.
    evaluation : Evaluation
        On the test split.
    """

    run: Path
    classifier: Classifier
    history: list[dict[str, float]]
    evaluation: Evaluation

    @property
    def report(self) -> Path:
        """Path of the report."""
        return self.run / _REPORT

    @property
    def gap(self) -> "verification.Gap":
        """The gap between training and validation curves, and what it says."""
        at_work = _at_work(self.classifier, _recipe_text(self.run), self.run)
        return verification.gap(self.history, at_work=at_work)


def train(
    recipe: Recipe | str | Path,
    data: str | Path | None = None,
    out: str | Path = "run",
    *,
    data_options: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: bool = True,
    command: str | None = None,
) -> Outcome:
    """
    Train a recipe, score it on the test split, and leave a run with its report.

    If the recipe names boxes to calibrate on, and is trained on the data that it was made for,
    the classifier's confidence is calibrated on their validation split, and an appraisal is
    made on their test split.

    Parameters
    ----------
    recipe : Recipe, str or Path
        A recipe, its name, or its TOML file.
    data : str or Path, optional
        As for `datasets.load`; by default what the recipe was made for, else ``"simulated"``.
    out : str or Path, optional
        Run folder to write.
    data_options : mapping, optional
        Other arguments of `datasets.load`.
    resume : bool, optional
        Go on where a training in `out` stopped.
    progress : bool, optional
        Show it on standard error.
    command : str, optional
        What the report gives as the line to repeat this with.

    Returns
    -------
    outcome : Outcome

    Raises
    ------
    InputError
        If recipe, data and run folder do not fit each other, another process trains in the
        folder, or the disk is full.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    source = data_for(recipe, data, data_options)
    run = Path(out)
    with lock_run(run):  # before the data, which may take minutes
        splits = datasets.load_splits(source.name, **source.options)
        return run_recipe(
            recipe,
            source,
            splits,
            run,
            resume=resume,
            progress=progress,
            command=command,
            by="train",
        )


def data_for(recipe: Recipe, data: str | Path | None, options: Mapping[str, Any] | None) -> Data:
    """The data named, else those that the recipe was made for, else simulated ones."""
    named = Data.of("simulated" if data is None else data, options)
    made_for = recipe.data
    if made_for is None or not (data is None or named.is_of(made_for.name)):
        return named
    return Data.of(made_for.name, {**made_for.options, **named.options})


def write_report(
    run: str | Path,
    data: str | Path | None = None,
    split: str | None = None,
) -> Path:
    """
    Write a run's ``report.html`` and ``scores.json`` again.

    Parameters
    ----------
    run : str or Path
        Run folder.
    data : str or Path, optional
        What to score; by default what ``scores.json`` names, else the run's own data.
    split : str, optional
        Likewise; else ``"test"``.

    Returns
    -------
    path : Path
        Of the report.

    Raises
    ------
    InputError
        If the run or its data cannot be read.
    """
    run = Path(run)
    classifier = Classifier.load(run)
    before = _read_json(run / _SCORES) if (run / _SCORES).exists() else {}
    options = before.get("data_options") if data is None else None
    source = data_of(classifier, run, data or before.get("data"), options)
    split = split or before.get("split") or "test"
    boxes = source.load(None if split == "all" else split)
    evaluation = judge(classifier, source, split, boxes, run=run, by="report")
    return _write(run, classifier, read_history(run), evaluation)


def read_history(run: str | Path) -> list[dict[str, float]]:
    """
    The training history of a run.

    Parameters
    ----------
    run : str or Path
        Run folder.

    Returns
    -------
    history : list of dict
        A row an epoch.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    path = Path(run) / _HISTORY
    if not path.exists():
        raise InputError(f"{path} is missing; the run is incomplete. Train again.")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [_history_row(row) for row in csv.DictReader(file)]
    except (OSError, csv.Error, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); train again.") from error
    if not rows:
        raise InputError(f"{path} is damaged (it holds no epoch); train again.")
    return rows


def _history_row(row: Mapping[str, str]) -> dict[str, float]:
    """A row of history.csv as numbers that a training can have."""
    if set(row) != set(HISTORY_FIELDS):
        raise ValueError("not the columns of a history")
    numbers: dict[str, float] = {}
    for name in HISTORY_FIELDS:
        try:
            number = float(row[name])
            if np.isinf(number) or (name == "epoch" and not 1 <= number <= _MOST_EPOCHS):
                raise ValueError(name)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} is {reprlib.repr(row[name])}") from error
        numbers[name] = int(number) if name == "epoch" else number
    return numbers


def run_recipe(
    recipe: Recipe,
    data: Data,
    splits: Mapping[str, xr.Dataset],
    run: Path,
    *,
    start: Classifier | None = None,
    resume: bool,
    progress: bool,
    command: str | None,
    by: str,
    judged: str = "test",
) -> Outcome:
    """
    Train, score and report one recipe on loaded splits, in a folder that the caller has locked.

    If another split than the test split judges it, no test split is read, so there is no
    appraisal.
    """
    held_out = _held_out(recipe, data, splits["train"], judged)
    if resume:
        _remove_temporary(run)
    without_test = {name: splits[name] for name in splits if name != "test"}
    fitted = fit(recipe, without_test, run, start=start, resume=resume, progress=progress)
    classifier = fitted.classifier
    _warn_of_teacher(classifier, data)
    classifier.provenance |= {
        "data": data.name,
        "data_options": data.options,
        "device": _device(classifier),
    }
    if command is not None:
        classifier.provenance["command"] = command
    if held_out is not None:
        classifier.confidence = calibrate(
            classifier, held_out.validation, known=splits["validation"]
        )
        classifier.provenance["calibrated_on"] = held_out.source
    classifier.save(run)
    if held_out is not None and held_out.test is not None:
        appraisal = appraise(classifier, held_out.test, families=held_out.families)
        record_reading(
            run,
            by=by,
            data=held_out.source,
            options={},
            split="test",
            boxes=held_out.test.sizes["storm"],
        )
        appraisal.write(run)
    evaluation = judge(classifier, data, judged, splits[judged], run=run, by=by)
    _write(run, classifier, fitted.history, evaluation)
    return Outcome(run, classifier, fitted.history, evaluation)


def _warn_of_teacher(classifier: Classifier, data: Data) -> None:
    """Warn if a teacher may have been trained on boxes that its pupil is scored on."""
    teacher = classifier.provenance.get("teacher")
    if teacher is None:
        return
    taught_on = teacher.get("data"), teacher.get("data_options", {})
    if taught_on != (data.name, data.options):
        warnings.warn(
            f"The teacher {teacher['run']} was not trained on {data.name} as this run is, or does "
            "not say so: if it has seen boxes of the test split, the scores flatter.",
            UserWarning,
            stacklevel=2,
        )


def read_outcome(run: Path, data: Data, split: str, boxes: xr.Dataset) -> Outcome:
    """What `run_recipe` left in a folder, scored again."""
    classifier = Classifier.load(run)
    evaluation = judge(classifier, data, split, boxes, run=run, by="sweep")
    return Outcome(run, classifier, read_history(run), evaluation)


@dataclass(frozen=True)
class _HeldOut:
    """Simulated boxes, each with a family that the training does not draw."""

    source: str
    families: list[str]
    validation: xr.Dataset
    test: xr.Dataset | None = None


def _held_out(recipe: Recipe, data: Data, train: xr.Dataset, judged: str) -> _HeldOut | None:
    """
    What a recipe calibrates on, if anything.

    It is loaded and checked before the training, which may take hours that would be lost.
    """
    made_for = recipe.data
    if made_for is None or made_for.calibrate is None or not data.is_of(made_for.name):
        return None
    source = made_for.calibrate
    marked = {family.name for family in datasets.simulated_families() if family.held_out}
    unseen = sorted(marked - set(families_of(train).flat))
    read = ("validation", "test") if judged == "test" else ("validation",)
    splits = {split: datasets.load(source, split) for split in read}
    for boxes in splits.values():
        seen = ~np.isin(families_of(boxes), unseen).any(axis=1)
        if seen.any():
            raise InputError(
                f"The recipe calibrates on {source}, but {seen.sum():,} of its {seen.size:,} boxes "
                f"have no family that {made_for.name} holds out, so they say nothing about "
                "storms never trained on; calibrate on simulated-held-out."
            )
        if datasets.class_names(boxes) != datasets.class_names(train):
            raise InputError(f"The recipe calibrates on {source}, which has other classes.")
    return _HeldOut(source, unseen, **splits)


def _remove_temporary(run: Path) -> None:
    """Remove half-written temporary files of a killed training (see `storage.atomic_path`)."""
    for path in run.glob(".*"):
        if re.fullmatch(r"\.[^.]+\.[^.]+\.[0-9a-f]{12}\.[^.]+", path.name):
            path.unlink()


def _write(
    run: Path,
    classifier: Classifier,
    history: list[dict[str, float]],
    evaluation: Evaluation,
) -> Path:
    """Write scores and report into the run."""
    storage.write_text(run / _SCORES, json.dumps(evaluation.to_dict(), indent=2) + "\n")
    recipe = _recipe_text(run)
    return report.write(
        run / _REPORT,
        recipe={"name": str(classifier.provenance.get("recipe", run.name)), "toml": recipe},
        history=history,
        scores=evaluation.scores,
        predictions=evaluation.predictions,
        dataset=evaluation.dataset,
        provenance={
            **_provenance(classifier, evaluation.split),
            "readings": report.readings_in_words(readings(run)),
            "at_work": _at_work(classifier, recipe, run),
        },
    )


def _at_work(classifier: Classifier, recipe: str, run: Path) -> list[str]:
    """What works against memorising in a training; for a baseline, that it has one step."""
    if isinstance(classifier.network, FeatureModel):
        return ["one step"]
    settings = storage.parse_toml(recipe, str(run / _RECIPE), "train again")
    found = {
        "dropout": any("Dropout" in layer.kind for layer in classifier.network.layers()),
        "augmentation": bool(settings.get("augmentation")),
        "early stopping": bool(settings.get("early_stopping")),
    }
    return [name for name, is_there in found.items() if is_there]


def _recipe_text(run: Path) -> str:
    path = run / _RECIPE
    if not path.is_file():
        raise InputError(f"{path} is missing; the run is incomplete. Train again.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is damaged ({error.reason}); train again.") from error


def _provenance(classifier: Classifier, split: str) -> dict[str, Any]:
    """What the report says about the origin of the run."""
    known = classifier.provenance
    versions = dict(known.get("versions", {}))
    created = known.get("created")  # ISO 8601, in UTC
    return {
        **{
            key: known[key]
            for key in ("data", "command", "device", "calibrated_on")
            if key in known
        },
        "created": created and f"{str(created)[:16].replace('T', ' ')} UTC",
        "data_source": known.get("data_source"),
        "training_count": known.get("training_boxes"),
        "training_simulated": classifier.trained_on_simulated,
        "split": split,
        "network_from": known.get("network_from"),
        "seed": known.get("seed"),
        "stormlens_version": versions.pop("stormlens", None),
        "versions": versions,
        "members": len(classifier.network.members),
        "teacher": _taught_by(known.get("teacher")),
        "parameters": classifier.network.parameters,
        "layers": [asdict(layer) for layer in classifier.network.layers()],
    }


def _taught_by(teacher: Any) -> str | None:
    if not isinstance(teacher, dict):
        return None
    return f"{teacher.get('model', 'a classifier')} in {teacher.get('run', 'an unknown folder')}"


def _read_json(path: Path) -> dict[str, Any]:
    values = storage.read_json(path, "remove it and report again")
    kinds = {"data": str, "data_options": dict, "split": str}
    if not isinstance(values, dict) or not all(
        isinstance(values[key], kind) for key, kind in kinds.items() if key in values
    ):
        raise InputError(f"{path} is damaged (no scores of stormlens); remove it and report again.")
    return values


def _device(classifier: Classifier) -> str:
    """The device that it was trained on, in words: JAX's, but for baselines."""
    if isinstance(classifier.network, FeatureModel):
        return "CPU"
    import jax

    device = jax.devices()[0]
    return f"{device.device_kind} ({device.platform})" if device.platform != "cpu" else "CPU"
