"""Files from anywhere on earth, on the nation's grid or one of their own."""

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from cfradial_files import cfradial
from grib_files import grib
from nexrad_files import Turn, code, volume
from odim_files import composite
from odim_files import volume as odim_volume
from pyproj import CRS, Geod, Transformer

from stormlens import boxes
from stormlens.errors import InputError
from stormlens.readers import Options, from_xarray, read, read_mosaic
from stormlens.stormbox import NATIONAL, Grid

WGS84 = Geod(ellps="WGS84")
RADARS = [
    (52.10, 5.18),  # De Bilt
    (-37.85, 144.75),  # Melbourne
    (1.35, 103.97),  # Singapore
    (13.46, 144.81),  # Guam
    (64.51, -165.29),  # Nome
    (-18.23, 179.90),  # Fiji, whose reach crosses the antimeridian
]


def sweep_of(rays=360, gates=400):
    codes = np.zeros((rays, gates), np.uint8)
    codes[40:50, 175:209] = code(50)  # north-east, 46 to 54 km away
    return Turn(0.5, {"REF": codes})


@pytest.mark.parametrize(("latitude", "longitude"), RADARS)
@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
def test_an_echo_lies_where_azimuth_and_range_say_anywhere(latitude, longitude, sampling):
    content = volume([sweep_of()], latitude=latitude, longitude=longitude)
    mosaic = read_mosaic(content, Options(sampling))
    assert mosaic.grid == Grid.around(latitude, longitude, (200, 200))
    y, x = np.nonzero(mosaic.reflectivity == 50)
    assert len(y) > 3
    east, north, _ = WGS84.fwd(longitude, latitude, 45.0, 50_000.0)
    npt.assert_allclose(mosaic.grid.cell(east, north), (x.mean(), y.mean()), atol=0.8)
    # Seen as far as its 400 gates of 250 m reach, about the radar in the middle.
    npt.assert_allclose(mosaic.coverage.sum(), np.pi * 102.1**2 / 3.75**2, rtol=0.03)
    rows, columns = np.nonzero(mosaic.coverage)
    npt.assert_allclose([rows.mean(), columns.mean()], 200, atol=0.5)


def test_all_volumes_of_a_radar_share_a_grid_whatever_their_reach():
    near, far = (
        read_mosaic(volume([sweep_of(gates=n)], latitude=47.5, longitude=11.0)) for n in (100, 1832)
    )
    assert near.grid == far.grid


def test_a_radar_that_reaches_the_nation_is_on_its_grid():
    north_of_it = {"latitude": 54.0, "longitude": -97.5}  # the grid ends at 53.6 N there
    assert read_mosaic(volume([sweep_of()], **north_of_it)).grid == NATIONAL
    far = {**north_of_it, "latitude": 55.2}  # 100 km of reach, 180 km to go
    assert read_mosaic(volume([sweep_of()], **far)).grid != NATIONAL


LAEA = "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +units=m +ellps=WGS84"


def opera():
    """A composite as OPERA's: Lambert's equal-area plane, here in pixels of 20 km."""
    rows, columns, step = 220, 190, 20_000.0
    plane = CRS.from_proj4(LAEA)
    to_plane = Transformer.from_crs(plane.geodetic_crs, plane, always_xy=True)
    left, top = to_plane.transform(-10.434, 67.0228)
    corners = {
        name: to_plane.transform(left + dx, top - dy, direction="INVERSE")
        for name, dx, dy in (
            ("UL", 0, 0),
            ("UR", columns * step, 0),
            ("LR", columns * step, rows * step),
            ("LL", 0, rows * step),
        )
    }
    codes = np.full((rows, columns), 255, np.uint8)
    codes[20:200, 20:170] = 0
    cities = {"Paris": (48.86, 2.35, 100), "Oslo": (59.91, 10.75, 120), "Rome": (41.9, 12.5, 140)}
    for latitude, longitude, value in cities.values():
        x, y = to_plane.transform(longitude, latitude)
        row, column = int((top - y) / step), int((x - left) / step)
        codes[row - 1 : row + 2, column - 1 : column + 2] = value
    return composite(codes, projdef=LAEA, corners=corners, scale=step), cities


