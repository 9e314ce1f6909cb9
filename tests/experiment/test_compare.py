"""Runs compared: what is trained once, what is said of runs that do not fit, what is recorded."""

import json
import shutil

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens import experiment, report, verification
from stormlens.datasets import load, make_dataset, write_netcdf
from stormlens.errors import InputError
from stormlens.experiment import _compare, _contestants
from stormlens.experiment._learning import some_days
from stormlens.models import Classifier, Network
from stormlens.stormbox import MODES

SIZE = 32
QUIET = {"progress": False, "n_boot": 20}


@pytest.fixture
def drawn():
    """For tests that look at the page; for others none is drawn."""


@pytest.fixture(autouse=True)
def in_short(monkeypatch, request):
    monkeypatch.setattr(_contestants, "_TIMED_BOXES", 4)
    monkeypatch.setattr(_contestants, "_TIMED_SECONDS", 0.0)
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(report, "write_comparison", lambda path, **_: path)


@pytest.fixture(scope="module")
def boxes_file(tmp_path_factory):
    """Ninety boxes of 32 x 32 pixels over thirty days, three splits, each mode its own level."""
    rng = np.random.default_rng(2)
    codes = np.tile(np.arange(6), 15)
    images = np.clip(rng.integers(0, 30, (90, SIZE, SIZE)) + 8 * codes[:, None, None], 0, 80)
    images[:, :8] = 0
    time = np.datetime64("2014-05-01T18:00", "ns") + np.arange(90) // 3 * np.timedelta64(1, "D")
    boxes = make_dataset(images, codes, time=time, source="SIMULATED noise", simulated=True)
    split = np.repeat(["train", "validation", "test"], 30)
    path = tmp_path_factory.mktemp("data") / "boxes.nc"
    return write_netcdf(boxes.assign_coords(split=("storm", split)), path)


def make_run(folder, seed, data, *, size=SIZE, classes=MODES, **provenance):
    """A run folder whose network was never trained."""
    network = Network.untrained("chapter-linear", (size, size, 1), len(classes), seed)
    known = {
        "recipe": "chapter-linear",
        "seed": seed,
        "training_simulated": True,
        **provenance,
    }
    if data is not None:
        known |= {"data": str(data), "data_options": {}, "training_boxes": 30}
    Classifier(network, "chapter-linear", classes, 0.0, 80.0, known).save(folder)
    (folder / "history.csv").write_text(
        "epoch,seconds,loss,accuracy,val_loss,val_accuracy\n1,1.5,1,0.5,1,0.5\n2,2.25,1,0.5,1,0.5\n"
    )
    return folder


