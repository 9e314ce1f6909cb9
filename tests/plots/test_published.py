"""Published numbers beside ours: what is drawn equals what was given."""

import numpy as np
import numpy.testing as npt
import pytest

from stormlens import plots
from stormlens.errors import InputError

ROWS = [
    {
        "label": "first, test",
        "published": {"value": 0.887, "low": 0.846, "high": 0.918},
        "ours": {"value": 0.85, "low": 0.8, "high": 0.9},
    },
    {
        "label": "second, test",
        "published": None,
        "ours": {"value": 0.75, "low": None, "high": None},
    },
    {
        "label": "third, test",
        "published": {"value": 0.5, "low": None, "high": None},
        "ours": {"value": None, "low": None, "high": None},
    },
]


def points(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xdata(), np.round(line.get_ydata()).astype(int)


@pytest.mark.parametrize("narrow", [False, True])
def test_points_and_intervals_are_those_given(narrow):
    ax = plots.beside_published(ROWS, narrow=narrow)
    for label, values, places in (
        ("published", [0.887, 0.5], [0, 2]),
        ("here", [0.85, 0.75], [0, 1]),
    ):
        found, rows = points(ax, label)
        npt.assert_allclose(found, values)
        npt.assert_array_equal(rows, places)
    bounds = [path.vertices[:, 0] for drawn in ax.collections for path in drawn.get_paths()]
    npt.assert_allclose(bounds[0], [0.846, 0.918])
    npt.assert_allclose(bounds[2], [0.8, 0.9])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [row["label"] for row in ROWS]


def test_the_words_hold_every_number():
    assert plots.alt_text(plots.beside_published(ROWS)) == (
        "Accuracy with intervals: first, test 0.887 published and 0.850 here; second, test 0.750 "
        "here; third, test 0.500 published."
    )


def test_simulated_scores_are_marked():
    ax = plots.beside_published(ROWS, simulated=True)
    assert "simulated" in [text.get_text() for text in ax.texts]


def test_nothing_is_refused():
    with pytest.raises(InputError, match="at least one row"):
        plots.beside_published([])
