import math
import tomllib

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import panel as pn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.augment import Augmentation, affine_matrices
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.learn._augmentation_advice import (
    advice,
    beyond_the_edge,
    elongation,
    report_reach,
)
from stormlens.learn._augmentation_studio import PRESETS, AugmentationStudio, to_toml
from stormlens.training import Recipe, load_recipe

RANGES = [
    {"rotation_range": 55, "zoom_range": (0.9, 1.0)},
    {"width_shift_range": 0.25, "height_shift_range": 0.1, "fill_mode": "nearest"},
    {"shear_range": 20.0, "horizontal_flip": True, "fill_mode": "wrap"},
    {"rotation_range": 30.5, "vertical_flip": True, "fill_mode": "constant", "cval": 12},
]


@pytest.fixture
def speckle():
    """One box in which no two places look alike, with a bright middle."""
    image = np.random.default_rng(5).integers(0, 40, (1, 136, 136)).astype(np.uint8)
    image[0, 67:69, 67:69] = 80
    return make_dataset(image, [2], source="SIMULATED noise", simulated=True)


@pytest.mark.parametrize("ranges", RANGES)
def test_previews_are_what_training_would_draw(storms, ranges):
    studio = AugmentationStudio(storms, storm=1, seed=4)
    studio.choose("none")
    studio.param.update(**ranges)
    nine = jnp.asarray(np.repeat(storms["reflectivity"].values[1:2], 9, axis=0))
    expected = np.asarray(Augmentation(**ranges).apply(jax.random.key(4), nine))
    npt.assert_array_equal(studio.augmented, expected)
    shown = np.stack(studio.previews.data["image"])
    npt.assert_array_equal(shown, np.rint(expected).astype(np.uint8))


def test_the_original_stands_beside_as_it_is(storms):
    studio = AugmentationStudio(storms)
    studio.storm = 1
    npt.assert_array_equal(studio.original.data["image"][0], storms["reflectivity"].values[1])
    assert "Storm 1: Cellular" in studio.heading.object
    assert "simulated" in studio.heading.object


def test_a_seed_gives_the_same_draws_and_the_button_other_ones(storms):
    studio, other = (AugmentationStudio(storms, rotation_range=90) for _ in range(2))
    first = studio.augmented
    npt.assert_array_equal(first, other.augmented)
    buttons = studio.__panel__().select(pn.widgets.Button)
    next(button for button in buttons if button.label == "New draws").clicks += 1
    assert studio.seed == 1
    assert not np.array_equal(studio.augmented, first)
    studio.seed = 0
    npt.assert_array_equal(studio.augmented, first)


def test_no_range_is_compiled_for(storms):
    studio = AugmentationStudio(storms)
    studio.choose("chapter")
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **_: compiled.append(name) if "backend_compile" in name else None
    )
    for step, fill_mode in enumerate(["nearest", "constant", "wrap", "reflect"]):
        studio.param.update(rotation_range=10 * step, shear_range=step / 3, fill_mode=fill_mode)
        studio.param.update(width_shift_range=0.1 * step, height_shift_range=0.02 * step)
        studio.param.update(zoom_range=(0.8, 1 + step / 10), cval=step, seed=step, storm=step % 3)
    assert compiled == []
    jax.jit(lambda x: x * 1.2345)(1.0)
    assert compiled != []  # else the listener would have heard nothing at all


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_the_recipes_and_their_toml_reads_back(storms, preset):
    studio = AugmentationStudio(storms, cval=3, vertical_flip=True)
    buttons = studio.__panel__().select(pn.widgets.Button)
    next(button for button in buttons if button.label == preset).clicks += 1
    recipe = PRESETS[preset]
    expected = load_recipe(recipe).augmentation if recipe else Augmentation()
    assert studio.augmentation == expected
    assert tomllib.loads(studio.toml) == {"augmentation": expected.to_dict()}
    assert studio.recipe.data["toml"] == [studio.toml]


@pytest.mark.parametrize("ranges", RANGES)
def test_the_toml_makes_a_recipe_with_these_settings(storms, ranges):
    studio = AugmentationStudio(storms, **ranges)
    recipe = Recipe.from_toml("model = 'chapter-relu'\n" + studio.toml, name="copied")
    assert recipe.augmentation == studio.augmentation == Augmentation(**ranges)


