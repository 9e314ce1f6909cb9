"""`classify` on radar files: what is cut, what is said of it, and what one bad file costs."""

import csv
import errno
import io
import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from stormlens import boxes
from stormlens.datasets import write_netcdf
from stormlens.models import Classifier, apply_context, name_modes
from stormlens.readers import make_mosaic
from stormlens.stormbox import MODES, NATIONAL

PLACE = ["time", "latitude", "longitude", "coverage"]


@pytest.fixture(scope="module")
def mosaic():
    """Two storms, and radars that see the western half."""
    rng = np.random.default_rng(4)
    dbz, coverage = np.zeros(NATIONAL.shape), np.zeros(NATIONAL.shape, bool)
    coverage[:, :700] = True
    dbz[400:440, 300:340] = rng.integers(40, 60, (40, 40))
    dbz[600:620, 660:690] = 45
    time = np.datetime64("2011-04-27T19:02:30")
    return make_mosaic(dbz, coverage, time=time, source="made-up storms")


@pytest.fixture(scope="module")
def file(mosaic, tmp_path_factory):
    path = tmp_path_factory.mktemp("radar") / "storms.nc"
    mosaic.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.fixture(scope="module")
def clear(tmp_path_factory):
    """A file of clear air all over the grid."""
    path = tmp_path_factory.mktemp("radar") / "clear.nc"
    air = np.zeros(NATIONAL.shape)
    time = np.datetime64("2011-04-27T20:00")
    make_mosaic(air, air == 0, time=time, source="clear air").to_netcdf(path, engine="h5netcdf")
    return path


@pytest.fixture
def bad(file, tmp_path):
    path = tmp_path / "cut-short.nc"
    path.write_bytes(file.read_bytes()[:5000])
    return path


