"""Ensembles and teachers on the command line: `train --members`, `--teacher`, `classify`."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
import xarray as xr

from stormlens.models import Classifier, disagreement


@pytest.fixture(scope="module")
def ensemble(invoke, tiny, small_boxes, tmp_path_factory):
    run = tmp_path_factory.mktemp("ensemble") / "three"
    result = invoke(
        "train", tiny, "--data", small_boxes, "--epochs", 1, "--members", 3, "--out", run
    )
    assert result.exit_code == 0, result.stderr
    return run


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    path = tmp_path_factory.mktemp("boxes") / "boxes.npy"
    np.save(path, np.random.default_rng(0).integers(0, 60, (4, 32, 32), np.uint8))
    return path


@pytest.mark.slow
def test_an_ensemble_is_trained_scored_and_reported(ensemble, invoke, small_boxes):
    assert len(Classifier.load(ensemble).network.members) == 3
    assert "members = 3" in (ensemble / "recipe.toml").read_text()
    page = (ensemble / "report.html").read_text()
    assert "3, whose probabilities are averaged" in page
    assert "Its networks differ by" in page
    scored = json.loads(invoke("evaluate", ensemble, "--json").stdout)
    assert scored["count"] == 20


def test_every_way_of_classifying_tells_the_disagreement(ensemble, invoke, boxes, tmp_path):
    due = Classifier.load(ensemble)
    asked = ("classify", boxes, "--run", ensemble)
    images = np.load(boxes)
    result = invoke(*asked, "--json", "--verbose", "--out", tmp_path / "told.nc")
    assert "Note: Computed by 3 networks on the engine" in result.stderr
    found = [entry["disagreement"] for entry in json.loads(result.stdout)]
    values = disagreement(due.member_probabilities(images))
    np.testing.assert_allclose(found, values, atol=1e-4)
    (header, *rows) = csv.reader(io.StringIO(invoke(*asked, "--csv").stdout))
    place = header.index("disagreement")
    np.testing.assert_allclose([float(row[place]) for row in rows], values, atol=1e-4)
    assert "disagreement" in invoke(*asked).stdout.splitlines()[0]
    with xr.open_dataset(tmp_path / "told.nc", engine="h5netcdf") as told:
        np.testing.assert_allclose(told["disagreement"], values, atol=1e-6)


def test_one_network_is_told_as_before(run, invoke, boxes_file):
    header = invoke("classify", boxes_file, "--run", run, "--csv").stdout.splitlines()[0]
    assert "disagreement" not in header


@pytest.mark.slow
def test_an_ensemble_teaches_one_network_and_may_then_be_removed(
    ensemble, invoke, tiny, small_boxes, tmp_path
):
    teacher = shutil.copytree(ensemble, tmp_path / "teacher")
    command = ("train", tiny, "--data", small_boxes, "--epochs", 1, "--teacher", teacher)
    result = invoke(*command, "--out", tmp_path / "one")
    assert result.exit_code == 0, result.stderr
    assert "Note: The teacher" not in result.stderr  # both were trained on the same boxes
    shutil.rmtree(teacher)
    card = json.loads((tmp_path / "one" / "classifier.json").read_text())
    assert card["members"] == 1
    assert card["provenance"]["teacher"]["model"] == "chapter-linear, ensemble of 3"
    again = invoke(*command[:4], "--epochs", 2, *command[6:], "--out", tmp_path / "one", "--resume")
    assert again.exit_code == 0, again.stderr
    assert invoke("report", tmp_path / "one").exit_code == 0
    assert "chapter-linear, ensemble of 3 in " in (tmp_path / "one" / "report.html").read_text()
    assert (
        "| taught by | chapter-linear, ensemble of 3 |" in invoke("card", tmp_path / "one").stdout
    )


@pytest.mark.slow
def test_a_teacher_of_other_boxes_is_pointed_out(ensemble, invoke, tiny, small_boxes, tmp_path):
    other = shutil.copy(small_boxes, tmp_path / "other.nc")
    command = ("train", tiny, "--data", other, "--epochs", 1, "--teacher", ensemble)
    result = invoke(*command, "--out", tmp_path / "one")
    assert "Note: The teacher" in result.stderr
    assert "the scores flatter" in result.stderr


def test_what_cannot_be_is_refused_in_a_sentence(ensemble, refused, tiny, small_boxes, tmp_path):
    command = ("train", tiny, "--data", small_boxes, "--out", tmp_path / "run")
    for number in (0, -1, 1000):
        said = refused(*command, "--members", number)
        assert said == (
            f"Error: recipe tiny: members is {number}, it must be a whole number from 1 to 64."
        )
    assert "does not exist" in refused(*command, "--teacher", tmp_path / "nowhere")
    digits = ("train", "lenet5-digits", "--data", "digits", "--out", tmp_path / "run")
    assert "give a teacher of the same classes" in refused(*digits, "--teacher", ensemble)
    assert "--teacher" in refused("learn", "--run", ensemble, "--export", tmp_path / "pages")
    assert not (tmp_path / "run").exists()
