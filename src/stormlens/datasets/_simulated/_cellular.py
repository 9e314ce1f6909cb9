"""Cellular boxes: separate intense cores, each with its rain and anvil downwind."""

import numpy as np

from stormlens.datasets._simulated._scene import (
    Scene,
    along_across,
    empty,
    oval,
    positive,
    shield,
    tempered,
)
from stormlens.datasets._simulated._showers import showers
from stormlens.datasets._simulated._texture import Field


def cellular(scene: Scene) -> Field:
    """
    Paint a cell near the centre and, as a rule, others around it.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    x, y = scene.warped(rng.uniform(2.5, 5))
    anvil = float(rng.lognormal(-0.1, 0.7))
    grain = rng.uniform(1, 2.5) * scene.cut("cells") + rng.uniform(1.5, 3) * scene.cut("fractal")
    cells = Cells(scene, (x, y), grain)
    intensity = rng.normal(0, 3.4)
    dbz = empty()
    for number, place in enumerate(_places(scene)):
        first = number == 0
        peak = intensity + (rng.normal(55.8, 2.5) if first else rng.normal(49, 6))
        size = float(rng.lognormal(0.13 if first else -0.02, 0.3))
        cells.paint(dbz, place, peak, size, size * anvil)
    if scene.chance(0.25):
        np.maximum(dbz, _older_rain(scene, x, y), out=dbz)
    if scene.chance(0.25):
        np.maximum(dbz, showers(scene, rng.normal(2, 5)), out=dbz)
    return tempered(dbz, rng.normal(60, 2))


class Cells:
    """
    The cells of one box, which share their bearing, their warp and their grain.

    In dBZ a core is a parabola (a Gaussian in rain rate), steep upwind and drawn
    out downwind, where the forward flank rains and the anvil streams away.

    Parameters
    ----------
    scene : Scene
        The box.
    grid : tuple of two ndarray of float32, shape (136, 136)
        Warped pixels east and north.
    grain : ndarray of float32, shape (136, 136)
        dBZ added inside the cores, and half of it in the anvils.
    """

    def __init__(self, scene: Scene, grid: tuple[Field, Field], grain: Field) -> None:
        self._rng, self._window = scene.rng, scene.window
        self._below = 25 * (1 - scene.aloft)
        self._bearing = scene.weather.downwind + scene.rng.normal(0, 0.15)
        self._along, self._across = along_across(*grid, self._bearing)
        self._grain, self._half_grain = grain, 0.5 * grain

    def paint(
        self, dbz: Field, place: tuple[float, float], peak: float, size: float, anvil: float
    ) -> None:
        """
        Paint one cell: core, forward-flank rain and anvil.

        Parameters
        ----------
        dbz : ndarray of float32, shape (136, 136)
            Painted on, in place.
        place : tuple of two float
            Of the core, in pixels east and north.
        peak : float
            dBZ at the core.
        size : float
            1 for a core of some 20 km above 45 dBZ.
        anvil : float
            1 for an anvil of some 100 km; where no high beam is in the picture, it is weaker.
        """
        rng = self._rng
        length, width = 19 * anvil * rng.uniform(0.6, 1.6), 8.5 * anvil * rng.uniform(0.7, 1.4)
        part = self._reach(place, size, length, width)
        start, side = along_across(place[0], place[1], self._bearing)
        along, across = self._along[part] - start, self._across[part] - side
        across *= across
        ahead = positive(along)
        drawn_out = along - rng.uniform(0.2, 0.65) * ahead
        distance2 = drawn_out * drawn_out + across
        # Beyond the core a parabola falls too fast: lighter rain follows a cone.
        core = peak - (1.1 / size**2) * distance2
        cone = peak - rng.uniform(12, 18) - np.sqrt((3.0 / size) ** 2 * distance2)
        core = np.maximum(core, cone) + self._grain[part]
        # The anvil is narrow at the core and fans out.
        fan = 2 - (0.9 / length) * np.minimum(ahead, np.float32(1.5 * length))
        beyond = (along - 0.7 * length) * (width / length)
        ragged = self._half_grain[part]
        depth = width - np.sqrt(beyond * beyond + across * fan * fan) + ragged
        sheet = shield(depth, rng.uniform(17, 29) - self._below, rng.uniform(2, 4.5)) + ragged
        here = dbz[part]
        np.maximum(here, np.maximum(core, sheet), out=here)

    def _reach(
        self, place: tuple[float, float], size: float, length: float, width: float
    ) -> tuple[slice, slice]:
        # Only the part of the box that the cell can reach, with room for the warp.
        margin = 10 + max(11 * size, 1.6 * width)
        east, north = (1.7 * length * float(f(self._bearing)) for f in (np.sin, np.cos))
        return self._window(
            place[0] + min(east, 0) - margin,
            place[0] + max(east, 0) + margin,
            place[1] + min(north, 0) - margin,
            place[1] + max(north, 0) + margin,
        )


def _places(scene: Scene) -> list[tuple[float, float]]:
    rng = scene.rng
    places = [(rng.normal(0, 2.5), rng.normal(0, 2.5))]
    kind = rng.random()
    count = rng.poisson(1 if kind < 0.25 else 6)
    bearing = rng.normal(0.5, 0.6)
    for _ in range(min(count, 14)):
        if kind < 0.55:  # scattered, more of them to the north
            places.append((rng.normal(3, 34), rng.normal(14, 34)))
        elif kind < 0.67:  # a loose line of separate cells
            along, across = rng.uniform(-70, 70), rng.normal(0, 8)
            east = along * float(np.sin(bearing)) + across * float(np.cos(bearing))
            north = along * float(np.cos(bearing)) - across * float(np.sin(bearing))
            places.append((east, north))
        else:  # a cluster
            places.append((rng.normal(2, 16), rng.normal(8, 16)))
    return places


def _older_rain(scene: Scene, x: Field, y: Field) -> Field:
    # What older storms have left, most often to the north.
    rng = scene.rng
    spread = rng.lognormal(-0.1, 0.4)  # now and then it surrounds the cells
    along, across = along_across(
        x - rng.normal(10, 25), y - rng.normal(35, 16), rng.normal(0.9, 0.5)
    )
    depth = oval(along, across, spread * rng.uniform(25, 55), spread * rng.uniform(14, 32))
    depth = depth + 6 * scene.cut("fractal")
    level = rng.uniform(19, 31) + rng.uniform(2, 4.5) * scene.cut("fractal")
    return shield(depth, level, rng.uniform(3, 8))
