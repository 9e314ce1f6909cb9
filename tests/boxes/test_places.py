"""Boxes around places: points, reports, tracks, and the tables that hold them."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from stormlens import boxes
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, SIZE

TUSCALOOSA = (33.2, -87.6)


def table(**columns):
    return pd.DataFrame({"latitude": [33.2, 34.0], "longitude": [-87.6, -86.0], **columns})


def test_a_box_is_centred_on_its_point(speckled):
    box = boxes.at_points(speckled, *TUSCALOOSA).isel(storm=0)
    x, y = NATIONAL.cell(TUSCALOOSA[1], TUSCALOOSA[0])
    assert abs(box["xmin"] + (SIZE - 1) / 2 - x) <= 0.5
    assert abs(box["ymin"] + (SIZE - 1) / 2 - y) <= 0.5
    assert abs(box["latitude"] - 33.2) < 0.02


def test_both_ways_to_count_longitude(mosaic_of):
    west, east = (boxes.at_points(mosaic_of(), 33.2, lon) for lon in (-87.6, 272.4))
    npt.assert_array_equal(west["xmin"], east["xmin"])


@pytest.mark.parametrize(
    ("latitude", "longitude", "words"),
    [
        (21.3, -157.9, r"outside the national grid.* read it with --grid 21\.3,-157\.9 "),
        (33.2, 87.6, "west is negative"),
        (99, -87.6, "latitude holds 99"),
        (np.nan, -87.6, "latitude holds nan"),
        ("north", -87.6, "no degrees"),
        ([33.2, 33.3], [-87.6], "2 latitudes and 1 longitudes"),
    ],
)
def test_a_point_that_is_nowhere_on_the_grid_is_refused(mosaic_of, latitude, longitude, words):
    with pytest.raises(InputError, match=words):
        boxes.at_points(mosaic_of(), latitude, longitude)


def test_reports_within_the_window_and_on_the_grid(mosaic_of):
    # The mosaic is of 19:02:30.
    times = ["2011-04-27T18:32:30", "2011-04-27T18:32:29", "2011-04-27T19:32:30"]
    reports = pd.DataFrame(
        {
            "slat": [33.2, 33.3, 21.3],
            "slon": [-87.6, -87.7, -157.9],
            "date_utc": pd.to_datetime(times),
        },
        index=pd.Index(["first", "early", "hawaii"], name="uid"),
    )
    found = boxes.at_reports(mosaic_of(), reports)
    assert found["unid"].values.tolist() == ["first"]
    wider = boxes.at_reports(mosaic_of(), reports, within=31)
    assert wider["unid"].values.tolist() == ["first", "early"]
    assert boxes.at_reports(mosaic_of(), reports, within=0).sizes["storm"] == 0


def test_times_with_a_zone_are_brought_to_utc(mosaic_of):
    reports = table(time=["2011-04-27 14:00:00-05:00", "2011-04-27T19:00:00Z"])
    assert boxes.at_reports(mosaic_of(), reports).sizes["storm"] == 2


def test_reports_without_names_get_those_of_time_and_place(mosaic_of):
    found = boxes.at_reports(mosaic_of(), table(time=["4/27/2011 19:00"] * 2))
    assert all(name.startswith("20110427T1902Z-") for name in found["unid"].values)


def test_western_longitudes_without_a_minus_sign_are_said(mosaic_of):
    """The hint that points get; a world's table with a report on the grid keeps its others out."""
    at_nine = {"time": ["2011-04-27T19:00"] * 2}
    with pytest.raises(InputError, match=r"87\.6 lies outside .* west is negative"):
        boxes.at_reports(mosaic_of(), table(**at_nine, longitude=[87.6, 86.0]))
    world = table(**at_nine, longitude=[-87.6, 100.0])
    assert boxes.at_reports(mosaic_of(), world).sizes["storm"] == 1
    far = table(**at_nine, latitude=[48.1, 48.2], longitude=[11.5, 11.6])
    assert boxes.at_reports(mosaic_of(), far).sizes["storm"] == 0
    track = table(time=["2011-04-27T18:00", "2011-04-27T20:00"], longitude=[87.6, 86.0])
    with pytest.raises(InputError, match="west is negative"):
        boxes.along_track(mosaic_of(), track)


