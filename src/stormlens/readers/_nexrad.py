"""
NEXRAD Level II volumes (WSR-88D Archive II).

A volume is a header of 24 bytes and a train of messages, since 2001 packed in
bzip2 records, which are unpacked one by one and within bounds. In a split cut
the antenna turns twice at one elevation: the first turn sees far without
velocities, the second measures velocities and folds range, so its reflectivity
is passed over.

Formats: NOAA Radar Operations Center, ICD 2620010 (Archive II/User) and
2620002 (RDA/RPG).
"""

import bz2
import csv
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from stormlens.errors import InputError
from stormlens.readers._format import Format
from stormlens.readers._level2 import Turn, Volume, damaged, decode
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._polar import Sweep, grid_about, volume_to_grid
from stormlens.readers._quality import quality_controlled
from stormlens.readers._unpack import MAX_BYTES
from stormlens.stormbox import Mosaic

_HEADER = 24
_STARTS = (b"AR2V", b"ARCHIVE2")
_DBZ, _CORRELATION = "REF", "RHO"
_SAME_CUT = 0.3  # degrees: the two turns of a split cut


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
        a radar that is not known or does not reach the grid that is asked for.
    """
    moments = (_DBZ, _CORRELATION) if options.quality_control else (_DBZ,)
    volume = _whole(decode(_records(content, name), moments, name), name)
    sweeps = [_sweep(turn, options) for turn in _with_reflectivity(volume, name)]
    site = _site_name(content, name)
    latitude, longitude = _place(volume, site, name)
    reach = max(sweep.reach for sweep in sweeps)
    grid = grid_about(latitude, longitude, reach, options, name)
    dbz, coverage = volume_to_grid(sweeps, latitude, longitude, grid, options.sampling, name)
    return mosaic_of(
        dbz,
        coverage,
        time=_time(volume, name),
        source=f"NEXRAD Level II, {site}",
        product=f"column maximum of {len(sweeps)} sweeps",
        sampling=options.sampling,
        grid=grid,
    )


NEXRAD = Format("nexrad", "NEXRAD Level II volumes", _is_nexrad, read_nexrad)


def _records(content: bytes, name: str) -> Iterator[bytes | memoryview]:
    """The volume's records, unpacked, as they are asked for."""
    if len(content) < _HEADER + 16:
        raise InputError(f"{name} is a Level II volume cut short; get it again.")
    if content[_HEADER + 4 : _HEADER + 7] != b"BZh":
        yield memoryview(content)[_HEADER:]
        return
    at, size = _HEADER, _HEADER
    while at + 4 < len(content):
        # The last record's length is negative.
        length = abs(struct.unpack_from(">i", content, at)[0])
        record = content[at + 4 : at + 4 + length]
        if not record or len(record) < length:
            raise InputError(f"{name} is a Level II volume cut short; get it again.")
        plain = _unpacked(record, MAX_BYTES - size, name)
        size += len(plain)
        at += 4 + length
        yield plain


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


def _whole(volume: Volume, name: str) -> Volume:
    """The volume, if it goes on to its end; what is missing within is not missed."""
    if not volume.turns:
        raise InputError(f"{name} holds no sweep; get a whole volume.")
    if not volume.is_ended:
        raise InputError(f"{name} is a Level II volume cut short within a sweep; get it again.")
    return volume


def _with_reflectivity(volume: Volume, name: str) -> list[Turn]:
    """Turns whose reflectivity counts."""
    chosen: list[Turn] = []
    before: Turn | None = None
    for turn in volume.turns:
        second_turn = (
            turn.has_velocity
            and before is not None
            and not before.has_velocity
            and abs(turn.elevation - before.elevation) <= _SAME_CUT
        )
        if turn.holds(_DBZ) and not second_turn:
            chosen.append(turn)
        before = turn
    if not chosen:
        raise InputError(f"{name} holds no reflectivity, only other moments; get another volume.")
    return chosen


def _sweep(turn: Turn, options: Options) -> Sweep:
    """Reflectivity of a turn, and where quality is controlled correlation on the same gates."""
    gates = turn.gates(_DBZ)
    dbz, place = turn.values(_DBZ, gates), (float(gates.first), float(gates.spacing))
    if not options.quality_control:
        return Sweep(turn.azimuth, turn.elevation, *place, dbz)
    correlation = None
    if turn.holds(_CORRELATION):
        correlation = turn.values(_CORRELATION, gates)
        correlation[~np.isfinite(correlation)] = np.nan
    return quality_controlled(Sweep(turn.azimuth, turn.elevation, *place, dbz, correlation))


def _site_name(content: bytes, name: str) -> str:
    icao = content[20:_HEADER].strip(b"\0 ").decode("ascii", "replace")
    return icao or Path(name).name[:4].upper()


def _place(volume: Volume, site: str, name: str) -> tuple[float, float]:
    """Latitude and longitude of the radar: message 31 says them, message 1 does not."""
    if volume.place is not None:
        return volume.place
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
    table = Path(__file__).with_name("nexrad_sites.csv").read_text(encoding="utf-8")
    return {
        row["site"]: (float(row["latitude"]), float(row["longitude"]))
        for row in csv.DictReader(table.splitlines())
    }


def _time(volume: Volume, name: str) -> np.datetime64:
    """When the first ray was measured; day 1 is 1 January 1970."""
    ray = volume.turns[0].rays[0]
    days, milliseconds = int(ray["day"]), int(ray["ms"])
    if not (1 <= days <= 40_000 and milliseconds < 86_400_000):
        raise damaged(name)
    start = np.datetime64("1970-01-01", "ms") + np.timedelta64(days - 1, "D")
    return start + np.timedelta64(milliseconds, "ms")
