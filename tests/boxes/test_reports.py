"""Tables of reports: somebody's own, and the Storm Prediction Center's as it publishes them."""

import datetime
import warnings

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from stormlens import boxes
from stormlens.boxes import _reports
from stormlens.errors import InputError

# Laid out as www.spc.noaa.gov/climo/reports has them; times are HHMM UTC of the day that ends at
# 12 UTC on the next date. Hail is in hundredths of an inch, wind in mph or UNK.
TORN = """\
Time,F_Scale,Location,County,State,Lat,Lon,Comments
1200,UNK,MOULTON,LAWRENCE,AL,34.48,-87.29,FIRST MINUTE OF THE DAY. (HUN)
2010,EF4,2 SW TUSCALOOSA,TUSCALOOSA,AL,33.18,-87.60,"LARGE TORNADO, CONFIRMED BY SPOTTERS. (BMX)"
"""
WIND = """\
Time,Speed,Location,County,State,Lat,Lon,Comments
0030,UNK,ATHENS,LIMESTONE,AL,34.80,-86.97,TREES DOWN, POWER LINES TOO, ROAD CLOSED. (HUN)
1159,61,ROME,FLOYD,GA,34.26,-85.16,"A QUOTE THAT NEVER ENDS (FFC)
"""
HAIL = """\
Time,Size,Location,County,State,Lat,Lon,Comments
1955,175,CULLMAN,CULLMAN,AL,34.18,-86.84,2.5" STONES AT PE\xd1A'S. (BMX)
"""


def write(path, text):
    path.write_bytes(text.encode("latin-1"))
    return path


def times(table):
    return np.datetime_as_string(table["time"].to_numpy(), unit="m").tolist()


@pytest.mark.parametrize("kind", ["", "raw_", "filtered_"])
def test_the_three_hazards_of_a_day(tmp_path, kind):
    """12 to 12 UTC: what is before 12 belongs to the next date."""
    torn = boxes.read_reports(write(tmp_path / f"110427_rpts_{kind}torn.csv", TORN))
    assert times(torn) == ["2011-04-27T12:00", "2011-04-27T20:10"]
    npt.assert_array_equal(torn["latitude"], [34.48, 33.18])
    npt.assert_array_equal(torn["longitude"], [-87.29, -87.60])
    wind = boxes.read_reports(write(tmp_path / f"110427_rpts_{kind}wind.csv", WIND))
    assert times(wind) == ["2011-04-28T00:30", "2011-04-28T11:59"]
    npt.assert_array_equal(wind["longitude"], [-86.97, -85.16])
    hail = boxes.read_reports(write(tmp_path / f"110427_rpts_{kind}hail.csv", HAIL))
    assert times(hail) == ["2011-04-27T19:55"]


def test_all_three_in_one_file(tmp_path, mosaic_of):
    path = write(tmp_path / "110427_rpts.csv", TORN + WIND + "\n" + HAIL)
    read = boxes.read_reports(path)
    assert times(read) == [
        *("2011-04-27T12:00", "2011-04-27T20:10"),
        *("2011-04-28T00:30", "2011-04-28T11:59"),
        "2011-04-27T19:55",
    ]
    found = boxes.at_reports(mosaic_of(), read, within=60)  # of 19:02:30
    npt.assert_allclose(found["latitude"], [34.18], atol=0.02)


def test_a_day_without_reports_of_a_hazard(tmp_path):
    empty = TORN.splitlines()[0] + "\n"
    assert len(boxes.read_reports(write(tmp_path / "110427_rpts_torn.csv", empty))) == 0
    assert len(boxes.read_reports(write(tmp_path / "today_torn.csv", empty), "2011-04-27")) == 0


@pytest.mark.parametrize("day", ["2011-12-31", datetime.date(2011, 12, 31)])
def test_the_day_can_be_given_and_comes_before_the_name(tmp_path, day):
    for name in ("today.csv", "110427_rpts_wind.csv"):
        read = boxes.read_reports(write(tmp_path / name, WIND), day)
        assert times(read) == ["2012-01-01T00:30", "2012-01-01T11:59"]


def test_hours_and_minutes_that_lost_their_zeros(tmp_path):
    """As a spreadsheet saves them; also in a table of one's own."""
    path = write(tmp_path / "mine.csv", "lat,lon,time\n33,-87,30\n33,-87,5\n33,-87,1955\n")
    assert times(boxes.read_reports(path, "2011-04-27")) == [
        *("2011-04-28T00:30", "2011-04-28T00:05", "2011-04-27T19:55")
    ]


@pytest.mark.parametrize(
    ("text", "day", "words"),
    [
        (HAIL, None, r"time holds '1955', an hour and minute without a date"),
        (HAIL, "27 April", "'27 April' is no day; write YYYY-MM-DD"),
        (HAIL, "2011-02-30", "is no day"),
        (HAIL.replace("1955", "2460"), "2011-04-27", "'2460', which is no HHMM from"),
        (HAIL + "1956,100,FOO", "2011-04-27", "line 3 has 3 fields where daily reports have 8"),
        (HAIL + "noon,100,F,F,AL,33,-87,x", "2011-04-27", "'noon', which is no HHMM"),
        (HAIL.replace("34.18", "AL"), "2011-04-27", "latitude holds what are no degrees"),
        ("lat,lon,time\n33,-87,2011-04-27T19\n", "2011-04-27", "a day decides nothing here"),
    ],
)
def test_daily_reports_that_cannot_be_read(tmp_path, text, day, words):
    path = write(tmp_path / "today.csv", text)
    with pytest.raises(InputError, match=words) as caught:
        boxes.read_reports(path, day)
    assert str(caught.value).startswith(f"{path}: ")


