"""Volumes that lack something and chunks of the real-time feed, at the command line."""

import json

import numpy as np
import pytest
from nexrad_files import Turn, chunks, code, legacy_volume, radials, volume, volume_of

from stormlens.readers._nexrad import sites

LIX = sites()["KLIX"]


def turns():
    storm = np.zeros((240, 80), np.uint8)
    storm[:60, 30:60] = code(50)
    return [Turn(0.5, {"REF": storm}, spacing=1000), Turn(2.4, {"REF": storm}, spacing=1000)]


@pytest.fixture
def gap(tmp_path):
    """A volume that lost the last ray of its first sweep."""
    rays = radials(turns())
    path = tmp_path / "KTLX20130520_200000"
    path.write_bytes(volume_of(rays[:239] + rays[240:]))
    return path


@pytest.fixture
def feed(tmp_path):
    """The chunks of a volume and of a second one that has just begun."""
    files = []
    for stamp, few in (("20260328-120000", 5), ("20260328-120500", 3)):
        for number, part in enumerate(chunks(volume(turns()))[:few], 1):
            kind = "S" if number == 1 else "E" if number == 5 else "I"
            files.append(tmp_path / f"{stamp}-{number:03d}-{kind}")
            files[-1].write_bytes(part)
    return files


@pytest.mark.parametrize("command", ["classify", "slide"])
def test_what_is_missing_is_said_or_refused(invoke, run, gap, command):
    options = ["--stride", 400] if command == "slide" else []
    found = invoke(command, "--run", run, gap, *options)
    lacks = "column maximum of 1 of 2 sweeps and of 239 of 240 rays of 1 more."
    assert found.exit_code == 0
    assert f"Note: {gap} is not whole: {lacks}" in found.stderr
    refused = invoke(command, "--run", run, gap, *options, "--strict")
    assert refused.exit_code == 2
    assert f"Error: {gap} is not whole: it gives the {lacks[:-1]}. Read without" in refused.stderr


def test_chunks_of_two_volumes_are_two_radar_files(invoke, run, feed):
    found = invoke("classify", "--run", run, *feed, "--json")
    assert found.exit_code == 0, found.stderr
    assert len(json.loads(found.stdout)) == 2  # a storm each
    assert f"Note: {feed[5]} to {feed[7].name} is not whole: column maximum of 1 of" in found.stderr
    assert str(feed[0]) not in found.stderr


def test_slide_takes_the_chunks_of_one_volume(invoke, run, feed, refused):
    found = invoke("slide", "--run", run, *feed[:5], "--stride", 400)
    assert found.exit_code == 0
    assert "not whole" not in found.stderr
    assert "Give one FILE; 2 are given." in refused("slide", "--run", run, *feed)


def test_a_radar_without_a_place_is_told_one(invoke, run, tmp_path, refused):
    path = tmp_path / "QQQQ20010520_200000"
    path.write_bytes(legacy_volume(turns(), site="QQQQ"))
    sentence = refused("classify", "--run", run, path)
    assert "radar 'QQQQ' is not known, and the volume does not say where it stands" in sentence
    site = ",".join(map(str, LIX))
    entries = json.loads(invoke("classify", "--run", run, path, "--site", site, "--json").stdout)
    assert abs(entries[0]["latitude"] - LIX[0]) < 1
    assert "--site here is no place" in refused("classify", "--run", run, path, "--site", "here")
    assert "A radar's place is" in refused("classify", "--run", run, path, "--site", "95,0")


def test_archives_say_how_many_are_not_whole(invoke, gap, tmp_path):
    found = invoke("archive", "build", gap, tmp_path / "store", "--workers", 1)
    assert found.exit_code == 0, found.stderr
    assert "Note: 1 radar file is not whole, and what is there was read; --strict passes" in (
        found.stderr
    )
    strict = invoke("archive", "build", gap, tmp_path / "strict", "--workers", 1, "--strict")
    assert strict.exit_code == 3
    assert "is not whole: it gives the column maximum of 1 of 2 sweeps" in strict.stderr
