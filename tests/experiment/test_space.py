"""What a sweep varies: read from the command line, checked against the recipe, drawn from."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlens.errors import InputError
from stormlens.experiment import Range, parse_fields
from stormlens.experiment._space import Space
from stormlens.training import Recipe, RecipeData, load_recipe

BASE = Recipe(name="base", model="lenet5", data=RecipeData("simulated"))


def test_values_are_read_as_a_recipe_writes_them():
    assert parse_fields(
        [
            "learning_rate=1e-4, .001,1",
            "class_weights=true,false",
            "schedule=constant,cosine",
            'model="lenet5"',
            "continues=none,chapter-relu",
            "augmentation.zoom_range=[0.9, 1.1],[1,1]",
            "augmentation={rotation_range = 5, zoom_range = [0.9, 1.1]},none",
        ]
    ) == {
        "learning_rate": [1e-4, 1e-3, 1],
        "class_weights": [True, False],
        "schedule": ["constant", "cosine"],
        "model": ["lenet5"],
        "continues": [None, "chapter-relu"],
        "augmentation.zoom_range": [[0.9, 1.1], [1, 1]],
        "augmentation": [{"rotation_range": 5, "zoom_range": [0.9, 1.1]}, None],
    }


def test_ranges_are_read_with_and_without_a_logarithm():
    assert parse_fields(["learning_rate=1e-5:1e-2:log", "epochs=3:9"]) == {
        "learning_rate": Range(1e-5, 1e-2, log=True),
        "epochs": Range(3, 9),
    }


@given(st.text(max_size=40))
def test_whatever_is_written_becomes_rates_or_a_sentence(text):
    try:
        parsed = parse_fields([f"learning_rate={text}"])
        Space.of(BASE, parsed)
    except InputError:
        return
    values = parsed["learning_rate"]
    rates = (values.low, values.high) if isinstance(values, Range) else values
    assert all(isinstance(rate, int | float) and 0 < rate <= 1 for rate in rates)


@pytest.mark.parametrize(
    ("field", "values", "words"),
    [
        ("learning_rat", [1e-3], "Did you mean 'learning_rate'"),
        ("rotation_range", [3.0], "Did you mean 'augmentation.rotation_range'"),
        ("augmentation.rotation", [3.0], "Did you mean 'augmentation.rotation_range'"),
        ("a.b.c", [3.0], "Unknown field of a recipe"),
        ("name", ["x"], "changes nothing"),
        ("learning_rate", [], "no value"),
        ("learning_rate", [1e-3, 1e-3], "twice"),
        ("learning_rate", "1e-3", "list or a Range"),
        ("learning_rate", [None], "learning_rate cannot be none"),
        ("augmentation.rotation_range", [None], "rotation_range is None"),
        ("learning_rate", ["quick"], r"learning_rate is 'quick', it must be in \(0, 1\]"),
        ("learning_rate", Range(0.5, 2), r"learning_rate is 2, it must be in \(0, 1\]"),
        ("epochs", [2.5], "whole number"),
        ("epochs", Range(1.5, 9), "whole bounds"),
        ("schedule", Range(1, 2), "no range"),
        ("schedule", ["cosin"], "Did you mean 'cosine'"),
        ("augmentation.rotation_range", ["far"], "augmentation.rotation_range is 'far'"),
        ("augmentation.zoom_range", [3], "augmentation.zoom_range is 3"),
        ("model", ["lenet"], "Did you mean 'lenet5'"),
        ("model", ["mine.keras"], "mine.keras does not exist"),
        ("continues", ["chapter-rely"], "Did you mean 'chapter-relu'"),
        ("data.split", ["test"], "a training takes all splits"),
        ("features.trees", [3], "Did you mean 'features.leaves'|Unknown field"),
    ],
)
def test_what_cannot_be_varied_is_a_sentence(field, values, words):
    with pytest.raises(InputError, match=words):
        Space.of(BASE, {"batch_size": [8, 16], field: values})


def test_nothing_to_vary_is_a_sentence():
    with pytest.raises(InputError, match="nothing to vary"):
        Space.of(BASE, {})


def test_a_table_is_varied_whole_or_by_its_keys():
    fields = {"augmentation": [None], "augmentation.rotation_range": [3.0]}
    with pytest.raises(InputError, match="choose one"):
        Space.of(BASE, fields)


@pytest.mark.parametrize("bounds", [(1, 1), (2, 1), (math.nan, 1), (0, math.inf), ("a", 1)])
def test_a_range_has_two_bounds_in_order(bounds):
    with pytest.raises(InputError):
        Range(*bounds)
    with pytest.raises(InputError, match="logarithm"):
        Range(0, 1, log=True)


def test_a_recipe_takes_its_values_and_makes_a_table_that_it_lacks():
    space = Space.of(BASE, {"augmentation.rotation_range": [5.0], "learning_rate": [1e-2]})
    recipe = space.recipe({"augmentation.rotation_range": 5.0, "learning_rate": 1e-2})
    assert recipe.augmentation.rotation_range == 5.0
    assert recipe.augmentation.zoom_range == (1.0, 1.0)
    assert recipe.learning_rate == 1e-2
    assert recipe.with_changes(learning_rate=BASE.learning_rate).model == "lenet5"


def test_a_key_leaves_the_rest_of_its_table_and_none_takes_it_away():
    base = load_recipe("default")
    space = Space.of(base, {"augmentation.rotation_range": [5.0]})
    changed = space.recipe({"augmentation.rotation_range": 5.0}).augmentation
    assert (changed.rotation_range, changed.zoom_range) == (5.0, base.augmentation.zoom_range)
    assert Space.of(base, {"augmentation": [None]}).recipe({"augmentation": None}).augmentation is (
        None
    )


def test_a_grid_is_every_combination_once():
    space = Space.of(BASE, {"learning_rate": [1e-3, 1e-2], "batch_size": [8, 16, 32]})
    points = space.grid()
    assert points[:2] == [
        {"learning_rate": 1e-3, "batch_size": 8},
        {"learning_rate": 1e-3, "batch_size": 16},
    ]
    assert len({tuple(point.values()) for point in points}) == len(points) == 6
    with pytest.raises(InputError, match="no grid"):
        Space.of(BASE, {"learning_rate": Range(1e-3, 1e-2)}).grid()
    large = Space.of(BASE, {"seed": [*range(101)], "batch_size": [*range(1, 102)]})
    with pytest.raises(InputError, match="more than the 10,000"):
        large.grid()


@pytest.mark.slow
@given(st.integers(0, 2**31 - 1), st.integers(1, 30))
def test_draws_lie_in_their_ranges_and_fewer_are_the_first_of_more(seed, trials):
    fields = {
        "learning_rate": Range(1e-5, 1e-2, log=True),
        "epochs": Range(2, 90),
        "batch_size": Range(1, 512, log=True),
        "schedule": ["constant", "cosine"],
    }
    space = Space.of(BASE, fields)
    points = space.draw(trials, seed)
    assert len(points) == trials
    assert points == space.draw(30, seed)[:trials]
    for point in points:
        assert 1e-5 <= point["learning_rate"] <= 1e-2
        for name in ("epochs", "batch_size"):
            assert type(point[name]) is int
            assert fields[name].low <= point[name] <= fields[name].high
        space.recipe(point)


def test_a_logarithmic_range_takes_every_decade_alike():
    space = Space.of(BASE, {"learning_rate": Range(1e-5, 1e-2, log=True)})
    rates = [point["learning_rate"] for point in space.draw(900, 0)]
    decades = np.histogram(np.log10(rates), [-5, -4, -3, -2])[0]
    assert np.all(np.abs(decades - 300) < 5 * math.sqrt(200))


def test_draws_end_where_there_are_no_others():
    space = Space.of(BASE, {"epochs": Range(1, 3), "class_weights": [True, False]})
    points = space.draw(50, 0)
    assert len(points) == len({tuple(point.values()) for point in points}) == 6
