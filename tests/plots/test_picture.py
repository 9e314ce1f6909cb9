"""Pictures carry words for those who cannot see them, into a notebook too."""

import html
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from stormlens import plots
from stormlens.errors import InputError


def box():
    values = np.zeros((8, 8), np.uint8)
    values[:2] = 45  # a quarter of the box
    values[0, 0] = 61
    return values


def test_words_say_what_the_box_holds():
    words = plots.alt_text(plots.storm_box(box(), title="Cellular", simulated=True))
    assert words == (
        "Simulated storm box, Cellular: echo over 25% of the box, 40 dBZ or more over 25.0%, "
        "highest 61 dBZ."
    )


def test_words_of_curves_name_both_ends():
    rows = [
        {"epoch": 1, "accuracy": 0.5, "val_accuracy": 0.25},
        {"epoch": 2, "accuracy": 0.75, "val_accuracy": 0.625},
    ]
    words = plots.alt_text(plots.history(rows))
    assert words == (
        "Accuracy by epoch, 2 in all: training from 0.500 to 0.750, validation from 0.250 to 0.625."
    )
    assert "first: Accuracy by epoch" in plots.alt_text(plots.chapter_comparison({"first": rows}))


def test_words_of_a_confusion_matrix_count_right_answers():
    words = plots.alt_text(plots.confusion([[3, 1], [0, 2]], ["QLCS", "Other"]))
    assert words == "Confusion matrix. Right answers: QLCS 3 of 4, Other 2 of 2."


def test_a_figure_is_described_by_its_axes():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    plots.storm_box(box(), left, title="one")
    plots.storm_box(box(), right, title="two")
    assert re.findall("box, (one|two):", plots.alt_text(figure)) == ["one", "two"]


def test_a_shown_picture_carries_image_width_and_words():
    ax = plots.storm_box(box(), title='a "quoted" <name>')
    shown = plots.show(ax)
    bundle = shown._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == plots.alt_text(ax)
    alt = re.search('alt="([^"]*)"', bundle["text/html"])
    assert html.unescape(alt[1]) == plots.alt_text(ax)
    assert f'width="{round(6.0 * 110)}"' in bundle["text/html"]


def test_a_picture_without_words_asks_for_them():
    figure = Figure()
    figure.subplots()
    with pytest.raises(InputError, match="no alternative text; give one as alt="):
        plots.show(figure)
    assert plots.show(figure, alt="empty axes").alt == "empty axes"
