"""
How a box of a mixture is painted: a storm somewhere in the box, a radar network, a product.

Boxes are centred on a report as the archive's are, on a storm's core as `boxes.find_storms`
cuts them, or anywhere, as on a grid of boxes.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from stormlens.datasets._simulated._convection import multicells, pulse_storms
from stormlens.datasets._simulated._families import (
    CUT_AWAY,
    NETWORK,
    PRODUCT,
    STORM,
    Family,
    Mixture,
)
from stormlens.datasets._simulated._missing import cut
from stormlens.datasets._simulated._rain import (
    anvil_debris,
    embedded_showers,
    weak_showers,
)
from stormlens.datasets._simulated._scene import Scene, Weather, positive
from stormlens.datasets._simulated._sensors import clean_mosaic
from stormlens.datasets._simulated._texture import Field, Textures

_DRY = 0.45
"""Share of storms in dry air; of cyclones, which bring their own moisture, less."""

_BESIDE = (
    weak_showers,
    embedded_showers,
    anvil_debris,
    pulse_storms,
    multicells,
)
"""What is painted beside a storm."""

_STORMS = ("Cellular", "QLCS", "Tropical", "Other")
"""Modes of weather, which may have other weather beside it, or be cut away."""

_COMPANY = 0.25
"""Share of the wide mixture's boxes of weather that show other weather beside it."""

_REPORT, _CORE = 0.45, 0.35
"""Shares of the wide mixture's boxes that a report and a core centre; the rest lie anywhere."""

_RAIN_DBZ = 20
_SHOWN_SHARE = 0.5
"""Share of the rain that a box must show for its mode to be in it."""

_LEAST_RAIN = {"Cellular": 90, "QLCS": 350, "Tropical": 700, "Other": 120}
_LEAST_LEFT, _LEAST_NOISE = 250, 400
"""Pixels of rain (20 dBZ) that it must show, by mode and where it was cut; of echo in noise."""

_CORE_DBZ = 45
_LEAST_CORES, _MOST_CORES = {"Cellular": 6, "QLCS": 12}, {"Other": 150}
"""Pixels of cores: where there are none nobody names a cell or a line, where many nobody Other."""

_LEAST_WIDE = {"Tropical": 1200}
"""Pixels of rain that the wide mixture asks for beside."""

_WHOLE_SHARE = 0.3
"""
Share of the rain seen that must be whole, with rain on most of the eight sides, for a person to
tell it from speckle. Real boxes of sparse showers have 0.5 to 0.7, others 0.7 to 0.97.
"""

_OF_ECHO = 0.1
"""Share of the echo that must be rain. The real box with least has 0.13."""

_LEAST_WEAK = 0.65
"""Share of noise that must be weaker than rain; where weak echo is left out, showers look alike."""

_ATTEMPTS = 6
"""Boxes painted in search of one that shows enough; the last is taken as it is."""


@dataclass(frozen=True)
class Painted:
    """
    A box of a mixture.

    Attributes
    ----------
    reflectivity : ndarray of uint8, shape (136, 136)
    families : dict of str to Family
        By kind.
    """

    reflectivity: NDArray[np.uint8]
    families: dict[str, Family]


def paint(
    mixture: Mixture,
    mode: str,
    rng: np.random.Generator,
    textures: Textures,
    weather: Weather,
) -> Painted:
    """
    Paint a box of a mode.

    Parameters
    ----------
    mixture : Mixture
        Where its families are drawn from.
    mode : str
        Its mode.
    rng : numpy.random.Generator
        Its own.
    textures : Textures
        Of its seed and split.
    weather : Weather
        Of its day.

    Returns
    -------
    painted : Painted
    """
    scene = Scene(rng, textures, weather)
    for _ in range(_ATTEMPTS):
        painted, rain = _attempt(mixture, mode, scene)
        if _shows(mixture, painted, mode, rain):
            break
    return painted


def _attempt(mixture: Mixture, mode: str, box: Scene) -> tuple[Painted, NDArray[np.bool_]]:
    """A box, and where rain was painted that it may or may not show."""
    rng = box.rng
    families = mixture.draw(rng, mode)
    product = families[PRODUCT].make
    east, north = _origin(mixture, rng)
    storm = replace(box, east=east, north=north, aloft=rng.uniform(*product.aloft))
    if families[STORM].name == CUT_AWAY:
        dbz = rain = _cut_away(mixture, storm, box)
    else:
        dbz = families[STORM].make(storm)
        if mode in _STORMS:
            dbz = _dry(mixture, storm, dbz, 0.2 if mode == "Tropical" else _DRY)
        dbz = rain = _rough(mixture, storm, dbz)
        if mixture.name != "archive" and mode in _STORMS and storm.chance(_COMPANY):
            dbz = np.maximum(dbz, _rough(mixture, box, _company(storm)))
        if mode != "Missing":  # whose gaps are there already
            dbz = families[NETWORK].make(box, dbz)
    return Painted(product.picture(box, dbz), families), rain >= _RAIN_DBZ


