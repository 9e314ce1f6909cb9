"""Comparing classifiers: scores as `score` gives them, paired differences, tests, edge cases."""

import dataclasses
import itertools
import json
import math

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import given as drawn_from
from hypothesis import settings
from hypothesis import strategies as st
from scipy import stats

from stormlens.datasets import load, make_dataset
from stormlens.errors import InputError
from stormlens.stormbox import MODES
from stormlens.verification import (
    COMPARED,
    VIEWS,
    accuracy,
    brier,
    compare,
    gerrity,
    holm,
    hss,
    in_view,
    macro_f1,
    mcnemar,
    peirce,
    reliability,
    score,
)

START = np.datetime64("2014-01-01T06:00")


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


def _labelled(seed=0, n=240, days=90):
    rng = np.random.default_rng(seed)
    truth = rng.choice(5, n, p=[0.3, 0.48, 0.12, 0.06, 0.04])  # no Missing
    day = np.sort(rng.integers(0, days, n))
    time = START + day * np.timedelta64(9 * 24 * 60, "m") + rng.integers(0, 600, n).astype("m8[m]")
    return _dataset(truth, time=time)


def _guess(dataset, seed, wrong=0.2):
    """Probabilities that favour the truth but for a share of boxes."""
    rng = np.random.default_rng(seed)
    truth = dataset["mode"].values
    probability = 0.5 * rng.dirichlet(np.full(6, 0.4), truth.size) + 0.5 * np.eye(6)[truth]
    off = rng.random(truth.size) < wrong
    probability[off] = probability[off][:, rng.permutation(6)]
    return _predictions(probability, dataset)


@pytest.fixture(scope="module")
def dataset():
    return _labelled()


@pytest.fixture(scope="module")
def guesses(dataset):
    return {name: _guess(dataset, i, 0.1 * i) for i, name in enumerate("abc", start=1)}


@pytest.fixture(scope="module")
def comparison(guesses, dataset):
    return compare(guesses, dataset)


def test_each_view_scores_as_score_does_on_it(guesses, dataset, comparison):
    assert tuple(comparison.views) == tuple(VIEWS)
    for name, view in comparison.views.items():
        assert (view.name, view.modes) == (name, VIEWS[name])
        for entrant, predictions in guesses.items():
            alone = score(*in_view(predictions, dataset, name))
            found = view.entrants[entrant]
            assert found.confusion == alone.confusion
            assert view.count == alone.count
            for key in ("accuracy", "macro_f1", "hss", "brier", "log_loss"):
                _same(found.scores[key], getattr(alone, key))
            assert tuple(found.per_mode) == VIEWS[name]
            for mode in VIEWS[name]:
                for key in ("pod", "far", "csi", "f1"):
                    ours, theirs = found.per_mode[mode], alone.per_mode[mode]
                    _same(getattr(ours, key), getattr(theirs, key))
                assert found.per_mode[mode].count == alone.per_mode[mode].count


def _same(ours, theirs):
    npt.assert_allclose(dataclasses.astuple(ours), dataclasses.astuple(theirs), atol=1e-9)


def test_skill_scores_and_the_performance_diagram_are_those_of_the_counts(comparison):
    for view in comparison.views.values():
        for entrant in view.entrants.values():
            counts = np.array(entrant.confusion)
            npt.assert_allclose(entrant.scores["peirce"].value, peirce(counts))
            npt.assert_allclose(entrant.scores["gerrity"].value, gerrity(counts))
            for code, (mode, place) in enumerate(entrant.performance.items()):
                answered, true = counts[:, code].sum(), counts[code].sum()
                ratio = counts[code, code] / answered if answered else math.nan
                npt.assert_allclose(place.success_ratio.value, ratio)
                npt.assert_allclose(place.bias.value, answered / true if true else math.nan)
                assert place.csi is entrant.per_mode[mode].csi
                assert place.pod is entrant.per_mode[mode].pod
                far = entrant.per_mode[mode].far
                npt.assert_allclose(
                    (place.success_ratio.low, place.success_ratio.high), (1 - far.high, 1 - far.low)
                )


def test_differences_are_of_the_same_boxes_and_days(comparison):
    view = comparison.views["six"]
    assert [(pair.first, pair.second) for pair in view.pairs] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    for pair in view.pairs:
        first, second = view.entrants[pair.first].scores, view.entrants[pair.second].scores
        assert tuple(pair.differences) == COMPARED
        for key, difference in pair.differences.items():
            npt.assert_allclose(difference.value, first[key].value - second[key].value)
            if not math.isnan(difference.value):
                assert difference.low <= difference.value <= difference.high


