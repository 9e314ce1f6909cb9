"""
Basic quality control of a radar's sweeps: specks, and echo that is no weather.

What is taken out becomes clear air: the radar saw there, and saw no storm.
"""

from dataclasses import replace

import numpy as np

from stormlens.readers._polar import Sweep, distinct_rays

LEAST_CORRELATION = 0.8
"""Below it an echo is birds, insects, chaff or ground; hail and melting snow stay above."""

LEAST_NEIGHBOURS = 3
"""Echoes among a gate's eight neighbours that make it more than a speck."""


def quality_controlled(sweep: Sweep) -> Sweep:
    """
    A sweep without echo of low correlation and without specks.

    Parameters
    ----------
    sweep : Sweep
        As measured.

    Returns
    -------
    sweep : Sweep
        Gates whose correlation coefficient is known and lies below 0.8 (Park et al. 2009,
        Weather and Forecasting 24, 730-748, keep weather above about 0.8), and then gates with
        fewer than three echoes around them, have no echo.
    """
    dbz = np.array(sweep.dbz)
    if sweep.correlation is not None:
        dbz[(sweep.correlation < LEAST_CORRELATION) & np.isfinite(dbz)] = -np.inf
    # A ray that comes twice is no neighbour of its own.
    sweep = distinct_rays(replace(sweep, dbz=dbz))
    dbz = sweep.dbz
    in_turn = np.argsort(sweep.azimuth, kind="stable")
    specks = np.empty(dbz.shape, bool)
    specks[in_turn] = _specks(np.isfinite(dbz[in_turn]))
    dbz[specks] = -np.inf
    return replace(sweep, dbz=dbz)


def _specks(echo: np.ndarray) -> np.ndarray:
    """Echoes with few others around them; the last ray is a neighbour of the first."""
    from scipy.ndimage import convolve

    turned = np.concatenate([echo[-1:], echo, echo[:1]]).astype(np.uint8)
    around = convolve(turned, np.ones((3, 3), np.uint8), mode="constant")[1:-1]
    return echo & (around - echo < LEAST_NEIGHBOURS)
