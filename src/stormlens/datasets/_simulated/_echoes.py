"""Noise boxes of the wide mixture: birds, chaff, wind farms, second-trip echo, interference."""

import numpy as np

from stormlens.datasets._simulated._network import clear_air, radar_sites, specks, spikes
from stormlens.datasets._simulated._scene import Scene, along_across, empty, positive, where
from stormlens.datasets._simulated._texture import Field


def bloom(scene: Scene) -> Field:
    """
    Paint the clear-air discs of a night of birds and insects, on one radar or on all.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    sites = radar_sites(scene)
    if scene.chance(0.4):
        sites = [(rng.normal(0, 20), rng.normal(0, 20))]
    dbz = clear_air(scene, sites, boost=rng.uniform(7, 17))
    dbz += rng.uniform(0.5, 4) * scene.cut("white")
    return np.maximum(dbz, specks(scene), out=dbz)


def migration(scene: Scene) -> Field:
    """
    Paint birds on their way: discs with two lobes, since a bird seen from its side is brighter.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    sites = radar_sites(scene)
    if scene.chance(0.5):
        sites = [(rng.normal(0, 20), rng.normal(0, 20))]
    heading, aspect = rng.uniform(0, np.pi), rng.uniform(3, 14)
    level, reach, power = rng.uniform(8, 29), rng.uniform(14, 42), rng.uniform(1, 3)
    dbz = empty()
    for east, north in sites:
        along, across = along_across(
            scene.x - np.float32(east), scene.y - np.float32(north), heading
        )
        square = along * along + across * across + np.float32(1)
        top = level + rng.normal(0, 2) - aspect * (along * along / square)
        disc = top - 8 * (square * np.float32(1 / reach**2)) ** np.float32(power / 2)
        np.maximum(dbz, disc, out=dbz)
    dbz += rng.uniform(0.5, 3) * scene.cut("fractal")
    dbz += rng.uniform(0.3, 4) * scene.cut("white")
    return np.maximum(dbz, specks(scene), out=dbz)


def roosts(scene: Scene) -> Field:
    """
    Paint birds that leave their roosts at dawn: ragged rings, some open, near a radar.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    sites = radar_sites(scene)
    dbz = clear_air(scene, sites, boost=rng.uniform(-2, 16))
    for _ in range(2 + int(rng.random() * 6)):
        east, north = sites[int(rng.random() * len(sites))]
        x = scene.x - np.float32(east + rng.normal(0, 16))
        y = scene.y - np.float32(north + rng.normal(0, 16))
        turned = np.arctan2(y, x) - np.float32(rng.uniform(0, 2 * np.pi))
        apart = np.abs(np.sqrt(x * x + y * y) - np.float32(rng.uniform(2, 9)))
        ring = rng.uniform(14, 30) + rng.uniform(0, 7) * np.cos(turned) + 3 * scene.cut("fine")
        np.maximum(dbz, ring - rng.uniform(3, 8) * apart, out=dbz)
    return np.maximum(dbz, specks(scene), out=dbz)


def chaff(scene: Scene) -> Field:
    """
    Paint plumes of chaff: smooth filaments that drift from where aircraft let them go.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    dbz = clear_air(scene, radar_sites(scene), boost=rng.uniform(-3, 7))
    for _ in range(2 + int(rng.random() * 5)):
        x, y = scene.warped(rng.uniform(1, 4))
        bearing = scene.weather.downwind + rng.normal(0, 0.3)
        along, across = along_across(x - rng.normal(0, 38), y - rng.normal(0, 38), bearing)
        length, width = rng.uniform(10, 42), rng.uniform(0.7, 3.0)
        wide = width + 0.06 * positive(along + np.float32(length))
        apart = across / wide
        plume = rng.uniform(20, 36) - 4 * apart * apart - positive(np.abs(along) - length)
        np.maximum(dbz, plume + 1.5 * scene.cut("fractal"), out=dbz)
    return dbz


def ground_clutter(scene: Scene) -> Field:
    """
    Paint hills, towns and wind farms: bright patches of pixels that stay where they are.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    sites = radar_sites(scene)
    dbz = clear_air(scene, sites, boost=rng.uniform(-2, 11))
    for _ in range(2 + int(rng.random() * 7)):
        if scene.chance(0.5):  # near a radar, or a wind farm anywhere
            east, north = sites[int(rng.random() * len(sites))]
        else:
            east, north = rng.uniform(-60, 60), rng.uniform(-60, 60)
        np.maximum(dbz, clutter_patch(scene, east, north, rng.uniform(2, 20)), out=dbz)
    return np.maximum(dbz, specks(scene), out=dbz)


def clutter_patch(scene: Scene, east: float, north: float, reach: float) -> Field:
    """
    Bright pixels beside empty ones around a place.

    Parameters
    ----------
    scene : Scene
        The box.
    east, north : float
        The place, in pixels from the scene's origin.
    reach : float
        How far they go, in pixels.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    x, y = scene.x - np.float32(east), scene.y - np.float32(north)
    density = 0.8 * scene.cut("cells") + 1.3 * scene.cut("white")
    density -= (x * x + y * y) * np.float32(2.2 / reach**2)
    bright = np.float32(rng.normal(36, 7)) + 8 * scene.cut("white")
    return where(density > rng.uniform(0.2, 1.2), bright)


def second_trip(scene: Scene) -> Field:
    """
    Paint echo of storms beyond the range, folded back in: wedges drawn out along the rays.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    east, north = rng.normal(0, 25), rng.normal(0, 25)
    x, y = scene.x - np.float32(east), scene.y - np.float32(north)
    radius = np.sqrt(x * x + y * y)
    theta = np.arctan2(y, x)
    dbz = clear_air(scene, [(east, north)], boost=rng.uniform(-2, 9))
    for _ in range(1 + int(rng.random() * 4)):
        turned = theta - np.float32(rng.uniform(0, 2 * np.pi))
        turned -= np.float32(2 * np.pi) * np.round(turned * np.float32(0.5 / np.pi))
        rough = scene.bend("cells", turned * 45 + 9, radius * 0.22)
        inside = 1 - np.abs(turned) * np.float32(1 / rng.uniform(0.04, 0.25))
        reach = np.abs(radius - np.float32(rng.uniform(15, 50))) * np.float32(
            1 / rng.uniform(9, 28)
        )
        streak = rng.uniform(17, 31) + 4 * rough - 12 * positive(reach - 1) - 12 * positive(-inside)
        np.maximum(dbz, streak, out=dbz)
    return dbz


def interference(scene: Scene) -> Field:
    """
    Paint strobes of transmitters and the sun, and specks all over.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    sites = radar_sites(scene)
    if scene.chance(0.5):
        sites = [(rng.normal(0, 30), rng.normal(0, 30))]
    dbz = clear_air(scene, sites, boost=rng.uniform(-4, 13))
    np.maximum(dbz, spikes(scene, sites, 3 + int(rng.random() * 12)), out=dbz)
    for _ in range(int(rng.random() * 3)):
        np.maximum(dbz, specks(scene), out=dbz)
    return dbz


def nothing(scene: Scene) -> Field:
    """
    Paint nothing at all.

    Parameters
    ----------
    scene : Scene
        The box; not looked at.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    return empty()