@pytest.fixture(scope="module")
def runs(boxes_file, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    return [make_run(place / name, seed, boxes_file) for seed, name in enumerate(["one", "two"])]


@pytest.fixture(scope="module")
def compared(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_contestants, "_TIMED_BOXES", 4)
        patch.setattr(_contestants, "_TIMED_SECONDS", 0.0)
        return experiment.compare(runs, out, **QUIET)


@pytest.mark.slow
def test_statistics_are_those_of_the_predictions(compared, runs, boxes_file):
    boxes = load(boxes_file, "test")
    predictions = {
        each.name: Classifier.load(each.folder).predict(boxes) for each in compared.contestants
    }
    again = verification.compare(predictions, boxes, n_boot=20)
    assert compared.comparison.to_dict() == again.to_dict()
    assert [each.folder for each in compared.contestants[:2]] == runs


def test_baselines_stand_in_every_comparison(compared):
    kinds = {each.name: each.kind for each in compared.contestants}
    assert kinds == {
        "one": "run",
        "two": "run",
        "features-logistic": "baseline",
        "features-boosted": "baseline",
    }
    assert set(compared.comparison.names) == set(kinds)
    # Levels that differ by mode are what features see and an untrained network does not.
    found = compared.comparison.views["six"].entrants
    assert found["features-logistic"].scores["accuracy"].value > 0.8
    assert compared.constant["six"]["name"] == "always QLCS"
    assert compared.constant["six"]["accuracy"] == pytest.approx(5 / 30)
    assert compared.constant["six"]["hss"] == compared.constant["six"]["gerrity"] == 0


@pytest.mark.slow
def test_a_run_that_is_a_baseline_stands_for_it(compared, runs, tmp_path):
    trees = shutil.copytree(compared.folder / "baselines" / "features-boosted", tmp_path / "trees")
    one = shutil.copytree(runs[0], tmp_path / "one")
    again = experiment.compare([one, trees], tmp_path / "out", **QUIET)
    kinds = {each.name: each.kind for each in again.contestants}
    assert kinds == {"one": "run", "trees": "run", "features-logistic": "baseline"}
    assert again.comparison.correction["tests"] == 3
    assert any("is the baseline features-boosted itself" in note for note in again.notes)
    assert sum(point.name == "trees" for point in again.curve) == 4
    other = shutil.copytree(trees, tmp_path / "other")
    text = (other / "recipe.toml").read_text()
    (other / "recipe.toml").write_text(text.replace("rounds = 100", "rounds = 90"))
    assert len(experiment.compare([one, other], tmp_path / "out", **QUIET).contestants) == 4


def test_cost_stands_beside_skill(compared, runs):
    one = compared.to_dict()["contestants"][0]
    network = Network.untrained("chapter-linear", (SIZE, SIZE, 1), 6, 0)
    assert one["parameters"] == network.parameters
    assert one["training_seconds"] == 3.75
    assert one["bytes"] == (runs[0] / "weights.safetensors").stat().st_size
    assert one["images_a_second"] > 0
    assert one["letter"] == "A"


def test_the_folder_holds_the_numbers_and_a_page(compared):
    text = (compared.folder / "comparison.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(compared.to_dict()))
    page = compared.page.read_text()
    assert compared.headline.split(" (")[0].split(". ")[0] in page
    assert "SIMULATED" in page


def test_a_learning_curve_has_four_points_for_each_baseline(compared):
    by_name = {}
    for point in compared.curve:
        by_name.setdefault(point.name, []).append(point.boxes)
    assert set(by_name) == {"one", "two", "features-logistic", "features-boosted"}
    for name in ("features-logistic", "features-boosted"):
        assert sorted(by_name[name]) == [6, 9, 15, 30]  # whole days of three boxes
    assert by_name["one"] == [30]


def test_each_reading_of_the_test_split_is_recorded(compared, boxes_file):
    curve = sorted((compared.folder / "curve").iterdir())
    assert len(curve) == 6
    for place in [*(each.folder for each in compared.contestants), *curve]:
        (line,) = experiment.readings(place)
        assert line["by"] == "compare"
        assert line["data"] == str(boxes_file)
        assert line["boxes"] == 30


def test_a_second_comparison_trains_nothing(compared, runs, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("trained")

    monkeypatch.setattr("stormlens.experiment._learning.fit", fail)
    again = experiment.compare(runs, compared.folder, **QUIET)
    assert again.comparison.to_dict() == compared.comparison.to_dict()
    assert again.curve == compared.curve


@pytest.mark.slow
def test_baselines_of_other_data_are_not_taken_for_these(compared, tmp_path, boxes_file):
    shutil.copytree(compared.folder, tmp_path / "out")
    boxes = load(boxes_file)
    boxes["mode"].values[:30] = boxes["mode"].values[:30][::-1]
    other = write_netcdf(boxes, tmp_path / "other.nc")
    run = make_run(tmp_path / "run", 0, other)
    result = experiment.compare([run], tmp_path / "out", boxes_file, **QUIET)
    trees = result.contestants[-1]
    assert trees.name == "features-boosted"
    assert trees.classifier.provenance["data"] == str(other)
    fresh = experiment.compare([run], tmp_path / "fresh", boxes_file, **QUIET)
    assert result.comparison.to_dict() == fresh.comparison.to_dict()
    assert result.curve == fresh.curve


@pytest.mark.slow
def test_a_file_that_changed_is_other_data(compared, tmp_path, boxes_file, runs):
    shutil.copytree(compared.folder, tmp_path / "out")
    original = boxes_file.read_bytes()
    boxes = load(boxes_file)
    boxes["reflectivity"].values[0, 20, 20] ^= 1
    mark = tmp_path / "out" / "baselines" / "features-logistic" / "compared.json"
    before = json.loads(mark.read_text())
    try:
        write_netcdf(boxes, boxes_file)
        experiment.compare(runs, tmp_path / "out", **QUIET)
    finally:
        boxes_file.write_bytes(original)
    after = json.loads(mark.read_text())
    assert before.pop("content") != after.pop("content")
    assert before == after


def test_a_run_in_the_place_of_a_baseline_is_left_alone(runs, tmp_path):
    place = tmp_path / "out" / "baselines" / "features-logistic"
    shutil.copytree(runs[0], place)
    with pytest.raises(InputError, match=r"was trained on other data.*--no-baselines"):
        experiment.compare(runs, tmp_path / "out", **QUIET)
    assert (place / "weights.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("drawn")
def test_one_run_without_baselines_has_nothing_to_be_compared_with(runs, tmp_path):
    alone = experiment.compare(runs[:1], tmp_path / "out", baselines=False, **QUIET)
    assert alone.headline.endswith("There is nothing to compare it with.")
    assert alone.comparison.views["six"].pairs == []
    assert "How good is one?" in alone.page.read_text()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "comparison.html",
        "comparison.json",
    }


def test_the_same_run_twice_does_not_differ(runs, tmp_path):
    twice = experiment.compare([runs[0], runs[0]], tmp_path / "out", baselines=False, **QUIET)
    assert twice.comparison.names == ("one", "one (2)")
    (pair,) = twice.comparison.views["six"].pairs
    assert pair.differences["accuracy"].value == 0
    assert not pair.differs
    assert "right about the same boxes" in twice.headline
    assert any("same folder" in note for note in twice.notes)


def test_folders_of_one_name_get_unique_names(tmp_path, boxes_file):
    places = [make_run(tmp_path / part / "run", i, boxes_file) for i, part in enumerate("ab")]
    both = experiment.compare(places, tmp_path / "out", baselines=False, **QUIET)
    assert both.comparison.names == ("a/run", "b/run")


@given(st.lists(st.sampled_from(["a", "b", "a/x", "b/x", "c/a/x"]), min_size=1, max_size=6))
def test_names_are_always_different(folders):
    from pathlib import Path

    names = _contestants._names([Path("/somewhere", folder) for folder in folders])
    assert len(set(names)) == len(names) == len(folders)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": ("cat", "dog")}, "answers cat, dog, and .*only runs with the same classes"),
        ({"size": 40}, "takes images of 40 x 40 pixels, and .* of 32 x 32"),
    ],
)
def test_runs_that_do_not_fit_are_refused(runs, tmp_path, changes, sentence):
    other = make_run(tmp_path / "other", 0, None, **changes)
    with pytest.raises(InputError, match=sentence):
        experiment.compare([runs[0], other], tmp_path / "out", **QUIET)
    assert not (tmp_path / "out").exists()


def test_a_damaged_run_is_named(runs, tmp_path):
    broken = shutil.copytree(runs[1], tmp_path / "broken")
    weights = broken / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"broken.weights\.safetensors"):
        experiment.compare([runs[0], broken], tmp_path / "out", **QUIET)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "nothing to compare"),
        ("one", "given as a list"),
        (["one"] * 21, "21 runs are too many"),
    ],
)
def test_how_many_runs_there_may_be(given, sentence):
    with pytest.raises(InputError, match=sentence):
        experiment.compare(given)


