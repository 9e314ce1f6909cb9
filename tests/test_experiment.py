"""Experiments from Python, as a notebook runs them."""

import json
import re
import shutil

import numpy as np
import pytest

from stormlens import datasets, experiment
from stormlens.datasets import make_dataset, write_netcdf
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.training import Recipe, RecipeData

TINY = Recipe(name="tiny", model="lenet5", epochs=2, batch_size=8)


@pytest.fixture(scope="module")
def boxes_file(tmp_path_factory):
    """Thirty-six real-looking labels on noise of 32 x 32 pixels, in three splits."""
    rng = np.random.default_rng(2)
    codes = np.tile(np.arange(6), 6)
    images = rng.integers(0, 20, (36, 32, 32)) + 8 * codes[:, None, None]
    boxes = make_dataset(images, codes, source="noise")
    split = np.repeat(["train", "validation", "test"], 12)
    path = tmp_path_factory.mktemp("data") / "boxes.nc"
    return write_netcdf(boxes.assign_coords(split=("storm", split)), path)


@pytest.fixture(scope="module")
def outcome(boxes_file, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    return experiment.train(TINY, boxes_file, run, progress=False)


def weights(run):
    return (run / "weights.safetensors").read_bytes()


@pytest.mark.slow
def test_train_gives_what_the_run_holds(outcome):
    assert weights(outcome.run) == weights(Classifier.load(outcome.run).save(outcome.run))
    assert experiment.read_history(outcome.run) == outcome.history
    written = json.loads((outcome.run / "scores.json").read_text())
    assert written == json.loads(json.dumps(outcome.evaluation.to_dict()))
    page = outcome.report.read_text()
    assert page.startswith("<!doctype html>")
    assert re.search(r"> *20\d\d-\d\d-\d\d \d\d:\d\d UTC *<", page)


def test_real_data_is_not_called_simulated(outcome):
    assert "SIMULATED" not in outcome.report.read_text()
    assert outcome.evaluation.scores.simulated == {"training": False, "test": False}


@pytest.mark.slow
def test_the_test_split_cannot_change_the_training(outcome, boxes_file, tmp_path):
    boxes = datasets.read_netcdf(boxes_file)
    test = boxes["split"].values == "test"
    boxes["reflectivity"][test] = 80
    changed = write_netcdf(boxes, tmp_path / "changed.nc")
    other = experiment.train(TINY, changed, tmp_path / "run", progress=False)
    assert weights(other.run) == weights(outcome.run)


@pytest.mark.slow
def test_one_seed_gives_equal_bits_and_another_does_not(outcome, boxes_file, tmp_path):
    same = experiment.train(TINY, boxes_file, tmp_path / "same", progress=False)
    assert weights(same.run) == weights(outcome.run)
    other = experiment.train(
        TINY.with_changes(seed=1), boxes_file, tmp_path / "other", progress=False
    )
    assert weights(other.run) != weights(outcome.run)


def test_evaluate_takes_other_data_and_splits(outcome, boxes_file):
    again = experiment.evaluate(outcome.run)
    assert again.to_dict() == outcome.evaluation.to_dict()
    assert experiment.evaluate(outcome.run, boxes_file, "validation").scores.count == 12
    assert experiment.evaluate(outcome.run, split="all").scores.count == 36


@pytest.mark.slow
def test_a_run_is_found_again_from_another_folder(boxes_file, tmp_path, monkeypatch):
    monkeypatch.chdir(boxes_file.parent)
    made = experiment.train(TINY, boxes_file.name, tmp_path / "run", progress=False)
    monkeypatch.chdir(tmp_path)
    assert experiment.evaluate(made.run).to_dict() == made.evaluation.to_dict()


def test_data_without_a_test_split_is_refused_before_training(boxes_file, tmp_path):
    boxes = datasets.read_netcdf(boxes_file)
    seen = write_netcdf(boxes.isel(storm=boxes["split"].values != "test"), tmp_path / "seen.nc")
    with pytest.raises(InputError, match="test split"):
        experiment.train(TINY, seen, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["epoch,seconds\n1,x\n", "a,b\n1,2\n", "", "epoch\n1\n"])
def test_a_damaged_history_is_named(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(InputError, match=r"history\.csv is damaged"):
        experiment.read_history(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("recipe.toml", b"\xff\xfe"),
        ("scores.json", b'{"data": 5}'),
        ("scores.json", b'{"data_options": [1]}'),
        ("scores.json", b"[]"),
        ("scores.json", b"{"),
    ],
)
def test_what_a_report_reads_is_named_when_damaged(outcome, tmp_path, name, content):
    run = shutil.copytree(outcome.run, tmp_path / "run")
    (run / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged"):
        experiment.write_report(run)


def test_a_classifier_that_forgot_its_data_asks_for_them(outcome, tmp_path):
    classifier = Classifier.load(outcome.run)
    del classifier.provenance["data"]
    classifier.save(tmp_path)
    with pytest.raises(InputError, match="--data"):
        experiment.evaluate(tmp_path)


@pytest.mark.long(35)
def test_a_recipe_made_for_wide_storms_leaves_confidence_and_an_appraisal(tmp_path):
    recipe = Recipe(
        name="small",
        model="chapter-relu",
        epochs=2,
        data=RecipeData("simulated-wide", "simulated-held-out", {"count": 300}),
    )
    outcome = experiment.train(recipe, out=tmp_path / "run", progress=False)
    assert outcome.classifier.provenance["data"] == "simulated-wide"
    assert outcome.classifier.provenance["calibrated_on"] == "simulated-held-out"
    held = json.loads((tmp_path / "run" / "appraisal.json").read_text())
    families = {family.name for family in datasets.simulated_families() if family.held_out}
    assert {row["family"] for row in held["simulated"]["families"]} == families
    assert 0.86 < held["simulated"]["all"]["coverage"] < 0.94
    loaded = Classifier.load(tmp_path / "run")
    boxes = datasets.load("simulated-held-out", "test", count=40)
    again = loaded.predict(boxes)
    assert again.equals(outcome.classifier.predict(boxes))
    assert {"plausible", "novelty"} <= set(again)


@pytest.mark.slow
def test_other_data_than_the_recipes_are_taken_and_calibrate_nothing(boxes_file, tmp_path):
    recipe = TINY.with_changes(data=RecipeData("simulated-wide", "simulated-held-out"))
    outcome = experiment.train(recipe, boxes_file, tmp_path / "run", progress=False)
    assert outcome.classifier.provenance["data"] == str(boxes_file)
    assert not (tmp_path / "run" / "appraisal.json").exists()
