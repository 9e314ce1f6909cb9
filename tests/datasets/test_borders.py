"""Borders: fetched once, read whole or named as damaged, and never asked for on their own."""

import sys
import zipfile

import numpy as np
import numpy.testing as npt
import pytest

from stormlens.datasets import border_lines, fetch_borders
from stormlens.errors import InputError

STATES = "50m/cultural/ne_50m_admin_1_states_provinces_lines.zip"


def test_lines_of_north_america_in_degrees(cache, borders_folder):
    files = fetch_borders(url=borders_folder)
    assert all(path.is_relative_to(cache) for path in files)
    lines = border_lines()
    # The ring and two lines lie inside; France does not, and a line that leaves is cut.
    starts = sorted(tuple(line[0].tolist()) for line in lines)
    assert starts == [(-120.0, 30.0), (-104.0, 41.0), (-60.0, 50.0)]
    by_start = {tuple(line[0].tolist()): line for line in lines}
    npt.assert_allclose(by_start[-60.0, 50.0], [[-60, 50], [-50, 50]])
    assert all(line.dtype == np.float32 for line in lines)


def test_nothing_is_downloaded_unless_asked(cache, borders_folder, monkeypatch):
    monkeypatch.setenv("STORMLENS_BORDERS_URL", str(borders_folder))
    assert border_lines() is None
    assert not cache.exists()


def test_files_are_kept_and_not_asked_for_again(cache, borders_folder):
    fetch_borders(url=borders_folder)
    (borders_folder / STATES).unlink()
    assert len(fetch_borders(url=borders_folder)) == 2


def test_over_http(cache, borders_folder, server, monkeypatch):
    borders_folder.rename(server.root / "naturalearth")
    address = server.url.removesuffix("/data") + "/naturalearth"
    monkeypatch.setenv("STORMLENS_BORDERS_URL", address)
    fetch_borders()
    assert len(border_lines()) == 3
    assert len(server.asked_for(STATES)) == 1


def test_a_server_that_cannot_be_reached_is_said(cache, monkeypatch):
    monkeypatch.setenv("STORMLENS_BORDERS_URL", "http://127.0.0.1:9/naturalearth")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("stormlens.datasets.svrimg._download._PAUSE_SECONDS", 0)
    with pytest.raises(InputError, match="draw maps without borders") as caught:
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
    assert border_lines() is None


def test_damaged_shapes_are_named(cache, borders_folder):
    path = borders_folder / STATES
    with zipfile.ZipFile(path) as archive:
        held = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content[:150] if name.endswith(".shp") else content)
    with pytest.raises(InputError, match="damaged shapefile"):
        fetch_borders(url=borders_folder)


def test_without_the_extra_there_are_none_and_fetch_says_so(cache, borders_folder, monkeypatch):
    fetch_borders(url=borders_folder)
    monkeypatch.setitem(sys.modules, "shapefile", None)
    assert border_lines() is None
    with pytest.raises(InputError, match=r'pip install -e "\.\[maps\]"'):
        fetch_borders(url=borders_folder)


def test_a_place_that_is_none_is_refused(cache, tmp_path):
    with pytest.raises(InputError, match="that holds '50m'"):
        fetch_borders(url=tmp_path / "nowhere")
