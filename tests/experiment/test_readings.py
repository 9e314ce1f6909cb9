"""Every reading of the test split is recorded in the run, and nothing else is."""

import os
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest

from stormlens import experiment, report
from stormlens.datasets import make_dataset, write_netcdf
from stormlens.models import Classifier
from stormlens.training import Recipe


@pytest.fixture(scope="module")
def boxes_file(tmp_path_factory):
    """Thirty-six labels on noise of 32 x 32 pixels, in three splits."""
    rng = np.random.default_rng(2)
    codes = np.tile(np.arange(6), 6)
    images = rng.integers(0, 20, (36, 32, 32)) + 8 * codes[:, None, None]
    boxes = make_dataset(images, codes, source="noise")
    split = np.repeat(["train", "validation", "test"], 12)
    path = tmp_path_factory.mktemp("data") / "boxes.nc"
    return write_netcdf(boxes.assign_coords(split=("storm", split)), path)


@pytest.fixture(scope="module")
def trained(boxes_file, tmp_path_factory):
    recipe = Recipe(name="tiny", model="lenet5", epochs=1, batch_size=8)
    run = tmp_path_factory.mktemp("runs") / "run"
    return experiment.train(recipe, boxes_file, run, progress=False).run


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def by(run):
    return [(row["by"], row["split"], row["boxes"]) for row in experiment.readings(run)]


@pytest.mark.slow
def test_training_and_scoring_are_recorded_in_their_order(run, boxes_file):
    assert by(run) == [("train", "test", 12)]
    experiment.evaluate(run)
    experiment.evaluate(run, split="train")
    experiment.evaluate(run, split="validation")
    experiment.evaluate(run, split="all")
    experiment.write_report(run)
    assert by(run) == [
        ("train", "test", 12),
        ("evaluate", "test", 12),
        ("evaluate", "all", 36),
        ("report", "test", 12),
    ]
    rows = experiment.readings(run)
    assert {row["data"] for row in rows} == {str(boxes_file)}
    moments = [datetime.fromisoformat(row["time"]) for row in rows]
    assert moments == sorted(moments)
    assert abs((datetime.now(UTC) - moments[-1]).total_seconds()) < 600


def test_the_report_and_the_card_say_how_often(run):
    page = (run / "report.html").read_text()
    assert "was read once" in page
    experiment.evaluate(run)
    experiment.write_report(run)
    assert "was read 3 times" in (run / "report.html").read_text()
    report.write_card(run / "card.md", Classifier.load(run), run)
    assert "was read 3 times" in (run / "card.md").read_text()


def test_a_failed_scoring_is_no_reading(run):
    with pytest.raises(ValueError, match="split"):
        experiment.evaluate(run, split="tset")
    assert len(by(run)) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows lets everybody write")
def test_a_run_that_cannot_be_written_is_scored_with_a_note(run):
    (run / "readings.jsonl").unlink()
    (run / "readings.jsonl").mkdir()
    with pytest.warns(UserWarning, match=r"not recorded: .*readings\.jsonl is a directory"):
        scores = experiment.evaluate(run).scores
    assert scores.count == 12
