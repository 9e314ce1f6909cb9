"""
Radar networks of the wide mixture: what of the painted weather radars see, and what they add.

A beam rises and widens with range (Doviak and Zrnic 1993, section 2.2.3: the effective earth's
radius is 4/3 of its own), so that far echo is smoother, weaker and, where the beam passes over
its top, gone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._simulated._echoes import clutter_patch
from stormlens.datasets._simulated._finish import with_network
from stormlens.datasets._simulated._network import clear_air, specks, spikes
from stormlens.datasets._simulated._products import smoothed
from stormlens.datasets._simulated._scene import Scene, positive, where
from stormlens.datasets._simulated._texture import Field
from stormlens.stormbox import PIXEL_KM

REACHES = (61.0, 80.0, 122.0)
"""Pixels that a radar sees: 230, 300 and 460 km."""

_SEEN_SHARE = 0.75
"""Share of the storm's echo that must stay in sight for the box to keep its mode."""

_RAIN_DBZ = 20
_ATTEMPTS = 5

Mask = NDArray[np.bool_]


def archive_network(scene: Scene, dbz: Field) -> Field:
    """
    See by a national network with its clutter, specks, rings and clear-air discs.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        The painted weather.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    return with_network(scene, dbz)


def clean_mosaic(scene: Scene, dbz: Field) -> Field:
    """
    See by a national network from which all but weather has been taken out.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        The painted weather.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    if scene.chance(0.25):
        np.maximum(dbz, specks(scene), out=dbz)
    return dbz


def patched_mosaic(scene: Scene, dbz: Field) -> Field:
    """
    See by a network with calibrations apart by up to 5 dB and a hole or an end of coverage.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        The painted weather.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    # Each radar rules a cell of its own; seams between them are where two meet.
    offset = rng.uniform(-5, 5)
    bearing = rng.uniform(0, 2 * np.pi)
    side = scene.x * np.float32(np.sin(bearing)) + scene.y * np.float32(np.cos(bearing))
    dbz = dbz + np.float32(offset) * (side > rng.uniform(-50, 50))
    for _ in range(_ATTEMPTS):
        hole = _hole(scene)
        if _keeps(dbz, hole):
            dbz = where(hole, dbz)
            break
    return with_network(scene, dbz)


def one_radar(scene: Scene, dbz: Field) -> Field:
    """
    See by one radar alone: a disc, a cone of silence, a beam that rises and widens.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        The painted weather.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    return _radars(scene, dbz, 1)


def few_radars(scene: Scene, dbz: Field) -> Field:
    """
    See by two or three radars, each with its own calibration, joined by the maximum.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        The painted weather.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    return _radars(scene, dbz, 2 + int(scene.rng.random() * 2))


def _radars(scene: Scene, dbz: Field, count: int) -> Field:
    rng = scene.rng
    for attempt in range(_ATTEMPTS):
        closer = 0.6**attempt  # until the storm is in sight
        sites = [_site(scene, closer) for _ in range(count)]
        reach = REACHES[int(rng.random() * 3)] if attempt < 2 else REACHES[2]
        seen = np.zeros(dbz.shape, bool)
        for east, north in sites:
            seen |= _range(scene, east, north) < reach
        if _keeps(dbz, seen):
            break
    smooth = smoothed(dbz, 3)
    result = np.full_like(dbz, -60)
    for east, north in sites:
        radius = _range(scene, east, north)
        own = _beam(scene, dbz, smooth, radius)
        if count > 1:
            own += np.float32(min(max(rng.normal(0, 2.5), -5), 5))
        if scene.chance(0.3):
            own -= _blockage(scene, east, north, radius)
        np.maximum(result, where(radius < reach, own), out=result)
    return _with_artefacts(scene, result, sites, seen)


def _site(scene: Scene, closer: float) -> tuple[float, float]:
    bearing = scene.rng.uniform(0, 2 * np.pi)
    distance = closer * 85 * float(np.sqrt(scene.rng.random()))
    return distance * float(np.sin(bearing)), distance * float(np.cos(bearing))


def _range(scene: Scene, east: float, north: float) -> Field:
    x, y = scene.x - np.float32(east), scene.y - np.float32(north)
    return np.sqrt(x * x + y * y)


def _keeps(dbz: Field, seen: Mask) -> bool:
    rain = dbz >= _RAIN_DBZ
    return bool(np.count_nonzero(rain & seen) >= _SEEN_SHARE * np.count_nonzero(rain))


def _beam(scene: Scene, dbz: Field, smooth: Field, radius: Field) -> Field:
    """What one radar's lowest beam meets at each range."""
    rng = scene.rng
    km = radius * np.float32(PIXEL_KM)
    height = beam_height(km)
    blend = np.minimum(radius * np.float32(rng.uniform(0.3, 1.2) / REACHES[2]), np.float32(1))
    seen = dbz + blend * (smooth - dbz)
    # Strong echo reaches higher: 20 dBZ to some 7 km, 55 dBZ to 14.
    top = rng.uniform(2, 5) + rng.uniform(0.15, 0.24) * seen
    seen = seen - rng.uniform(0.2, 1.6) * positive(height - 2) - 6 * positive(height - top)
    silence = rng.uniform(0, 5)
    return seen - rng.uniform(0, 40) * positive(silence - radius)


