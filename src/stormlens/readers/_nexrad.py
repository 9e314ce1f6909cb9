"""
NEXRAD Level II volumes (WSR-88D Archive II).

A volume is a header of 24 bytes and a train of messages, since 2001 packed in
bzip2 records, which are unpacked one by one and within bounds. In a split cut
the antenna turns twice at one elevation. The first turn sees far but measures no
velocities; the second measures velocities but folds range, so its reflectivity is
left out.

One volume in a hundred lacks something: archives have gaps, files are cut
short, and a volume of the real-time feed is unfinished until its last chunk
has come. Each ray has its own header, so intact rays are read, and the
product says how many they are.

Formats: NOAA Radar Operations Center, ICD 2620010 (Archive II/User) and
2620002 (RDA/RPG).
"""

import bz2
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from stormlens.errors import InputError
from stormlens.readers._format import Format
from stormlens.readers._level2 import Cut, Gates, Turn, Volume, decode, too_much
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._polar import Sweep, grid_about, volume_to_grid
from stormlens.readers._quality import quality_controlled
from stormlens.readers._unpack import MAX_BYTES
from stormlens.stormbox import Mosaic

_HEADER = 24
_STARTS = (b"AR2V", b"ARCHIVE2")
_PACKED = re.compile(rb"BZh[1-9]1AY&SY")  # how a packed record begins, behind its size
_SIZE = 4
_RECORD_BYTES = 2**26  # of 120 rays, which take 2 MB
_MOST_VALUES = 48 * 2**20  # of all sweeps: 25 of 720 rays and 1,840 gates are 33 million
_DBZ, _CORRELATION = "REF", "RHO"
_SIMULATED = "XSIM"  # what `stormlens data sample` calls its radar
_SAME_CUT = 0.3  # degrees: the two turns of a split cut
_SITE = re.compile(r"[A-Z][A-Z0-9]{3}")


def _is_nexrad(content: bytes) -> bool:
    return content.startswith(_STARTS) or _is_chunk(content)


def _is_chunk(content: bytes) -> bool:
    """Whether it is a part of a volume behind its beginning, as the real-time feed sends them."""
    return _PACKED.match(content, _SIZE) is not None


