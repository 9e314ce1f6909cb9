"""Pictures of trainings and scores: what is drawn equals what was given."""

import subprocess
import sys

import numpy as np
import numpy.testing as npt
import pytest

from stormlens import plots
from stormlens.errors import InputError
from stormlens.verification import reliability

HISTORY = [
    {
        "epoch": i,
        "seconds": 1.0,
        "loss": 1 / i,
        "accuracy": 1 - 0.5 / i,
        "val_loss": 1.2 / i,
        "val_accuracy": 0.9 - 0.5 / i,
    }
    for i in range(1, 6)
]


def _line(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


@pytest.mark.parametrize("quantity", ["accuracy", "loss"])
def test_history_draws_training_and_validation(quantity):
    ax = plots.history(HISTORY, quantity=quantity)
    for label, key in (("training", quantity), ("validation", f"val_{quantity}")):
        npt.assert_array_equal(_line(ax, label).get_xdata(), [1, 2, 3, 4, 5])
        npt.assert_allclose(_line(ax, label).get_ydata(), [epoch[key] for epoch in HISTORY])
    assert ax.get_ylabel().lower() == quantity
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"training", "validation"}


def test_history_draws_on_the_axes_it_is_given():
    ax = plots.history(HISTORY)
    assert plots.history(HISTORY, ax, quantity="loss") is ax


def test_history_without_validation_leaves_a_gap():
    alone = [{"epoch": 1, "accuracy": 0.5, "loss": 1.0}]
    assert np.isnan(_line(plots.history(alone), "validation").get_ydata()).all()


def test_simulated_training_is_marked():
    marked = [
        plots.history(HISTORY, simulated=True),
        plots.confusion(np.eye(2, dtype=int), "ab", simulated=True),
        plots.reliability(reliability([[1.0, 0.0]], [0]), simulated=True),
        *plots.chapter_comparison({"a": HISTORY}, simulated=True).axes,
    ]
    for ax in marked:
        assert "simulated" in [text.get_text() for text in ax.texts]
    assert "simulated" not in [text.get_text() for text in plots.history(HISTORY).texts]


def test_confusion_writes_every_count_where_its_row_and_column_meet():
    counts = np.array([[5, 1, 0], [2, 7, 3], [0, 0, 9]])
    ax = plots.confusion(counts, ["a", "b", "c"])
    written = {text.get_position(): text.get_text() for text in ax.texts}
    for (row, column), count in np.ndenumerate(counts):
        assert written[(column, row)] == str(count)
    npt.assert_allclose(ax.images[0].get_array()[1], [2 / 12, 7 / 12, 3 / 12])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylabel() == "Truth"
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first class on top


def test_confusion_of_a_class_without_boxes_is_blank():
    ax = plots.confusion([[0, 0], [1, 3]], "ab")
    npt.assert_allclose(ax.images[0].get_array()[0], 0)


def test_reliability_draws_filled_bins_and_their_counts():
    result = reliability([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]], [0, 1, 0], bins=5)
    ax = plots.reliability(result)
    drawn = ax.containers[-1].lines[0]
    npt.assert_allclose(drawn.get_xdata(), [0.6, 0.9])
    npt.assert_allclose(drawn.get_ydata(), [1.0, 0.5])
    assert [text.get_text() for text in ax.texts] == ["1", "2"]


def test_chapter_comparison_sets_published_values_beside_each_experiment():
    figure = plots.chapter_comparison(
        {"linear": HISTORY, "relu": HISTORY}, {"linear": {"accuracy": 0.931, "val_accuracy": 0.782}}
    )
    first, second = figure.axes
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("linear", "relu")
    npt.assert_allclose(_line(first, "published training").get_xydata(), [[5, 0.931]])
    npt.assert_allclose(_line(first, "published validation").get_xydata(), [[5, 0.782]])
    assert not [line for line in second.lines if "published" in str(line.get_label())]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.history([]), "holds no epoch"),
        (lambda: plots.history(HISTORY, quantity="los"), "Did you mean 'loss'"),
        (lambda: plots.chapter_comparison({}), "no experiment"),
        (lambda: plots.confusion(np.eye(2), "abc"), "does not fit 3 classes"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_drawing_leaves_pyplot_alone():
    # pyplot keeps every figure it makes alive and may open windows; ours never load it.
    code = (
        "import sys, numpy as np; from stormlens import plots; "
        "plots.storm_box(np.ones((4, 4))).figure.savefig('/dev/null', format='png'); "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
