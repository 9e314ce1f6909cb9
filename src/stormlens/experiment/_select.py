"""
Select a recipe by held-out families of simulated boxes, which its training never draws.

A network learns its simulator, and the simulator's test split only says how well. Here a
second simulator replaces reality: families of storms, radar networks and products that the
training never draws. The recipe with the best worst family is chosen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stormlens import datasets
from stormlens.errors import InputError
from stormlens.experiment._appraise import appraise
from stormlens.models import calibrate
from stormlens.report import Appraisal
from stormlens.training import Recipe, fit, load_recipe

_LEAST_JUDGED = 100
"""So many boxes contain enough with echo to calibrate on."""


@dataclass(frozen=True)
class Candidate:
    """
    A recipe, judged on families that it was not trained on.

    Attributes
    ----------
    recipe : Recipe
    appraisals : dict of int to Appraisal
        By seed.
    """

    recipe: Recipe
    appraisals: dict[int, Appraisal]

    @property
    def worst(self) -> float:
        """Lowest accuracy of any family with any seed."""
        rows = [row for one in self.appraisals.values() for row in one.families]
        return min(float(row["accuracy"]) for row in rows)


def select(
    recipes: Iterable[Recipe | str | Path],
    families: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    *,
    boxes: int | None = None,
    judged: int = 2000,
    progress: bool = True,
) -> list[Candidate]:
    """
    Train recipes on the wide mixture without some families, and judge them by these.

    Parameters
    ----------
    recipes : iterable of Recipe, str or Path
        Candidates, as for `training.load_recipe`.
    families : sequence of str, optional
        Judged by: names of `datasets.simulated_families`; by default those marked held out. No
        training draws them or those marked.
    seeds : sequence of int, optional
        Of the trainings, each 0 or more.
    boxes : int, optional
        To train on; by default the source's own number.
    judged : int, optional
        Boxes to calibrate on, and as many to judge by; 100 or more.
    progress : bool, optional
        Show it on standard error.

    Returns
    -------
    candidates : list of Candidate
        Sorted by their worst family, best first. No test split of the training data is used.

    Raises
    ------
    InputError
        If a family does not exist, there is no recipe or seed, too few boxes are to judge by, or
        a recipe stops early.
    """
    if isinstance(recipes, (str, Path, Recipe)) or isinstance(families, str):
        raise InputError("Recipes and families to choose by are given as lists.")
    chosen = [r if isinstance(r, Recipe) else load_recipe(r) for r in recipes]
    if not chosen or not seeds:
        raise InputError("There is nothing to choose from; give at least one recipe and one seed.")
    if judged < _LEAST_JUDGED:
        raise InputError(
            f"{judged} boxes are too few to calibrate on and to judge by; give "
            f"{_LEAST_JUDGED} or more."
        )
    for recipe in chosen:
        for seed in seeds:
            recipe.with_changes(seed=seed)  # refuses what is no seed, before anything is painted
        if recipe.early_stopping:
            raise InputError(
                f"Recipe {recipe.name} stops early by boxes like those it trains on; give one "
                "with early_stopping = 0, so that all candidates are trained in the same way."
            )
    out = tuple(families) or tuple(f.name for f in datasets.simulated_families() if f.held_out)
    train = datasets.load("simulated-wide", "train", count=boxes, without=out, progress=progress)
    calibration, test = (
        datasets.load("simulated-held-out", split, count=judged, one_of=out)
        for split in ("validation", "test")
    )
    candidates = []
    for recipe in chosen:
        appraisals = {}
        for seed in seeds:
            fitted = fit(recipe.with_changes(seed=seed), {"train": train}, progress=progress)
            classifier = fitted.classifier
            classifier.confidence = calibrate(classifier, calibration)
            appraisals[seed] = appraise(classifier, test, families=out)
        candidates.append(Candidate(recipe, appraisals))
    return sorted(candidates, key=lambda candidate: -candidate.worst)
