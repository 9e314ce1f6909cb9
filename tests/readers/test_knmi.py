"""KNMI's own HDF5: places by its corners and PROJ, marks of no echo and no image told apart."""

import io

import h5py
import numpy as np
import numpy.testing as npt
import pytest
from knmi_files import COLUMNS, PROJECTION, ROWS, knmi_image, knmi_volume
from pyproj import Geod, Transformer

from stormlens.errors import InputError
from stormlens.readers import Options, read_mosaic
from stormlens.stormbox import Grid

KM = "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378140 +b=6356750 +units=km"
"""The same plane by another way of writing it: an earth in metres, coordinates in km."""
TO_PLANE = Transformer.from_crs("+proj=longlat +a=6378140 +b=6356750", KM, always_xy=True)
DE_BILT, BREMEN = (5.18, 52.10), (8.80, 53.08)


def pixel(longitude, latitude):
    """Row and column: the plane's corner lies at 0 km east and 3649.982 km from the pole."""
    x, y = TO_PLANE.transform(longitude, latitude)
    return int(-y - 3649.982), int(x)


def blank(fill=0):
    return np.full((ROWS, COLUMNS), fill, np.uint8)


def at(mosaic, longitude, latitude):
    x, y = (round(float(axis)) for axis in mosaic.grid.cell(longitude, latitude))
    return int(mosaic.reflectivity[y, x]), bool(mosaic.coverage[y, x])


def paint(image, place, value):
    row, column = pixel(*place)
    image[row - 15 : row + 16, column - 15 : column + 16] = value


def dutch():
    """Echo over two cities, no image in the west."""
    image = blank()
    paint(image, DE_BILT, 164)  # 0.5 * 164 - 32 = 50 dBZ
    paint(image, BREMEN, 125)  # 30.5 dBZ
    image[:, :100] = 255
    return image


@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
@pytest.mark.parametrize(
    "projection",
    [
        PROJECTION,
        "+proj=stere +lat_0=90 +lon_0=0.0 +lat_ts=60.0 +a=6378.137 +b=6356.752 +x_0=0 +y_0=0",
        "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378137 +b=6356752 +x_0=0 +y_0=0 +units=km",
    ],
)
def test_echo_lies_over_its_cities_and_marks_are_told_apart(projection, sampling):
    mosaic = read_mosaic(knmi_image(dutch(), projection=projection), Options(sampling))
    assert at(mosaic, *DE_BILT) == (50, True)
    assert at(mosaic, *BREMEN) == (30, True)
    assert at(mosaic, 6.5, 54.5) == (0, True)  # no echo
    assert at(mosaic, 0.5, 52.0) == (0, False)  # out of the image
    assert at(mosaic, 12.0, 52.0) == (0, False)  # beside it
    y, x = np.nonzero(mosaic.reflectivity == 50)
    npt.assert_allclose((x.mean(), y.mean()), mosaic.grid.cell(*DE_BILT), atol=0.7)
    more = 0.15 if sampling == "nearest" else 0.4  # a cell takes the highest within it
    npt.assert_allclose(len(y) * 3.75**2, 31 * 31, rtol=more)  # km2


def test_what_a_file_says_of_itself_is_told():
    mosaic = read_mosaic(knmi_image(dutch()))
    assert mosaic.time == np.datetime64("2020-07-14T20:20")
    assert mosaic.source == "KNMI composite"
    assert mosaic.product == "REFLECTIVITY_[DBZ], RAD_NL25_PCP_H1.5_NA"
    ahead = read_mosaic(knmi_image(dutch(), valid="14-Jul-2020;21:05:00.000"))
    assert ahead.time == np.datetime64("2020-07-14T21:05")


def test_a_mark_at_the_upper_end_of_the_codes_is_no_coverage():
    image = dutch()
    paint(image, (6.5, 54.5), 254)
    mosaic = read_mosaic(knmi_image(image, missing=254, formula="GEO=0.400000*PV+-32.000000"))
    assert at(mosaic, 6.5, 54.5) == (0, False)
    assert at(mosaic, *DE_BILT) == (33, True)  # 0.4 * 164 - 32 = 33.6
    assert at(mosaic, 6.5, 53.5) == (0, True)  # code 0 is -32 dBZ


