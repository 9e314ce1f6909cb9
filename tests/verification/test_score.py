"""Scoring predictions against a dataset: values, intervals, baseline, mistakes, errors."""

import json

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from scipy import stats
from sklearn import metrics

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.stormbox import MODES
from stormlens.verification import Scores, align, most_confident_mistakes, score

N = 240


def _dataset(truth, *, time=None, classes=MODES, simulated=False):
    images = np.zeros((len(truth), 4, 4), np.uint8)
    return make_dataset(
        images, truth, classes=classes, time=time, source="test", simulated=simulated
    )


def _predictions(probability, dataset, classes=MODES, simulated_training=0):
    return xr.Dataset(
        {"probability": (("storm", "mode"), np.asarray(probability, np.float32))},
        coords={"mode": list(classes), "unid": dataset["unid"]},
        attrs={"simulated_training": simulated_training},
    )


def _example(seed=0, n=N, days=60):
    """Boxes of a classifier that is right about 8 times in 10, several boxes a day."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(5, n, p=[0.3, 0.5, 0.1, 0.06, 0.04])  # no Missing
    probability = rng.dirichlet(np.full(6, 0.4), n)
    probability = 0.5 * probability + 0.5 * np.eye(6)[truth]
    wrong = rng.random(n) < 0.2
    probability[wrong] = probability[wrong][:, rng.permutation(6)]
    day = np.sort(rng.integers(0, days, n))
    time = np.datetime64("2014-04-01T06:00") + day * np.timedelta64(24 * 60, "m")
    dataset = _dataset(truth, time=time)
    return _predictions(probability, dataset), dataset


def test_values_agree_with_scikit_learn():
    predictions, dataset = _example()
    truth, probability = dataset["mode"].values, predictions["probability"].values
    answer = probability.argmax(1)
    result = score(predictions, dataset)
    npt.assert_allclose(result.accuracy.value, metrics.accuracy_score(truth, answer))
    macro = metrics.f1_score(truth, answer, average="macro", zero_division=0)
    npt.assert_allclose(result.macro_f1.value, macro)
    npt.assert_allclose(result.hss.value, metrics.cohen_kappa_score(truth, answer))
    exact = probability / probability.sum(1, keepdims=True, dtype=float)
    loss = metrics.log_loss(truth, exact, labels=range(6))
    npt.assert_allclose(result.log_loss.value, loss, rtol=1e-6)
    npt.assert_array_equal(
        result.confusion, metrics.confusion_matrix(truth, answer, labels=range(6))
    )
    recall = metrics.recall_score(truth, answer, labels=range(6), average=None, zero_division=0)
    npt.assert_allclose([result.per_mode[m].pod.value for m in MODES[:5]], recall[:5])
    assert [result.per_mode[m].count for m in MODES] == np.bincount(truth, minlength=6).tolist()


def test_intervals_agree_with_scipys_over_days():
    predictions, dataset = _example()
    result = score(predictions, dataset, n_boot=4000)
    truth, answer = dataset["mode"].values, predictions["probability"].values.argmax(1)
    day = dataset["time"].values.astype("datetime64[D]")
    boxes = [np.flatnonzero(day == d) for d in np.unique(day)]
    count, right = np.transpose([(rows.size, (truth == answer)[rows].sum()) for rows in boxes])

    def accuracy(days, axis):
        return right[days].sum(axis) / count[days].sum(axis)

    groups = count.sum() ** 2 / (count**2).sum()
    tail = stats.norm.cdf(stats.t.ppf(0.025, groups - 1) * np.sqrt(groups / (groups - 1)))
    expected = stats.bootstrap(
        (np.arange(count.size),),
        accuracy,
        n_resamples=4000,
        confidence_level=1 - 2 * tail,
        method="BCa",
        random_state=99,
    ).confidence_interval
    npt.assert_allclose([result.accuracy.low, result.accuracy.high], expected, atol=0.004)
    assert result.intervals == {
        "level": 0.95,
        "method": "BCa bootstrap",
        "by": "UTC day",
        "groups": len(boxes),
        "replicates": 4000,
        "seed": 0,
    }


def test_intervals_bracket_the_value_and_repeat_with_the_seed():
    predictions, dataset = _example()
    first, second = (score(predictions, dataset, seed=3) for _ in range(2))
    assert json.dumps(first.to_dict()) == json.dumps(second.to_dict())
    for estimate in (first.accuracy, first.macro_f1, first.hss, first.brier, first.log_loss):
        assert estimate.low < estimate.value < estimate.high
    assert score(predictions, dataset, seed=4).accuracy.low != first.accuracy.low


def test_whole_days_that_are_right_or_wrong_widen_the_interval():
    # 10 days of 30 boxes, each day all right or all wrong: there are 10 cases, not 300.
    right = np.repeat(np.arange(10) % 5 > 0, 30)
    probability = np.where(right[:, None], np.eye(6)[1], np.eye(6)[0])
    time = np.datetime64("2014-05-01") + np.repeat(np.arange(10), 30) * np.timedelta64(1, "D")
    by_day = _dataset(np.ones(300, int), time=time)
    by_box = _dataset(np.ones(300, int))
    wide = score(_predictions(probability, by_day), by_day).accuracy
    narrow = score(_predictions(probability, by_box), by_box).accuracy
    assert wide.value == narrow.value == 0.8
    assert wide.high - wide.low > 4 * (narrow.high - narrow.low)


def test_a_day_begins_at_midnight_utc():
    time = np.array(["2014-05-01T23:59", "2014-05-02T00:01"], "datetime64[ns]")
    dataset = _dataset([0, 1], time=time)
    predictions = _predictions(np.eye(6)[[0, 1]], dataset)
    assert score(predictions, dataset).intervals["groups"] == 2


def test_without_times_boxes_are_resampled_and_mixed_times_are_said():
    _, dataset = _example(n=40)
    predictions = _predictions(np.full((40, 6), 1 / 6), dataset)
    unknown = dataset.assign_coords(time=("storm", np.full(40, "NaT", "datetime64[ns]")))
    assert score(predictions, unknown).intervals["by"] == "box"
    assert score(predictions, unknown).intervals["groups"] == 40
    half = dataset["time"].values.copy()
    half[::2] = np.datetime64("NaT", "ns")
    mixed = score(predictions, dataset.assign_coords(time=("storm", half))).intervals
    assert mixed["by"].startswith("UTC day, and box")


def test_one_day_alone_gives_no_interval():
    dataset = _dataset([0, 1], time=np.full(2, "2014-05-01", "datetime64[ns]"))
    result = score(_predictions(np.eye(6)[[0, 1]], dataset), dataset)
    assert result.accuracy.value == 1
    assert np.isnan([result.accuracy.low, result.accuracy.high]).all()


def test_undefined_scores_are_nan_and_null():
    dataset = _dataset([0, 0, 1, 1])
    result = score(_predictions(np.eye(6)[[0, 0, 1, 1]], dataset), dataset)
    assert np.isnan(result.per_mode["Noise"].pod.value)
    entry = json.loads(json.dumps(result.to_dict(), allow_nan=False))["per_mode"]["Noise"]
    assert entry["pod"] == {"value": None, "low": None, "high": None}


def test_json_holds_what_scripts_rely_on():
    data = json.loads(json.dumps(score(*_example()).to_dict(), allow_nan=False))
    for name in ("accuracy", "macro_f1", "hss", "brier", "log_loss"):
        assert set(data[name]) == {"value", "low", "high"}
    assert list(data["per_mode"]) == list(MODES)
    assert set(data["per_mode"]["QLCS"]) == {"pod", "far", "csi", "f1", "count"}
    assert np.sum(data["confusion"]) == N == data["count"]


def test_scores_survive_json():
    scores = score(*_example())
    data = json.loads(json.dumps(scores.to_dict()))
    assert json.dumps(Scores.from_dict(data).to_dict()) == json.dumps(data)
    assert np.isnan(Scores.from_dict(data).per_mode["Missing"].pod.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("hss"), "Scores lack 'hss'"),
        (lambda data: data["per_mode"]["QLCS"].pop("pod"), "Scores lack 'pod'"),
        (lambda data: data.update(accuracy=0.9), "Scores are damaged"),
        (lambda data: data.update(confusion=[["x"]]), "Scores are damaged"),
    ],
)
def test_damaged_scores_are_refused(change, message):
    data = score(*_example()).to_dict()
    change(data)
    with pytest.raises(InputError, match=message):
        Scores.from_dict(data)


def test_baseline_of_storm_modes_is_always_qlcs():
    # The archive's test split: 152 of 300 are QLCS, so always QLCS scores 0.507.
    truth = np.repeat(np.arange(6), [78, 152, 33, 11, 2, 24])
    dataset = _dataset(truth)
    baseline = score(_predictions(np.full((300, 6), 1 / 6), dataset), dataset).baseline
    assert baseline["name"] == "always QLCS"
    npt.assert_allclose(baseline["accuracy"], 152 / 300)
    npt.assert_allclose(baseline["hss"], 0)
    npt.assert_allclose(baseline["brier"], 2 * 148 / 300)
    answer = np.ones(300, int)
    macro = metrics.f1_score(truth, answer, average="macro", zero_division=0)
    npt.assert_allclose(baseline["macro_f1"], macro)


def test_baseline_of_other_classes_is_the_most_frequent():
    dataset = _dataset([0, 1, 1], classes=("cat", "dog"))
    predictions = _predictions([[1, 0], [0, 1], [1, 0]], dataset, classes=("cat", "dog"))
    assert score(predictions, dataset).baseline["name"] == "always dog"


def test_simulated_data_is_called_simulated():
    dataset = _dataset([0, 1], simulated=True)
    predictions = _predictions(np.eye(6)[[0, 1]], dataset, simulated_training=1)
    assert score(predictions, dataset).simulated == {"training": True, "test": True}
    real = _dataset([0, 1])
    predictions = _predictions(np.eye(6)[[0, 1]], real, simulated_training=0)
    assert score(predictions, real).simulated == {"training": False, "test": False}


def test_most_confident_mistakes_come_first():
    dataset = _dataset([0, 0, 0, 1])
    probability = [
        [0.40, 0.60, 0, 0, 0, 0],
        [0.05, 0.05, 0, 0, 0, 0.9],
        [1.0, 0, 0, 0, 0, 0],
        [0.3, 0.0, 0.7, 0, 0, 0],
    ]
    mistakes = most_confident_mistakes(_predictions(probability, dataset), dataset, 2)
    assert mistakes["unid"].values.tolist() == ["box-00001", "box-00003"]
    assert mistakes["answer"].values.tolist() == ["Missing", "Tropical"]
    assert mistakes["truth"].values.tolist() == ["Cellular", "QLCS"]
    npt.assert_allclose(mistakes["probability"], [0.9, 0.7], rtol=1e-6)
    npt.assert_allclose(mistakes["probability_of_truth"], [0.05, 0.0], rtol=1e-6, atol=1e-9)


def test_a_perfect_classifier_leaves_no_mistakes():
    dataset = _dataset([0, 1])
    mistakes = most_confident_mistakes(_predictions(np.eye(6)[[0, 1]], dataset), dataset)
    assert mistakes.sizes["storm"] == 0


def test_classes_in_another_order_are_refused_with_both_orders():
    dataset = _dataset([0, 1], classes=("dog", "cat"))
    predictions = _predictions(np.eye(2), dataset, classes=("cat", "dog"))
    with pytest.raises(
        InputError, match="answers cat, dog, but the dataset's classes are dog, cat"
    ):
        score(predictions, dataset)


def test_class_names_with_spaces_match_their_flag():
    dataset = _dataset([0, 1], classes=("bow echo", "cell"))
    predictions = _predictions(np.eye(2), dataset, classes=("bow echo", "cell"))
    assert align(predictions, dataset)[2] == ("bow_echo", "cell")


def test_other_boxes_are_refused():
    dataset, other = _dataset([0, 1]), _dataset([0, 1, 1])
    with pytest.raises(InputError, match="3 predictions and 2 labelled boxes"):
        score(_predictions(np.eye(6)[[0, 1, 1]], other), dataset)
    swapped = dataset.isel(storm=[1, 0])
    with pytest.raises(InputError, match="Box 0 is box-00001 in the predictions and box-00000"):
        score(_predictions(np.eye(6)[[0, 1]], swapped), dataset)


def test_nan_probabilities_unlabelled_boxes_and_no_replicates_are_refused():
    dataset = _dataset([0, 1])
    with pytest.raises(InputError, match="is NaN"):
        score(_predictions(np.full((2, 6), np.nan), dataset), dataset)
    good = _predictions(np.eye(6)[[0, 1]], dataset)
    with pytest.raises(InputError, match="no labels"):
        score(good, dataset.drop_vars("mode"))
    with pytest.raises(InputError, match="at least 1 replicate"):
        score(good, dataset, n_boot=0)
