"""
From scene to response: the seven steps of any system that sees, for a weather radar.

Scene, light, optics, sensor, digitisation, image analysis, response. The chain
below follows the rain of one simulated squall line through a radar to whole dBZ
in a storm box, and on to a decision. What each step loses is lost for good: the
beam blends what lies within it, weak echo drowns in the receiver's noise, and
digitisation drops fractions and everything smaller than a pixel.

Marshall and Palmer (1948), J. Meteor. 5, 165-166: Z = 200 R^1.6. Radar equation
and fluctuating echo: Doviak and Zrnic (1993), Doppler Radar and Weather
Observations, sections 4.4 and 6.3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

from stormlens.concepts._convolution import correlate
from stormlens.concepts._kernels import gaussian
from stormlens.concepts._pooling import pool
from stormlens.stormbox import MAX_DBZ, SIZE, offsets_km

_SCENE_KM = 510  # a storm box's width, in pixels of 1 km
_RADAR_KM = (170.0, 200.0)  # north and east of the south-western corner
_RANGE_KM = 460  # how far a WSR-88D reports reflectivity
_BEAM_DEGREES = 1.0  # between the half-power points
_FINE = 4  # positions in each degree before the beam blends them
_NOISE_DBM = -113.0
_NOISE_DBZ_AT_1KM = -42.0  # echo as strong as the noise; -8 dBZ at 50 km, as a WSR-88D's
_PULSES = 32  # independent echoes averaged a gate
_CONVECTIVE_DBZ = 40.0


@dataclass(frozen=True)
class Stage:
    """
    One step of the chain.

    Attributes
    ----------
    name : str
        As the chapter calls it.
    meaning : str
        What it is for a weather radar, in a sentence.
    data : ndarray
        What leaves the step: (y, x), row 0 south, or (ray, gate) where `polar`.
    unit : str
        Of the data.
    polar : bool
        Whether rows are rays, clockwise from north, and columns range gates of 1 km.
    """

    name: str
    meaning: str
    data: NDArray
    unit: str
    polar: bool = False


@dataclass(frozen=True)
class Chain:
    """
    All seven steps of one simulated storm.

    Attributes
    ----------
    stages : tuple of Stage
        From scene to response.
    answer : str
        The response in words.
    radar_km : tuple of float
        Where the radar stands, km north and east of the south-western corner.
    """

    stages: tuple[Stage, ...]
    answer: str
    radar_km: tuple[float, float] = _RADAR_KM


def radar_chain(seed: int = 0) -> Chain:
    """
    Follow the rain of a simulated squall line from the air to a decision.

    Parameters
    ----------
    seed : int, optional
        Of the storm, and of the noise in the radar.

    Returns
    -------
    chain : Chain
        Scene in mm/h, light in mm6/m3, optics in mm6/m3 by ray and gate, sensor in dBm,
        digitisation as uint8 dBZ of shape (136, 136), image analysis in dBZ, response as bool.

    Examples
    --------
    >>> box = radar_chain(seed=0).stages[4]
    >>> box.name, box.data.dtype.name, box.data.shape
    ('digitisation', 'uint8', (136, 136))
    """
    rng = np.random.default_rng(seed)
    rain = _squall_line(rng)
    reflectivity = 200.0 * rain**1.6
    beams = _through_beam(reflectivity)
    power = _received(beams, rng)
    box = _digitised(power)
    features = pool(correlate(box, gaussian(3)), 3)
    alarms = features >= _CONVECTIVE_DBZ
    stages = (
        Stage("scene", "The storm itself: rain falling through a volume of air.", rain, "mm/h"),
        Stage(
            "light",
            "The radar brings its own light: drops scatter its microwaves back, large ones by far "
            "the most (Z = 200 R^1.6).",
            reflectivity,
            "mm6/m3",
        ),
        Stage(
            "optics",
            "The antenna gathers the echo in a beam one degree wide, which blends ever more of "
            "the storm the farther away it is.",
            beams,
            "mm6/m3",
            polar=True,
        ),
        Stage(
            "sensor",
            "The receiver measures a power that falls with the square of the distance, flickers "
            "from pulse to pulse, and drowns in noise where it is weak.",
            power,
            "dBm",
            polar=True,
        ),
        Stage(
            "digitisation",
            "Power becomes reflectivity again, on a grid of 3.75 km, truncated to whole dBZ.",
            box,
            "dBZ",
        ),
        Stage(
            "image analysis",
            "A Gaussian kernel calms the flicker, and max pooling keeps the strongest of each "
            "3 x 3 pixels.",
            features,
            "dBZ",
        ),
        Stage(
            "response",
            f"A decision: where a pooled value reaches {_CONVECTIVE_DBZ:.0f} dBZ, say convection.",
            alarms,
            "yes or no",
        ),
    )
    share = f"{alarms.sum()} of {alarms.size:,} neighbourhoods"
    return Chain(stages, f"Convection in {share}." if alarms.any() else "No convection.")


def _squall_line(rng: np.random.Generator) -> NDArray[np.float64]:
    """Rain in mm/h on pixels of 1 km: cores along a bowed line, and light rain behind it."""
    north, east = np.mgrid[0:_SCENE_KM, 0:_SCENE_KM].astype(float)
    ahead = east - 290 - 0.25 * (north - 255) + ((north - 255) / 55) ** 2
    within = np.exp(-(((north - 255) / 130) ** 4))
    shield = 6 * within * np.exp(-0.5 * ((ahead + 55) / 30) ** 2)
    cores = np.zeros_like(shield)
    for centre in np.linspace(150, 360, 9) + rng.uniform(-10, 10, 9):
        strength, size = rng.uniform(40, 70), rng.uniform(5, 9)
        away = ((north - centre) / (1.6 * size)) ** 2 + (ahead / size) ** 2
        cores += strength * np.exp(-0.5 * away)
    noise = gaussian_filter(rng.normal(size=shield.shape), 4)
    texture = np.exp(0.35 * noise / noise.std())
    rain = (shield + cores) * texture / texture.mean()
    return np.where(rain < 0.1, 0.0, rain)


def _through_beam(reflectivity: NDArray) -> NDArray[np.float64]:
    """Reflectivity by ray and gate: at a fixed angle, the farther away, the more is blended."""
    bearing = np.deg2rad(np.arange(360 * _FINE) / _FINE)[:, None]
    gate = np.arange(1, _RANGE_KM + 1)[None, :]
    places = [_RADAR_KM[0] + gate * np.cos(bearing), _RADAR_KM[1] + gate * np.sin(bearing)]
    seen = map_coordinates(reflectivity, places, order=1, cval=0.0)
    # The beam goes out and comes back, so its power pattern counts twice.
    spread = _BEAM_DEGREES / (2 * np.sqrt(2 * np.log(2))) / np.sqrt(2)
    return gaussian_filter1d(seen, spread * _FINE, axis=0, mode="wrap")[::_FINE]


def _received(beams: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """Power in dBm: echo and noise, each the mean of pulses that fluctuate exponentially."""
    gate = np.arange(1, _RANGE_KM + 1)
    noise = 10 ** (_NOISE_DBM / 10)
    echo = noise * beams / gate**2 / 10 ** (_NOISE_DBZ_AT_1KM / 10)
    power = (echo + noise) * rng.gamma(_PULSES, 1 / _PULSES, beams.shape)
    return 10 * np.log10(power)


def _digitised(power: NDArray) -> NDArray[np.uint8]:
    """A storm box of whole dBZ: noise taken off, distance made good, nearest gate to each pixel."""
    gate = np.arange(1, _RANGE_KM + 1)
    noise = 10 ** (_NOISE_DBM / 10)
    echo = 10 ** (power / 10) - noise
    detected = echo > 2 * noise  # so far above its own flicker that noise alone all but never is
    z = np.where(detected, echo / noise, np.nan) * gate**2 * 10 ** (_NOISE_DBZ_AT_1KM / 10)
    dbz = np.nan_to_num(10 * np.log10(z), nan=0.0)
    offset = offsets_km(SIZE)
    north, east = offset[:, None] - _RADAR_KM[0], offset[None, :] - _RADAR_KM[1]
    ray = np.rint(np.rad2deg(np.arctan2(east, north))).astype(int) % 360
    index = np.rint(np.hypot(north, east)).astype(int) - 1
    return np.clip(dbz[ray, np.clip(index, 0, None)], 0, MAX_DBZ).astype(np.uint8)
