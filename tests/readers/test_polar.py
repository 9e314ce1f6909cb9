"""Beam geometry against xradar's georeferencing, and places against PROJ's geodesic."""

from functools import cache

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from xradar.georeference import antenna_to_cartesian

from stormlens.errors import InputError
from stormlens.readers._options import Options
from stormlens.readers._polar import Sweep, grid_about, ground_distance, slant_range, volume_to_grid
from stormlens.readers._quality import quality_controlled
from stormlens.stormbox import NATIONAL

PLACE = (38.47, -97.53)
BENT_M = 4 / 3 * 6_371_000  # Doviak and Zrnic (1993)


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
    first, second = (
        volume_to_grid([s], 39.0, -97.0, NATIONAL, "nearest", "x") for s in (plain, mixed)
    )
    npt.assert_array_equal(first, second)


def test_the_ray_on_both_sides_of_north_is_found():
    dbz = np.full((360, 200), -np.inf, np.float32)
    dbz[[0, 359]] = 40
    values, _ = volume_to_grid([sweep(dbz=dbz)], 38.5, -97.5, NATIONAL, "nearest", "x")
    # The radar stands on the grid's own meridian, so north is up: a straight column of echo.
    y, x = np.nonzero(values == 40)
    assert set(x[y > 455]) <= {698, 699, 700}
    assert y.max() == round(449 + 200 / 3.75)  # 200 gates of 1 km, by hand
    assert y.min() >= 448


def test_the_sweep_with_the_longest_reach_decides_the_coverage():
    near, far = sweep(dbz=sweep().dbz[:, :50]), sweep(elevation=1.5)
    _, alone = volume_to_grid([near], 38.5, -97.5, NATIONAL, "nearest", "x")
    _, both = volume_to_grid([near, far], 38.5, -97.5, NATIONAL, "nearest", "x")
    npt.assert_allclose(alone.sum(), np.pi * 50**2 / 3.75**2, rtol=0.02)
    npt.assert_allclose(both.sum(), np.pi * 200**2 / 3.75**2, rtol=0.02)


@pytest.mark.parametrize(("latitude", "longitude"), [(64.5, -165.3), (13.5, 144.8), (0, 0)])
def test_a_radar_out_of_reach_is_refused(latitude, longitude):
    with pytest.raises(InputError, match="does not reach the national grid"):
        grid_about(latitude, longitude, 200_000.0, Options(grid="national"), "x")


def test_the_highest_gate_lands_in_its_cell():
    dbz = np.full((360, 200), 10, np.float32)
    dbz[45, 141] = 55  # 45.5 degrees, 141.5 km
    values, _ = volume_to_grid([sweep(dbz=dbz)], 38.5, -97.5, NATIONAL, "maximum", "x")
    (y,), (x,) = np.nonzero(values == 55)
    distance = ground_distance(141_500.0, 0.5)
    east, north = distance * np.sin(np.deg2rad(45.5)), distance * np.cos(np.deg2rad(45.5))
    # On the plane: the sphere's curvature shifts it by far less than a cell here.
    assert abs(x - (699 + east / 3750)) < 1
    assert abs(y - (449 + north / 3750)) < 1


def test_the_highest_gate_counts_where_its_cells_centre_is_out_of_reach():
    dbz = np.full((360, 20), -np.inf, np.float32)
    dbz[:, 19] = 50
    values, coverage = volume_to_grid([sweep(dbz=dbz)], 38.5, -97.5, NATIONAL, "maximum", "x")
    azimuth, distance = np.arange(360) + 0.5, np.full(360, ground_distance(19_500.0, 0.5))
    place = Geod(ellps="WGS84").fwd(np.full(360, -97.5), np.full(360, 38.5), azimuth, distance)
    x, y = (np.rint(axis).astype(int) for axis in NATIONAL.cell(*place[:2]))
    assert (values[y, x] == 50).all()
    assert coverage[y, x].all()


def test_a_radar_at_the_edge_fills_what_lies_on_the_grid():
    latitude, longitude = 25.9, -97.4  # Brownsville
    values, coverage = volume_to_grid([sweep()], latitude, longitude, NATIONAL, "nearest", "x")
    x, y = (round(float(v)) for v in NATIONAL.cell(longitude, latitude))
    assert coverage[y, x]
    assert values[y, x] == 30


