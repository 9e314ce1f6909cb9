"""A sweep: judged by day without the test split, resumed, shared, and honest about failures."""

import itertools
import json
import math
import subprocess
import sys
import warnings

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import until
from processes import own_programs
from scipy import stats

from stormlens import datasets, experiment
from stormlens.datasets import make_dataset, write_netcdf
from stormlens.errors import InputError
from stormlens.experiment import Range, _sweep_work
from stormlens.experiment._data import Data
from stormlens.experiment._folds import Pool, judge_fold
from stormlens.experiment._plan import Plan
from stormlens.experiment._standing import mean
from stormlens.models import Classifier
from stormlens.training import Recipe, load_recipe

TINY = Recipe(name="tiny", model="lenet5", epochs=2, batch_size=8)
RATES = {"learning_rate": [1e-4, 1e-3, 1e-2]}


def write_boxes(path, days, per_day=6, test_codes=None):
    """Boxes of 32 x 32 pixels whose mode shows; `days` of each split."""
    rng = np.random.default_rng(2)
    count = per_day * sum(days)
    codes = np.arange(count) % 6
    images = rng.integers(0, 20, (count, 32, 32)) + 9 * codes[:, None, None]
    split = np.repeat(["train", "validation", "test"], per_day * np.array(days))
    if test_codes is not None:
        codes[split == "test"] = test_codes
    day = np.datetime64("2010-03-01T18:00") + np.repeat(np.arange(sum(days)), per_day) * (
        np.timedelta64(1, "D")
    )
    boxes = make_dataset(images, codes, source="SIMULATED noise", simulated=True)
    times = ("storm", day.astype("datetime64[ns]"))
    return write_netcdf(boxes.assign_coords(time=times, split=("storm", split)), path)


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    return write_boxes(tmp_path_factory.mktemp("data") / "boxes.nc", (10, 2, 2))


@pytest.fixture(scope="module")
def pool(boxes):
    return Pool.load(Data.of(boxes))


@pytest.fixture
def judged(monkeypatch):
    """Trials judged by a formula instead of a training; the calls, in their order."""
    calls = []

    def judge(recipe, pool, *, folds, seed, repeat, fold, share):
        calls.append((recipe.learning_rate, recipe.epochs, repeat, fold, share))
        if recipe.learning_rate == 1.0:
            raise InputError("Training diverged.")
        skill = 1 + math.log10(recipe.learning_rate) / 10 + 0.01 * fold - 0.001 * repeat
        scores = {"hss": skill, "accuracy": skill, "macro_f1": None}
        return {
            "scores": {**scores, "brier": 1 - skill, "log_loss": 2 - skill},
            "boxes": 9,
            "trained_on": 63,
            "epochs": recipe.epochs,
            "failed": None,
        }

    monkeypatch.setattr(_sweep_work, "judge_fold", judge)
    return calls


def sweep(fields, out, data, **more):
    given = {"folds": 3, "fit": False, "progress": False, **more}
    return experiment.sweep(TINY, fields, out, data, **given)


def test_no_day_is_divided_and_each_box_judges_once(pool):
    assert set(np.unique(pool.boxes["split"])) == {"train", "validation"}
    for folds, seed in ((2, 0), (5, 1)):
        pairs = pool.divided(folds, seed)
        npt.assert_array_equal(
            np.sort(np.concatenate([judges for _, judges in pairs])),
            np.arange(len(pool.codes)),
        )
        days = pool.boxes["time"].values.astype("datetime64[D]")
        for train, judges in pairs:
            assert not set(days[train]) & set(days[judges])
            assert len(train) + len(judges) == len(pool.codes)


def test_each_seed_divides_the_modes_evenly_and_in_another_way():
    # A day of one mode each: shuffled by scikit-learn before 1.8, folds are off by up to a quarter.
    codes = np.repeat(np.random.default_rng(0).integers(0, 3, 60), 8)
    pool = Pool(xr.Dataset({"mode": ("storm", codes)}), np.repeat(np.arange(60), 8), "UTC day", 3)
    whole = np.bincount(codes) / len(codes)
    divisions = set()
    for seed in range(5):
        judging = [judges for _, judges in pool.divided(4, seed)]
        for judges in judging:
            npt.assert_allclose(np.bincount(codes[judges]) / len(judges), whole, atol=0.06)
        divisions.add(frozenset(map(tuple, judging)))
    assert len(divisions) == 5