def test_a_run_is_no_place_for_a_comparison(runs):
    with pytest.raises(InputError, match="is one of the runs"):
        experiment.compare(runs, runs[0], **QUIET)


@pytest.mark.parametrize(
    ("options", "sentence"), [({"n_boot": 0}, "at least 1 replicate"), ({"seed": -1}, "seed is -1")]
)
def test_draws_are_checked(runs, tmp_path, options, sentence):
    with pytest.raises(InputError, match=sentence):
        experiment.compare(runs, tmp_path / "out", **{**QUIET, **options})


def test_data_that_no_run_names_has_to_be_named(tmp_path, boxes_file):
    run = make_run(tmp_path / "run", 0, None)
    with pytest.raises(InputError, match="name data with --data"):
        experiment.compare([run], tmp_path / "out", **QUIET)
    named = experiment.compare([run], tmp_path / "out", boxes_file, baselines=False, **QUIET)
    assert "What run was trained on is not recorded." in named.notes


@pytest.mark.usefixtures("drawn")
def test_images_that_are_no_reflectivity_have_no_baseline(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 17, (12, SIZE, SIZE))
    digits = make_dataset(
        images, np.tile([0, 1], 6), classes=("cat", "dog"), source="pets", units="1"
    )
    digits = digits.assign_coords(split=("storm", np.repeat(["train", "validation", "test"], 4)))
    data = write_netcdf(digits, tmp_path / "pets.nc")
    run = make_run(tmp_path / "run", 0, data, classes=("cat", "dog"))
    result = experiment.compare([run], tmp_path / "out", **QUIET)
    assert [each.name for each in result.contestants] == ["run"]
    assert list(result.comparison.views) == ["all"]
    assert any("no reflectivity" in note for note in result.notes)
    assert any("have no time" in note for note in result.notes)
    page = result.page.read_text()
    assert "When is which better?" not in page
    assert "storm box" not in page


