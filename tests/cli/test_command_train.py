"""`train`, `evaluate` and `report`: what they print and leave."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

OVERALL = ["accuracy", "macro_f1", "hss", "brier", "log_loss"]
MODES = ["Cellular", "QLCS", "Tropical", "Other", "Noise", "Missing"]


def test_a_run_holds_the_files_that_scripts_rely_on(run):
    assert {path.name for path in run.iterdir()} == {
        "recipe.toml",
        "history.csv",
        "checkpoint.safetensors",
        "classifier.json",
        "weights.safetensors",
        "scores.json",
        "readings.jsonl",
        "report.html",
    }
    with (run / "history.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["epoch", "seconds", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert [row[0] for row in rows[1:]] == ["1", "2"]


def test_train_ends_with_scores_baseline_and_the_reports_path(trained):
    run, result = trained
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-1] == f"Report: {run / 'report.html'}"
    assert "95 % interval" in result.stdout
    assert any(line.startswith("Always QLCS ") for line in lines)
    assert any(line.startswith("SIMULATED: ") for line in lines)


def test_progress_stays_off_stdout(trained):
    _, result = trained
    assert "    1/2    " in result.stderr
    assert "    1/2    " not in result.stdout


def test_scores_json_says_of_which_data_and_split(run, boxes_file):
    scores = json.loads((run / "scores.json").read_text())
    assert (scores["data"], scores["split"]) == (str(boxes_file), "test")
    assert sum(map(sum, scores["confusion"])) == 24


def test_the_classifier_remembers_data_and_command(run, boxes_file, tiny):
    card = json.loads((run / "classifier.json").read_text())["provenance"]
    assert card["data"] == str(boxes_file)
    assert card["command"] == f"stormlens train {tiny} --data {boxes_file} --out {run}"


def test_evaluate_prints_one_object_with_every_score_and_interval(invoke, run, boxes_file):
    result = invoke("evaluate", run, "--data", boxes_file, "--split", "test", "--json")
    scores = json.loads(result.stdout)
    assert set(scores) >= {*OVERALL, "per_mode", "confusion"}
    for name in OVERALL:
        assert set(scores[name]) == {"value", "low", "high"}
    assert list(scores["per_mode"]) == MODES
    for entry in scores["per_mode"].values():
        assert set(entry) == {"pod", "far", "csi", "f1", "count"}
        assert set(entry["pod"]) == {"value", "low", "high"}
    rows = scores["confusion"]
    assert [sum(row) for row in rows] == [scores["per_mode"][mode]["count"] for mode in MODES]
    diagonal = sum(rows[i][i] for i in range(6))
    assert scores["accuracy"]["value"] == pytest.approx(diagonal / 24)


def test_evaluate_finds_the_data_of_the_run_by_itself(invoke, run):
    before = json.loads((run / "scores.json").read_text())
    after = json.loads(invoke("evaluate", run, "--json").stdout)
    assert after == {key: before[key] for key in after}


def test_evaluate_says_how_often_the_test_split_was_read(invoke, run):
    read = (run / "readings.jsonl").read_text().splitlines()
    assert json.loads(read[0])["by"] == "train"
    last = invoke("evaluate", run).stdout.splitlines()[-1]
    assert f"was read {len(read) + 1} times: first " in last or "was read twice" in last
    assert last.endswith("by evaluate.")
    invoke("evaluate", run, "--split", "validation")
    assert len((run / "readings.jsonl").read_text().splitlines()) == len(read) + 1


def test_evaluate_all_scores_every_labelled_box(invoke, run):
    scores = json.loads(invoke("evaluate", run, "--split", "all", "--json").stdout)
    assert scores["count"] == 72


def test_evaluate_prints_tables_for_a_person(invoke, run):
    text = invoke("evaluate", run).stdout
    for words in ("SIMULATED", "Brier score", "POD", "rows true", "always QLCS"):
        assert words in text


def test_report_is_built_again_with_the_same_scores(invoke, run):
    scores = (run / "scores.json").read_text()
    (run / "report.html").unlink()
    assert invoke("report", run).stdout == f"{run / 'report.html'}\n"
    assert "SIMULATED" in (run / "report.html").read_text()
    assert (run / "scores.json").read_text() == scores


@pytest.mark.slow
def test_options_override_the_recipe(invoke, tiny, small_boxes, tmp_path):
    result = invoke(
        *("train", tiny, "--data", small_boxes, "--out", tmp_path / "run", "--epochs", 1),
        *("--batch-size", 24, "--learning-rate", "0.01", "--seed", 7, "--json"),
    )
    recipe = (tmp_path / "run" / "recipe.toml").read_text()
    for line in ("epochs = 1", "batch_size = 24", "learning_rate = 0.01", "seed = 7"):
        assert line in recipe.splitlines()
    assert json.loads(result.stdout)["split"] == "test"


@pytest.mark.slow
def test_a_run_that_is_given_no_folder_is_named_after_its_recipe(
    invoke, tiny, small_boxes, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = invoke("train", tiny, "--data", small_boxes, "--epochs", 1)
    assert result.stdout.splitlines()[-1] == f"Report: {Path('runs', 'tiny', 'report.html')}"
    assert (tmp_path / "runs" / "tiny" / "weights.safetensors").exists()


def test_help_names_what_a_run_that_calibrates_holds(invoke):
    text = " ".join(invoke("train", "--help").stdout.split())
    for name in ("confidence.safetensors", "appraisal.json", "failures.npz"):
        assert name in text
    assert "only on the data that it was made for" in text


@pytest.mark.slow
def test_data_that_a_recipe_does_not_calibrate_on_are_said_to_leave_no_confidence(
    invoke, tiny, small_boxes, tmp_path
):
    recipe = tmp_path / "wide.toml"
    made_for = "[data]\nname = 'simulated-wide'\ncalibrate = 'simulated-held-out'\n"
    recipe.write_text(tiny.read_text() + made_for)
    command = ("--data", small_boxes, "--epochs", 1, "--out")
    result = invoke("train", recipe, *command, tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[-1] == (
        "Note: The classifier does not know its confidence: wide is calibrated only where it is "
        "trained on simulated-wide."
    )
    # A recipe that never calibrates has promised nothing.
    result = invoke("train", tiny, *command, tmp_path / "other")
    assert "confidence" not in result.stderr


def stop(*_, **__):
    raise KeyboardInterrupt


def test_the_chapters_rotation_draws_one_clean_line(invoke, small_boxes, tmp_path, monkeypatch):
    recipe = tmp_path / "faint.toml"
    recipe.write_text('model = "lenet5"\n[augmentation]\nrotation_range = 0.1\n')
    monkeypatch.setattr("stormlens.training._fit.new_classifier", stop)  # before it takes time
    result = invoke("train", recipe, "--data", small_boxes, "--out", tmp_path / "run")
    note, _ = result.stderr.splitlines()
    assert note.startswith("Note: Recipe faint: rotation_range is 0.1")


@pytest.mark.slow
def test_a_finished_run_is_not_overwritten_but_resumes(refused, invoke, run, tiny, boxes_file):
    command = ("train", tiny, "--data", boxes_file, "--out", run)
    weights = (run / "weights.safetensors").read_bytes()
    assert "--resume" in refused(*command)
    assert invoke(*command, "--resume").exit_code == 0
    assert (run / "weights.safetensors").read_bytes() == weights


def test_ctrl_c_says_how_to_go_on(invoke, tiny, boxes_file, tmp_path, monkeypatch):
    monkeypatch.setattr("stormlens.experiment._run.fit", stop)
    out = tmp_path / "a run"
    result = invoke("train", tiny, "--data", boxes_file, "--out", out)
    assert result.exit_code == 130
    assert result.stderr == (
        "Stopped; finished epochs are kept. Go on with: "
        f"stormlens train {tiny} --data {boxes_file} --out '{out}' --resume\n"
    )


@pytest.mark.slow
def test_a_run_remembers_what_the_pictures_were_that_it_was_trained_on(
    invoke, refused, tiny, tmp_path
):
    for grey, name in enumerate(("Cellular", "QLCS")):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(9):
            image = Image.new("L", (32, 32), 120 + 50 * grey + i)
            image.save(tmp_path / "mine" / name / f"{i}.png")
    ways = ("--dbz-scale", "0.5,-32", "--first-row", "south")
    command = ("train", tiny, "--data", tmp_path / "mine", "--out", tmp_path / "run")
    assert "is a grey image" in refused(*command)
    assert invoke(*command, *ways, "--epochs", 1).exit_code == 0
    assert json.loads((tmp_path / "run" / "classifier.json").read_text())["provenance"][
        "data_options"
    ] == {"dbz_scale": [0.5, -32.0], "first_row": "south"}
    assert invoke("evaluate", tmp_path / "run").exit_code == 0
    shown = ("data", "show", tmp_path / "mine", "--out", tmp_path / "sheet.png")
    assert invoke(*shown, *ways).exit_code == 0
