"""QLCS boxes of the wide mixture: lines of every shape, with rain on any side, at any bearing."""

from dataclasses import replace

import numpy as np

from stormlens.datasets._simulated._cellular import Cells
from stormlens.datasets._simulated._qlcs import anvil, line, line_slopes, rain_sheet
from stormlens.datasets._simulated._rain import decaying_complex, drawn_out
from stormlens.datasets._simulated._scene import Scene, along_across, oval, shield, tempered
from stormlens.datasets._simulated._showers import showers
from stormlens.datasets._simulated._texture import Field


def trailing_stratiform(scene: Scene) -> Field:
    """
    Paint a line with its broad rain behind it.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    return _squall(scene, bend=scene.rng.normal(4, 7), rain="behind")


def leading_stratiform(scene: Scene) -> Field:
    """
    Paint a line with its broad rain in front of it.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    return _squall(scene, bend=scene.rng.normal(0, 7), rain="ahead")


def parallel_stratiform(scene: Scene) -> Field:
    """
    Paint a line whose rain lies beyond one of its ends.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    return _squall(scene, bend=scene.rng.normal(0, 6), rain="beside")


def bow_echo(scene: Scene) -> Field:
    """
    Paint a line whose middle has run ahead of its ends.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    half = min(max(rng.lognormal(3.9, 0.3), 26), 90)
    return _squall(scene, bend=half * rng.uniform(0.25, 0.6), rain="behind", half=half)


def wave_pattern(scene: Scene) -> Field:
    """
    Paint a line-echo wave pattern: bulges that follow each other along a line.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    wave = (rng.uniform(4, 10), rng.uniform(32, 75))
    return _squall(scene, bend=rng.normal(0, 6), rain="behind", wave=wave)


def mature_complex(scene: Scene) -> Field:
    """
    Paint a large round shield of rain with an arc of strong cells along one side of it.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    half = rng.uniform(32, 70)
    reach = half * rng.uniform(0.6, 1.1)
    return _squall(scene, bend=half * rng.uniform(0.1, 0.5), rain="behind", half=half, depth=reach)


def lobed_complex(scene: Scene) -> Field:
    """
    Paint a system of several lobes of rain, with its line of strong cells along one of them.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    rain = decaying_complex(scene)
    bearing, distance = rng.uniform(0, 2 * np.pi), rng.uniform(8, 45)
    # In the box however far off its middle the system stands, for the line makes the mode.
    east, north = (
        min(max(at + distance * float(turned(bearing)), -48), 48)
        for at, turned in ((scene.east, np.sin), (scene.north, np.cos))
    )
    half = rng.uniform(20, 60)
    line = _squall(
        replace(scene, east=east, north=north),
        bend=half * rng.uniform(-0.1, 0.5),
        rain=("behind", "along", "none")[int(rng.random() * 3)],
        half=half,
    )
    return np.maximum(rain, line, out=rain)


def training_line(scene: Scene) -> Field:
    """
    Paint cells that follow each other along one track, joined to a line that hardly moves.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    kind = ("along", "none", "ahead")[int(rng.random() * 3)]
    return _squall(scene, bend=rng.normal(0, 3), rain=kind, lumps=rng.uniform(2, 5))


def narrow_line(scene: Scene) -> Field:
    """
    Paint a thin intense line, as along a cold front, with little beside it.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    kind = "none" if scene.chance(0.6) else "behind"
    half = rng.uniform(60, 150)
    return _squall(
        scene, bend=rng.normal(0, 8), rain=kind, half=half, width=rng.uniform(0.45, 0.75)
    )


def gapped_line(scene: Scene) -> Field:
    """
    Paint a line with gaps that are shorter than what is left between them.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    kind = ("behind", "none", "ahead", "along")[int(rng.random() * 4)]
    return _squall(scene, bend=rng.normal(2, 8), rain=kind, lumps=rng.uniform(1, 3.5), gaps=14.0)