def test_it_begins_with_the_chapters_ranges_unless_one_is_told(storms):
    chapter = load_recipe("chapter-augmented").augmentation
    assert AugmentationStudio(storms).augmentation == chapter
    assert AugmentationStudio(storms, cval=2).augmentation == Augmentation(cval=2)


def test_a_sliders_steps_leave_no_dust_in_the_toml(storms):
    studio = AugmentationStudio(storms, width_shift_range=0.1 + 0.2)
    assert "width_shift_range = 0.3\n" in studio.toml


def test_the_cross_stands_on_the_report(speckle):
    ranges = {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2}
    studio = AugmentationStudio(speckle, horizontal_flip=True, **ranges)
    brightest = [np.argwhere(image > 0.6 * image.max()).mean(0) for image in studio.augmented]
    npt.assert_allclose(studio.places, brightest, atol=1.0)
    # The first preview lies at the top left, the fourth under it.
    x, y = (np.array(studio.reports.data[axis]) for axis in "xy")
    npt.assert_allclose(x[3] - studio.places[3, 1], 0.5)
    npt.assert_allclose(y[0] - studio.places[0, 0], 2 * (136 + 5) + 0.5)


def test_a_report_that_left_its_image_has_no_cross(speckle):
    studio = AugmentationStudio(speckle, width_shift_range=0.5, zoom_range=(0.5, 0.5))
    inside = (np.abs(studio.places - 67.5) < 68).all(axis=1)
    assert 0 < inside.sum() < 9
    assert len(studio.reports.data["x"]) == inside.sum()


extremes = st.fixed_dictionaries(
    {
        "shear_range": st.floats(0, 45),
        "width_shift_range": st.floats(0, 0.5),
        "height_shift_range": st.floats(0, 0.5),
        "low": st.floats(0.5, 1),
        "high": st.floats(1, 2),
    }
)


def mapped(theta, shear, tx, ty, zx, zy):
    values = {"theta": theta, "shear": shear, "tx": tx, "ty": ty, "zx": zx, "zy": zy}
    off = jnp.array([False])
    matrix = affine_matrices(
        **{name: jnp.array([value]) for name, value in values.items()},
        flip_horizontal=off,
        flip_vertical=off,
        height=136,
        width=136,
    )
    return np.asarray(matrix, float)[0]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(held=extremes, theta=st.floats(-180, 180))
def test_the_report_reaches_as_far_as_is_said_and_no_further(held, theta):
    low, high = held.pop("low"), held.pop("high")
    reach = report_reach(Augmentation(zoom_range=(low, high), **held), 136, 136)
    tx, ty = 136 * held["width_shift_range"], 136 * held["height_shift_range"]
    for x, y, slant, zoom in [(tx, ty, 1, low), (-tx, ty, -1, low), (tx, -ty, 1, high)]:
        matrix = mapped(theta, slant * held["shear_range"], x, y, zoom, zoom)
        centre = np.array([67.5, 67.5])
        place = np.linalg.solve(matrix[:, :2], centre - matrix[:, 2])
        moved = np.abs(place - centre)[::-1] * 3.75
        assert (moved <= np.array(reach) * (1 + 1e-4) + 0.01).all()
        if (x, y, zoom) == (tx, ty, low):
            npt.assert_allclose(moved, reach, rtol=1e-3, atol=0.01)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(shear=st.floats(0, 80), theta=st.floats(-180, 180))
def test_elongation_is_that_of_a_sheared_circle(shear, theta):
    stretch = np.linalg.svd(mapped(theta, shear, 0, 0, 1, 1)[:, :2], compute_uv=False)
    npt.assert_allclose(
        elongation(Augmentation(shear_range=shear)), stretch[0] / stretch[1], rtol=1e-3
    )