def test_what_must_be_known_first_is_noted(runs, tmp_path, boxes_file):
    other = make_run(tmp_path / "other", 1, "elsewhere")
    result = experiment.compare([runs[0], other], tmp_path / "out", baselines=False, **QUIET)
    (note,) = [note for note in result.notes if "different data" in note]
    assert "other on elsewhere" in note
    seen = experiment.compare(runs, tmp_path / "seen", split="all", baselines=False, **QUIET)
    assert any("include those trained on" in note for note in seen.notes)


def test_another_division_of_the_same_folder_is_noted(runs, tmp_path, boxes_file):
    classifier = Classifier.load(runs[1])
    classifier.provenance["data_options"] = {"seed": 7}
    classifier.save(tmp_path / "divided")
    result = experiment.compare(
        [runs[0], tmp_path / "divided"], tmp_path / "out", baselines=False, **QUIET
    )
    assert any("divided by another seed" in note for note in result.notes)


@settings(deadline=None)
@given(
    days=st.lists(st.integers(-1, 12), min_size=1, max_size=60),
    seed=st.integers(0, 5),
    shares=st.lists(st.floats(0.01, 1), min_size=2, max_size=2),
)
def test_days_drawn_are_whole_and_nested(days, seed, shares):
    day = np.array(days)
    time = np.datetime64("2014-01-01", "ns") + day * np.timedelta64(1, "D")
    time[day < 0] = np.datetime64("NaT", "ns")
    smaller, larger = (some_days(time, share, seed) for share in sorted(shares))
    assert set(smaller) <= set(larger)
    for share, chosen in zip(sorted(shares), (smaller, larger), strict=True):
        assert len(chosen) >= share * len(days) - 1e-9
        inside = set(day[chosen][day[chosen] >= 0])
        npt.assert_array_equal(np.flatnonzero(np.isin(day, list(inside))), chosen[day[chosen] >= 0])


@pytest.mark.slow
def test_a_curve_trains_each_runs_recipe_on_less(tmp_path, boxes_file, monkeypatch):
    run = make_run(tmp_path / "run", 0, boxes_file)
    (run / "recipe.toml").write_text(
        'name = "tiny"\nmodel = "chapter-linear"\nepochs = 1\nbatch_size = 8\n'
    )
    bare = make_run(tmp_path / "bare", 1, boxes_file)
    out = tmp_path / "out"
    options = {"baselines": False, "curve": True, **QUIET}
    result = experiment.compare([run, bare], out, **options)
    assert sorted(point.boxes for point in result.curve if point.name == "run") == [6, 9, 15, 30]
    assert any(note.startswith("bare has no learning curve") for note in result.notes)
    assert Classifier.load(out / "curve" / "run-a-half").provenance["training_boxes"] == 15
    monkeypatch.setattr("stormlens.experiment._learning.fit", lambda *_, **__: 1 / 0)
    assert experiment.compare([run, bare], out, **options).curve == result.curve


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on(runs, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("stormlens.experiment._learning.fit", stop)
        with pytest.raises(KeyboardInterrupt):
            experiment.compare(runs, tmp_path / "out", **QUIET)
    result = experiment.compare(runs, tmp_path / "out", **QUIET)
    assert len(result.contestants) == 4


@pytest.mark.slow
def test_a_box_is_measured_once_but_timed_each_time(runs, tmp_path, monkeypatch):
    from stormlens.features import _measure

    measured, timed = [], []
    table, rate = _measure._table, _contestants._images_a_second
    monkeypatch.setattr(
        _measure, "_table", lambda images: measured.append(len(images)) or table(images)
    )

    def counting(classifier, images):
        before = len(measured)
        found = rate(classifier, images)
        timed.append(sum(measured[before:]))
        del measured[before:]
        return found

    monkeypatch.setattr(_contestants, "_images_a_second", counting)
    experiment.compare(runs, tmp_path / "out", **QUIET)
    # Each baseline its training and validation boxes; then, once, half of the first for the curve,
    # and what it is judged by.
    assert sum(measured) == 2 * 60 + 15 + 30 + 30
    assert timed[:2] == [0, 0]
    assert min(timed[2:]) >= 2 * 4  # boxes timed, over and over


def test_what_is_done_is_said_on_stderr(runs, tmp_path, capsys):
    experiment.compare(runs, tmp_path / "out", baselines=False, n_boot=20)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "Comparing 2 on 30 boxes.\n"


def test_a_baseline_whose_name_a_run_has_gets_another():
    assert _compare._unique("features-boosted", {"features-boosted"}) == (
        "features-boosted (baseline)"
    )
