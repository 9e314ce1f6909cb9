"""`classify`: from files to storm modes."""

import csv
import io
import json

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from stormlens.datasets import read_netcdf
from stormlens.models import Classifier, import_keras
from stormlens.stormbox import MODES

UNID = "201104041310z000282671"


@pytest.fixture
def box(boxes_file):
    return read_netcdf(boxes_file)["reflectivity"].values[1]


@pytest.fixture
def png(box, tmp_path):
    """The box as the archive writes it: dBZ as palette indices."""
    path = tmp_path / f"{UNID}.png"
    image = Image.fromarray(box, mode=None).convert("L")
    image.putpalette([level for i in range(256) for level in (i, 0, 255 - i)])
    image.save(path)
    return path


def test_json_is_a_list_of_id_mode_and_probabilities(invoke, run, png, box):
    result = invoke("classify", "--run", run, png, "--json")
    (entry,) = json.loads(result.stdout)
    assert list(entry) == ["id", "mode", "likeliest", "probabilities"]
    assert entry["id"] == UNID
    assert list(entry["probabilities"]) == list(MODES)
    expected = Classifier.load(run).probabilities(box[np.newaxis])[0]
    np.testing.assert_allclose(list(entry["probabilities"].values()), expected, rtol=1e-6)
    assert entry["mode"] == entry["likeliest"] == MODES[expected.argmax()]


def test_says_on_stderr_that_it_was_trained_on_simulated_storms(invoke, run, png):
    assert invoke("classify", "--run", run, png).stderr.count("SIMULATED") == 1


def test_arrays_of_one_and_many_boxes_and_netcdf(invoke, run, box, boxes_file, tmp_path):
    np.save(tmp_path / "one.npy", box)
    np.save(tmp_path / "many.npy", np.stack([box] * 3))
    entries = json.loads(
        invoke(
            *(
                "classify",
                "--run",
                run,
                tmp_path / "one.npy",
                tmp_path / "many.npy",
                boxes_file,
                "--json",
            )
        ).stdout
    )
    assert [entry["id"] for entry in entries[:4]] == ["one", "many[0]", "many[1]", "many[2]"]
    assert len(entries) == 4 + 72


def test_csv_has_a_row_a_box(invoke, run, boxes_file):
    rows = list(
        csv.reader(io.StringIO(invoke("classify", "--run", run, boxes_file, "--csv").stdout))
    )
    assert rows[0] == ["id", "mode", "likeliest", *MODES]
    assert len(rows) == 73
    values = np.array([row[3:] for row in rows[1:]], float)
    np.testing.assert_allclose(values.sum(1), 1, rtol=1e-5)


def test_out_leaves_a_netcdf_file_that_calls_the_training_simulated(invoke, run, png, tmp_path):
    out = tmp_path / "modes.nc"
    assert invoke("classify", "--run", run, png, "--out", out).exit_code == 0
    with xr.open_dataset(out, engine="h5netcdf") as written:
        assert written["probability"].dims == ("storm", "mode")
        assert written["unid"].values.tolist() == [UNID]
        assert written["time"].values[0] == np.datetime64("2011-04-04T13:10")
        assert written.attrs["simulated_training"] == 1
        assert "SIMULATED" in written.attrs["comment"]


def test_a_table_keeps_long_ids_whole(invoke, run, box, tmp_path):
    name = "a-name-of-a-file-" * 6
    np.save(tmp_path / f"{name}.npy", box)
    assert name in invoke("classify", "--run", run, tmp_path / f"{name}.npy").stdout


def test_ids_that_look_like_markup_are_printed_as_they_are(invoke, run, box, tmp_path):
    np.save(tmp_path / "[red]x[0].npy", box)
    assert "[red]x[0]" in invoke("classify", "--run", run, tmp_path / "[red]x[0].npy").stdout


def test_a_file_to_be_classified_is_never_written_over(refused, run, boxes_file, tmp_path):
    copy = tmp_path / "boxes.nc"
    copy.write_bytes(boxes_file.read_bytes())
    sentence = refused("classify", "--run", run, copy, "--out", tmp_path / "." / "boxes.nc")
    assert "is a file to be read" in sentence
    assert copy.read_bytes() == boxes_file.read_bytes()