def read_nexrad(
    content: bytes, name: str, options: Options, *, remarks: Sequence[str] = ()
) -> Mosaic:
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
        Sampling, quality control, whether a volume must be whole, and where the radar stands if
        the volume does not say so.
    remarks : sequence of str, optional
        What is known to be missing, for the product of a volume that lacks something.

    Returns
    -------
    mosaic : Mosaic
        `time` is that of the first ray. `is_whole` is False where something is missing, and
        `product` then says how much is there.

    Raises
    ------
    InputError
        If nothing of it can be read, it holds no sweep or no reflectivity, it must be whole and
        is not, or it comes from a radar that is not known or does not reach the grid that is
        asked for.
    """
    if _is_chunk(content):
        raise InputError(
            f"{name} is a chunk from within a volume of NOAA's real-time feed, which only its "
            "first chunk begins (its name ends in -001-S); give that one with it, and all between."
        )
    moments = (_DBZ, _CORRELATION) if options.quality_control else (_DBZ,)
    records = _Records(content, name)
    volume = decode(records, moments, name)
    reasons = records.reasons(volume)
    if not volume.turns:
        raise _empty(name, volume, [*reasons, *remarks])
    chosen = _with_reflectivity(volume, name)
    product, is_whole = _product(volume, chosen, reasons, remarks)
    if options.strict and not is_whole:
        raise InputError(
            f"{name} is not whole: it gives the {product}. Read without strict, what is there is "
            "used."
        )
    gates = [turn.gates(_DBZ) for turn in chosen]
    n_values = sum(len(turn.rays) * own.n for turn, own in zip(chosen, gates, strict=True))
    if n_values > _MOST_VALUES:
        raise too_much(name)
    sweeps = [_sweep(turn, own, options) for turn, own in zip(chosen, gates, strict=True)]
    site = _site_name(content, name)
    latitude, longitude = _place(volume, site, options, name)
    reach = max(sweep.reach for sweep in sweeps)
    grid = grid_about(latitude, longitude, reach, options, name)
    dbz, coverage = volume_to_grid(sweeps, latitude, longitude, grid, options.sampling, name)
    return mosaic_of(
        dbz,
        coverage,
        time=_time(volume),
        source=f"NEXRAD Level II, {site or 'a radar without name'}",
        product=product,
        sampling=options.sampling,
        grid=grid,
        is_whole=is_whole,
        simulated=site == _SIMULATED,
    )


NEXRAD = Format("nexrad", "NEXRAD Level II volumes", _is_nexrad, read_nexrad)


@dataclass
class _Records:
    """
    The volume's records, unpacked one at a time as they are iterated over.

    A record is found by its first bytes, and not by the size of the one before. So a damaged
    record hides none behind it, and as much of it as unpacks is used.

    Attributes
    ----------
    damaged : set of int
        Numbers of those that do not unpack to their end.
    is_cut : bool
        Whether the last one ends with the file.
    """

    content: bytes = field(repr=False)
    name: str
    damaged: set[int] = field(default_factory=set)
    is_cut: bool = False

    def __iter__(self) -> Iterator[bytes | memoryview]:
        content = memoryview(self.content)
        if not self._is_packed:
            yield content[_HEADER:]
            return
        left = MAX_BYTES
        found = _PACKED.finditer(self.content, _HEADER)
        for number, (begin, end) in enumerate(_spans(found, len(content))):
            plain = self._unpacked(content[begin:end], number, left)
            left -= len(plain)
            yield plain

    @property
    def _is_packed(self) -> bool:
        return _is_chunk(self.content[_HEADER : _HEADER + 16])

    def reasons(self, volume: Volume) -> list[str]:
        """Why something may be missing, in words."""
        found = []
        if self._is_packed:
            damaged = len(self.damaged | volume.broken) - self.is_cut
            found += [_count(damaged, "record is damaged", "records are damaged")] * (damaged > 0)
        elif volume.broken:
            found.append("the file breaks off within a message")
        if volume.damaged:
            found.append(_count(volume.damaged, "radial is damaged", "radials are damaged"))
        if self.is_cut:
            found.append("the file ends within a record")
        if volume.last_cut is None:
            found.append("the volume is unfinished or has lost its end")
        return found

    def _unpacked(self, record: memoryview, number: int, left: int) -> bytes:
        decompressor = bz2.BZ2Decompressor()
        most = min(left, _RECORD_BYTES)
        try:
            plain = decompressor.decompress(record, most + 1)
        except (OSError, ValueError):
            self.damaged.add(number)
            self.is_cut = False
            return b""
        if len(plain) > most:
            raise InputError(
                f"{self.name} unpacks to over {MAX_BYTES >> 20} MiB, or a record of it to over "
                f"{_RECORD_BYTES >> 20} MiB, which is refused."
            )
        self.is_cut = not decompressor.eof
        if self.is_cut:
            self.damaged.add(number)
        return plain


def _spans(found: Iterator[re.Match[bytes]], length: int) -> Iterator[tuple[int, int]]:
    """Where each record begins, and where it ends: before the size of the next."""
    begin = next(found).start()
    for match in found:
        yield begin, match.start() - _SIZE
        begin = match.start()
    yield begin, length


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def _empty(name: str, volume: Volume, reasons: Sequence[str]) -> InputError:
    """The sentence for a volume without any ray."""
    if volume.broken or volume.damaged or len(reasons) > 1:
        return InputError(f"{name} holds no sweep that can be read: {', '.join(reasons)}.")
    return InputError(
        f"{name} is the beginning of a volume and holds no sweep yet, as the first chunk of NOAA's "
        "real-time feed; give the chunks that follow with it."
    )


def _with_reflectivity(volume: Volume, name: str) -> list[Turn]:
    """Turns whose reflectivity counts."""
    kinds = [Cut(t.elevation, not t.has_velocity, t.has_velocity) for t in volume.turns]
    chosen = [
        turn
        for turn, is_second in zip(volume.turns, _second_turns(kinds), strict=True)
        if turn.holds(_DBZ) and not is_second
    ]
    if not chosen:
        raise InputError(f"{name} holds no reflectivity, only other moments; get another volume.")
    return chosen


def _second_turns(cuts: Sequence[Cut]) -> list[bool]:
    """Which turns are the second of a split cut: velocities, at the elevation just surveyed."""
    second, surveyed = [], None
    for cut in cuts:
        again = surveyed is not None and abs(cut.elevation - surveyed) <= _SAME_CUT
        second.append(cut.measures_velocity and again)
        if not second[-1]:
            surveyed = cut.elevation if cut.surveys else None
    return second


def _product(
    volume: Volume, chosen: Sequence[Turn], reasons: Sequence[str], remarks: Sequence[str]
) -> tuple[str, bool]:
    """What the mosaic is of, and whether nothing is missing."""
    last, pattern = _plan(volume)
    second = _second_turns(pattern) or [False] * last
    rays: dict[int, tuple[int, int]] = {}  # of each cut: how many there are, and should be
    for turn in chosen:
        # The second turn of a split cut may stand in for the first, but does not make it whole.
        if turn.cut <= last and not second[turn.cut - 1]:
            count = turn.seen(_DBZ), turn.expected
            # If a cut was started again, its more complete turn counts.
            known = rays.get(turn.cut, count)
            rays[turn.cut] = max(count, known, key=lambda both: both[0] / both[1])
    whole = sum(there == expected for there, expected in rays.values())
    lost = (cut for cut in range(1, last + 1) if cut not in rays)
    total = len(rays) + sum(_would_count(volume, second if pattern else [], cut) for cut in lost)
    of_all = _count(total, "sweep", "sweeps")
    if whole == total and volume.last_cut is not None and not remarks:
        return f"column maximum of {of_all}", True
    parts_read = [f"{whole} of {of_all}"] if whole else []
    if whole < len(rays):
        parts = [both for both in rays.values() if both[0] < both[1]]
        there, expected = (sum(numbers) for numbers in zip(*parts, strict=True))
        more = "more" if whole else f"of {of_all}"
        parts_read.append(f"{there:,} of {expected:,} rays of {len(parts)} {more}")
    parts_read = parts_read or [f"parts of {of_all}"]
    why = ", ".join([*reasons, *remarks])
    return f"column maximum of {' and of '.join(parts_read)}{why and f' ({why})'}", False


def _plan(volume: Volume) -> tuple[int, Sequence[Cut]]:
    """
    Number of the last cut, as far as it can be known, and the planned cuts.

    The last cut has the ray that ends the volume. Without that ray it follows from the pattern,
    or is the highest number seen. A number that a single ray has alone is wrong, and not used.
    """
    cuts = [(len(turn.rays) > 1, turn.cut) for turn in volume.turns]
    seen = volume.last_cut or max(cuts)[1]
    pattern = volume.pattern if len(volume.pattern) >= seen else ()
    return volume.last_cut or len(pattern) or seen, pattern


def _would_count(volume: Volume, second: Sequence[bool], cut: int) -> bool:
    """
    Whether a cut without reflectivity should have given some.

    The pattern says so. Without it, a lost cut was the second turn of a split cut where the one
    before it measured no velocity, in a volume that does.
    """
    if second:
        return not second[cut - 1]
    measures_velocity = {turn.cut: turn.has_velocity for turn in volume.turns}
    if cut in measures_velocity:
        return not measures_velocity[cut]
    return not any(measures_velocity.values()) or measures_velocity.get(cut - 1, True)


def _sweep(turn: Turn, gates: Gates, options: Options) -> Sweep:
    """Reflectivity of a turn, and for quality control the correlation on the same gates."""
    dbz, place = turn.values(_DBZ, gates), (float(gates.first), float(gates.spacing))
    if not options.quality_control:
        return Sweep(turn.azimuth, turn.elevation, *place, dbz)
    correlation = None
    if turn.holds(_CORRELATION):
        correlation = turn.values(_CORRELATION, gates)
        correlation[~np.isfinite(correlation)] = np.nan
    return quality_controlled(Sweep(turn.azimuth, turn.elevation, *place, dbz, correlation))


def _site_name(content: bytes, name: str) -> str:
    """Four letters, of the volume or else of the file's name; empty where neither has them."""
    candidates = content[20:_HEADER].decode("ascii", "replace"), Path(name).name[:4].upper()
    return next((text for text in candidates if _SITE.fullmatch(text)), "")


