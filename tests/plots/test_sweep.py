"""Curves of a sweep: every trial stands where its value and score are."""

import math

import numpy as np
import numpy.testing as npt
import pytest

from stormlens import plots
from stormlens.errors import InputError


def row(value, mean, best=False):
    return {"value": value, "mean": mean, "low": mean - 0.1, "high": mean + 0.1, "best": best}


def points(ax, marker):
    marked = [line for line in ax.lines if line.get_marker() == marker]
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in marked]


def test_numbers_stand_at_their_values_and_the_best_is_a_diamond():
    rows = [row(1e-4, 0.5), row(1e-3, 0.7, best=True), row(1e-2, 0.6)]
    ax = plots.sweep_field(rows, "learning_rate", "HSS")
    npt.assert_allclose(points(ax, "o"), [(1e-4, 0.5), (1e-2, 0.6)])
    npt.assert_allclose(points(ax, "D"), [(1e-3, 0.7)])
    assert ax.get_xscale() == "log"
    bars = [line.get_ydata() for line in ax.lines if line.get_marker() == "None"]
    npt.assert_allclose(bars, [[0.4, 0.6], [0.6, 0.8], [0.5, 0.7]])
    assert "best at 0.001 with 0.700" in plots.alt_text(ax)


def test_a_line_goes_through_the_means_of_values_that_several_share():
    rows = [row(8, 0.5), row(8, 0.7, best=True), row(16, 0.4), row(32, 0.2)]
    ax = plots.sweep_field(rows, "batch_size", "HSS")
    (line,) = [line for line in ax.lines if line.get_label() == "mean of trials"]
    npt.assert_allclose(line.get_xydata(), [(8, 0.6), (16, 0.4), (32, 0.2)])
    assert ax.get_xscale() == "linear"


@pytest.mark.parametrize("values", [[True, False], ["constant", None], [[0.9, 1.1], "x" * 90]])
def test_names_stand_side_by_side(values):
    rows = [row(value, 0.5) for value in values for _ in range(2)]
    ax = plots.sweep_field(rows, "schedule", "HSS", simulated=True, narrow=True)
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert len(names) == 2
    assert max(map(len, names)) <= 24
    places = np.array([x for x, _ in points(ax, "o")])
    assert len(set(places)) == 4
    assert set(np.round(places)) == {0, 1}
    assert "simulated" in [text.get_text() for text in ax.texts]


def test_a_score_without_bounds_has_no_bar():
    ax = plots.sweep_field([{**row(1, 0.5), "low": math.nan}], "seed", "HSS")
    assert [line for line in ax.lines if line.get_marker() == "None"] == []


def test_rungs_are_lines_of_those_that_went_on():
    trials = [
        {"shares": [1 / 3, 1.0], "means": [0.4, 0.6], "best": True},
        {"shares": [1 / 3], "means": [0.3], "best": False},
    ]
    ax = plots.sweep_rungs(trials, "HSS", budget="epochs", simulated=True)
    npt.assert_allclose(ax.lines[0].get_xydata(), [(1 / 3, 0.4), (1, 0.6)])
    npt.assert_allclose(ax.lines[1].get_xydata(), [(1 / 3, 0.3)])
    assert "2 at 0.333, 1 at 1" in plots.alt_text(ax)


def test_a_sweep_of_nothing_is_a_sentence():
    with pytest.raises(InputError, match="no trial"):
        plots.sweep_field([], "seed", "HSS")
    with pytest.raises(InputError, match="no trial"):
        plots.sweep_rungs([], "HSS", budget="epochs")
