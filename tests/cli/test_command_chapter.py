"""`chapter`: three experiments and one table."""

import json

import numpy as np
import pytest

from stormlens.training import read_checkpoint

pytestmark = pytest.mark.slow

RECIPES = ["chapter-linear", "chapter-relu", "chapter-augmented"]


@pytest.fixture(scope="module")
def chapter(invoke, small_boxes, tmp_path_factory):
    out = tmp_path_factory.mktemp("chapter") / "all"
    return out, invoke("chapter", "--data", small_boxes, "--out", out, "--epochs", 1, "--seed", 4)


def test_leaves_a_run_each_and_the_comparison(chapter):
    out, result = chapter
    assert result.exit_code == 0
    assert {path.name for path in out.iterdir()} == {
        *RECIPES,
        "chapter.json",
        "chapter.png",
        "chapter.html",
    }
    for name in RECIPES:
        assert {"history.csv", "scores.json", "report.html"} <= {
            path.name for path in (out / name).iterdir()
        }


def test_the_table_stands_beside_the_published_numbers(chapter):
    _, result = chapter
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line[:8] == "chapter-"}
    assert list(rows) == RECIPES
    assert rows["chapter-linear"].endswith("0.931 / 0.782")
    assert rows["chapter-relu"].endswith("0.865 / 0.773")
    assert rows["chapter-augmented"].endswith("0.640 / 0.773")
    assert "SIMULATED" in result.stdout
    assert "real archive" in " ".join(result.stdout.split())


def test_chapter_json_holds_the_same(chapter):
    out, _ = chapter
    values = json.loads((out / "chapter.json").read_text())
    assert values["simulated"] is True
    assert values["seed"] == 4
    assert values["baseline"]["name"] == "always QLCS"
    assert [entry["recipe"] for entry in values["experiments"]] == RECIPES
    for entry in values["experiments"]:
        scores = json.loads((out / entry["run"] / "scores.json").read_text())
        assert entry["test"] == scores["accuracy"]


def test_the_third_continues_the_second(chapter):
    out, _ = chapter
    relu, augmented = (read_checkpoint(out / name) for name in RECIPES[1:])
    assert relu is not None
    assert augmented is not None
    for before, after in zip(relu.group("weights"), augmented.group("weights"), strict=True):
        assert before.shape == after.shape
        assert np.abs(before - after).max() < 1e-3  # one step at 1e-5, not a new start


def test_resume_finishes_what_is_missing_and_trains_nothing_again(invoke, chapter, small_boxes):
    out, _ = chapter
    command = ("chapter", "--data", small_boxes, "--out", out, "--epochs", 1, "--seed", 4)
    before = {name: (out / name / "history.csv").read_text() for name in RECIPES}
    weights = (out / RECIPES[2] / "weights.safetensors").read_bytes()
    for path in (out / RECIPES[2]).iterdir():
        path.unlink()
    result = invoke(*command, "--resume")
    assert result.exit_code == 0
    for name in RECIPES[:2]:
        assert (out / name / "history.csv").read_text() == before[name]
    assert (out / RECIPES[2] / "weights.safetensors").read_bytes() == weights


def test_without_resume_nothing_is_overwritten(refused, chapter, small_boxes):
    out, _ = chapter
    assert "--resume" in refused("chapter", "--data", small_boxes, "--out", out, "--epochs", 1)