@given(st.integers(0, 999), st.floats(0.01, 1), st.floats(0.01, 1))
@settings(max_examples=30)
def test_a_share_of_the_boxes_is_whole_days_and_lies_in_larger_ones(pool, seed, one, other):
    train, _ = pool.divided(3, 0)[0]
    small, large = (pool.part(train, share, seed) for share in sorted((one, other)))
    assert set(small) <= set(large) <= set(train)
    assert len(np.unique(pool.codes[small])) >= 2
    for part in (small, large):
        rest = np.setdiff1d(train, part)
        assert not set(pool.groups[part]) & set(pool.groups[rest])
    assert len(large) >= min(max(one, other), 1) * len(train) - 1e-9


def test_the_judging_fold_stops_no_training(pool, monkeypatch):
    seen = {}

    def fit(recipe, splits, progress):
        seen.update(splits)
        raise InputError("seen enough")

    monkeypatch.setattr("stormlens.experiment._folds.fit", fit)
    recipe = TINY.with_changes(early_stopping=2)
    with pytest.raises(InputError, match="seen enough"):
        judge_fold(recipe, pool, folds=3, seed=0, repeat=0, fold=1, share=1.0)
    _, judges = pool.divided(3, 0)[1]
    judging = set(pool.boxes["unid"].values[judges])
    days = {
        name: set(part["time"].values.astype("datetime64[D]").tolist())
        for name, part in seen.items()
    }
    assert set(seen) == {"train", "validation"}
    assert not days["train"] & days["validation"]
    for part in seen.values():
        assert not judging & set(part["unid"].values)


def test_the_interval_is_students_with_the_variance_raised():
    values = np.array([0.5, 0.7, 0.6, 0.65, 0.55, 0.6, 0.62, 0.58, 0.7, 0.5])
    found = mean(values, 5)
    raised = math.sqrt(values.var(ddof=1) * (1 / 10 + (1 / 5) / (4 / 5)))
    low, high = stats.t.interval(0.95, 9, values.mean(), raised)
    npt.assert_allclose((found.value, found.low, found.high), (values.mean(), low, high))
    cut = mean(values, 5, (0.55, 0.6))
    assert (cut.low, cut.high) == (max(low, 0.55), 0.6)
    assert mean(np.array([np.nan, 0.5]), 2).value == 0.5
    assert math.isnan(mean(np.array([np.nan, 0.5]), 2).low)


def test_the_best_mean_is_first_and_the_others_stand_beside_it(boxes, tmp_path, judged):
    swept = sweep(RATES, tmp_path / "s", boxes, repeats=2)
    assert [trial.values["learning_rate"] for trial in swept.trials] == [1e-2, 1e-3, 1e-4]
    assert len(judged) == len(set(judged)) == 3 * 3 * 2
    folds = [0.8 + 0.01 * fold - 0.001 * repeat for repeat in (0, 1) for fold in (0, 1, 2)]
    npt.assert_allclose(swept.best.last.by_fold, folds)
    assert swept.best.last.scores["hss"].value == pytest.approx(np.mean(folds))
    assert [trial.behind and round(trial.behind.value, 9) for trial in swept.trials] == [
        None,
        0.1,
        0.2,
    ]
    assert math.isnan(swept.best.last.scores["macro_f1"].value)
    written = json.loads((tmp_path / "s" / "sweep.json").read_text())
    assert written == json.loads(json.dumps(swept.to_dict()))
    best = load_recipe(tmp_path / "s" / "best.toml")
    assert (best.learning_rate, best.epochs, best.name) == (1e-2, 2, "tiny-best")
    page = (tmp_path / "s" / "sweep.html").read_text()
    assert "SIMULATED" in page
    assert "The test split was not loaded" in page
    assert "http" not in page.replace("http-equiv", "").split("<figure")[0]


def test_less_is_better_of_losses(boxes, tmp_path, judged):
    swept = sweep(RATES, tmp_path / "s", boxes, score="log_loss")
    assert swept.best.values == {"learning_rate": 1e-2}
    assert swept.trials[1].behind.value == pytest.approx(0.1)


@pytest.mark.slow
def test_the_test_split_cannot_change_a_sweep(tmp_path, judged):
    one = write_boxes(tmp_path / "one.nc", (6, 2, 2))
    other = write_boxes(tmp_path / "other.nc", (6, 2, 2), test_codes=0)
    plans = []
    for path in (one, other):
        sweep(RATES, tmp_path / path.stem, path)
        plans.append(json.loads((tmp_path / path.stem / "plan.json").read_text())["boxes"])
    assert plans[0] == plans[1]


