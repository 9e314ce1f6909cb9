"""Other boxes of the wide mixture: fronts, snow, lows, lake effect, sea breezes, showers."""

import numpy as np

from stormlens.datasets._simulated._cellular import Cells
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


def frontal_band(scene: Scene) -> Field:
    """
    Paint the broad, weak, smooth rain of a front across the box.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    along, across = _band_grid(scene, rng.uniform(0, np.pi), 14)
    streaks = scene.bend("fractal", along * 0.3, across)
    depth = rng.uniform(9, 34) - np.abs(across) + rng.uniform(3, 7) * scene.cut("fractal")
    level = rng.normal(27, 4) + rng.uniform(3, 6) * streaks + 1.5 * scene.cut("cells")
    return tempered(shield(depth + 3 * streaks, level, rng.uniform(4, 12)), rng.normal(42, 2))


def winter_bands(scene: Scene) -> Field:
    """
    Paint snow in two to five weak, parallel, wavy bands.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    along, across = _band_grid(scene, rng.uniform(0, np.pi), 10)
    spacing = rng.uniform(14, 40)
    wave = np.cos(across * np.float32(2 * np.pi / spacing) + rng.uniform(0, 2 * np.pi))
    streaks = scene.bend("fractal", along * 0.25, across)
    depth = rng.uniform(25, 65) - np.abs(across) + 6 * scene.cut("fractal")
    level = rng.normal(20, 4) + rng.uniform(3, 8) * wave + rng.uniform(2, 5) * streaks
    return tempered(shield(depth, level, rng.uniform(4, 12)), 36)


def cut_off_low(scene: Scene) -> Field:
    """
    Paint the comma of a low that spins slowly: one weak band around, showers in its middle.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    x, y = scene.warped(rng.uniform(4, 9))
    x, y = x - rng.normal(0, 25), y - rng.normal(0, 25)
    radius = np.sqrt(x * x + y * y) + np.float32(1e-3)
    turned = np.arctan2(y, x) - np.float32(rng.uniform(0, 2 * np.pi))
    turned -= np.float32(2 * np.pi) * np.round(turned * np.float32(0.5 / np.pi))
    ring = rng.uniform(35, 75)
    apart = np.abs(radius - ring * (1 - rng.uniform(0.1, 0.3) * turned))
    beyond = positive(np.abs(turned) - np.float32(rng.uniform(0.6, 1.5))) * ring
    rough = scene.cut("fractal")
    depth = rng.uniform(7, 18) - apart - 0.6 * beyond + 5 * rough
    level = rng.normal(25, 3) + rng.uniform(3, 6) * rough
    dbz = shield(depth, level, rng.uniform(3, 8))
    if scene.chance(0.7):
        np.maximum(dbz, showers(scene, rng.normal(2, 4)) - 0.25 * radius, out=dbz)
    return tempered(dbz, 41)


def lake_effect(scene: Scene) -> Field:
    """
    Paint narrow, weak bands side by side, as cold wind draws them out over warm water.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    along, across = _band_grid(scene, rng.uniform(0, np.pi), 8, push=rng.uniform(0.8, 2.5))
    wave = scene.bend("bands", along * 0.06, across * rng.uniform(0.8, 1.6))
    here = oval(
        along - rng.normal(0, 15),
        across - rng.normal(0, 15),
        rng.uniform(28, 65),
        rng.uniform(12, 45),
    )
    level = rng.normal(17, 3) + rng.uniform(5, 9) * wave + 2 * scene.cut("cells")
    return tempered(level - 2.0 * positive(-here) - 4, 33)


