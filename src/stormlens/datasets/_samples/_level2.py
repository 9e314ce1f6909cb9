"""
A NEXRAD Level II volume of Message 31.

Layout: ICD 2620010 for the file (volume header, records in bzip2), ICD 2620002 for
messages and data blocks. Heights: Doviak and Zrnic (1993), Doppler Radar and
Weather Observations, section 2.2.3, beams over an earth of 4/3 the radius.
"""

import bz2
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._samples._weather import LATITUDE, LONGITUDE
from stormlens.stormbox import PIXEL_KM, SIZE

SITE = "XSIM"
"""What the volumes call their radar: no airport's name begins with X. The reader knows it."""

_ELEVATIONS = (0.5, 0.9, 1.5, 2.4, 4.0, 6.2)  # degrees
_RAYS = 360
_FIRST_M, _GATE_M, _GATES = 2000, 1000, 300
_RAY_MS, _SWEEP_MS = 40, 20_000
_HEIGHT_M = 400
_EARTH_KM = 6371.0 * 4 / 3
_SCALE, _OFFSET = 2.0, 66.0  # code = 2 dBZ + 66; 0 is below the threshold
_FADE_FROM_KM, _FADE = 5.0, 4.0  # echo weakens above, dB a km
_CORE_KM = 0.12  # km that each dBZ over 30 lifts this by
_EAST_MS = 15.0  # the storm's speed, m/s
_METADATA = 134 * 2432  # bytes of fixed records before the first Message 31, all unused here
_RAYS_A_RECORD = 120


def volume(box: NDArray[np.uint8], moment: np.datetime64, after: np.timedelta64) -> bytes:
    """
    What a radar in the middle of a storm box sees of it.

    Parameters
    ----------
    box : ndarray of uint8, shape (136, 136)
        Highest reflectivity over each cell, dBZ.
    moment : datetime64
        UTC of the first ray.
    after : timedelta64
        Time since the box; the storm has moved east meanwhile.

    Returns
    -------
    content : bytes
    """
    since = moment.astype("datetime64[ms]")
    day = since.astype("datetime64[D]")
    date, clock = int(day.astype(int)) + 1, int((since - day).astype(int))
    moved_km = _EAST_MS * float(after / np.timedelta64(1, "s")) / 1000
    rays = [
        _message(number, ray, codes, date, clock)
        for number, sweep in enumerate(_sweeps(box.astype(float), moved_km))
        for ray, codes in enumerate(sweep)
    ]
    records = [bytes(_METADATA)]
    records += [
        b"".join(rays[at : at + _RAYS_A_RECORD]) for at in range(0, len(rays), _RAYS_A_RECORD)
    ]
    content = b"AR2V0006.001" + struct.pack(">II", date, clock) + SITE.encode()
    for number, record in enumerate(records):
        packed = bz2.compress(record)
        is_last = number == len(records) - 1
        content += struct.pack(">i", -len(packed) if is_last else len(packed)) + packed
    return content


def _sweeps(box: NDArray[np.float64], moved_km: float) -> Iterator[NDArray[np.uint8]]:
    """Codes of each sweep, shape (rays, gates)."""
    from scipy.ndimage import map_coordinates

    azimuth = np.deg2rad(np.arange(_RAYS) + 0.5)[:, np.newaxis]
    slant = (_FIRST_M + _GATE_M * np.arange(_GATES)) / 1000
    for degrees in _ELEVATIONS:
        elevation = np.deg2rad(degrees)
        height = np.sqrt(slant**2 + _EARTH_KM**2 + 2 * slant * _EARTH_KM * np.sin(elevation))
        ground = _EARTH_KM * np.arcsin(slant * np.cos(elevation) / height)
        height -= _EARTH_KM
        east, north = ground * np.sin(azimuth) - moved_km, ground * np.cos(azimuth)
        middle = (SIZE - 1) / 2
        at = [north / PIXEL_KM + middle, east / PIXEL_KM + middle]
        dbz = map_coordinates(box, at, order=1, mode="constant")
        top = _FADE_FROM_KM + _CORE_KM * np.clip(dbz - 30, 0, None)
        dbz = dbz - _FADE * np.clip(height - top, 0, None)
        codes = np.rint(_SCALE * dbz + _OFFSET).astype(np.uint8)
        yield np.where(dbz >= 5, codes, 0).astype(np.uint8)


def _message(number: int, ray: int, codes: NDArray[np.uint8], date: int, clock: int) -> bytes:
    """Message 31 of a ray, with its header (tables II and XVII)."""
    place = LATITUDE, LONGITUDE, _HEIGHT_M, 20
    gates = struct.pack(">IHhhhhBBff", 0, _GATES, _FIRST_M, _GATE_M, 100, 16, 0, 8, _SCALE, _OFFSET)
    blocks = (
        b"RVOL" + struct.pack(">HBBffhHfffffH2s", 44, 1, 0, *place, *[0] * 5, 12, b""),
        b"RELV" + struct.pack(">Hhf", 12, -12, -44.5),
        b"RRAD" + struct.pack(">Hhffh2s", 20, 4600, -81.0, -81.0, 890, b""),
        b"DREF" + gates + codes.tobytes(),
    )
    pointers = 72 + np.cumsum([0, *map(len, blocks)])
    header = struct.pack(
        ">4sIHHfBBHBBBBfBbH10I",
        SITE.encode(),
        clock + _SWEEP_MS * number + _RAY_MS * ray,
        date,
        ray + 1,
        ray + 0.5,
        0,
        0,
        pointers[-1],
        2,
        _status(number, ray),
        number + 1,
        0,
        _ELEVATIONS[number],
        0,
        0,
        len(blocks),
        *pointers[:-1].tolist(),
        *[0] * (10 - len(blocks)),
    )
    body = header + b"".join(blocks)
    size = (16 + len(body)) // 2
    return bytes(12) + struct.pack(">HBBHHIHH", size, 0, 31, 0, date, clock, 1, 1) + body


def _status(number: int, ray: int) -> int:
    """Start or end of a sweep or of the volume, or a ray between."""
    if ray == 0:
        return 3 if number == 0 else 0
    if ray == _RAYS - 1:
        return 4 if number == len(_ELEVATIONS) - 1 else 2
    return 1
