"""From painted dBZ to a storm box: what radars add, what they miss, whole dBZ."""

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._simulated._network import (
    clear_air,
    clutter,
    radar_sites,
    range_edge,
    rings,
    specks,
    spikes,
)
from stormlens.datasets._simulated._scene import NOTHING, Scene, positive
from stormlens.datasets._simulated._texture import Field
from stormlens.stormbox import SIZE

_HIGHEST = np.full((SIZE, SIZE), 72, dtype=np.float32)
"""dBZ that no simulated pixel passes; the archive's own maximum is 74."""


def with_network(scene: Scene, dbz: Field) -> Field:
    """
    Add what the radar network shows apart from the storms.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        The painted storms.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    sites = radar_sites(scene)
    np.maximum(dbz, clear_air(scene, sites), out=dbz)
    np.maximum(dbz, specks(scene), out=dbz)
    if scene.chance(0.1):
        np.maximum(dbz, spikes(scene, sites, 1 + int(scene.rng.random() * 2)), out=dbz)
    if scene.chance(0.4):
        clutter(scene, dbz)
    if scene.chance(0.4):
        rings(scene, dbz, sites)
    if scene.chance(0.03):
        dbz = range_edge(scene, dbz)
    return dbz


def observe(scene: Scene, dbz: Field) -> NDArray[np.uint8]:
    """
    Measure the painted reflectivity as a mosaic of radars would.

    Pixel noise is stronger in weak echo, and the weakest is seen only now and
    then; the rest is truncated to whole dBZ, as the archive's is.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        Everything painted.

    Returns
    -------
    reflectivity : ndarray of uint8, shape (136, 136)
    """
    weather = scene.weather
    noise = weather.grain + 0.07 * positive(18 - positive(dbz))
    measured = dbz + weather.calibration
    measured += noise * scene.cut("white")
    seen = measured + 1.5 * scene.cut("white") > weather.sensitivity
    seen &= dbz > NOTHING / 2
    return (positive(np.minimum(measured, _HIGHEST)) * seen).astype(np.uint8)
