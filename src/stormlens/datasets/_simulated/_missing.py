"""Missing boxes: storms of any kind that the mosaic has partly or wholly lost."""

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._simulated._cellular import cellular
from stormlens.datasets._simulated._network import clear_air, radar_sites, specks
from stormlens.datasets._simulated._other import other
from stormlens.datasets._simulated._qlcs import qlcs
from stormlens.datasets._simulated._scene import Scene, empty, where
from stormlens.datasets._simulated._texture import Field
from stormlens.stormbox import SIZE

_BLANK = 0.52
"""Share of Missing boxes in which nothing is left."""


def missing(scene: Scene) -> Field:
    """
    Paint a storm and cut radars away, wholly or in part.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    if scene.chance(_BLANK):
        return empty()
    sites = radar_sites(scene)
    storm = (cellular, qlcs, other)[int(rng.choice(3, p=(0.44, 0.28, 0.28)))](scene)
    np.maximum(storm, clear_air(scene, sites), out=storm)
    np.maximum(storm, specks(scene), out=storm)
    cut = (_discs, _sector, _straight)[int(rng.choice(3, p=(0.5, 0.25, 0.25)))]
    return where(cut(scene, sites), storm)


def _discs(scene: Scene, sites: list[tuple[float, float]]) -> NDArray[np.bool_]:
    # Three to six radars remain, each seeing as far as its own range.
    rng = scene.rng
    seen = np.zeros((SIZE, SIZE), dtype=bool)
    for number in rng.permutation(len(sites))[: 3 + int(rng.random() * 4)].tolist():
        east, north = sites[number]
        x, y = scene.x - east, scene.y - north
        seen |= x * x + y * y < rng.uniform(30, 66) ** 2
    return seen


def _sector(scene: Scene, sites: list[tuple[float, float]]) -> NDArray[np.bool_]:
    # A wedge of bearings remains around one radar.
    rng = scene.rng
    east, north = sites[4]
    x, y = scene.x - east, scene.y - north
    middle, half = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 2.2)
    toward = x * float(np.sin(middle)) + y * float(np.cos(middle))
    return toward > float(np.cos(half)) * np.sqrt(x * x + y * y)


def _straight(scene: Scene, sites: list[tuple[float, float]]) -> NDArray[np.bool_]:
    # The mosaic ends at a straight edge, now and then at a second one across it.
    rng = scene.rng
    turned = scene.chance(0.5)
    first, second = (scene.x, scene.y) if turned else (scene.y, scene.x)
    sign = 1 if scene.chance(0.5) else -1
    seen = np.broadcast_to(sign * first > rng.uniform(-45, 15), (SIZE, SIZE))
    if scene.chance(0.4):
        seen = seen & (second * (1 if scene.chance(0.5) else -1) > rng.uniform(-30, 20))
    return seen
