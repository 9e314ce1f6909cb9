"""`fit`: from a recipe and splits to a trained classifier, and the run folder it leaves."""

import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.errors import InputError, printable
from stormlens.models import Classifier, keep_compiled
from stormlens.storage import write_text
from stormlens.training._baseline import check_settings, is_baseline, train_baseline
from stormlens.training._checks import check_splits, lock_run, open_baseline, open_run
from stormlens.training._history import write_history
from stormlens.training._new_classifier import new_classifier, provenance
from stormlens.training._progress import RichProgress, Silent
from stormlens.training._recipe import Recipe, load_recipe
from stormlens.training._split import Split
from stormlens.training._teacher import lesson_of, remember_teacher
from stormlens.training._trainer import Fitted, Trainer

if TYPE_CHECKING:
    import xarray as xr

_BASELINE_PACKAGES = ("stormlens", "scikit-learn", "scipy", "numpy", "xarray")


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
        If splits, recipe, model and run folder do not fit each other, another process trains in
        the folder, or the training diverges.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    run = None if out is None else Path(out)
    with nullcontext() if run is None else lock_run(run):
        if model is None:
            check_settings(recipe)
            if is_baseline(recipe):
                return _fit_baseline(recipe, splits, run, start, resume)
        return _fit_network(recipe, splits, run, model, start, resume, progress)


def _fit_network(
    recipe: Recipe,
    splits: "Mapping[str, xr.Dataset]",
    run: Path | None,
    model: Any,
    start: Classifier | None,
    resume: bool,
    progress: bool,
) -> Fitted:
    keep_compiled()
    arrays = _arrays_of(splits)
    check_splits(arrays, recipe)
    checkpoint = None if run is None else open_run(run, recipe, arrays, resume)
    for note in recipe.notes():
        warnings.warn(f"Recipe {recipe.name}: {note}", UserWarning, stacklevel=3)
    if start is None and recipe.continues is not None:
        start = _fit_first(recipe, splits, run, resume, progress)
    classifier = new_classifier(recipe, arrays["train"], model, start)
    lesson = lesson_of(recipe, arrays["train"], checkpoint)
    if lesson is not None:
        remember_teacher(classifier, lesson)
    training = Trainer(recipe, arrays, classifier, run, lesson)
    if run is not None:  # not earlier: a training that cannot begin leaves nothing behind
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
        {**provenance(recipe, arrays["train"], _BASELINE_PACKAGES), "epochs": 1},
        orientations=recipe.orientations,
    )
    if run is not None:
        classifier.save(run)
        write_history(run, [row])
    return Fitted(classifier, [row])


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