def _squall(
    scene: Scene,
    bend: float,
    rain: str,
    *,
    half: float | None = None,
    width: float | None = None,
    wave: tuple[float, float] | None = None,
    lumps: float = 0.0,
    gaps: float = 6.0,
    depth: float | None = None,
) -> Field:
    """Line, rain and anvil; `bend` and `wave` (height, length) in pixels, lumps and gaps in dBZ."""
    rng = scene.rng
    grid = scene.warped(rng.uniform(1.0, 7.0))
    # The archive's lines run from south-south-west as a rule; elsewhere they run as they like.
    bearing = rng.normal(0.42, 0.5) if scene.chance(0.5) else rng.uniform(0, 2 * np.pi)
    along, ahead = along_across(grid[0] - rng.normal(0, 2.5), grid[1] - rng.normal(0, 2.5), bearing)
    half = min(max(rng.lognormal(4.2, 0.4), 30), 150) if half is None else half
    along = along - rng.normal(0, 0.3) * half
    middle = along * (1 / half)
    ahead = ahead + bend * (middle * middle - 0.15)
    if wave is not None:
        turns = along * (2 * np.pi / wave[1]) + rng.uniform(0, 2 * np.pi)
        ahead = ahead + wave[0] * np.sin(turns)
    across = rng.lognormal(-0.05, 0.28) if width is None else width
    peak = rng.normal(46, 4.5)
    dbz = line(scene, along, ahead, half, line_slopes(scene), across, peak, gaps)
    if lumps:
        dbz += lumps * scene.cut("cells")
    if rain != "none":
        depth = rng.lognormal(2.9, 0.5) if depth is None else depth
        np.maximum(dbz, _rain(scene, along, ahead, half, depth, rain), out=dbz)
    if scene.chance(0.8):
        lowered = 20 * (1 - scene.aloft)
        np.maximum(dbz, anvil(scene, along, ahead, half) - np.float32(lowered), out=dbz)
    if rain != "none" and scene.chance(0.5):
        np.maximum(dbz, _fringe(scene, along, ahead, half, bearing), out=dbz)
    if scene.chance(0.35):
        _cells_ahead(scene, dbz, grid)
    if scene.chance(0.25):
        np.maximum(dbz, showers(scene, rng.normal(2, 5)), out=dbz)
    return tempered(dbz, rng.uniform(39, 57))


def _rain(scene: Scene, along: Field, ahead: Field, half: float, width: float, kind: str) -> Field:
    rng = scene.rng
    length, shift = half * rng.uniform(0.6, 1.1), half * rng.normal(0.1, 0.25)
    middle = {"behind": -1.0, "ahead": 1.0}.get(kind, 0.0) * width * rng.uniform(0.75, 1.05)
    if kind == "beside":
        side = 1 if scene.chance(0.7) else -1
        middle, shift, length = rng.normal(-4, 8), side * half * rng.uniform(0.8, 1.2), half * 0.7
    return rain_sheet(scene, along - shift, ahead - middle, ahead, length, width)


def _fringe(scene: Scene, along: Field, ahead: Field, half: float, bearing: float) -> Field:
    """A smooth sheet of rain around all of a system, whose edges the wind aloft draws out."""
    rng = scene.rng
    streaks = drawn_out(scene, bearing + rng.uniform(-1.6, 1.6))
    wide = half * rng.uniform(0.3, 0.9)
    depth = oval(along, ahead + rng.uniform(-0.2, 1) * wide, half * rng.uniform(0.7, 1.2), wide)
    depth += rng.uniform(3, 14) * streaks
    return shield(depth, rng.normal(25, 5) + rng.uniform(0, 4) * streaks, rng.uniform(5, 20))


def _cells_ahead(scene: Scene, dbz: Field, grid: tuple[Field, Field]) -> None:
    rng = scene.rng
    cells = Cells(scene, grid, 2.5 * scene.cut("cells"))
    for _ in range(1 + rng.poisson(1.0)):
        place, size = (rng.normal(0, 42), rng.normal(0, 42)), rng.lognormal(-0.3, 0.3)
        cells.paint(dbz, place, rng.normal(49, 6), size, size)
