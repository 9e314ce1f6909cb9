"""What is said of augmentation: how far things move, and sentences of what no storm would do."""

import math

import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.augment import Augmentation, affine_matrices
from stormlens.learn._augmentation_advice import (
    advice,
    beyond_the_edge,
    elongation,
    report_reach,
)
from stormlens.training import load_recipe

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
