"""Radar files from anywhere on earth at the command line, and --grid."""

import json

import numpy as np
import pytest
import xarray as xr
from nexrad_files import Turn, code, volume

from stormlens.archive import summarise

NAME = "52.10N-005.18E-401x401"


@pytest.fixture
def de_bilt(tmp_path):
    path = tmp_path / "de-bilt"
    codes = np.zeros((360, 200), np.uint8)
    codes[80:100, 60:100] = code(50)
    path.write_bytes(
        volume([Turn(0.5, {"REF": codes}, spacing=1000)], latitude=52.1, longitude=5.18)
    )
    return path


def test_a_radar_of_elsewhere_is_classified_where_it_stands(invoke, de_bilt, tmp_path):
    places, picture = tmp_path / "boxes.geojson", tmp_path / "map.png"
    found = invoke("classify", de_bilt, "--geojson", places, "--map", picture, "--json")
    assert found.exit_code == 0, found.stderr
    (box,) = json.loads(found.stdout)
    assert box["id"].endswith(f"@{NAME}")
    assert (round(box["latitude"]), round(box["longitude"])) == (52, 6)
    (feature,) = json.loads(places.read_text())["features"]
    ring = np.array(feature["geometry"]["coordinates"][0])
    assert ((ring > (2, 49)) & (ring < (11, 55))).all()
    assert feature["properties"]["grid"] == NAME
    assert picture.stat().st_size > 10_000


def test_points_and_reports_of_elsewhere(invoke, de_bilt, tmp_path):
    at = invoke("classify", de_bilt, "--at", "52.4,4.9", "--at", "51.9,4.5", "--json")
    assert at.exit_code == 0, at.stderr
    assert len(json.loads(at.stdout)) == 2
    wrong = invoke("classify", de_bilt, "--at", "35.2,-97.4")
    assert wrong.exit_code == 2
    assert f"lies outside the grid {NAME}" in wrong.stderr
    table = tmp_path / "reports.csv"
    table.write_text("time,latitude,longitude\n2013-05-20T20:05,52.2,5.9\n")
    reports = invoke("classify", de_bilt, "--reports", table, "--json")
    assert reports.exit_code == 0, reports.stderr
    assert len(json.loads(reports.stdout)) == 1


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ("national", "does not reach the national grid"),
        ("10,10", "does not reach the grid 10.00N-010.00E"),
        ("Europe", "is no grid; give auto, national, the latitude"),
        ("52,5,1", "is no centre of a grid"),
    ],
)
def test_what_is_wrong_with_a_grid_is_said(invoke, de_bilt, grid, sentence):
    found = invoke("classify", de_bilt, "--grid", grid)
    assert found.exit_code == 2
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr


def test_a_grid_is_chosen_by_centre_or_name(invoke, de_bilt):
    for grid, told in (("52,6", "@52.00N-006.00E-"), ("50.00N-010.00E-901x901",) * 2):
        found = invoke("classify", de_bilt, "--grid", grid, "--json")
        assert found.exit_code == 0, found.stderr
        assert told in json.loads(found.stdout)[0]["id"]


def test_a_field_of_elsewhere_has_its_own_plane(invoke, de_bilt, tmp_path):
    out = tmp_path / "field.nc"
    found = invoke("slide", de_bilt, "--stride", "64", "--out", out)
    assert found.exit_code == 0, found.stderr
    with xr.open_dataset(out) as field:
        assert field.attrs["grid"] == NAME
        assert field["crs"].attrs["latitude_of_projection_origin"] == 52.1
        middle = field.isel(y=2, x=2)
        assert abs(float(middle["latitude"]) - 52.1) < 1.5
        assert abs(float(middle["longitude"]) - 5.18) < 2


@pytest.mark.slow
def test_an_archive_keeps_and_counts_boxes_of_elsewhere(invoke, de_bilt, tmp_path):
    store, out = tmp_path / "store", tmp_path / "out"
    built = invoke("archive", "build", de_bilt, store, "--workers", 1)
    assert built.exit_code == 0, built.stderr
    row = json.loads((store / "catalogue.jsonl").read_text().splitlines()[0])
    assert row["grid"] == NAME
    told = invoke("archive", "classify", store, "--out", out, "--workers", 1)
    assert told.exit_code == 0, told.stderr
    counted = invoke("archive", "summary", out, "--json")
    assert counted.exit_code == 0, counted.stderr
    assert summarise(out)["by_cell"].sum() == row["boxes"] == 1
