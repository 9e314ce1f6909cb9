"""A reproduction, tried on a few simulated boxes: stages that are kept, numbers, and the page."""

import json
import re
import shutil
from dataclasses import replace

import pytest

from stormlens import datasets, experiment
from stormlens.datasets.svrimg import _download
from stormlens.errors import InputError
from stormlens.experiment import _reproduce
from stormlens.verification import Scores, wilson_interval

pytestmark = [
    pytest.mark.slow(5),
    pytest.mark.filterwarnings("ignore:Recipe chapter-augmented.*moves nothing that can be seen"),
]

NAMES = [stage.name for stage in experiment.STAGES]
FEW = {"count": 32}


def again(folder, **changes):
    settings = {"quick": True, "data_options": FEW, "progress": False, **changes}
    return experiment.reproduce("svrimg", folder, "simulated", **settings)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A folder whose reproduction was stopped by Ctrl-C before its fourth network."""
    folder = tmp_path_factory.mktemp("reproduction") / "all"
    with pytest.MonkeyPatch.context() as patch:
        trained = []

        def run_three(*arguments, **others):
            if len(trained) == 3:
                raise KeyboardInterrupt
            trained.append(arguments)
            return experiment._run.run_recipe(*arguments, **others)

        patch.setattr(_reproduce, "run_recipe", run_three)
        with pytest.raises(KeyboardInterrupt):
            again(folder)
    return folder, {name: contents(folder / name) for name in NAMES[:3]}


def contents(run):
    return {path.name: path.read_bytes() for path in sorted(run.iterdir())}


@pytest.fixture(scope="module")
def done(stopped):
    return again(stopped[0], command="stormlens reproduce svrimg --data simulated --quick")


@pytest.fixture
def copied(done, tmp_path):
    return shutil.copytree(done.folder, tmp_path / "copied")


def test_a_stopped_one_goes_on_and_trains_nothing_again(stopped, done):
    folder, before = stopped
    for name, files in before.items():
        after = contents(folder / name)
        changed = {key for key in files if files[key] != after[key]}
        assert changed <= {"readings.jsonl"}, name  # the comparison reads the test split


def test_every_stage_is_a_run_whose_readings_of_the_test_split_are_few(done):
    assert [stood.stage.name for stood in done.stages] == NAMES
    for name in NAMES:
        assert (done.folder / name / "report.html").is_file()
        readers = [row["by"] for row in experiment.readings(done.folder / name)]
        assert readers == ["reproduce", "compare"][: 1 if name in experiment.BASELINES else 2]


def test_a_finished_one_is_only_looked_at(copied, monkeypatch):
    def trained(*arguments, **others):
        raise AssertionError("something was trained again")

    monkeypatch.setattr(_reproduce, "run_recipe", trained)
    monkeypatch.setattr(_reproduce, "compare", trained)
    before = json.loads((copied / "reproduction.json").read_text())
    read = {name: experiment.readings(copied / name) for name in NAMES}
    assert again(copied).to_dict() == before
    assert {name: experiment.readings(copied / name) for name in NAMES} == read


def test_the_comparison_is_made_again_after_a_run_was(copied, monkeypatch):
    compared = []

    def compare(runs, out, **others):
        compared.append((runs, out))

    monkeypatch.setattr(_reproduce, "compare", compare)
    (copied / NAMES[-1] / "report.html").write_text("written anew")
    again(copied)
    assert compared == [([copied / name for name in NAMES[2:]], copied / "comparison")]


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"data_options": {"count": 36}}, {"quick": False}], ids=str
)
def test_a_folder_of_other_settings_is_refused(copied, changes):
    with pytest.raises(InputError, match="holds a training with other settings"):
        again(copied, **changes)


def test_scores_are_those_of_the_runs(done):
    values = {network["name"]: network for network in done.to_dict()["networks"]}
    assert list(values) == NAMES
    for name, network in values.items():
        written = json.loads((done.folder / name / "scores.json").read_text())
        rows = {(row["split"], row["score"]): row["ours"] for row in network["rows"]}
        assert rows["test", "accuracy"] == written["accuracy"]
        scored = experiment.evaluate(
            done.folder / name, split="validation", data_options=FEW
        ).scores.accuracy
        assert rows["validation", "accuracy"]["value"] == scored.value
    ours = {row["score"]: row["ours"] for row in values["svrimg-3conv"]["rows"]}
    scores = Scores.from_dict(
        json.loads((done.folder / "svrimg-3conv" / "scores.json").read_text())
    )
    assert ours["QLCS pod"]["value"] == scores.per_mode["QLCS"].pod.value
    assert ours["hss"]["low"] == scores.hss.low


def test_training_accuracy_is_of_the_last_epoch(done):
    (stood,) = [stood for stood in done.stages if stood.stage.name == "chapter-relu"]
    last = experiment.read_history(done.folder / "chapter-relu")[-1]["accuracy"]
    low, high = wilson_interval(round(last * 32), 32)
    found = stood.ours("train", "accuracy")
    assert (found.value, found.low, found.high) == (last, float(low), float(high))


def test_on_simulated_boxes_nothing_published_is_a_target(done):
    rows = [row for network in done.to_dict()["networks"] for row in network["rows"]]
    assert {row["place"] for row in rows} == {None}
    assert {row["published"]["value"] for row in rows if row["published"]} > {0.931, 0.773}


def test_on_the_archive_each_published_interval_judges_ours(done):
    real = replace(done, data=experiment.Data("svrimg"), simulated=False, quick=False)
    judged = 0
    for network in real.to_dict()["networks"]:
        for row in network["rows"]:
            published, ours = row["published"], row["ours"]["value"]
            if published is None or published["low"] is None or ours is None:
                assert row["place"] is None
                continue
            above, below = ours > published["high"], ours < published["low"]
            assert row["place"] == ("above" if above else "below" if below else "inside")
            judged += 1
    assert judged > 7
    assert not replace(real, quick=True).is_comparable


def test_the_page_says_what_it_is_of(done):
    page = done.page.read_text()
    assert "SIMULATED" in page
    assert "QUICK" in page
    assert "on 32 boxes" in page
    assert page.count("parameters; One step in") == 2  # the baselines, which have no epochs
    assert "stormlens reproduce svrimg --data simulated --quick" in page
    assert re.search(r"<td class=\"n\">0\.931<span class=\"range\">0\.916 to 0\.943</span>", page)
    assert not re.search(r"(src|href|srcset)=\"(https?:)?//", page)
    links = re.findall(r'href="([^"#]+)"', page)
    assert len(links) == len(NAMES) + 1
    assert all((done.folder / link).is_file() for link in links)


def test_another_study_is_unknown(tmp_path):
    with pytest.raises(InputError, match="study"):
        experiment.reproduce("storms", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_classes_are_refused(tmp_path):
    with pytest.raises(InputError, match="six storm modes"):
        experiment.reproduce("svrimg", tmp_path / "out", "digits")
    assert not (tmp_path / "out").exists()


def test_without_the_archive_and_a_network_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STORMLENS_SVRIMG_URL", "http://127.0.0.1:9/data")
    monkeypatch.setattr(_download, "_PAUSE_SECONDS", 0)
    with pytest.raises(InputError, match=r"cannot be reached; check the network.*--data simulated"):
        experiment.reproduce("svrimg", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_quick_paints_few_boxes_and_leaves_other_data_alone():
    few = _reproduce._source(experiment.Data("simulated"), quick=True)
    assert datasets.load_splits(few.name, **few.options)["train"].sizes["storm"] == 200
    archive = experiment.Data("svrimg")
    assert _reproduce._source(archive, quick=True) == archive
    assert _reproduce._source(experiment.Data("simulated"), quick=False).options == {}