def beam_height(distance: Any) -> Any:
    """
    Height of the middle of a beam at 0.5 degrees over the radar.

    Parameters
    ----------
    distance : float or ndarray
        Along the beam, in km.

    Returns
    -------
    height : float or ndarray
        Kilometres: distance times the sine of the elevation, and what the earth falls away
        beneath it.
    """
    return distance * distance * np.float32(1 / 17000) + distance * np.float32(0.5 * np.pi / 180)


def _blockage(scene: Scene, east: float, north: float, radius: Field) -> Field:
    """How much (dBZ) mountains take away in sectors beyond them."""
    rng = scene.rng
    theta = np.arctan2(scene.y - np.float32(north), scene.x - np.float32(east))
    lost = np.zeros_like(radius)
    for _ in range(1 + int(rng.random() * 3)):
        turned = theta - np.float32(rng.uniform(0, 2 * np.pi))
        turned -= np.float32(2 * np.pi) * np.round(turned * np.float32(0.5 / np.pi))
        sector = (np.abs(turned) < rng.uniform(0.02, 0.22)) & (radius > rng.uniform(4, 40))
        lost = np.maximum(lost, np.float32(rng.uniform(4, 45)) * sector)
    return lost


def _with_artefacts(
    scene: Scene, dbz: Field, sites: list[tuple[float, float]], seen: Mask
) -> Field:
    """Clear-air echo, clutter, a strobe now and then, specks; only where radars see."""
    if scene.chance(0.6):
        bloom = clear_air(scene, sites, boost=scene.rng.uniform(-3, 12))
        bloom += scene.rng.uniform(0, 5) * scene.cut("white")  # from insect to insect
        np.maximum(dbz, bloom, out=dbz)
    if scene.chance(0.35):
        place = sites[int(scene.rng.random() * len(sites))]
        patch = clutter_patch(scene, *place, reach=scene.rng.uniform(1.5, 9))
        np.maximum(dbz, patch, out=dbz)
    if scene.chance(0.12):
        np.maximum(dbz, spikes(scene, sites, 1 + int(scene.rng.random() * 2)), out=dbz)
    if scene.chance(0.3):
        np.maximum(dbz, specks(scene), out=dbz)
    return where(seen, dbz)


def _hole(scene: Scene) -> Mask:
    """Where a mosaic with a hole, or one that ends, still sees."""
    rng = scene.rng
    kind = rng.random()
    if kind < 0.35:  # a radar is off
        return _range(scene, rng.uniform(-70, 70), rng.uniform(-70, 70)) > rng.uniform(10, 45)
    if kind < 0.7:  # a straight end
        bearing = (
            rng.uniform(0, 2 * np.pi) if scene.chance(0.5) else 0.5 * np.pi * int(4 * rng.random())
        )
        side = scene.x * np.float32(np.sin(bearing)) + scene.y * np.float32(np.cos(bearing))
        return side > rng.uniform(-62, -10)
    # the end of the outermost radars' range
    bearing, reach = rng.uniform(0, 2 * np.pi), rng.uniform(60, 122)
    offset = reach - rng.uniform(15, 60)
    return _range(scene, -offset * float(np.sin(bearing)), -offset * float(np.cos(bearing))) < reach
