"""Beam geometry against xradar's georeferencing, and places against the geodesic by hand."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xradar.georeference import antenna_to_cartesian

from stormlens.errors import InputError
from stormlens.readers._polar import Sweep, ground_distance, slant_range, volume_to_grid
from stormlens.stormbox import NATIONAL


def sweep(**changes):
    settings = {
        "azimuth": np.arange(360) + 0.5,
        "elevation": 0.5,
        "first": 500.0,
        "spacing": 1000.0,
        "dbz": np.full((360, 200), 30.0, np.float32),
    }
    return Sweep(**(settings | changes))


@pytest.mark.parametrize("elevation", [0.5, 2.4, 19.5])
def test_ground_distance_agrees_with_xradar(elevation):
    ranges = np.arange(1, 460) * 1000.0
    x, y, _ = antenna_to_cartesian(ranges, np.full(459, 90.0), np.full(459, elevation))
    # xradar takes the earth's radius as 6,371 km too, and 4/3 of it.
    npt.assert_allclose(ground_distance(ranges, elevation), np.hypot(x, y), rtol=2e-4)


@given(st.floats(100, 460_000), st.floats(-0.5, 60))
def test_slant_range_is_the_inverse_of_ground_distance(slant, elevation):
    there_and_back = slant_range(ground_distance(np.float64(slant), elevation), elevation)
    npt.assert_allclose(there_and_back, slant, rtol=1e-9)


def test_rays_in_any_order_give_the_same():
    rng = np.random.default_rng(0)
    dbz = rng.uniform(5, 60, (360, 200)).astype(np.float32)
    plain = sweep(dbz=dbz)
    order = rng.permutation(360)
    mixed = sweep(dbz=dbz[order], azimuth=plain.azimuth[order])
    first, second = (volume_to_grid([s], 39.0, -97.0, "nearest", "x") for s in (plain, mixed))
    npt.assert_array_equal(first, second)


def test_the_ray_on_both_sides_of_north_is_found():
    dbz = np.full((360, 200), -np.inf, np.float32)
    dbz[[0, 359]] = 40
    values, _ = volume_to_grid([sweep(dbz=dbz)], 38.5, -97.5, "nearest", "x")
    # The radar stands on the grid's own meridian, so north is up: a straight column of echo.
    y, x = np.nonzero(values == 40)
    assert set(x[y > 455]) <= {698, 699, 700}
    assert y.max() == round(449 + 200 / 3.75)  # 200 gates of 1 km, by hand
    assert y.min() >= 448


def test_the_sweep_with_the_longest_reach_decides_the_coverage():
    near, far = sweep(dbz=sweep().dbz[:, :50]), sweep(elevation=1.5)
    _, alone = volume_to_grid([near], 38.5, -97.5, "nearest", "x")
    _, both = volume_to_grid([near, far], 38.5, -97.5, "nearest", "x")
    npt.assert_allclose(alone.sum(), np.pi * 50**2 / 3.75**2, rtol=0.02)
    npt.assert_allclose(both.sum(), np.pi * 200**2 / 3.75**2, rtol=0.02)


@pytest.mark.parametrize(("latitude", "longitude"), [(64.5, -165.3), (13.5, 144.8), (0, 0)])
def test_a_radar_out_of_reach_is_refused(latitude, longitude):
    with pytest.raises(InputError, match="does not reach the national grid"):
        volume_to_grid([sweep()], latitude, longitude, "nearest", "x")


def test_the_highest_gate_lands_in_its_cell():
    dbz = np.full((360, 200), 10, np.float32)
    dbz[45, 141] = 55  # 45.5 degrees, 141.5 km
    values, _ = volume_to_grid([sweep(dbz=dbz)], 38.5, -97.5, "maximum", "x")
    (y,), (x,) = np.nonzero(values == 55)
    distance = ground_distance(141_500.0, 0.5)
    east, north = distance * np.sin(np.deg2rad(45.5)), distance * np.cos(np.deg2rad(45.5))
    # On the plane: the sphere's curvature shifts it by far less than a cell here.
    assert abs(x - (699 + east / 3750)) < 1
    assert abs(y - (449 + north / 3750)) < 1


def test_a_radar_at_the_edge_fills_what_lies_on_the_grid():
    latitude, longitude = 25.9, -97.4  # Brownsville
    values, coverage = volume_to_grid([sweep()], latitude, longitude, "nearest", "x")
    x, y = (round(float(v)) for v in NATIONAL.cell(longitude, latitude))
    assert coverage[y, x]
    assert values[y, x] == 30
