"""The report's sentences on cases whose wording is known."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from stormlens.datasets import make_dataset
from stormlens.report import _words as words
from stormlens.stormbox import MODES
from stormlens.verification import Estimate, Scores, reliability, score

RADAR = words.Names.of(MODES)
IMAGES = words.Names.of(("a", "b"))


def _scores(truth, answer, time=None) -> Scores:
    dataset = make_dataset(np.zeros((len(truth), 4, 4)), truth, time=time, source="test")
    predictions = xr.Dataset(
        {"probability": (("storm", "mode"), np.eye(6)[answer])}, coords={"mode": list(MODES)}
    )
    return score(predictions, dataset, n_boot=20)


def _with_accuracy(low, value, high):
    scores = _scores([1, 1, 0, 0], [1, 1, 0, 1])  # always QLCS: 50 %
    return dataclasses.replace(scores, accuracy=Estimate(value, low, high))


@pytest.mark.parametrize(
    ("low", "value", "high", "phrase"),
    [
        (0.6, 0.7, 0.8, "whole interval lies above"),
        (0.4, 0.6, 0.8, "no clear gain yet"),
        (0.1, 0.2, 0.3, "worse than that"),
        (np.nan, 0.7, np.nan, "% of the time."),
    ],
)
def test_comparison_with_the_constant_answer(low, value, high, phrase):
    flags = {"training": False, "test": False}
    headline = words.headline("r", _with_accuracy(low, value, high), flags, RADAR, {})
    assert phrase in headline.comparison
    assert ("interval" in headline.end) == (not np.isnan(low))


@pytest.mark.parametrize(
    ("given", "phrase"),
    [(0.95, "too sure of itself"), (0.61, "less sure than it might be"), (0.75, "as it should be")],
)
def test_reliability_verdict(given, phrase):
    result = reliability([[given, 1 - given]] * 4, [0, 0, 0, 1])  # right three times in four
    assert phrase in words.reliability(result, RADAR)


def test_commonest_mistake_reads_well_for_boxes_and_digits():
    scores = _scores([5, 5, 5, 0], [0, 0, 5, 0])
    assert "2 of 3 Missing storm boxes taken for Cellular" in words.commonest_mistake(scores, RADAR)
    assert "2 of 3 images of Missing taken" in words.commonest_mistake(scores, IMAGES)


def test_how_intervals_came_about():
    days = np.array(["2014-05-01", "2014-05-02", "2014-05-02"], "datetime64[ns]")
    assert "3 storm boxes were resampled 20 times." in words.intervals(
        _scores([0, 1, 1], [0, 1, 0]), RADAR
    )
    by_day = words.intervals(_scores([0, 1, 1], [0, 1, 0], days), RADAR)
    assert "storm boxes of 2 days" in by_day
    assert "a whole UTC day at a time" in by_day
    mixed = days.copy()
    mixed[0] = np.datetime64("NaT", "ns")
    assert "unknown time" in words.intervals(_scores([0, 1, 1], [0, 1, 0], mixed), RADAR)
    assert "one day" in words.intervals(_scores([0, 1], [0, 1], days[[1, 2]]), RADAR)


@pytest.mark.parametrize(
    ("seconds", "epochs", "expected"),
    [
        (0.42, 1, "1 epoch in 0.4 s"),
        (102.4, 30, "30 epochs in 1 min 42 s"),
        (7384, 100, "100 epochs in 2 h 3 min"),
        (float("nan"), 3, "3 epochs"),
    ],
)
def test_duration(seconds, epochs, expected):
    assert words.duration(seconds, epochs) == expected


@pytest.mark.parametrize(
    ("training", "test", "phrase"),
    [
        (True, True, "made all storm boxes"),
        (True, False, "on simulated storm boxes alone"),
        (False, True, "scored on simulated ones"),
    ],
)
def test_banner(training, test, phrase):
    assert phrase in words.simulated({"training": training, "test": test}, RADAR)


def test_what_the_disagreement_of_an_ensemble_is_worth():
    values = np.linspace(0, 0.99, 20)
    right = np.arange(20) < 18
    assert words.disagreement(values, right) == (
        f"Its networks differ by {values[:18].mean():.3f} on average where the answer is right and "
        f"{values[18:].mean():.3f} on average where the answer is wrong (mutual information in "
        "nats, 0 where all say the same). Of the tenth on which they differ most "
        f"{words.percent(0.0)} are right, of all {words.percent(0.9)}."
    )
    assert "wrong" not in words.disagreement(values, np.ones(20, bool))


def test_an_interval_without_width_is_not_shown():
    assert words.span(Estimate(0.0, 0.0, 0.0)) == ""
    assert words.span(Estimate(0.5, float("nan"), float("nan"))) == ""