def _company(storm: Scene) -> Field:
    """Other rain or cells well aside of the storm, which do not change what it is."""
    rng = storm.rng
    painter = _BESIDE[int(rng.random() * len(_BESIDE))]
    east, north = rng.uniform(-60, 60), rng.uniform(-60, 60)
    dbz = painter(replace(storm, east=east, north=north))
    bearing, distance = rng.uniform(0, 2 * np.pi), rng.uniform(28, 60)
    aside = storm.x * np.float32(np.sin(bearing)) + storm.y * np.float32(np.cos(bearing))
    return dbz - 3 * positive(distance - aside + 6 * storm.cut("fractal"))


def _shows(mixture: Mixture, painted: Painted, mode: str, rain: NDArray[np.bool_]) -> bool:
    """Whether enough is seen of what was painted for a person to name its mode."""
    shown = painted.reflectivity > 0
    if mode == "Noise" and np.count_nonzero(shown) < _LEAST_NOISE:
        return False
    visible = shown & rain
    seen = np.count_nonzero(visible)
    if mode == "Noise":
        weak = np.count_nonzero(shown & (painted.reflectivity < _RAIN_DBZ))
        return mixture.name == "archive" or bool(weak >= _LEAST_WEAK * np.count_nonzero(shown))
    if mode == "Missing" and painted.families[STORM].name != CUT_AWAY:
        return True
    least = _LEAST_LEFT
    if mode != "Missing":
        least = max(_LEAST_RAIN[mode], int(_SHOWN_SHARE * np.count_nonzero(rain)))
    return bool(seen >= least) and (mixture.name == "archive" or _clear(painted, mode, visible))


def _clear(painted: Painted, mode: str, visible: NDArray[np.bool_]) -> bool:
    """Whether rain is seen as rain, not as speckle, and is what the mode says."""
    seen = np.count_nonzero(visible)
    around = uniform_filter(visible.astype(np.float32), 3, mode="constant")
    whole = np.count_nonzero(visible & (around > 0.6))
    cores = np.count_nonzero(painted.reflectivity >= _CORE_DBZ)
    return bool(
        whole >= _WHOLE_SHARE * seen
        and seen >= _OF_ECHO * np.count_nonzero(painted.reflectivity)
        and seen >= _LEAST_WIDE.get(mode, 0)
        and _LEAST_CORES.get(mode, 0) <= cores <= _MOST_CORES.get(mode, cores)
    )


def _rough(mixture: Mixture, scene: Scene, dbz: Field) -> Field:
    """
    Storms as rough as a picture samples them, each to its own measure; the archive's as painted.

    A value of every fourth gate or kilometre, which is what nearest sampling shows, differs from
    its neighbour by 2 to 5 dBZ; a mean over the pixel by 1 or 2.
    """
    if mixture.name == "archive":
        return dbz
    rng = scene.rng
    fine = rng.uniform(0, 1) if scene.chance(0.6) else rng.uniform(1, 4.5)
    dbz = dbz + rng.uniform(0, 3.5) * scene.cut(("bands", "fine")[int(rng.random() * 2)])
    dbz += np.float32(fine) * scene.cut("white")
    if scene.chance(0.4):  # rain that breaks up into patches and filaments
        holes = scene.cut("fine") + rng.uniform(0, 0.5) * scene.cut("white")
        dbz -= rng.uniform(4, 20) * positive(holes - np.float32(rng.uniform(-0.5, 1.2)))
    return dbz


def _dry(mixture: Mixture, scene: Scene, dbz: Field, share: float = _DRY) -> Field:
    """Some of the storms in dry air: they end within a pixel or two, without light rain."""
    if mixture.name == "archive" or not scene.chance(share):
        return dbz
    knee = np.float32(scene.rng.uniform(24, 38))
    return dbz - scene.rng.uniform(0.5, 5) * positive(knee - dbz)


def _origin(mixture: Mixture, rng: np.random.Generator) -> tuple[float, float]:
    """Where the storm stands in the box, in pixels from its middle."""
    if mixture.name == "archive":
        return 0.0, 0.0
    drawn = rng.random()
    if drawn < _REPORT:
        return 0.0, 0.0
    if drawn < _REPORT + _CORE:
        return rng.normal(0, 9), rng.normal(0, 9)
    return rng.uniform(-48, 48), rng.uniform(-48, 48)


def _cut_away(mixture: Mixture, storm: Scene, box: Scene) -> Field:
    """A storm of any mode and family, with what radars show beside it, and most of it gone."""
    rng = storm.rng
    mode = _STORMS[int(rng.random() * len(_STORMS))]
    dbz = _dry(mixture, storm, mixture.draw(rng, mode)[STORM].make(storm))
    return cut(box, clean_mosaic(box, _rough(mixture, storm, dbz)))