@pytest.mark.slow
def test_boxes_of_the_size_that_the_classifier_takes(invoke, refused, small_boxes, tiny, tmp_path):
    invoke("train", tiny, "--data", small_boxes, "--out", tmp_path / "run", "--epochs", "1")
    np.save(tmp_path / "small.npy", np.full((2, 32, 32), 20))
    entries = json.loads(
        invoke("classify", "--run", tmp_path / "run", tmp_path / "small.npy", "--json").stdout
    )
    assert len(entries) == 2
    np.save(tmp_path / "large.npy", np.full((136, 136), 20))
    sentence = refused("classify", "--run", tmp_path / "run", tmp_path / "large.npy")
    assert "136 x 136 pixels; 32 x 32 are needed" in sentence


def test_help_promises_coverage_only_for_boxes_like_those_calibrated_on(invoke):
    text = " ".join(invoke("classify", "--help").stdout.split())
    assert "in boxes like those that it was calibrated on" in text


def test_pictures_are_classified_as_the_numbers_that_they_were_drawn_from(
    invoke, run, box, tmp_path
):
    np.save(tmp_path / "numbers.npy", box)
    Image.fromarray(box[::-1] * 3).save(tmp_path / "grey.png")
    expected = invoke("classify", "--run", run, tmp_path / "numbers.npy", "--json")
    command = ("classify", "--run", run, tmp_path / "grey.png", "--json")
    found = invoke(*command, "--dbz-scale", "0.33334,0")
    assert (
        json.loads(found.stdout)[0]["probabilities"]
        == (json.loads(expected.stdout)[0]["probabilities"])
    )
    upside_down = invoke(*command, "--dbz-scale", "0.33334,0", "--first-row", "south")
    assert upside_down.stdout != found.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "say what its grey is (`--dbz-scale"),
        (("--colors", "nws"), "no colour of nws"),
        (("--colors", "n0q"), "'iem-n0q'"),
        (("--dbz-scale", "half"), "--dbz-scale half is no SCALE,OFFSET"),
        (("--dbz-scale", "0.5"), "two numbers"),
        (("--dbz-scale", "9,0"), "which is above 80"),
        (("--first-row", "top"), "'top'"),
    ],
)
def test_pictures_that_are_not_what_was_said(refused, run, tmp_path, options, words):
    Image.new("L", (136, 136), 90).save(tmp_path / "grey.png")
    assert words in refused("classify", "--run", run, tmp_path / "grey.png", *options)


def test_options_of_pictures_without_a_picture(refused, run, box, boxes_file, tmp_path):
    np.save(tmp_path / "a.npy", box)
    for option in (("--colors", "nws"), ("--dbz-scale", "1,0")):
        assert f"{option[0]} decides nothing" in refused(
            "classify", "--run", run, tmp_path / "a.npy", *option
        )
    assert "--first-row decides nothing" in refused(
        "classify", "--run", run, boxes_file, "--first-row", "north"
    )
    assert "--colors decides nothing for simulated" in refused(
        "data", "info", "simulated", "--colors", "nws"
    )


@pytest.mark.parametrize("form", ["--json", "--csv", "--verbose"])
def test_answers_that_are_no_numbers_are_refused_in_any_form(refused, tmp_path, form):
    keras = import_keras()
    layers = keras.layers
    body = [
        keras.Input((136, 136, 1)),
        layers.GlobalAveragePooling2D(),
        layers.Rescaling(150.0),
        layers.Activation("exponential"),  # infinite for boxes that are bright on the whole
        layers.Dense(6, activation="softmax"),
    ]
    Classifier(keras.Sequential(body), None).save(tmp_path / "run")
    np.save(tmp_path / "bright.npy", np.full((136, 136), 60, np.uint8))
    said = refused("classify", "--run", tmp_path / "run", tmp_path / "bright.npy", form)
    assert "user's own model) answers with what is no number" in said
