"""
`fit`: from a recipe and splits to a trained classifier, and the run folder it leaves.

An epoch ends with its validation scores, a row of history.csv and a checkpoint
from which a killed training resumes to the same bits.
"""

import csv
import io
import os
import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from stormlens.errors import InputError, printable
from stormlens.models import (
    Classifier,
    Ensemble,
    Network,
    keep_compiled,
    load_keras_file,
    network_from,
)
from stormlens.ops import native
from stormlens.storage import write_text
from stormlens.training import _checkpoint
from stormlens.training._baseline import is_baseline, train_baseline
from stormlens.training._checks import check_splits, fingerprint, lock_run, open_baseline, open_run
from stormlens.training._members import Members
from stormlens.training._progress import Listener, RichProgress, Silent
from stormlens.training._recipe import Recipe, load_recipe
from stormlens.training._split import Split
from stormlens.training._step import Arrays, State, Totals, balanced_weights
from stormlens.training._teacher import Lesson, ask_teacher

if TYPE_CHECKING:
    import xarray as xr

HISTORY_FIELDS = ("epoch", "seconds", "loss", "accuracy", "val_loss", "val_accuracy")
"""Columns of history.csv."""

_PARTS = ("weights", "variables", "optimiser", "average", "best")
"""Groups of a checkpoint, for each member."""

_TEACHER = "teacher"

_SECONDS_A_LOOK = 0.5  # from one report of progress to the next
_ASYNCHRONOUS = "jax_cpu_enable_async_dispatch"
_PACKAGES = ("stormlens", "jax", "keras", "optax", "numpy", "xarray")
_BASELINE_PACKAGES = ("stormlens", "scikit-learn", "scipy", "numpy", "xarray")

Row = dict[str, float]


@dataclass(frozen=True)
class Fitted:
    """
    What a training gives.

    Attributes
    ----------
    classifier : Classifier
        With the last weights, or the best under early stopping.
    history : list of dict
        A row an epoch: epoch, seconds, loss, accuracy, val_loss, val_accuracy. Training
        figures are means over the epoch as it ran, with dropout and augmentation, and over an
        ensemble's members; validation figures are of the mean of their probabilities. Under a
        teacher the training loss is of both the labels and the teacher, as `Recipe` has it.
    """

    classifier: Classifier
    history: list[Row]


