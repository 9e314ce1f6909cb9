"""What `classify` prints of a classifier that knows how sure it may be."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from stormlens.models import Classifier
from stormlens.stormbox import MODES

# Of three boxes: a line; a box between two modes; a checkerboard that looks like cells.
PROBABILITY = [
    [0.02, 0.93, 0.03, 0.01, 0.01, 0.00],
    [0.41, 0.08, 0.39, 0.06, 0.04, 0.02],
    [0.99, 0.00, 0.00, 0.01, 0.00, 0.00],
]
PLAUSIBLE = np.array(PROBABILITY) >= 0.25
NOVELTY = [0.31, 0.87, 4.5]
VERDICTS = ["QLCS", "unsure", "no storm box"]


@pytest.fixture
def three(tmp_path, monkeypatch):
    """A file of three boxes, and a classifier that says the above of them."""
    predict = Classifier.predict

    def told(self, boxes):
        return replace(
            predict(self, boxes),
            probability=np.array(PROBABILITY, np.float32),
            plausible=PLAUSIBLE,
            novelty=np.array(NOVELTY, np.float32),
            plausible_from=0.25,
            level=0.9,
        )

    monkeypatch.setattr(Classifier, "predict", told)
    path = tmp_path / "three.npy"
    np.save(path, np.full((3, 136, 136), 30, np.uint8))
    return path


def test_the_table_gives_verdicts_and_the_probabilities_that_matter(invoke, run, three):
    lines = invoke("classify", three, "--run", run).stdout.splitlines()
    assert [line.split("  ", 1)[1].strip() for line in lines[2:]] == [
        "QLCS          QLCS 0.93",
        "unsure        Cellular 0.41, Tropical 0.39, QLCS 0.08",
        "no storm box  Cellular 0.99",
    ]
    assert max(map(len, lines)) <= 100


def test_json_gives_verdict_likeliest_set_and_novelty(invoke, run, three):
    entries = json.loads(invoke("classify", three, "--run", run, "--json").stdout)
    for entry in entries:
        assert list(entry) == ["id", "mode", "likeliest", "plausible", "novelty", "probabilities"]
    assert [entry["mode"] for entry in entries] == VERDICTS
    assert [entry["likeliest"] for entry in entries] == ["QLCS", "Cellular", "Cellular"]
    assert [entry["plausible"] for entry in entries] == [
        ["QLCS"],
        ["Cellular", "Tropical"],
        ["Cellular"],
    ]
    assert [entry["novelty"] for entry in entries] == NOVELTY
    assert [list(entry["probabilities"].values()) for entry in entries] == PROBABILITY


def test_csv_joins_the_set(invoke, run, three):
    rows = list(csv.reader(io.StringIO(invoke("classify", three, "--run", run, "--csv").stdout)))
    assert rows[0] == ["id", "mode", "likeliest", "plausible", "novelty", *MODES]
    assert rows[2][1:5] == ["unsure", "Cellular", "Cellular;Tropical", "0.87"]


def test_files_hold_verdicts_and_confidence(invoke, run, three, tmp_path):
    out, places = tmp_path / "modes.nc", tmp_path / "modes.geojson"
    invoke("classify", three, "--run", run, "--out", out, "--geojson", places)
    with xr.open_dataset(out, engine="h5netcdf") as written:
        assert written["name"].values.tolist() == VERDICTS
        assert written["plausible"].values.tolist() == PLAUSIBLE.tolist()
        np.testing.assert_allclose(written["novelty"], NOVELTY)
    features = json.loads(places.read_text())["features"]
    assert [feature["properties"]["mode"] for feature in features] == VERDICTS
    assert features[1]["properties"]["plausible"] == ["Cellular", "Tropical"]


def test_novelty_without_bound_is_null(invoke, run, three, monkeypatch):
    monkeypatch.setitem(globals(), "NOVELTY", [0.31, np.inf, 4.5])
    entries = json.loads(invoke("classify", three, "--run", run, "--json").stdout)
    assert entries[1]["novelty"] is None


def test_all_outputs_give_the_numbers_that_decided(invoke, run, tmp_path, monkeypatch):
    predict = Classifier.predict
    probability = np.array([[0.08, 0.32, 0, 0, 0, 0.6], [0.12, 0.48, 0, 0, 0, 0.4]], np.float32)

    def told(self, boxes):
        answer = predict(self, boxes)
        seen = {"coverage": np.array([1.0, 1.0]), "echo": np.array([0.5, 0.5])}
        return replace(
            answer,
            storm={**answer.storm, **seen},
            probability=probability,
            plausible=probability >= 0.5,
            plausible_from=0.5,
            level=0.9,
        )

    monkeypatch.setattr(Classifier, "predict", told)
    np.save(tmp_path / "two.npy", np.full((2, 136, 136), 30, np.uint8))
    out, places = tmp_path / "modes.nc", tmp_path / "modes.geojson"
    command = ("classify", tmp_path / "two.npy", "--run", run)
    table = invoke(*command, "--out", out, "--geojson", places).stdout.splitlines()[2:]
    # Radars see them whole, so neither is Missing: 0.32 and 0.08 of 0.4 are left of the first,
    # which is in doubt since the network saw more of a gap than of all else.
    assert [line.split()[2:] for line in table] == [
        [verdict, "QLCS", "0.80,", "Cellular", "0.20"] for verdict in ("unsure", "QLCS")
    ]
    entries = json.loads(invoke(*command, "--json").stdout)
    features = [feature["properties"] for feature in json.loads(places.read_text())["features"]]
    for told_of in (entries, features):
        assert [entry["mode"] for entry in told_of] == ["unsure", "QLCS"]
        assert [entry["likeliest"] for entry in told_of] == ["QLCS", "QLCS"]
        assert [entry["plausible"] for entry in told_of] == [[], ["QLCS"]]
        for entry in told_of:
            given = list(entry["probabilities"].values())
            np.testing.assert_allclose(given, [0.2, 0.8, 0, 0, 0, 0], rtol=1e-6)
    with xr.open_dataset(out, engine="h5netcdf") as written:
        np.testing.assert_allclose(written["probability"], [[0.2, 0.8, 0, 0, 0, 0]] * 2, rtol=1e-6)
        assert written["plausible"].values.sum(axis=1).tolist() == [0, 1]
    rows = csv.DictReader(io.StringIO(invoke(*command, "--csv").stdout))
    assert [(row["mode"], row["likeliest"], row["plausible"], row["QLCS"]) for row in rows] == [
        ("unsure", "QLCS", "", "0.8"),
        ("QLCS", "QLCS", "QLCS", "0.8"),
    ]


def test_clear_air_has_no_probabilities_in_the_table(invoke, run, tmp_path, monkeypatch):
    """The network sees 0 where nothing is, and may call that anything."""
    predict = Classifier.predict

    def told(self, boxes):
        answer = predict(self, boxes)
        seen = {"coverage": np.array([0.7]), "echo": np.array([0.0])}
        return replace(answer, storm={**answer.storm, **seen})

    monkeypatch.setattr(Classifier, "predict", told)
    np.save(tmp_path / "one.npy", np.zeros((136, 136), np.uint8))
    lines = invoke("classify", tmp_path / "one.npy", "--run", run).stdout.splitlines()
    assert lines[2].split()[1:] == ["0.70", "Clear", "-"]
