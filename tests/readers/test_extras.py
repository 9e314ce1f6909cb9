"""Radar files are read after one plain install; what is missing all the same is named."""

import sys
import tomllib
from pathlib import Path

import pytest
from enrolled import BY_NAME

from stormlens.errors import InputError
from stormlens.readers import read

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_a_missing_package(monkeypatch):
    content = BY_NAME["odim-composite"].make()
    monkeypatch.setitem(sys.modules, "pyproj", None)
    with pytest.raises(InputError, match=r"need.? pyproj.* run `pip install -e \.`\.$"):
        read(content)


def test_volumes_of_one_radar_need_no_xradar(monkeypatch):
    monkeypatch.setitem(sys.modules, "xradar", None)
    for name in ("odim-volume", "cfradial", "nexrad"):
        assert read(BY_NAME[name].make()).coverage.any()


def test_a_plain_install_brings_what_reads_radar_files():
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    brought = {requirement.split(">=")[0] for requirement in project["dependencies"]}
    assert {"gribberish", "h5netcdf", "h5py", "pyproj", "xarray"} <= brought
    assert project["optional-dependencies"]["radar"] == []  # the name stays valid
