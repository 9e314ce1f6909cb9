"""`compare`: a table that fits, one document of JSON, and sentences."""

import json

import pytest

from stormlens import experiment, report
from stormlens.experiment import _contestants
from stormlens.models import Classifier, Network
from stormlens.stormbox import MODES


@pytest.fixture(autouse=True)
def in_short(monkeypatch):
    monkeypatch.setattr(_contestants, "_TIMED_BOXES", 4)
    monkeypatch.setattr(_contestants, "_TIMED_SECONDS", 0.0)
    monkeypatch.setattr(report, "write_comparison", lambda path, **_: path)


@pytest.fixture(scope="module")
def runs(small_boxes, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(("short", "a-run-whose-name-is-longer-than-a-column")):
        network = Network.untrained("chapter-linear", (32, 32, 1), 6, seed)
        told = {
            "data": str(small_boxes),
            "data_options": {},
            "training_boxes": 20,
            "training_simulated": True,
        }
        Classifier(network, "chapter-linear", MODES, 0.0, 80.0, told).save(place / name)
    return sorted(place.iterdir(), reverse=True)


@pytest.mark.slow
def test_the_table_fits_eighty_columns(invoke, runs, tmp_path):
    result = invoke("compare", *runs, "--out", tmp_path / "out", "--replicates", 20)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    tables = [line for line in lines if not line.startswith(("The ", "Note: ", "Page: ", "SIMUL"))]
    assert max(map(len, tables)) <= 80
    heads = [line.split()[:2] for line in lines if line[:3] in ("A  ", "B  ", "C  ", "D  ")]
    assert heads[:4] == [
        ["A", "short"],
        ["B", "a-run-wh..a-column"],
        ["C", "features-logistic"],
        ["D", "features-boosted"],
    ]
    pairs = [line[:5] for line in lines if line[1:4] == " - "]
    assert pairs == ["A - B", "A - C", "A - D", "B - C", "B - D", "C - D"]
    assert lines[0].startswith(("The 20 SIMULATED", "short ", "a-run"))
    assert "P-values are corrected for 6 comparisons (Holm)." in lines
    assert lines[-1] == f"Page: {tmp_path / 'out' / 'comparison.html'}"


def test_json_is_one_document_and_all_that_is_on_stdout(invoke, runs, tmp_path):
    out = tmp_path / "out"
    options = ("--no-baselines", "--replicates", 20, "--json")
    result = invoke("compare", *runs, "--out", out, *options)
    assert result.exit_code == 0
    values = json.loads(result.stdout)
    assert values == json.loads((out / "comparison.json").read_text())
    assert [held["letter"] for held in values["contestants"]] == ["A", "B"]
    assert values["correction"]["tests"] == 1
    assert result.stderr == "Comparing 2 on 20 boxes.\n"


def test_a_folder_that_is_no_run_is_a_sentence(invoke, runs, tmp_path):
    result = invoke("compare", runs[0], tmp_path / "nothing", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "nothing" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_a_sentence(invoke, runs, tmp_path):
    (tmp_path / "out").write_text("here")
    result = invoke("compare", *runs, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_ctrl_c_says_how_to_go_on(invoke, runs, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "compare", stop)
    result = invoke("compare", *runs, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert "what was trained is kept. Go on with: stormlens compare" in result.stderr
