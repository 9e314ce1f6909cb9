"""
Messages of a NEXRAD Level II volume, to the turns of its antenna.

A record is a train of messages. Each radial (message 1 until 2008, 31 since)
is one ray, and says itself where it points, where its gates lie and how its
values are written; so each is read by its own header. Rays are known by the
number of their cut: an archive may have lost some of them, with the marks of a
sweep's begin and end, may hold some twice, or not in their order.

Only moments that are asked for are kept, as they are written; a sweep becomes
values when it is wanted.

Formats: NOAA Radar Operations Center, ICD 2620002 (RDA/RPG), tables II, III and XVII.
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

_STARTS, _ENDS = (0, 3, 5), (2, 4)
"""Radial status of the first and last ray of an elevation."""

_MOST_RAYS, _MOST_GATES, _MOST_BLOCKS, _MOST_TURNS = 2**15, 2**12, 32, 100
"""More is no volume: 32 cuts of 720 rays, 1,840 gates and 10 blocks are the most there are."""

_HEADER = struct.Struct(">12xHxB8xHH")  # size in halfwords, kind, segments, number of segment
_LEGACY, _GENERIC = 1, 31
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
class _Part:
    """What a record holds: its rays, their values as written, and where the radar stands."""

    rays: Table
    codes: dict[str, NDArray[np.unsignedinteger]]
    place: tuple[float, float] | None


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
    _origin: NDArray[np.intp]  # of each ray: part, and row in it; shape (2, rays)
    _name: str

    @property
    def azimuth(self) -> Floats:
        """Degrees clockwise from north, 0 to 360, shape (rays,)."""
        return self.rays["azimuth"] % 360

    def holds(self, moment: str) -> bool:
        """
        Whether any ray has values of a moment.

        Parameters
        ----------
        moment : str
            One that was asked for.

        Returns
        -------
        holds : bool
        """
        return bool((self.rays[moment]["gates"] > 0).any())

    def gates(self, moment: str) -> Gates:
        """
        Gates on which every ray finds its own.

        Rays of a sweep agree on their gates but for their number; where some do not, the others
        say how far apart gates lie, and these reach from the nearest to the farthest gate of all.

        Parameters
        ----------
        moment : str
            One that `holds` says is there.

        Returns
        -------
        gates : Gates

        Raises
        ------
        InputError
            If there would be more than a radar measures.
        """
        held = self.rays[moment][self.rays[moment]["gates"] > 0]
        kinds, count = np.unique(held[["first", "spacing"]], return_counts=True)
        first, spacing = (int(value) for value in kinds[count.argmax()])
        first -= spacing * -(-(first - int(held["first"].min())) // spacing)
        reach = held["first"] + held["spacing"] * (held["gates"].astype(np.int64) - 1)
        n = -(-(int(reach.max()) - first) // spacing) + 1
        if n > _MOST_GATES:
            raise damaged(self._name)
        return Gates(first, spacing, n)

    def values(self, moment: str, gates: Gates) -> NDArray[np.float32]:
        """
        A moment on the gates given, each the nearest of its ray.

        Parameters
        ----------
        moment : str
            One that was asked for.
        gates : Gates
            Of this moment or of another.

        Returns
        -------
        values : ndarray of float32, shape (rays, gates.n)
            In the moment's unit; minus infinity below the threshold of detection, NaN in folded
            range, on blanked rays, and where a ray has no gate.
        """
        codes, headers = self._codes(moment), self.rays[moment]
        values = np.full((len(headers), gates.n), np.nan, np.float32)
        asked = gates.first + gates.spacing * np.arange(gates.n)
        shown = (headers["gates"] > 0) & ~self.rays["blanked"]
        kinds, kind_of = np.unique(
            headers[["first", "spacing", "scale", "offset"]], return_inverse=True
        )
        for number in np.unique(kind_of[shown]):
            kind, rays = kinds[number], np.flatnonzero(shown & (kind_of == number))
            column = np.rint((asked - kind["first"]) / kind["spacing"]).astype(np.intp)
            there = np.flatnonzero((column >= 0) & (column < codes.shape[1]))
            table = _meaning(kind["scale"], kind["offset"], codes.dtype)
            if len(there):
                found = table[codes[rays].take(column[there], axis=1)]
                values[rays, there[0] : there[-1] + 1] = found
        return values

    def _codes(self, moment: str) -> NDArray[np.unsignedinteger]:
        """Values as written, shape (rays, gates); where a ray ends earlier it counts as folded."""
        width = int(self.rays[moment]["gates"].max())
        held = {int(part): self._parts[part].codes[moment] for part in np.unique(self._origin[0])}
        kind = np.result_type(*(codes.dtype for codes in held.values()))
        gathered = np.full((len(self.rays), width), _FOLDED, kind)
        for part, codes in held.items():
            here = self._origin[0] == part
            found = codes[self._origin[1][here], :width]
            gathered[here, : found.shape[1]] = found
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
    is_ended : bool
        Whether the turn of the last ray has its end.
    """

    turns: list[Turn]
    place: tuple[float, float] | None
    is_ended: bool


