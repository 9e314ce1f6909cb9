"""Brier score, log loss and reliability, against scikit-learn and hand-worked cases."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from stormlens.errors import InputError
from stormlens.verification import (
    brier,
    brier_decomposition,
    log_loss,
    reliability,
    wilson_interval,
)


def _random(seed, n=60, classes=4):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes), n), rng.integers(0, classes, n)


def test_brier_by_hand():
    # (0.7-1)^2 + 0.2^2 + 0.1^2 = 0.14 and 0.5^2 + (0.5-1)^2 = 0.5
    npt.assert_allclose(brier([[0.7, 0.2, 0.1], [0.5, 0.0, 0.5]], [0, 2]), (0.14 + 0.5) / 2)


def test_brier_runs_from_0_to_2():
    assert brier([[1.0, 0.0]], [0]) == 0
    assert brier([[1.0, 0.0]], [1]) == 2


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_two_classes_are_twice_scikit_learns_brier(seed):
    probability, truth = _random(seed, classes=2)
    halved = metrics.brier_score_loss(truth, probability[:, 1])
    npt.assert_allclose(brier(probability, truth), 2 * halved)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_log_loss_agrees_with_scikit_learn(seed):
    probability, truth = _random(seed)
    npt.assert_allclose(
        log_loss(probability, truth), metrics.log_loss(truth, probability, labels=range(4))
    )


def test_log_loss_of_a_certain_error_is_clipped():
    npt.assert_allclose(log_loss([[1.0, 0.0]], [1]), -np.log(1e-7))
    assert log_loss([[1.0, 0.0]], [0]) == 0


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_reliability_of_a_mode_agrees_with_scikit_learn(seed):
    probability, truth = _random(seed, n=200)
    result = reliability(probability, truth, mode=2, bins=5)
    observed, forecast = calibration_curve(truth == 2, probability[:, 2], n_bins=5)
    filled = np.asarray(result.count) > 0
    npt.assert_allclose(np.asarray(result.observed)[filled], observed)
    npt.assert_allclose(np.asarray(result.forecast)[filled], forecast)
    assert sum(result.count) == 200


def test_reliability_of_the_answer_by_hand():
    probability = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]]
    result = reliability(probability, [0, 1, 0, 1], bins=4)
    assert result.count == (0, 0, 2, 2)
    npt.assert_allclose(result.observed, [np.nan, np.nan, 1.0, 0.5])
    npt.assert_allclose(result.forecast, [np.nan, np.nan, 0.6, 0.9])
    npt.assert_allclose(result.calibration_error, (2 * 0.4 + 2 * 0.4) / 4)
    npt.assert_allclose(result.low[3], wilson_interval(1, 2)[0])


def test_probability_one_falls_into_the_last_bin_and_an_edge_into_the_upper():
    result = reliability([[1.0, 0.0], [0.5, 0.5]], [0, 0], bins=2)
    assert result.count == (0, 2)


def test_forecasts_that_keep_their_word_are_calibrated():
    # 10 boxes given 70 %, of which 7 are right.
    result = reliability([[0.7, 0.3]] * 10, [0] * 7 + [1] * 3)
    npt.assert_allclose(result.calibration_error, 0, atol=1e-12)


@pytest.mark.parametrize("score", [brier, brier_decomposition, log_loss, reliability])
@pytest.mark.parametrize(
    ("probability", "truth", "message"),
    [
        ([[np.nan, 1.0]], [0], "class 0 for box 0 is NaN"),
        ([[1.5, -0.5]], [0], "class 0 for box 0 is 1.5, not in 0 to 1"),
        ([[0.5, 0.4]], [0], "box 0 sum to 0.9"),
        ([[0.5, 0.5]], [2], "Label 2 of box 0"),
        ([[0.5, 0.5]], [0, 1], "do not fit"),
        ([], [], "do not fit"),
    ],
)
def test_what_is_no_probability_is_refused(score, probability, truth, message):
    with pytest.raises(InputError, match=message):
        score(probability, truth)


def test_no_bins_are_refused():
    with pytest.raises(InputError, match="at least 1 bin"):
        reliability([[1.0, 0.0]], [0], bins=0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_the_parts_of_the_brier_score_add_up(seed, bins):
    probability, truth = _random(seed)
    parts = brier_decomposition(probability, truth, bins=bins)
    whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
    npt.assert_allclose(parts.brier, brier(probability, truth))
    npt.assert_allclose(whole, parts.brier)
    of_modes = [brier_decomposition(probability, truth, mode=k, bins=bins) for k in range(4)]
    for name in ("brier", "reliability", "resolution", "uncertainty", "within_bins"):
        npt.assert_allclose(sum(getattr(one, name) for one in of_modes), getattr(parts, name))
    assert 0 <= parts.resolution <= parts.uncertainty + 1e-12


def test_the_brier_score_of_one_mode_is_scikit_learns():
    probability, truth = _random(0, n=200)
    parts = brier_decomposition(probability, truth, mode=2)
    npt.assert_allclose(parts.brier, metrics.brier_score_loss(truth == 2, probability[:, 2]))


def test_the_decomposition_of_wilkss_forecasts_of_rain():
    # Wilks (2006), table 7.3: forecasts, how often each was given, and how often it then rained.
    given = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
    often = [4112, 671, 1833, 986, 616, 366, 303, 275, 245, 220, 170, 203]
    rained = [0.006, 0.019, 0.059, 0.15, 0.277, 0.377, 0.511, 0.587, 0.723, 0.779, 0.934, 0.933]
    days = np.round(np.multiply(often, rained)).astype(int)
    forecast = np.repeat(given, often)
    truth = np.concatenate(
        [np.arange(n) >= n - wet for n, wet in zip(often, days, strict=True)]
    ).astype(int)
    parts = brier_decomposition(np.column_stack([1 - forecast, forecast]), truth, mode=1, bins=20)
    share, observed = np.divide(often, 10_000), np.divide(days, often)
    climate = (share * observed).sum()
    npt.assert_allclose(climate, 0.162, atol=1e-3)  # as in the book
    npt.assert_allclose(parts.uncertainty, climate * (1 - climate))
    npt.assert_allclose(parts.reliability, (share * (given - observed) ** 2).sum(), atol=1e-6)
    npt.assert_allclose(parts.resolution, (share * (observed - climate) ** 2).sum(), atol=1e-6)
    npt.assert_allclose(parts.within_bins, 0, atol=1e-6)
    npt.assert_allclose(parts.skill, 1 - parts.brier / parts.uncertainty)


def test_a_perfect_forecast_resolves_all_uncertainty():
    parts = brier_decomposition(np.eye(3)[[0, 1, 2, 2]], [0, 1, 2, 2])
    assert (parts.brier, parts.reliability, parts.within_bins, parts.skill) == (0, 0, 0, 1)
    npt.assert_allclose(parts.resolution, parts.uncertainty)


def test_what_never_varies_has_no_skill_to_show():
    assert np.isnan(brier_decomposition([[0.9, 0.1]], [0]).skill)


@pytest.mark.parametrize("bins", [0, -1])
def test_a_decomposition_needs_bins(bins):
    with pytest.raises(InputError, match="at least 1 bin"):
        brier_decomposition([[1.0, 0.0]], [0], bins=bins)
