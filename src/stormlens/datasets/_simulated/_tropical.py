"""Tropical boxes: a wide shield of rain in log-spiral bands around a centre."""

import numpy as np

from stormlens.datasets._simulated._scene import Scene, positive, shield, tempered
from stormlens.datasets._simulated._showers import showers
from stormlens.datasets._simulated._texture import Field

_SEAM = 0.9
"""Radians over which the bands are mixed where the angle starts anew."""


def tropical(scene: Scene) -> Field:
    """
    Paint a landfalling cyclone whose report lies, as a rule, east of its centre.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    x, y = scene.warped(rng.uniform(1, 5))
    # From the centre to the report: most tornadoes lie to its north-east and east.
    bearing, distance = rng.normal(1.3, 0.6), min(rng.gamma(4, 7.5), 70)
    x = x + distance * float(np.sin(bearing))
    y = y + distance * float(np.cos(bearing))
    radius = np.sqrt(x * x + y * y) + 1e-3
    theta = np.arctan2(y, x)
    log_radius = np.log(radius + 4)
    # Constant phase is a spiral that winds in counterclockwise, as in the northern hemisphere.
    phase = theta + rng.uniform(1.2, 3.2) * log_radius
    size = min(max(rng.lognormal(3.92, 0.28), 36), 110)
    bands = spiral_bands(scene, phase, log_radius, theta)
    lopsided = 0.25 * np.cos(theta - rng.normal(0.9, 0.8))
    depth = size * (1 + lopsided) - radius + rng.uniform(8, 16) * bands
    level = rng.normal(28, 2.5) + rng.uniform(5, 8) * bands
    dbz = shield(depth, level, rng.uniform(5, 12))
    for _ in range(1 + int(rng.random() * 3)):
        np.maximum(dbz, rain_band(scene, phase, radius, size), out=dbz)
    if scene.chance(0.5):
        np.maximum(dbz, showers(scene, rng.normal(3, 4)), out=dbz)
    return tempered(_with_eye(scene, dbz, radius), rng.normal(47, 3))


def spiral_bands(
    scene: Scene, phase: Field, log_radius: Field, theta: Field, finer: float = 1.0
) -> Field:
    """
    Noise drawn out along the spirals: fine across them, long along them.

    Parameters
    ----------
    scene : Scene
        The box.
    phase, log_radius, theta : ndarray of float32, shape (136, 136)
        Constant along a spiral; logarithm of the distance to the centre; angle around it.
    finer : float, optional
        How many times finer than in an inner shield; they widen with the distance.

    Returns
    -------
    noise : ndarray of float32, shape (136, 136)
        About zero, of unit size.
    """
    rng = scene.rng
    around, outward = finer * rng.uniform(14, 34), finer * rng.uniform(5, 14)
    # Before the bearing at which theta jumps by a turn, the bands are mixed with those after it.
    seam = theta > np.pi - _SEAM
    both = scene.bend(
        "bands",
        np.concatenate([phase.ravel(), phase[seam] - 2 * np.pi]) * around,
        np.concatenate([log_radius.ravel(), log_radius[seam]]) * outward,
    )
    streaks, after = both[: phase.size].reshape(phase.shape), both[phase.size :]
    weight = (theta[seam] - (np.pi - _SEAM)) * (1 / _SEAM)
    spread = np.sqrt(weight * weight + (1 - weight) * (1 - weight))
    streaks[seam] = (weight * after + (1 - weight) * streaks[seam]) / spread
    rough = rng.uniform(0.3, 0.6) * scene.cut("fractal") + 0.15 * scene.cut("cells")
    return 0.85 * streaks + rough


def rain_band(scene: Scene, phase: Field, radius: Field, size: float) -> Field:
    """
    A convective band along one spiral, as long as it keeps near one radius.

    Parameters
    ----------
    scene : Scene
        The box.
    phase, radius : ndarray of float32, shape (136, 136)
        Constant along a spiral; pixels from the centre.
    size : float
        Of the cyclone's shield, in pixels.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    wave = 1 - np.cos(phase + rng.uniform(0, 6.3))
    reach = np.abs(radius - size * rng.uniform(0.4, 1.2)) * (1 / size)
    strength = 4 * scene.cut("fractal") + rng.uniform(1, 3) * scene.cut("cells")
    return rng.normal(38.5, 3.5) + strength - rng.uniform(60, 250) * wave - 30 * reach


def _with_eye(scene: Scene, dbz: Field, radius: Field) -> Field:
    rng = scene.rng
    if scene.chance(0.4):
        eye = rng.uniform(2, 8)
        wall = rng.uniform(0, 7) - 0.5 * np.abs(radius - 2.2 * eye)
        dbz = dbz + positive(wall) - 6 * positive(eye - radius)
    return dbz