def fit(
    recipe: Recipe | str | Path,
    splits: "Mapping[str, xr.Dataset]",
    out: str | Path | None = None,
    *,
    model: Any = None,
    start: Classifier | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Fitted:
    """
    Train a network as a recipe says.

    Parameters
    ----------
    recipe : Recipe, str or Path
        What to train and how: a recipe, its name, or its TOML file.
    splits : mapping of str to xarray.Dataset
        ``train`` and, for validation scores, ``validation``; others are not looked at.
    out : str or Path, optional
        Run folder to write; by default nothing is written.
    model : keras.Model, optional
        A user's own model instead of the recipe's; its present weights are the start.
    start : Classifier, optional
        Trained classifier to continue; it is not changed. By default a recipe that continues
        another trains that one first, in a folder of its name inside `out`.
    resume : bool, optional
        Go on from the checkpoint in `out`.
    progress : bool, optional
        Show it on standard error.

    Returns
    -------
    fitted : Fitted

    Raises
    ------
    InputError
        If splits, recipe, model and run folder do not fit each other, or another process trains
        in the folder.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    run = None if out is None else Path(out)
    with nullcontext() if run is None else lock_run(run):
        return _fit(recipe, splits, run, model, start, resume, progress)


def _fit(
    recipe: Recipe,
    splits: "Mapping[str, xr.Dataset]",
    run: Path | None,
    model: Any,
    start: Classifier | None,
    resume: bool,
    progress: bool,
) -> Fitted:
    if model is None and is_baseline(recipe):
        return _fit_baseline(recipe, splits, run, start, resume)
    keep_compiled()
    arrays = _arrays_of(splits)
    check_splits(arrays, recipe)
    checkpoint = None if run is None else open_run(run, recipe, arrays, resume)
    for note in recipe.notes():
        warnings.warn(f"Recipe {recipe.name}: {note}", UserWarning, stacklevel=3)
    if start is None and recipe.continues is not None:
        start = _fit_first(recipe, splits, run, resume, progress)
    classifier = _new_classifier(recipe, arrays["train"], model, start)
    lesson = _lesson(recipe, arrays["train"], checkpoint)
    if lesson is not None:
        _remember_teacher(classifier, lesson)
    training = Trainer(recipe, arrays, classifier, run, lesson)
    if run is not None:  # only now: a training that cannot begin should leave nothing behind
        write_text(run / "recipe.toml", recipe.to_toml())
    if checkpoint is not None:
        training.restore(checkpoint)
        del checkpoint  # as large as the state
    if progress:
        with RichProgress(printable(recipe.name)) as listener:
            training.run_epochs(listener)
    else:
        training.run_epochs(Silent())
    return training.finish()


def _arrays_of(splits: "Mapping[str, xr.Dataset]") -> dict[str, Split]:
    """The splits that a training uses; it never looks at the test split."""
    return {
        name: Split.of(splits[name], name) for name in ("train", "validation") if name in splits
    }


def _fit_baseline(
    recipe: Recipe,
    splits: "Mapping[str, xr.Dataset]",
    run: Path | None,
    start: Classifier | None,
    resume: bool,
) -> Fitted:
    """Train a baseline, from the beginning with `resume` too: it has one step and no checkpoint."""
    if start is not None:
        raise InputError(
            f"{recipe.model} is trained from scratch on a table of features; it takes no "
            "classifier to begin with."
        )
    arrays = _arrays_of(splits)
    check_splits(arrays, recipe)
    if run is not None:
        open_baseline(run, recipe, resume)
        write_text(run / "recipe.toml", recipe.to_toml())
    trained, row = train_baseline(recipe, arrays)
    images, classes = arrays["train"].images, arrays["train"].classes
    classifier = Classifier(
        trained,
        recipe.model,
        classes,
        float(images.min()),
        float(images.max()),
        {**_provenance(recipe, arrays["train"], _BASELINE_PACKAGES), "epochs": 1},
        orientations=recipe.orientations,
    )
    if run is not None:
        classifier.save(run)
        write_text(run / "history.csv", history_csv([row]))
    return Fitted(classifier, [row])


class Trainer:
    """
    One training in progress: arrays, compiled functions, state and history.

    `fit` runs it to its end. Who measures or watches single epochs takes `begin` and `run_epoch`.

    Parameters
    ----------
    recipe : Recipe
        Of a network.
    splits : mapping of str to Split
        ``train`` and, for validation scores, ``validation``.
    classifier : Classifier
        With the weights to begin with; `finish` gives it the trained ones.
    run : Path or None
        Run folder for a checkpoint an epoch; with None nothing is written.
    lesson : Lesson or None, optional
        What the recipe's teacher says.

    Raises
    ------
    InputError
        If a weight to begin with is not finite.

    Attributes
    ----------
    history : list of dict
        A row an epoch, as in `Fitted`.
    members : Members
        The networks with the state of their training.
    """

    def __init__(
        self,
        recipe: Recipe,
        splits: Mapping[str, Split],
        classifier: Classifier,
        run: Path | None,
        lesson: Lesson | None = None,
    ) -> None:
        _compute_in_this_thread()
        _note_if_portable()
        self.recipe, self.classifier, self.run = recipe, classifier, run
        self.lesson = lesson
        self.data = fingerprint(splits)
        networks = classifier.network.members
        n_classes = len(classifier.classes)
        factors = np.ones(n_classes, np.float32)
        if recipe.class_weights:
            factors = balanced_weights(splits["train"].codes, n_classes)
        self.members = Members(
            networks,
            recipe,
            (classifier.minimum, classifier.maximum),
            factors,
            Arrays.of(splits["train"], None if lesson is None else lesson.probabilities),
            Arrays.of(splits["validation"]) if "validation" in splits else None,
        )
        if not self.members.are_finite():
            raise InputError(
                "The network to begin with holds weights that are not finite; give one whose "
                "training went well."
            )
        self.best: list[list[np.ndarray]] = []
        self.history: list[Row] = []

    @classmethod
    def begin(cls, recipe: Recipe, splits: Mapping[str, Split]) -> "Trainer":
        """
        A training from the first weights of the recipe's network, which writes nothing.

        Parameters
        ----------
        recipe : Recipe
            Of a network.
        splits : mapping of str to Split
            ``train`` and, for validation scores, ``validation``.

        Returns
        -------
        trainer : Trainer

        Raises
        ------
        InputError
            If the images do not fit the network.
        """
        return cls(recipe, splits, _new_classifier(recipe, splits["train"], None, None), None)

    def restore(self, checkpoint: _checkpoint.Checkpoint) -> None:
        """Continue from a checkpoint."""
        states = self.members.separate()
        values: list[list[Any]] = []
        best: list[list[np.ndarray]] = []
        for name in _prefixes(len(states)):
            group = [checkpoint.group(f"{name}{part}") for part in _PARTS]
            weights, variables, optimiser, average, of_best = group
            values.append([*weights, *variables, *optimiser, *Totals.zero(), *average])
            best.append(of_best)
        is_kept = any(best)
        due = [_kinds(jax.tree.leaves(state)) for state in states]
        due_best = [_kinds(_kept_values(state)) if is_kept else [] for state in states]
        if [*map(_kinds, values)] != due or [*map(_kinds, best)] != due_best:
            raise InputError(
                f"{self.run} was trained with another network; resume with the same one, "
                "which for a model of your own is the argument model."
            )
        del states
        self.members.restore(values)
        self.best = best if is_kept else []
        self.history = checkpoint.history

    def run_epochs(self, listener: Listener) -> None:
        """Train until the recipe's last epoch, or until validation stops improving."""
        while len(self.history) < self.recipe.epochs and not self._stalled():
            row = self.run_epoch(listener)
            if self.recipe.early_stopping and self._best_epoch() == row["epoch"]:
                states = self.members.separate()
                self.best = [[np.asarray(w) for w in _kept_values(state)] for state in states]
            self._save()
            listener.epoch(row, self.recipe.epochs)

    def run_epoch(self, listener: Listener | None = None) -> Row:
        """
        Train the next epoch.

        Parameters
        ----------
        listener : Listener, optional
            Hears of its steps.

        Returns
        -------
        row : dict
            The epoch's row of the history, which has it too.

        Raises
        ------
        InputError
            If the training diverges: a loss, a weight or a moment is no longer a number.
        """
        listener = listener or Silent()
        epoch, began = len(self.history) + 1, time.perf_counter()
        members, steps = self.members, self.members.steps
        key, order = members.begin(epoch)
        listener.step(epoch, 0, steps, float("nan"), float("nan"))
        looked = began
        for number in range(steps):
            members.step(key, order, number)
            if time.perf_counter() - looked > _SECONDS_A_LOOK or number + 1 == steps:
                loss, accuracy = members.means()
                if not np.isfinite(loss):
                    raise self._diverged(epoch, "the loss is no longer a number")
                listener.step(epoch, number + 1, steps, loss, accuracy)
                looked = time.perf_counter()
        # Before anything of the epoch is kept: the checkpoint on disk is of the last good one.
        if not members.are_finite():
            raise self._diverged(epoch, "a weight, or a moment of Adam's, is no longer a number")
        val_loss, val_accuracy = members.validate()
        if members.validation is not None and not np.isfinite(val_loss):
            raise self._diverged(epoch, "the validation loss is no longer a number")
        seconds = round(time.perf_counter() - began, 3)
        values = (epoch, seconds, loss, accuracy, val_loss, val_accuracy)
        self.history.append(dict(zip(HISTORY_FIELDS, values, strict=True)))
        return self.history[-1]

    def _diverged(self, epoch: int, how: str) -> InputError:
        advice = f"Lower the learning rate (it is {self.recipe.learning_rate:g})."
        if self.run is not None and self.history:
            advice += f" The checkpoint in {self.run} holds the training as it was before."
        return InputError(f"Training diverged in epoch {epoch}: {how}. {advice}")

    def _best_epoch(self) -> int:
        return int(min(self.history, key=lambda row: row["val_loss"])["epoch"])

    def _stalled(self) -> bool:
        patience = self.recipe.early_stopping
        return bool(patience and self.history) and (
            len(self.history) - self._best_epoch() >= patience
        )

    def _save(self) -> None:
        if self.run is None:
            return
        groups: dict[str, list[Any]] = {}
        states = self.members.separate()
        best = self.best or [[]] * len(states)
        for name, state, of_best in zip(_prefixes(len(states)), states, best, strict=True):
            parts = (
                *(state.weights, state.variables),
                *map(jax.tree.leaves, (state.optimiser, state.average)),
                of_best,
            )
            groups |= {f"{name}{part}": values for part, values in zip(_PARTS, parts, strict=True)}
        if self.lesson is not None:
            groups[_TEACHER] = [self.lesson.probabilities]
        _checkpoint.write_checkpoint(
            self.run,
            groups,
            history=self.history,
            recipe=self.recipe.to_dict(),
            data=self.data,
            teacher=None if self.lesson is None else self.lesson.provenance,
        )
        write_text(self.run / "history.csv", history_csv(self.history))

    def finish(self) -> Fitted:
        """Give the trained values to the classifier and save it."""
        states = self.members.separate()
        kept = self.best or [_kept_values(state) for state in states]
        n_weights = len(states[0].weights)
        del states, self.members  # frees the optimiser's moments before saving takes memory
        for network, values in zip(self.classifier.network.members, kept, strict=True):
            network.assign(values[:n_weights], values[n_weights:])
        self.classifier.provenance["epochs"] = len(self.history)
        if self.run is not None:
            self.classifier.save(self.run)
            write_text(self.run / "history.csv", history_csv(self.history))
        return Fitted(self.classifier, self.history)


def _prefixes(members: int) -> list[str]:
    """Prefixes of the names of each member's groups in a checkpoint; empty for one network."""
    return [""] if members == 1 else [f"{number:02d}." for number in range(members)]


def _kept_values(state: State) -> list[Any]:
    return [*state.kept, *state.variables]


def _kinds(arrays: list[Any]) -> list[tuple[tuple[int, ...], str]]:
    """Shapes and kinds of number."""
    return [(np.shape(array), str(array.dtype)) for array in arrays]


def _compute_in_this_thread() -> None:
    """
    Have JAX compute on a CPU where it is called, in a process that has not used it yet.

    Each step is waited for anyway. By default JAX hands steps to a pool of threads: each thread
    takes a step's buffers from another of malloc's arenas, and every arena keeps its own.
    """
    if _ASYNCHRONOUS.upper() not in os.environ:
        jax.config.update(_ASYNCHRONOUS, False)


@cache
def _note_if_portable() -> None:
    """Say once a process that it trains on a CPU without native operations, and why."""
    found = native()
    if jax.default_backend() == "cpu" and not found.available:
        warnings.warn(
            "Training on the CPU without native operations, which takes several times as long: "
            f"{found.reason}.",
            UserWarning,
            stacklevel=5,
        )


def _fit_first(
    recipe: Recipe,
    splits: "Mapping[str, xr.Dataset]",
    run: Path | None,
    resume: bool,
    progress: bool,
) -> Classifier:
    """Train the recipe that this one continues."""
    first = load_recipe(str(recipe.continues)).with_changes(
        seed=recipe.seed, members=recipe.members
    )
    out = None if run is None else run / first.name
    again = resume and out is not None and (out / "recipe.toml").exists()
    return fit(first, splits, out, resume=again, progress=progress).classifier


def _new_classifier(
    recipe: Recipe, train: Split, model: Any, start: Classifier | None
) -> Classifier:
    """The untrained (or continued) classifier, scaled by the training split alone."""
    images, classes = train.images, train.classes
    bounds = float(images.min()), float(images.max())
    architecture: str | None = recipe.model
    _check_members(recipe, model, start)
    network: Any
    if model is not None or recipe.model.endswith(".keras"):
        network = load_keras_file(recipe.model) if model is None else model
        architecture = None
    elif start is not None:
        network, architecture = start.network.copy(), start.architecture
        bounds = start.minimum, start.maximum
    else:
        shape = (images.shape[1], images.shape[2], 1)
        seeds = range(recipe.seed, recipe.seed + recipe.members)
        first = [Network.untrained(recipe.model, shape, len(classes), seed) for seed in seeds]
        network = Ensemble(first) if recipe.members > 1 else first[0]
    classifier = Classifier(
        network,
        architecture,
        classes,
        *bounds,
        {**_provenance(recipe, train), **_network_from(architecture)},
        orientations=recipe.orientations,
    )
    if classifier.image_shape != images.shape[1:]:
        raise InputError(
            f"The model takes {classifier.image_shape} pixels; the data has {images.shape[1:]}."
        )
    return classifier


def _lesson(
    recipe: Recipe, train: Split, checkpoint: _checkpoint.Checkpoint | None
) -> Lesson | None:
    """The teacher's answers: asked now, or from the checkpoint that is resumed."""
    if recipe.teacher is None:
        return None
    if checkpoint is None:
        return ask_teacher(recipe.teacher, train)
    due = [((len(train.images), len(train.classes)), "float32")]
    said = checkpoint.group(_TEACHER)
    if _kinds(said) != due:
        raise InputError(
            f"{_checkpoint.FILE} of recipe {recipe.name} lacks the teacher's answer for each "
            "image; train again in a new folder."
        )
    return Lesson(said[0], checkpoint.teacher)


def _remember_teacher(classifier: Classifier, lesson: Lesson) -> None:
    """Add the teacher to the provenance; a simulator's pupil is trained on simulated storms too."""
    known = classifier.provenance
    known["teacher"] = lesson.provenance
    if lesson.provenance.get("training_simulated") is True:
        known["training_simulated"] = True


def _check_members(recipe: Recipe, model: Any, start: Classifier | None) -> None:
    """Refuse an ensemble of networks that would begin alike, or of another number than before."""
    is_own = model is not None or recipe.model.endswith(".keras")
    if recipe.members > 1 and is_own:
        raise InputError(
            f"recipe {recipe.name}: members is {recipe.members}, but networks of your own model "
            "would all begin with its weights. Train it several times from weights drawn anew, or "
            "choose a model of `stormlens models`."
        )
    if start is not None and not is_own and len(start.network.members) != recipe.members:
        raise InputError(
            f"recipe {recipe.name}: members is {recipe.members}, but it continues a classifier of "
            f"{len(start.network.members)}; set members to that number."
        )


def _provenance(
    recipe: Recipe, train: Split, packages: tuple[str, ...] = _PACKAGES
) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "data_source": train.source,
        "training_simulated": train.simulated,
        "training_boxes": len(train.images),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in packages},
    }


def _network_from(architecture: str | None) -> dict[str, Any]:
    """Which other package's network it is, and that package's version; empty of our own."""
    found = None if architecture is None else network_from(architecture)
    return {} if found is None else {"network_from": found}


def history_csv(history: list[Row]) -> str:
    """
    The history as CSV text.

    Parameters
    ----------
    history : list of dict
        As in `Fitted`.

    Returns
    -------
    text : str
        Header and a line an epoch; floats in full precision.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, HISTORY_FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return buffer.getvalue()
