"""
Train the networks published on the archive, and ours; compare scores with the published ones.

Each stage is a run folder. A finished stage is not trained again, and one that was stopped goes on
from its last epoch. The same stages run on simulated boxes too; there the published scores are no
target, and the page says so.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import xarray as xr

from stormlens import datasets, report, storage, verification
from stormlens.errors import InputError, printable, unknown
from stormlens.experiment._chapter import PUBLISHED
from stormlens.experiment._compare import BASELINES, compare
from stormlens.experiment._data import Data
from stormlens.experiment._published import (
    Published,
    always_qlcs,
    elsewhere,
    of_archive,
    of_chapter,
    without_nan,
)
from stormlens.experiment._run import read_history, run_recipe
from stormlens.models import Classifier
from stormlens.stormbox import MODES, SPLITS
from stormlens.training import Recipe, load_recipe, lock_run
from stormlens.verification import Estimate, Scores

STUDIES: tuple[str, ...] = ("svrimg",)
"""What can be reproduced: the results that were published on the SVRIMG archive."""

_PAGE, _VALUES, _COMPARISON = "reproduction.html", "reproduction.json", "comparison"
_MEMBERS = 5
_QUICK_BOXES = 200  # of each split, for simulated boxes alone: others have as many as they have


@dataclass(frozen=True)
class Stage:
    """
    One network of a reproduction.

    Attributes
    ----------
    name : str
        Of its run folder.
    what : str
        A description for readers.
    recipe : str
        Name of its recipe.
    changes : dict
        Fields of the recipe with other values.
    quick : dict
        More changes, for a quick trial.
    published : tuple of Published
        Published scores of the same design.
    """

    name: str
    what: str
    recipe: str
    changes: dict[str, Any] = field(default_factory=dict)
    quick: dict[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()

    def settings(self, quick: bool, seed: int | None) -> Recipe:
        """
        The stage's recipe.

        Parameters
        ----------
        quick : bool
            Whether it is a quick trial.
        seed : int or None
            Instead of the recipe's.

        Returns
        -------
        recipe : Recipe
        """
        changed = {**self.changes, **(self.quick if quick else {})}
        return load_recipe(self.recipe).with_changes(**changed, seed=seed)


STAGES: tuple[Stage, ...] = (
    Stage(
        "features-logistic", "Baseline: logistic regression on storm shapes", "features-logistic"
    ),
    Stage("features-boosted", "Baseline: boosted trees on storm shapes", "features-boosted"),
    *(
        Stage(name, what, name, quick={"epochs": 2}, published=of_chapter(**PUBLISHED[name]))
        for name, what in (
            ("chapter-linear", "The chapter's first: a linear convolution"),
            ("chapter-relu", "The chapter's second: ReLU and spatial dropout"),
            ("chapter-augmented", "The chapter's third: the second, continued with augmentation"),
        )
    ),
    Stage(
        "svrimg-3conv",
        "The archive's own: three convolutions, 100 epochs",
        "svrimg-3conv",
        quick={"epochs": 3},
        published=of_archive(),
    ),
    Stage(
        "storm-residual",
        "Ours: residual blocks, eight orientations",
        "storm-residual",
        changes={"epochs": 60},  # made for 60,000 boxes; the archive's 1,331 need more passes
        quick={"epochs": 2},
    ),
    Stage(
        "svrimg-3conv-ensemble",
        "Ours: networks of the archive's design from other first weights, averaged",
        "svrimg-3conv",
        changes={"members": _MEMBERS},
        quick={"epochs": 3, "members": 2},
    ),
)
"""Networks of the reproduction, in the order in which they are trained."""


@dataclass(frozen=True)
class FinishedStage:
    """
    A finished stage.

    Attributes
    ----------
    stage : Stage
    history : list of dict
        A row an epoch, as `read_history` gives it.
    boxes : dict of str to int
        Of each split.
    parameters : int
        Number of fitted parameters.
    scores : dict of str to Scores
        On ``"validation"`` and ``"test"``.
    """

    stage: Stage
    history: list[dict[str, float]]
    boxes: dict[str, int]
    parameters: int
    scores: dict[str, Scores]

    def ours(self, split: str, score: str) -> Estimate:
        """
        A score of this stage.

        Parameters
        ----------
        split, score : str
            As in `Published`.

        Returns
        -------
        estimate : Estimate
            Of the training split the accuracy of the last epoch as it ran, with Wilson's
            interval; NaN where a score is undefined.
        """
        if split == "train":
            value = float(self.history[-1]["accuracy"])
            if math.isnan(value):
                return Estimate(value, value, value)
            count = self.boxes["train"]
            low, high = map(float, verification.wilson_interval(round(value * count), count))
            return Estimate(value, low, high)
        mode, _, name = score.rpartition(" ")
        scores = self.scores[split]
        found: Estimate = getattr(scores.per_mode[mode] if mode else scores, name)
        return found


@dataclass(frozen=True)
class Reproduction:
    """
    Published scores and ours.

    Attributes
    ----------
    folder : Path
        With a run folder for each stage, ``comparison``, reproduction.html and reproduction.json.
    study : str
        One of `STUDIES`.
    data : Data
        What all were trained on.
    simulated : bool
        Whether a simulator made them.
    quick : bool
        Whether it was a quick trial, with few epochs.
    seed : int
        Of all trainings.
    stages : tuple of FinishedStage
        In the order of `STAGES`.
    compared : dict
        Content of ``comparison/comparison.json``.
    """

    folder: Path
    study: str
    data: Data
    simulated: bool
    quick: bool
    seed: int
    stages: tuple[FinishedStage, ...]
    compared: dict[str, Any]

    @property
    def page(self) -> Path:
        """Path of the page."""
        return self.folder / _PAGE

    @property
    def is_comparable(self) -> bool:
        """Whether the published scores are a target: on the archive itself, trained in full."""
        return self.data.name == self.study and not self.quick

    def to_dict(self) -> dict[str, Any]:
        """
        Everything, ready for JSON.

        Returns
        -------
        values : dict
            As ``reproduction.json`` holds them; None for what is not defined.
        """
        first = self.stages[0]
        base = first.scores["test"].baseline
        accuracy = Estimate(base["accuracy"], math.nan, math.nan)
        constant = self._row("test", "accuracy", always_qlcs(), accuracy)
        return {
            "study": self.study,
            "data": self.data.name,
            "data_options": self.data.options,
            "simulated": self.simulated,
            "quick": self.quick,
            "comparable": self.is_comparable,
            "seed": self.seed,
            "boxes": first.boxes,
            "intervals": first.scores["test"].intervals,
            "networks": [self._network(done) for done in self.stages],
            "constant": {"name": base["name"], "rows": [constant]},
            "elsewhere": elsewhere(),
        }

    def _network(self, done: FinishedStage) -> dict[str, Any]:
        stage, recipe = done.stage, done.stage.settings(self.quick, self.seed)
        known = {(entry.split, entry.score): entry for entry in stage.published}
        shown = dict.fromkeys([*known, ("validation", "accuracy"), ("test", "accuracy")])
        return {
            "name": stage.name,
            "what": stage.what,
            "recipe": stage.recipe,
            "members": recipe.members,
            "is_baseline": stage.recipe in BASELINES,
            "epochs": len(done.history),
            "seconds": float(sum(row["seconds"] for row in done.history)),
            "parameters": done.parameters,
            "rows": [
                self._row(*key, known.get(key), done.ours(*key))
                for key in sorted(shown, key=lambda key: SPLITS.index(key[0]))
            ],
        }

    def _row(
        self, split: str, score: str, published: Published | None, ours: Estimate
    ) -> dict[str, Any]:
        judged = published if self.is_comparable else None
        return {
            "split": split,
            "score": score,
            "published": None if published is None else published.to_dict(),
            "ours": without_nan(asdict(ours)),
            "place": None if judged is None else judged.place(ours.value),
        }


def reproduce(
    study: str = "svrimg",
    out: str | Path = "reproduction",
    data: str | Path | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    data_options: Mapping[str, Any] | None = None,
    progress: bool = True,
    command: str | None = None,
) -> Reproduction:
    """
    Train the networks published on an archive, and compare our scores with the published ones.

    The steps: fetch the boxes; train baselines on storm shapes, the chapter's three networks, the
    archive's own, ours and an ensemble, each into a run folder; compare all on the test split;
    write a page with each published score, its interval and our score. A second call goes on where
    the first stopped.

    Parameters
    ----------
    study : str, optional
        One of `STUDIES`.
    out : str or Path, optional
        Folder to write.
    data : str or Path, optional
        As for `datasets.load`; by default the study's own. ``"simulated"`` rehearses it without
        a network.
    quick : bool, optional
        Few epochs, and of simulated boxes few, to see that all of it runs.
    seed : int, optional
        Of all trainings.
    data_options : mapping, optional
        Other arguments of `datasets.load`.
    progress : bool, optional
        Show it on standard error.
    command : str, optional
        What pages give as the line to repeat this with.

    Returns
    -------
    reproduction : Reproduction

    Raises
    ------
    InputError
        If there is no such study, the boxes cannot be had or are none of the six storm modes, or
        the folder holds trainings of other settings.
    """
    if study not in STUDIES:
        raise unknown("study", study, STUDIES)
    source = _source(Data.of(study if data is None else data, data_options), quick)
    folder = Path(out)
    with lock_run(folder):
        splits = datasets.load_splits(source.name, **source.options)
        if datasets.class_names(splits["train"]) != MODES:
            raise InputError(
                f"{source.name} has other classes than the six storm modes of the published "
                "networks; give boxes with these labels."
            )
        stages = []
        for number, stage in enumerate(STAGES, 1):
            if progress:
                _report(f"{number} of {len(STAGES)}: {stage.name}. {stage.what}.")
            recipe = stage.settings(quick, seed)
            # Locked stage by stage, since `fit` locks its folder too; the outer lock keeps a
            # second reproduction out of all of them.
            with lock_run(folder / stage.name):
                if not _is_kept(folder / stage.name, recipe, source, splits):
                    _train(folder, stage.name, recipe, source, splits, progress, command)
            stages.append(_read_stage(folder, stage, splits))
        compared = _compare(folder, progress, command)
        simulated = datasets.is_simulated(splits["test"])
        result = Reproduction(
            folder, study, source, simulated, quick, seed, tuple(stages), compared
        )
        _write(result, command)
    return result


def _report(sentence: str) -> None:
    """Say on standard error what is being done."""
    sys.stderr.write(f"{printable(sentence)}\n")
    sys.stderr.flush()


def _source(source: Data, quick: bool) -> Data:
    """The data; of simulated ones fewer boxes for a quick trial."""
    if not quick or source.name != "simulated":
        return source
    return Data(source.name, {"count": _QUICK_BOXES, **source.options})


def _is_kept(run: Path, recipe: Recipe, source: Data, splits: Mapping[str, xr.Dataset]) -> bool:
    """
    Whether a run is finished; one of other settings is refused.

    A run is finished when it has its report, the last file to be written.
    """
    if not (run / "report.html").is_file():
        return False
    known = Classifier.load(run).provenance
    same = (
        storage.read_file(run / "recipe.toml") == recipe.to_toml().encode()
        and known.get("data") == source.name
        and known.get("data_options") == source.options
        and known.get("training_boxes") == splits["train"].sizes["storm"]
    )
    if not same:
        raise InputError(
            f"{run} holds a training with other settings or boxes; give another folder, or the "
            "same settings as before."
        )
    return True


def _train(
    folder: Path,
    name: str,
    recipe: Recipe,
    source: Data,
    splits: Mapping[str, xr.Dataset],
    progress: bool,
    command: str | None,
) -> None:
    start = Classifier.load(folder / recipe.continues) if recipe.continues else None
    run_recipe(
        recipe,
        source,
        splits,
        folder / name,
        start=start,
        resume=True,
        progress=progress,
        command=command,
        by="reproduce",
    )


def _read_stage(folder: Path, stage: Stage, splits: Mapping[str, xr.Dataset]) -> FinishedStage:
    """
    Read a finished run.

    Scores on the test split come from its file: scoring again would be another reading of it.
    """
    run = folder / stage.name
    classifier = Classifier.load(run)
    written = storage.read_json(run / "scores.json", f"remove {run} and go on")
    boxes = splits["validation"]
    return FinishedStage(
        stage,
        read_history(run),
        {name: split.sizes["storm"] for name, split in splits.items()},
        classifier.network.parameters,
        {
            "validation": verification.score(classifier.predict(boxes), boxes),
            "test": Scores.from_dict(written),
        },
    )


def _compare(folder: Path, progress: bool, command: str | None) -> dict[str, Any]:
    """
    Compare all networks, unless there is a comparison that is newer than all of them.

    `compare` trains the baselines once more, and on fewer boxes for their learning curves.
    """
    runs = [folder / stage.name for stage in STAGES if stage.recipe not in BASELINES]
    written = folder / _COMPARISON / "comparison.json"
    newest = max((run / "report.html").stat().st_mtime_ns for run in runs)
    if not written.is_file() or written.stat().st_mtime_ns < newest:
        if progress:
            _report("Comparing all of them.")
        compare(runs, folder / _COMPARISON, progress=progress, command=command)
    found: dict[str, Any] = storage.read_json(written, "remove it and go on")
    return found


def _write(done: Reproduction, command: str | None) -> None:
    """Write the numbers and the page."""
    values = done.to_dict()
    storage.write_text(done.folder / _VALUES, json.dumps(values, indent=2) + "\n")
    made = {
        "command": command,
        "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": version("stormlens"),
    }
    report.write_reproduction(done.page, values, compared=done.compared, made=made)