@np.errstate(over="ignore", invalid="ignore")  # numbers of damaged headers, looked at later
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
        Rays that are there twice are taken once. What is lost between messages is not missed.

    Raises
    ------
    InputError
        If a message is damaged or cut short, or there are more rays than a volume has.
    """
    parts: list[_Part] = []
    rays = 0
    for record in records:
        part = _part(record, moments, _MOST_RAYS - rays, name)
        if len(part.rays):
            parts.append(part)
            rays += len(part.rays)
    places = [part.place for part in parts if part.place is not None]
    turns = _turns(parts, name)
    ended = bool(turns) and bool(np.isin(_last(turns).rays["status"], _ENDS).any())
    return Volume(turns, places[0] if places else None, ended)


def damaged(name: str) -> InputError:
    """
    The sentence for a volume that contradicts its format.

    Parameters
    ----------
    name : str
        What errors call the file.

    Returns
    -------
    error : InputError
        To be raised.
    """
    return InputError(f"{name} is a damaged Level II volume, or cut short; get it again.")


def _part(record: bytes | memoryview, moments: Sequence[str], most: int, name: str) -> _Part:
    spans = _radials(record, most, name)
    plain = np.frombuffer(record, np.uint8)
    legacy, generic = (
        np.array([span[1:] for span in spans if span[0] == kind], np.int64).reshape(-1, 2)
        for kind in (_LEGACY, _GENERIC)
    )
    rays, place = np.zeros(0, _ray_type(moments)), None
    if len(legacy):
        rays = _legacy_rays(plain, legacy, moments, name)
    if len(generic):
        more, place = _generic_rays(plain, generic, moments, name)
        rays = np.concatenate([rays, more])
    return _Part(
        rays, {moment: _as_written(plain, rays[moment], name) for moment in moments}, place
    )


def _radials(record: bytes | memoryview, most: int, name: str) -> list[tuple[int, int, int]]:
    """Kind, begin and end of the messages that are radials, behind their headers."""
    found, at, length = [], 0, len(record)
    while at + _HEADER.size <= length:
        size, kind, high, low = _HEADER.unpack_from(record, at)
        step = _FRAME
        if size == _LARGE:
            step = _CONTROL + (high << 16 | low)
        elif kind in _OF_ANY_LENGTH:
            step = _CONTROL + 2 * size
        # What is no message fills up its frame, and may be cut off.
        if step < _HEADER.size or (at + step > length and kind != 0):
            raise damaged(name)
        if kind in (_LEGACY, _GENERIC):
            found.append((kind, at + _HEADER.size, at + step))
        at += step
        if len(found) > most:
            raise damaged(name)
    return found


def _taken(plain: Bytes, at: NDArray[np.int64], fields: np.dtype[Any]) -> Table:
    """Records of fields that begin at places whose room was checked."""
    return plain[at[..., None] + np.arange(fields.itemsize)].view(fields)[..., 0]


def _legacy_rays(
    plain: Bytes, spans: NDArray[np.int64], moments: Sequence[str], name: str
) -> Table:
    """Rays of messages 1, which hold reflectivity of 8 bits and no correlation."""
    begin, end = spans.T
    if (begin + _LEGACY_RAY.itemsize > end).any():
        raise damaged(name)
    header = _taken(plain, begin, _LEGACY_RAY)
    rays = np.zeros(len(spans), _ray_type(moments))
    for field in _COMMON:
        rays[field] = header[field]
    for angle in ("azimuth", "elevation"):
        rays[angle] = header[angle] * (360 / _TURN)
    rays["velocity"] = header["doppler_gates"] > 0
    rays["blanked"] = header["blanked"] & _BLANKED
    if "REF" in moments:
        moment = rays["REF"]
        held = (header["gates"] > 0) & (header["pointer"] > 0)
        moment["at"] = begin + header["pointer"]
        moment["gates"] = np.where(held, header["gates"], 0)
        moment["first"], moment["spacing"] = header["first"], header["spacing"]
        moment["word"], moment["scale"], moment["offset"] = 8, 2, 66
        _check(moment[held], end[held], name)
    return rays


def _generic_rays(
    plain: Bytes, spans: NDArray[np.int64], moments: Sequence[str], name: str
) -> tuple[Table, tuple[float, float] | None]:
    """Rays of messages 31, and latitude and longitude if one of them says so."""
    begin, end = spans.T
    if (begin + _GENERIC_RAY.itemsize > end).any():
        raise damaged(name)
    header = _taken(plain, begin, _GENERIC_RAY)
    rays = np.zeros(len(spans), _ray_type(moments))
    for field in (*_COMMON, "azimuth", "elevation"):
        rays[field] = header[field]
    rays["blanked"] = header["blanked"] & _BLANKED
    blocks, names = _blocks(plain, begin, end, header["blocks"].astype(np.int64), name)
    rays["velocity"] = (names == b"DVEL").any(axis=1)
    for moment in moments:
        held, at = _block(blocks, names, b"D" + moment.encode())
        rays[moment][held] = _generic_moment(plain, at, end[held], name)
    held, at = _block(blocks, names, b"RVOL")
    return rays, _stands(plain, at[:1], end[held][:1], name)


def _blocks(
    plain: Bytes,
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    count: NDArray[np.int64],
    name: str,
) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
    """Place and name of the blocks of each ray, in any order; without a name where none is."""
    most = int(count.max())
    table = begin + _GENERIC_RAY.itemsize
    if most > _MOST_BLOCKS or (table + 4 * count > end).any():
        raise damaged(name)
    slot = np.arange(most)
    counts = slot < count[:, None]
    at = np.where(counts, table[:, None] + 4 * slot, 0)
    pointer = _taken(plain, at, np.dtype([("to", ">u4")]))["to"].astype(np.int64)
    counts &= pointer > 0
    to = np.where(counts, begin[:, None] + pointer, 0)
    if (to + 4 > end[:, None]).any():
        raise damaged(name)
    names = _taken(plain, to, np.dtype([("name", "S4")]))["name"]
    return to, np.where(counts, names, b"")


def _block(
    at: NDArray[np.int64], names: NDArray[np.bytes_], wanted: bytes
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rays have a block, and where theirs begins."""
    hits = names == wanted
    held = hits.any(axis=1)
    return held, at[held, hits[held].argmax(axis=1)] if held.any() else np.zeros(0, np.int64)