def thin_lines(scene: Scene) -> Field:
    """
    Paint up to three narrow, broken lines, weak, or side by side and stronger.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    along, across = _band_grid(scene, rng.uniform(0, np.pi), 8, push=rng.uniform(2, 5.5))
    spacing, count = rng.uniform(14, 34), 1 + int(rng.random() * 3)
    stronger = rng.uniform(6, 15) if count > 1 and scene.chance(0.5) else 0.0
    dbz = empty()
    for number in range(count):
        apart = np.abs(across - spacing * (number - 0.5) + rng.uniform(-0.15, 0.15) * along)
        rough = rng.uniform(4, 9) * scene.cut("fractal") + 2 * scene.cut("cells")
        line = rng.normal(31, 3) + stronger + rough - rng.uniform(1.5, 6) * apart
        rain = shield(rng.uniform(0, 8) - apart + rough, rng.uniform(14, 22) + 0.3 * rough, 3.0)
        np.maximum(dbz, np.maximum(line, rain), out=dbz)
    return tempered(dbz, 38 + stronger)


def outflow_boundary(scene: Scene) -> Field:
    """
    Paint the arc that cold outflow pushes ahead of it: thin, weak, long or short, often alone.

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
    turn, radius = rng.uniform(0, 2 * np.pi), rng.uniform(22, 170)
    east = x + np.float32(radius * np.sin(turn) - rng.normal(0, 6))
    north = y + np.float32(radius * np.cos(turn) - rng.normal(0, 6))
    apart = np.abs(np.sqrt(east * east + north * north) - np.float32(radius))
    aside = along_across(x, y, turn)[1]
    beyond = positive(np.abs(aside) - rng.uniform(16, 80))
    cells = rng.uniform(2, 8) * scene.cut("cells") + rng.uniform(2, 5) * scene.cut("fractal")
    dbz = rng.normal(28, 3) + cells - rng.uniform(2, 6) * apart - beyond
    if scene.chance(0.4):
        np.maximum(dbz, showers(scene, rng.normal(2, 4)), out=dbz)
    return tempered(dbz, 42)


def sea_breeze(scene: Scene) -> Field:
    """
    Paint a thin curved line of small weak cells, with a few more on one side.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    along, across = _band_grid(scene, rng.uniform(0, np.pi), 10)
    across = across + rng.uniform(-0.006, 0.006) * along * along
    cells = rng.uniform(5, 8) * scene.cut("cells") + 3 * scene.cut("fractal")
    line = rng.normal(27, 3) + cells - rng.uniform(2.5, 5) * np.abs(across)
    inland = showers(scene, rng.normal(4, 3)) - 0.6 * positive(across)
    return tempered(np.maximum(line - 0.3 * positive(np.abs(along) - 50), inland), 42)


def embedded_showers(scene: Scene) -> Field:
    """
    Paint weak cells in a wide sheet of rain: nothing stands alone, nothing is a line.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    x, y = scene.warped(rng.uniform(4, 9))
    along, across = along_across(
        x - rng.normal(0, 12), y - rng.normal(0, 12), rng.uniform(0, np.pi)
    )
    depth = oval(along, across, rng.uniform(35, 80), rng.uniform(25, 50))
    depth = depth + rng.uniform(5, 12) * scene.cut("fractal")
    level = rng.normal(27, 3) + rng.uniform(3, 6) * scene.cut("fractal")
    level += rng.uniform(2, 6) * scene.cut("cells")
    return tempered(shield(depth, level, rng.uniform(3, 9)), 42)


