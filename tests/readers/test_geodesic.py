"""Ways on the ellipsoid, held against PROJ."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import Geod

from stormlens.readers._geodesic import azimuth_and_distance, destination

PROJ = Geod(ellps="WGS84")
LATITUDES, LONGITUDES = st.floats(-85, 85), st.floats(-360, 360)
WAYS = st.lists(st.tuples(st.floats(-180, 540), st.floats(0, 1e6)), min_size=1, max_size=20)


def turn(one, other):
    """Degrees from one direction, or meridian, to another."""
    return np.abs((one - other + 180) % 360 - 180)


@given(LATITUDES, LONGITUDES, WAYS)
@example(85.0, 0.0, [(0.0, 558456.0)])  # a hair west of north
def test_ways_of_up_to_1000_km_are_projs(latitude, longitude, ways):
    azimuth, distance = np.array(ways).T
    start = np.full(len(ways), longitude), np.full(len(ways), latitude)
    expected_longitude, expected_latitude, _ = PROJ.fwd(*start, azimuth, distance)
    to_latitude, to_longitude = destination(latitude, longitude, azimuth, distance)
    npt.assert_allclose(to_latitude, expected_latitude, atol=1e-8)
    npt.assert_array_less(turn(to_longitude, expected_longitude), 1e-7)
    expected, _, length = PROJ.inv(*start, expected_longitude, expected_latitude)
    found, metres = azimuth_and_distance(latitude, longitude, expected_latitude, expected_longitude)
    npt.assert_allclose(metres, length, atol=0.01)
    # Within a kilometre the last digits of a place turn a direction further.
    npt.assert_array_less(turn(found, expected) * (length > 1000), 1e-7)
    assert ((found >= 0) & (found < 360)).all()


@pytest.mark.parametrize("seed", range(5))
def test_far_places_are_projs_to_a_millimetre(seed):
    """Where the last terms of Vincenty's series count: a tenth of a millimetre is 1e-9 degrees."""
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.uniform(-80, 80), rng.uniform(-180, 180)
    azimuth, metres = rng.uniform(0, 360, 40), rng.uniform(4e6, 9e6, 40)
    start = np.full(40, longitude), np.full(40, latitude)
    east, north, _ = PROJ.fwd(*start, azimuth, metres)
    found_north, found_east = destination(latitude, longitude, azimuth, metres)
    npt.assert_allclose(found_north, north, atol=1e-9)
    npt.assert_array_less(turn(found_east, east) * np.cos(np.deg2rad(north)), 2e-9)


def test_a_place_is_no_way_from_itself():
    for latitude in (0.0, 35.0):
        _, metres = azimuth_and_distance(latitude, -97.0, np.array([latitude]), np.array([-97.0]))
        npt.assert_allclose(metres, 0, atol=1e-6)


def test_along_the_equator():
    azimuth, metres = azimuth_and_distance(0.0, -97.0, np.zeros(2), np.array([-96.0, -98.0]))
    npt.assert_allclose(azimuth, [90, 270])
    npt.assert_allclose(metres, 6378137 * np.pi / 180)
