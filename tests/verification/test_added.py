"""Scores beyond the five: the same numbers and intervals, and none that spoils another."""

import json
from dataclasses import fields

import numpy as np
import pytest
import xarray as xr

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.stormbox import MODES
from stormlens.verification import SCORES, Score, Scores, score

# What is there without other packages.
OURS = {known.name for known in SCORES} - {field.name for field in fields(Scores)}

SOURCE = """
import numpy as np
from stormlens.verification import Score

def squared(probability, truth):
    return ((probability - np.eye(probability.shape[1])[truth]) ** 2).sum(1)

def heidke(counts):
    n = counts.sum((-2, -1))
    right = np.trace(counts, axis1=-2, axis2=-1)
    chance = (counts.sum(-1) * counts.sum(-2)).sum(-1)
    return (n * right - chance) / (n * n - chance)

MINE = Score("mine", "mine", "as Brier's", (0, 2), False, of_boxes=squared)
SKILL = Score("skill", "skill", "as Heidke's", (-np.inf, 1), True, of_confusion=heidke)
"""


@pytest.fixture
def example():
    """Predictions of 200 boxes of 40 days, and their labels."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 6, 200)
    probability = 0.6 * rng.dirichlet(np.full(6, 0.5), 200) + 0.4 * np.eye(6)[truth]
    time = np.datetime64("2014-04-01") + rng.integers(0, 40, 200).astype("timedelta64[D]")
    images = np.zeros((200, 4, 4), np.uint8)
    dataset = make_dataset(images, truth, classes=MODES, time=time, source="test")
    predictions = xr.Dataset(
        {"probability": (("storm", "mode"), probability.astype(np.float32))},
        {"mode": list(MODES), "unid": dataset["unid"]},
    )
    return predictions, dataset


def install(package, source=SOURCE, **names):
    names = names or {"mine": "own_scores:MINE", "skill": "own_scores:SKILL"}
    package("own-scores", source, scores=names)


def test_a_plugins_score_has_the_value_and_interval_of_the_same_score_of_ours(package, example):
    before = score(*example)
    install(package)
    found = score(*example)
    assert set(before.added) == OURS
    for ours, theirs in (("brier", "mine"), ("hss", "skill")):
        due, added = getattr(found, ours), found.added[theirs]
        assert (added.value, added.low, added.high) == pytest.approx((due.value, due.low, due.high))
        assert added.constant == pytest.approx(found.baseline[ours], nan_ok=True)
        assert added.package == "own-scores 1.0"
    assert (found.added["skill"].lowest, found.added["skill"].highest) == (None, 1)
    assert found.added["mine"].sense == "lower is better, 0 to 2"
    # What was there before is there to the bit.
    old, new = before.to_dict(), found.to_dict()
    assert json.dumps({**new, "added": old["added"]}) == json.dumps(old)


def test_added_scores_survive_json(package, example):
    install(package)
    data = json.loads(json.dumps(score(*example).to_dict()))
    assert json.dumps(Scores.from_dict(data).to_dict()) == json.dumps(data)
    data.pop("added")
    assert Scores.from_dict(data).added == {}
    for damage in ({"mine": 3}, {"mine": {"value": 1}}, [], 3):
        with pytest.raises(InputError, match="write them again"):
            Scores.from_dict({**data, "added": damage})


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("of_boxes=lambda p, t: 1 / 0", "ZeroDivisionError"),
        ("of_boxes=lambda p, t: p", r"it gives shape \(200, 6\) where \(200,\) is due"),
        ("of_boxes=lambda p, t: t + 7.0", "lies outside its range, 0 to 2"),
        ("of_confusion=lambda c: c", "it gives shape .1, 6, 6. where .1,. is due"),
        # Fails in replicates alone, in which some boxes are drawn twice.
        ("of_confusion=lambda c: [{200.0: 1}[c[i].sum()] for i in range(len(c))]", "KeyError"),
    ],
)
def test_a_score_that_fails_is_named_and_the_others_stay(package, example, function, why):
    bad = f"\nBAD = Score('bad', 'bad', 'of nothing', (0, 2), True, {function})"
    install(package, SOURCE + bad, bad="own_scores:BAD", mine="own_scores:MINE")
    with pytest.warns(UserWarning, match=rf"score bad of package own-scores 1.0 is left .*{why}"):
        found = score(*example)
    assert set(found.added) == {*OURS, "mine"}


@pytest.mark.parametrize("name", ["hss", "peirce", "per_mode", "data", "two-words"])
def test_a_name_that_is_taken_is_left_out(package, example, name):
    install(package, "1 / 0", **{name: "own_scores:X"})
    with pytest.warns(UserWarning, match=f"score {name} of package own-scores 1.0 is left out"):
        assert set(score(*example).added) == OURS


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "Two Words"}, "lower-case letters"),
        ({"title": "two\nlines"}, "title is"),
        ({"meaning": ""}, "meaning is"),
        ({"range": (1, 0)}, "its lowest and its highest"),
        ({"range": 3}, "its lowest and its highest"),
        ({"of_boxes": None}, "either of_confusion or of_boxes"),
        ({"of_confusion": np.trace}, "either of_confusion or of_boxes"),
    ],
)
def test_a_score_that_cannot_be_is_refused_when_it_is_made(change, why):
    good = {"name": "mine", "title": "t", "meaning": "m", "range": (0, 1), "of_boxes": np.sum}
    Score(**good, higher_is_better=True)
    with pytest.raises(InputError, match=why):
        Score(**{**good, **change}, higher_is_better=True)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0, 1), "0 to 1"),
        ((0, np.inf), "0 or more"),
        ((-np.inf, 1), "at most 1"),
        ((-np.inf, np.inf), "without bounds"),
    ],
)
def test_the_range_is_told_in_words(ends, words):
    known = Score("a", "a", "a", ends, True, of_boxes=np.sum)
    assert known.sense == f"higher is better, {words}"


def test_our_own_scores_lie_in_their_range(example):
    found = score(*example)
    for known in SCORES:
        low, high = known.range
        given = found.added[known.name] if known.name in OURS else getattr(found, known.name)
        assert low <= given.value <= high
