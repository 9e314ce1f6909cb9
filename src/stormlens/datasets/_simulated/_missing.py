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

_LEFT = (0.25, 0.6)
"""Share of the echo that a cut leaves."""

_CUT_LEFT = 0.4
"""Most that is left of the core of a storm of the wide mixture."""

_SEEN = 10
"""dBZ above which echo counts as cut or left."""

_RAIN, _CUT_RAIN = 20, 24
"""dBZ of rain, and pixels of it (90 km) along a cut: one through clear air could not be seen."""

_ATTEMPTS = 8
"""Cuts drawn in search of one that leaves such a share; the last is taken as it is."""

_STORMS = (cellular, qlcs, other)

Mask = NDArray[np.bool_]


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
    if scene.chance(_BLANK):
        return empty()
    sites = radar_sites(scene)
    storm = _STORMS[int(scene.rng.choice(3, p=(0.25, 0.4, 0.35)))](scene)
    np.maximum(storm, clear_air(scene, sites), out=storm)
    np.maximum(storm, specks(scene), out=storm)
    return where(_left(scene, sites, storm > _SEEN), storm)


def cut(scene: Scene, dbz: Field) -> Field:
    """
    Cut away a good part of the echo: by the reach of radars, a sector or straight edges.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        What has been painted.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    sites, rain = radar_sites(scene), dbz >= _RAIN
    # Of the heavier half: with its core in sight a storm would still show its mode.
    core = dbz >= max(float(np.median(dbz[rain])) if rain.any() else _SEEN, _SEEN)
    whole = np.count_nonzero(core)
    for _ in range(_ATTEMPTS):
        seen = _left(scene, sites, core, most=_CUT_LEFT)
        few = np.count_nonzero(seen & core) <= _CUT_LEFT * whole
        if few and np.count_nonzero(_edge(seen) & rain) >= _CUT_RAIN:
            return where(seen, dbz)
    return where(_through(scene, core), dbz)


def _edge(seen: Mask) -> Mask:
    """Seen pixels beside unseen ones."""
    unseen = ~seen
    edge = np.zeros_like(seen)
    edge[1:] |= unseen[:-1]
    edge[:-1] |= unseen[1:]
    edge[:, 1:] |= unseen[:, :-1]
    edge[:, :-1] |= unseen[:, 1:]
    return edge & seen


def _through(scene: Scene, core: Mask) -> Mask:
    """One straight cut through the core of a storm, at any bearing."""
    bearing = scene.rng.uniform(0, 2 * np.pi)
    side = scene.x * np.float32(np.sin(bearing)) + scene.y * np.float32(np.cos(bearing))
    values = side[core] if core.any() else side.ravel()
    return side > np.quantile(values, scene.rng.uniform(1 - _CUT_LEFT, 0.85))


def _left(
    scene: Scene, sites: list[tuple[float, float]], echo: Mask, most: float = _LEFT[1]
) -> Mask:
    # The cut goes through the echo: one that hardly meets it would look like no cut.
    kind = (_discs, _sector, _straight)[int(scene.rng.choice(3, p=(0.4, 0.3, 0.3)))]
    whole = np.count_nonzero(echo)
    for _ in range(_ATTEMPTS):
        seen = kind(scene, sites)
        if _LEFT[0] * whole < np.count_nonzero(seen & echo) < most * whole:
            break
    return seen


def _discs(scene: Scene, sites: list[tuple[float, float]]) -> Mask:
    # Three to six radars remain, each seeing as far as its own range.
    rng = scene.rng
    seen = np.zeros((SIZE, SIZE), dtype=bool)
    for number in rng.permutation(len(sites))[: 3 + int(rng.random() * 4)].tolist():
        east, north = sites[number]
        x, y = scene.x - east, scene.y - north
        seen |= x * x + y * y < rng.uniform(30, 66) ** 2
    return seen


def _sector(scene: Scene, sites: list[tuple[float, float]]) -> Mask:
    # A wedge of bearings remains around one radar.
    rng = scene.rng
    east, north = sites[4]
    x, y = scene.x - east, scene.y - north
    middle, half = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 2.2)
    toward = x * float(np.sin(middle)) + y * float(np.cos(middle))
    return toward > float(np.cos(half)) * np.sqrt(x * x + y * y)


def _straight(scene: Scene, sites: list[tuple[float, float]]) -> Mask:
    # The mosaic ends at a straight edge, now and then at a second one across it.
    rng = scene.rng
    turned = scene.chance(0.5)
    first, second = (scene.x, scene.y) if turned else (scene.y, scene.x)
    sign = 1 if scene.chance(0.5) else -1
    seen = np.broadcast_to(sign * first > rng.uniform(-45, 15), (SIZE, SIZE))
    if scene.chance(0.4):
        seen = seen & (second * (1 if scene.chance(0.5) else -1) > rng.uniform(-30, 20))
    return seen