@pytest.mark.slow
def test_a_second_call_does_nothing_twice(boxes, tmp_path, judged):
    sweep(RATES, tmp_path / "s", boxes)
    done = len(judged)
    before = (tmp_path / "s" / "sweep.json").read_text()
    for name in ("trial00001-rung0-repeat0-fold2.json", "trial00000-rung0-repeat0-fold0.json"):
        (tmp_path / "s" / "fits" / name).unlink()
    sweep(RATES, tmp_path / "s", boxes)
    assert judged[done:] == [(1e-4, 2, 0, 0, 1.0), (1e-3, 2, 0, 2, 1.0)]
    after = json.loads((tmp_path / "s" / "sweep.json").read_text())
    assert after["trials"][0]["scores"] == json.loads(before)["trials"][0]["scores"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"fields": {"learning_rate": [1e-3, 1e-2]}}, "other values of vary"),
        ({"folds": 4}, "other values of folds: 3, not 4"),
        ({"seed": 1}, "other values of seed"),
        ({"method": "halving"}, "other values of method"),
        ({"recipe": TINY.with_changes(epochs=3)}, "recipe's epochs: 2, not 3"),
    ],
)
def test_another_sweep_in_the_same_folder_is_a_sentence(boxes, tmp_path, judged, more, words):
    sweep(RATES, tmp_path / "s", boxes)
    given = {"recipe": TINY, "fields": RATES, "folds": 3, **more}
    with pytest.raises(InputError, match=words):
        experiment.sweep(**given, out=tmp_path / "s", data=boxes, fit=False, progress=False)


def test_other_boxes_in_the_same_folder_are_a_sentence(tmp_path, judged):
    path = write_boxes(tmp_path / "boxes.nc", (6, 2, 2))
    sweep(RATES, tmp_path / "s", path)
    write_boxes(path, (7, 2, 2))
    with pytest.raises(InputError, match="other boxes"):
        sweep(RATES, tmp_path / "s", path)


@pytest.mark.slow
def test_a_random_sweep_grows(boxes, tmp_path, judged):
    fields = {"learning_rate": Range(1e-4, 1e-2, log=True)}
    few = sweep(fields, tmp_path / "s", boxes, method="random", trials=2)
    more = sweep(fields, tmp_path / "s", boxes, method="random", trials=4)
    assert len(judged) == 4 * 3
    assert more.plan.points[:2] == few.plan.points


@pytest.mark.parametrize(
    ("days", "more", "words"),
    [
        ((1, 1, 1), {"folds": 3}, "3 folds need as many days.* have 2"),
        ((2, 2, 1), {"folds": 5}, "5 folds need as many days.* have 4"),
        ((2, 2, 1), {"folds": 1}, "folds is 1"),
        ((2, 2, 1), {"repeats": 0}, "repeats is 0"),
        ((2, 2, 1), {"method": "gird"}, "Did you mean 'grid'"),
        ((2, 2, 1), {"score": "auc"}, "Unknown score"),
        ((2, 2, 1), {"trials": 4}, "decides nothing for a grid"),
        ((2, 2, 1), {"processes": 0}, "processes is 0"),
        ((2, 2, 1), {"method": "random", "trials": 0}, "trials is 0"),
    ],
)
def test_what_cannot_be_swept_leaves_nothing(tmp_path, judged, days, more, words):
    path = write_boxes(tmp_path / "boxes.nc", days)
    with pytest.raises(InputError, match=words):
        sweep(RATES, tmp_path / "s", path, **more)
    assert not (tmp_path / "s").exists()
    assert judged == []


def test_one_day_is_a_sentence(tmp_path, judged):
    path = write_boxes(tmp_path / "boxes.nc", (2, 1, 1))
    boxes = datasets.read_netcdf(path)
    day = np.full(boxes.sizes["storm"], np.datetime64("2010-03-01T18:00", "ns"))
    write_netcdf(boxes.assign_coords(time=("storm", day)), path)
    with pytest.raises(InputError, match=r"2 folds need as many days.* have 1"):
        sweep(RATES, tmp_path / "s", path, folds=2)


def test_a_folder_of_something_else_is_a_sentence(boxes, tmp_path, judged):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").write_text("")
    with pytest.raises(InputError, match="holds a run"):
        sweep(RATES, tmp_path / "run", boxes)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        sweep(RATES, tmp_path / "file", boxes)


