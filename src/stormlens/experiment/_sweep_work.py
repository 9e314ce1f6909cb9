"""
What a process of a sweep does: take a fit that nobody does, do it, leave what it found.

Run as ``python -m stormlens.experiment._sweep_work DIR`` by a sweep with several processes; such
a process ends with its parent, however that ends.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stormlens import storage
from stormlens.errors import InputError
from stormlens.experiment._folds import Pool, judge_fold
from stormlens.experiment._plan import Fit, Found, Plan
from stormlens.experiment._standing import going_on
from stormlens.features import remembering

_PAUSE_SECONDS = 0.5  # until others are asked again for what they have done

Heard = Callable[[Fit, dict[str, Any]], None]


def work(found: Found, pool: Pool, hear: Heard | None = None) -> None:
    """
    Do all fits of a sweep that no other process does, and wait for those that others do.

    Parameters
    ----------
    found : Found
        What is done so far.
    pool : Pool
        The boxes of the first trial.
    hear : callable, optional
        Is told of each fit done here.
    """
    plan = found.plan
    pools = _Pools(plan, pool)
    trials: Sequence[int] = range(len(plan.points))
    with remembering():  # baselines measure a box in every fold that it is in
        for rung in range(len(plan.rungs)):
            trials = going_on(found, trials, rung)
            while left := _left(found, trials, rung):
                if sum(_do(found, pools, fit, hear) for fit in left) == 0:
                    time.sleep(_PAUSE_SECONDS)


def _left(found: Found, trials: Sequence[int], rung: int) -> list[Fit]:
    """Fits still to be done; a trial of which one failed needs no others."""
    left: dict[int, list[Fit]] = {}
    failed = set()
    for fit in found.plan.fits(trials, rung):
        held = found.of(fit)
        if held is None:
            left.setdefault(fit.trial, []).append(fit)
        elif held["failed"] is not None:
            failed.add(fit.trial)
    return [fit for trial, fits in left.items() if trial not in failed for fit in fits]


def _do(found: Found, pools: "_Pools", fit: Fit, hear: Heard | None) -> bool:
    """Do a fit unless another process does or did, or the trial has failed; say whether."""
    if _has_failed(found, fit):
        return True
    path = found.path(fit)
    with storage.lock_if_free(path.with_name(f".{path.name}.lock")) as mine:
        if not mine:
            return False
        if found.of(fit) is None:
            held = _judged(found.plan, pools, fit)
            found.write(fit, held)
            if hear is not None:
                hear(fit, held)
    return True


def _has_failed(found: Found, fit: Fit) -> bool:
    others = (found.of(other) for other in found.plan.fits([fit.trial], fit.rung))
    return any(held is not None and held["failed"] is not None for held in others)


def _judged(plan: Plan, pools: "_Pools", fit: Fit) -> dict[str, Any]:
    share, recipe = plan.rungs[fit.rung].share, plan.recipe_of(fit.trial)
    fewer_epochs = plan.method == "halving" and plan.budget == "epochs"
    if fewer_epochs:
        recipe = recipe.with_changes(epochs=max(1, round(recipe.epochs * share)))
    began = time.perf_counter()
    try:
        held = judge_fold(
            recipe,
            pools.of(fit.trial),
            folds=plan.folds,
            seed=plan.seed,
            repeat=fit.repeat,
            fold=fit.fold,
            share=1.0 if fewer_epochs else share,
        )
    except InputError as error:  # such as a training that diverges: the sweep goes on
        held = {"scores": {}, "boxes": 0, "trained_on": 0, "epochs": 0, "failed": str(error)}
    if "jax" in sys.modules:  # what it compiled for this fit serves no other
        sys.modules["jax"].clear_caches()
    return {**held, "seconds": round(time.perf_counter() - began, 3)}


class _Pools:
    """The boxes of trials, of which the last used are kept."""

    def __init__(self, plan: Plan, pool: Pool) -> None:
        self._plan, self._pool = plan, pool
        self._source = plan.source_of(0)

    def of(self, trial: int) -> Pool:
        source = self._plan.source_of(trial)
        if source != self._source:
            del self._pool  # before others take their place
            self._pool = Pool.load(source)
            self._pool.check(self._plan.folds, bool(self._plan.recipe_of(trial).early_stopping))
            self._source = source
        return self._pool


def _end_with_parent() -> None:
    """End at once when the parent, which holds the other end of standard input, has ended."""

    def wait() -> None:
        # Not through sys.stdin, whose lock a thread may not hold when Python shuts down.
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(folder: Path) -> None:
    """
    Work on the sweep in a folder until nothing is left.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    SystemExit
        With code 2 after a sentence on standard error.
    """
    _end_with_parent()
    try:
        plan = Plan.read(folder)
        if plan is None:
            raise InputError(f"{folder} holds no sweep.")
        pool = Pool.load(plan.source_of(0))
        work(Found(folder, plan), pool)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