def test_a_composite_of_europe_has_its_storms_over_their_cities():
    content, cities = opera()
    mosaic = read_mosaic(content)
    assert mosaic.grid != NATIONAL
    assert abs(mosaic.grid.latitude - 50) < 5
    for latitude, longitude, value in cities.values():
        x, y = (round(float(axis)) for axis in mosaic.grid.cell(longitude, latitude))
        assert mosaic.reflectivity[y, x] == int(0.5 * value - 32)
    found = boxes.find_storms(mosaic, threshold=15)
    assert len(found) == 3
    for latitude, longitude in zip(found.storm["latitude"], found.storm["longitude"], strict=True):
        away = [WGS84.inv(longitude, latitude, place[1], place[0])[2] for place in cities.values()]
        assert min(away) < 30_000
    assert set(found.storm["grid"]) == {mosaic.grid.name}
    assert all(name.endswith(f"@{mosaic.grid.name}") for name in found.storm["unid"])


def test_each_kind_of_file_gets_a_grid_of_its_own():
    dutch = {"latitude": 52.1, "longitude": 5.18}
    scan = np.full((36, 50), 100, np.uint8)
    polar = (
        read_mosaic(odim_volume([(0.5, scan)], **dutch)),
        read_mosaic(cfradial([(0.5, np.full((36, 50), 20.0))], **dutch)),
    )
    for mosaic in polar:
        assert mosaic.grid == Grid(52.1, 5.18, (401, 401))
        assert mosaic.reflectivity[200, 200] > 0


def field_of(longitude, latitude, dbz=None):
    values = np.full((len(latitude), len(longitude)), 30.0) if dbz is None else dbz
    return xr.DataArray(
        values,
        coords={"lat": ("lat", latitude), "lon": ("lon", longitude)},
        dims=("lat", "lon"),
        attrs={"units": "dBZ"},
    )


@pytest.mark.parametrize("last", [180.0, 360.0])
def test_meridians_on_either_side_of_the_antimeridian_are_one_field(last):
    longitude = np.arange(170.0, 190.0, 0.05)  # about Fiji
    counted = np.where(longitude >= last, longitude - 360, longitude)
    dbz = np.full((200, len(longitude)), 20.0)
    dbz[98:103] = 40.0
    mosaic = from_xarray(field_of(counted, np.arange(-22.0, -12.0, 0.05), dbz))
    grid = Grid.named(mosaic.attrs["grid"])
    assert abs(abs(grid.longitude) - 180) < 0.1
    for meridian in (171.0, 179.99, -179.99, -171.0):
        x, y = (round(float(axis)) for axis in grid.cell(meridian, -17.0))
        assert mosaic.reflectivity.values[y, x] == 40
        assert bool(mosaic.coverage.values[y, x])


@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
def test_curved_grids_and_meridians_give_the_same_field(sampling):
    longitude, latitude = np.arange(8.0, 16.0, 0.04), np.arange(44.0, 50.0, 0.03)
    rng = np.random.default_rng(5)
    dbz = np.kron(rng.integers(5, 60, (20, 20)), np.ones((10, 10))).astype(float)
    plain = field_of(longitude, latitude, dbz)
    columns, rows = np.meshgrid(longitude, latitude)
    curved = plain.drop_vars(("lat", "lon")).rename(lat="y", lon="x")
    curved = curved.assign_coords(lat=(("y", "x"), rows), lon=(("y", "x"), columns))
    name = "47.00N-012.00E-401x401"
    first, second = (from_xarray(f, Options(grid=name, sampling=sampling)) for f in (plain, curved))
    same = first.reflectivity.values == second.reflectivity.values
    assert same.mean() > 0.995  # ties between two cells fall either way
    assert (first.reflectivity.values > 0).sum() > 20_000