def test_a_trial_that_fails_is_recorded_and_the_sweep_goes_on(boxes, tmp_path, judged):
    swept = sweep({"learning_rate": [1.0, 1e-3]}, tmp_path / "s", boxes)
    assert [trial.failed for trial in swept.trials] == [None, "Training diverged."]
    assert [rate for rate, *_ in judged].count(1.0) == 1  # its other folds are not tried
    sweep({"learning_rate": [1.0, 1e-3]}, tmp_path / "s", boxes)
    assert len(judged) == 4
    page = (tmp_path / "s" / "sweep.html").read_text()
    assert "Training diverged." in page
    with pytest.raises(InputError, match=r"All 1 trials? failed.*diverged"):
        sweep({"learning_rate": [1.0]}, tmp_path / "none", boxes)
    assert "No trial could be trained" in (tmp_path / "none" / "sweep.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trials", "factor", "epochs", "rungs"),
    [
        (9, 3, 27, [(9, 1 / 9), (3, 1 / 3), (1, 1.0)]),
        (10, 3, 81, [(10, 1 / 27), (4, 1 / 9), (2, 1 / 3), (1, 1.0)]),
        (9, 3, 4, [(9, 1 / 3), (3, 1.0)]),
        (9, 3, 1, [(9, 1.0)]),
        (2, 3, 9, [(2, 1 / 3), (1, 1.0)]),
        (1, 3, 9, [(1, 1.0)]),
        (8, 2, 8, [(8, 1 / 8), (4, 1 / 4), (2, 1 / 2), (1, 1.0)]),
    ],
)
def test_a_halving_begins_with_little_and_ends_whole(
    boxes, tmp_path, judged, trials, factor, epochs, rungs
):
    fields = {"learning_rate": Range(1e-4, 1e-2, log=True), "epochs": [epochs]}
    swept = sweep(
        fields, tmp_path / "s", boxes, method="halving", trials=trials, factor=factor, folds=2
    )
    assert [(rung.trials, pytest.approx(rung.share)) for rung in swept.plan.rungs] == rungs
    assert len(judged) == swept.plan.count == 2 * sum(count for count, _ in rungs)
    for count, share in rungs:
        spent = max(1, round(epochs * share))
        assert len([call for call in judged if call[1] == spent]) >= 2 * count
    rates = [point["learning_rate"] for point in swept.plan.points]
    assert swept.best.values["learning_rate"] == max(rates)
    whole = [call for call in judged if call[1] == epochs]
    best = sorted(rates)[-rungs[-1][0] :]
    assert {rate for rate, *_ in whole} == set(best)


@pytest.mark.slow
def test_a_halving_over_boxes_keeps_the_epochs(boxes, tmp_path, judged):
    sweep(RATES, tmp_path / "s", boxes, method="halving", budget="boxes")
    assert {call[1] for call in judged} == {2}
    assert sorted({call[4] for call in judged}) == [pytest.approx(1 / 3), 1.0]


def test_a_halving_over_epochs_decides_them_itself(boxes, tmp_path, judged):
    with pytest.raises(InputError, match="decides the epochs itself"):
        sweep({"epochs": [2, 4]}, tmp_path / "s", boxes, method="halving")
    with pytest.raises(InputError, match="--budget boxes"):
        experiment.sweep(
            "features-boosted", {"features.rounds": [5, 9]}, tmp_path / "s", boxes, method="halving"
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plan.json", "fits/trial00000-rung0-repeat0-fold0.json"])
@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"recipe": 5}', "null", '"x"'])
def test_a_damaged_file_is_named(boxes, tmp_path, judged, name, content):
    sweep({"learning_rate": [1e-3]}, tmp_path / "s", boxes)
    (tmp_path / "s" / name).write_text(content)
    with pytest.raises(InputError, match=rf"{name.split('/')[-1]} is damaged"):
        sweep({"learning_rate": [1e-3]}, tmp_path / "s", boxes)


def test_a_plan_that_was_changed_is_refused_or_of_another_sweep(boxes, tmp_path, judged):
    folder = tmp_path / "s"
    plan = sweep({"learning_rate": [1e-3]}, folder, boxes).plan
    whole = json.loads((folder / "plan.json").read_text())
    values = (None, -1, 10**9, "x", [], {}, [{"learning_rate": 2}], math.nan)
    for name, value in itertools.product(whole, values):
        if value != whole[name]:
            (folder / "plan.json").write_text(json.dumps({**whole, name: value}))
            with pytest.raises(InputError):
                Plan.read(folder).joined(plan, folder)


def test_a_note_says_what_is_made_of_a_table_that_is_not_there(boxes, tmp_path, judged):
    with pytest.warns(UserWarning, match=r"tiny has no \[augmentation\]"):
        sweep({"augmentation.rotation_range": [0.0, 20.0]}, tmp_path / "s", boxes)