@cache
def from_radar():
    """Bearing and distance of each cell's centre from the radar, by PROJ's geodesic."""
    there = NATIONAL.lonlat(np.arange(1399), np.arange(899)[:, np.newaxis])
    there = [np.broadcast_to(axis, (899, 1399)) for axis in there]
    here = [np.full((899, 1399), axis) for axis in PLACE[::-1]]
    bearing, _, distance = Geod(ellps="WGS84").inv(*here, *there)
    return bearing % 360, distance


def over_ground(slant, elevation):
    """Where a beam's end stands, by hand: the triangle of earth's centre, radar and gate."""
    tilt = np.deg2rad(elevation)
    return abs(BENT_M * np.arctan(slant * np.cos(tilt) / (BENT_M + slant * np.sin(tilt))))


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
@pytest.mark.parametrize("controlled", [False, True])
@pytest.mark.parametrize("elevation", [60, 85, 89, 89.9, 90, 90.02, 95, 120, -90])
def test_a_steep_sweep_says_something_of_the_ground_beneath_its_gates_alone(
    elevation, controlled, sampling
):
    dbz = np.full((360, 400), -np.inf, np.float32)
    dbz[:, :3] = 55
    steep = sweep(elevation=elevation, dbz=dbz, first=2125.0, spacing=250.0)
    steep = quality_controlled(steep) if controlled else steep
    values, coverage = volume_to_grid([steep], *PLACE, NATIONAL, sampling, "x")
    x, y = (round(float(v)) for v in NATIONAL.cell(*PLACE[::-1]))
    _, distance = from_radar()
    half_diagonal = 3750 / 2**0.5
    ends = over_ground(2125 + 399.5 * 250, elevation)
    if sampling == "maximum" or ends < 3750 / 2:
        assert values[y, x] == 55
    assert coverage[y, x]
    echo_ends = over_ground(2125 + 2.5 * 250, elevation)
    assert distance[values > 0].max(initial=0) <= max(echo_ends + half_diagonal, distance[y, x])
    covered = distance < ends - 1
    assert coverage[covered].all()
    covered[y, x] = True
    assert not coverage[~covered & (distance > ends + 1)].any()


def test_a_steep_sweep_agrees_with_its_gates_placed_one_by_one():
    rng = np.random.default_rng(1)
    dbz = np.full((360, 400), -np.inf, np.float32)
    dbz[:, 50:400] = rng.uniform(5, 60, (360, 350))
    for elevation in (80, 88):
        steep = sweep(elevation=elevation, dbz=dbz, first=125.0, spacing=250.0)
        values, _ = volume_to_grid([steep], *PLACE, NATIONAL, "maximum", "x")
        expected = np.full((899, 1399), -np.inf)
        ground = over_ground(125 + 250 * np.arange(400), elevation)
        azimuth, distance = np.meshgrid(steep.azimuth, ground, indexing="ij")
        start = [np.full(azimuth.shape, axis) for axis in PLACE[::-1]]
        longitude, latitude, _ = Geod(ellps="WGS84").fwd(*start, azimuth, distance)
        column, row = (np.rint(axis).astype(int) for axis in NATIONAL.cell(longitude, latitude))
        np.maximum.at(expected, (row, column), dbz)
        npt.assert_array_equal(values[expected > 0], expected[expected > 0])


def test_a_vertical_sweep_adds_its_own_cell_to_a_volume_and_nothing_else():
    upward = np.full((360, 100), -np.inf, np.float32)
    upward[:, 20] = 52  # an echo 5 km above the radar
    level = sweep(dbz=np.full((360, 200), 20.0, np.float32))
    vertical = sweep(elevation=90.0, dbz=upward, first=125.0, spacing=250.0)
    x, y = (round(float(v)) for v in NATIONAL.cell(*PLACE[::-1]))
    values, coverage = volume_to_grid([level, vertical], *PLACE, NATIONAL, "nearest", "x")
    alone, covered = volume_to_grid([level], *PLACE, NATIONAL, "nearest", "x")
    alone[y, x] = 52
    npt.assert_array_equal(values, alone)
    npt.assert_array_equal(coverage, covered)


def test_an_antenna_that_goes_over_the_top_looks_back():
    dbz = np.full((360, 200), -np.inf, np.float32)
    dbz[80:120, 20:60] = 40
    plain = volume_to_grid([sweep(elevation=30.0, dbz=dbz)], *PLACE, NATIONAL, "maximum", "x")
    back = sweep(elevation=150.0, dbz=dbz, azimuth=sweep().azimuth + 180)
    npt.assert_array_equal(plain, volume_to_grid([back], *PLACE, NATIONAL, "maximum", "x"))


