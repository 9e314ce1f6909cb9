"""Bars of seconds: what is drawn equals what was given."""

import pytest

from stormlens import plots
from stormlens.errors import InputError

PANELS = {
    "Training a": ({"stormlens": (2.0, 1.5, 2.5), "keras": (8.0, 7.0, 9.0)}, 0.5),
    "Prediction a": ({"stormlens": (1.0, 1.0, 1.0)}, None),
}


def test_a_panel_has_a_bar_for_each_program_and_its_roofline():
    training, prediction = plots.speed(PANELS, simulated=True).axes
    assert [bar.get_width() for bar in training.patches] == [2.0, 8.0]
    assert [label.get_text() for label in training.get_yticklabels()] == ["stormlens", "keras"]
    assert [text.get_text() for text in training.get_legend().get_texts()] == ["roofline"]
    assert prediction.get_legend() is None
    for ax in (training, prediction):
        assert "simulated" in [text.get_text() for text in ax.texts]


def test_nothing_to_draw_is_said():
    with pytest.raises(InputError, match="no measurement"):
        plots.speed({})
