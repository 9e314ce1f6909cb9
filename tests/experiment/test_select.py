"""Recipes chosen by families that their trainings never drew."""

import numpy as np
import pytest

from stormlens import experiment
from stormlens.errors import InputError
from stormlens.experiment import _select, select
from stormlens.training import Recipe

HELD = ("bow echo", "coarse steps")


@pytest.fixture(scope="module")
def chosen():
    seen = []
    original = _select.fit

    def watched(recipe, splits, **options):
        seen.append((recipe, splits))
        return original(recipe, splits, **options)

    recipes = [
        Recipe(name="idle", model="chapter-linear", epochs=1, learning_rate=1e-9),
        Recipe(name="learns", model="chapter-relu", epochs=3, learning_rate=1e-3),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_select, "fit", watched)
        result = select(recipes, HELD, seeds=(0, 3), boxes=300, judged=200, progress=False)
    return result, seen


@pytest.mark.slow
def test_trainings_never_see_what_is_held_out(chosen):
    _, seen = chosen
    assert [(recipe.name, recipe.seed) for recipe, _ in seen] == [
        ("idle", 0),
        ("idle", 3),
        ("learns", 0),
        ("learns", 3),
    ]
    for _, splits in seen:
        assert set(splits) == {"train"}
        drawn = {*splits["train"]["storm_family"].values, *splits["train"]["product"].values}
        assert not drawn & set(HELD)
        assert "smooth" not in drawn  # held out of simulated-wide whatever else is


@pytest.mark.slow
def test_the_best_worst_family_comes_first(chosen):
    result, _ = chosen
    assert [candidate.recipe.name for candidate in result] == ["learns", "idle"]
    assert result[0].worst > result[1].worst
    for candidate in result:
        rows = [row for each in candidate.appraisals.values() for row in each.families]
        assert {row["family"] for row in rows} == set(HELD)
        assert candidate.worst == min(row["accuracy"] for row in rows)
        assert np.isfinite([row["coverage"] for row in rows]).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"recipes": []}, "nothing to choose from"),
        ({"recipes": ["storm-residual"], "seeds": ()}, "nothing to choose from"),
        ({"recipes": ["storm-residual"], "families": ["bow"]}, "Unknown family"),
        ({"recipes": "storm-residual"}, "given as lists"),
        ({"recipes": ["storm-residual"], "families": "bow echo"}, "given as lists"),
        ({"recipes": ["storm-residual"], "judged": 1}, "1 boxes are too few"),
        ({"recipes": ["storm-residual"], "seeds": [-1]}, "seed"),
        ({"recipes": ["default"]}, "stops early"),
    ],
)
def test_what_cannot_be_chosen_is_said_before_anything_is_painted(arguments, sentence, monkeypatch):
    def never(*_, **__):
        raise AssertionError("painted")

    if "Unknown" not in sentence:  # names of families are looked up by the simulator
        monkeypatch.setattr(_select.datasets, "load", never)
    with pytest.raises(InputError, match=sentence):
        experiment.select(**arguments)
