"""What is a moment, and the years in which times can be kept (NumPy: datetime64[ns])."""

import datetime

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr

from stormlens.datasets import make_boxes, make_dataset
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, Mosaic, nanoseconds, says_hour, time_of_unid

NOON = datetime.datetime(2011, 4, 27, 12)


@pytest.mark.parametrize("unit", ["h", "m", "s", "ms", "us", "ns"])
def test_every_unit_becomes_nanoseconds(unit):
    found = nanoseconds(np.array(["2011-04-27T12", "NaT"], f"datetime64[{unit}]"), "here")
    npt.assert_array_equal(found, np.array([NOON, "NaT"], "datetime64[ns]"))
    assert found.dtype == "datetime64[ns]"


@pytest.mark.parametrize("value", [NOON, "2011-04-27T12:00", np.datetime64(NOON)])
def test_one_moment_of_any_kind(value):
    assert nanoseconds(value, "here")[()] == np.datetime64(NOON)


@pytest.mark.parametrize("year", ["0001", "0030", "1677", "2262", "9999"])
def test_years_that_would_wrap_round_are_refused(year):
    time = np.datetime64(f"{year}-12-31T23:59", "s")
    with pytest.raises(InputError, match=rf"the file: {year}-12-31 lies outside the years 1678"):
        nanoseconds([np.datetime64("NaT", "s"), time], "the file")


@pytest.mark.parametrize("time", ["1678-01-01T00:00", "2261-12-31T23:59:59.999999999"])
def test_the_first_and_last_moment_keep_their_year(time):
    assert str(nanoseconds(time, "here")) == str(np.datetime64(time, "ns"))


def test_nothing_keeps_a_time_that_wrapped_round(tmp_path):
    """Boxes, containers, mosaics and UNIDs all go through the same check."""
    late = np.array(["9999-01-01T00"], "datetime64[s]")
    boxes = np.zeros((1, 8, 8))
    for make in (make_boxes, make_dataset):
        with pytest.raises(InputError, match="9999-01-01 lies outside the years"):
            make(boxes, time=late, source="mine")
    with pytest.raises(InputError, match="does not begin with a valid date"):
        time_of_unid("003004041310z000282671")
    plane = (("y", "x"), np.zeros(NATIONAL.shape, np.uint8))
    mosaic = xr.Dataset({"reflectivity": plane, "coverage": plane}, {"time": late[0]})
    with pytest.raises(InputError, match="time of the mosaic: 9999"):
        Mosaic.from_xarray(mosaic)


def test_less_than_a_date_and_an_hour_says_none():
    assert not any(map(says_hour, ["", "2013", "2013-05", "2013-05-20", "20130520", "12:00"]))
    assert not says_hour("2013-05-20T")
    assert all(map(says_hour, ["2013-05-20T12", "20130520T12", "2013-5-20 9", "5/20/2013 9:00"]))
