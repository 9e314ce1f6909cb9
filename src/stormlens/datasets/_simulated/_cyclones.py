"""
Tropical boxes of the wide mixture: cyclones whole, from the eye to detached outer bands.

Radii are drawn wide: eyes of 15 to 110 km across, shields of 70 to 350 km, centres anywhere
in the box or well outside it (Houze 2010, Mon. Wea. Rev. 138, 293-344, names the parts).
"""

from dataclasses import dataclass

import numpy as np

from stormlens.datasets._simulated._scene import Scene, positive, shield, tempered
from stormlens.datasets._simulated._showers import showers
from stormlens.datasets._simulated._texture import Field
from stormlens.datasets._simulated._tropical import rain_band, spiral_bands


@dataclass(frozen=True)
class _Cyclone:
    """Polar coordinates around a centre, and the lengths (pixels) that its parts share."""

    radius: Field
    theta: Field
    phase: Field
    log_radius: Field
    eye: float
    size: float


def whole_cyclone(scene: Scene) -> Field:
    """
    Paint eye, eyewall, moat, inner shield with spiral bands, and outer bands.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    cyclone = _placed(scene, rng.normal(0, 20), rng.normal(0, 20))
    dbz = _shield(scene, cyclone, lopsided=rng.uniform(0, 0.45))
    dbz = _eyewall(scene, cyclone, dbz, opening=0.0)
    return _with_bands(scene, cyclone, dbz, 1 + int(rng.random() * 3))


def open_eye(scene: Scene) -> Field:
    """
    Paint a cyclone whose eyewall is open on one side, as dry air leaves it.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    cyclone = _placed(scene, rng.normal(0, 22), rng.normal(0, 22), eye=rng.uniform(4, 15))
    dbz = _shield(scene, cyclone, lopsided=rng.uniform(0.2, 0.7))
    dbz = _eyewall(scene, cyclone, dbz, opening=rng.uniform(0.5, 1.6))
    if scene.chance(0.6):
        dbz -= _dry_slot(scene, cyclone)
    return _with_bands(scene, cyclone, dbz, 1 + int(rng.random() * 3))


def annular_cyclone(scene: Scene) -> Field:
    """
    Paint a ring of steady rain around a large eye, with few bands or none outside.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    cyclone = _placed(
        scene,
        rng.normal(0, 18),
        rng.normal(0, 18),
        eye=rng.uniform(5, 12),
        size=rng.uniform(36, 62),
    )
    dbz = _shield(scene, cyclone, lopsided=rng.uniform(0, 0.15), contrast=rng.uniform(2, 4))
    return tempered(_eyewall(scene, cyclone, dbz, opening=0.0), rng.normal(48, 3))


def decaying_cyclone(scene: Scene) -> Field:
    """
    Paint a cyclone over land: eye filled, rain on one side, a dry slot, bands that break up.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    cyclone = _placed(scene, rng.normal(0, 30), rng.normal(0, 30), size=rng.uniform(40, 93))
    dbz = _shield(scene, cyclone, lopsided=rng.uniform(0.3, 0.9), contrast=rng.uniform(5, 11))
    dbz -= _dry_slot(scene, cyclone)
    return _with_bands(scene, cyclone, dbz, int(rng.random() * 4))


def outer_bands(scene: Scene) -> Field:
    """
    Paint detached bands of cells that curve around a centre in a corner of the box or outside.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    bearing, distance = rng.uniform(0, 2 * np.pi), rng.uniform(45, 135)
    cyclone = _placed(
        scene,
        distance * float(np.sin(bearing)),
        distance * float(np.cos(bearing)),
        size=max(rng.uniform(0.35, 0.95) * distance, 27),
    )
    dbz = _shield(scene, cyclone, lopsided=rng.uniform(0, 0.5), contrast=rng.uniform(6, 13))
    # Bands at several distances, each over part of a turn, with clear air between.
    for _ in range(3 + int(rng.random() * 6)):
        ring = distance * rng.uniform(0.45, 1.6)
        np.maximum(dbz, _detached_band(scene, cyclone, ring), out=dbz)
    if scene.chance(0.5):
        np.maximum(dbz, showers(scene, rng.normal(1, 5)), out=dbz)
    return tempered(dbz, rng.normal(47, 4))


def spiral_streaks(scene: Scene) -> Field:
    """
    Paint a cyclone's outskirts: strings of small cells around a far centre, air between them.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    bearing, distance = rng.uniform(0, 2 * np.pi), rng.uniform(30, 95)
    cyclone = _placed(
        scene, distance * float(np.sin(bearing)), distance * float(np.cos(bearing)), size=27
    )
    finer = max(distance * rng.uniform(0.02, 0.06), 1.0)
    streaks = spiral_bands(scene, cyclone.phase, cyclone.log_radius, cyclone.theta, finer)
    # Over a part of a turn and of the distances, thick here and thin there.
    facing = np.cos(cyclone.theta - np.float32(bearing + np.pi + rng.normal(0, 0.5)))
    apart = np.abs(cyclone.radius - np.float32(distance * rng.uniform(0.7, 1.2)))
    lean = positive(apart * np.float32(1 / rng.uniform(18, 50)) - 1)
    level = rng.normal(14, 4) + rng.uniform(0, 4) * facing - 12 * lean * lean
    level += rng.uniform(1, 5) * scene.cut("fractal")
    # Strings of small cells rather than smooth rain.
    cells = rng.uniform(3, 10) * scene.cut(("cells", "fine")[int(rng.random() * 2)])
    dbz = level + rng.uniform(6, 13) * streaks + cells + rng.uniform(0, 3) * scene.cut("white")
    for _ in range(int(rng.random() * 5)):
        ring = distance * rng.uniform(0.6, 1.4)
        np.maximum(dbz, _detached_band(scene, cyclone, ring), out=dbz)
    return tempered(dbz, rng.uniform(40, 50))