def test_a_grib_of_elsewhere():
    content = grib(np.full((40, 60), 30.0), west=120.0, north=36.0, step=0.05)
    mosaic = read_mosaic(content)
    assert abs(mosaic.grid.longitude - 121.5) < 0.1
    assert mosaic.coverage.sum() > 2000


def test_a_grid_that_is_asked_for_is_given():
    content = volume([sweep_of()], latitude=52.1, longitude=5.18)
    named = read_mosaic(content, Options(grid="50.00N-010.00E-801x801"))
    assert named.grid == Grid(50.0, 10.0, (801, 801))
    centred = read_mosaic(content, Options(grid="51,6"))
    assert (centred.grid.latitude, centred.grid.longitude) == (51.0, 6.0)
    assert centred.coverage.sum() == pytest.approx(named.coverage.sum(), rel=0.02)
    assert read(content, Options(grid=(51.0, 6.0))).attrs["grid"] == centred.grid.name
    with pytest.raises(InputError, match=r"does not reach the grid 10\.00N"):
        read(content, Options(grid="10.00N-010.00E-101x101"))
    with pytest.raises(InputError, match="national grid of the contiguous United States"):
        read(content, Options(grid="national"))


@pytest.mark.parametrize("grid", ["52.1", "x,y", "95,0", "52,5,0", "nan,0", (1.0,), "52.1;5.2"])
def test_what_is_no_grid_is_said(grid):
    with pytest.raises(InputError, match=r"is no (centre of a )?grid"):
        Options(grid=grid)


def test_half_the_globe_is_more_than_a_grid_holds():
    wide = field_of(np.arange(0.0, 160.0, 1.0), np.arange(-60.0, 60.0, 1.0))
    with pytest.raises(InputError, match=r"choose its middle with --grid LAT,LON"):
        from_xarray(wide)
    assert from_xarray(wide, Options(grid="45,10")).attrs["grid"] == "45.00N-010.00E-2001x2001"


def test_a_mosaic_keeps_its_grid_through_a_file(tmp_path):
    mosaic = read(volume([sweep_of()], latitude=-37.85, longitude=144.75))
    path = tmp_path / "melbourne.nc"
    mosaic.to_netcdf(path)
    again = read(path)
    xr.testing.assert_identical(again.load(), mosaic)
    with pytest.raises(InputError, match=r"lies on the grid 37\.85S-144\.75E-401x401 already"):
        read(path, Options(grid="national"))
    # Others read where it lies from what CF says of it.
    crs = CRS.from_cf(again["crs"].attrs)
    km = [float(again[axis][200]) for axis in "xy"]
    place = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(*km)
    npt.assert_allclose(place, (144.75, -37.85), atol=1e-6)
    # False easting is in the unit of the axes (CF 1.11, appendix F), which PROJ takes for metres.
    told = {key: value for key, value in again["crs"].attrs.items() if key != "crs_wkt"}
    x0, y0 = (told[key] * 1000 for key in ("false_easting", "false_northing"))
    plane = CRS.from_cf({**told, "false_easting": x0, "false_northing": y0})
    metres = [1000 * value for value in km]
    place = Transformer.from_crs(plane, crs.geodetic_crs, always_xy=True).transform(*metres)
    npt.assert_allclose(place, (144.75, -37.85), atol=1e-6)


def test_boxes_of_two_grids_at_one_place_and_time_have_two_names():
    places = [{"latitude": 52.1, "longitude": 5.18}, {"latitude": 51.9, "longitude": 4.9}]
    ids = []
    for place in places:
        mosaic = read_mosaic(volume([sweep_of()], **place))
        ids += boxes.at_points(mosaic, [52.0], [5.0]).storm["unid"].tolist()
    assert ids[0] != ids[1]
    assert ids[0].endswith("@52.10N-005.18E-401x401")
