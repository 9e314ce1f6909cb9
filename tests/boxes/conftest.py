"""Made-up mosaics to cut boxes from."""

import numpy as np
import pytest

from stormlens.readers import make_mosaic
from stormlens.stormbox import NATIONAL

TIME = np.datetime64("2011-04-27T19:02:30")


@pytest.fixture(scope="session")
def mosaic_of():
    """Make a mosaic from blocks of echo: {(row, column, rows, columns): dBZ}."""

    def make(blocks=None, *, time=TIME, coverage=None, simulated=False):
        dbz = np.zeros(NATIONAL.shape)
        for (row, column, rows, columns), value in (blocks or {}).items():
            dbz[row : row + rows, column : column + columns] = value
        seen = np.ones(NATIONAL.shape, bool) if coverage is None else coverage
        return make_mosaic(dbz, seen, time=time, source="made-up blocks", simulated=simulated)

    return make


@pytest.fixture(scope="session")
def speckled():
    """A mosaic with echo everywhere and ragged coverage, different in every cell."""
    rng = np.random.default_rng(3)
    dbz = rng.integers(0, 75, NATIONAL.shape)
    return make_mosaic(dbz, rng.random(NATIONAL.shape) < 0.9, time=TIME, source="made-up speckle")
