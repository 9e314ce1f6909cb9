"""Readers of other packages: asked after our own, and what they give is checked."""

import sys

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from grib_files import grib

from stormlens import readers
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL

READER = """
import numpy as np
from stormlens import readers
from stormlens.stormbox import Grid, Mosaic, NATIONAL

def read(content, name, options):
    {body}

READER = readers.Format("mine", "files of mine", lambda content: {fits}, read)
"""
ENTRY = {"readers": {"mine": "mine:READER"}}
CONTENT = b"MINE: nothing that others read"


def install(package, body, fits="content[:4] == b'MINE'"):
    package("mine", READER.format(body=body, fits=fits), **ENTRY)


GOOD = """
    dbz = np.full(NATIONAL.shape, 30.7)
    seen = np.ones(NATIONAL.shape, bool)
    seen[:100] = False
    dbz[200] = 200.0  # what no radar measures
    return readers.{make}(dbz, seen, time=None, source="a radar \\x1b of mine")
"""


@pytest.mark.parametrize("make", ["mosaic_of", "make_mosaic"])
def test_a_file_that_only_a_plugin_knows_is_read_by_the_rules_of_all(package, make):
    install(package, GOOD.format(make=make))
    mosaic = readers.read_mosaic(CONTENT)
    assert mosaic.reflectivity.dtype == np.uint8
    assert set(np.unique(mosaic.reflectivity)) == {0, 30}
    assert not mosaic.coverage[:100].any()
    assert not mosaic.coverage[200].any()
    assert mosaic.source == "a radar \\x1b of mine"


def test_our_own_formats_are_read_without_looking_for_plugins(package, monkeypatch):
    install(package, "1 / 0", fits="True")
    monkeypatch.setattr(readers.ADDED_READERS, "_installed", lambda: 1 / 0)
    assert readers.read_mosaic(grib(np.full((20, 25), 30.0))).coverage.any()
    assert "mine" not in sys.modules


def test_a_netcdf_file_that_ours_refuses_may_be_a_plugins(package, tmp_path):
    path = tmp_path / "own.nc"
    xr.Dataset({"wind": ("x", np.zeros(3))}).to_netcdf(path)
    with pytest.raises(InputError, match=r"own\.nc"):
        readers.read_mosaic(path)
    install(package, GOOD.format(make="mosaic_of"), fits="content[1:4] == b'HDF'")
    assert readers.read_mosaic(path).reflectivity.max() == 30


def test_an_unknown_file_is_told_what_plugins_read_and_which_are_broken(package):
    package("mine", READER.format(body="1 / 0", fits="False"), **ENTRY)
    package("broken", "import nowhere", readers={"other": "broken:READER"})
    with pytest.raises(InputError) as caught:
        readers.read_mosaic(b"of no kind")
    assert "files of mine" in str(caught.value)
    assert "The reader other of package broken 1.0 is left out" in str(caught.value)


def test_a_plugin_that_fails_to_look_keeps_no_other_from_it(package):
    package("aaa", READER.format(body="1 / 0", fits="1 / 0").replace('"mine"', '"aaa"'),
            readers={"aaa": "aaa:READER"})  # fmt: skip
    install(package, GOOD.format(make="mosaic_of"))
    assert readers.read_mosaic(CONTENT).coverage.any()
    with pytest.raises(InputError, match=r"reader aaa of package aaa 1.0 failed .ZeroDivisionErr"):
        readers.read_mosaic(b"of no kind")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return 3", "gave a int, not a Mosaic"),
        ("return [][0]", "failed .IndexError: list index out of range"),
        (
            "return Mosaic(np.zeros((3, 3), np.uint8), np.ones((3, 3), bool), None, 'x')",
            r"gave reflectivity of shape \(3, 3\) on a grid of 899 x 1399",
        ),
        (
            "g = Grid(50.123, 5.0, (3, 3)); "
            "return Mosaic(np.zeros((3, 3), np.uint8), np.ones((3, 3), bool), None, 'x', grid=g)",
            "a mosaic on a grid that no name describes",
        ),
        (
            "g = Grid(50.0, 5.0, (9999, 9999)); "
            "return Mosaic(np.zeros((3, 3), np.uint8), np.ones((3, 3), bool), None, 'x', grid=g)",
            "a mosaic on a grid that no name describes",
        ),
        (
            "g = Grid(50.0, 5.0, (3, 3)); "
            "return Mosaic(np.zeros((3, 3), object), np.ones((3, 3), bool), None, 'x', grid=g)",
            "reflectivity that is no array of numbers",
        ),
        (
            "g = Grid(50.0, 5.0, (3, 3)); "
            "return Mosaic(np.zeros((3, 3), np.uint8), np.ones((3, 3), int), None, 'x', grid=g)",
            "coverage that is no array of bool",
        ),
        (
            "g = Grid(50.0, 5.0, (3, 3)); "
            "return Mosaic(np.zeros((3, 3)), np.ones((3, 3), bool), None, 4, grid=g)",
            "source, product, derived or sampling is no such text",
        ),
        (
            "from stormlens import InputError; raise InputError(f'{name} is cut short.')",
            "^the content given is cut short.$",
        ),
    ],
)
def test_what_is_no_mosaic_ends_in_a_sentence(package, body, why):
    install(package, body)
    with pytest.raises(InputError, match=why):
        readers.read_mosaic(CONTENT)


def test_the_memory_that_a_plugin_lacks_is_left_to_who_limits_it(package):
    install(package, "raise MemoryError")
    with pytest.raises(MemoryError):
        readers.read_mosaic(CONTENT)


def test_a_field_cannot_be_chosen_of_files_that_hold_one(package):
    install(package, GOOD.format(make="mosaic_of"))
    with pytest.raises(InputError, match="holds one field, as all files of mine do"):
        readers.read_mosaic(CONTENT, readers.Options(field="DBZH"))


def test_formats_has_our_own_first(package):
    install(package, GOOD.format(make="mosaic_of"))
    names = [kind.name for kind in readers.formats()]
    assert (names[0], names[-1]) == ("nexrad", "mine")


def test_mosaic_of_keeps_the_grid_by_default():
    mosaic = readers.mosaic_of(
        np.zeros(NATIONAL.shape), np.ones(NATIONAL.shape), time=None, source="here"
    )
    npt.assert_equal(mosaic.grid, NATIONAL)