def decaying_complex(scene: Scene) -> Field:
    """
    Paint the shield that a complex of storms leaves: one to three ragged lobes, no line in it.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    x, y = scene.warped(rng.uniform(4, 10))
    bearing, depth = rng.uniform(0, np.pi), np.full_like(x, -60)
    for _ in range(1 + int(rng.random() * 3)):
        along, across = along_across(
            x - rng.normal(0, 22), y - rng.normal(0, 22), bearing + rng.normal(0, 0.6)
        )
        lobe = oval(along, across, rng.uniform(18, 60), rng.uniform(14, 45))
        np.maximum(depth, lobe, out=depth)
    grain = drawn_out(scene, bearing)
    depth += rng.uniform(3, 16) * grain
    level = rng.normal(32, 3) + rng.uniform(3, 9) * grain
    level += rng.uniform(0, 5) * scene.cut("cells") + rng.uniform(0, 4) * scene.cut("broad")
    slope = rng.uniform(4, 18)
    if scene.chance(0.5):  # strongest in the middle of each lobe, weaker all the way out
        slope, level = rng.uniform(14, 40), level + rng.uniform(3, 10)
    dbz = shield(depth, level, slope)
    if scene.chance(0.65):  # the anvil, which a low beam hardly sees
        sheet = shield(depth + rng.uniform(3, 22), rng.uniform(15, 25), rng.uniform(3, 10))
        np.maximum(dbz, sheet - np.float32(20 * (1 - scene.aloft)), out=dbz)
    return tempered(dbz, rng.uniform(40, 50))


def scattered_showers(scene: Scene) -> Field:
    """
    Paint very small showers and cells, thick here and thin there, all over or strung on threads.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    if scene.chance(0.45):  # where air flows together, with dry air between
        apart = np.abs(scene.cut("fractal") + rng.uniform(0, 0.8) * scene.cut("broad"))
        grains = rng.uniform(3, 9) * scene.cut("fine") + rng.uniform(0, 7) * scene.cut("white")
        dbz = rng.normal(36, 5) + grains - rng.uniform(30, 90) * apart
        return tempered(dbz + rng.uniform(4, 12) * scene.cut("broad"), rng.uniform(44, 56))
    humid = rng.uniform(8, 14) * scene.cut("broad") + rng.uniform(6, 12) * scene.cut("fractal")
    kind = ("cells", "fine")[int(rng.random() * 2)]
    grains = rng.uniform(6, 13) * scene.cut(kind) + rng.uniform(1, 5) * scene.cut("white")
    dbz = rng.normal(2, 6) + humid + grains
    if scene.chance(0.4):  # drawn out along the wind
        along, across = _band_grid(scene, rng.uniform(0, np.pi), 10)
        dbz = dbz + rng.uniform(4, 9) * scene.bend("bands", along * 0.25, across * 1.3)
    return tempered(dbz, rng.uniform(40, 48))


def ragged_rain(scene: Scene) -> Field:
    """
    Paint patches of rain with wide weak skirts, drawn out one way, and cells here and there.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    x, y = scene.warped(rng.uniform(4, 10))
    bearing, depth = rng.uniform(0, np.pi), np.full_like(x, -60)
    for _ in range(2 + int(rng.random() * 5)):
        along, across = along_across(
            x - rng.normal(0, 32), y - rng.normal(0, 32), bearing + rng.normal(0, 0.3)
        )
        np.maximum(depth, oval(along, across, rng.uniform(12, 50), rng.uniform(5, 26)), out=depth)
    streaks = drawn_out(scene, bearing)
    depth += rng.uniform(3, 16) * streaks
    grain = rng.uniform(2, 9) * streaks
    level = rng.normal(25, 4) + grain + rng.uniform(0, 6) * scene.cut("cells")
    dbz = shield(depth, level, rng.uniform(4, 16), rng.uniform(4, 10))
    cells = Cells(scene, (x, y), grain)
    for _ in range(min(rng.poisson(3), 8)):
        size = float(rng.lognormal(-0.5, 0.3))
        place = (rng.normal(0, 32), rng.normal(0, 32))
        cells.paint(dbz, place, rng.normal(44, 5), size, size * rng.uniform(0.1, 0.6))
    return tempered(dbz, rng.uniform(40, 50))


def anvil_debris(scene: Scene) -> Field:
    """
    Paint smooth sheets that storms leave aloft, swept one way, with filaments and a few cores.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    x, y = scene.warped(rng.uniform(3, 10))
    bearing, dbz = rng.uniform(0, 2 * np.pi), empty()
    grain = rng.uniform(0.5, 3) * scene.cut("fractal")
    cells = Cells(scene, (x, y), grain)
    edges = rng.uniform(2, 7) * drawn_out(scene, bearing)
    for _ in range(2 + int(rng.random() * 6)):
        place = (rng.normal(0, 36), rng.normal(0, 36))
        along, across = along_across(x - place[0], y - place[1], bearing + rng.normal(0, 0.25))
        length, width = rng.uniform(10, 55), rng.uniform(5, 22)
        # Narrow where the storm stands or stood, wide downwind.
        depth = oval(along - 0.8 * length, across, length, width) + edges
        level = rng.normal(30, 5) + grain - rng.uniform(0, 0.4) * positive(along)
        np.maximum(dbz, shield(depth, level, rng.uniform(3, 12)), out=dbz)
        if scene.chance(0.45):
            size = float(rng.lognormal(-0.3, 0.35))
            cells.paint(dbz, place, rng.normal(47, 5), size, size * rng.uniform(0.1, 0.6))
    np.maximum(dbz, _filaments(scene, (x, y), bearing), out=dbz)
    return tempered(dbz, rng.uniform(42, 52))


