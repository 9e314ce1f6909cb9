"""`export`: a classifier as an ONNX file."""

import json

import numpy as np
import pytest

from stormlens.models import Classifier, shipped_folder
from stormlens.report import card, model_files, read_appraisal

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def test_the_classifier_that_comes_along_is_exported_with_its_card(invoke, tmp_path):
    path = tmp_path / "new" / "storms.onnx"
    result = invoke("export", "--onnx", path)
    assert result.exit_code == 0, result.stderr
    assert f"Written: {path}" in result.stderr
    assert "SIMULATED storms only" in result.stderr
    assert "reflectivity: uint8 (N, 136, 136)" in result.stdout
    assert "Cellular, QLCS, Tropical, Other, Noise, Missing" in result.stdout
    folder = shipped_folder()
    due = card(Classifier.shipped(), read_appraisal(folder), files=model_files(folder))
    (found,) = (held.value for held in onnx.load(path).metadata_props if held.key == "card")
    assert found == due


def test_a_run_is_exported_and_told_as_json(invoke, run, tmp_path):
    path = tmp_path / "run.onnx"
    result = invoke("export", run, "--onnx", path, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["file"] == str(path)
    assert facts["bytes"] == path.stat().st_size
    assert facts["gives"]["classes"] == list(Classifier.load(run).classes)
    assert facts["largest_difference"] <= 1e-5
    boxes = np.random.default_rng(1).integers(0, 75, (3, *facts["takes"]["image"]), np.uint8)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run([facts["gives"]["name"]], {facts["takes"]["name"]: boxes})
    due = Classifier.load(run).probabilities(boxes)
    np.testing.assert_allclose(found, due, rtol=0, atol=1e-5)


def test_what_cannot_be_written_is_one_sentence(invoke, refused, run, tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "file").write_text("")
    for name, words in {
        "run.txt": "ends in .onnx",
        "folder.onnx": "directory",
        "file/run.onnx": "file, not a folder",
    }.items():
        assert words in refused("export", run, "--onnx", tmp_path / name)
    assert "is no run folder" in refused("export", tmp_path, "--onnx", tmp_path / "run.onnx")
    assert invoke("export", run).exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.onnx"]
