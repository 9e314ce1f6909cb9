"""Cellular boxes of the wide mixture: supercells, multicells, pulse storms, pairs, broken lines."""

import numpy as np

from stormlens.datasets._simulated._cellular import Cells
from stormlens.datasets._simulated._scene import Scene, along_across, empty, oval, shield, tempered
from stormlens.datasets._simulated._showers import showers
from stormlens.datasets._simulated._texture import Field

_CORE = 7.0
"""Pixels across a cell of size 1 above 40 dBZ."""

Places = list[tuple[float, float]]


def supercells(scene: Scene) -> Field:
    """
    Paint one to four isolated, intense cells, with or without long anvils.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    places: Places = [_near_origin(scene)]
    for _ in range(min(rng.poisson(1.2), 3)):
        place = (rng.normal(0, 42), rng.normal(0, 42))
        if all(_apart(place, other) > 20 for other in places):
            places.append(place)
    level, size = rng.normal(60, 3), rng.lognormal(0.25, 0.25)
    return _painted(scene, places, (level, 2.5), (size, 0.15), rng.lognormal(0.0, 0.6))


def multicells(scene: Scene) -> Field:
    """
    Paint one or two clusters, round or drawn out, of cells of all ages with rain between them.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    places: Places = []
    for middle in [_near_origin(scene), (rng.normal(0, 45), rng.normal(0, 45))][
        : 1 + scene.chance(0.4)
    ]:
        spread, bearing, drawn_out = rng.uniform(7, 15), rng.uniform(0, np.pi), rng.uniform(1, 2.2)
        for _ in range(3 + int(rng.random() * 6)):
            east, north = along_across(
                rng.normal(0, spread), rng.normal(0, spread * drawn_out), bearing
            )
            places.append((middle[0] + east, middle[1] + north))
    dbz = _painted(scene, places, (rng.normal(54, 3), 4.0), (0.85, 0.25), rng.lognormal(-0.3, 0.5))
    if scene.chance(0.5):
        np.maximum(dbz, _light_rain(scene, rng.uniform(14, 34)), out=dbz)
    return dbz


def pulse_storms(scene: Scene) -> Field:
    """
    Paint many small upright cells without order, as on an afternoon with little wind.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    places: Places = [_near_origin(scene)]
    places += [
        (rng.uniform(-75, 75), rng.uniform(-75, 75)) for _ in range(3 + int(rng.random() * 20))
    ]
    return _painted(scene, places, (rng.normal(53, 3), 5.0), (0.7, 0.3), rng.uniform(0.1, 0.45))


def splitting_pairs(scene: Scene) -> Field:
    """
    Paint storms that have split: pairs of like cells, apart across the wind aloft.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    across = scene.weather.downwind + np.pi / 2 + rng.normal(0, 0.2)
    places: Places = []
    for number in range(1 + int(rng.random() * 3)):
        half = rng.uniform(6, 15)
        east, north = half * float(np.sin(across)), half * float(np.cos(across))
        middle = (-east, -north) if number == 0 else (rng.normal(0, 42), rng.normal(0, 42))
        places += [
            (middle[0] + east, middle[1] + north),
            (middle[0] - east, middle[1] - north),
        ]
    return _painted(scene, places, (rng.normal(57, 3), 2.0), (1.0, 0.15), rng.lognormal(-0.2, 0.5))


def broken_line(scene: Scene) -> Field:
    """
    Paint cells in a row that have not joined: each keeps clear of the next.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    bearing, size = rng.uniform(0, np.pi), rng.lognormal(-0.15, 0.2)
    spacing = _CORE * size * rng.uniform(2.2, 3.6)
    count = 3 + int(rng.random() * 6)
    middle = int(rng.random() * count)
    places: Places = []
    for number in range(count):
        along = (number - middle) * spacing + rng.normal(0, 0.15 * spacing)
        across = rng.normal(0, 3.5)
        places.append(
            (
                along * float(np.sin(bearing)) + across * float(np.cos(bearing)),
                along * float(np.cos(bearing)) - across * float(np.sin(bearing)),
            )
        )
    return _painted(scene, places, (rng.normal(56, 3), 3.5), (size, 0.2), rng.uniform(0.2, 0.9))


def cells_in_anvil_rain(scene: Scene) -> Field:
    """
    Paint intense separate cores in one sheet of light rain and anvil that they share.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    places: Places = [_near_origin(scene)]
    places += [(rng.normal(0, 26), rng.normal(0, 26)) for _ in range(int(rng.random() * 5))]
    dbz = _painted(scene, places, (rng.normal(58, 3), 3.5), (1.0, 0.25), rng.lognormal(0.0, 0.4))
    return np.maximum(dbz, _light_rain(scene, rng.uniform(24, 60)), out=dbz)


def _painted(
    scene: Scene,
    places: Places,
    peak: tuple[float, float],
    size: tuple[float, float],
    anvil: float,
) -> Field:
    """Cells at places; peak (dBZ) and size have a mean, and a spread from cell to cell."""
    rng = scene.rng
    grid = scene.warped(rng.uniform(1.5, 4.5))
    grain = rng.uniform(0.5, 2.5) * scene.cut("cells") + rng.uniform(1, 3) * scene.cut("fractal")
    cells = Cells(scene, grid, grain)
    dbz = empty()
    for number, place in enumerate(places):
        # The first is what the box is for; some of the others are young or dying.
        weaker = 0.0 if number == 0 else rng.exponential(peak[1])
        own = float(size[0] * rng.lognormal(0, size[1]))
        cells.paint(dbz, place, peak[0] + rng.normal(0, 0.5 * peak[1]) - weaker, own, own * anvil)
    if scene.chance(0.2):
        np.maximum(dbz, showers(scene, rng.normal(1, 5)), out=dbz)
    return tempered(dbz, rng.normal(60, 2.5))


def _light_rain(scene: Scene, reach: float) -> Field:
    rng = scene.rng
    x, y = scene.warped(rng.uniform(3, 7))
    along, across = along_across(x - rng.normal(0, 9), y - rng.normal(0, 9), rng.uniform(0, np.pi))
    depth = oval(along, across, reach * rng.uniform(1.0, 1.7), reach) + 6 * scene.cut("fractal")
    level = rng.uniform(17, 28) + rng.uniform(2, 4.5) * scene.cut("fractal")
    return shield(depth, level, rng.uniform(3, 8))


def _near_origin(scene: Scene) -> tuple[float, float]:
    return scene.rng.normal(0, 2.5), scene.rng.normal(0, 2.5)


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))
