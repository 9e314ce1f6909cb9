"""Views on fewer modes: which boxes are in them, and what becomes of the probabilities."""

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.datasets import class_names, make_dataset
from stormlens.errors import InputError
from stormlens.stormbox import MODES
from stormlens.verification import VIEWS, in_view, score, views_of


def _pair(probability, truth, classes=MODES):
    dataset = make_dataset(
        np.zeros((len(truth), 4, 4), np.uint8), truth, classes=classes, source="test"
    )
    predictions = xr.Dataset(
        {"probability": (("storm", "mode"), np.asarray(probability, float))},
        coords={"mode": list(classes), "unid": dataset["unid"]},
        attrs={"simulated_training": 1},
    )
    return predictions, dataset


def test_probabilities_are_shared_out_anew_by_hand():
    predictions, dataset = _pair(
        [[0.2, 0.1, 0.1, 0.0, 0.6, 0.0], [0.0, 0.0, 0.5, 0.5, 0.0, 0.0], [0, 0, 0, 0, 0, 1.0]],
        [0, 2, 5],
    )
    answers, boxes = in_view(predictions, dataset, "three")
    npt.assert_allclose(answers["probability"], [[0.5, 0.25, 0.25], [0, 0, 1]])
    assert answers["mode"].values.tolist() == ["Cellular", "QLCS", "Tropical"] == [*VIEWS["three"]]
    assert class_names(boxes) == VIEWS["three"]
    assert boxes["mode"].values.tolist() == [0, 2]  # the Missing box is in no view of weather
    assert boxes["unid"].values.tolist() == answers["unid"].values.tolist()
    assert answers.attrs["simulated_training"] == 1
    assert score(answers, boxes).accuracy.value == 1


def test_a_box_that_is_given_nothing_gets_equal_shares():
    predictions, dataset = _pair([[0, 0, 0, 0, 0, 1.0], [5e-324, 0, 0, 0, 0, 1.0]], [1, 1])
    answers, _ = in_view(predictions, dataset, "weather")
    npt.assert_array_equal(answers["probability"], np.full((2, 4), 0.25))


def test_the_view_of_six_changes_nothing():
    probability = np.random.default_rng(0).dirichlet(np.ones(6), 20)
    predictions, dataset = _pair(probability, np.arange(20) % 6)
    answers, boxes = in_view(predictions, dataset, "six")
    npt.assert_array_equal(answers["probability"], probability)
    xr.testing.assert_identical(boxes, dataset)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["weather", "three"]))
@settings(max_examples=25, deadline=None)
def test_a_view_keeps_ratios_and_order(seed, view):
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.full(6, 0.2), 12)
    predictions, dataset = _pair(probability, np.r_[0, rng.integers(0, 6, 11)])
    answers, boxes = in_view(predictions, dataset, view)
    shared = answers["probability"].values
    npt.assert_allclose(shared.sum(1), 1)
    kept = np.isin(dataset["unid"], boxes["unid"])
    before = probability[kept][:, : len(VIEWS[view])]
    npt.assert_allclose(shared * before.sum(1, keepdims=True), before, atol=1e-12)


def test_other_classes_have_one_view():
    digits = tuple("0123456789")
    assert views_of(digits) == {"all": digits}
    assert views_of(MODES) == dict(VIEWS)
    assert views_of(tuple(reversed(MODES))) == {"all": tuple(reversed(MODES))}
    predictions, dataset = _pair(np.eye(10), range(10), classes=digits)
    assert in_view(predictions, dataset, "all")[1].sizes["storm"] == 10
    with pytest.raises(InputError, match=r"view 'six'.*all"):
        in_view(predictions, dataset, "six")


def test_views_that_are_none_or_hold_no_box_are_refused():
    predictions, dataset = _pair(np.eye(6)[[4, 5]], [4, 5])
    with pytest.raises(InputError, match=r"'wether'.*weather"):
        in_view(predictions, dataset, "wether")
    with pytest.raises(InputError, match="No box has a mode of view 'three'"):
        in_view(predictions, dataset, "three")
