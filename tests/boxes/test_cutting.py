"""One rule for cutting boxes: what it cuts, what it refuses, and how archives remember it."""

import json
from dataclasses import replace
from pickle import dumps, loads

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from stormlens import boxes
from stormlens.boxes import Cutting
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, SIZE, Boxes, Mosaic

from .conftest import TIME

POINTS = [(38.5, -97.5), (35.0, -90.0)]


def reports_of(*places):
    latitude, longitude = zip(*places, strict=True)
    return pd.DataFrame({"latitude": latitude, "longitude": longitude, "time": TIME})


LISTED = {"latitude": [38.5, 35.0], "longitude": [-97.5, -90.0]}
NEAR = reports_of(*POINTS)


@pytest.fixture(scope="module")
def mosaic(mosaic_of):
    coverage = np.ones(NATIONAL.shape, bool)
    coverage[:, 1000:] = False
    storms = {(300, 300, 10, 20): 45, (600, 800, 30, 40): 50, (100, 100, 2, 3): 60}
    return mosaic_of(storms, coverage=coverage)


def test_by_default_it_cuts_as_find_storms_does(mosaic):
    xr.testing.assert_identical(Cutting().cut(mosaic), boxes.find_storms(mosaic))


@pytest.mark.parametrize(
    ("cutting", "function", "settings"),
    [
        (Cutting(threshold=50), "find_storms", {"threshold": 50}),
        (Cutting(minimum_area=20), "find_storms", {"minimum_area": 20}),
        (Cutting("grid"), "grid", {}),
        (Cutting("grid", stride=300), "grid", {"stride": 300}),
        (Cutting("points", points=POINTS), "at_points", LISTED),
        (Cutting("reports", reports=NEAR), "at_reports", {"table": NEAR}),
    ],
)
def test_each_way_is_the_function_of_that_name(mosaic, cutting, function, settings):
    expected = getattr(boxes, function)(mosaic, **settings)
    assert expected.sizes["storm"] > 0
    xr.testing.assert_identical(cutting.cut(mosaic), expected)


def test_it_gives_the_kind_that_it_is_given(mosaic):
    plain = Cutting().cut(Mosaic.from_xarray(mosaic))
    assert isinstance(plain, Boxes)
    xr.testing.assert_identical(plain.to_xarray(), Cutting().cut(mosaic))
    with pytest.raises(InputError, match="Boxes are cut from a mosaic, not from a dict"):
        Cutting().cut({})


def test_reports_that_no_radar_sees_are_left_out(mosaic):
    unseen = (35.0, -80.0)
    cutting = Cutting("reports", reports=reports_of(POINTS[0], unseen))
    assert boxes.at_reports(mosaic, cutting.reports).sizes["storm"] == 2
    (found,) = cutting.cut(mosaic)["longitude"].values
    assert abs(found - POINTS[0][1]) < 0.03


