"""The mode a box is given where coverage and echo are known, and where they are not."""

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr

from stormlens.models import heed_coverage, name_modes
from stormlens.stormbox import MODES

NAN = np.nan


def predictions_of(probabilities, modes=MODES, **coords):
    values = np.asarray(probabilities, np.float32).reshape(-1, len(modes))
    storm = {name: ("storm", np.asarray(held, np.float32)) for name, held in coords.items()}
    return xr.Dataset(
        {"probability": (("storm", "mode"), values)}, coords={"mode": list(modes), **storm}
    )


QLCS = (0.1, 0.6, 0.1, 0.1, 0.05, 0.05)
MISSING = (0.1, 0.25, 0.05, 0.05, 0.05, 0.5)


@pytest.mark.parametrize(
    ("probabilities", "coverage", "echo", "name"),
    [
        (QLCS, NAN, NAN, "QLCS"),
        (MISSING, NAN, NAN, "Missing"),
        (QLCS, 0.4999, 0.2, "Missing"),
        (QLCS, 0.4999, 0.0, "Missing"),
        (QLCS, 0.5, 0.0, "Clear"),
        (MISSING, 1.0, 0.0, "Clear"),
        (QLCS, 0.5, 1e-4, "QLCS"),
        (MISSING, 0.5, 0.3, "Missing"),
        (MISSING, 0.97, 0.3, "Missing"),
        (MISSING, 0.981, 0.3, "QLCS"),
        (MISSING, 1.0, NAN, "QLCS"),
        (MISSING, NAN, 0.0, "Missing"),
    ],
)
def test_the_rule(probabilities, coverage, echo, name):
    predictions = predictions_of(probabilities, coverage=[coverage], echo=[echo])
    assert name_modes(predictions).tolist() == [name]


def test_without_coverage_the_most_probable_class():
    rows = np.random.default_rng(0).dirichlet(np.ones(6), 50)
    assert name_modes(predictions_of(rows)).tolist() == [MODES[i] for i in rows.argmax(1)]


def test_coverage_says_nothing_to_a_classifier_that_knows_no_missing():
    predictions = predictions_of([[0.2, 0.8]], ("A", "B"), coverage=[0.1], echo=[0])
    assert name_modes(predictions).tolist() == ["B"]


def test_each_box_for_itself_and_probabilities_stay():
    predictions = predictions_of([QLCS, MISSING, QLCS], coverage=[1, 1, 0], echo=[0.5, 0.5, 0])
    before = predictions.copy(deep=True)
    assert name_modes(predictions).tolist() == ["QLCS", "QLCS", "Missing"]
    xr.testing.assert_identical(predictions, before)


def test_no_box_no_name():
    assert name_modes(predictions_of(np.empty((0, 6)))).tolist() == []


def test_a_box_seen_whole_is_given_not_to_be_missing():
    rows = [MISSING, MISSING, QLCS]
    heeded = heed_coverage(predictions_of(rows, coverage=[1.0, 0.9, NAN]))
    by_hand = np.array([0.2, 0.5, 0.1, 0.1, 0.1, 0.0])  # each of the others over their sum, 0.5
    npt.assert_allclose(heeded.probability.values, [by_hand, MISSING, QLCS], rtol=1e-6)
    assert heeded.probability.dtype == np.float32


def test_what_is_surely_missing_and_seen_whole_is_anything_else():
    sure = predictions_of([(0, 0, 0, 0, 0, 1)], coverage=[1.0])
    npt.assert_allclose(heed_coverage(sure).probability.values, [[0.2] * 5 + [0]])


def test_heeding_coverage_changes_no_name():
    rows = np.random.default_rng(3).dirichlet(np.ones(6), 200)
    coverage = np.random.default_rng(4).choice([0.3, 0.7, 0.99], 200)
    predictions = predictions_of(rows, coverage=coverage, echo=np.full(200, 0.1))
    assert name_modes(heed_coverage(predictions)).tolist() == name_modes(predictions).tolist()


def test_other_classes_are_left_alone():
    digits = predictions_of([[0.5, 0.5]], modes=("0", "1"), coverage=[1.0])
    assert heed_coverage(digits).identical(digits)
