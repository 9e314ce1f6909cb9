import numpy as np
import numpy.testing as npt
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, Grid, offsets_km

# Cell centres (x, y) and their published latitude and longitude.
CORNERS = [
    ((0, 0), (20.509216, -121.81102)),
    ((0, 898), (48.89253, -133.66338)),
    ((1398, 898), (48.89253, -61.33661)),
    ((1398, 0), (20.509216, -73.188965)),
]
METRE = 1 / 111_000


@pytest.mark.parametrize(("cell", "place"), CORNERS)
def test_corners_lie_where_the_archive_says(cell, place):
    longitude, latitude = NATIONAL.lonlat(*cell)
    npt.assert_allclose(latitude, place[0], atol=METRE)
    # A metre of longitude is shorter than a metre of latitude; published to five decimals.
    npt.assert_allclose(longitude, place[1], atol=2 * METRE)


@given(st.floats(0, 1398), st.floats(0, 898))
def test_place_and_cell_are_inverse(x, y):
    npt.assert_allclose(NATIONAL.cell(*NATIONAL.lonlat(x, y)), (x, y), atol=1e-6)


def test_centre_of_a_box_lies_between_its_middle_cells():
    npt.assert_allclose(NATIONAL.box_centre(631, 381), NATIONAL.lonlat(698.5, 448.5))


def test_offsets_span_the_box_of_510_km():
    km = offsets_km()
    assert km.shape == (136,)
    npt.assert_allclose(np.diff(km), 3.75)
    npt.assert_allclose(km[0] + km[-1], 510)


def test_the_south_pole_is_no_cell():
    assert not np.isfinite(NATIONAL.cell(30.0, -90.0)).any()


CENTRES = [
    (52.1, 5.18),
    (-37.85, 144.75),
    (1.35, 103.97),
    (0.0, -60.0),
    (69.6, 18.9),
    (-45.0, -180.0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("latitude", "longitude"), CENTRES)
@pytest.mark.parametrize("turns", [-360, 0, 360])
def test_a_grid_anywhere_is_the_projection_that_its_mapping_names(latitude, longitude, turns):
    grid = Grid.around(latitude, longitude + turns, (200, 150))
    assert grid.shape == (401, 301)
    mapping = {**grid.mapping, "false_easting": 0.0, "false_northing": 0.0}
    crs = pyproj.CRS.from_cf(mapping)
    to_plane = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    rng = np.random.default_rng(3)
    y, x = rng.uniform(0, 401, 200), rng.uniform(0, 301, 200)
    east, north = to_plane.transform(*grid.lonlat(x, y))
    npt.assert_allclose(east, (x - 150) * 3750, atol=0.01)
    npt.assert_allclose(north, (y - 200) * 3750, atol=0.01)
    npt.assert_allclose(grid.cell(*grid.lonlat(x, y)), (x, y), atol=1e-6)
    told = pyproj.CRS.from_wkt(grid.wkt)
    to_plane = pyproj.Transformer.from_crs(told.geodetic_crs, told, always_xy=True)
    npt.assert_allclose(to_plane.transform(*grid.lonlat(x, y)), (x * 3.75, y * 3.75), atol=1e-5)


@given(st.floats(-89, 89), st.floats(-720, 720), st.integers(0, 1000), st.integers(0, 1000))
def test_the_name_of_a_grid_says_all(latitude, longitude, down, across):
    grid = Grid.around(latitude, longitude, (down, across))
    assert Grid.named(grid.name) == grid
    east = (grid.longitude - longitude + 180) % 360 - 180
    assert abs(grid.latitude - latitude) <= 0.0101
    assert abs(east) <= 0.0051


@given(st.floats(-89, 89), st.floats(-180, 180))
def test_the_middle_of_a_grid_is_its_centre_and_north_is_up(latitude, longitude):
    grid = Grid.around(latitude, longitude, (100, 100))
    x, y = grid.cell(grid.longitude, [grid.latitude, grid.latitude + 0.5])
    npt.assert_allclose(x, 100, atol=1e-6)
    npt.assert_allclose(y, [100, 100 + 0.5 * np.pi / 180 * 6370 / 3.75], rtol=1e-3)
    assert grid.cell(grid.longitude + 0.1, grid.latitude)[0] > 100


@pytest.mark.parametrize(
    "name",
    ["", "National", "52.10N-005.18E", "52.1N-5.18E-401x401", "52.10N-005.18E-401x0",
     "00.00N-005.18E-401x401", "52.10N-181.00E-401x401", "52.10N-005.18E-401x9999"],
)  # fmt: skip
def test_what_is_no_grid_is_said(name):
    with pytest.raises(InputError, match="is no grid; grids are called national"):
        Grid.named(name)


def test_the_nation_has_its_own_name():
    assert NATIONAL.name == "national"
    assert Grid.named("national") is NATIONAL
    assert Grid.around(38.5, -97.5, (449, 699)) == NATIONAL