def entries_of(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_one_entry_a_storm_with_time_place_and_coverage(invoke, run, file, mosaic):
    entries = entries_of(invoke("classify", "--run", run, file, "--json"))
    predictions = apply_context(Classifier.load(run).predict(boxes.find_storms(mosaic)))
    assert [list(entry) for entry in entries] == [
        ["id", *PLACE, "mode", "likeliest", "probabilities"]
    ] * 2
    assert [entry["id"] for entry in entries] == predictions["unid"].values.tolist()
    assert [entry["mode"] for entry in entries] == name_modes(predictions).tolist()
    assert entries[0]["time"] == "2011-04-27T19:02:30Z"
    for name in PLACE[1:]:
        found = [entry[name] for entry in entries]
        np.testing.assert_allclose(found, predictions[name], atol=1e-4)
    found = [list(entry["probabilities"].values()) for entry in entries]
    np.testing.assert_allclose(found, predictions["probability"], rtol=1e-5)
    assert entries[0]["coverage"] == 1
    assert entries[0]["mode"] != "Missing"  # a box that radars see whole


def test_the_table_and_csv_have_a_line_a_storm(invoke, run, file):
    lines = invoke("classify", "--run", run, file).stdout.splitlines()
    assert lines[0].split() == ["id", "coverage", "mode", "probabilities"]
    assert len(lines) == 2 + 2
    assert lines[2].startswith("20110427T1902Z-")
    rows = list(csv.reader(io.StringIO(invoke("classify", "--run", run, file, "--csv").stdout)))
    assert rows[0] == ["id", *PLACE, "mode", "likeliest", *MODES]
    assert len(rows) == 3


def test_thresholds_decide_what_a_storm_is(invoke, run, file):
    assert len(entries_of(invoke("classify", "--run", run, file, "--json", "--threshold", 50))) == 1
    assert (
        len(entries_of(invoke("classify", "--run", run, file, "--json", "--min-area", 9000))) == 1
    )


def test_no_storm_is_said_and_no_failure(invoke, run, clear):
    result = invoke("classify", "--run", run, clear)
    assert result.exit_code == 0
    assert f"No storm: nothing in {clear} reaches 40 dBZ over 100 km2." in result.stderr
    assert result.stdout == ""
    result = invoke("classify", "--run", run, clear, "--json", "--threshold", 30, "--min-area", 5)
    assert json.loads(result.stdout) == []
    assert "30 dBZ over 5 km2" in result.stderr


def test_around_points(invoke, run, file):
    at = ("--at", "38.5,-97.5", "--at", "40,-105")
    entries = entries_of(invoke("classify", "--run", run, file, *at, "--json"))
    np.testing.assert_allclose([entry["latitude"] for entry in entries], [38.5, 40], atol=0.02)
    np.testing.assert_allclose([entry["longitude"] for entry in entries], [-97.5, -105], atol=0.03)


def test_around_reports_of_about_that_time_and_in_sight(invoke, run, file, tmp_path):
    table = tmp_path / "reports.csv"
    table.write_text(
        "uid,slat,slon,date_utc\nnear,40,-105,2011-04-27 19:10\nlater,40,-105,2011-04-27 20:00\n"
        "unseen,35,-80,2011-04-27 19:10\n"
    )
    command = ("classify", "--run", run, file, "--reports", table, "--json")
    assert [entry["id"] for entry in entries_of(invoke(*command))] == ["near"]
    entries = entries_of(invoke(*command, "--within", 60))
    assert [entry["id"] for entry in entries] == ["near", "later"]
    result = invoke(*command, "--within", 0)
    assert json.loads(result.stdout) == []
    assert "No report is near" in result.stderr


def test_around_a_day_of_the_storm_prediction_center(invoke, refused, run, file, tmp_path):
    table = tmp_path / "today_hail.csv"
    table.write_text(
        "Time,Size,Location,County,State,Lat,Lon,Comments\n"
        "1910,175,FORT MORGAN,MORGAN,CO,40.00,-105.00,HALF AN INCH, OR MORE (BOU)\n"
        "0710,175,FORT MORGAN,MORGAN,CO,40.00,-105.00,THE NEXT MORNING (BOU)\n"
    )
    command = ("classify", "--run", run, file, "--reports", table)
    assert "without a date" in refused(*command)
    (entry,) = entries_of(invoke(*command, "--day", "2011-04-27", "--json"))
    assert entry["id"].startswith("20110427T1902Z-40.0")
    table.write_text(
        "date,time,tz,slat,slon\n2011-04-27,13:10:00,3,40,-105\n2011-04-27,13:10:00,0,40,-105\n"
    )
    result = invoke(*command, "--json")
    assert "Note: " in result.stderr
    assert "1 of 2 reports are of an unknown time zone and left out" in result.stderr
    assert len(entries_of(result)) == 1


def test_a_grid_over_clear_air_is_clear_and_what_is_unseen_missing(invoke, run, clear, file):
    entries = entries_of(invoke("classify", "--run", run, clear, "--boxes", "grid", "--json"))
    assert len(entries) == 12 * 19
    assert {entry["mode"] for entry in entries} == {"Clear"}
    (unseen,) = entries_of(invoke("classify", "--run", run, file, "--at", "35,-80", "--json"))
    assert (unseen["mode"], unseen["coverage"]) == ("Missing", 0)
    wide = entries_of(
        invoke("classify", "--run", run, clear, "--boxes", "grid", "--stride", 500, "--json")
    )
    assert len(wide) == 2 * 3


def test_a_bad_file_costs_only_itself(invoke, run, file, bad, clear):
    result = invoke("classify", "--run", run, file, bad, clear, "--json")
    assert result.exit_code == 2
    assert len(json.loads(result.stdout)) == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "cut-short.nc" in errors[0]


def test_bad_files_alone_leave_nothing(invoke, run, bad, tmp_path):
    (tmp_path / "empty.nc").write_bytes(b"")
    out = tmp_path / "out.nc"
    result = invoke("classify", "--run", run, bad, tmp_path / "empty.nc", "--out", out)
    assert (result.exit_code, result.stdout) == (2, "")
    assert [line[:7] for line in result.stderr.splitlines()] == ["Error: "] * 2
    assert not out.exists()


def test_radar_files_and_boxes_together(invoke, run, file, boxes_file, tmp_path):
    out, places = tmp_path / "modes.nc", tmp_path / "modes.geojson"
    command = (
        "classify",
        "--run",
        run,
        boxes_file,
        file,
        "--json",
        "--out",
        out,
        "--geojson",
        places,
    )
    entries = entries_of(invoke(*command))
    assert len(entries) == 72 + 2
    assert entries[0]["coverage"] is None
    assert entries[-1]["coverage"] > 0.5
    with xr.open_dataset(out, engine="h5netcdf") as written:
        assert written.sizes["storm"] == 74
        assert written["name"].values.tolist() == [entry["mode"] for entry in entries]
        assert "made-up storms" in written.attrs["source"]
        assert written.attrs["simulated"] == 1  # the boxes of the file are
    features = json.loads(places.read_text())["features"]
    assert [feature["id"] for feature in features] == [entry["id"] for entry in entries]
    assert [feature["properties"]["simulated"] for feature in features] == [True] * 72 + [False] * 2


def test_boxes_that_were_cut_and_kept_are_named_as_those_cut_now(
    invoke, run, file, mosaic, tmp_path
):
    kept = write_netcdf(boxes.find_storms(mosaic), tmp_path / "kept.nc")
    now, later = (
        entries_of(invoke("classify", "--run", run, path, "--json")) for path in (file, kept)
    )
    assert later == now


def test_the_same_file_twice_gives_ids_that_differ(invoke, run, file):
    entries = entries_of(invoke("classify", "--run", run, file, file, "--json"))
    assert len({entry["id"] for entry in entries}) == 4


def test_geojson_for_other_maps(invoke, run, file, tmp_path):
    path = tmp_path / "storms.geojson"
    entries = entries_of(invoke("classify", "--run", run, file, "--json", "--geojson", path))
    features = json.loads(path.read_text())["features"]
    for feature, entry in zip(features, entries, strict=True):
        held = feature["properties"]
        assert {name: held[name] for name in ("id", "time", "mode", "probabilities")} == {
            name: entry[name] for name in ("id", "time", "mode", "probabilities")
        }
        assert held["trained_on_simulated"] is True
        ring = np.array(feature["geometry"]["coordinates"][0])
        assert abs(ring[:-1, 0].mean() - entry["longitude"]) < 0.3


def test_files_that_were_written_are_named(invoke, run, file, tmp_path):
    paths = [tmp_path / name for name in ("map.png", "modes.nc", "storms.geojson")]
    options = zip(("--map", "--out", "--geojson"), paths, strict=True)
    result = invoke("classify", "--run", run, file, "--csv", *(x for pair in options for x in pair))
    written = [line for line in result.stderr.splitlines() if line.startswith("Written: ")]
    assert written == [f"Written: {path}" for path in paths]
    assert all(path.is_file() for path in paths)
    assert "Written" not in result.stdout


@pytest.mark.slow
def test_a_map_is_drawn_with_borders_at_hand_or_without(
    invoke, run, file, clear, borders_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STORMLENS_BORDERS_URL", str(borders_folder))
    plain, bordered, empty = (tmp_path / f"{name}.png" for name in ("plain", "bordered", "empty"))
    assert invoke("classify", "--run", run, file, "--map", plain).exit_code == 0
    fetched = invoke("data", "fetch", "borders")
    assert len(fetched.stdout.splitlines()) == 2
    assert invoke("classify", "--run", run, file, "--map", bordered).exit_code == 0
    assert invoke("classify", "--run", run, clear, "--map", empty).exit_code == 0
    for path in (plain, bordered, empty):
        with Image.open(path) as image:
            assert min(image.size) > 600
    assert plain.read_bytes() != bordered.read_bytes()


def test_borders_have_no_parts(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path))
    assert "no parts" in refused("data", "fetch", "borders", "--part", "index")


def test_a_volume_of_the_public_archive(invoke, run, file, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "stormlens.readers.fetch_nexrad", lambda request: asked.append(request) or file
    )
    entries = entries_of(invoke("classify", "--run", run, "KTLX@2013-05-20T20:15", "--json"))
    assert (asked, len(entries)) == (["KTLX@2013-05-20T20:15"], 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--boxes", "grid", "--at", "38,-97"), "Choose one of --boxes, --at and --reports"),
        (("--boxes", "storm"), "'storms'"),
        (("--boxes", "grid", "--threshold", 30), "--threshold decides nothing"),
        (("--at", "38,-97", "--within", 5), "--within decides nothing"),
        (("--stride", 8), "--stride decides nothing"),
        (("--at", "38"), "--at 38 is no place"),
        (("--at", "38,97"), "outside the national grid"),
        (("--threshold", 0), "threshold is 0"),
        (("--min-area", -1), "minimum area"),
        (("--boxes", "grid", "--stride", 0), "stride is 0"),
        (("--reports", "nowhere.csv"), "nowhere.csv"),
        (("--day", "2011-04-27"), "--day decides nothing"),
        (("--sampling", "mean"), "sampling 'mean'"),
        (("--rain", "wsr88d"), "'wsr-88d'"),
        (("--map", "map.jpg"), "as PNG"),
    ],
)
def test_options_that_cannot_be_stop_the_command(refused, run, file, tmp_path, options, words):
    assert words in refused("classify", "--run", run, file, *options)


