"""CF's times against cftime and hand-worked ones, and references in every way of writing them."""

from datetime import UTC, datetime, timedelta, timezone

import cftime
import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from stormlens.readers._times import moments, plain_units

MOMENT = "2011-05-20T10:08:27"


@pytest.mark.parametrize(
    "units",
    [
        "seconds since 2011-05-20T10:08:27 0:00",  # as the ARM facility writes CfRadial
        "seconds since 2011-05-20 10:08:27 0:00",
        "seconds since 2011-05-20T10:08:27Z",
        "Seconds since 2011-05-20 10:08:27.0 UTC",
        "secs since 2011-05-20 10:08:27 GMT",
        "s since 2011-05-20T10:08:27+00:00",
        "seconds since 2011-5-20 10:8:27",
        "seconds since 20110520T100827Z",
        "seconds since 2011-05-20 04:08:27 -6:00",
        "seconds since 2011-05-20 04:08:27 -6",
        "seconds since 2011-05-20 15:38:27 +0530",
        "seconds since 2011-05-20 15:38:27 5:30",
    ],
)
def test_a_reference_is_read_in_every_way_of_writing_it(units):
    npt.assert_array_equal(
        moments([0, 0.5, np.nan], units),
        np.array([MOMENT, f"{MOMENT}.5", "NaT"], "datetime64[ns]"),
    )
    decoded = xr.decode_cf(
        xr.Dataset({"t": (("t",), np.array([0.0, 0.5]), {"units": plain_units(units)})})
    )
    npt.assert_array_equal(decoded["t"], np.array([MOMENT, f"{MOMENT}.5"], "datetime64[ns]"))


@given(
    st.floats(0, 7e4),
    st.sampled_from(["milliseconds", "seconds", "minutes", "hours", "days"]),
    st.datetimes(datetime(1950, 1, 1), datetime(2040, 1, 1)).map(
        lambda t: t.replace(microsecond=0)
    ),
)
def test_times_are_cftimes(count, unit, reference):
    units = f"{unit} since {reference.isoformat(sep=' ')}"
    theirs = cftime.num2pydate(count, units).replace(tzinfo=None)
    ours = moments([count], units)[0]
    assert abs(ours - np.datetime64(theirs, "ns")) <= np.timedelta64(1, "us")


@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2040, 1, 1)).map(
        lambda t: t.replace(microsecond=0)
    ),
    st.integers(-12 * 4, 14 * 4),
)
def test_zones_are_those_of_the_standard_library(reference, quarters):
    zone = timezone(timedelta(minutes=15 * quarters))
    told = reference.replace(tzinfo=zone)
    expected = np.datetime64(told.astimezone(UTC).replace(tzinfo=None), "ns")
    assert moments([0], f"seconds since {told.isoformat()}")[0] == expected


@pytest.mark.parametrize(
    ("units", "calendar"),
    [
        ("months since 1970-01-01", "standard"),
        ("seconds", "standard"),
        ("seconds since yesterday", "standard"),
        ("seconds since 2011-13-40", "standard"),
        ("seconds since 2011-05-20 99:00", "standard"),
        ("days since 0001-01-01", "standard"),
        ("days since 2000-01-01", "360_day"),
        (None, "standard"),
        (7, "standard"),
    ],
)
def test_what_is_no_time_is_none(units, calendar):
    assert np.isnat(moments([0, 1], units, calendar)).all()
    assert moments([0, 1], units, calendar).shape == (2,)


def test_what_nanoseconds_do_not_hold_is_no_time():
    far = moments([1e300, -1e300, np.inf, 1e6, -4e5], "days since 2000-01-01")
    assert np.isnat(far).all()
