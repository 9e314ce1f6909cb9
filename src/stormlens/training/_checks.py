"""What `fit` checks before it trains: whether splits, recipe and run folder fit each other."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import numpy as np

from stormlens.errors import InputError
from stormlens.storage import file_lock
from stormlens.training import _checkpoint
from stormlens.training._recipe import Recipe, load_recipe
from stormlens.training._split import Split

_LOCK_SECONDS = 2.0
_LOCKED: ContextVar[frozenset[Path]] = ContextVar("run folders locked here", default=frozenset())


def check_splits(splits: Mapping[str, Split], recipe: Recipe) -> None:
    """
    Refuse splits that nothing can be learnt from.

    Parameters
    ----------
    splits : mapping of str to Split
    recipe : Recipe

    Raises
    ------
    InputError
        If ``train`` is missing, empty or of one class, classes, sizes or units differ between
        splits, or early stopping lacks ``validation``.
    """
    if "train" not in splits or len(splits["train"].images) == 0:
        raise InputError("There is nothing to train on: the data has no split 'train'.")
    classes = splits["train"].classes
    if len(np.unique(splits["train"].codes)) < 2:
        raise InputError(
            "All training images are of one class, so there is nothing to tell apart; add others."
        )
    for name in splits:
        if splits[name].classes != classes:
            raise InputError(f"Split {name} has other classes than split train ({classes}).")
        for what, found, due in (
            ("images of {} pixels", *(_size(splits[key]) for key in (name, "train"))),
            ("values in {}", splits[name].units, splits["train"].units),
        ):
            if found != due:
                raise InputError(
                    f"Split {name} has {what.format(found)}, split train {what.format(due)}; give "
                    "splits of one kind."
                )
    if recipe.early_stopping and "validation" not in splits:
        raise InputError(
            f"recipe {recipe.name}: early_stopping needs a validation split, which the data "
            "lacks; set early_stopping to 0."
        )


def _size(split: Split) -> str:
    return " x ".join(map(str, split.images.shape[1:]))


@contextmanager
def lock_run(run: str | Path) -> Iterator[None]:
    """
    Keep other processes from training in a folder while the block runs.

    The lock ends with its process, however that is killed. It may be taken again by the thread
    that has it, so that a command can lock a folder and then call `fit` on it.

    Parameters
    ----------
    run : str or Path
        Run folder; made if missing, and removed again if the block leaves nothing in it.

    Raises
    ------
    InputError
        If another process, or another thread of this one, trains in it, or it cannot be written.
    """
    run = Path(run)
    if run.exists() and not run.is_dir():
        raise InputError(f"{run} is a file; give a folder for the run.")
    busy = (
        f"Another process is training in {run} at the moment; wait until it is done, stop it, or "
        "choose another folder."
    )
    place = run.resolve()
    if place in _LOCKED.get():
        yield
        return
    new_folders = [folder for folder in (place, *place.parents) if not folder.exists()]
    try:
        with file_lock(run / ".lock", _LOCK_SECONDS, busy):
            token = _LOCKED.set(_LOCKED.get() | {place})
            try:
                yield
            finally:
                _LOCKED.reset(token)
    finally:
        with suppress(OSError):  # rmdir refuses a folder with something in it, as it should
            for folder in new_folders:
                folder.rmdir()


def open_run(
    run: Path, recipe: Recipe, splits: Mapping[str, Split], resume: bool
) -> _checkpoint.Checkpoint | None:
    """
    The checkpoint to go on from, if any, of a folder that may be trained in.

    Parameters
    ----------
    run : Path
        Run folder.
    recipe : Recipe
    splits : mapping of str to Split
    resume : bool
        Whether to go on from what the folder holds.

    Returns
    -------
    checkpoint : Checkpoint or None

    Raises
    ------
    InputError
        If the folder holds a run that may not be resumed, or one of another recipe or data.
    """
    if (run / "recipe.toml").exists() and not resume:
        raise InputError(
            f"{run} already holds a run; resume it (--resume) or choose another folder."
        )
    checkpoint = _checkpoint.read_checkpoint(run) if resume else None
    if checkpoint is not None:
        _check_same(checkpoint, recipe, splits, run)
    elif (run / "classifier.json").exists():
        raise InputError(
            f"{run} holds a finished run without {_checkpoint.FILE}, so it cannot be resumed; "
            "choose another folder."
        )
    return checkpoint


def open_baseline(run: Path, recipe: Recipe, resume: bool) -> None:
    """
    Check that a baseline may be trained in a folder; a run of it there is trained anew.

    Parameters
    ----------
    run : Path
        Run folder.
    recipe : Recipe
        Of a baseline.
    resume : bool
        Whether the folder may hold a run of it.

    Raises
    ------
    InputError
        If the folder holds a run that may not be replaced.
    """
    path = run / "recipe.toml"
    if not path.exists():
        if (run / "classifier.json").exists():
            raise InputError(f"{run} holds a classifier without a recipe; choose another folder.")
        return
    if not resume:
        raise InputError(
            f"{run} already holds a run; train it anew (--resume) or choose another folder."
        )
    before = load_recipe(path)
    if before.with_changes(name=recipe.name) != recipe:
        raise InputError(
            f"{run} holds a run of another recipe ({before.name}, model {before.model}); resume "
            "with the same recipe or choose another folder."
        )


def _check_same(
    checkpoint: _checkpoint.Checkpoint,
    recipe: Recipe,
    splits: Mapping[str, Split],
    run: Path,
) -> None:
    first = Recipe.from_dict(checkpoint.recipe, name=str(run))  # older ones lack some keys
    now, before = recipe.to_dict(), first.to_dict()
    # The data's fingerprint is compared below, and says more than its name; the number of
    # orientations changes no weight.
    free = {"epochs", "description", "name", "data", "orientations"}
    for key in sorted({*now, *before} - free):
        if now.get(key) != before.get(key):
            raise InputError(
                f"{run} was trained with {key} = {before.get(key)!r}, not {now.get(key)!r}; "
                "resume with the same recipe or choose another folder."
            )
    if recipe.schedule != "constant" and recipe.epochs != first.epochs:
        raise InputError(
            f"{run} was trained with a {recipe.schedule} schedule over {first.epochs} epochs, not "
            f"{recipe.epochs}, and the learning rate of each step depends on that; resume with "
            f"--epochs {first.epochs} or choose another folder."
        )
    done = len(checkpoint.history)
    if recipe.epochs < done:
        raise InputError(
            f"{run} has been trained for {done} epochs, more than the {recipe.epochs} asked for; "
            f"resume with --epochs {done} or more."
        )
    if checkpoint.data != fingerprint(splits):
        raise InputError(f"{run} was trained on other data; resume with the same --data.")


def fingerprint(splits: Mapping[str, Split]) -> str:
    """
    SHA-256 of the training and validation images and labels.

    Parameters
    ----------
    splits : mapping of str to Split

    Returns
    -------
    digest : str
        Hexadecimal.
    """
    digest = hashlib.sha256()
    for name in ("train", "validation"):
        if name in splits:
            arrays = {"reflectivity": splits[name].images, "mode": splits[name].codes}
            for variable, array in arrays.items():
                values = np.ascontiguousarray(array)
                digest.update(f"{name} {variable} {values.shape} {values.dtype}".encode())
                digest.update(values.data)
    return digest.hexdigest()
