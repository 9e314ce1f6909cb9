"""Other boxes: precipitation that is no line, no lone cell and no cyclone."""

import numpy as np

from stormlens.datasets._simulated._scene import Scene, along_across, empty, oval, shield, tempered
from stormlens.datasets._simulated._showers import showers
from stormlens.datasets._simulated._texture import Field


def other(scene: Scene) -> Field:
    """
    Paint scattered showers, a cluster, a rain band, thin lines or an arc.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    kinds = (_scattered, _cluster, _band, _thin_lines, _arc)
    kind = kinds[int(np.searchsorted((0.28, 0.53, 0.73, 0.9), scene.rng.random()))]
    return tempered(kind(scene), 46)


def _scattered(scene: Scene) -> Field:
    # Many small weak cells with no order.
    rng = scene.rng
    return showers(scene, rng.normal(13.5, 4), rng.uniform(0.8, 1.3))


def _cluster(scene: Scene) -> Field:
    # One ragged mass of rain with weak cores anywhere in it.
    rng = scene.rng
    x, y = scene.warped(rng.uniform(3, 8))
    along, across = along_across(x - rng.normal(0, 6), y - rng.normal(0, 6), rng.uniform(0, 3.1))
    depth = oval(along, across, rng.uniform(22, 55), rng.uniform(16, 34))
    depth = depth + rng.uniform(4, 12) * scene.cut("fractal")
    level = rng.normal(31, 3) + rng.uniform(4, 8) * scene.cut("fractal")
    level += rng.uniform(2, 6) * scene.cut("cells")
    dbz = shield(depth, level, rng.uniform(3, 8))
    return np.maximum(dbz, showers(scene, rng.normal(3, 4)))


def _band(scene: Scene) -> Field:
    # Frontal or winter precipitation: broad, weak, smooth.
    rng = scene.rng
    x, y = scene.warped(rng.uniform(4, 9))
    along, across = along_across(x - rng.normal(0, 14), y - rng.normal(0, 14), rng.uniform(0, 3.1))
    streaks = scene.bend("fractal", along * 0.35, across)
    depth = rng.lognormal(2.9, 0.4) - np.abs(across) + 6 * scene.cut("fractal")
    depth += rng.uniform(2, 6) * streaks
    level = rng.normal(25, 4) + rng.uniform(4, 7) * streaks + 1.5 * scene.cut("cells")
    return shield(depth, level, rng.uniform(5, 12))


def _thin_lines(scene: Scene) -> Field:
    # One to three narrow broken lines, each with a little weak rain.
    rng = scene.rng
    x, y = scene.warped(rng.uniform(2, 5.5))
    bearing = rng.normal(0.5, 0.5)
    dbz = empty()
    for _ in range(1 + int(rng.random() * 3)):
        _, across = along_across(x - rng.normal(0, 16), y - rng.normal(0, 16), bearing)
        apart = np.abs(across)
        rough = rng.uniform(5, 11) * scene.cut("fractal")
        line = rng.normal(37.5, 5) + rough + 3 * scene.cut("cells") - rng.uniform(2.5, 6) * apart
        rain = shield(rng.uniform(0, 9) - apart + rough, rng.uniform(16, 26) + 0.3 * rough, 3.0)
        np.maximum(dbz, np.maximum(line, rain), out=dbz)
        bearing += rng.normal(0, 0.15)
    return dbz


def _arc(scene: Scene) -> Field:
    # An outflow boundary or a comma head: part of a ring.
    rng = scene.rng
    x, y = scene.warped(rng.uniform(1, 5))
    turn, radius = rng.uniform(0, 6.3), rng.uniform(18, 55)
    sine, cosine = float(np.sin(turn)), float(np.cos(turn))
    east, north = x + radius * sine, y + radius * cosine
    distance = np.sqrt(east * east + north * north)
    facing = (east * sine + north * cosine) / (distance + 1)
    depth = rng.uniform(4, 13) - np.abs(distance - radius) - rng.uniform(6, 25) * (1 - facing)
    depth = depth + 4 * scene.cut("fractal")
    level = rng.normal(30, 4) + rng.uniform(3, 6) * scene.cut("fractal") + 3 * scene.cut("cells")
    return shield(depth, level, rng.uniform(2, 5))
