"""
What scores are worth: no skill without labels, none from storms seen before, intervals that hold.

The classifiers here are small ones of scikit-learn, on how much of a box is as
strong as each of some reflectivities, and on where.
"""

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stormlens.datasets import load, make_dataset
from stormlens.stormbox import MODES
from stormlens.verification import compare, mcnemar, score, swap_test
from stormlens.verification._bootstrap import interval, leave_one_out, replicates

LEVELS = (1, 5, 10, 20, 30, 35, 40, 45, 50, 55)


def _features(reflectivity):
    boxes = np.asarray(reflectivity, float)
    share = np.stack([(boxes >= level).mean((1, 2)) for level in LEVELS], 1)
    rows = boxes.reshape(len(boxes), 4, 34, 136).mean((2, 3))
    columns = boxes.reshape(len(boxes), 136, 4, 34).mean((1, 3))
    return np.hstack([np.sqrt(share), rows / 20, columns / 20])


def _predictions(model, dataset):
    """What a model of scikit-learn, which may not know all modes, says of a dataset."""
    probability = np.zeros((dataset.sizes["storm"], len(MODES)))
    given = model.predict_proba(_features(dataset["reflectivity"]))
    probability[:, model.classes_] = given
    return xr.Dataset(
        {"probability": (("storm", "mode"), probability)},
        coords={"mode": list(MODES), "unid": dataset["unid"]},
    )


@pytest.mark.slow
def test_shuffled_labels_score_at_chance_in_every_view():
    train = load("simulated", "train", count=400, seed=1)
    test = load("simulated", "test", count=300, seed=2)
    features, labels = _features(train["reflectivity"]), train["mode"].values
    rng = np.random.default_rng(0)
    # One shuffling may favour a mode by luck, for all boxes alike; so there are some.
    given = {"labels": labels, **{f"shuffled {i}": rng.permutation(labels) for i in range(5)}}
    predictions = {}
    for name, known in given.items():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=100, tol=1e-2))
        predictions[name] = _predictions(model.fit(features, known), test)
    found = compare(predictions, test, n_boot=100)
    assert tuple(found.views) == ("six", "weather", "three")
    for view in found.views.values():
        for key in ("hss", "peirce", "gerrity"):
            scores = {name: entrant.scores[key] for name, entrant in view.entrants.items()}
            learned = scores.pop("labels")
            shuffled = [score.value for score in scores.values()]
            assert abs(np.mean(shuffled)) < 0.1
            assert max(shuffled) < learned.low

    # A classifier that knows modes is worth nothing where the labels it is judged by are shuffled.
    judged = []
    for _ in range(40):
        mode = test["mode"].copy(data=rng.permutation(test["mode"].values))
        views = compare({"it": predictions["labels"]}, test.assign(mode=mode), n_boot=1).views
        scores = [view.entrants["it"].scores for view in views.values()]
        judged.append([one[key].value for one in scores for key in ("hss", "peirce", "gerrity")])
    mean, error = np.mean(judged, 0), np.std(judged, 0) / 40**0.5
    assert (np.abs(mean) < 4 * error).all()
    assert (error < 0.02).all()


def _repeated_storms(storms, copies, seed):
    """Each storm some times, moved a little and with noise, as in the reports of one day."""
    rng = np.random.default_rng(seed)
    boxes = load("simulated", "train", count=storms, seed=seed)
    images = []
    for storm in boxes["reflectivity"].values:
        for _ in range(copies):
            moved = np.roll(storm, rng.integers(-3, 4, 2), (0, 1)).astype(float)
            images.append(np.clip(moved + rng.normal(0, 1, storm.shape) * (moved > 0), 0, 80))
    day = np.repeat(np.arange(storms), copies)
    return make_dataset(
        np.array(images, np.uint8),
        np.repeat(boxes["mode"].values, copies),
        time=np.datetime64("2000-01-01T12:00") + day * np.timedelta64(24 * 60, "m"),
        source="simulated storms, repeated",
        simulated=True,
    )


