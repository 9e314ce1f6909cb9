"""QLCS boxes: a long line with a sharp leading edge and rain, most often, behind it."""

import numpy as np

from stormlens.datasets._simulated._cellular import Cells
from stormlens.datasets._simulated._scene import (
    Scene,
    along_across,
    oval,
    positive,
    shield,
    tempered,
)
from stormlens.datasets._simulated._showers import showers
from stormlens.datasets._simulated._texture import Field


def qlcs(scene: Scene) -> Field:
    """
    Paint a line through the middle of the box, its rain and its anvil.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    grid = scene.warped(rng.uniform(1.0, 3.5))
    bearing = rng.normal(0.42, 0.26) if scene.chance(0.96) else rng.uniform(-1.2, 2.0)
    along, ahead = along_across(grid[0] - rng.normal(0, 2.5), grid[1] - rng.normal(0, 2.5), bearing)
    half = min(max(rng.lognormal(4.4, 0.38), 50), 150)
    along = along - rng.normal(0.1, 0.3) * half
    middle = along * (1 / half)
    ahead = ahead + rng.normal(5, 8) * min(1.0, half / 50) * (middle * middle - 0.15)
    slopes = line_slopes(scene)
    width, peak = rng.lognormal(-0.05, 0.28), rng.normal(46.5, 2.8)
    dbz = line(scene, along, ahead, half, slopes, width, peak)
    np.maximum(dbz, _stratiform(scene, along, ahead, half), out=dbz)
    np.maximum(dbz, anvil(scene, along, ahead, half), out=dbz)
    if scene.chance(0.35):
        cells = Cells(scene, grid, 2.5 * scene.cut("cells"))
        for _ in range(1 + rng.poisson(1.0)):
            place, size = (rng.normal(10, 38), rng.normal(5, 38)), rng.lognormal(-0.3, 0.3)
            cells.paint(dbz, place, rng.normal(49, 7), size, size)
    if scene.chance(0.25):
        np.maximum(dbz, showers(scene, rng.normal(3, 5)), out=dbz)
    return tempered(dbz, rng.normal(53, 4))


def line(
    scene: Scene,
    along: Field,
    ahead: Field,
    half: float,
    slopes: tuple[float, float],
    width: float,
    peak: float,
    gaps: float = 6.0,
) -> Field:
    """
    The convective part: a parabola across the line, steep in front, and cells along it.

    Parameters
    ----------
    scene : Scene
        The box.
    along, ahead : ndarray of float32, shape (136, 136)
        Pixels along the line and in front of it.
    half : float
        Half its length, in pixels.
    slopes : tuple of float
        How steep it is ahead, and behind, as `line_slopes` draws them.
    width : float
        1 for a line some 15 km across above 40 dBZ.
    peak : float
        dBZ on its axis.
    gaps : float, optional
        dBZ by which gaps along it may sink, at most.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    steep, slack = slopes
    across = positive(ahead) * (steep + slack) - ahead * slack
    across *= 1 / width
    cells = rng.uniform(2, 4.5) * scene.cut("fractal") + rng.uniform(1, 3) * scene.cut("cells")
    gap = rng.uniform(0, gaps) * positive(scene.cut("broad") - 0.3)
    beyond = positive(np.abs(along) - half)
    # Weaker convective rain reaches further, mostly behind.
    core = peak - 0.7 * across * across
    cone = peak - rng.uniform(5, 11) - rng.uniform(0.7, 2.2) * across
    return np.maximum(core, cone) + cells - gap - 1.2 * beyond


def line_slopes(scene: Scene) -> tuple[float, float]:
    """
    How steeply a line falls off.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    ahead, behind : float
    """
    return scene.rng.uniform(1.3, 2.2), scene.rng.uniform(0.4, 1.0)


def _stratiform(scene: Scene, along: Field, ahead: Field, half: float) -> Field:
    # Behind the line, around it, or beside it at its (northern) end.
    rng = scene.rng
    kind = rng.random()
    width = rng.lognormal(3.0, 0.65)
    length, shift = half * rng.uniform(0.6, 1.1), half * rng.normal(0.2, 0.2)
    if kind < 0.62:
        middle = -width * rng.uniform(0.75, 1.05)
    elif kind < 0.82:
        middle = width * rng.uniform(-0.4, 0.7)
    else:
        middle, shift, length = rng.normal(-6, 8), half * rng.uniform(0.5, 1.0), half * 0.7
    return rain_sheet(scene, along - shift, ahead - middle, ahead, length, width)


def rain_sheet(
    scene: Scene, along: Field, across: Field, ahead: Field, length: float, width: float
) -> Field:
    """
    Stratiform rain in an oval, with a transition zone of weaker rain just behind the line.

    Parameters
    ----------
    scene : Scene
        The box.
    along, across : ndarray of float32, shape (136, 136)
        Pixels from the middle of the rain.
    ahead : ndarray of float32, shape (136, 136)
        Pixels in front of the line.
    length, width : float
        Half axes of the oval, in pixels.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    depth = oval(along, across, length, width)
    depth = depth + rng.uniform(4, 9) * scene.cut("fractal")
    level = rng.normal(34, 3) + rng.uniform(2.5, 6) * scene.cut("fractal")
    dbz = shield(depth, level, rng.uniform(3, 9), 12.0)
    zone = 1 - np.abs(ahead + rng.uniform(7, 12)) * (1 / rng.uniform(3, 7))
    return dbz - rng.uniform(0, 9) * positive(zone)


def anvil(scene: Scene, along: Field, ahead: Field, half: float) -> Field:
    """
    The anvil aloft, which a column maximum sees: it spreads on both sides of the line.

    Parameters
    ----------
    scene : Scene
        The box.
    along, ahead : ndarray of float32, shape (136, 136)
        Pixels along the line and in front of it.
    half : float
        Half its length, in pixels.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    width, side = rng.lognormal(3.1, 0.65), rng.normal(-2, 9)
    past = 0.8 * positive(np.abs(along - 0.15 * half) - half * rng.uniform(0.5, 0.8))
    off = ahead - side
    depth = width - np.sqrt(off * off + past * past)
    depth = (
        depth + rng.uniform(3, 8) * scene.cut("fractal") + rng.uniform(0, 6) * scene.cut("broad")
    )
    level = rng.normal(22, 3) + rng.uniform(1, 3) * scene.cut("fractal")
    return shield(depth, level, rng.uniform(3, 8))
