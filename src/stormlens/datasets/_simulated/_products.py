"""
Products of the wide mixture: from what radars measure to the whole dBZ of a picture.

A product is a frozen set of choices: steps, the lowest value shown, smoothing, a cap for hail,
rain rates turned back into dBZ. Every value that is drawn is drawn from the box's own numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._simulated._finish import observe
from stormlens.datasets._simulated._scene import NOTHING, Scene, positive
from stormlens.datasets._simulated._texture import Field
from stormlens.stormbox import MAX_DBZ

_MARSHALL_PALMER = (200.0, 1.6)
_LAWS = (_MARSHALL_PALMER, (300.0, 1.4), (250.0, 1.2), (75.0, 2.0))
"""Z = a R^b: stratiform, convective, tropical and snow (Fulton et al. 1998 and MRMS)."""


@dataclass(frozen=True)
class Product:
    """
    How measured reflectivity becomes a picture.

    Attributes
    ----------
    smoothing : tuple of int
        Fewest and most passes of a binomial filter: one is as wide as 6 km at half its height,
        two 9, three 11.
    thresholds : tuple of float
        dBZ below which nothing is shown, one of them.
    steps : tuple of float
        dBZ from one value to the next, one of them.
    caps : tuple of float
        Lowest and highest cap in dBZ, for hail.
    hotter : tuple of float
        Lowest and highest dBZ added to all echo.
    rain : bool
        Whether it went through a rain rate and back.
    grain : float
        Highest standard deviation of pixel noise, dBZ.
    aloft : tuple of float
        Least and most of what only high beams see that is in the picture.
    """

    smoothing: tuple[int, int] = (0, 1)
    thresholds: tuple[float, ...] = (0.0, 5.0)
    steps: tuple[float, ...] = (0.5, 1.0)
    caps: tuple[float, float] = (80.0, 80.0)
    hotter: tuple[float, float] = (-4.0, 4.0)
    rain: bool = False
    grain: float = 1.0
    aloft: tuple[float, float] = (1.0, 1.0)

    def picture(self, scene: Scene, dbz: Field) -> NDArray[np.uint8]:
        """
        The picture of a box.

        Parameters
        ----------
        scene : Scene
            The box.
        dbz : ndarray of float32, shape (136, 136)
            What its radars measure.

        Returns
        -------
        reflectivity : ndarray of uint8, shape (136, 136)
            0 to 80; 0 where nothing is shown.
        """
        rng = scene.rng
        low, high = self.smoothing
        passes = low + int(rng.random() * (high - low + 1))
        shown = smoothed(np.maximum(dbz, -10), passes) if passes else dbz
        shown = shown + np.float32(rng.uniform(*self.hotter))
        shown += np.float32(rng.uniform(0, self.grain)) * scene.cut("white")
        if self.rain:
            shown = _by_rain_rate(scene, _without_light(scene, shown))
        np.minimum(shown, np.float32(rng.uniform(*self.caps)), out=shown)
        step = _one_of(rng, self.steps)
        if step > 1:  # the middle of a step or its lower edge stands for all of it
            shown = np.floor(shown * (1 / step)) * step + np.float32(0.5 * step * scene.chance(0.5))
        lowest = max(_one_of(rng, self.thresholds), 1.0)
        shown = np.minimum(shown, np.float32(MAX_DBZ)) * ((shown >= lowest) & (dbz > NOTHING / 2))
        return positive(shown).astype(np.uint8)


@dataclass(frozen=True)
class ArchiveProduct:
    """The archive's own: a column maximum in whole dBZ, the weakest echo seen now and then."""

    aloft: tuple[float, float] = (1.0, 1.0)

    def picture(self, scene: Scene, dbz: Field) -> NDArray[np.uint8]:
        """As `Product.picture`."""
        return observe(scene, dbz)


def smoothed(dbz: Field, passes: int) -> Field:
    """
    Smooth by a binomial filter, weights 1, 2, 1 along rows and columns.

    Parameters
    ----------
    dbz : ndarray of float32, shape (y, x)
        Reflectivity; very low values count as -10 dBZ, or they would eat into every edge.
    passes : int
        How often; n passes have a standard deviation of sqrt(n / 2) pixels.

    Returns
    -------
    dbz : ndarray of float32, shape (y, x)
    """
    field = np.maximum(dbz, np.float32(-10))
    for _ in range(passes):
        field[1:-1] = 0.25 * (field[:-2] + field[2:]) + 0.5 * field[1:-1]
        field[:, 1:-1] = 0.25 * (field[:, :-2] + field[:, 2:]) + 0.5 * field[:, 1:-1]
    return field


def _without_light(scene: Scene, dbz: Field) -> Field:
    """In half of the pictures light rain is taken away, so that strong pixels stand alone."""
    rng = scene.rng
    if not scene.chance(0.5):
        return dbz
    return dbz - rng.uniform(1, 8) * positive(np.float32(rng.uniform(24, 42)) - dbz)


def _by_rain_rate(scene: Scene, dbz: Field) -> Field:
    """To mm/h by one law and back by Marshall and Palmer's, heavy and light rain bounded."""
    rng = scene.rng
    a, b = _LAWS[int(rng.random() * len(_LAWS))]
    tenth_log_rate = (dbz - np.float32(10 * np.log10(a))) * np.float32(1 / b)
    np.minimum(tenth_log_rate, np.float32(10 * np.log10(rng.uniform(75, 200))), out=tenth_log_rate)
    back_a, back_b = _MARSHALL_PALMER
    back = np.float32(10 * np.log10(back_a)) + np.float32(back_b) * tenth_log_rate
    least = 10 * np.log10(rng.uniform(0.1, 0.6))  # mm/h
    return np.where(tenth_log_rate < least, NOTHING, back)


def _one_of(rng: np.random.Generator, values: tuple[float, ...]) -> float:
    return values[int(rng.random() * len(values))]


ARCHIVE = ArchiveProduct()
FINE_STEPS = Product()
COARSE_STEPS = Product(steps=(2.0, 2.5, 5.0, 5.0), hotter=(-3, 6), grain=0.6)
THRESHOLDS = Product(thresholds=(5.0, 10.0, 10.0, 15.0, 20.0), caps=(53, 80))
RAIN_RATES = Product(rain=True, caps=(53, 62), grain=5)
LOWEST_SCAN = Product(thresholds=(0.0, 5.0, 10.0), caps=(53, 80), hotter=(-5, 3), aloft=(0.0, 0.35))
SMOOTH = Product(smoothing=(2, 3), steps=(1.0, 2.5), grain=0.3)
