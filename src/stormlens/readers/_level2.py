"""
From the messages of a NEXRAD Level II volume to the turns of its antenna.

A record is a train of messages. Each radial (message 1 until 2008, 31 since)
is one ray. It says itself where it points, where its gates lie and how its
values are written, so each is read by its own header. Rays are grouped by the
number of their cut, and not by the marks of a sweep's begin and end: an archive may
have lost rays and these marks with them, or store rays twice or out of order. What
is intact is kept. A message that contradicts itself costs its own ray; one whose
size is wrong costs the rest of its record. `Turn.expected` and `Volume` say what is
missing.

Only the requested moments are kept, as packed codes, one ray after the other. So
memory follows the size of the file; a sweep becomes values when it is used.

Formats: NOAA Radar Operations Center, ICD 2620002 (RDA/RPG), tables II, III, XI and XVII.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]
Table = NDArray[np.void]

_BELOW, _FOLDED = 0, 1
"""Values that stand for no echo and for folded range."""

_STARTS, _ENDS, _LAST = (0, 3, 5), (2, 4), 4
"""Radial status of the first and last ray of an elevation, and of the last of a volume."""

_STATUS = 0x0F  # its bits; what stands above, MetPy takes for a mark of bad data

_MOST_RAYS, _MOST_GATES, _MOST_BLOCKS, _MOST_TURNS = 2**15, 2**12, 32, 100
_MOST_RAYS_OF_TURN, _MOST_MESSAGES = 2**11, 2**19
"""More is no volume: 32 cuts of 720 rays, 1,840 gates and 10 blocks are the most there are."""

_LEAST_SPACING = 50  # m; gates lie 250 m apart or 1,000

_HEADER = struct.Struct(">12xHxB8xHH")  # size in halfwords, kind, segments, number of segment
_LEGACY, _PATTERN, _GENERIC = 1, 5, 31
_OF_ANY_LENGTH = (29, _GENERIC)
_FRAME = 2432  # bytes of every other message
_CONTROL = 12  # bytes before a message, which its size does not count
_LARGE = 65535  # a size that says that the size, in bytes, is where segments are counted
_TURN = 65536  # message 1 counts angles in 1/65536 of a turn
_BLANKED = 1  # the bit of spot blanking that is about the ray itself


def _fields(length: int, **fields: tuple[int, str]) -> np.dtype[Any]:
    """A record of which some fields are read: offset and type of each."""
    offsets, formats = zip(*fields.values(), strict=True)
    return np.dtype(
        {"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": length}
    )


_LEGACY_RAY = _fields(
    100,
    ms=(0, ">u4"),
    day=(4, ">u2"),
    azimuth=(8, ">u2"),
    number=(10, ">u2"),
    status=(12, ">u2"),
    elevation=(14, ">i2"),
    cut=(16, ">u2"),
    first=(18, ">i2"),
    spacing=(22, ">u2"),
    gates=(26, ">u2"),
    doppler_gates=(28, ">u2"),
    pointer=(36, ">u2"),
    blanked=(66, ">u2"),
)
_GENERIC_RAY = _fields(
    32,
    ms=(4, ">u4"),
    day=(8, ">u2"),
    number=(10, ">u2"),
    azimuth=(12, ">f4"),
    status=(21, "u1"),
    cut=(22, "u1"),
    elevation=(24, ">f4"),
    blanked=(28, "u1"),
    blocks=(30, ">u2"),
)
_GENERIC_MOMENT = _fields(
    28,
    gates=(8, ">u2"),
    first=(10, ">i2"),
    spacing=(12, ">i2"),
    word=(19, "u1"),
    scale=(20, ">f4"),
    offset=(24, ">f4"),
)
_VOLUME_BLOCK = _fields(16, latitude=(8, ">f4"), longitude=(12, ">f4"))
_PATTERN_HEADER = struct.Struct(">6xH14x")  # number of cuts
_CUT = struct.Struct(">HxB42x")  # elevation, waveform
_SURVEILLANCE, _DOPPLER = 1, (2, 3)  # waveforms of the turns of a split cut

_MOMENT = np.dtype(
    [
        ("at", "i8"),
        ("gates", "i4"),
        ("first", "i4"),
        ("spacing", "i4"),
        ("word", "i4"),
        ("scale", "f4"),
        ("offset", "f4"),
    ]
)
_COMMON = ("ms", "day", "number", "status", "cut")


def _ray_type(moments: Sequence[str]) -> np.dtype[Any]:
    fields: list[Any] = [(name, "i8") for name in _COMMON]
    fields += [("azimuth", "f8"), ("elevation", "f8"), ("blanked", "?"), ("velocity", "?")]
    return np.dtype(fields + [(moment, _MOMENT) for moment in moments])


@dataclass(frozen=True)
class Gates:
    """
    Where the gates of a sweep lie.

    Attributes
    ----------
    first, spacing : int
        Slant range of the centre of the first gate, and from gate to gate, m.
    n : int
        How many there are.
    """

    first: int
    spacing: int
    n: int


@dataclass(frozen=True)
class Cut:
    """
    One turn of the antenna, as the volume coverage pattern plans it.

    Attributes
    ----------
    elevation : float
        Degrees.
    surveys, measures_velocity : bool
        Whether it is the far-seeing turn of a split cut, and the other one.
    """

    elevation: float
    surveys: bool
    measures_velocity: bool


@dataclass(frozen=True)
class _Part:
    """
    The content of a record.

    Its rays, the bytes of their values one after the other, where the radar stands, the cuts of
    its pattern, how many messages it has, whether they break off, and how many of its rays were
    damaged.
    """

    rays: Table
    codes: dict[str, Bytes]
    place: tuple[float, float] | None
    pattern: tuple[Cut, ...]
    messages: int
    broken: bool
    damaged: int


@dataclass(frozen=True)
class Turn:
    """
    One turn of the antenna.

    Attributes
    ----------
    rays : ndarray, shape (rays,)
        Fields of their headers.
    elevation : float
        Median over rays, degrees, -5 to 90.
    has_velocity : bool
        Whether it measured velocities.
    """

    rays: Table
    elevation: float
    has_velocity: bool
    _parts: Sequence[_Part]
    _part: NDArray[np.intp]  # of each ray: which has its values

    @property
    def azimuth(self) -> Floats:
        """Degrees clockwise from north, 0 to 360, shape (rays,)."""
        return self.rays["azimuth"] % 360

    @property
    def cut(self) -> int:
        """Number of the cut within the volume, from 1."""
        return int(self.rays["cut"][0])

    @property
    def expected(self) -> int:
        """
        How many rays the turn had when it was measured.

        Rays are numbered, so the last one says it. If the last is lost, the step from ray to ray
        gives how many fill the circle.
        """
        number, there = self.rays["number"], len(self.rays)
        total = max(there, int(number.max(initial=0, where=number <= _MOST_RAYS_OF_TURN)))
        if np.isin(self.rays["status"], _ENDS).any():
            return total
        if there > 1:
            step = float(np.median(np.diff(np.sort(self.azimuth))))
            total = max(total, round(360 / max(step, 360 / _MOST_RAYS_OF_TURN)))
        return max(total, there + 1)  # the lost last ray at least

    def seen(self, moment: str) -> int:
        """
        How many rays have a moment, or are blanked.

        Parameters
        ----------
        moment : str
            One of those that `decode` kept.

        Returns
        -------
        rays : int
        """
        return int(((self.rays[moment]["gates"] > 0) | self.rays["blanked"]).sum())

    def holds(self, moment: str) -> bool:
        """
        Whether any ray has values of a moment.

        Parameters
        ----------
        moment : str
            One of those that `decode` kept.

        Returns
        -------
        holds : bool
        """
        return bool((self.rays[moment]["gates"] > 0).any())

    def gates(self, moment: str) -> Gates:
        """
        Gates that suit all rays.

        Rays of a sweep usually differ in the number of their gates alone. If some differ in more,
        most rays decide the spacing. The gates reach from the nearest to the farthest of all rays.

        Parameters
        ----------
        moment : str
            One for which `holds` is true.

        Returns
        -------
        gates : Gates
            No more than a radar measures, however far the odd ray claims to reach.
        """
        headers = self.rays[moment][self.rays[moment]["gates"] > 0]
        kinds, count = np.unique(headers[["first", "spacing"]], return_counts=True)
        first, spacing = (int(value) for value in kinds[count.argmax()])
        # Whole steps back from the commonest first gate, so that its rays stay on these gates.
        first -= spacing * -(-(first - int(headers["first"].min())) // spacing)
        reach = headers["first"] + headers["spacing"] * (headers["gates"].astype(np.int64) - 1)
        n = -(-(int(reach.max()) - first) // spacing) + 1
        return Gates(first, spacing, min(n, _MOST_GATES))

    def values(self, moment: str, gates: Gates) -> NDArray[np.float32]:
        """
        A moment on the gates given, each the nearest of its ray.

        Parameters
        ----------
        moment : str
            One of those that `decode` kept.
        gates : Gates
            Of this moment or of another.

        Returns
        -------
        values : ndarray of float32, shape (rays, gates.n)
            In the moment's unit; minus infinity below the threshold of detection, NaN in folded
            range, on blanked rays, and where a ray has no gate.
        """
        headers = self.rays[moment]
        values = np.full((len(headers), gates.n), np.nan, np.float32)
        wanted = gates.first + gates.spacing * np.arange(gates.n)
        shown = np.flatnonzero((headers["gates"] > 0) & ~self.rays["blanked"])
        if not len(shown):
            return values
        codes = self._codes(moment, shown)
        scale, offset = (headers[field][shown, None] for field in ("scale", "offset"))
        with np.errstate(all="ignore"):
            meant = (codes.astype(np.float32) - offset) / scale
        meant[codes == _BELOW], meant[codes == _FOLDED] = -np.inf, np.nan
        # Rays with the same first gate and spacing are moved to the wanted gates together.
        places, kind = np.unique(headers[["first", "spacing"]][shown], return_inverse=True)
        order = np.argsort(kind, kind="stable")
        for place, rows in zip(
            places, np.split(order, np.cumsum(np.bincount(kind))[:-1]), strict=True
        ):
            column = np.rint((wanted - place["first"]) / place["spacing"]).astype(np.intp)
            there = np.flatnonzero((column >= 0) & (column < codes.shape[1]))
            if len(there):
                found = meant[rows].take(column[there], axis=1)
                values[shown[rows], there[0] : there[-1] + 1] = found
        return values

    def _codes(self, moment: str, rays: NDArray[np.intp]) -> NDArray[np.uint16]:
        """Values as written, shape (rays, gates); where a ray ends earlier it counts as folded."""
        headers = self.rays[moment][rays]
        gathered = np.full((len(rays), int(headers["gates"].max())), _FOLDED, np.uint16)
        fields = (headers[field].tolist() for field in ("at", "gates", "word"))
        wanted = zip(gathered, self._part[rays].tolist(), *fields, strict=True)
        for row, part, at, n, word in wanted:
            stored = self._parts[part].codes[moment][at : at + n * (word // 8)]
            row[:n] = stored.view(">u2") if word == 16 else stored
        return gathered


@dataclass(frozen=True)
class Volume:
    """
    What the messages of a volume say.

    Attributes
    ----------
    turns : list of Turn
        In the order of their first rays.
    place : tuple of float or None
        Latitude and longitude of the radar, degrees; message 1 does not say them.
    pattern : tuple of Cut
        The cuts that were planned; a volume may end before the last. Empty where unknown.
    last_cut : int or None
        Number of the cut whose last ray ends the volume; None where that ray is missing.
    broken : set of int
        Numbers of the records whose messages break off.
    damaged : int
        How many rays cannot be read.
    """

    turns: list[Turn]
    place: tuple[float, float] | None
    pattern: tuple[Cut, ...]
    last_cut: int | None
    broken: set[int]
    damaged: int


@np.errstate(over="ignore", invalid="ignore")  # numbers of damaged headers, checked later
def decode(records: Iterable[bytes | memoryview], moments: Sequence[str], name: str) -> Volume:
    """
    Read a volume's records one by one.

    Parameters
    ----------
    records : iterable of bytes or memoryview
        Unpacked, each a train of whole messages.
    moments : sequence of str
        What to keep: "REF", "RHO".
    name : str
        What errors call the file.

    Returns
    -------
    volume : Volume
        Rays stored twice are taken once. What is damaged is left out.

    Raises
    ------
    InputError
        If there is more than a volume has.
    """
    parts: list[_Part] = []
    messages = damaged = 0
    broken: set[int] = set()
    place: tuple[float, float] | None = None
    pattern: tuple[Cut, ...] = ()
    for number, record in enumerate(records):
        part = _part(record, moments)
        # An empty record counts too.
        messages += part.messages + 1
        if messages > _MOST_MESSAGES:
            raise too_much(name)
        damaged += part.damaged
        if part.broken:
            broken.add(number)
        place, pattern = place or part.place, part.pattern or pattern
        if len(part.rays):
            parts.append(part)
    if sum(len(part.rays) for part in parts) > _MOST_RAYS:
        raise too_much(name)
    turns = _turns(parts)
    if len(turns) > _MOST_TURNS or any(len(turn.rays) > _MOST_RAYS_OF_TURN for turn in turns):
        raise too_much(name)
    last = max((t.cut for t in turns if (t.rays["status"] == _LAST).any()), default=None)
    return Volume(turns, place, pattern, last, broken, damaged)


def too_much(name: str) -> InputError:
    """
    The sentence for a volume that holds more than a radar measures.

    Parameters
    ----------
    name : str
        What errors call the file.

    Returns
    -------
    error : InputError
        To be raised.
    """
    return InputError(
        f"{name} holds more records, cuts, rays or gates than a Level II volume has, which is "
        "refused."
    )


def _part(record: bytes | memoryview, moments: Sequence[str]) -> _Part:
    spans, messages, broken = _messages(record)
    plain = np.frombuffer(record, np.uint8)
    legacy, generic = (
        np.array([span[1:] for span in spans if span[0] == kind], np.int64).reshape(-1, 2)
        for kind in (_LEGACY, _GENERIC)
    )
    rays = np.zeros(0, _ray_type(moments))
    place = None
    if len(legacy):
        rays = _legacy_rays(plain, legacy, moments)
    if len(generic):
        more, place = _generic_rays(plain, generic, moments)
        rays = np.concatenate([rays, more])
    patterns = [_pattern(record[begin:end]) for kind, begin, end in spans if kind == _PATTERN]
    codes = {moment: _as_written(plain, rays[moment]) for moment in moments}
    damaged = len(legacy) + len(generic) - len(rays)
    pattern = patterns[-1] if patterns else ()
    return _Part(rays, codes, place, pattern, messages, broken, damaged)


def _messages(record: bytes | memoryview) -> tuple[list[tuple[int, int, int]], int, bool]:
    """
    Kind, begin and end of the messages that count, behind their headers.

    Also how many messages there are of any kind, and whether they break off at one whose size
    cannot be, or that is cut off.
    """
    found: list[tuple[int, int, int]] = []
    at, length, messages = 0, len(record), 0
    while at + _HEADER.size <= length and messages <= _MOST_MESSAGES:
        size, kind, high, low = _HEADER.unpack_from(record, at)
        step = _FRAME
        if size == _LARGE:
            step = _CONTROL + (high << 16 | low)
        elif kind in _OF_ANY_LENGTH:
            step = _CONTROL + 2 * size
        # Kind 0 only fills up its frame; the file may end within it.
        if step < _HEADER.size or (at + step > length and kind != 0):
            return found, messages, True
        if kind in (_LEGACY, _PATTERN, _GENERIC):
            found.append((kind, at + _HEADER.size, at + step))
        at += step
        messages += 1
        if len(found) > _MOST_RAYS:  # before memory is taken for them
            return [], _MOST_MESSAGES + 1, True
    return found, messages, False


def _pattern(message: bytes | memoryview) -> tuple[Cut, ...]:
    """Cuts of a volume coverage pattern; none where the message says nothing, as before 2008."""
    if len(message) < _PATTERN_HEADER.size:
        return ()
    n = _PATTERN_HEADER.unpack_from(message)[0]
    if not (n <= _MOST_TURNS and _PATTERN_HEADER.size + n * _CUT.size <= len(message)):
        return ()
    cuts = struct.iter_unpack(_CUT.format, message[_PATTERN_HEADER.size :][: n * _CUT.size])
    return tuple(
        Cut(angle * (360 / _TURN), waveform == _SURVEILLANCE, waveform in _DOPPLER)
        for angle, waveform in cuts
    )


def _taken(plain: Bytes, at: NDArray[np.int64], fields: np.dtype[Any]) -> Table:
    """Records of fields at the given places, which the caller has checked to lie in the data."""
    return plain[at[..., None] + np.arange(fields.itemsize)].view(fields)[..., 0]


def _legacy_rays(plain: Bytes, spans: NDArray[np.int64], moments: Sequence[str]) -> Table:
    """Rays of messages 1, which have reflectivity of 8 bits and no correlation."""
    spans = spans[spans[:, 0] + _LEGACY_RAY.itemsize <= spans[:, 1]]
    begin, end = spans.T
    header = _taken(plain, begin, _LEGACY_RAY)
    rays = np.zeros(len(spans), _ray_type(moments))
    for field in _COMMON:
        rays[field] = header[field]
    for angle in ("azimuth", "elevation"):
        rays[angle] = header[angle] * (360 / _TURN)
    rays["status"] &= _STATUS
    rays["velocity"] = header["doppler_gates"] > 0
    rays["blanked"] = header["blanked"] & _BLANKED
    right = _points(rays)
    if "REF" in moments:
        moment = rays["REF"]
        present = (header["gates"] > 0) & (header["pointer"] > 0)
        moment["at"] = begin + header["pointer"]
        moment["gates"] = np.where(present, header["gates"], 0)
        moment["first"], moment["spacing"] = header["first"], header["spacing"]
        moment["word"], moment["scale"], moment["offset"] = 8, 2, 66
        right &= ~present | _is_right(moment, end)
    return rays[right]


def _generic_rays(
    plain: Bytes, spans: NDArray[np.int64], moments: Sequence[str]
) -> tuple[Table, tuple[float, float] | None]:
    """Rays of messages 31, and latitude and longitude if one of them says so."""
    spans = spans[spans[:, 0] + _GENERIC_RAY.itemsize <= spans[:, 1]]
    count = _taken(plain, spans[:, 0], _GENERIC_RAY)["blocks"].astype(np.int64)
    table = spans[:, 0] + _GENERIC_RAY.itemsize
    spans = spans[(count <= _MOST_BLOCKS) & (table + 4 * count <= spans[:, 1])]
    begin, end = spans.T
    header = _taken(plain, begin, _GENERIC_RAY)
    rays = np.zeros(len(spans), _ray_type(moments))
    for field in (*_COMMON, "azimuth", "elevation"):
        rays[field] = header[field]
    rays["status"] &= _STATUS
    rays["blanked"] = header["blanked"] & _BLANKED
    blocks, names, inside = _blocks(plain, begin, end, header["blocks"].astype(np.int64))
    rays["velocity"] = (names == b"DVEL").any(axis=1)
    right = _points(rays) & inside
    for moment in moments:
        present, at = _block(blocks, names, b"D" + moment.encode())
        rays[moment][present], fits = _generic_moment(plain, at, end[present])
        right[present] &= fits
    present, at = _block(blocks, names, b"RVOL")
    return rays[right], _stands(plain, at, end[present])


def _points(rays: Table) -> NDArray[np.bool_]:
    """Which rays say where they point, and in which cut."""
    upward = (rays["elevation"] >= -5) & (rays["elevation"] <= 91)
    return upward & np.isfinite(rays["azimuth"]) & (rays["cut"] <= _MOST_TURNS)


def _blocks(
    plain: Bytes, begin: NDArray[np.int64], end: NDArray[np.int64], count: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bytes_], NDArray[np.bool_]]:
    """
    Place and name of the blocks of each ray, in any order; the name is empty for no block.

    Also whether all of a ray's blocks begin within its message.
    """
    table = begin + _GENERIC_RAY.itemsize
    slot = np.arange(int(count.max(initial=0)))
    counts = slot < count[:, None]
    at = np.where(counts, table[:, None] + 4 * slot, 0)
    pointer = _taken(plain, at, np.dtype([("to", ">u4")]))["to"].astype(np.int64)
    counts &= pointer > 0
    to = np.where(counts, begin[:, None] + pointer, 0)
    inside = to + 4 <= end[:, None]
    names = _taken(plain, np.where(inside, to, 0), np.dtype([("name", "S4")]))["name"]
    return to, np.where(counts & inside, names, b""), np.all(inside, axis=1, keepdims=False)


def _block(
    blocks: NDArray[np.int64], names: NDArray[np.bytes_], name: bytes
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rays have a block of a name, and where the first of them begins."""
    found = names == name
    present = found.any(axis=1)
    if not present.any():
        return present, np.zeros(0, np.int64)
    return present, blocks[present, found[present].argmax(axis=1)]