def test_the_image_that_is_named_is_read():
    names = ["REFLECTIVITY_[DBZ]", "ADJUSTMENT_FACTOR_[DB]", "UNCORRECTED_REFLECTIVITY_[DBZ]"]
    content = knmi_image(dutch(), blank(200), dutch() // 255, parameter=names)
    with pytest.raises(InputError, match=r"2 fields that could be read \(image1, image3\)"):
        read_mosaic(content)
    for field in ("image1", "REFLECTIVITY_[DBZ]"):
        assert at(read_mosaic(content, Options(field=field)), *DE_BILT) == (50, True)
    with pytest.raises(InputError, match=r"none of them image2; .* are read\.$"):
        read_mosaic(content, Options(field="image2"))


def test_rain_of_five_minutes_is_no_rate():
    # nl_rdr_data_rtcor_5m: hundredths of a millimetre, 65534 and 65535 marks.
    rain = {"parameter": "PRECIP_[MM]", "formula": "GEO=0.010000*PV+0.000000", "missing": 65534}
    content = knmi_image(blank().astype(np.uint16), outside=65535, **rain)
    with pytest.raises(InputError, match=r"holds PRECIP_\[MM\]; .* sum over some minutes"):
        read_mosaic(content)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"formula": "GEO=10**PV"}, r"calibration_formulas is 'GEO=10\*\*PV'"),
        ({"formula": "GEO=1e5e*PV+1"}, "a formula such as"),
        ({"projection": "+proj=nonsense"}, "is not one that PROJ knows"),
        ({"corners": [0.0, 49.0, 0.0, 49.0, 10.0, 49.0, 10.0, 49.0]}, "contradict each other"),
        ({"corners": [0.0, 49.0]}, "damaged KNMI HDF5"),
        ({"end": "yesterday"}, "'yesterday' is no time"),
        ({"end": "31-FEB-2020;20:15:00.000"}, "is no time"),
        ({"end": "14-MAI-2020;20:15:00.000"}, "is no time"),
    ],
)
def test_what_is_wrong_is_said(fields, message):
    with pytest.raises(InputError, match=message):
        read_mosaic(knmi_image(dutch(), **fields))


def code(dbz):
    return round((dbz + 31.5019) / 0.00193793)


def scan(rays=360):
    codes = np.zeros((rays, 838), np.uint16)
    step = rays // 36
    codes[4 * step : 5 * step, 210:238] = code(50.5)  # azimuths of 40 to 50 degrees
    return codes


@pytest.mark.parametrize("rays", [360, 720])
def test_an_echo_of_a_volume_lies_where_azimuth_and_range_say(rays):
    mosaic = read_mosaic(knmi_volume([(90.0, 0 * scan(rays)), (0.3, scan(rays))]))
    assert mosaic.grid == Grid.around(51.8369, 5.1381, (200, 200))
    y, x = np.nonzero(mosaic.reflectivity == 50)
    east, north, _ = Geod(ellps="WGS84").fwd(5.1381, 51.8369, 45.0, 224 * 223.5)
    npt.assert_allclose((x.mean(), y.mean()), mosaic.grid.cell(east, north), atol=0.6)
    # Its 838 gates of 223.5 m are all seen, code 0 or not: no signal is clear air.
    npt.assert_allclose(mosaic.coverage.sum(), np.pi * 187.3**2 / 3.75**2, rtol=0.02)
    assert mosaic.time == np.datetime64("2020-07-14T20:15:10")
    assert mosaic.source == "KNMI volume, radar at 51.84, 5.14"
    assert mosaic.product == "column maximum of 2 sweeps"


def test_moments_of_a_volume_are_taken_by_their_rank():
    content = knmi_volume([(0.3, scan())], moments=("V", "uZ", "RhoHV"))
    assert read_mosaic(content).reflectivity.max() == 50
    with pytest.raises(InputError, match="no sweep around its radar with reflectivity"):
        read_mosaic(knmi_volume([(0.3, scan())], moments=("V",)))


def test_quality_control_uses_the_correlation_of_a_volume():
    def write(correlation):
        memory = io.BytesIO(knmi_volume([(0.3, scan())]))
        with h5py.File(memory, "r+") as file:
            file["scan1/calibration"].attrs["calibration_RhoHV_formulas"] = b"GEO=0.01*PV+0.0"
            file["scan1/scan_RhoHV_data"] = np.full((360, 838), correlation, np.uint16)
        return read_mosaic(memory.getvalue(), Options(quality_control=True))

    assert write(98).reflectivity.max() == 50
    assert write(40).reflectivity.max() == 0
