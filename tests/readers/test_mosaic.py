"""The container of mosaics: what is whole, what is clear, and where on earth it lies."""

import numpy as np
import numpy.testing as npt
import pyproj
import pytest

from stormlens.errors import InputError
from stormlens.readers import grid_lonlat, make_mosaic
from stormlens.stormbox import NATIONAL

# Corner cells as the archive's authors give them: (row, column), latitude, longitude.
CORNERS = [
    ((0, 0), 20.509216, -121.81102),
    ((-1, 0), 48.89253, -133.66338),
    ((-1, -1), 48.89253, -61.33661),
    ((0, -1), 20.509216, -73.188965),
]


def mosaic_of(values, seen=True):
    dbz = np.full(NATIONAL.shape, -np.inf)
    dbz[0, : len(values)] = values
    return make_mosaic(dbz, np.full(NATIONAL.shape, seen), time=None, source="made up")


def test_values_are_truncated_and_bounded():
    values = [np.nan, -np.inf, -60, -5, 0.9, 1, 39.99, 80]
    mosaic = mosaic_of(values)
    npt.assert_array_equal(mosaic.reflectivity.values[0, :8], [0, 0, 0, 0, 0, 1, 39, 80])
    assert mosaic.coverage.values.all()
    assert mosaic.reflectivity.dtype == np.uint8


@pytest.mark.parametrize(
    "mark", [95.5, 300, 9999, 1e20, 9.97e36, np.inf, -99.9, -999, -9999, -32768, -99_901]
)
def test_what_no_radar_measures_is_no_coverage(mark):
    mosaic = mosaic_of([40, mark, 50])
    npt.assert_array_equal(mosaic.reflectivity.values[0, :3], [40, 0, 50])
    npt.assert_array_equal(mosaic.coverage.values[0, :3], [True, False, True])


@pytest.mark.parametrize("time", ["0030-04-27T19:00", "1677-01-01", "2500-01-01"])
def test_a_time_that_nanoseconds_do_not_reach_is_refused(time):
    dbz, seen = np.zeros(NATIONAL.shape), np.ones(NATIONAL.shape, bool)
    with pytest.raises(InputError, match=r"x: time: .* lies outside the years 1678 to 2261"):
        make_mosaic(dbz, seen, time=np.datetime64(time, "s"), source="x")


def test_a_cell_that_no_radar_sees_holds_no_echo():
    mosaic = mosaic_of([50, 60], seen=False)
    assert not mosaic.reflectivity.values.any()
    assert not mosaic.coverage.values.any()


@pytest.mark.parametrize(("cell", "latitude", "longitude"), CORNERS)
def test_corners_of_the_grid(cell, latitude, longitude):
    east, north = grid_lonlat()
    npt.assert_allclose((north[cell], east[cell]), (latitude, longitude), atol=1e-5)


def test_the_grid_mapping_reproduces_the_grid_in_proj():
    mosaic = mosaic_of([])
    crs = pyproj.CRS.from_cf(mosaic.crs.attrs)
    # CF has false easting in the units of the axes, km; PROJ's own are metres.
    operation = {p.name: p.value for p in crs.coordinate_operation.params}
    assert operation["False easting"] == 699 * 3.75
    plane = pyproj.Proj(proj="lcc", lat_1=38.5, lat_0=38.5, lon_0=-97.5, R=6_370_000)
    east, north = plane(*(grid[::90, ::140] for grid in grid_lonlat()))
    npt.assert_allclose(
        east / 1000 + 699 * 3.75, np.broadcast_to(mosaic.x[::140], east.shape), atol=1e-6
    )
    npt.assert_allclose((north / 1000 + 449 * 3.75).T[0], mosaic.y[::90], atol=1e-6)


def test_another_shape_is_refused():
    with pytest.raises(InputError, match=r"made up: reflectivity has shape \(3, 4\)"):
        make_mosaic(np.zeros((3, 4)), np.ones((3, 4)), time=None, source="made up")
