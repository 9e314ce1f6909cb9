"""
NEXRAD Level II volumes (WSR-88D Archive II), decoded by xradar.

A volume is a header of 24 bytes and a train of messages, since 2001 packed in
bzip2 records. They are unpacked here, within bounds, so that xradar meets
plain messages only, 1 (until 2008) or 31 (since). In a split cut the antenna
turns twice at one elevation: the first turn sees far without velocities, the
second measures velocities and folds range, so its reflectivity is passed over.

Formats: NOAA Radar Operations Center, ICD 2620010 (Archive II/User) and
2620002 (RDA/RPG).
"""

import bz2
import csv
import struct
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.errors import InputError
from stormlens.readers._format import Format
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._polar import Sweep, volume_to_grid
from stormlens.readers._quality import quality_controlled
from stormlens.readers._unpack import MAX_BYTES
from stormlens.stormbox import Mosaic

_HEADER = 24
_STARTS = (b"AR2V", b"ARCHIVE2")
_SAME_CUT = 0.3  # degrees: the two turns of a split cut
_FULL_TURN = 65536  # Message 1 counts angles in 1/65536 of a turn
_BELOW, _FOLDED = 0, 1  # values that stand for no echo and for folded range


def _is_nexrad(content: bytes) -> bool:
    return content.startswith(_STARTS)


def read_nexrad(content: bytes, name: str, options: Options) -> Mosaic:
    """
    Column maximum of a Level II volume.

    Parameters
    ----------
    content : bytes
        The volume; its records may be packed.
    name : str
        What errors call the file; where the volume does not name its radar (before 2008 some
        do not), its first four letters do.
    options : Options
        Sampling and quality control.

    Returns
    -------
    mosaic : Mosaic
        `time` is that of the first ray.

    Raises
    ------
    InputError
        If the volume is damaged or cut short, holds no sweep or no reflectivity, or comes from
        a radar that is not known or does not reach the national grid.
    """
    plain = _plain(content, name)
    volume = _decoded(plain, name)
    sweeps = [_sweep(volume, number, name) for number in _with_reflectivity(volume, name)]
    if options.quality_control:
        sweeps = [quality_controlled(sweep) for sweep in sweeps]
    site = _site_name(plain, name)
    latitude, longitude = _place(volume, site, name)
    dbz, coverage = volume_to_grid(sweeps, latitude, longitude, options.sampling, name)
    return mosaic_of(
        dbz,
        coverage,
        time=_time(volume, name),
        source=f"NEXRAD Level II, {site}",
        product=f"column maximum of {len(sweeps)} sweeps",
        sampling=options.sampling,
    )


NEXRAD = Format("nexrad", "NEXRAD Level II volumes", _is_nexrad, read_nexrad)


def _plain(content: bytes, name: str) -> bytes:
    """The volume with its bzip2 records unpacked."""
    if len(content) < _HEADER + 16:
        raise InputError(f"{name} is a Level II volume cut short; get it again.")
    if content[_HEADER + 4 : _HEADER + 7] != b"BZh":
        return content
    parts, at, size = [content[:_HEADER]], _HEADER, _HEADER
    while at + 4 < len(content):
        # The last record's length is negative.
        length = abs(struct.unpack_from(">i", content, at)[0])
        record = content[at + 4 : at + 4 + length]
        if not record or len(record) < length:
            raise InputError(f"{name} is a Level II volume cut short; get it again.")
        parts.append(_unpacked(record, MAX_BYTES - size, name))
        size += len(parts[-1])
        at += 4 + length
    return b"".join(parts)