def _generic_moment(
    plain: Bytes, at: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[Table, NDArray[np.bool_]]:
    """Headers of a moment's blocks, and which of them are plausible."""
    moment = np.zeros(len(at), _MOMENT)
    fits = at + _GENERIC_MOMENT.itemsize <= end
    header = _taken(plain, np.where(fits, at, 0), _GENERIC_MOMENT) if len(at) else moment
    for field in ("gates", "first", "spacing", "word", "scale", "offset"):
        moment[field] = header[field]
    moment["at"] = at + _GENERIC_MOMENT.itemsize
    # A scale of zero says that values stand as they are.
    plainly = moment["scale"] == 0
    moment["scale"][plainly], moment["offset"][plainly] = 1, 0
    none = moment["gates"] == 0  # without gates the other fields mean nothing
    return moment, fits & (none | _is_right(moment, end))


def _is_right(moment: Table, end: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which headers of a moment are plausible, and have their values within their message."""
    right = (moment["gates"] <= _MOST_GATES) & (moment["spacing"] >= _LEAST_SPACING)
    right &= np.isin(moment["word"], (8, 16))
    right &= np.isfinite(moment["scale"]) & np.isfinite(moment["offset"])
    return right & (moment["at"] + moment["gates"] * (moment["word"] // 8) <= end)


def _stands(
    plain: Bytes, at: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[float, float] | None:
    """The first place on earth that is given; 0, 0 means none."""
    at = at[at + _VOLUME_BLOCK.itemsize <= end]
    block = _taken(plain, at, _VOLUME_BLOCK)
    latitude, longitude = (block[axis].astype(float) for axis in ("latitude", "longitude"))
    given = (abs(latitude) <= 90) & (abs(longitude) <= 360) & ((latitude != 0) | (longitude != 0))
    places = np.flatnonzero(given)
    return (float(latitude[places[0]]), float(longitude[places[0]])) if len(places) else None


def _as_written(plain: Bytes, moment: Table) -> Bytes:
    """Bytes of all rays' values, copied so that the record can go; `at` then indexes the copy."""
    size = moment["gates"].astype(np.int64) * (moment["word"] // 8)
    begins, sizes = moment["at"].tolist(), size.tolist()
    moment["at"] = np.cumsum(size) - size
    pieces = [plain[at : at + n] for at, n in zip(begins, sizes, strict=True)]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)


def _turns(parts: Sequence[_Part]) -> list[Turn]:
    if not parts:
        return []
    rays = np.concatenate([part.rays for part in parts])
    origin = np.repeat(np.arange(len(parts)), [len(part.rays) for part in parts])
    once = _taken_once(rays)
    rays, origin = rays[once], origin[once]
    return [_turn(rays[group], parts, origin[group]) for group in _grouped(rays)]


def _taken_once(rays: Table) -> NDArray[np.bool_]:
    """Which rays were not there before."""
    keys = [rays[key] for key in ("azimuth", "ms", "day", "number", "cut")]
    order = np.lexsort(keys)
    again = np.ones(len(rays) - 1, bool)
    for key in keys:
        again &= key[order[1:]] == key[order[:-1]]
    once = np.ones(len(rays), bool)
    once[order[1:][again]] = False
    return once


def _grouped(rays: Table) -> list[NDArray[np.intp]]:
    """
    Rays of each turn, in the order of their first.

    Each cut has its own number. If the mark of its beginning comes again, later than all its rays
    so far, the radar started the cut again, and a new turn begins there.
    """
    order = np.argsort(rays["cut"], kind="stable")
    time = rays["day"] * 86_400_000 + rays["ms"]
    groups: list[NDArray[np.intp]] = []
    for cut in np.split(order, np.flatnonzero(np.diff(rays["cut"][order])) + 1):
        latest = np.maximum.accumulate(time[cut])
        anew = np.isin(rays["status"][cut[1:]], _STARTS) & (time[cut[1:]] >= latest[:-1])
        groups += np.split(cut, np.flatnonzero(anew) + 1)
    return sorted(groups, key=lambda group: int(group[0]))


def _turn(rays: Table, parts: Sequence[_Part], part: NDArray[np.intp]) -> Turn:
    elevation = float(np.median(rays["elevation"]))
    return Turn(rays, elevation, bool(rays["velocity"].any()), parts, part)
