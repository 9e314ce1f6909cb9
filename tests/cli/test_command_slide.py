"""`slide`: a field of probabilities over a radar file."""

import csv
import io
import json
from functools import partial

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from rich.console import Console

from stormlens import boxes
from stormlens.models import Classifier
from stormlens.readers import make_mosaic
from stormlens.stormbox import NATIONAL


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """One storm; radars see the western half."""
    dbz, coverage = np.zeros(NATIONAL.shape), np.zeros(NATIONAL.shape, bool)
    coverage[:, :700] = True
    dbz[400:440, 300:340] = np.random.default_rng(4).integers(40, 60, (40, 40))
    time = np.datetime64("2011-04-27T19:02:30")
    path = tmp_path_factory.mktemp("radar") / "storm.nc"
    make_mosaic(dbz, coverage, time=time, source="made-up storm").to_netcdf(path, engine="h5netcdf")
    return path


@pytest.fixture(scope="module")
def rain(tmp_path_factory):
    """A field of 100 mm/h on meridians and parallels."""
    places = {"latitude": np.arange(28, 44, 0.1), "longitude": np.arange(-108, -84, 0.1)}
    rate = np.full([len(values) for values in places.values()], 100.0)
    path = tmp_path_factory.mktemp("radar") / "rain.nc"
    field = xr.DataArray(rate, places, list(places), "rate", {"units": "mm/h"})
    field.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.parametrize(
    ("command", "boxes"), [("slide", ["--stride", 200]), ("classify", ["--at", "36,-97"])]
)
def test_files_are_read_as_asked(invoke, run, rain, command, boxes):
    result = invoke(command, "--run", run, rain, *boxes, "--rain", "wsr-88d")
    assert result.exit_code == 0, result.stderr
    assert "Z = 300 R^1.4" in result.stderr
    for option in ("--rain", "--sampling"):
        result = invoke(command, "--run", run, rain, option, "other")
        assert result.exit_code == 2
        assert "'other'" in result.stderr


@pytest.mark.slow
def test_the_field_is_what_the_boxes_get(invoke, run, file, tmp_path):
    out, picture = tmp_path / "field.nc", tmp_path / "field.png"
    result = invoke("slide", "--run", run, file, "--stride", 40, "--out", out, "--map", picture)
    assert result.exit_code == 0, result.stderr
    assert "SIMULATED" in result.stderr
    written = [line for line in result.stderr.splitlines() if line.startswith("Written: ")]
    assert written == [f"Written: {picture}", f"Written: {out}"]
    with xr.open_dataset(out, engine="h5netcdf") as field, Image.open(picture) as image:
        mosaic = xr.load_dataset(file, engine="h5netcdf")
        x, y = (field[axis].values / 3.75 for axis in ("x", "y"))
        across, up = (grid.ravel() for grid in np.meshgrid(x, y))
        one_by_one = Classifier.load(run).predict(boxes.cut(mosaic, across, up))
        np.testing.assert_allclose(
            field["probability"].values.reshape(-1, 6), one_by_one["probability"], atol=1e-4
        )
        shares = one_by_one["coverage"].values.reshape(len(y), len(x))
        np.testing.assert_allclose(field["coverage"], shares, atol=1e-6)
        echo = one_by_one["echo"].values.reshape(len(y), len(x))
        np.testing.assert_allclose(field["echo"], echo, atol=1e-6)
        assert image.width > 800
    # Every box with echo lies wholly in sight, so none can be Missing.
    assert result.stdout.splitlines()[-1].split() == ["Missing", "0.000", "0.000", "0.000"]


def test_the_summary_is_a_table_json_or_csv(invoke, refused, run, file):
    table, document, sheet = (
        invoke("slide", "--run", run, file, "--stride", 200, *form).stdout
        for form in ((), ("--json",), ("--csv",))
    )
    entries = json.loads(document)
    heading, *rows = csv.reader(io.StringIO(sheet))
    assert heading == list(entries[0]) == ["mode", "mean", "highest", "likeliest"]
    assert [[mode, *map(float, values)] for mode, *values in rows] == [
        list(entry.values()) for entry in entries
    ]
    assert [line.split() for line in table.splitlines()[2:]] == [
        [entry["mode"], *(f"{entry[name]:.3f}" for name in heading[1:])] for entry in entries
    ]
    assert sum(entry["likeliest"] for entry in entries) == pytest.approx(1)
    words = refused("slide", "--run", run, file, "--json", "--csv")
    assert "Choose --json or --csv, not both." in words


@pytest.mark.parametrize(("stride", "shares"), [(40, True), (200, False)])
def test_boxes_that_share_nothing_are_said_to(invoke, run, file, tmp_path, stride, shares):
    out = tmp_path / "field.nc"
    result = invoke("slide", "--run", run, file, "--stride", stride, "--out", out)
    with xr.open_dataset(out, engine="h5netcdf") as field:
        computed = field.attrs["computed"]
    assert (computed == "shared convolutions") == shares
    said = f"Note: The field was computed {computed}.\n" in result.stderr
    assert said is not shares


def test_progress_is_shown_on_a_terminal(invoke, run, file, monkeypatch):
    terminal = io.StringIO()
    forced = partial(Console, file=terminal, force_terminal=True)
    monkeypatch.setattr("rich.console.Console", lambda stderr: forced())
    result = invoke("slide", "--run", run, file, "--stride", 200)
    assert "Judging boxes with echo: 1 " in terminal.getvalue()
    assert "Judging" not in result.stdout


def test_no_box_to_judge_leaves_no_table(invoke, run, file):
    result = invoke("slide", "--run", run, file, "--stride", 5000)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Note: There is no box with echo of which radars see half.\n" in result.stderr
    assert json.loads(invoke("slide", "--run", run, file, "--stride", 5000, "--json").stdout) == []


@pytest.mark.parametrize(
    ("option", "sentence"),
    [(("--stride", 0), "stride is 0"), (("--map", "field.jpg"), "ends in .png")],
)
def test_bad_options_are_said(invoke, run, file, option, sentence):
    result = invoke("slide", "--run", run, file, *option)
    assert (result.exit_code, sentence in result.stderr) == (2, True)
    assert "Traceback" not in result.stderr


def test_a_file_that_is_no_radar_file_is_said(invoke, run, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no radar file")
    result = invoke("slide", "--run", run, path)
    assert result.exit_code == 2
    assert "of no kind that is read" in result.stderr


@pytest.mark.parametrize("option", ["--map", "--out"])
def test_what_it_reads_is_never_written_over(refused, run, file, tmp_path, option):
    copy = tmp_path / "volume.png"
    copy.write_bytes(file.read_bytes())
    sentence = refused("slide", copy, "--run", run, option, tmp_path / "." / "volume.png")
    assert f"{option} {tmp_path / 'volume.png'} is a file to be read" in sentence
    assert copy.read_bytes() == file.read_bytes()


def test_one_output_is_not_written_over_by_another(refused, run, file, tmp_path):
    both = tmp_path / "both.png"
    for command in (("slide", "--map"), ("classify", "--geojson")):
        name, option = command
        sentence = refused(name, file, "--run", run, "--out", both, option, both)
        assert f"{option} {both} is what --out writes; give another name." in sentence
    assert not both.exists()
