"""GridRad: the recommended filter, the column maximum and coverage, worked by hand."""

import numpy as np
import numpy.testing as npt
import pytest
from gridrad_files import gridrad
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.errors import InputError
from stormlens.readers import Options, read
from stormlens.readers._gridrad import recommended_filter
from stormlens.stormbox import NATIONAL

SHAPE, STEP, WEST, SOUTH = (4, 40, 60), 1 / 48, 262.0, 35.0


def block(*echo, z=1, y=(10, 16), x=(20, 26)):
    """One echo (dBZ, weight, scans, scans with echo) over a block of cells."""
    return [(z, j, i, *echo) for j in range(*y) for i in range(*x)]


def cell(y, x):
    """Cell of the national grid over a place of the file's grid."""
    column, row = NATIONAL.cell(WEST - 360 + STEP * x, SOUTH + STEP * y)
    return round(float(row)), round(float(column))


def value(mosaic, y=12.5, x=22.5):
    return int(mosaic.reflectivity.values[cell(y, x)])


def column(echoes, **fields):
    return value(read(gridrad(echoes, **fields)))


def test_the_highest_of_a_column_is_kept():
    low, high = block(30.7, 2.0, 5, 5, z=0), block(51.9, 2.0, 5, 5, z=3)
    assert column([*low, *high]) == 51


@pytest.mark.parametrize(
    ("version", "time", "echo", "kept"),
    [
        # Version 4: weak (< 15 dBZ) echo of weight < 1.5, or echo in < 60 % of > 2 scans.
        ("v4.2", "2011-04-27 19:00:00Z", (14.9, 1.49, 2, 2), False),
        ("v4.2", "2011-04-27 19:00:00Z", (15.0, 0.05, 2, 2), True),
        ("v4.2", "2011-04-27 19:00:00Z", (14.9, 1.5, 2, 2), True),
        ("v4.2", "2011-04-27 19:00:00Z", (50.0, 9.0, 5, 2), False),
        ("v4.2", "2011-04-27 19:00:00Z", (50.0, 9.0, 5, 3), True),
        ("v4.2", "2011-04-27 19:00:00Z", (50.0, 9.0, 2, 1), True),
        # Version 3.1: weight < 0.1 at all, or < 1.33 (0.33 before 2009) up to 18.5 dBZ.
        ("Version 3.1", "2011-04-27 19:00:00Z", (50.0, 0.09, 2, 2), False),
        ("Version 3.1", "2011-04-27 19:00:00Z", (50.0, 0.1, 2, 2), True),
        ("Version 3.1", "2011-04-27 19:00:00Z", (18.5, 1.32, 2, 2), False),
        ("Version 3.1", "2011-04-27 19:00:00Z", (18.6, 1.32, 2, 2), True),
        ("Version 3.1", "2008-12-31 23:00:00Z", (18.5, 0.34, 2, 2), True),
        ("Version 3.1", "2008-12-31 23:00:00Z", (18.5, 0.32, 2, 2), False),
    ],
)
def test_the_filter_is_the_authors(version, time, echo, kept):
    expected = int(echo[0]) if kept else 0
    assert column(block(*echo), version=version, time=time) == expected


def naive(z, w, nobs, necho, year, version):
    """The filter cell by cell, as the authors write it."""
    frequency = necho / nobs if nobs > 0 else 0.0
    if version == 3:
        threshold = 1.33 - 1.0 * (year < 2009)
        return w < 0.1 or (w < threshold and z <= 18.5) or (frequency < 0.6 and nobs > 2)
    return (w < 1.5 and z < 15.0) or (frequency < 0.6 and nobs > 2)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    z=st.floats(1, 75, width=32),
    w=st.floats(0, 3, width=32),
    nobs=st.integers(1, 20),
    share=st.floats(0, 1),
    year=st.sampled_from([2001, 2008, 2009, 2017]),
    version=st.sampled_from([3, 4]),
)
def test_any_echo_is_judged_as_by_the_plain_rule(z, w, nobs, share, year, version):
    necho = round(nobs * share)
    taken_out = naive(np.float32(z), np.float32(w), nobs, necho, year, version)
    found = column(
        block(z, w, nobs, necho), version=f"v{version}.1", time=f"{year}-06-01 00:00:00Z"
    )
    assert found == (0 if taken_out else int(z))


def test_covered_is_what_some_scan_saw_at_some_height():
    seen = np.zeros(SHAPE, bool)
    seen[3, :, :30] = True
    mosaic = read(gridrad(seen=seen))
    assert mosaic.coverage.values[cell(20, 15)]
    assert not mosaic.coverage.values[cell(20, 45)]
    assert mosaic.reflectivity.values.max() == 0


def test_severe_times_to_five_minutes_and_the_source_are_told():
    mosaic = read(gridrad(block(40, 2, 4, 4), time="2011-04-27 19:35:00Z", version="v4.2"))
    assert mosaic.time.values == np.datetime64("2011-04-27T19:35")
    assert mosaic.attrs["source"] == "GridRad version v4.2"


def test_quality_control_takes_specks_out_and_leaves_storms():
    speck, storm = block(40, 2, 4, 4, y=(30, 32), x=(40, 42)), block(45, 2, 4, 4)
    plain = read(gridrad([*speck, *storm]), Options(sampling="maximum"))
    clean = read(gridrad([*speck, *storm]), Options(sampling="maximum", quality_control=True))
    assert (value(plain, 30.5, 40.5), value(clean, 30.5, 40.5)) == (40, 0)
    assert value(clean) == 45


def test_longitudes_of_either_convention_are_one():
    echoes = block(45, 2, 4, 4)
    east = read(gridrad(echoes, west=262.0))
    west = read(gridrad(echoes, west=-98.0))
    npt.assert_array_equal(east.reflectivity, west.reflectivity)
    npt.assert_array_equal(east.coverage, west.coverage)


def test_the_version_is_found_in_any_wording():
    assert recommended_filter("GridRad v3.1", 2011) == recommended_filter("3.1", 2011)
    assert recommended_filter("4", 2011) == recommended_filter("v4.2", 2005)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"drop": ("index",)}, "lacks the variable 'index'"),
        ({"time": "yesterday"}, "Analysis_time 'yesterday' is no time"),
        ({"west": 10.0}, "does not reach the national grid"),
        ({"south": 89.5}, "no axis of degrees"),
        (
            {"change": {"index": (("Index",), np.array([10**6] * 36, "i4"))}},
            "index leads outside the grid of 9600 cells",
        ),
        (
            {"change": {"Nradobs": (("Latitude", "Longitude"), np.ones((40, 60), "u1"))}},
            "Nradobs has shape",
        ),
    ],
)
def test_what_is_wrong_is_said(fields, message):
    with pytest.raises(InputError, match=message):
        read(gridrad(block(45, 2, 4, 4), **fields), Options(grid="national"))


def test_a_listed_mark_is_no_echo():
    echoes = [*block(9999.0, 2.0, 5, 5, z=2), *block(30.7, 2.0, 5, 5, z=0)]
    assert column(echoes) == 30
    alone = read(gridrad(block(9999.0, 2.0, 5, 5)))
    assert (value(alone), bool(alone.coverage.values[cell(12.5, 22.5)])) == (0, True)