def _placed(
    scene: Scene, east: float, north: float, eye: float | None = None, size: float | None = None
) -> _Cyclone:
    rng = scene.rng
    x, y = scene.warped(rng.uniform(0.8, 4))
    x, y = x - np.float32(east), y - np.float32(north)
    radius = np.sqrt(x * x + y * y) + np.float32(1e-3)
    theta = np.arctan2(y, x)
    log_radius = np.log(radius + np.float32(4))
    phase = theta + np.float32(rng.uniform(1.0, 3.6)) * log_radius
    eye = min(max(rng.lognormal(1.5, 0.5), 2.0), 15.0) if eye is None else eye
    if size is None:  # small ones are rarer
        size = rng.uniform(18, 45) if scene.chance(0.3) else rng.uniform(27, 93)
    return _Cyclone(radius, theta, phase, log_radius, eye, size)


def _shield(
    scene: Scene, cyclone: _Cyclone, lopsided: float, contrast: float | None = None
) -> Field:
    """Rain around the centre, in bands that its spirals draw out; `contrast` in dBZ."""
    rng = scene.rng
    bands = spiral_bands(scene, cyclone.phase, cyclone.log_radius, cyclone.theta)
    contrast = rng.uniform(4, 10) if contrast is None else contrast
    facing = np.cos(cyclone.theta - np.float32(rng.uniform(0, 2 * np.pi)))
    depth = cyclone.size * (1 + lopsided * facing) - cyclone.radius
    depth += rng.uniform(6, 16) * bands
    level = rng.normal(29, 3) + contrast * bands - 0.04 * cyclone.radius
    level += rng.uniform(0, 3) * scene.cut("cells")
    return shield(depth, level, rng.uniform(3, 11))


def _eyewall(scene: Scene, cyclone: _Cyclone, dbz: Field, opening: float) -> Field:
    """A ring of strong rain around a clear eye; `opening` is half its gap in radians."""
    rng = scene.rng
    eye, radius = cyclone.eye, cyclone.radius
    middle = eye * rng.uniform(1.15, 1.6) + 1
    off = np.abs(radius - np.float32(middle)) * np.float32(1 / rng.uniform(1.5, 4.5))
    wall = rng.normal(43, 4) + 2.5 * scene.cut("cells") - 5 * off * off
    turn = rng.uniform(0, 2 * np.pi)
    facing = np.cos(cyclone.theta - np.float32(turn))
    wall -= rng.uniform(0, 8) * (1 - facing)  # never as strong all round
    if opening:
        gap = positive(-facing - np.float32(np.cos(opening)))
        wall -= 60 * gap
        dbz = dbz - rng.uniform(20, 60) * gap * (radius < 2.5 * middle)
    # The moat: weaker rain just outside the wall.
    moat = 1 - np.abs(radius - np.float32(middle * 2.1)) * np.float32(1 / (0.8 * middle))
    dbz = dbz - rng.uniform(0, 14) * positive(moat)
    dbz = np.maximum(dbz, wall)
    return dbz - rng.uniform(5, 14) * positive(eye - radius)


def _dry_slot(scene: Scene, cyclone: _Cyclone) -> Field:
    """How much (dBZ) is taken away in a sector that opens outward and follows the spirals."""
    rng = scene.rng
    turned = cyclone.theta + rng.uniform(0.3, 1.2) * cyclone.log_radius
    facing = np.cos(turned - np.float32(rng.uniform(0, 2 * np.pi)))
    return rng.uniform(15, 45) * positive(facing - np.float32(rng.uniform(0.1, 0.7)))


def _with_bands(scene: Scene, cyclone: _Cyclone, dbz: Field, count: int) -> Field:
    rng = scene.rng
    for _ in range(count):
        if scene.chance(0.5):
            band = rain_band(scene, cyclone.phase, cyclone.radius, cyclone.size)
        else:
            band = _detached_band(scene, cyclone, cyclone.size * rng.uniform(0.6, 1.7))
        np.maximum(dbz, band, out=dbz)
    if scene.chance(0.4):
        np.maximum(dbz, showers(scene, rng.normal(1, 5)), out=dbz)
    return tempered(dbz, rng.normal(48, 3))


def _detached_band(scene: Scene, cyclone: _Cyclone, ring: float) -> Field:
    """A band of cells at one distance from the centre, over part of a turn."""
    rng = scene.rng
    turn, half = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.3)
    turned = cyclone.theta - np.float32(turn)
    turned -= np.float32(2 * np.pi) * np.round(turned * np.float32(0.5 / np.pi))
    # It winds inward as it goes round, counterclockwise.
    apart = np.abs(cyclone.radius - ring * (1 - rng.uniform(0.1, 0.35) * turned))
    beyond = positive(np.abs(turned) - np.float32(half)) * ring
    # From steady rain to a string of cells with clear air between.
    lumps = rng.uniform(1, 9)
    cells = rng.uniform(2, 5) * scene.cut("fractal") + lumps * scene.cut("cells")
    slope = 1 / rng.uniform(1.2, 4.5)
    core = rng.normal(42, 4) - 1.1 * lumps - 4 * slope * apart - 0.8 * beyond
    return core + cells
