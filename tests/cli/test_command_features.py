import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from stormlens import datasets
from stormlens.cli.main import app
from stormlens.features import describe, measure_images

NAMES = [feature.name for feature in describe()]


@pytest.fixture
def run():
    return lambda *args: CliRunner().invoke(app, ["features", *map(str, args)])


@pytest.fixture
def boxes(tmp_path):
    images = np.zeros((6, 136, 136), np.uint8)
    for number, image in enumerate(images):
        image[40:60, 20 : 30 + 10 * number] = 45
    np.save(tmp_path / "boxes.npy", images)
    return tmp_path / "boxes.npy", measure_images(images)


def test_without_a_file_it_says_what_features_mean(run):
    shown = run()
    assert shown.exit_code == 0
    assert all(feature.meaning in shown.stdout for feature in describe())
    rows = json.loads(run("--json").stdout)
    assert [row["feature"] for row in rows] == NAMES
    assert next(csv.reader(io.StringIO(run("--csv").stdout)))[0] == "feature"


def test_boxes_are_measured(run, boxes):
    path, table = boxes
    shown = run(path)
    assert shown.exit_code == 0
    assert "The first 4 of 6 boxes" in shown.stderr
    rows = list(csv.reader(io.StringIO(run(path, "--csv").stdout)))
    assert rows[0] == ["unid", *NAMES]
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], float), table)
    held = json.loads(run(path, "--json").stdout)
    assert held["simulated"] is False
    assert [row["core_area"] for row in held["boxes"]] == table[
        :, NAMES.index("core_area")
    ].tolist()


def test_simulated_boxes_are_said_to_be(run, tmp_path):
    path = tmp_path / "boxes.nc"
    datasets.write_netcdf(datasets.load("simulated", "test", count=2), path)
    assert "SIMULATED" in run(path).stderr
    assert json.loads(run(path, "--json").stdout)["simulated"] is True


def test_what_cannot_be_is_told_in_a_sentence(run, boxes, tmp_path):
    for args, sentence in (
        ((boxes[0], "--json", "--csv"), "Choose --json or --csv"),
        ((tmp_path / "none.npy",), "none.npy"),
    ):
        shown = run(*args)
        assert shown.exit_code == 2
        assert sentence in shown.stderr
        assert "Traceback" not in shown.stderr