def _generic_moment(
    plain: Bytes, at: NDArray[np.int64], end: NDArray[np.int64], name: str
) -> Table:
    if (at + _GENERIC_MOMENT.itemsize > end).any():
        raise damaged(name)
    header = _taken(plain, at, _GENERIC_MOMENT)
    moment = np.zeros(len(at), _MOMENT)
    for field in ("gates", "first", "spacing", "word", "scale", "offset"):
        moment[field] = header[field]
    moment["at"] = at + _GENERIC_MOMENT.itemsize
    # A scale of zero says that values stand as they are.
    plainly = moment["scale"] == 0
    moment["scale"][plainly], moment["offset"][plainly] = 1, 0
    _check(moment, end, name)
    return moment


def _check(moment: Table, end: NDArray[np.int64], name: str) -> None:
    """Raise where a moment has gates that cannot be, or reaches beyond its message."""
    right = (moment["gates"] <= _MOST_GATES) & (moment["spacing"] > 0)
    right &= np.isin(moment["word"], (8, 16))
    right &= np.isfinite(moment["scale"]) & np.isfinite(moment["offset"])
    right &= moment["at"] + moment["gates"] * (moment["word"] // 8) <= end
    if not right.all():
        raise damaged(name)


def _stands(
    plain: Bytes, at: NDArray[np.int64], end: NDArray[np.int64], name: str
) -> tuple[float, float] | None:
    if not len(at):
        return None
    if (at + _VOLUME_BLOCK.itemsize > end).any():
        raise damaged(name)
    block = _taken(plain, at, _VOLUME_BLOCK)[0]
    return float(block["latitude"]), float(block["longitude"])


def _as_written(plain: Bytes, moment: Table, name: str) -> NDArray[np.unsignedinteger]:
    """Values of shape (rays, gates) as the record holds them, copied so that it can go."""
    gates = moment["gates"]
    wide = bool((moment["word"][gates > 0] == 16).any())
    width = int(gates.max(initial=0))
    codes = np.full((len(moment), width), _FOLDED, np.uint16 if wide else np.uint8)
    for row, (at, n, word) in enumerate(zip(moment["at"], gates, moment["word"], strict=True)):
        stored = plain[at : at + n * (word // 8)]
        codes[row, :n] = stored.view(">u2") if word == 16 else stored
    return codes


@np.errstate(over="ignore", invalid="ignore")
def _meaning(scale: np.float32, offset: np.float32, codes: np.dtype[Any]) -> NDArray[np.float32]:
    """What each value that can be written stands for."""
    table = (np.arange(2 ** (8 * codes.itemsize), dtype=np.float32) - offset) / scale
    table[_BELOW], table[_FOLDED] = -np.inf, np.nan
    return table


def _turns(parts: Sequence[_Part], name: str) -> list[Turn]:
    if not parts:
        return []
    rays = np.concatenate([part.rays for part in parts])
    sizes = [len(part.rays) for part in parts]
    origin = np.stack(
        [np.repeat(np.arange(len(parts)), sizes), np.concatenate([np.arange(n) for n in sizes])]
    )
    once = _taken_once(rays)
    rays, origin = rays[once], origin[:, once]
    groups = _grouped(rays)
    if len(groups) > _MOST_TURNS:
        raise damaged(name)
    return [_turn(rays[group], parts, origin[:, group], name) for group in groups]


def _last(turns: Sequence[Turn]) -> Turn:
    """The turn of the last ray, be it out of order or not."""
    return max(turns, key=lambda turn: tuple(turn._origin[:, -1]))


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

    A cut has a number of its own. Where its mark of beginning comes once more, and later than
    all of it so far, the radar began it anew.
    """
    order = np.argsort(rays["cut"], kind="stable")
    time = rays["day"] * 86_400_000 + rays["ms"]
    groups: list[NDArray[np.intp]] = []
    for cut in np.split(order, np.flatnonzero(np.diff(rays["cut"][order])) + 1):
        latest = np.maximum.accumulate(time[cut])
        anew = np.isin(rays["status"][cut[1:]], _STARTS) & (time[cut[1:]] >= latest[:-1])
        groups += np.split(cut, np.flatnonzero(anew) + 1)
    return sorted(groups, key=lambda group: int(group[0]))


def _turn(rays: Table, parts: Sequence[_Part], origin: NDArray[np.intp], name: str) -> Turn:
    elevation = float(np.median(rays["elevation"]))
    if not (-5 <= elevation <= 90 and np.isfinite(rays["azimuth"]).all()):
        raise damaged(name)
    return Turn(
        rays,
        elevation,
        bool(rays["velocity"].any()),
        parts,
        origin,
        name,
    )
