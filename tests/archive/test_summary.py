"""Counting: each box in its month, hour, region and cell, as pandas and hand count them."""

import json
from dataclasses import asdict

import numpy as np
import numpy.testing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.archive import REGIONS, region_numbers, shares, summarise
from stormlens.archive._summary import _places
from stormlens.archive._table import Part
from stormlens.errors import InputError

# Mode, time (UTC), latitude, longitude.
BOXES = [
    ("QLCS", "2011-04-27T23:30", 33.2, -87.5),  # solar time 23:30 - 5:50 = 17:40
    ("QLCS", "2011-04-28T00:15", 34.0, -86.9),  # 18:27 the day before
    ("Cellular", "2013-05-20T20:15", 35.2, -97.6),  # 13:44
    ("Clear", "2013-12-31T23:59", 44.0, -120.0),
    ("Missing", None, 27.5, -81.0),
    ("QLCS", "1999-05-03T23:00", None, None),
]


def write_labels(folder, boxes, *, in_one=4, **told):
    """A classification as `classify` leaves one, of these boxes."""
    (folder / "table").mkdir(parents=True)
    manifest = {"format": 1, "model": "f" * 64, "store": "0", "names": {"store": "a/store"}}
    (folder / "classify.json").write_text(json.dumps(manifest))
    for first in range(0, len(boxes), in_one):
        modes, times, latitudes, longitudes = zip(*boxes[first : first + in_one], strict=True)
        stop = first + len(modes)
        part = Part(first, stop, len(modes), **told)
        table = pa.table(
            {
                "time": pa.array(
                    [None if t is None else np.datetime64(t, "s") for t in times],
                    pa.timestamp("s"),
                ).cast(pa.timestamp("s", "UTC")),
                "latitude": pa.array([np.nan if v is None else v for v in latitudes], "f8"),
                "longitude": pa.array([np.nan if v is None else v for v in longitudes], "f8"),
                "mode": pa.array(modes).dictionary_encode(),
            }
        ).replace_schema_metadata({b"stormlens": json.dumps(asdict(part))})
        pq.write_table(table, folder / "table" / part.name)
    return folder


@pytest.fixture
def climatology(tmp_path):
    return summarise(write_labels(tmp_path / "labels", BOXES))


def filled(counts, mode):
    """Places of a mode with their counts."""
    of_mode = counts.sel(mode=mode)
    stacked = of_mode.to_series()
    return stacked[stacked > 0].to_dict()


def test_six_boxes_counted_by_hand(climatology):
    assert climatology["mode"].values.tolist() == ["Cellular", "QLCS", "Missing", "Clear"]
    assert climatology["count"].values.tolist() == [1, 3, 1, 1]
    assert filled(climatology["by_month"], "QLCS") == {4: 2, 5: 1}
    assert filled(climatology["by_hour"], "QLCS") == {0: 1, 23: 2}
    assert filled(climatology["by_solar_hour"], "QLCS") == {17: 1, 18: 1}  # one has no place
    assert filled(climatology["by_solar_hour"], "Cellular") == {13: 1}
    assert filled(climatology["by_year"], "QLCS") == {1999: 1, 2011: 2}
    assert climatology["year"].values.tolist() == list(range(1999, 2014))
    assert filled(climatology["by_region"], "QLCS") == {"Southeast": 2, "elsewhere": 1}
    assert filled(climatology["by_region"], "Missing") == {"Florida": 1}
    assert filled(climatology["by_cell"], "Cellular") == {(36.25, -98.75): 1}
    assert not climatology["by_month"].sel(mode="Missing").any()  # its time is unknown
    assert climatology.attrs["store"] == "a/store"


def test_shares_add_up_to_one_where_there_are_boxes(climatology):
    share = shares(climatology)
    assert share["count"].values.tolist() == [1 / 6, 3 / 6, 1 / 6, 1 / 6]
    assert share["by_month"].sel(mode="Cellular", month=5).item() == 0.5
    held = climatology["by_region"].sum("mode") > 0
    npt.assert_allclose(share["by_region"].sum("mode").values[held], 1)
    assert np.isnan(share["by_region"].values[:, ~held]).all()


