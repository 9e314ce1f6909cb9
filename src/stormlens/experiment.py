"""
Whole experiments: train, score on unseen storms, and leave a run that explains itself.

`train` and `chapter` are what the commands of those names call, and work the
same in a notebook. The test split is loaded with the others but looked at only
once training is over. A run remembers its data by name and options, so that
`evaluate` and `write_report` find them again.
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from stormlens import datasets, plots, report, storage, verification
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.report._chapter import write_chapter
from stormlens.training import Recipe, fit, load_recipe
from stormlens.verification import Scores

CHAPTER: tuple[str, ...] = ("chapter-linear", "chapter-relu", "chapter-augmented")
"""Recipes of the chapter's three experiments, in its order."""

PUBLISHED: dict[str, dict[str, float]] = {
    "chapter-linear": {"training": 0.931, "validation": 0.782},
    "chapter-relu": {"training": 0.865, "validation": 0.773},
    "chapter-augmented": {"training": 0.640, "validation": 0.773},
}
"""Accuracies that the chapter prints after ten epochs on the real archive; none on test."""

_SCORES, _HISTORY, _RECIPE, _REPORT = "scores.json", "history.csv", "recipe.toml", "report.html"


@dataclass(frozen=True)
class Data:
    """
    Data by name, so that it can be loaded again.

    Attributes
    ----------
    name : str
        A source such as ``"svrimg"``, or the path of a folder or a file.
    options : dict
        What else `datasets.load` is told, such as the simulator's seed.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str | Path, options: Mapping[str, Any] | None = None) -> "Data":
        """
        Data by name or path; a path is made absolute, as a run may be read from elsewhere.

        Parameters
        ----------
        name : str or Path
            As for `datasets.load`.
        options : mapping, optional
            Its other arguments.

        Returns
        -------
        data : Data
        """
        known = {source.name for source in datasets.list_sources()}
        path = Path(name).expanduser()
        is_path = isinstance(name, Path) or name not in known
        found = str(path.resolve()) if is_path and path.exists() else str(name)
        return cls(found, dict(options or {}))

    def load(self, split: str | None) -> xr.Dataset:
        """
        One split; every box for None.

        Parameters
        ----------
        split : str or None
            ``"train"``, ``"validation"`` or ``"test"``.

        Returns
        -------
        dataset : xarray.Dataset
            The container.
        """
        return datasets.load(self.name, split=split, **self.options)


@dataclass(frozen=True)
class Evaluation:
    """
    A classifier judged on labelled boxes.

    Attributes
    ----------
    data : Data
        Where the boxes come from.
    split : str
        Which of them.
    scores : Scores
        With intervals.
    predictions, dataset : xarray.Dataset
        Probabilities, and the boxes they are of.
    """

    data: Data
    split: str
    scores: Scores
    predictions: xr.Dataset
    dataset: xr.Dataset

    def to_dict(self) -> dict[str, Any]:
        """
        The scores, and of what, ready for JSON.

        Returns
        -------
        values : dict
            As ``scores.json`` holds them.
        """
        return {
            "data": self.data.name,
            "data_options": self.data.options,
            "split": self.split,
            **self.scores.to_dict(),
        }


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
        Accuracies beside the published ones, ready for JSON.

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


def train(
    recipe: Recipe | str | Path,
    data: str | Path = "simulated",
    out: str | Path = "run",
    *,
    data_options: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: bool = True,
    command: str | None = None,
) -> Outcome:
    """
    Train a recipe, score it on the test split, and leave a run with its report.

    Parameters
    ----------
    recipe : Recipe, str or Path
        A recipe, its name, or its TOML file.
    data : str or Path, optional
        As for `datasets.load`.
    out : str or Path, optional
        Run folder to leave.
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
        If recipe, data and run folder do not fit each other, or the disk is full.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    source = Data.of(data, data_options)
    splits = datasets.load_splits(source.name, **source.options)
    return _experiment(
        recipe, source, splits, Path(out), resume=resume, progress=progress, command=command
    )


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
    splits = datasets.load_splits(source.name, **source.options)
    outcomes: dict[str, Outcome] = {}
    for name in CHAPTER:
        recipe = load_recipe(name).with_changes(seed=seed, epochs=epochs)
        start = Classifier.load(folder / recipe.continues) if recipe.continues else None
        outcomes[name] = _experiment(
            recipe,
            source,
            splits,
            folder / name,
            start=start,
            resume=resume,
            progress=progress,
            command=command,
        )
    result = ChapterOutcome(folder, outcomes)
    _write_chapter(result)
    return result


