"""Radar files are read after one plain install; what is missing all the same is named."""

import sys
import tomllib
from pathlib import Path

import pytest
from enrolled import BY_NAME

from stormlens.errors import InputError
from stormlens.readers import read

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pyproj", "odim-composite"),
        ("xradar.io", "odim-volume"),
    ],
)
def test_a_missing_package(monkeypatch, module, name):
    content = BY_NAME[name].make()
    monkeypatch.setitem(sys.modules, module, None)
    package = module.partition(".")[0]
    with pytest.raises(InputError, match=f"need.? {package}.* run `pip install -e \\.`\\.$"):
        read(content)


def test_a_plain_install_brings_what_reads_radar_files():
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    brought = {requirement.split(">=")[0] for requirement in project["dependencies"]}
    assert {"gribberish", "h5netcdf", "h5py", "pyproj", "xarray", "xradar"} <= brought
    assert project["optional-dependencies"]["radar"] == []  # the name stays valid