def test_a_radar_that_sees_nothing_near_it_covers_nothing_there():
    far = sweep(first=60_500.0, dbz=np.full((360, 40), 30.0, np.float32))
    _, coverage = volume_to_grid([far], *PLACE, NATIONAL, "nearest", "x")
    _, distance = from_radar()
    assert not coverage[distance < 57_000].any()
    assert coverage[(distance > 60_500) & (distance < 99_000)].all()


def test_each_ray_may_have_an_elevation_of_its_own():
    rng = np.random.default_rng(2)
    dbz = rng.uniform(5, 60, (360, 200)).astype(np.float32)
    elevation = np.where(np.arange(360) < 180, 1.0, 25.0)
    values, coverage = volume_to_grid(
        [sweep(dbz=dbz, elevation=elevation)], *PLACE, NATIONAL, "nearest", "x"
    )
    toward, distance = from_radar()
    for side, tilt in ((toward < 180, 1.0), (toward > 180, 25.0)):
        one, covered = volume_to_grid(
            [sweep(dbz=dbz, elevation=tilt)], *PLACE, NATIONAL, "nearest", "x"
        )
        there = side & (distance > 3000)
        npt.assert_array_equal(values[there], one[there])
        npt.assert_array_equal(coverage[there], covered[there])


def scan():
    """A scan whose every ray has another value."""
    return sweep(dbz=np.repeat(np.arange(360, dtype=np.float32)[:, np.newaxis] / 8 + 5, 200, 1))


def on_grid(*sweeps):
    return volume_to_grid(sweeps, *PLACE, NATIONAL, "nearest", "x")


@pytest.mark.parametrize("times", [2, 3, 5])
def test_rays_that_come_more_than_once_change_nothing(times):
    plain = scan()
    often = sweep(
        dbz=np.repeat(plain.dbz, times, 0), azimuth=np.repeat(plain.azimuth, times), elevation=0.5
    )
    npt.assert_array_equal(on_grid(often), on_grid(plain))


def test_of_rays_that_claim_one_place_the_highest_counts():
    plain = scan()
    lower = np.where(plain.dbz > 30, -np.inf, np.nan).astype(np.float32)
    both = sweep(
        dbz=np.concatenate([lower, plain.dbz]), azimuth=np.tile(plain.azimuth, 2), elevation=0.5
    )
    npt.assert_array_equal(on_grid(both), on_grid(plain))


def test_azimuths_rounded_to_whole_degrees_lose_no_ray():
    azimuth = np.rint((np.arange(720) + 0.5) / 2) % 360
    _, coverage = on_grid(sweep(azimuth=azimuth, dbz=np.full((720, 200), 30, np.float32)))
    npt.assert_array_equal(coverage, on_grid(scan())[1])


@pytest.mark.parametrize("apart", [0.1, 0.02, 0.3, -0.1])
def test_two_turns_that_lie_close_together_cover_what_one_does(apart):
    plain = scan()
    two = sweep(
        azimuth=np.concatenate([plain.azimuth, (plain.azimuth + apart) % 360]),
        dbz=np.concatenate([plain.dbz, plain.dbz]),
    )
    values, coverage = on_grid(two)
    once, covered = on_grid(plain)
    npt.assert_array_equal(coverage, covered)
    # A cell near the border of two rays may take the other: its value differs by one ray's.
    near = np.isfinite(once)
    difference = np.abs(values[near] - once[near])
    assert ((difference <= 0.125) | (difference > 44)).all()
    assert (difference == 0).mean() > 1 - 1.2 * abs(apart)


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0, 2.0, 5.0])
def test_a_blanked_sector_stays_blank_at_any_step(step):
    azimuth = np.arange(0.05, 360, step)
    azimuth = azimuth[(azimuth < 90) | (azimuth > 150)]
    _, coverage = on_grid(sweep(azimuth=azimuth, dbz=np.full((len(azimuth), 200), 9, np.float32)))
    toward, distance = from_radar()
    inside = (distance < 190_000) & (distance > 5_000)
    slack = max(step, 0.5)
    assert not coverage[inside & (toward > 90 + slack) & (toward < 150 - slack)].any()
    assert coverage[inside & ((toward < 90 - step) | (toward > 150 + step))].all()