def test_the_interval_of_a_difference_is_scipys(guesses, dataset):
    wide = compare({name: guesses[name] for name in "ac"}, dataset, n_boot=4000)
    truth = dataset["mode"].values
    right = [guesses[name]["probability"].values.argmax(1) == truth for name in "ac"]
    day = np.unique(dataset["time"].values.astype("datetime64[D]"), return_inverse=True)[1]
    count, gain = np.bincount(day), np.bincount(day, weights=right[0] * 1.0 - right[1])
    n = count.sum() ** 2 / (count**2).sum()
    tail = stats.norm.cdf(stats.t.ppf(0.025, n - 1) * np.sqrt(n / (n - 1)))
    expected = stats.bootstrap(
        (np.arange(count.size),),
        lambda days, axis: gain[days].sum(axis) / count[days].sum(axis),
        n_resamples=4000,
        confidence_level=1 - 2 * tail,
        random_state=5,
    ).confidence_interval
    found = wide.views["six"].pairs[0].differences["accuracy"]
    npt.assert_allclose([found.low, found.high], expected, atol=0.01)


def test_tests_are_corrected_over_the_pairs_of_a_view(guesses, dataset, comparison):
    assert comparison.correction == {
        "method": "Holm",
        "tests": 3,
        "level": 0.05,
        "family": "all pairs of one view, for each score",
        "swaps": comparison.intervals["replicates"],
    }
    assert set(comparison.intervals) == {"level", "method", "by", "groups", "replicates", "seed"}
    for view in comparison.views.values():
        for key in COMPARED:
            found = [pair.differences[key] for pair in view.pairs]
            npt.assert_allclose([one.corrected for one in found], holm([one.p for one in found]))
        exact = [pair.mcnemar for pair in view.pairs]
        npt.assert_allclose([one.corrected for one in exact], holm([one.p for one in exact]))
        for pair in view.pairs:
            assert pair.differs == (pair.differences["accuracy"].corrected <= 0.05)
    truth = dataset["mode"].values
    for pair in comparison.views["six"].pairs:
        right = [
            guesses[name]["probability"].values.argmax(1) == truth
            for name in (pair.first, pair.second)
        ]
        expected = mcnemar(*right)
        assert (pair.mcnemar.b, pair.mcnemar.c, pair.mcnemar.p) == dataclasses.astuple(expected)
        days = np.unique(dataset["time"].values.astype("datetime64[D]"), return_inverse=True)[1]
        gain = [np.bincount(days, weights=one) for one in right]
        swapped = stats.permutation_test(
            gain,
            lambda a, b, axis: (a - b).sum(axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=20_000,
            random_state=1,
        )
        npt.assert_allclose(pair.differences["accuracy"].p, swapped.pvalue, atol=0.01)


def test_sampled_swaps_agree_with_the_exchange_of_whole_days(dataset):
    # Second implementation: exchange the answers of each day by a coin, then score afresh.
    given = [_guess(dataset, 0, 0.17), _guess(dataset, 7, 0.2)]
    first, second = (one["probability"].values.astype(float) for one in given)
    truth = dataset["mode"].values
    day = np.unique(dataset["time"].values.astype("datetime64[D]"), return_inverse=True)[1]
    rng = np.random.default_rng(11)
    (pair,) = compare(dict(zip("de", given, strict=True)), dataset).views["six"].pairs
    difference = pair.differences

    def gaps(ours, theirs):
        tables = [_counts(truth, one.argmax(1)) for one in (ours, theirs)]
        rows = [
            [f(table) for f in (macro_f1, hss, peirce)] + [brier(one, truth)]
            for table, one in zip(tables, (ours, theirs), strict=True)
        ]
        return np.subtract(*rows)

    observed, far = gaps(first, second), 0
    for _ in range(1000):
        swap = rng.integers(2, size=day.max() + 1)[day][:, None] == 1
        drawn = gaps(np.where(swap, second, first), np.where(swap, first, second))
        far = far + (np.abs(drawn) >= np.abs(observed) - 1e-9)
    for key, count in zip(("macro_f1", "hss", "peirce", "brier"), far, strict=True):
        npt.assert_allclose(difference[key].p, (count + 1) / 1001, atol=0.06)


def _counts(truth, answer):
    return np.bincount(truth * 6 + answer, minlength=36).reshape(6, 6)


def test_identical_classifiers_do_not_differ(dataset):
    same = _guess(dataset, 1)
    twins = compare({"one": same, "other": same.copy(deep=True)}, dataset)
    for view in twins.views.values():
        (pair,) = view.pairs
        assert (pair.mcnemar.b, pair.mcnemar.c, pair.mcnemar.p, pair.mcnemar.corrected) == (
            0,
            0,
            1,
            1,
        )
        assert not pair.differs
        for key, difference in pair.differences.items():
            if view.name == "six" and key == "gerrity":
                assert math.isnan(difference.value)  # no box is Missing, the last of the order
            else:
                # Where a column stands in a product of matrices may change its last bit.
                assert dataclasses.astuple(difference) == pytest.approx((0, 0, 0, 1, 1), abs=1e-15)
    assert (twins.disagreeing, twins.disagreements) == (0, [])


def test_one_entrant_has_no_pairs(guesses, dataset):
    alone = compare({"a": guesses["a"]}, dataset, n_boot=50)
    assert all(view.pairs == [] for view in alone.views.values())
    assert alone.correction["tests"] == 0
    assert alone.disagreements == []


@pytest.mark.slow
def test_data_are_ready_for_json_and_repeat_with_the_seed(guesses, dataset, comparison):
    text = json.dumps(comparison.to_dict(), allow_nan=False)
    assert text == json.dumps(compare(guesses, dataset).to_dict())
    six = json.loads(text)["views"]["six"]
    assert six["entrants"]["a"]["per_mode"]["Missing"]["pod"] == dict.fromkeys(
        ("value", "low", "high")
    )
    assert six["entrants"]["a"]["scores"]["gerrity"]["value"] is None
    assert six["pairs"][0]["differences"]["gerrity"]["corrected"] is None
    other = compare(guesses, dataset, seed=1).views["six"].entrants["a"].scores["accuracy"]
    assert other.low != six["entrants"]["a"]["scores"]["accuracy"]["low"]


def test_facts_of_the_comparison(guesses, dataset, comparison):
    assert comparison.names == ("a", "b", "c")
    assert (comparison.classes, comparison.count) == (MODES, 240)
    days = np.unique(dataset["time"].values.astype("datetime64[D]")).size
    assert comparison.days == comparison.intervals["groups"] == days
    assert comparison.intervals["by"] == "UTC day"
    assert comparison.simulated == {"training": dict.fromkeys("abc", False), "test": False}
    drawn = _dataset([0, 1], simulated=True)
    sure = np.eye(6)[[0, 1]]
    mixed = compare(
        {"x": _predictions(sure, drawn, simulated_training=1), "y": _predictions(sure, drawn)},
        drawn,
    )
    assert mixed.simulated == {"training": {"x": True, "y": False}, "test": True}


def test_calibration_is_that_of_the_functions(guesses, dataset, comparison):
    for name, given in guesses.items():
        probability, truth = given["probability"].values.astype(float), dataset["mode"].values
        found = comparison.reliability[name]
        assert found.reliability.count == reliability(probability, truth).count
        npt.assert_allclose(found.brier.brier, brier(probability, truth))


def test_seasons_are_slices_of_the_boxes(guesses, dataset, comparison):
    time = dataset["time"]
    right = guesses["b"]["probability"].values.argmax(1) == dataset["mode"].values
    keys = {"month": time.dt.strftime("%b"), "hour": time.dt.strftime("%H")}
    keys["year"] = time.dt.strftime("%Y")
    for kind, key in keys.items():
        slices = comparison.seasons[kind]
        assert sum(part.count for part in slices) == 240
        for part in slices:
            inside = key.values == part.label
            assert part.count == inside.sum()
            npt.assert_allclose(part.scores["b"].value, right[inside].mean())
            table = _counts(
                dataset["mode"].values[inside],
                guesses["b"]["probability"].values.argmax(1)[inside],
            )
            npt.assert_allclose(part.skill["b"].value, hss(table))
    assert [part.label for part in comparison.seasons["month"]][:3] == ["Jan", "Feb", "Mar"]
    assert [part.label for part in comparison.seasons["year"]] == ["2014", "2015", "2016"]


def test_disagreements_come_in_the_order_of_their_information():
    dataset = _dataset([0, 1, 2, 3])
    sure, unsure = 1.0, 0.6
    rows = {
        "x": [[sure, 0, 0], [sure, 0, 0], [unsure, 0.4, 0], [1, 0, 0]],
        "y": [[sure, 0, 0], [0, sure, 0], [0.4, unsure, 0], [1, 0, 0]],
    }
    given = {
        name: _predictions(np.pad(np.array(row), ((0, 0), (0, 3))), dataset)
        for name, row in rows.items()
    }
    found = compare(given, dataset, n_boot=20)
    assert found.disagreeing == 2
    first, second = found.disagreements
    assert (first.index, first.unid, first.truth) == (1, "box-00001", "QLCS")
    assert first.answers == {"x": "Cellular", "y": "QLCS"}
    npt.assert_allclose(first.information, math.log(2))  # as sure as can be, of two things
    entropy = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    npt.assert_allclose(second.information, math.log(2) - entropy, rtol=1e-6)
    npt.assert_allclose(list(second.probability.values()), [0.6, 0.6], rtol=1e-6)
    assert compare(given, dataset, n_boot=20, most=1).disagreements == [first]


def test_equal_disagreements_stay_in_the_order_of_the_boxes():
    count = 60
    dataset = _dataset(np.zeros(count, int))
    first, second = np.zeros((2, count, 6))
    first[:, 0] = second[:, 1] = 1
    second[::7, [0, 1]] = 0.4, 0.6  # less sure, so that each run of equal ones has gaps
    first[0, [0, 1]] = 0.9, 0.1  # what never varies is left out
    given = {"x": _predictions(first, dataset), "y": _predictions(second, dataset)}
    listed = [found.index for found in compare(given, dataset, n_boot=2).disagreements]
    assert listed == [*(box for box in range(count) if box % 7), *range(7, count, 7), 0]


def test_a_constant_answer_does_not_count_as_disagreement(guesses, dataset):
    always = _predictions(np.tile(np.eye(6)[1], (240, 1)), dataset)
    with_it = compare({**guesses, "always QLCS": always}, dataset, n_boot=20)
    without = compare(guesses, dataset, n_boot=20)
    assert with_it.disagreeing == without.disagreeing > 0
    for ours, theirs in zip(with_it.disagreements, without.disagreements, strict=True):
        assert ours.index == theirs.index
        assert ours.answers["always QLCS"] == "QLCS"
    scores = with_it.views["six"].entrants["always QLCS"].scores
    assert (scores["hss"].value, scores["peirce"].value) == (0, 0)


def test_perfect_and_hopeless_classifiers(dataset):
    truth = dataset["mode"].values
    perfect = _predictions(np.eye(6)[truth], dataset)
    hopeless = _predictions(np.eye(6)[(truth + 1) % 5], dataset)
    found = compare({"perfect": perfect, "hopeless": hopeless}, dataset)
    for view in found.views.values():
        best = view.entrants["perfect"].scores
        assert (best["accuracy"].value, best["accuracy"].low, best["hss"].value) == (1, 1, 1)
        assert best["brier"].value == best["log_loss"].value == 0
        assert view.pairs[0].differs
    pair = found.views["six"].pairs[0]
    assert (pair.mcnemar.b, pair.mcnemar.c) == (240, 0)
    assert pair.differences["accuracy"].value == 1
    npt.assert_allclose(pair.differences["accuracy"].p, 2.0 ** (1 - found.days))


def test_ties_go_to_the_lower_code():
    dataset = _dataset([1, 2])
    found = compare({"even": _predictions(np.full((2, 6), 1 / 6), dataset)}, dataset, n_boot=20)
    assert [row[0] for row in found.views["six"].entrants["even"].confusion] == [0, 1, 1, 0, 0, 0]


def test_a_single_box_and_a_single_day_have_no_intervals():
    for truth in ([0], [0, 1, 2]):
        dataset = _dataset(truth, time=np.full(len(truth), START))
        pair = {name: _guess(dataset, i) for i, name in enumerate("ab")}
        found = compare(pair, dataset, n_boot=20)
        assert found.days == 1
        for view in found.views.values():
            for entrant in view.entrants.values():
                assert math.isnan(entrant.scores["accuracy"].low)
            assert view.pairs[0].differences["accuracy"].p == 1
        json.dumps(found.to_dict(), allow_nan=False)


def test_boxes_of_unknown_time_stand_alone_and_are_in_no_season(guesses, dataset):
    unknown = dataset.assign_coords(time=("storm", np.full(240, "NaT", "datetime64[ns]")))
    found = compare(guesses, unknown, n_boot=50)
    assert found.days == 0
    assert (found.intervals["by"], found.intervals["groups"]) == ("box", 240)
    assert found.seasons == {"month": [], "hour": [], "year": []}
    for pair in found.views["six"].pairs:
        npt.assert_allclose(pair.differences["accuracy"].p, pair.mcnemar.p)
    time = dataset["time"].values.copy()
    time[:40] = np.datetime64("NaT", "ns")
    some = compare(guesses, dataset.assign_coords(time=("storm", time)), n_boot=50)
    assert some.days == np.unique(time[40:].astype("datetime64[D]")).size
    assert sum(part.count for part in some.seasons["hour"]) == 200


def test_a_view_without_boxes_is_left_out():
    dataset = _dataset([4, 5, 5])
    found = compare({"a": _guess(dataset, 0)}, dataset, n_boot=20)
    assert tuple(found.views) == ("six",)
    weather = _dataset([3, 3])
    assert tuple(compare({"a": _guess(weather, 0)}, weather, n_boot=20).views) == ("six", "weather")


def test_other_classes_have_one_view():
    digits = load("digits", "test")
    rng = np.random.default_rng(0)
    names = [str(name) for name in digits["mode"].attrs["flag_meanings"].split()]
    given = {
        name: _predictions(rng.dirichlet(np.ones(10), digits.sizes["storm"]), digits, names)
        for name in "ab"
    }
    found = compare(given, digits, n_boot=100)
    assert tuple(found.views) == ("all",)
    assert found.views["all"].count == found.count == digits.sizes["storm"]


@pytest.mark.slow
def test_ten_classifiers_are_45_pairs_of_one_family(dataset):
    many = {f"run {i}": _guess(dataset, i, 0.2) for i in range(10)}
    found = compare(many, dataset, n_boot=200)
    assert len(found.views["six"].pairs) == found.correction["tests"] == 45
    pairs = found.views["six"].pairs
    names = [(pair.first, pair.second) for pair in pairs]
    assert names == list(itertools.combinations(many, 2))
    # Of 45 pairs of equals some seem to differ, until it is counted how many were asked.
    assert any(pair.differences["accuracy"].p <= 0.05 for pair in pairs)
    assert not any(pair.differs for pair in pairs)


certain = st.sampled_from([0.0, 0.5, 1.0])


@drawn_from(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 3), certain, certain)
@settings(max_examples=30, deadline=None)
def test_no_few_boxes_are_too_odd(seed, n, entrants, unknown, sharpness):
    # One mode or all, certain or not, times known or not; warnings are errors.
    rng = np.random.default_rng(seed)
    time = START + rng.integers(0, 3, n) * np.timedelta64(24, "h").astype("m8[m]")
    time[rng.random(n) < unknown] = np.datetime64("NaT", "ns")
    dataset = _dataset(rng.integers(0, rng.integers(1, 7), n), time=time)
    given = {}
    for name in "abc"[:entrants]:
        sure = np.eye(6)[rng.integers(0, 6, n)]
        shares = rng.dirichlet(np.ones(6), n)
        given[name] = _predictions(sharpness * sure + (1 - sharpness) * shares, dataset)
    found = compare(given, dataset, n_boot=30)
    json.dumps(found.to_dict(), allow_nan=False)
    for view in found.views.values():
        for entrant in view.entrants.values():
            npt.assert_allclose(
                entrant.scores["accuracy"].value, accuracy(np.array(entrant.confusion))
            )
        for pair in view.pairs:
            for difference in pair.differences.values():
                assert not difference.low > difference.high
                assert math.isnan(difference.p) or 0 < difference.p <= difference.corrected <= 1


def test_what_cannot_be_compared_is_refused(guesses, dataset):
    with pytest.raises(InputError, match="nothing to compare"):
        compare({}, dataset)
    with pytest.raises(InputError, match="at least 1 replicate"):
        compare(guesses, dataset, n_boot=0)
    fewer = guesses["b"].isel(storm=slice(3))
    with pytest.raises(InputError, match=r"^short: There are 3 predictions and 240"):
        compare({"a": guesses["a"], "short": fewer}, dataset)
    pets = _predictions(np.full((240, 2), 0.5), dataset, classes=("cat", "dog"))
    with pytest.raises(InputError, match=r"^pets: The classifier answers cat, dog"):
        compare({"pets": pets}, dataset)
    with pytest.raises(InputError, match="no labels"):
        compare(guesses, dataset.drop_vars("mode"))


def test_accuracy_of_the_slices_adds_up(comparison):
    table = np.array(comparison.views["six"].entrants["c"].confusion)
    months = comparison.seasons["month"]
    total = sum(part.scores["c"].value * part.count for part in months) / comparison.count
    npt.assert_allclose(total, accuracy(table))
