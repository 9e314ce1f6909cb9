"""
The work of one process of a sweep: take a free fit, do it, write what it found.

A sweep with several processes runs ``python -m stormlens.experiment._sweep_work DIR`` in each;
they end with their parent, however that ends.
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

_PAUSE_SECONDS = 0.5  # between two looks at what other processes have done

Heard = Callable[[Fit, dict[str, Any]], None]


def work(found: Found, pool: Pool, hear: Heard | None = None) -> None:
    """
    Do all fits of a sweep that no other process does, and wait for the others' fits.

    A rung must be finished before the next begins, since its scores decide which trials go on.

    Parameters
    ----------
    found : Found
        What is done so far.
    pool : Pool
        The boxes of the first trial.
    hear : callable, optional
        Called with each fit done here.
    """
    plan = found.plan
    pools = _Pools(plan, pool)
    trials: Sequence[int] = range(len(plan.points))
    with remembering():  # else baselines measure each box again in every fold
        for rung in range(len(plan.rungs)):
            trials = going_on(found, trials, rung)
            while left := _left(found, trials, rung):
                # All that are left are being done elsewhere: wait for their files.
                if sum(_do(found, pools, fit, hear) for fit in left) == 0:
                    time.sleep(_PAUSE_SECONDS)


def _left(found: Found, trials: Sequence[int], rung: int) -> list[Fit]:
    """Fits still to be done; after one failed fit a trial needs no others."""
    left: dict[int, list[Fit]] = {}
    failed = set()
    for fit in found.plan.fits(trials, rung):
        result = found.of(fit)
        if result is None:
            left.setdefault(fit.trial, []).append(fit)
        elif result["failed"] is not None:
            failed.add(fit.trial)
    return [fit for trial, fits in left.items() if trial not in failed for fit in fits]


def _do(found: Found, pools: "_Pools", fit: Fit, hear: Heard | None) -> bool:
    """
    Do a fit, and return whether it needs no more doing: False if another process is doing it.

    The lock is asked for without waiting, and a killed process gives it up. Whoever gets it looks
    for the file once more, as the one before may have written it in the meantime.
    """
    if _has_failed(found, fit):
        return True
    path = found.path(fit)
    with storage.lock_if_free(path.with_name(f".{path.name}.lock")) as mine:
        if not mine:
            return False
        if found.of(fit) is None:
            result = _judged(found.plan, pools, fit)
            found.write(fit, result)
            if hear is not None:
                hear(fit, result)
    return True


def _has_failed(found: Found, fit: Fit) -> bool:
    others = (found.of(other) for other in found.plan.fits([fit.trial], fit.rung))
    return any(one is not None and one["failed"] is not None for one in others)


def _judged(plan: Plan, pools: "_Pools", fit: Fit) -> dict[str, Any]:
    share, recipe = plan.rungs[fit.rung].share, plan.recipe_of(fit.trial)
    fewer_epochs = plan.method == "halving" and plan.budget == "epochs"
    if fewer_epochs:
        recipe = recipe.with_changes(epochs=max(1, round(recipe.epochs * share)))
    began = time.perf_counter()
    try:
        result = judge_fold(
            recipe,
            pools.of(fit.trial),
            folds=plan.folds,
            seed=plan.seed,
            repeat=fit.repeat,
            fold=fit.fold,
            share=1.0 if fewer_epochs else share,
        )
    except InputError as error:  # such as a training that diverges: the sweep goes on
        result = {"scores": {}, "boxes": 0, "trained_on": 0, "epochs": 0, "failed": str(error)}
    if "jax" in sys.modules:  # each fit compiles its own programs, which would add up in memory
        sys.modules["jax"].clear_caches()
    return {**result, "seconds": round(time.perf_counter() - began, 3)}


class _Pools:
    """The boxes of trials; those of the last trial are kept."""

    def __init__(self, plan: Plan, pool: Pool) -> None:
        self._plan, self._pool = plan, pool
        self._source = plan.source_of(0)

    def of(self, trial: int) -> Pool:
        source = self._plan.source_of(trial)
        if source != self._source:
            del self._pool  # frees the old boxes before the new ones are loaded
            self._pool = Pool.load(source)
            self._pool.check(self._plan.folds, bool(self._plan.recipe_of(trial).early_stopping))
            self._source = source
        return self._pool


def _end_with_parent() -> None:
    """
    End this process at once when its parent has ended.

    The parent has the write end of standard input and never writes. So reading returns only when
    the operating system closes that end.
    """

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