@pytest.mark.slow
def test_a_split_by_image_scores_above_one_by_day():
    boxes = _repeated_storms(120, 5, seed=3)
    day = np.repeat(np.arange(120), 5)
    rng = np.random.default_rng(4)
    by_day = np.isin(day, rng.permutation(120)[:60])
    by_image = rng.permutation(by_day)
    scores = {}
    for name, inside in (("day", by_day), ("image", by_image)):
        train, test = boxes.isel(storm=~inside), boxes.isel(storm=inside)
        model = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
        model.fit(_features(train["reflectivity"]), train["mode"].values)
        scores[name] = score(_predictions(model, test), test).accuracy
    assert scores["image"].value > 0.95  # nearly each storm was seen in training
    assert scores["image"].value > scores["day"].value + 0.15
    assert scores["image"].low > scores["day"].high


DAYS, BOXES, ACCURACY = 135, 300, 0.887  # of the archive's test split and its own network


def _days(rng):
    """Boxes of each day: one at least, and the others where storms were many."""
    weight = rng.gamma(0.6, size=DAYS)
    return 1 + rng.multinomial(BOXES - DAYS, weight / weight.sum())


def _right(rng, size, repeats, alike=3.0):
    """Boxes named right, (day, repeat); those of a day are alike, some storms being hard."""
    chance = rng.beta(ACCURACY * alike, (1 - ACCURACY) * alike, (DAYS, repeats))
    return rng.binomial(size[:, None], chance).astype(float)


def _intervals(right, size):
    """Intervals of the share of right boxes of many samples at once: (low, high), (repeat,)."""
    totals = np.column_stack([right, size])

    def share(sums):
        return sums[:, :-1] / sums[:, -1:]

    drawn = replicates(totals, share, 1000, 0)
    value = share(totals.sum(0)[None])[0]
    return interval(value, drawn, leave_one_out(totals, share), np.asarray(size))


def _coverage(low, high):
    return np.mean((low <= ACCURACY) & (high >= ACCURACY))


@pytest.mark.slow
def test_the_interval_by_day_covers_the_truth_and_one_by_box_does_not():
    rng = np.random.default_rng(16)
    covered, naive = [], []
    for _ in range(5):  # layouts of days, 300 samples each
        size = _days(rng)
        right = _right(rng, size, 300)
        covered.append(_coverage(*_intervals(right, size)))
        n = right.sum(0).astype(int)
        alone = (np.arange(BOXES)[:, None] < n).astype(float)  # each box a group of its own
        naive.append(_coverage(*_intervals(alone, np.ones(BOXES))))
    assert 0.93 <= covered[0] <= 0.97
    assert 0.935 <= np.mean(covered) <= 0.965
    assert naive[0] < covered[0] - 0.05
    assert max(naive) < 0.91


def test_many_samples_at_once_have_the_intervals_that_score_gives():
    rng = np.random.default_rng(17)
    size = _days(rng)
    right = _right(rng, size, 2)
    day = np.repeat(np.arange(DAYS), size)
    place = np.concatenate([np.arange(n) for n in size])
    answer = (place >= right[day, 0]).astype(int)  # the truth is Cellular, and QLCS a mistake
    dataset = make_dataset(
        np.zeros((BOXES, 4, 4), np.uint8),
        np.zeros(BOXES, int),
        time=np.datetime64("2014-01-01T12:00") + day * np.timedelta64(24 * 60, "m"),
        source="test",
    )
    predictions = xr.Dataset(
        {"probability": (("storm", "mode"), np.eye(6)[answer])}, coords={"mode": list(MODES)}
    )
    low, high = _intervals(right, size)
    found = score(predictions, dataset).accuracy
    np.testing.assert_allclose([found.low, found.high], [low[0], high[0]])


@pytest.mark.slow
def test_equal_classifiers_are_told_apart_in_1_of_20_cases_by_day_and_more_by_box():
    rng = np.random.default_rng(18)
    by_day, by_box = [], []
    for _ in range(400):
        size = _days(rng)
        day = np.repeat(np.arange(DAYS), size)
        # Each is good at some storms, and the other at as many others.
        chance = rng.beta(ACCURACY, 1 - ACCURACY, (2, DAYS))[:, day]
        first, second = rng.random((2, BOXES)) < chance
        by_day.append(swap_test(first, second, day) <= 0.05)
        by_box.append(mcnemar(first, second).p <= 0.05)
    assert np.mean(by_day) <= 0.07
    assert np.mean(by_box) > 0.1