def test_elongation_counts_zooms_that_are_drawn_apart():
    assert elongation(Augmentation(zoom_range=(0.8, 1.2))) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("transform", "share"),
    [
        ({"tx": 34}, 1 / 4),
        ({"tx": 68, "ty": -68}, 3 / 4),
        ({"zx": 2, "zy": 2}, 3 / 4),
        ({"zx": 0.5}, 0),
        ({}, 0),
    ],
)
def test_the_share_beyond_the_edge(transform, share):
    neutral = {"theta": 0, "shear": 0, "tx": 0, "ty": 0, "zx": 1, "zy": 1}
    matrix = mapped(**{**neutral, **transform})
    assert beyond_the_edge(matrix[None], 136, 136) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("ranges", "warnings"),
    [
        ({"rotation_range": 55, "zoom_range": (0.9, 1.0)}, []),
        ({"rotation_range": 56}, ["rotation"]),
        ({"width_shift_range": 0.01}, ["report moves"]),
        ({"vertical_flip": True}, ["vertical flip"]),
        ({"horizontal_flip": True}, ["horizontal flip"]),
        ({"zoom_range": (0.7, 0.8)}, ["zoom"]),
        ({"zoom_range": (1.2, 1.3)}, ["zoom"]),
        ({"shear_range": 14}, []),
        ({"shear_range": 16}, ["stretching"]),
        ({"zoom_range": (0.8, 1.2)}, ["stretching"]),
    ],
)
def test_what_no_storm_would_do_is_warned_of(ranges, warnings):
    found = [held.subject for held in advice(Augmentation(**ranges)) if held.warning]
    assert found == warnings


def test_the_chapters_shift_is_told_in_km():
    recipe = load_recipe("chapter-augmented").augmentation
    first = advice(recipe)[0]
    assert first.warning
    # A tenth of 510 km, drawn 1 / 0.9 times as large; 57 and 57 km at once are 80.
    assert "57 km east or west and 57 km north or south, 80 km in all" in first.text
    assert math.hypot(*report_reach(recipe, 136, 136)) == pytest.approx(80.2, abs=0.2)


def test_advice_knows_the_size_of_the_box():
    texts = [held.text for held in advice(Augmentation(width_shift_range=0.5), 0, (40, 40))]
    assert "up to 75 km east or west but" in texts[0]


@pytest.mark.parametrize(
    ("ranges", "warning", "words"),
    [
        ({"fill_mode": "reflect"}, False, "mirror image"),
        ({"fill_mode": "nearest"}, True, "streaks"),
        ({"fill_mode": "wrap"}, True, "opposite side"),
        ({"fill_mode": "constant"}, True, "cut off"),
        ({"fill_mode": "constant", "cval": 40.0}, True, "invented echo of 40 dBZ"),
    ],
)
def test_what_lies_beyond_the_edge_is_told(ranges, warning, words):
    last = advice(Augmentation(rotation_range=45, **ranges), beyond=0.123)[-1]
    assert last.warning == warning
    assert words in last.text
    assert "12\N{NO-BREAK SPACE}% lie beyond" in last.text


def test_cval_without_its_fill_mode_does_nothing():
    assert [held.subject for held in advice(Augmentation(cval=5.0))] == ["cval"]


def test_words_follow_the_settings(storms):
    studio = AugmentationStudio(storms)
    studio.choose("none")
    assert "All ranges are at rest" in studio.words.object
    studio.fill_mode = "wrap"  # still nothing moves
    assert "All ranges are at rest" in studio.words.object
    studio.rotation_range = 0.1
    assert "under one degree it moves nothing" in studio.words.object
    assert "keep their look" in studio.words.object
    studio.vertical_flip = True
    assert "clockwise" in studio.words.object
    assert "keep their look" not in studio.words.object


def test_a_notebook_is_sent_the_plots(storms, monkeypatch):
    sent = []
    monkeypatch.setattr(pn.io, "push_notebook", sent.append)
    studio = AugmentationStudio(storms)
    studio.draw_again()
    assert sent == []  # it is shown nowhere
    view = studio.__panel__()
    studio.draw_again()
    assert sent == [view]


def test_toml_writes_truth_values_and_texts():
    text = to_toml(Augmentation(vertical_flip=True, fill_mode="wrap"))
    assert 'vertical_flip = true\nfill_mode = "wrap"' in text


def test_bad_input_gets_its_sentence(storms):
    with pytest.raises(InputError, match="no storm 3; they go from 0 to 2"):
        AugmentationStudio(storms, storm=3)
    with pytest.raises(InputError, match="seed is -1"):
        AugmentationStudio(storms, seed=-1)
    with pytest.raises(InputError, match="not a list"):
        AugmentationStudio([1, 2])
    with pytest.raises(InputError, match="Did you mean 'chapter'"):
        AugmentationStudio(storms).choose("chaptre")
