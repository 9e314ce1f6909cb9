"""Hard edges whose lengths are known."""

import numpy as np
import pytest

from stormlens.features import describe, measure_images

NAMES = [feature.name for feature in describe()]
STRAIGHT, CIRCULAR = NAMES.index("straight_edge"), NAMES.index("circular_edge")
Y, X = np.mgrid[:136, :136]


def edges(image):
    return measure_images(np.asarray(image, np.uint8)[None])[0, [STRAIGHT, CIRCULAR]]


@pytest.mark.parametrize("degrees", [0, 17, 45, 60, 90, 133])
def test_a_sector_ends_along_a_line_that_crosses_the_box(degrees):
    normal = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    straight, circular = edges(np.where((X - 67.5) * normal[0] + (Y - 67.5) * normal[1] < 0, 30, 0))
    chord = 1 / max(np.abs(normal))
    assert straight == pytest.approx(chord, rel=0.06)
    assert circular < 0.35


@pytest.mark.parametrize(
    ("radius", "centre"),
    [
        *((13.0, (67.5, 67.5)), (30.0, (67.5, 67.5)), (61.3, (67.5, 67.5))),
        *((30.0, (100, 20)), (61.3, (100, 20)), (120.0, (100, 20))),
        *((61.3, (-20, 60)), (120.0, (-20, 60))),
    ],
)
@pytest.mark.parametrize("blank", ["inside", "outside"])
def test_a_range_ends_along_a_circle(radius, centre, blank):
    angles = np.linspace(0, 2 * np.pi, 20000)
    y, x = centre[0] + radius * np.sin(angles), centre[1] + radius * np.cos(angles)
    seen = ((y > -0.5) & (y < 135.5) & (x > -0.5) & (x < 135.5)).mean()
    arc = seen * 2 * np.pi * radius / 136
    inside = np.hypot(Y - centre[0], X - centre[1]) <= radius
    straight, circular = edges(np.where(inside == (blank == "inside"), 0, 25))
    assert circular == pytest.approx(arc, rel=0.06)
    assert straight < 0.35


def test_what_fades_out_has_no_hard_edge():
    distance = np.hypot(Y - 67.5, X - 67.5)
    assert edges(np.clip(60 - distance, 0, 80)).tolist() == [0, 0]
    assert edges(np.where(X < 60, 19, 0)).tolist() == [0, 0]
    assert edges(np.where(X < 60, 20, 0))[0] == pytest.approx(1)
    assert edges(np.where(X < 60, 60, 1)).tolist() == [0, 0]


def test_fewer_than_twelve_sides_are_no_edge():
    image = np.zeros((136, 136))
    image[50:60, 0] = 40
    image[48:50, 0] = image[60:62, 0] = 10
    assert edges(image).tolist() == [0, 0]
    image[46:62, 0] = 40
    assert edges(image)[0] > 0.1


def test_specks_make_no_long_edge():
    rng = np.random.default_rng(0)
    for share in (0.02, 0.1, 0.3):
        straight, circular = edges(np.where(rng.random((136, 136)) < share, 30, 0))
        assert straight < 0.45
        assert circular < 0.9


def test_many_specks_cost_little_and_stay_within_bounds():
    rng = np.random.default_rng(0)
    straight, circular = edges(np.where(rng.random((136, 136)) < 0.5, 30, 0))
    assert 0 <= straight <= np.sqrt(2)
    assert 0 <= circular <= np.pi
    stripes = edges(np.where(X % 2 == 0, 30, 0))
    assert (stripes >= 0).all()
    assert (stripes <= [np.sqrt(2), np.pi]).all()