def test_trials_may_have_different_boxes(tmp_path, monkeypatch):
    counts = {}

    def judge(recipe, pool, **more):
        counts[recipe.data.options["count"]] = len(pool.codes)
        raise InputError("seen enough")

    monkeypatch.setattr(_sweep_work, "judge_fold", judge)
    with (
        pytest.warns(UserWarning, match="different boxes"),
        pytest.raises(InputError, match="seen enough"),
    ):
        sweep({"data.count": [30, 40]}, tmp_path / "s", "simulated", folds=2)
    assert counts == {30: 60, 40: 80}


@pytest.mark.slow
def test_the_best_is_trained_and_its_test_split_waits(boxes, tmp_path):
    swept = sweep({"learning_rate": [1e-3]}, tmp_path / "s", boxes, folds=2, fit=True)
    run = tmp_path / "s" / "best"
    assert swept.outcome.evaluation.split == "validation"
    assert swept.outcome.evaluation.scores.count == 12
    assert experiment.readings(run) == []
    assert "validation" in (run / "scores.json").read_text()
    weights = (run / "weights.safetensors").read_bytes()
    again = sweep({"learning_rate": [1e-3]}, tmp_path / "s", boxes, folds=2, fit=True)
    assert again.to_dict() == swept.to_dict()
    assert (run / "weights.safetensors").read_bytes() == weights
    assert experiment.readings(run) == []
    assert experiment.evaluate(run).scores.count == 12
    assert [row["by"] for row in experiment.readings(run)] == ["evaluate"]
    assert Classifier.load(run).provenance["recipe"] == "tiny-best"


@pytest.mark.slow
def test_another_best_makes_way_for_none(boxes, tmp_path):
    fields = {"learning_rate": Range(1e-4, 1e-2, log=True)}
    given = {"method": "random", "folds": 2, "fit": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sweep_work, "judge_fold", _by_rate)
        first = sweep(fields, tmp_path / "s", boxes, trials=1, **given).best.values
        second = sweep(fields, tmp_path / "s", boxes, trials=6, **given).best.values
    assert first != second
    for name, values in (("best", second), ("best-before-1", first)):
        assert (
            load_recipe(tmp_path / "s" / name / "recipe.toml").learning_rate
            == (values["learning_rate"])
        )


def _by_rate(recipe, pool, **more):
    scores = dict.fromkeys(("hss", "accuracy", "macro_f1", "brier", "log_loss"), 0.5)
    scores["hss"] = recipe.learning_rate
    return {"scores": scores, "boxes": 1, "trained_on": 1, "epochs": 1, "failed": None}


@pytest.mark.slow
def test_a_baseline_on_features_is_swept(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        swept = experiment.sweep(
            "features-logistic",
            {"features.regularisation": [0.1, 10.0], "data.count": [48]},
            tmp_path / "s",
            "simulated",
            folds=2,
            progress=False,
        )
    assert all(trial.failed is None for trial in swept.trials)
    assert swept.best.last.scores["accuracy"].value > 0.4  # of six modes
    assert swept.outcome.evaluation.split == "validation"


@pytest.mark.long(45)
def test_a_killed_sweep_of_two_processes_goes_on_and_does_nothing_twice(boxes, pool, tmp_path):
    rates = {"learning_rate": [1e-3, 1e-2]}
    code = (
        "from stormlens import experiment\n"
        "from stormlens.training import Recipe\n"
        "tiny = Recipe(name='tiny', model='lenet5', epochs=2, batch_size=8)\n"
        f"experiment.sweep(tiny, {rates!r}, {str(tmp_path / 's')!r}, {str(boxes)!r}, folds=3,\n"
        "    fit=False, progress=False, processes=2)\n"
    )
    fits = tmp_path / "s" / "fits"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=own_programs(tmp_path)
    ) as killed:

        def two_are_done():
            assert killed.poll() is None
            return len(list(fits.glob("trial*.json"))) >= 2

        until(two_are_done)
        killed.kill()
        killed.stdout.read()  # ends once its processes, which share it, have ended too
    done = {path.name: path.stat().st_mtime_ns for path in fits.glob("trial*.json")}
    swept = sweep(rates, tmp_path / "s", boxes, processes=2)
    after = {path.name: path.stat().st_mtime_ns for path in fits.glob("trial*.json")}
    assert len(after) == 6
    assert {name: after[name] for name in done} == done
    alone = judge_fold(swept.best.recipe, pool, folds=3, seed=0, repeat=0, fold=0, share=1.0)
    assert swept.best.last.by_fold[0] == pytest.approx(alone["scores"]["hss"])
