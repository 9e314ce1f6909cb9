"""Borders: some come along; others are fetched when asked for, whole or named as damaged."""

import sys
import zipfile

import numpy as np
import numpy.testing as npt
import pytest

from stormlens.datasets import border_lines, fetch_borders
from stormlens.errors import InputError

NATION = (-150.0, -45.5, 10.0, 62.0)
STATES = "50m/cultural/ne_50m_admin_1_states_provinces_lines.zip"


def test_lines_of_north_america_in_degrees(cache, borders_folder):
    files = fetch_borders(url=borders_folder)
    assert all(path.is_relative_to(cache) for path in files)
    lines = border_lines(NATION)
    # The ring and two lines lie inside; France does not, and a line that leaves is cut.
    starts = sorted(tuple(line[0].tolist()) for line in lines)
    assert starts == [(-120.0, 30.0), (-104.0, 41.0), (-60.0, 50.0)]
    by_start = {tuple(line[0].tolist()): line for line in lines}
    # Points a degree apart, so that on a map it bends as the parallel does.
    npt.assert_allclose(by_start[-60.0, 50.0], [[x, 50] for x in range(-60, -45)])
    assert all(line.dtype == np.float32 for line in lines)
    assert len(border_lines((-1, 7, 43, 51))) == 1  # France


def test_nothing_is_downloaded_unless_asked(cache, borders_folder, monkeypatch):
    monkeypatch.setenv("STORMLENS_BORDERS_URL", str(borders_folder))
    assert len(border_lines(NATION)) > 100
    assert not cache.exists()


@pytest.mark.parametrize(
    ("place", "longitude", "latitude"),
    [
        # From gazetteers, none of them Natural Earth: USGS GNIS, IBGE, Geoscience Australia, LINZ.
        ("Four Corners, four states meet", -109.0452, 36.9990),
        ("Tri-state point of Kansas, Missouri and Oklahoma", -94.6179, 36.9990),
        ("Galveston, on the coast", -94.79, 29.29),
        ("Chicago, on Lake Michigan", -87.61, 41.88),
        ("Toronto, on Lake Ontario", -79.38, 43.64),
        ("Four corners of Canada", -102.0, 60.0),
        ("Point of three countries at Vaals", 6.0206, 50.7547),
        ("Cape Agulhas", 20.0, -34.83),
        ("Cape Byron", 153.64, -28.64),
        ("Iguazu, three countries", -54.59, -25.59),
        ("East Cape of New Zealand", 178.55, -37.69),
    ],
)
def test_what_comes_along_is_where_it_is(cache, place, longitude, latitude):
    """Lines at 1:50 million are a generalised outline: true to some 5 km."""
    lines = border_lines((longitude - 2, longitude + 2, latitude - 2, latitude + 2))
    points = np.concatenate(lines).astype(float)
    east = (points[:, 0] - longitude) * np.cos(np.deg2rad(latitude))
    assert np.hypot(east, points[:, 1] - latitude).min() * 111.2 < 6, place


def test_nothing_runs_along_the_edge_of_a_flat_map(cache):
    lines = border_lines((-181.0, 181.0, -91.0, 91.0))
    assert sum(map(len, lines)) > 80_000
    for line in lines:
        steps = np.abs(np.diff(line, axis=0))
        assert steps.max() <= 1.001
        at_edge = np.abs(line[:, 0]) == 180
        assert not (at_edge[1:] & at_edge[:-1]).any()
        assert line[:, 1].min() > -89


def test_a_window_across_the_date_line(cache):
    """Fiji, on both sides of 180 degrees, in the degrees of the window."""
    lines = border_lines((176.0, 184.0, -20.0, -15.0))
    points = np.concatenate(lines)
    assert points[:, 0].min() > 176
    assert points[:, 0].max() < 184
    assert (points[:, 0] > 180).any()
    moved = border_lines((-184.0, -176.0, -20.0, -15.0))
    npt.assert_allclose(np.concatenate(moved)[:, 0] + 360, points[:, 0], atol=1e-4)


def test_no_window_no_lines(cache):
    """The middle of the South Pacific."""
    assert border_lines((-125.0, -120.0, -45.0, -40.0)) == ()


def test_files_are_kept_and_not_asked_for_again(cache, borders_folder):
    fetch_borders(url=borders_folder)
    (borders_folder / STATES).unlink()
    assert len(fetch_borders(url=borders_folder)) == 2


def test_over_http(cache, borders_folder, server, monkeypatch):
    borders_folder.rename(server.root / "naturalearth")
    address = server.url.removesuffix("/data") + "/naturalearth"
    monkeypatch.setenv("STORMLENS_BORDERS_URL", address)
    fetch_borders()
    assert len(border_lines(NATION)) == 3
    assert len(server.asked_for(STATES)) == 1


def test_a_server_that_cannot_be_reached_is_said(cache, monkeypatch):
    monkeypatch.setenv("STORMLENS_BORDERS_URL", "http://127.0.0.1:9/naturalearth")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("stormlens.datasets.svrimg._download._PAUSE_SECONDS", 0)
    with pytest.raises(InputError, match="keep to the borders that come along") as caught:
        fetch_borders()
    assert "SVRIMG" not in str(caught.value)


def test_a_changed_file_is_refused_by_its_own_name(cache, borders_folder):
    (path, *_) = fetch_borders(url=borders_folder)
    path.unlink()
    source = borders_folder / path.relative_to(cache / "naturalearth")
    with zipfile.ZipFile(source, "a") as archive:
        archive.comment = b"changed"
    with pytest.raises(InputError, match="stormlens data fetch borders --refresh"):
        fetch_borders(url=borders_folder)
    assert len(fetch_borders(url=borders_folder, refresh=True)) == 2


def truncated(content):
    return content[: len(content) // 2]


def without_shapes(content):
    return content.replace(b".shp", b".txt")


def not_a_zip(content):
    return b"<html>moved</html>"


@pytest.mark.parametrize("damage", [truncated, without_shapes, not_a_zip])
def test_what_is_no_shapefile_is_not_kept(cache, borders_folder, damage):
    path = borders_folder / STATES
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="ne_50m_admin_1_states"):
        fetch_borders(url=borders_folder)
    assert len(border_lines(NATION)) > 100


def test_damaged_shapes_are_named(cache, borders_folder):
    path = borders_folder / STATES
    with zipfile.ZipFile(path) as archive:
        held = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content[:150] if name.endswith(".shp") else content)
    with pytest.raises(InputError, match="damaged shapefile"):
        fetch_borders(url=borders_folder)


def test_without_the_extra_those_that_come_along_stay(cache, borders_folder, monkeypatch):
    fetch_borders(url=borders_folder)
    assert len(border_lines(NATION)) == 3
    monkeypatch.setitem(sys.modules, "shapefile", None)
    assert len(border_lines(NATION)) > 100
    with pytest.raises(InputError, match=r'pip install -e "\.\[maps\]"'):
        fetch_borders(url=borders_folder)


def test_a_place_that_is_none_is_refused(cache, tmp_path):
    with pytest.raises(InputError, match="that holds '50m'"):
        fetch_borders(url=tmp_path / "nowhere")