def test_one_radar_file_is_drawn(refused, run, file, clear, boxes_file, tmp_path):
    path = tmp_path / "map.png"
    assert "2 are given" in refused("classify", "--run", run, file, clear, "--map", path)
    assert "0 are given" in refused("classify", "--run", run, boxes_file, "--map", path)
    for name in ("map.jpg", "map"):
        words = refused("classify", "--run", run, file, "--map", tmp_path / name)
        assert "give a name that ends in .png" in words


def test_options_for_radar_files_decide_nothing_for_boxes(refused, run, boxes_file):
    for options in (("--threshold", 30), ("--at", "38,-97"), ("--qc",)):
        assert "None of the files" in refused("classify", "--run", run, boxes_file, *options)


@pytest.mark.parametrize("option", ["--geojson", "--map", "--out"])
def test_a_radar_file_is_never_written_over(refused, run, file, option):
    content = file.read_bytes()
    assert "is a file to be read" in refused("classify", "--run", run, file, option, file)
    assert file.read_bytes() == content


@pytest.mark.slow
def test_a_classifier_of_smaller_images_takes_no_radar_file(
    invoke, refused, small_boxes, tiny, file, tmp_path
):
    invoke("train", tiny, "--data", small_boxes, "--out", tmp_path / "run", "--epochs", "1")
    assert "takes 32 x 32 pixels" in refused("classify", "--run", tmp_path / "run", file)


