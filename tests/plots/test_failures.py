"""The picture of known failures says of each box what it is, what it was called, and that it is
made up.
"""

import numpy as np
import pytest

from stormlens import plots
from stormlens.datasets import make_dataset
from stormlens.errors import InputError


def failing(n=3, **options):
    boxes = make_dataset(np.full((n, 136, 136), 40), [1] * n, source="made up", **options)
    known = {"answer": "Tropical", "probability": 0.914, "network": "one radar", "product": "scan"}
    families = ["bow echo", "a family with a name that is long"] * n
    return boxes.assign_coords(
        storm_family=("storm", families[:n]),
        **{name: ("storm", [value] * n) for name, value in known.items()},
    )


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def test_each_box_stands_under_truth_answer_and_families():
    first, second, third = titles(plots.failures(failing(simulated=True)))
    assert first.split("\n")[:3] == [
        "truth: QLCS",
        "answer: Tropical 0.91",
        "bow echo, one radar, scan",
    ]
    assert " ".join(second.split()).endswith("a family with a name that is long, one radar, scan")
    assert first.count("\n") == second.count("\n") == third.count("\n")  # all begin at one height


def test_simulated_boxes_are_called_so_in_picture_and_words():
    figure = plots.failures(failing(simulated=True))
    assert "simulated" in figure.get_supxlabel()
    assert plots.alt_text(figure).startswith("3 SIMULATED boxes that the classifier got wrong.")
    real = plots.failures(failing())
    assert "simulated" not in real.get_supxlabel()
    assert plots.alt_text(real).startswith("3 boxes that")


def test_boxes_stand_in_rows():
    assert plots.failures(failing(5), columns=2).get_figheight() > 5
    with pytest.raises(InputError, match="at least 1 column"):
        plots.failures(failing(5), columns=0)
    with pytest.raises(InputError, match="no box"):
        plots.failures(failing().isel(storm=slice(0)))