TIMES = st.one_of(
    st.none(),
    st.integers(0, 10**9).map(
        lambda s: str(np.datetime64("1990-01-01", "s") + np.timedelta64(s, "s"))
    ),
)
BOX = st.tuples(
    st.sampled_from(["QLCS", "Other", "Clear"]),
    TIMES,
    st.one_of(st.none(), st.floats(15, 60)),
    st.one_of(st.none(), st.floats(-140, -50)),
)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(BOX, min_size=1, max_size=20), st.integers(1, 7))
def test_counts_are_those_of_pandas_however_the_table_is_cut(tmp_path_factory, boxes, in_one):
    found = summarise(write_labels(tmp_path_factory.mktemp("l") / "o", boxes, in_one=in_one))
    table = pd.DataFrame(boxes, columns=["mode", "time", "north", "east"])
    table["time"] = pd.to_datetime(table["time"])
    table[["north", "east"]] = table[["north", "east"]].astype(float)
    for mode, rows in table.groupby("mode"):
        known = rows["time"].dropna()
        assert found["count"].sel(mode=mode) == len(rows)
        assert filled(found["by_month"], mode) == known.dt.month.value_counts().to_dict()
        assert filled(found["by_hour"], mode) == known.dt.hour.value_counts().to_dict()
        assert filled(found["by_year"], mode) == known.dt.year.value_counts().to_dict()
        places = rows[["north", "east"]].dropna()
        assert found["by_cell"].sel(mode=mode).sum() == len(places)
        assert found["by_region"].sel(mode=mode).sum() == len(rows)
        assert found["by_solar_hour"].sel(mode=mode).sum() == len(rows.dropna())


@given(st.integers(0, 86399), st.floats(-180, 180))
def test_solar_time_is_utc_and_four_minutes_a_degree(second, east):
    moment = np.array([np.datetime64("2010-06-01", "s") + np.timedelta64(second, "s")])
    (hour,) = _places(moment, np.array([40.0]), np.array([east]))["by_solar_hour"]
    minutes = second / 60 + 4 * east
    assert abs((hour * 60 + 30 - minutes + 720) % 1440 - 720) <= 30 + 1e-6


def test_what_was_made_up_or_passed_over_is_carried_on(tmp_path):
    told = {"simulated": True, "simulated_training": True, "problems": ["a", "b"]}
    found = summarise(write_labels(tmp_path / "o", BOXES, in_one=3, **told))
    assert (found.attrs["simulated"], found.attrs["simulated_training"]) == (1, 1)
    assert found.attrs["problems"] == 4


def test_regions_do_not_overlap_and_hold_what_they_are_named_for():
    north, east = np.meshgrid(np.arange(24, 50, 0.25), np.arange(-125, -66, 0.25))
    hits = sum(
        (north >= r.south) & (north < r.north) & (east >= r.west) & (east < r.east) for r in REGIONS
    )
    assert hits.max() == 1
    cities = {
        "Southern Plains": (35.5, -97.5),  # Oklahoma City
        "Florida": (28.5, -81.4),  # Orlando
        "Midwest": (41.9, -87.6),  # Chicago
        "Northeast": (42.4, -71.1),  # Boston
        "Lower Mississippi": (30.0, -90.1),  # New Orleans
        "Southeast": (33.7, -84.4),  # Atlanta
        "Northwest": (47.6, -122.3),  # Seattle
        "Southwest": (33.4, -112.1),  # Phoenix
        "Central Plains": (39.7, -97.0),
        "Northern Plains": (46.8, -100.8),  # Bismarck
    }
    for name, place in cities.items():
        assert REGIONS[region_numbers(*place)].name == name
    assert region_numbers(np.nan, -90) == len(REGIONS)
    assert region_numbers(51.5, 0.0) == len(REGIONS)  # London


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        summarise(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no classification"):
        summarise(tmp_path)
    (tmp_path / "classify.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        summarise(tmp_path)
    (tmp_path / "classify.json").write_text('{"format": 1, "model": "f"}')
    with pytest.raises(InputError, match="holds no labelled box"):
        summarise(tmp_path)