def test_katrinas_rain_bands(invoke, run, shared_data, tmp_path):
    path = tmp_path / "katrina.png"
    volume = shared_data / "radar" / "KLIX20050828_180149.gz"
    (storm,) = entries_of(invoke("classify", "--run", run, volume, "--json", "--map", path))
    assert storm["id"].startswith("20050828T1801Z-")
    # South of the radar at 30.3 N 89.8 W, over the sea and in full sight.
    assert 28 < storm["latitude"] < 30.3
    assert -91 < storm["longitude"] < -88
    assert storm["coverage"] > 0.98
    assert path.stat().st_size > 20_000


def test_a_full_disk_leaves_no_half_written_file(refused, run, file, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for option, name in (("--geojson", "a.geojson"), ("--map", "b.png"), ("--out", "c.nc")):
        assert "no space" in refused("classify", "--run", run, file, option, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_options_stand_under_headings(invoke):
    lines = invoke("classify", "--help").stdout.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "Arguments:",
        "Where boxes are cut from radar files:",
        "What PNG files of your own are:",
        "How radar files are read:",
        "Output:",
        "Options:",
    ]


def grids(path, fields, values=33.5):
    """A CF grid of several fields, marked in two ways at once, of which xarray warns."""
    axes = {"lat": 33 + 0.1 * np.arange(40), "lon": -100 + 0.1 * np.arange(50)}
    marks = {"units": "dBZ", "_FillValue": -9999.0, "missing_value": -8888.0}
    held = {name: (("lat", "lon"), np.full((40, 50), values), marks) for name in fields}
    for name, axis in axes.items():
        held[name] = (name, axis)
    xr.Dataset(held).to_netcdf(path, engine="h5netcdf")
    return path


def classify(path, *options):
    command = [sys.executable, "-m", "stormlens", "classify", str(path), "--at", "35,-97.5"]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_empty_coverage_is_said_and_what_libraries_warn_of_is_not(tmp_path):
    path = grids(tmp_path / "grid.nc", ["z"], -8888.0)
    with pytest.warns(xr.SerializationWarning, match="multiple fill values"):
        xr.open_dataset(path, engine="h5netcdf").close()
    done = classify(path)
    assert done.returncode == 0
    assert (
        f"Note: {path} covers no cell of its grid: all of it is marked as missing." in done.stderr
    )
    assert "Warning" not in done.stderr
    assert "Missing" in done.stdout
    with_warnings = subprocess.run(
        [sys.executable, "-W", "default", *done.args[1:]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "SerializationWarning" in with_warnings.stderr


def test_a_field_is_chosen_as_the_sentence_says(invoke, tmp_path, run):
    path = grids(tmp_path / "grid.nc", ["low", "high"])
    with warnings.catch_warnings(action="ignore"):
        many = invoke("classify", "--run", run, path)
        assert many.exit_code == 2
        assert (
            "holds 2 fields that could be read (low, high); choose one: --field low" in many.stderr
        )
        assert "data[" not in many.stderr
        entries_of(invoke("classify", "--run", run, path, "--field", "low", "--json"))


def test_a_field_decides_nothing_for_files_of_one(invoke, run, tmp_path):
    path = tmp_path / "nexrad"
    path.write_bytes(b"AR2V0006.001" + bytes(100))
    result = invoke("classify", "--run", run, path, "--field", "REF")
    assert result.exit_code == 2
    assert "holds one field, as all NEXRAD Level II volumes do; leave --field out" in result.stderr