def _place(volume: Volume, site: str, options: Options, name: str) -> tuple[float, float]:
    """Latitude and longitude of the radar: message 31 says them, message 1 does not."""
    if volume.place is not None:
        return volume.place
    if options.site is not None:
        return options.site[0], options.site[1]
    if site not in sites():
        what = (
            f"radar {site!r} is not known, and the volume does not say where it stands"
            if site
            else "the volume says neither where its radar stands nor which it is"
        )
        raise InputError(
            f"{name}: {what}; give its place with --site LAT,LON "
            "(in Python Options(site=(lat, lon)))."
        )
    return sites()[site]


@cache
def sites() -> dict[str, tuple[float, float]]:
    """
    Latitude and longitude of the WSR-88D radars, as they stood when volumes did not say so.

    Returns
    -------
    sites : dict
        Degrees north and east by four-letter identifier; from NOAA's Historical Observing
        Metadata Repository, and of those that it no longer lists (Jackson, Mississippi, until
        2003; two of the Radar Operations Center) from NASA's Radar Software Library. All but
        KCRI, KHDC and Kadena stand within 1 km of where the latter has them.
    """
    table = Path(__file__).with_name("nexrad_sites.csv").read_text(encoding="utf-8")
    return {
        row["site"]: (float(row["latitude"]), float(row["longitude"]))
        for row in csv.DictReader(table.splitlines())
    }


def _time(volume: Volume) -> np.datetime64 | None:
    """When the first ray was measured, None where it says no time; day 1 is 1 January 1970."""
    ray = volume.turns[0].rays[0]
    days, milliseconds = int(ray["day"]), int(ray["ms"])
    if not (1 <= days <= 40_000 and milliseconds < 86_400_000):
        return None
    start = np.datetime64("1970-01-01", "ms") + np.timedelta64(days - 1, "D")
    return start + np.timedelta64(milliseconds, "ms")