@pytest.mark.parametrize(("start", "rays"), [(340.5, 40), (10.5, 12), (100.5, 3), (200.5, 1)])
def test_a_sector_covers_itself_and_no_more(start, rays):
    azimuth = (start + np.arange(rays)) % 360
    _, coverage = on_grid(sweep(azimuth=azimuth, dbz=np.full((rays, 200), 9, np.float32)))
    toward, distance = from_radar()
    off = (toward - start + 180) % 360 - 180
    inside = (distance < 190_000) & (distance > 5_000)
    assert coverage[inside & (off > -0.4) & (off < rays - 0.6)].all()
    assert not coverage[inside & ((off < -1.1) | (off > rays + 0.1))].any()


def test_half_the_rays_lost_at_random_are_bridged_where_they_stood_alone():
    rng = np.random.default_rng(3)
    kept = np.sort(rng.choice(360, 180, replace=False))
    plain = scan()
    half = sweep(azimuth=plain.azimuth[kept], dbz=plain.dbz[kept])
    values, coverage = on_grid(half)
    once, _ = on_grid(plain)
    toward, distance = from_radar()
    inside = (distance < 190_000) & (distance > 5_000)
    off = np.abs((toward[inside][:, np.newaxis] - half.azimuth + 180) % 360 - 180).min(-1)
    assert coverage[inside][off < 1].all()
    assert not coverage[inside][off > 3].any()
    npt.assert_array_equal(values[inside][off < 0.49], once[inside][off < 0.49])


def test_a_ray_that_comes_twice_is_no_neighbour_of_its_own():
    dbz = np.full((360, 200), -np.inf, np.float32)
    dbz[[40, 41], 50] = 45  # two gates: a speck, as each has one neighbour
    twice = sweep(dbz=np.repeat(dbz, 2, 0), azimuth=np.repeat(sweep().azimuth, 2))
    assert not np.isfinite(quality_controlled(twice).dbz).any()
    dbz[40:43, 50:53] = 45
    twice = sweep(dbz=np.repeat(dbz, 2, 0), azimuth=np.repeat(sweep().azimuth, 2))
    npt.assert_array_equal(quality_controlled(twice).dbz, quality_controlled(sweep(dbz=dbz)).dbz)


@pytest.mark.parametrize("seed", range(8))
def test_specks_are_counted_all_around_the_radar(seed):
    """Neighbours one by one, of which the first ray's lie on the last ray too."""
    rng = np.random.default_rng(seed)
    echo = rng.random((7, 9)) < 0.45
    expected = echo.copy()
    for ray, gate in np.argwhere(echo):
        around = [
            echo[(ray + turn) % 7, gate + out]
            for turn in (-1, 0, 1)
            for out in (-1, 0, 1)
            if (turn or out) and 0 <= gate + out < 9
        ]
        expected[ray, gate] = sum(around) >= 3
    dbz = np.where(echo, 30, -np.inf).astype(np.float32)
    order = rng.permutation(7)  # rays need not lie in the order of their azimuths
    azimuth = np.arange(7) * 360 / 7
    kept = quality_controlled(sweep(dbz=dbz[order], azimuth=azimuth[order]))
    again = np.argsort(kept.azimuth)
    npt.assert_array_equal(np.isfinite(kept.dbz[again]), expected)


def test_a_longitude_to_the_east_is_the_same_as_to_the_west():
    first, second = (
        volume_to_grid([scan()], PLACE[0], longitude, NATIONAL, "maximum", "x")
        for longitude in (-97.53, 262.47)
    )
    npt.assert_array_equal(first, second)


@pytest.mark.parametrize("mark", [81.0, 94.5, 9999.0, 1e20, np.inf, -999.0])
@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
def test_what_no_radar_measures_leaves_its_place_to_the_other_sweeps(mark, sampling):
    marked = np.full((360, 200), 40.0, np.float32)
    marked[:180] = mark  # the east
    values, coverage = volume_to_grid([sweep(dbz=marked)], 38.5, -97.5, NATIONAL, sampling, "x")
    x, y = (round(float(axis)) for axis in NATIONAL.cell(-97.5, 38.5))
    assert values[np.isfinite(values)].max() == 40
    assert not coverage[y - 5 : y + 5, x + 3 : x + 20].any()
    assert coverage[y - 5 : y + 5, x - 20 : x - 3].all()
    below = sweep(dbz=np.full((360, 200), 20.0, np.float32))
    both = [below, sweep(dbz=marked)]
    values, coverage = volume_to_grid(both, 38.5, -97.5, NATIONAL, sampling, "x")
    assert (values[y - 5 : y + 5, x + 3 : x + 20] == 20).all()
    assert coverage[y - 5 : y + 5, x + 3 : x + 20].all()
