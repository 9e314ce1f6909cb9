"""What the radars add: clear-air discs, specks, rings, spikes and the ends of their range."""

import numpy as np

from stormlens.datasets._simulated._scene import Scene, along_across, empty, where
from stormlens.datasets._simulated._texture import Field
from stormlens.stormbox import SIZE

_SPACING = 58
"""Pixels between neighbouring radars: the US network has one every 220 km or so."""


def radar_sites(scene: Scene) -> list[tuple[float, float]]:
    """
    Radars in and around the box, on a jittered lattice.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    sites : list of (float, float)
        Pixels east and north of the centre.
    """
    rng = scene.rng
    east, north = rng.uniform(-_SPACING / 2, _SPACING / 2), rng.uniform(-_SPACING / 2, _SPACING / 2)
    return [
        (
            east + _SPACING * column + rng.normal(0, 0.2 * _SPACING),
            north + _SPACING * row + rng.normal(0, 0.2 * _SPACING),
        )
        for row in (-1, 0, 1)
        for column in (-1, 0, 1)
    ]


def clear_air(scene: Scene, sites: list[tuple[float, float]], boost: float = 0.0) -> Field:
    """
    Echo from insects, birds and bent beams: a ragged weak disc around each radar.

    Parameters
    ----------
    scene : Scene
        The box.
    sites : list of (float, float)
        The radars.
    boost : float, optional
        dBZ above the usual.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    dbz = empty()
    for east, north in sites:
        top = rng.normal(2.5, 4) + scene.weather.clear_air + boost
        reach = rng.uniform(14, 34)
        if top < 1:
            continue
        fall = 7 / reach**2
        end = float(np.sqrt((top + 8) / fall))  # far enough below 0 dBZ to be unseen
        part = scene.window(east - end, east + end, north - end, north + end)
        x, y = scene.x[:, part[1]] - east, scene.y[part[0]] - north
        here = dbz[part]
        np.maximum(here, (top - fall * x * x) - fall * y * y, out=here)
    dbz += 2.5 * scene.cut("fractal")
    dbz += 1.2 * scene.cut("broad")
    return dbz


def spikes(scene: Scene, sites: list[tuple[float, float]], count: int) -> Field:
    """
    Radial spikes: a ray of steady echo away from a radar, from the sun or a transmitter.

    Parameters
    ----------
    scene : Scene
        The box.
    sites : list of (float, float)
        The radars.
    count : int
        How many rays.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    dbz = empty()
    for _ in range(count):
        east, north = sites[int(rng.random() * len(sites))]
        bearing = rng.uniform(0, 2 * np.pi)
        along, across = along_across(scene.x - east, scene.y - north, bearing)
        opening = 0.5 + rng.uniform(0.005, 0.02) * along
        inside = (along > 2) & (np.abs(across) < opening) & (along < rng.uniform(40, 110))
        np.maximum(dbz, where(inside, rng.uniform(6, 24)), out=dbz)
    return dbz


def specks(scene: Scene) -> Field:
    """
    Stray weak pixels, thicker in some places than in others.

    Parameters
    ----------
    scene : Scene
        The box.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    threshold = -np.log10(scene.weather.specks) * 0.9 + 0.5
    hit = scene.cut("white") + 0.7 * scene.cut("broad") > np.float32(threshold)
    return where(hit, 6 + 4 * scene.cut("white"))


def clutter(scene: Scene, dbz: Field) -> None:
    """
    What is left of ground clutter: a few bright pixels, as over hills and wind farms.

    They make the highest value of a box a poor witness of its storms.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        What has been painted; painted on, in place.
    """
    rng = scene.rng
    for _ in range(1 + int(rng.random() * 3)):
        south, west = int(rng.random() * SIZE), int(rng.random() * SIZE)
        part = (slice(south, south + 1 + int(rng.random() * 2)), west)
        dbz[part] = np.maximum(dbz[part], np.float32(rng.normal(52, 4)))


def rings(scene: Scene, dbz: Field, sites: list[tuple[float, float]]) -> None:
    """
    Faint rings in smooth rain, where the scans of one radar leave steps in height.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        What has been painted; painted on, in place.
    sites : list of (float, float)
        The radars.
    """
    rng = scene.rng
    east, north = sites[int(rng.random() * len(sites))]
    end = rng.uniform(25, 55)
    part = scene.window(east - end, east + end, north - end, north + end)
    squared = (scene.x[:, part[1]] - east) ** 2 + (scene.y[part[0]] - north) ** 2
    ripple = np.sin(np.sqrt(squared) * rng.uniform(0.8, 1.8))
    dbz[part] += rng.uniform(0.4, 1.4) * ripple * (squared < end * end)


def range_edge(scene: Scene, dbz: Field) -> Field:
    """
    The end of coverage, as over the sea or the border: an arc beyond which nothing is seen.

    Parameters
    ----------
    scene : Scene
        The box.
    dbz : ndarray of float32, shape (136, 136)
        What has been painted.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    bearing, reach = rng.uniform(0, 2 * np.pi), rng.uniform(70, 120)
    offset = reach - rng.uniform(28, 60)
    x = scene.x + np.float32(offset * np.sin(bearing))
    y = scene.y + np.float32(offset * np.cos(bearing))
    return where(x * x + y * y < reach**2, dbz)