# Rows as of the database's tables, www.spc.noaa.gov/wcm/#data. Its description of 2010: times
# are CST (tz 3) but for 9 = GMT and ? = unknown.
DATABASE = """\
om,yr,mo,dy,date,time,tz,st,stf,stn,mag,inj,fat,loss,closs,slat,slon,elat,elon,len,wid,fc
314594,2011,4,27,2011-04-27,15:43:00,3,AL,1,47,4,1500,64,9,0,33.0296,-87.9351,33.6315,-86.7436,80.7,2600,0
314595,2011,4,27,2011-04-27,23:30:00,3,GA,13,10,1,0,0,0,0,34.26,-85.16,34.3,-85.1,2,50,0
1,1951,6,8,1951-06-08,19:30:00,9,OK,40,1,1,0,0,0,0,36.05,-97.5,0,0,0.1,10,0
2,1952,6,8,1952-06-08,19:30:00,0,OK,40,2,1,0,0,0,0,36.05,-97.5,0,0,0.1,10,0
3,1953,6,8,1953-06-08,19:30:00,?,OK,40,3,1,0,0,0,0,36.05,-97.5,0,0,0.1,10,0
"""


def test_the_database_is_brought_from_central_time_to_utc(tmp_path, mosaic_of):
    """The tornado of Tuscaloosa began at 4:43 pm CDT (NWS Birmingham): 15:43 CST, 21:43 UTC."""
    read = boxes.read_reports(write(tmp_path / "1950-2011_torn.csv", DATABASE))
    assert times(read) == ["2011-04-27T21:43", "2011-04-28T05:30", "1951-06-08T19:30"]
    npt.assert_array_equal(read["longitude"], [-87.9351, -85.16, -97.5])
    assert "2 of 5 reports are of an unknown time zone" in read.attrs["note"]
    raw = pd.read_csv(tmp_path / "1950-2011_torn.csv")
    found = boxes.at_reports(mosaic_of(time="2011-04-27T21:43"), raw, within=1)
    npt.assert_allclose(found["latitude"], [33.03], atol=0.02)


def test_the_archives_own_column_comes_before_the_centers(tmp_path):
    text = "uid,date,time,tz,slat,slon,date_utc\na,4/27/2011,13:00,3,33,-87,4/27/2011 19:00\n"
    read = boxes.read_reports(write(tmp_path / "96-17_tor_utc_gridrad.csv", text))
    assert times(read) == ["2011-04-27T19:00"]
    assert "note" not in read.attrs


@pytest.mark.parametrize(
    "time",
    [
        *("2011-04-27T19", "2011-04-27 19:00", "20110427T1900", "2011-04-27T14:00-05:00"),
        *("2011-04-27T19:00:00Z", "4/27/2011 19:00", "04/27/2011 19:00:00", " 2011-04-27 19:00 "),
    ],
)
def test_ways_to_write_a_moment(tmp_path, time):
    path = write(tmp_path / "mine.csv", f"lat,lon,time\n33,-87,{time}\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert times(boxes.read_reports(path)) == ["2011-04-27T19:00"]


def test_a_csv_file_of_reports(tmp_path, mosaic_of):
    path = tmp_path / "reports.csv"
    path.write_text("UNID,Lat,LON,time,mag\na,33.2,-87.6,2011-04-27 19:00,3\n")
    read = boxes.read_reports(path)
    assert read.columns.tolist() == ["latitude", "longitude", "time"]
    path.write_text("unid,slat,slon,date_utc\na1,33.2,-87.6,4/27/2011 19:00\n")
    read = boxes.read_reports(path)
    assert read["unid"].tolist() == ["a1"]
    assert boxes.at_reports(mosaic_of(), read)["unid"].values.tolist() == ["a1"]


@pytest.mark.parametrize("placed", ["index", "column"])
def test_identifiers_are_text_whatever_the_table_holds(placed):
    table = pd.DataFrame({"unid": [7, 80]})
    named = _reports.identifiers(table.set_index("unid") if placed == "index" else table)
    assert named.tolist() == ["7", "80"]
    assert _reports.identifiers(pd.DataFrame({"name": ["a"]})) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as a CSV table"),
        (b"\xff\xfe\x00", r"reports\.csv cannot be read as a CSV table"),
        (b"a,b\n1,2\n", r"reports\.csv: The table has no column latitude or lat or slat"),
        (b"lat,lon,time\n1,2\n", r"reports\.csv: time holds"),
        (b"lat,lon,time\n1,2,13/4/2011 19:00\n", "time holds '13/4/2011 19:00', which is no time"),
        (b"a," * 1000 + b"b\n", "The table has no column latitude"),  # 1001 of them
        (b"a," * 1001 + b"b\n", r"reports\.csv: the table has more than 1000 columns"),
        (
            b"date,time,tz,slat,slon\n2011-04-27,late,3,33,-87\n",
            "date and time holds '2011-04-27 late', which is no time",
        ),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path, content, words):
    path = tmp_path / "reports.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        boxes.read_reports(path)


def test_a_missing_file_of_reports_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv does not exist"):
        boxes.read_reports(tmp_path / "nowhere.csv")