@pytest.mark.parametrize(
    "time",
    [
        np.array(["0030-01-01T00", "2011-04-27T19"], "datetime64[s]"),
        np.array(["9999-12-31T00", "2011-04-27T19"], "datetime64[s]"),
        ["9999-12-31T00:00", "2011-04-27T19:00"],
    ],
)
def test_times_that_nanoseconds_do_not_hold_are_refused(mosaic_of, time):
    """They would wrap round: the year 30 becomes 1783, 9999 becomes 1816."""
    with pytest.raises(InputError, match="outside the years 1678 to 2261"):
        boxes.at_reports(mosaic_of(), table(time=time))


@pytest.mark.parametrize(
    "time", ["2013", "2013-05", "2013-05-20", "20130520", "5/20/2013", "nan", "20:15", "1.9e9"]
)
def test_less_than_a_date_and_an_hour_is_no_moment(mosaic_of, time):
    with pytest.raises(InputError, match=r"no time; write date and hour|without a date"):
        boxes.at_reports(mosaic_of(), table(time=[time, "2011-04-27T19:00"]))


@pytest.mark.parametrize("time", [[1955, 30], ["1955", "0030"], [2013, 2014]])
def test_hours_without_a_date_are_no_years(mosaic_of, time):
    with pytest.raises(InputError, match=r"an hour and minute without a date.*--day.*day="):
        boxes.at_reports(mosaic_of(), table(time=time))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "no column date_utc or time"),
        ({"time": ["2011-04-27T19:00", "noon"]}, "holds 'noon', which is no time"),
        ({"time": ["2011-04-27T19:00"] * 2, "latitude": [33, 91]}, "latitude holds 91"),
        ({"time": ["2011-04-27T19:00"] * 2, "longitude": ["a", "b"]}, "no degrees"),
    ],
)
def test_tables_that_lack_what_is_needed_are_refused(mosaic_of, columns, words):
    with pytest.raises(InputError, match=words):
        boxes.at_reports(mosaic_of(), table(**columns))


def test_a_mosaic_without_time_cannot_be_asked_for_reports(mosaic_of):
    with pytest.raises(InputError, match="has no time"):
        boxes.at_reports(mosaic_of(time=None), table(time=["2011-04-27T19:00"] * 2))


def test_a_track_is_followed_linearly(mosaic_of):
    track = pd.DataFrame(
        {
            "time": ["2011-04-27T20:00", "2011-04-27T18:00", "2011-04-27T22:00"],
            "latitude": [34.0, 33.0, 34.0],
            "longitude": [-86.0, -88.0, -80.0],
        }
    )
    hours = [np.datetime64(f"2011-04-27T{hour}") for hour in ("17:59", "18:30", "20:00", "21:00")]
    found = boxes.along_track((mosaic_of(time=hour) for hour in hours), track)
    npt.assert_array_equal(found["time"], np.array(hours[1:], "datetime64[ns]"))
    npt.assert_allclose(found["latitude"], [33.25, 34, 34], atol=0.02)
    npt.assert_allclose(found["longitude"], [-87.5, -86, -83], atol=0.03)
    one = boxes.along_track(mosaic_of(time=hours[2]), track)
    npt.assert_array_equal(one["reflectivity"][0], found["reflectivity"][1])


def test_a_track_that_no_mosaic_meets_is_refused(mosaic_of):
    track = table(time=["2011-04-28T19:00", "2011-04-28T20:00"])
    with pytest.raises(InputError, match="No mosaic meets the track"):
        boxes.along_track([mosaic_of()], track)


def test_boxes_along_a_track_have_different_names(mosaic_of):
    track = table(time=["2011-04-27T19:00", "2011-04-27T20:00"])
    names = boxes.along_track([mosaic_of()] * 3, track)["unid"].values.tolist()
    assert names[1:] == [f"{names[0]}-2", f"{names[0]}-3"]