def _unpacked(record: bytes, left: int, name: str) -> bytes:
    decompressor = bz2.BZ2Decompressor()
    try:
        plain = decompressor.decompress(record, left + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{name} holds a damaged bzip2 record; get it again.") from error
    if len(plain) > left:
        raise InputError(f"{name} unpacks to over {MAX_BYTES >> 20} MiB, which is refused.")
    if not decompressor.eof:
        raise InputError(f"{name} holds a bzip2 record cut short; get it again.")
    return plain


def _decoded(plain: bytes, name: str) -> Any:
    """The volume as xradar holds one, its message headers read."""
    try:
        from xradar.io.backends.nexrad_level2 import NEXRADLevel2File
    except ImportError as error:
        raise InputError(
            'NEXRAD volumes need more packages: pip install "stormlens[radar]"'
        ) from error
    try:
        volume = NEXRADLevel2File(plain)
        incomplete = volume.incomplete_sweeps
    except Exception as error:  # a damaged header fails in a dozen ways
        raise _damaged(name) from error
    if not volume.data:
        raise InputError(f"{name} holds no sweep; get a whole volume.")
    if incomplete:
        raise InputError(f"{name} is a Level II volume cut short within a sweep; get it again.")
    return volume


def _damaged(name: str) -> InputError:
    return InputError(f"{name} is a damaged Level II volume, or cut short; get it again.")


def _with_reflectivity(volume: Any, name: str) -> list[int]:
    """Numbers of the sweeps whose reflectivity counts."""
    chosen, before = [], None
    try:
        for number in volume.data:
            volume.get_sweep(number)
            moments = volume.data[number]["sweep_data"]
            angle = _elevation(volume, number)
            has_velocity = "VEL" in moments
            second_turn = (
                has_velocity
                and before is not None
                and not before[1]
                and abs(angle - before[0]) <= _SAME_CUT
            )
            if "REF" in moments and not second_turn:
                chosen.append(number)
            before = angle, has_velocity
    except Exception as error:
        raise _damaged(name) from error
    if not chosen:
        raise InputError(f"{name} holds no reflectivity, only other moments; get another volume.")
    return chosen


def _sweep(volume: Any, number: int, name: str) -> Sweep:
    try:
        first, spacing, dbz = _moment(volume, number, "REF")
        azimuth = _azimuths(volume, number)[: len(dbz)]
        correlation = None
        if "RHO" in volume.data[number]["sweep_data"]:
            correlation = _fitted(_moment(volume, number, "RHO")[2], dbz.shape)
    except InputError:
        raise
    except Exception as error:
        raise _damaged(name) from error
    if not (dbz.size and spacing > 0 and np.isfinite(azimuth).all() and len(azimuth) == len(dbz)):
        raise _damaged(name)
    return Sweep(azimuth % 360, _elevation(volume, number), first, spacing, dbz, correlation)


def _moment(volume: Any, number: int, moment: str) -> tuple[float, float, np.ndarray]:
    """First gate and spacing in m, and values of shape (rays, gates)."""
    volume.get_data(number, moment)
    held = volume.data[number]["sweep_data"][moment]
    raw = np.stack(held["data"])
    values = ((raw.astype(np.float32) - held["offset"]) / held["scale"]).astype(np.float32)
    values[raw == _BELOW] = -np.inf
    values[raw == _FOLDED] = np.nan
    return float(held["first_gate"]), float(held["gate_spacing"]), values


def _fitted(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Values on the gates of reflectivity, which reach further; NaN where there is none."""
    fitted = np.full(shape, np.nan, np.float32)
    rays, gates = (min(a, b) for a, b in zip(values.shape, shape, strict=True))
    fitted[:rays, :gates] = values[:rays, :gates]
    return np.where(np.isfinite(fitted), fitted, np.nan)


def _is_legacy(volume: Any, number: int) -> bool:
    return volume.data[number]["msg_type"] == 1


def _angles(volume: Any, number: int, field: str) -> np.ndarray:
    """An angle of every ray, degrees."""
    raw = np.array([ray[field] for ray in volume.msg_31_header[number]], np.float64)
    return raw * 360 / _FULL_TURN if _is_legacy(volume, number) else raw


def _azimuths(volume: Any, number: int) -> np.ndarray:
    return _angles(volume, number, "azimuth_angle")


def _elevation(volume: Any, number: int) -> float:
    angles = _angles(volume, number, "elevation_angle")
    angle = float(np.median(angles))
    if not -5 <= angle <= 90:
        raise ValueError(angle)
    return angle


def _site_name(plain: bytes, name: str) -> str:
    icao = plain[20:_HEADER].strip(b"\0 ").decode("ascii", "replace")
    return icao or Path(name).name[:4].upper()


def _place(volume: Any, site: str, name: str) -> tuple[float, float]:
    """Latitude and longitude of the radar: Message 31 says them, Message 1 does not."""
    constants = volume.data[next(iter(volume.data))].get("sweep_constant_data", {})
    if not _is_legacy(volume, next(iter(volume.data))) and "VOL" in constants:
        return float(constants["VOL"]["lat"]), float(constants["VOL"]["lon"])
    if site not in sites():
        raise InputError(
            f"{name}: radar {site!r} is not known, and the volume does not say where it stands; "
            "give the file its own name, which begins with the radar's four letters."
        )
    return sites()[site]


@cache
def sites() -> dict[str, tuple[float, float]]:
    """
    Latitude and longitude of the WSR-88D radars.

    Returns
    -------
    sites : dict
        Degrees north and east by four-letter identifier; from NOAA's Historical Observing
        Metadata Repository.
    """
    table = files("stormlens.readers").joinpath("nexrad_sites.csv").read_text(encoding="utf-8")
    return {
        row["site"]: (float(row["latitude"]), float(row["longitude"]))
        for row in csv.DictReader(table.splitlines())
    }


def _time(volume: Any, name: str) -> np.datetime64:
    """When the first ray was measured; day 1 is 1 January 1970."""
    ray = volume.msg_31_header[next(iter(volume.data))][0]
    days, milliseconds = ray["collect_date"], ray["collect_ms"]
    if not (1 <= days <= 40_000 and milliseconds < 86_400_000):
        raise _damaged(name)
    start = np.datetime64("1970-01-01", "ms") + np.timedelta64(int(days) - 1, "D")
    return start + np.timedelta64(int(milliseconds), "ms")