def weak_showers(scene: Scene) -> Field:
    """
    Paint small weak showers, many or few, of which none is a storm.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    if scene.chance(0.5):
        return tempered(showers(scene, rng.normal(10, 4), rng.uniform(0.8, 1.3)), 38)
    cells = Cells(scene, scene.warped(rng.uniform(2, 5)), 2 * scene.cut("fractal"))
    dbz = empty()
    for _ in range(3 + int(rng.random() * 22)):
        size = float(rng.lognormal(-0.3, 0.35))
        place = (rng.uniform(-70, 70), rng.uniform(-70, 70))
        cells.paint(dbz, place, rng.normal(33, 5), size, size * rng.uniform(0.1, 0.5))
    return tempered(dbz, 38)


def steady_rain(scene: Scene) -> Field:
    """
    Paint a sheet of steady rain or snow with hardly any structure.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    level = rng.normal(23, 5) + rng.uniform(2, 5) * scene.cut("broad")
    level += rng.uniform(1, 4) * scene.cut("fractal")
    depth = rng.uniform(-8, 40) + rng.uniform(12, 25) * scene.cut("broad")
    return tempered(shield(depth + 4 * scene.cut("fractal"), level, rng.uniform(4, 14)), 38)


def _band_grid(
    scene: Scene, bearing: float, spread: float, push: float | None = None
) -> tuple[Field, Field]:
    rng = scene.rng
    x, y = scene.warped(rng.uniform(3, 8) if push is None else push)
    return along_across(x - rng.normal(0, spread), y - rng.normal(0, spread), bearing)


def _filaments(scene: Scene, grid: tuple[Field, Field], bearing: float) -> Field:
    """Up to six thin, smooth arcs and hooks of rain that flow about storms draws out."""
    rng = scene.rng
    dbz, grain = empty(), scene.cut("fractal")
    for _ in range(int(rng.random() * 7)):
        along, across = along_across(
            grid[0] - rng.normal(0, 36), grid[1] - rng.normal(0, 36), bearing + rng.normal(0, 0.5)
        )
        apart = np.abs(across + rng.normal(0, 0.02) * along * along)
        beyond = positive(np.abs(along) - rng.uniform(8, 40))
        thin = rng.uniform(14, 32) + 3 * grain - rng.uniform(1, 5) * apart - beyond
        np.maximum(dbz, thin, out=dbz)
    return dbz


def drawn_out(scene: Scene, bearing: float) -> Field:
    """
    Grain of rain that the wind draws out and bends, or that it leaves as it is.

    Parameters
    ----------
    scene : Scene
        The box.
    bearing : float
        Along which, in radians from north.

    Returns
    -------
    grain : ndarray of float32, shape (136, 136)
        Of mean 0 and standard deviation 1, or near them.
    """
    rng = scene.rng
    if scene.chance(0.3):
        return scene.cut("fractal")
    along, across = along_across(*scene.warped(rng.uniform(2, 10)), bearing)
    kind = ("fractal", "bands")[int(rng.random() * 2)]
    return scene.bend(kind, along * rng.uniform(0.08, 0.4), across * rng.uniform(0.8, 1.4))
