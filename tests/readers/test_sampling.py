"""Sampling of grids of meridians and parallels, judged cell by cell in plain Python."""

import numpy as np
import numpy.testing as npt
import pytest

from stormlens.readers import _sampling, grid_lonlat
from stormlens.readers._sampling import highest_in_cell
from stormlens.stormbox import NATIONAL

RNG = np.random.default_rng(1)
CELLS = [(int(y), int(x)) for y, x in RNG.integers(0, NATIONAL.shape, (300, 2))]


def sample_lonlat(dbz, seen, *place):
    return _sampling.sample_lonlat(lambda at: (dbz[at], seen[at]), *place)


def made_grid(turned, falling):
    """Half-degree grid over part of the country, as different files keep theirs."""
    longitude = np.arange(-110, -80, 0.5) + (360 if turned else 0)
    latitude = np.arange(28, 45, 0.5)
    if falling:
        latitude = latitude[::-1]
    dbz = RNG.uniform(5, 60, (len(latitude), len(longitude)))
    return dbz, RNG.random(dbz.shape) < 0.8, longitude, latitude


@pytest.mark.parametrize("turned", [False, True], ids=["-180 to 180", "0 to 360"])
@pytest.mark.parametrize("falling", [False, True], ids=["from the south", "from the north"])
def test_each_cell_takes_the_value_nearest_to_its_centre(turned, falling):
    dbz, seen, longitude, latitude = made_grid(turned, falling)
    values, coverage = sample_lonlat(dbz, seen, longitude, latitude, NATIONAL, "nearest")
    east, north = grid_lonlat()
    for y, x in CELLS:
        column = np.abs(longitude - 360 * turned - east[y, x]).argmin()
        row = np.abs(latitude - north[y, x]).argmin()
        far = max(
            abs(longitude[column] - 360 * turned - east[y, x]), abs(latitude[row] - north[y, x])
        )
        assert coverage[y, x] == (far <= 0.25 and seen[row, column])
        if coverage[y, x]:
            assert values[y, x] == dbz[row, column]
        else:
            assert values[y, x] == -np.inf


@pytest.mark.parametrize("falling", [False, True])
def test_columns_from_east_to_west(falling):
    dbz, seen, longitude, latitude = made_grid(False, falling)
    straight = sample_lonlat(dbz, seen, longitude, latitude, NATIONAL, "nearest")
    mirrored = sample_lonlat(
        dbz[:, ::-1], seen[:, ::-1], longitude[::-1], latitude, NATIONAL, "nearest"
    )
    npt.assert_array_equal(straight, mirrored)


@pytest.mark.parametrize("turned", [False, True])
def test_the_highest_value_within_a_cell(turned):
    y, x = 400, 700
    centre_longitude, centre_latitude = (float(v) for v in NATIONAL.lonlat(x, y))
    # Nine fine points within one cell of 3.75 km, the highest at its corner.
    longitude = centre_longitude + np.array([-0.012, 0, 0.012]) + 360 * turned
    latitude = centre_latitude + np.array([-0.009, 0, 0.009])
    dbz = np.array([[10.0, 11, 12], [13, 20, 15], [16, 17, 58]])
    nearest, _ = sample_lonlat(dbz, np.ones((3, 3), bool), longitude, latitude, NATIONAL, "nearest")
    highest, _ = sample_lonlat(dbz, np.ones((3, 3), bool), longitude, latitude, NATIONAL, "maximum")
    assert (nearest[y, x], highest[y, x]) == (20, 58)


def test_what_is_not_seen_raises_nothing():
    dbz, seen, longitude, latitude = made_grid(False, False)
    seen[:] = False
    values, coverage = sample_lonlat(dbz, seen, longitude, latitude, NATIONAL, "maximum")
    assert not coverage.any()
    assert (values == -np.inf).all()


def test_places_outside_the_grid_raise_nothing():
    start = np.zeros(NATIONAL.shape)
    x = np.array([-1.0, 1399, 5, 5, 5.4])
    y = np.array([5.0, 5, -0.6, 899, 5.4])
    raised = highest_in_cell(start, np.full(5, 50.0), x, y)
    assert raised[5, 5] == 50
    assert (raised > 0).sum() == 1
    assert not start.any()


def test_a_file_is_read_some_rows_at_a_time_and_each_row_once(monkeypatch):
    monkeypatch.setattr(_sampling, "_CELLS_AT_A_TIME", 10)  # two rows of five
    dbz = np.arange(35.0).reshape(7, 5)
    seen = np.ones(dbz.shape, bool)
    seen[6, 4] = False
    asked = []

    def read(at):
        asked.extend(range(7)[at])
        assert len(range(7)[at]) <= 2
        return dbz[at], seen[at]

    def cell(row, column):
        return column.astype(float), row.astype(float)

    raised = _sampling.raised(np.full(dbz.shape, -np.inf), read, dbz.shape, cell)
    assert asked == list(range(7))
    expected = np.where(seen & (dbz >= 1), dbz, -np.inf)
    npt.assert_array_equal(raised, expected)
