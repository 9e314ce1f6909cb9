"""ODIM: composites placed by their projection, marks told apart, volumes ray by ray."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import numpy.testing as npt
import pytest
from odim_files import LAMBERT, LONLAT, NODATA, UNDETECT, composite, volume
from pyproj import Geod, Transformer
from xradar.io import open_odim_datatree

from stormlens.errors import InputError
from stormlens.readers import grid_lonlat, read
from stormlens.readers._odim import _azimuth, _sweep, read_odim
from stormlens.readers._options import Options
from stormlens.stormbox import NATIONAL, Grid

ROWS, COLUMNS = 60, 80  # of 0.1 degrees, from 40 N to 34 N and 100 W to 92 W


def codes(fill=UNDETECT):
    return np.full((ROWS, COLUMNS), fill, np.uint8)


def cell(row, column):
    x, y = NATIONAL.cell(-100 + 0.1 * (column + 0.5), 40 - 0.1 * (row + 0.5))
    return round(float(y)), round(float(x))


def dbz(value):
    return round((value + 32) / 0.5)


def test_nodata_undetect_and_echo_are_three_things():
    image = codes()
    image[:20] = NODATA
    image[40:50, 10:20] = dbz(45.5)
    mosaic = read(composite(image))
    states = [
        (int(mosaic.reflectivity.values[place]), bool(mosaic.coverage.values[place]))
        for place in (cell(10, 40), cell(30, 40), cell(45, 15))
    ]
    assert states == [(0, False), (0, True), (45, True)]


def test_each_cell_takes_the_pixel_that_it_lies_in():
    image = (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % 90 + 70).astype(np.uint8)
    mosaic = read(composite(image))
    longitude, latitude = grid_lonlat()
    row = np.floor((40 - latitude) / 0.1).astype(int)
    column = np.floor((longitude + 100) / 0.1).astype(int)
    inside = (row >= 0) & (row < ROWS) & (column >= 0) & (column < COLUMNS)
    npt.assert_array_equal(mosaic.coverage, inside)
    expected = np.floor(image[row[inside], column[inside]] * 0.5 - 32)
    npt.assert_array_equal(mosaic.reflectivity.values[inside], np.maximum(expected, 0))


@pytest.mark.parametrize("projdef", [LAMBERT, "+proj=laea +lat_0=37 +lon_0=-96 +ellps=WGS84"])
@pytest.mark.parametrize("scaled", [True, False])
def test_a_projected_composite_lands_in_its_place(projdef, scaled):
    to_plane = Transformer.from_crs("EPSG:4326", projdef, always_xy=True)
    left, top = to_plane.transform(-98.0, 38.0)
    size, step = 100, 4000.0
    edges = {"U": top, "L": top - size * step}, {"L": left, "R": left + size * step}
    corners = {
        south_north + west_east: to_plane.transform(
            edges[1][west_east], edges[0][south_north], direction="INVERSE"
        )
        for south_north in "UL"
        for west_east in "LR"
    }
    image = np.zeros((size, size), np.uint8)
    image[30:34, 60:66] = dbz(50)
    content = composite(image, projdef=projdef, corners=corners, scale=step if scaled else None)
    mosaic = read(content)
    y, x = np.nonzero(mosaic.reflectivity.values)
    longitude, latitude = to_plane.transform(left + 63 * step, top - 32 * step, direction="INVERSE")
    expected_x, expected_y = NATIONAL.cell(longitude, latitude)
    assert abs(x.mean() - expected_x) < 0.6
    assert abs(y.mean() - expected_y) < 0.6
    assert 15 <= len(x) <= 45  # 16 x 24 km in cells of 14.06 km2, more or less


def test_levels_of_one_quantity_give_their_maximum_and_any_coverage():
    low, high = codes(NODATA), codes()
    low[40:50, 10:20], high[40:50, 15:25] = dbz(50), dbz(30)
    mosaic = read(composite([low, high]))
    found = [int(mosaic.reflectivity.values[cell(45, c)]) for c in (12, 17, 22)]
    assert found == [50, 50, 30]
    assert mosaic.coverage.values[cell(5, 5)]
    assert mosaic.attrs["product"] == "DBZH of 2 images"


def test_rain_rate_goes_through_the_relation():
    image = codes()
    image[40:50, 10:20] = 100
    content = composite(image, quantity="RATE", gain=0.1, offset=0.0)
    assert read(content).reflectivity.values[cell(45, 15)] == 39  # 10 mm/h
    assert read(content, Options(rain="wsr-88d")).reflectivity.values[cell(45, 15)] == 38
    assert "Marshall" in read(content).attrs["derived"]
    assert read(content).reflectivity.values[cell(30, 40)] == 0


def test_time_and_source_are_told():
    mosaic = read(composite(codes(), date="20200714", time="201500"))
    assert mosaic.time.values == np.datetime64("2020-07-14T20:15")
    assert mosaic.attrs["source"] == "ODIM composite, ORG:247"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": "ACRR"}, "holds ACRR; read are DBZH"),
        ({"kind": "VP"}, "an ODIM object VP; read are COMP"),
        ({"projdef": ""}, "names no projection"),
        ({"projdef": "+proj=nonsense"}, "is not one that PROJ knows"),
        ({"corners": {k: (x + 100, y) for k, (x, y) in LONLAT.items()}}, "does not reach"),
        ({"corners": {**LONLAT, "LR": (-100, 34), "UR": (-100, 40)}}, "contradict each other"),
        ({"scale": 5.0}, "contradict each other"),
        ({"date": "2020"}, "are no time"),
        ({"gain": "much"}, "gain is 'much', not a number"),
        ({"kind": "COMP", "quantity": ""}, "holds nothing"),
    ],
)
def test_what_is_wrong_is_said(fields, message):
    with pytest.raises(InputError, match=message):
        read(composite(codes(), **fields), Options(grid="national"))


def sweep(value=None):
    raw = np.zeros((360, 150), np.uint8)
    if value is not None:
        raw[:] = dbz(value)
    return raw


RADAR = tuple(round(float(v)) for v in NATIONAL.cell(-97.28, 35.33))


@pytest.mark.parametrize("kind", ["PVOL", "SCAN"])
def test_the_highest_sweep_of_a_volume_counts(kind):
    mosaic = read(volume([(0.5, sweep(20)), (2.5, sweep(35))], kind=kind))
    x, y = RADAR
    assert mosaic.reflectivity.values[y + 8, x + 8] == 35
    assert mosaic.time.values.astype("datetime64[s]") == np.datetime64("2020-07-14T20:15:00")
    assert mosaic.attrs["source"] == "ODIM volume, radar at 35.33, -97.28"


def test_an_echo_of_a_volume_lies_where_azimuth_and_range_say():
    raw = sweep()
    raw[89:92, 47:53] = dbz(50)  # due east, 50 km away
    mosaic = read(volume([(0.5, raw)]))
    y, x = np.nonzero(mosaic.reflectivity.values)
    east = NATIONAL.cell(-97.28 + 50 / (111.32 * np.cos(np.deg2rad(35.33))), 35.33)
    assert abs(x.mean() - east[0]) < 1
    assert abs(y.mean() - east[1]) < 1


def test_undetect_of_a_volume_is_clear_air_and_nodata_is_not_covered():
    raw = sweep()
    raw[:180] = NODATA  # the eastern half
    mosaic = read(volume([(0.5, raw)]))
    x, y = RADAR
    assert not mosaic.coverage.values[y, x + 10]
    assert mosaic.coverage.values[y, x - 10]
    assert mosaic.reflectivity.values.max() == 0


def test_quality_control_uses_the_correlation_of_a_volume():
    correlation = np.full((360, 150), 245)  # 0.98
    correlation[:180] = 100  # 0.40
    content = volume([(0.5, sweep(40))], correlation=correlation)
    x, y = RADAR
    assert read(content).reflectivity.values[y, x + 10] == 40
    clean = read(content, Options(quality_control=True))
    assert clean.reflectivity.values[y, x + 10] == 0
    assert clean.reflectivity.values[y, x - 10] == 40


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": "VRADH"}, "no sweep around its radar with reflectivity"),
        ({"latitude": 50.0, "longitude": 10.0}, "does not reach the national grid"),
        ({"latitude": 500.0}, "no place on earth"),
        ({"spacing": 1e9}, "no places"),
    ],
)
def test_what_is_wrong_with_a_volume_is_said(fields, message):
    with pytest.raises(InputError, match=message):
        read(volume([(0.5, sweep(20))], **fields), Options(grid="national"))


def test_a_volume_without_sweeps_is_refused():
    with pytest.raises(InputError, match=r"damaged ODIM HDF5|no sweep"):
        read(volume([]))


def test_a_composite_on_the_grid_itself_comes_back_cell_by_cell():
    rng = np.random.default_rng(1)
    image = rng.integers(70, 170, (300, 400)).astype(np.uint8)
    corners = {
        name: tuple(map(float, NATIONAL.lonlat(x, y)))
        for name, x, y in (
            ("LL", 499.5, 299.5),
            ("LR", 899.5, 299.5),
            ("UL", 499.5, 599.5),
            ("UR", 899.5, 599.5),
        )
    }
    content = composite(image, projdef=LAMBERT, corners=corners, scale=3750)
    mosaic = read_odim(content, "x", Options())
    expected = np.maximum(np.floor(image[::-1] * 0.5 - 32), 0)
    npt.assert_array_equal(mosaic.reflectivity[300:600, 500:900], expected)
    assert int(mosaic.coverage.sum()) == image.size


@pytest.mark.parametrize("said", ["True", "False", None])
def test_files_that_say_they_are_simulated_are_called_so(said):
    """ODIM 2.4, attributes of `how`: simulated is "True" if data are simulated, else "False"."""
    for content in (composite(codes(dbz(30))), volume([(0.5, sweep(20))])):
        memory = io.BytesIO(content)
        if said is not None:
            with h5py.File(memory, "r+") as file:
                file.require_group("how").attrs["simulated"] = np.bytes_(said)
        assert read(memory.getvalue()).attrs["simulated"] == (said == "True")


def states(mosaic):
    """Of a place without data, one of clear air, and one of echo."""
    return [
        (int(mosaic.reflectivity.values[place]), bool(mosaic.coverage.values[place]))
        for place in (cell(10, 40), cell(30, 40), cell(45, 15))
    ]


def three_things():
    image = codes()
    image[:20], image[40:50, 10:20] = NODATA, dbz(45.5)
    return image


THREE = [(0, False), (0, True), (45, True)]


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize("conventions", [True, False])
def test_what_national_services_leave_out_or_write_otherwise_is_read(width, conventions):
    # BALTRAD writes offsets and lengths of 4 bytes; Belgium, Australia and Latvia no Conventions.
    how = {"width": width, "conventions": conventions}
    assert states(read(composite(three_things(), **how))) == THREE
    mosaic = read(volume([(0.5, sweep(20))], **how))
    assert mosaic.reflectivity.values.max() == 20


def test_without_nodata_and_undetect_the_ends_of_the_codes_are_they():
    # ODIM 2.4, table 16: both are mandatory; 255 and 0 are what is written.
    left_out = {"nodata": None, "undetect": None}
    assert states(read(composite(three_things(), **left_out))) == THREE
    # With a gain of 0.25, 255 would be 31.75 dBZ.
    image = codes(100)
    image[:20] = NODATA
    assert states(read(composite(image, gain=0.25, **left_out)))[0] == (0, False)
    wide = three_things().astype(np.uint16)
    wide[wide == NODATA] = 65535
    assert states(read(composite(wide, **left_out))) == THREE


@pytest.mark.parametrize("nodata", [-9999000.0, None, np.nan])
def test_marks_of_images_of_plain_numbers_are_told_apart(nodata):
    # OPERA's composites: gain 1, offset 0, nodata -9999000, undetect -8888000.
    image = np.full((ROWS, COLUMNS), -8888000.0)
    image[:20], image[40:50, 10:20] = -9999000.0 if nodata is None else nodata, 45.5
    how = {"gain": 1.0, "offset": 0.0, "undetect": -8888000.0}
    assert states(read(composite(image, nodata=nodata, **how))) == THREE


@pytest.mark.parametrize("value", [95.5, 300.0, 9999.0, 1e20, -9999.0])
def test_what_no_radar_measures_is_no_coverage(value):
    image = np.full((ROWS, COLUMNS), -32.0)
    image[:20], image[40:50, 10:20] = value, 45.5
    found = composite(image, gain=1.0, offset=0.0, nodata=None, undetect=-32.0)
    for sampling in ("nearest", "maximum"):
        mosaic = read(found, Options(sampling=sampling))
        assert states(mosaic) == THREE
        assert mosaic.reflectivity.values.max() == 45


def test_levels_leave_their_place_where_no_radar_measures_that():
    low, high = codes(dbz(20)), codes()
    high[:20] = dbz(94)
    assert read(composite([low, high])).reflectivity.values[cell(10, 40)] == 20


def test_the_quantity_that_is_named_is_read():
    def add(file):
        data = file["dataset1"].create_group("data2")
        what = data.create_group("what")
        fields = {"gain": 0.1, "offset": 0.0, "nodata": 255.0, "undetect": 0.0}
        what.attrs.update({"quantity": np.bytes_("RATE"), **fields})
        data["data"] = np.full((ROWS, COLUMNS), 100, np.uint8)

    content = composite(codes(dbz(20)), more=add)
    assert read(content).reflectivity.values[cell(45, 15)] == 20
    assert read(content, Options(field="RATE")).reflectivity.values[cell(45, 15)] == 39
    with pytest.raises(InputError, match=r"holds DBZH, RATE, of which TH is asked for"):
        read(content, Options(field="TH"))


def test_images_of_more_than_fits_are_refused_before_they_are_read():
    def add(file):
        data = file["dataset1/data1"]
        del data["data"]
        data.create_dataset("data", shape, "u1", chunks=(10, shape[1]), compression="gzip")

    shape = 7000, 8000
    with pytest.raises(InputError, match="56,000,000 values; up to 33,554,432 are read"):
        read(composite(codes(), more=add))
    shape = 5000, 6000
    many = [np.zeros((1, 1), np.uint8)] * 9

    def add_to_each(file):
        for number in range(1, 10):
            data = file[f"dataset{number}/data1"]
            del data["data"]
            data.create_dataset("data", shape, "u1", chunks=(10, shape[1]), compression="gzip")

    with pytest.raises(InputError, match="take over 256 MiB"):
        read(composite(many, more=add_to_each))


def test_gates_of_a_volume_without_nodata_end_as_its_images_do():
    codes = sweep(20)
    codes[:180] = NODATA
    # With a gain of 0.25, 255 would be 31.75 dBZ.
    mosaic = read(volume([(0.5, codes)], gain=0.25, nodata=None, undetect=None))
    x, y = RADAR
    assert not mosaic.coverage.values[y, x + 10]
    assert mosaic.coverage.values[y, x - 10]
    assert mosaic.reflectivity.values.max() == 0


def test_the_quantity_of_a_volume_that_is_named_is_read():
    content = volume([(0.5, sweep(20))], quantity="TH")
    assert read(content, Options(field="TH")).reflectivity.values.max() == 20
    with pytest.raises(InputError, match="no sweep around its radar with reflectivity"):
        read(content, Options(field="DBZH"))


@pytest.mark.parametrize(("key", "count"), [("nrays", 10**9), ("nbins", 10**9), ("nrays", 1e300)])
def test_more_rays_or_bins_than_there_are_cost_no_memory(key, count):
    memory = io.BytesIO(volume([(0.5, np.full((36, 40), dbz(30)))]))
    with h5py.File(memory, "r+") as file:
        file["dataset1/where"].attrs[key] = count
    present = {"nrays": 36, "nbins": 40}[key]
    with pytest.raises(InputError, match=f"says 1e\\+.* {key}, but its data have {present}"):
        read(memory.getvalue())


@pytest.mark.parametrize("count", ["nan", "forty", np.nan])
def test_counts_that_are_no_numbers_are_refused(count):
    memory = io.BytesIO(volume([(0.5, np.full((36, 40), dbz(30)))]))
    with h5py.File(memory, "r+") as file:
        file["dataset1/where"].attrs["nbins"] = count
    with pytest.raises(InputError, match=r"says nan nbins|nbins is 'forty', not a number"):
        read(memory.getvalue())


@pytest.mark.parametrize(
    ("unit", "scale"), [("m", 5000.0), ("m", 5.0), ("km", 5.0), ("km", 5000.0)]
)
def test_sizes_of_pixels_are_in_km_or_in_m(unit, scale):
    projection = f"+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +ellps=WGS84 +units={unit}"
    plane = Transformer.from_crs("EPSG:4326", projection, always_xy=True)
    step = 5000.0 if unit == "m" else 5.0
    x, y = plane.transform(5.0, 52.0)
    half = 50 * step
    sides = {"LL": (-1, -1), "UL": (-1, 1), "UR": (1, 1), "LR": (1, -1)}
    corners = {
        name: plane.transform(x + east * half, y + north * half, direction="INVERSE")
        for name, (east, north) in sides.items()
    }
    image = np.zeros((100, 100), np.uint8)
    image[49:51, 49:51] = 180
    mosaic = read(composite(image, projdef=projection, corners=corners, scale=scale))
    row, column = np.nonzero(mosaic.reflectivity.values)
    place = Grid.named(mosaic.attrs["grid"]).cell(5.0, 52.0)
    npt.assert_allclose((column.mean(), row.mean()), place, atol=0.7)


def turned(content, start=None, stop=None, **told):
    """A volume whose rays tell where they begin and end, and which else tells what it is told."""
    memory = io.BytesIO(content)
    with h5py.File(memory, "r+") as file:
        how = file["dataset1"].require_group("how")
        for key, values in (("startazA", start), ("stopazA", stop)):
            if values is not None:
                how.attrs[key] = np.asarray(values, float) % 360
        for key, value in told.items():
            path, _, name = key.rpartition("__")
            group = file.require_group(path.replace("__", "/")) if path else file
            group.attrs[name] = np.bytes_(value) if isinstance(value, str) else value
    return memory.getvalue()


def north_east(rays=360):
    codes = np.full((rays, 100), UNDETECT, np.uint8)
    step = rays // 360
    codes[40 * step : 50 * step, 46:54] = dbz(50)  # azimuths 40 to 50, 46 to 54 km away
    return codes


def away(mosaic):
    """Direction and distance, km, of the echo from the radar."""
    y, x = np.nonzero(mosaic.reflectivity.values == 50)
    place = NATIONAL.lonlat(x.mean(), y.mean())
    azimuth, _, distance = Geod(ellps="WGS84").inv(-97.28, 35.33, *place)
    return azimuth % 360, distance / 1000


BEGINS = np.arange(360.0)


@pytest.mark.parametrize(
    ("order", "start", "stop"),
    [
        (slice(None), BEGINS, BEGINS + 1),
        (slice(None), BEGINS, None),
        (slice(None, None, -1), BEGINS[::-1] + 1, BEGINS[::-1]),  # the antenna goes anticlockwise
        (slice(None, None, -1), BEGINS[::-1] + 1, None),
        # A ray may end a hair before it began, where an encoder trembles.
        (slice(None), BEGINS + 0.5, BEGINS + 0.5 - 0.02 * (BEGINS == 45)),
        (np.roll(np.arange(360), 100), np.roll(BEGINS, 100), np.roll(BEGINS, 100) + 1),
    ],
    ids=["clockwise", "no end", "anticlockwise", "anticlockwise, no end", "trembling", "turned"],
)
def test_rays_lie_where_they_begin_and_end(order, start, stop):
    content = turned(volume([(0.5, north_east()[order])]), start, stop)
    azimuth, distance = away(read(content))
    assert abs(azimuth - 45) < 1.5
    assert abs(distance - 50) < 2


def test_rays_that_tell_no_angles_go_clockwise_from_north():
    azimuth, _ = away(read(volume([(0.5, north_east()[::-1])])))
    assert azimuth == pytest.approx(360 - 45, abs=2)


def test_the_first_ray_may_begin_beside_north():
    plain, offset = (
        away(read(turned(volume([(0.5, north_east())]), dataset1__how__astart=beside)))
        for beside in (0.0, 20.0)
    )
    assert offset[0] - plain[0] == pytest.approx(20, abs=2.5)


@pytest.mark.parametrize(
    ("conventions", "version", "first", "beyond"),
    [
        ("ODIM_H5/V2_2", "H5rad 2.2", 10.0, 10),
        ("ODIM_H5/V2_4", "H5rad 2.4", 10_000.0, 10),
        ("", "H5rad 2.4", 10_000.0, 10),  # the attribute is left out now and then
        ("", "H5rad 2.2", 10.0, 10),
    ],
)
def test_the_range_of_the_first_bin_is_in_km_until_2_3_and_in_m_since(
    conventions, version, first, beyond
):
    content = volume([(0.5, north_east())], first_km=first, conventions=False)
    told = {"what__version": version, **({"Conventions": conventions} if conventions else {})}
    _, distance = away(read(turned(content, **told)))
    assert distance == pytest.approx(50 + beyond, abs=2)


@pytest.mark.parametrize("elangles", [True, False])
def test_each_ray_may_tell_its_elevation(elangles):
    # At 60 degrees 50 km along the beam are 25 over the ground.
    tilts = np.full(360, 60.0)
    told = (
        {"dataset1__how__elangles": tilts}
        if elangles
        else {"dataset1__how__startelA": tilts - 1, "dataset1__how__stopelA": tilts + 1}
    )
    _, distance = away(read(turned(volume([(0.5, north_east())]), **told)))
    assert distance == pytest.approx(25, abs=2)


def test_xradar_reads_a_clockwise_volume_alike():
    start = (np.arange(360.0) - 0.3) % 360
    content = turned(volume([(2.0, north_east())], first_km=1.0), start, start + 1)
    with h5py.File(io.BytesIO(content)) as file:
        ours = _sweep(file, "dataset1", "x")
        values = {key: np.asarray(raw.read()) for key, raw in ours.items()}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "volume.h5"
        path.write_bytes(content)
        with open_odim_datatree(path, mask_and_scale=False) as tree:
            theirs = tree["sweep_0"].to_dataset()
            npt.assert_allclose(np.sort(values["azimuth"]), theirs["azimuth"])
            npt.assert_allclose(values["range"], theirs["range"])
            npt.assert_allclose(values["elevation"], theirs["elevation"])
            order = np.argsort(values["azimuth"])
            npt.assert_array_equal(values["DBZH"][order], theirs["DBZH"])


def test_the_middle_of_a_ray_lies_the_short_way_between_its_ends():
    ends = [(359.5, 0.5, 0), (0.5, 359.5, 0), (10, 9, 9.5), (9, 10, 9.5), (0, 359, 359.5)]
    start, stop, middle = np.array(ends).T
    found = _azimuth({"startazA": start, "stopazA": stop}, len(ends), "x")
    npt.assert_allclose(found, middle, atol=1e-9)
