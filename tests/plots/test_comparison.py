"""Pictures of comparisons: points stand where the scores are, and carry their letters."""

import math

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens import plots
from stormlens.errors import InputError
from stormlens.verification import Estimate

NONE = Estimate(math.nan, math.nan, math.nan)


def letters(ax):
    """Where each letter stands."""
    found = {}
    for text in ax.texts:
        name = text.get_text()
        if name and (name.isalpha() and name.isupper() and len(name) == 1):
            found.setdefault(name, []).append(text.get_position())
    return found


def contrast(one, other):
    """WCAG 2's contrast of two hexadecimal colours."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@settings(deadline=None)  # the first asks for Matplotlib
@given(st.integers(1, 60), st.integers(0, 60))
def test_everybody_has_a_letter_of_their_own(count, first_baseline):
    names = [f"run {i}" for i in range(count)]
    marks = plots.entrant_marks(names, names[first_baseline:])
    assert list(marks) == names
    assert len({mark.letter for mark in marks.values()}) == count
    assert marks["run 0"].letter == "A"


def test_a_letter_can_be_read_on_its_colour_light_or_dark():
    from stormlens.report import _figures

    names = [str(i) for i in range(12)]
    for mark in plots.entrant_marks(names, names[10:]).values():
        assert contrast(mark.colour, "#ffffff") >= 4.5
        assert contrast(_figures.dark(mark.colour), _figures.dark("#ffffff")) >= 4.5


def test_performance_stands_at_success_ratio_and_pod():
    ax = plots.performance_diagram(
        {"one": Estimate(0.8, 0.7, 0.9), "two": NONE, "three": Estimate(0.5, 0.4, 0.6)},
        {
            "one": Estimate(0.6, 0.5, 0.7),
            "two": Estimate(0, 0, 0),
            "three": Estimate(0.25, 0.2, 0.4),
        },
    )
    assert letters(ax) == {"A": [(0.8, 0.6)], "C": [(0.5, 0.25)]}
    crosses = {
        (tuple(map(float, line.get_xdata())), tuple(map(float, line.get_ydata())))
        for line in ax.lines
        if len(line.get_xdata()) == 2
    }
    assert ((0.7, 0.9), (0.6, 0.6)) in crosses
    assert ((0.8, 0.8), (0.5, 0.7)) in crosses
    assert "two" not in plots.alt_text(ax)


def test_curves_of_csi_join_points_of_that_csi():
    ax = plots.performance_diagram({}, {})
    curves = [line for line in ax.lines if len(line.get_xdata()) > 2]
    found = []
    for line in curves:
        ratio, pod = line.get_xdata(), line.get_ydata()
        # Hits 1, misses 1 / POD - 1, false alarms 1 / SR - 1.
        csi = 1 / (1 + (1 / pod - 1) + (1 / ratio - 1))
        npt.assert_allclose(csi, csi[0], rtol=1e-12)
        found.append(round(float(csi[0]), 6))
    assert found == [0.2, 0.4, 0.6, 0.8]


def test_a_slice_of_few_boxes_is_counted_but_not_drawn():
    rows = [Estimate(0.5, 0.4, 0.6), Estimate(0.9, 0.2, 1.0), NONE]
    ax = plots.skill_by_time(["Jan", "Feb", "Mar"], [20, 9, 30], {"one": rows}, of="Month")
    assert letters(ax) == {"A": [(0.0, 0.5)]}
    assert {"20", "9", "30"} <= {text.get_text() for text in ax.texts}
    assert plots.alt_text(ax) == "Heidke skill score by Month. one Jan 0.50."


def test_skill_below_zero_is_in_the_picture():
    ax = plots.skill_by_time(["2014"], [50], {"one": [Estimate(-0.2, -0.5, 0.1)]})
    assert ax.get_ylim()[0] <= -0.5


def test_many_slices_end_in_one_letter():
    rows = [Estimate(i / 24, 0, 1) for i in range(24)]
    hours = [f"{hour:02d}" for hour in range(24)]
    ax = plots.skill_by_time(hours, [50] * 24, {"one": rows, "two": rows[::-1]})
    assert letters(ax) == {"A": [(23.0, 23 / 24)], "B": [(23.0, 0.0)]}
    assert [label.get_text() for label in ax.get_xticklabels()] == hours[::3]


def test_a_learning_curve_is_ordered_by_boxes():
    points = [(800, Estimate(0.8, 0.7, 0.9)), (100, Estimate(0.5, 0.4, 0.6))]
    ax = plots.learning_curve({"one": points}, constant=("always QLCS", 0.45))
    ((x1, y1), (x2, y2)) = letters(ax)["A"]
    npt.assert_allclose((x1, x2), (100, 800), rtol=0.05)
    assert (y1, y2) == (0.5, 0.8)
    assert [int(tick) for tick in ax.get_xticks()] == [800, 100]
    assert "always QLCS" in "".join(text.get_text() for text in ax.texts)
    assert plots.alt_text(ax).endswith("one 0.50 with 100, 0.80 with 800.")


def test_all_say_that_boxes_were_simulated():
    one = {"one": Estimate(0.5, 0.4, 0.6)}
    for ax in (
        plots.performance_diagram(one, one, simulated=True),
        plots.skill_by_time(["Jan"], [20], {"one": [one["one"]]}, simulated=True),
        plots.learning_curve({"one": [(10, one["one"])]}, simulated=True),
    ):
        assert "simulated" in [text.get_text() for text in ax.texts]


def test_nothing_to_draw_is_said():
    with pytest.raises(InputError, match="no slice of time"):
        plots.skill_by_time([], [], {"one": []})
    with pytest.raises(InputError, match="no point of a learning curve"):
        plots.learning_curve({"one": []})


def test_estimates_without_interval_are_points():
    alone = {"one": Estimate(0.5, math.nan, math.nan)}
    ax = plots.performance_diagram(alone, alone)
    assert letters(ax) == {"A": [(0.5, 0.5)]}
    ax.figure.canvas.draw()
    assert np.isfinite(ax.get_xlim()).all()
