"""
Sweeps: find good values of a recipe's fields, without using the test split.

Own code rather than Optuna: a grid, draws and successive halving with rungs that wait for each
other are deterministic, and one file per fit lets any number of processes resume and share the
work without a database. Optuna's pruners depend on which trial reports first, a killed trial has
to be found and started again, and it brings SQLAlchemy and ten more packages.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stormlens import datasets, report, storage
from stormlens.errors import InputError
from stormlens.experiment._data import Data
from stormlens.experiment._folds import Pool
from stormlens.experiment._plan import Choices, Found, Plan
from stormlens.experiment._run import Outcome, data_for, read_outcome, run_recipe
from stormlens.experiment._space import Space
from stormlens.experiment._standing import Trial, rank
from stormlens.experiment._sweep_progress import Progress
from stormlens.experiment._sweep_work import work
from stormlens.training import Recipe, RecipeData, load_recipe, lock_run

_BEST = "best"
_WAIT_SECONDS = 7 * 24 * 3600.0  # that a second command waits for the first to train the best
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Swept:
    """
    The result of a sweep.

    Attributes
    ----------
    folder : Path
        With plan.json, a file for each fit in ``fits``, sweep.json, sweep.html, best.toml and, by
        default, the run ``best``.
    plan : Plan
        Its settings.
    trials : list of Trial
        The best first, those that failed last.
    simulated : bool
        Whether a simulator made the boxes.
    boxes, groups : int
        How many boxes trained and judged, and how many groups of them were never divided.
    by : str
        What a group is, such as ``"UTC day"``.
    outcome : Outcome or None
        Of the training of the best, scored on the validation split.
    """

    folder: Path
    plan: Plan
    trials: list[Trial]
    simulated: bool
    boxes: int
    groups: int
    by: str
    outcome: Outcome | None = None

    @property
    def best(self) -> Trial:
        """The trial with the best mean."""
        return self.trials[0]

    def to_dict(self) -> dict[str, Any]:
        """
        All of it, ready for JSON.

        Returns
        -------
        values : dict
            As ``sweep.json`` holds it.
        """
        plan = self.plan
        return {
            "recipe": plan.base.name,
            "data": plan.data,
            "data_options": plan.options,
            "simulated": self.simulated,
            "boxes": self.boxes,
            "groups": self.groups,
            "by": self.by,
            "method": plan.method,
            "fields": plan.fields,
            "varied": plan.varied,
            "varies_data": plan.varies_data,
            "folds": plan.folds,
            "repeats": plan.repeats,
            "seed": plan.seed,
            "score": plan.score,
            "budget": plan.budget if plan.method == "halving" else None,
            "rungs": [rung._asdict() for rung in plan.rungs],
            "best": self.best.number,
            "trials": [trial.to_dict() for trial in self.trials],
            "run": None if self.outcome is None else self.outcome.run.name,
            "validation": None
            if self.outcome is None
            else self.outcome.evaluation.to_dict()[plan.score],
        }


def sweep(
    recipe: Recipe | str | Path,
    fields: Mapping[str, Any],
    out: str | Path = "sweep",
    data: str | Path | None = None,
    *,
    data_options: Mapping[str, Any] | None = None,
    method: str = "grid",
    trials: int | None = None,
    folds: int = 5,
    repeats: int = 1,
    score: str = "hss",
    budget: str = "epochs",
    factor: int = 3,
    seed: int = 0,
    processes: int = 1,
    fit: bool = True,
    progress: bool = True,
    command: str | None = None,
) -> Swept:
    """
    Try values of a recipe's fields, judge each by cross-validation, and train the best.

    The boxes of the training and validation split together are divided by UTC day; the test split
    is never loaded. A call with the same values goes on where an earlier one stopped, and shares
    the work with calls in other processes.

    Parameters
    ----------
    recipe : Recipe, str or Path
        What is not varied: a recipe, its name, or its TOML file.
    fields : mapping of str to sequence or Range
        Values by field of the recipe, such as ``{"learning_rate": [1e-4, 1e-3],
        "augmentation.rotation_range": Range(0, 55)}``. One value alone fixes a field.
    out : str or Path, optional
        Folder to write.
    data : str or Path, optional
        As for `train`.
    data_options : mapping, optional
        Other arguments of `datasets.load`.
    method : {"grid", "random", "halving"}, optional
        Every combination; draws; or successive halving [1]_: draws (or every combination, if all
        fields have values and `trials` is not given) begin with a small budget, and one in
        `factor` goes on to `factor` times as much, trained from the start.
    trials : int, optional
        To draw, 1 to 10,000; by default 20.
    folds, repeats : int, optional
        Folds, 2 to 100, and how often they are drawn anew, with other seeds, 1 to 100.
    score : {"hss", "accuracy", "macro_f1", "brier", "log_loss"}, optional
        The score whose mean over folds decides.
    budget : {"epochs", "boxes"}, optional
        What a halving increases from rung to rung.
    factor : int, optional
        2 or more.
    seed : int, optional
        Of draws and folds, 0 or more; the recipe's own is that of the trainings.
    processes : int, optional
        Number of processes that train at the same time.
    fit : bool, optional
        Whether to train the best on the training split in the end, and score it on the
        validation split.
    progress : bool, optional
        Show it on standard error.
    command : str, optional
        What the report of the best gives as the line to repeat this with.

    Returns
    -------
    swept : Swept

    Raises
    ------
    InputError
        If recipe, fields and data do not fit each other, there are fewer days than folds, the
        folder holds something else, or every trial fails.

    References
    ----------
    .. [1] Jamieson and Talwalkar (2016), Non-stochastic best arm identification and
       hyperparameter optimization, AISTATS.
    """
    base = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if type(processes) is not int or not 1 <= processes <= 256:
        raise InputError(f"processes is {processes!r}, it must be a whole number from 1 to 256.")
    choices = Choices(method, trials, folds, repeats, score, budget, factor, seed)
    folder, source = Path(out), data_for(base, data, data_options)
    # Everything that can be refused is checked before the boxes are loaded, and the folder is
    # written only when all is well.
    new = Plan.of(Space.of(_with_data(base, source, fields), fields), source, "", choices)
    _check_folder(folder)
    pool = Pool.load(new.source_of(0))
    stops = any(new.recipe_of(i).early_stopping for i in range(len(new.points)))
    pool.check(folds, stops)
    plan = _write_plan(folder, replace(new, boxes=pool.fingerprint()))
    for note in _notes(base, plan, trials):
        warnings.warn(note, UserWarning, stacklevel=2)
    found = Found(folder, plan)
    with Progress(found, processes, shown=progress) as listener:
        if processes == 1:
            work(found, pool, listener.hear)
        else:
            _share(folder, processes, listener)
    return _finish(found, pool, fit=fit, progress=progress, command=command)


def _with_data(base: Recipe, source: Data, fields: Mapping[str, Any]) -> Recipe:
    """The recipe, with its data written in if one of their options is varied."""
    if not any(name.partition(".")[0] == "data" for name in fields):
        return base
    made_for = base.data
    calibrate = made_for.calibrate if made_for and made_for.name == source.name else None
    return replace(base, data=RecipeData(source.name, calibrate, source.options))


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the sweep.")
    for name in ("recipe.toml", "classifier.json"):
        if (folder / name).exists():
            raise InputError(f"{folder} holds a run; choose another folder for the sweep.")


def _write_plan(folder: Path, new: Plan) -> Plan:
    """Write the plan, or join the one in the folder; locked, since two calls may start at once."""
    with storage.file_lock(folder / ".plan.lock"):
        before = Plan.read(folder)
        plan = new if before is None else before.joined(new, folder)
        if plan != before:
            plan.write(folder)
    return plan


def _notes(base: Recipe, plan: Plan, trials: int | None) -> Iterator[str]:
    yield from (f"Recipe {base.name}: {note}" for note in base.notes())
    for table in ("augmentation", "features"):
        new = [name for name in plan.fields if name.startswith(f"{table}.")]
        if new and getattr(base, table) is None:
            yield (
                f"Recipe {base.name} has no [{table}]; {new[0]} is varied in one whose other "
                "settings have their defaults."
            )
    if trials is not None and len(plan.points) < trials:
        yield f"The fields have {len(plan.points)} combinations, not {trials:,}; all are tried."
    if plan.varies_data:
        yield (
            "Trials have different boxes, since a field of the data is varied: each is judged on "
            "folds of its own."
        )
    if any(plan.recipe_of(trial).teacher is not None for trial in range(len(plan.points))):
        yield (
            "A teacher may have been trained on boxes that judge here, and its pupils learn of "
            "them through it: their scores flatter."
        )
    if "seed" in plan.varied:
        yield "The seed is varied: its differences are chance, and the best seed is no better."


def _share(folder: Path, processes: int, listener: Progress) -> None:
    """
    Have processes do the work, and show their progress.

    They share the sweep's folder and nothing else. Each keeps the read end of a pipe whose write
    end is here, so that it ends with this process, however that is killed.
    """
    cores = os.cpu_count() or 1
    environment = {**os.environ, "NPROC": str(max(1, cores // processes))}  # XLA's threads
    with ExitStack() as open_:
        started = []
        for _ in range(processes):
            errors = open_.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(
                [sys.executable, "-m", "stormlens.experiment._sweep_work", str(folder)],
                stdin=subprocess.PIPE,
                stderr=errors,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches this process alone, which then ends them
            )
            open_.callback(_end, process)
            started.append((process, errors))
        while any(process.poll() is None for process, _ in started):
            _check_alive(started)
            listener.look()
            time.sleep(_LOOK_SECONDS)
        _check_alive(started)
        listener.look()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()


def _check_alive(started: list[tuple["subprocess.Popen[bytes]", Any]]) -> None:
    for process, errors in started:
        if process.poll() not in (None, 0):
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            last = lines[-1] if lines else f"code {process.returncode}"
            if process.returncode == 2 and lines:
                raise InputError(last)
            raise InputError(
                f"A process of the sweep ended early ({last[:300]}). Finished fits are kept, and "
                "the same command goes on; fewer processes need less memory."
            )


def _finish(found: Found, pool: Pool, *, fit: bool, progress: bool, command: str | None) -> Swept:
    """
    Write the results, train the best, and write them again with its scores.

    All processes that share the work come here. The lock lets the first train the best; the others
    wait, and find its run finished.
    """
    folder = found.folder
    swept = Swept(
        folder,
        found.plan,
        rank(found),
        datasets.is_simulated(pool.boxes),
        pool.boxes.sizes["storm"],
        int(pool.groups.max()) + 1,
        pool.by,
    )
    with storage.file_lock(folder / ".finish.lock", _WAIT_SECONDS):
        _write(swept)
        if swept.best.failed is not None:
            raise InputError(
                f"All {len(swept.trials)} trials failed, the first of them: {swept.best.failed} "
                f"See {folder / 'sweep.html'}."
            )
        if fit:
            outcome = _train_best(swept, progress=progress, command=command)
            swept = replace(swept, outcome=outcome)
            _write(swept)
    return swept


def _write(swept: Swept) -> None:
    values = swept.to_dict()
    text = json.dumps(values, indent=2, allow_nan=False)
    storage.write_text(swept.folder / "sweep.json", text + "\n")
    if swept.best.failed is None:
        storage.write_text(swept.folder / "best.toml", _best_recipe(swept).to_toml())
    report.write_sweep(
        swept.folder / "sweep.html", sweep=values, best=_best_recipe(swept).to_toml()
    )


def _best_recipe(swept: Swept) -> Recipe:
    count, name = len(swept.trials), swept.plan.base.name
    trials = f"{count:,} trial{'s' if count > 1 else ''}"
    return replace(
        swept.best.recipe,
        name=f"{name}-best",
        description=f"Best of {trials} of {name} by cross-validation",
    )


def _train_best(swept: Swept, *, progress: bool, command: str | None) -> Outcome:
    run, recipe = swept.folder / _BEST, _best_recipe(swept)
    source = swept.plan.source_of(swept.best.number)
    _set_aside(run, recipe)
    with lock_run(run):
        splits = {split: source.load(split) for split in ("train", "validation")}
        if (run / "report.html").exists():
            return read_outcome(run, source, "validation", splits["validation"])
        return run_recipe(
            recipe,
            source,
            splits,
            run,
            resume=(run / "recipe.toml").exists(),
            progress=progress,
            command=command,
            by="sweep",
            judged="validation",
        )


def _set_aside(run: Path, recipe: Recipe) -> None:
    """Rename the run of an earlier best, or one that cannot be resumed; no training is deleted."""
    if not (run / "recipe.toml").exists():
        return
    before = load_recipe(run / "recipe.toml")
    same = replace(before, name=recipe.name, description=recipe.description) == recipe
    if same and any((run / name).exists() for name in ("report.html", "checkpoint.safetensors")):
        return
    number = 1
    while (place := run.with_name(f"{run.name}-before-{number}")).exists():
        number += 1
    run.rename(place)