def test_reports_count_within_so_many_minutes(mosaic):
    late = reports_of(*POINTS).assign(time=TIME + np.timedelta64(31, "m"))
    for minutes, n in ((30, 0), (31, 2)):
        cutting = Cutting("reports", reports=late, within=minutes)
        assert cutting.cut(mosaic).sizes["storm"] == n


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"how": "storm"}, "Unknown way to cut boxes 'storm'. Did you mean 'storms'"),
        ({"how": "reports"}, r"Boxes by reports need --reports \(in Python reports=\)"),
        ({"how": "points"}, r"Boxes by points need --at \(in Python points=\)"),
        ({"stride": 68}, "--stride decides nothing for boxes by storms; it is for boxes by grid"),
        ({"how": "grid", "threshold": 40}, "--threshold decides nothing for boxes by grid"),
        ({"how": "grid", "minimum_area": 1}, r"--min-area decides .*in Python minimum_area="),
        ({"how": "points", "points": POINTS, "within": 5}, "--within decides nothing"),
        ({"points": POINTS}, "--at decides nothing for boxes by storms"),
        ({"threshold": 0}, "The threshold is 0 dBZ; it must lie in 1 to 80"),
        ({"threshold": 80.5}, r"80\.5 dBZ"),
        ({"threshold": float("nan")}, "nan dBZ"),
        ({"threshold": "40"}, "The threshold is 40 dBZ"),
        ({"minimum_area": -1}, "The minimum area is -1 km2; give 0 or more"),
        ({"minimum_area": float("inf")}, "inf km2"),
        ({"how": "grid", "stride": 0}, "The stride is 0"),
        ({"how": "grid", "stride": 2.5}, "The stride is 2.5"),
        ({"how": "reports", "reports": reports_of(*POINTS), "within": -1}, "within is -1 minutes"),
        ({"how": "reports", "reports": pd.DataFrame({"latitude": [1.0]})}, "no column longitude"),
        ({"how": "points", "points": []}, r"points is \[\]; give pairs of latitude and longitude"),
        ({"how": "points", "points": (35.0, -97.0)}, "give pairs"),
        ({"how": "points", "points": ["35,-97"]}, "give pairs"),
        ({"how": "points", "points": [(95.0, -97.0)]}, r"latitude holds 95\.0"),
        ({"how": "points", "points": [(35.0, 370.0)]}, r"longitude holds 370\.0"),
    ],
)
def test_what_cannot_be_is_said_when_it_is_made(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        Cutting(**settings)


def test_a_default_holds_where_it_decides_something():
    assert (Cutting().threshold, Cutting().minimum_area, Cutting().stride) == (40, 100, None)
    assert (Cutting("grid").threshold, Cutting("grid").stride) == (None, 68)
    assert Cutting("reports", reports=NEAR).within == 30
    assert boxes.STRIDE == SIZE // 2


# What stores of archives hold, to the letter: another key or value would lock them out.
@pytest.mark.parametrize(
    ("cutting", "described"),
    [
        (Cutting(), {"boxes": "storms", "threshold": 40, "minimum_area": 100.0}),
        (Cutting("grid"), {"boxes": "grid", "stride": 68}),
        (
            Cutting("reports", reports=reports_of((35.0, -97.0))),
            {"boxes": "reports", "within": 30.0, "reports": "1 rows, d71470e350fcb96b"},
        ),
        (
            Cutting("points", points=POINTS),
            {"boxes": "points", "points": [[38.5, -97.5], [35.0, -90.0]]},
        ),
    ],
)
def test_it_describes_itself_as_stores_hold_it(cutting, described):
    assert cutting.described() == described
    assert json.loads(json.dumps(cutting.described())) == described


def test_numbers_of_numpy_are_described_as_json_holds_them():
    told = Cutting(threshold=np.int64(45), minimum_area=np.float32(50)).described()
    assert json.loads(json.dumps(told)) == {"boxes": "storms", "threshold": 45, "minimum_area": 50}
    assert json.dumps(Cutting("grid", stride=np.int16(34)).described())


def test_equal_rules_are_equal_and_tables_are_compared_by_what_they_hold():
    first, same = (Cutting("reports", reports=reports_of(*POINTS)) for _ in range(2))
    other = Cutting("reports", reports=reports_of(*POINTS[::-1]))
    assert first == same
    assert len({first, same, other, Cutting(), Cutting(threshold=40)}) == 3
    assert first != other
    assert Cutting() != "storms"
    assert replace(Cutting(), threshold=50) == Cutting(threshold=50)


def test_it_travels_to_other_processes(mosaic):
    cutting = Cutting("reports", reports=NEAR)
    assert loads(dumps(cutting)) == cutting


def test_no_box_is_explained():
    assert Cutting(threshold=50, minimum_area=7).none_found("a.h5") == (
        "No storm: nothing in a.h5 reaches 50 dBZ over 7 km2."
    )
    assert "less than half of every box in a.h5" in Cutting("grid").none_found("a.h5")
    reports = Cutting("reports", reports=NEAR)
    assert "No report is near a.h5 in time" in reports.none_found("a.h5")


@pytest.mark.slow
@given(stride=st.integers(1, 10**30))
def test_any_stride_gives_a_grid_of_whole_boxes(stride):
    blank = np.zeros((300, 280), np.uint8)
    grid = replace(NATIONAL, shape=blank.shape)
    small = Mosaic(blank, blank == 0, np.datetime64("NaT", "ns"), "blank", grid=grid)
    found = Cutting("grid", stride=stride).cut(small).storm
    rows, columns = ((cells - SIZE) // stride + 1 for cells in blank.shape)
    assert sorted(set(found["ymin"].tolist())) == [i * stride for i in range(rows)]
    assert sorted(set(found["xmin"].tolist())) == [i * stride for i in range(columns)]
    assert len(found["xmin"]) == rows * columns
