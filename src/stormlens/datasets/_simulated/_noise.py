"""Noise boxes: echo that is not weather, or that drowns it."""

import numpy as np

from stormlens.datasets._simulated._network import clear_air, radar_sites, spikes
from stormlens.datasets._simulated._other import other
from stormlens.datasets._simulated._scene import Scene, where
from stormlens.datasets._simulated._texture import Field


def noise(scene: Scene) -> Field:
    """
    Paint clear-air bloom, ground clutter, anomalous propagation and spikes.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    sites = radar_sites(scene)
    dbz = clear_air(scene, sites, boost=rng.uniform(3, 14))
    dbz = dbz + rng.uniform(1.5, 5) * scene.cut("white")
    for _ in range(int(rng.poisson(2.2))):
        np.maximum(dbz, _clutter(scene, sites), out=dbz)
    if scene.chance(0.6):
        np.maximum(dbz, spikes(scene, sites, 1 + int(rng.random() * 8)), out=dbz)
    if scene.chance(0.55):
        np.maximum(dbz, other(scene) - rng.uniform(-6, 8), out=dbz)
    return dbz


def _clutter(scene: Scene, sites: list[tuple[float, float]]) -> Field:
    # Ground echo near a radar: bright single pixels beside empty ones.
    rng = scene.rng
    east, north = sites[int(rng.random() * len(sites))]
    x, y = scene.x - east, scene.y - north
    reach = rng.uniform(8, 26)
    density = scene.cut("cells") + 1.2 * scene.cut("white") - (x * x + y * y) * (2.2 / reach**2)
    bright = np.float32(rng.normal(40, 6)) + 8 * scene.cut("white")
    return where(density > rng.uniform(0.0, 1.0), bright)