def evaluate(
    run: str | Path,
    data: str | Path | None = None,
    split: str = "test",
    *,
    data_options: Mapping[str, Any] | None = None,
) -> Evaluation:
    """
    Score a run's classifier on a split.

    Parameters
    ----------
    run : str or Path
        Run folder.
    data : str or Path, optional
        As for `datasets.load`; what the run was trained on unless told.
    split : str, optional
        ``"train"``, ``"validation"``, ``"test"``, or ``"all"`` for every labelled box.
    data_options : mapping, optional
        Other arguments of `datasets.load`; the run's own where `data` is the run's.

    Returns
    -------
    evaluation : Evaluation

    Raises
    ------
    InputError
        If run or data cannot be read, or do not fit each other.
    """
    classifier = Classifier.load(run)
    source = _data_of(classifier, run, data, data_options)
    return _evaluate(classifier, source, split, source.load(None if split == "all" else split))


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
        What to score; what ``scores.json`` names unless told, or the run's own data.
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
    source = _data_of(classifier, run, data or before.get("data"), options)
    split = split or before.get("split") or "test"
    boxes = source.load(None if split == "all" else split)
    return _leave(run, classifier, read_history(run), _evaluate(classifier, source, split, boxes))


def read_history(run: str | Path) -> list[dict[str, float]]:
    """
    The history that a run left.

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
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; the run is incomplete. Train again.") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); train again.") from error
    return [{**row, "epoch": int(row["epoch"])} for row in rows]


def _experiment(
    recipe: Recipe,
    data: Data,
    splits: Mapping[str, xr.Dataset],
    run: Path,
    *,
    start: Classifier | None = None,
    resume: bool,
    progress: bool,
    command: str | None,
) -> Outcome:
    """Train, score and report one recipe on splits that are loaded already."""
    if resume:
        _sweep(run)
    seen = {name: splits[name] for name in splits if name != "test"}
    fitted = fit(recipe, seen, run, start=start, resume=resume, progress=progress)
    classifier = fitted.classifier
    classifier.provenance |= {
        "data": data.name,
        "data_options": data.options,
        "device": _device(),
    }
    if command is not None:
        classifier.provenance["command"] = command
    classifier.save(run)
    evaluation = _evaluate(classifier, data, "test", splits["test"])
    _leave(run, classifier, fitted.history, evaluation)
    return Outcome(run, classifier, fitted.history, evaluation)


def _sweep(run: Path) -> None:
    """Remove half-written files that a killed training left beside the good ones."""
    for path in run.glob(".*"):
        if re.fullmatch(r"\.[^.]+\.[^.]+\.[0-9a-f]{12}\.[^.]+", path.name):
            path.unlink()


def _evaluate(classifier: Classifier, data: Data, split: str, boxes: xr.Dataset) -> Evaluation:
    datasets.class_names(boxes)
    predictions = classifier.predict(boxes)
    scores = verification.score(predictions, boxes)
    return Evaluation(data, split, scores, predictions, boxes)


def _data_of(
    classifier: Classifier,
    run: str | Path,
    name: str | Path | None,
    options: Mapping[str, Any] | None,
) -> Data:
    """The data asked for, or those that the run remembers."""
    own = classifier.provenance.get("data")
    own_options = classifier.provenance.get("data_options", {})
    if name is None:
        if own is None:
            raise InputError(f"{run} does not say what it was trained on; name data with --data.")
        return Data(str(own), {**own_options, **(options or {})})
    asked = Data.of(name, options)
    return Data(own, {**own_options, **asked.options}) if asked.name == own else asked


def _leave(
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
        provenance=_provenance(classifier, evaluation.split),
    )


def _recipe_text(run: Path) -> str:
    path = run / _RECIPE
    if not path.is_file():
        raise InputError(f"{path} is missing; the run is incomplete. Train again.")
    return path.read_text(encoding="utf-8")


def _provenance(classifier: Classifier, split: str) -> dict[str, Any]:
    """What the report says of how the run came about."""
    known = classifier.provenance
    versions = dict(known.get("versions", {}))
    return {
        **{key: known[key] for key in ("data", "command", "device", "created") if key in known},
        "data_source": known.get("data_source"),
        "training_count": known.get("training_boxes"),
        "training_simulated": classifier.trained_on_simulated,
        "split": split,
        "seed": known.get("seed"),
        "stormlens_version": versions.pop("stormlens", None),
        "versions": versions,
        "parameters": int(classifier.model.count_params()),
        "layers": [_layer(layer) for layer in classifier.model.layers],
    }


def _layer(layer: Any) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": type(layer).__name__,
        "output_shape": [n for n in layer.output.shape if n is not None],
        "parameters": int(layer.count_params()),
    }


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


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); evaluate the run again.") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} is damaged (no JSON object); evaluate the run again.")
    return values


def _device() -> str:
    """What JAX computes on, in words."""
    import jax

    device = jax.devices()[0]
    return f"{device.device_kind} ({device.platform})" if device.platform != "cpu" else "CPU"


def _write_chapter(result: ChapterOutcome) -> None:
    values = result.to_dict()
    storage.write_text(result.folder / "chapter.json", json.dumps(values, indent=2) + "\n")
    names = {"training": "accuracy", "validation": "val_accuracy"}
    figure = plots.chapter_comparison(
        {name: outcome.history for name, outcome in result.outcomes.items()},
        {
            name: {names[key]: value for key, value in numbers.items()}
            for name, numbers in PUBLISHED.items()
        },
        simulated=values["simulated"],
    )
    picture = io.BytesIO()
    figure.savefig(picture, dpi=150, format="png")
    storage.write_bytes(result.folder / "chapter.png", picture.getvalue())
    write_chapter(result.folder / "chapter.html", chapter=values, curves=picture.getvalue())
