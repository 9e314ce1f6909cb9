"""
GRIB2 messages taken apart and checked, before any value is decoded.

A message is a train of sections that say their own length and number:

    0 edition and length   1 centre, reference time   3 grid        4 product
    5 packing              6 bitmap                   7 the codes   8 "7777"

Lengths, grid and packing are checked against each other here, so that no size in
them can ask for more memory than the file is worth. Only the message that is
wanted is taken apart. Codes stay packed until values are requested,
since only a twentieth of a national mosaic is. Grids of longitude and latitude are read, packed
simply or as PNG, as MRMS writes them, or as run lengths, as JMA does. Pillow
decodes images. Bulletins travel behind headings (WMO 386, LDM), so the first
message is looked for.

Offsets count from a section's first byte, so octet n of the manual is n - 1 here.

Format: WMO Manual on Codes 306, Volume I.2, FM 92 GRIB edition 2; templates
3.0 (grid), 4.0 and 4.8 (product), 5.0, 5.41 and 5.200 (packing); JMA, technical
information 162 and 398 (products of template 4.8 and more).
"""

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._runs import levels_of_runs
from stormlens.readers._sampling import MAX_CELLS

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 1 << 16
"""Rows or columns of it."""

_MICRO = 1e-6
_NOT_GIVEN = (0, 0xFFFFFFFF)
_PNG = b"\x89PNG\r\n\x1a\n"
_UNITS = {
    0: np.timedelta64(60, "s"),
    1: np.timedelta64(3600, "s"),
    2: np.timedelta64(86400, "s"),
    13: np.timedelta64(1, "s"),
}
"""Code table 4.4, units of time: minute, hour, day, second."""
_FARTHEST = 10**6
_LONGEST = np.timedelta64(31, "D")
"""From the reference time to the end of an interval, of what has to do with radars."""
_MAX_MESSAGES = 10_000
_HEADING = 512  # bytes in which the first message begins
_GREY, _COLOUR, _COLOUR_AND_ALPHA = 0, 2, 6
_IMAGES = {
    **{bits: (_GREY, bits) for bits in (1, 2, 4, 8, 16)},
    24: (_COLOUR, 8),
    32: (_COLOUR_AND_ALPHA, 8),
}
"""By the bits of a value the kind of a PNG image and its depth, as NCEP's g2 library has them."""
_SIMPLE, _AS_PNG, _RUNS = 0, 41, 200
_POINT_IN_TIME, _OVER_TIME = 0, (8, 50008, 50009, 50011)
"""Templates of products: 4.0; and 4.8, by which JMA's own begin."""
_LOCAL = 32768
"""The first number of templates that a centre defines for itself."""
_NO_BITMAP = 255
_BAND = 256  # rows of an image
_ONCE = (1, 3, 4, 5, 6, 7)
_GRIB, _END = b"GRIB", b"7777"
_TEXT = frozenset(b"\0\1\3\r\n\t" + bytes(range(32, 127)))
# Two tables for `Bitmap.rank`: how many bits of each byte are set, and masks of its first bits.
_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1).sum(axis=1, dtype="u1")
_HIGHER = np.array([0xFF00 >> bit & 0xFF for bit in range(8)], np.uint8)
"""Of each bit of a byte, the highest first, a mask of those before it."""
_ALL = slice(None)
_DEEP = 16


@dataclass(frozen=True)
class Packing:
    """
    How values are written: (reference + code 2^binary) / 10^decimal.

    Attributes
    ----------
    template : int
        0 for codes one behind the other, 41 for a PNG image of them, 200 for run lengths.
    reference : float
    binary, decimal : int
    bits : int
        Of each code; 0 where all values are the reference.
    table : ndarray of float64 or None
        Values of the codes, in place of the formula; NaN for code 0.
    highest : int
        Of run lengths, the highest code that is in the table.
    """

    template: int
    reference: float
    binary: int
    decimal: int
    bits: int
    table: NDArray[np.float64] | None = None
    highest: int = 0

    def unpacked(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Values of codes."""
        if self.table is not None:
            return self.table[codes]
        scaled = np.asarray(codes, np.float64) * 2.0**self.binary
        return (self.reference + scaled) / 10.0**self.decimal


@dataclass(frozen=True)
class Message:
    """
    One field of a GRIB2 file, as its first sections describe it.

    Attributes
    ----------
    content : bytes
        The whole message.
    centre : int
        Who wrote it, by common code table C-11.
    discipline, category, number : int
        The quantity, by code tables 0.0, 4.1 and 4.2.
    """

    content: memoryview
    centre: int
    discipline: int
    category: int
    number: int

    @property
    def key(self) -> tuple[int, int, int]:
        """Discipline, category and number."""
        return self.discipline, self.category, self.number


def is_grib(content: bytes) -> bool:
    """
    Whether a file begins with a message, or with a bulletin's heading and a message.

    Parameters
    ----------
    content : bytes
        Unpacked.

    Returns
    -------
    fits : bool
    """
    return _first(content) >= 0


def _first(content: bytes) -> int:
    """
    Where the first message begins; -1 where there is none.

    Headings are text: "SOH CR CR LF 123 CR CR LF HTUS42 KWBC 100002 CR CR LF" (WMO 386, part II),
    without the first lines where LDM stores it, or with a length in ten digits before it.
    """
    at = content.find(_GRIB, 0, _HEADING)
    is_text = all(sign in _TEXT for sign in content[: max(at, 0)])
    return at if is_text else -1


def messages(content: bytes, name: str) -> list[Message]:
    """
    Every message of a file. Only their first sections are parsed.

    Parameters
    ----------
    content : bytes
        GRIB2, unpacked.
    name : str
        What errors call the file.

    Returns
    -------
    messages : list of Message
        At least one.

    Raises
    ------
    InputError
        If the file is of another edition, damaged, cut short, or has over 10,000 messages.
    """
    found: list[Message] = []
    at, whole = _first(content), memoryview(content)
    while at >= 0:
        if len(content) < at + 16:
            raise _cut_short(name)
        if content[at + 7] != 2:
            raise InputError(f"{name} is GRIB edition {content[at + 7]}; edition 2 is read.")
        length = struct.unpack_from(">Q", content, at + 8)[0]
        if at + length > len(content):
            raise _cut_short(name)
        if len(found) == _MAX_MESSAGES:
            raise InputError(
                f"{name} holds over {_MAX_MESSAGES:,} messages; take the one that is wanted out "
                "of it: wgrib2 FILE -match REF -grib NEW"
            )
        found.append(_message(whole[at : at + length], name))
        at = content.find(_GRIB, at + length)
    if not found:
        raise InputError(f"{name} holds no GRIB message; get it again.")
    return found


@dataclass(frozen=True)
class Field:
    """
    A message taken apart, its values still packed.

    Attributes
    ----------
    time : datetime64[s]
        Valid time, UTC: the reference time plus the forecast's hours.
    longitude : ndarray of float64, shape (columns,)
        Degrees east of the columns as they lie in the file.
    latitude : ndarray of float64, shape (rows,)
        Degrees north of the rows as they lie in the file.
    packing : Packing
        How the values are written.
    marked : Bitmap or None
        Which cells have a value, where not all do.
    codes : callable
        From places among the codes to the codes there.
    """

    time: np.datetime64
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    packing: Packing
    marked: "Bitmap | None"
    codes: Callable[[NDArray[np.intp]], NDArray[np.unsignedinteger]]

    def values(
        self, row: NDArray[np.intp] | slice, column: NDArray[np.intp] | slice = _ALL
    ) -> NDArray[np.float64]:
        """
        Values of some cells.

        Parameters
        ----------
        row, column : ndarray of int or slice
            Which, as an array is indexed.

        Returns
        -------
        values : ndarray of float64
            The caller's to change; NaN where the bitmap says that there is none.
        """
        rows, columns = len(self.latitude), len(self.longitude)
        if isinstance(row, slice):
            row = np.arange(rows)[row, np.newaxis]
        if isinstance(column, slice):
            column = np.arange(columns)[column]
        place = np.asarray(row * columns + column)
        if self.marked is None:
            return self.packing.unpacked(self.codes(place))
        is_marked, place = self.marked.rank(place)
        values = np.full(place.shape, np.nan)
        values[is_marked] = self.packing.unpacked(self.codes(place[is_marked]))
        return values


class Bitmap:
    """
    Which cells of a grid have a value; a bit a cell, as it lies in the file.

    Parameters
    ----------
    packed : ndarray of uint8
        The bits, of each byte the highest first.
    """

    def __init__(self, packed: NDArray[np.uint8]) -> None:
        # Values lie in the file without gaps, so a cell's value is found by counting the bits
        # before it. Counts before each byte take a sixteenth of what places of all cells would.
        self._packed = packed
        ones = _ONES[packed]
        self.count = int(ones.sum(dtype=np.int64))
        self._before = np.cumsum(ones, dtype=np.int32) - ones

    def rank(self, place: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """
        Where cells stand among those with a value.

        Parameters
        ----------
        place : ndarray of int
            Cells.

        Returns
        -------
        is_marked : ndarray of bool
            Whether they have a value.
        rank : ndarray of int
            How many before them have.
        """
        byte, bit = self._packed[place >> 3], place & 7
        before = _ONES[byte & _HIGHER[bit]]
        return (byte << bit & 0x80) > 0, (self._before[place >> 3] + before).astype(np.intp)


def field_of(message: Message, name: str) -> Field:
    """
    A message's grid, time and packed values.

    Parameters
    ----------
    message : Message
        As `messages` gives it.
    name : str
        What errors call the file.

    Returns
    -------
    field : Field

    Raises
    ------
    InputError
        If the message is damaged, or its grid or packing is none that is read.
    """
    sections = _sections(message.content, name)
    try:
        longitude, latitude = _grid(sections[3], name)
        n = len(longitude) * len(latitude)
        marked = _bitmap(sections[6], n, name)
        packing, data = _packing(sections, n if marked is None else marked.count, name)
        time = _valid(sections)
    except (struct.error, IndexError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(name, "a section is too short or holds no sense") from error
    if packing.bits == 0:
        return Field(time, longitude, latitude, packing, marked, _no_codes)
    if packing.template in (_AS_PNG, _RUNS):
        if packing.template == _AS_PNG:
            codes = _of_image(data, packing, name)
        else:
            codes = _of_runs(data, packing, n if marked is None else marked.count, name)
        return Field(time, longitude, latitude, packing, marked, codes.__getitem__)
    stream = np.frombuffer(data, np.uint8)
    return Field(
        *(time, longitude, latitude, packing, marked),
        lambda place: _of_stream(stream, packing.bits, place),
    )


def _no_codes(place: NDArray[np.intp]) -> NDArray[np.unsignedinteger]:
    """Of a field whose values are all the reference."""
    return np.zeros(place.shape, np.uint8)


def _of_stream(
    stream: NDArray[np.uint8], bits: int, place: NDArray[np.intp]
) -> NDArray[np.unsignedinteger]:
    """Codes of up to 32 bits that lie one behind the other."""
    first = place * bits
    byte, taken = first >> 3, np.zeros(place.shape, np.uint64)
    # A code begins at any of a byte's 8 bits, so it lies within (bits + 7) / 8 bytes, rounded up:
    # at most five. Bytes behind the last are read as the last one again, and shifted out.
    span = (bits + 14) // 8
    for k in range(span):
        taken = taken << np.uint64(8) | stream[np.minimum(byte + k, len(stream) - 1)]
    spare = 8 * span - bits - (first & 7)
    return taken >> spare.astype(np.uint64) & np.uint64((1 << bits) - 1)


def _of_image(data: memoryview, packing: Packing, name: str) -> NDArray[np.unsignedinteger]:
    """Codes of an image, one behind the other."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Its size was compared with the bounds of a grid before.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                if packing.bits >= _DEEP:
                    return _pixels(image, packing.bits).ravel()
                pixels = _pixels(image.convert("L"), 8).ravel()
    except Exception as error:  # Pillow raises half a dozen kinds on a damaged image
        raise _damaged(name, "its image does not decode") from error
    # Pillow stretches images of 1, 2 and 4 bits to 0 to 255.
    return pixels // np.uint8(255 // (2**packing.bits - 1))


def _pixels(image: "Image", bits: int) -> NDArray[np.unsignedinteger]:
    """An image's pixels, taken in bands: at once Pillow would keep three copies."""
    width, height = image.size
    pixels = np.empty((height, width), np.uint32 if bits > 16 else f"u{bits // 8}")
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        band = np.asarray(image.crop((0, top, width, bottom)))
        if band.ndim == 3:  # the bytes of a number, the highest first
            parts = (band[..., k].astype(np.uint32) for k in range(band.shape[2]))
            band = reduce(lambda high, low: high << 8 | low, parts)
        pixels[top:bottom] = band
    return pixels


def _cut_short(name: str) -> InputError:
    return InputError(f"{name} is a GRIB2 file cut short; get it again.")


def _damaged(name: str, why: str) -> InputError:
    return InputError(f"{name} is a damaged GRIB2 file ({why}); get it again.")


def _message(content: memoryview, name: str) -> Message:
    sections = _sections(content, name)
    if len(sections[4]) < 11 or len(sections[1]) < 7:
        raise _damaged(name, "a section is too short or holds no sense")
    centre = struct.unpack_from(">H", sections[1], 5)[0]
    return Message(content, centre, content[6], sections[4][9], sections[4][10])


def _sections(content: memoryview, name: str) -> dict[int, memoryview]:
    """Sections by number, of a message that has each of those needed once."""
    sections: dict[int, memoryview] = {}
    at, end = 16, len(content) - 4  # between section 0 and section 8, which have no head
    while at + 5 <= end:
        length, number = struct.unpack_from(">IB", content, at)
        if length < 5 or at + length > end:
            raise _damaged(name, "its sections do not add up")
        if number in sections:
            # Several fields usually are the sweeps of one of JMA's radars. Their grid is not read
            # either, and its sentence is of more use.
            _check_template(sections.get(3, content[:0]), name)
            raise InputError(f"{name} holds several fields in one message; write one in each.")
        sections[number] = content[at : at + length]
        at += length
    if at != end or content[end:] != _END:
        raise _damaged(name, "its sections do not add up")
    missing = [number for number in _ONCE if number not in sections]
    if missing:
        raise _damaged(name, f"section {missing[0]} is missing")
    return sections


def _time(section: memoryview, at: int) -> np.datetime64:
    year, *rest = struct.unpack_from(">H5B", section, at)
    text = "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}".format(year, *rest)
    return np.datetime64(text, "s")


def _valid(sections: dict[int, memoryview]) -> np.datetime64:
    """A field's valid time: its reference time plus its lead, or the end of its interval."""
    reference, product = _time(sections[1], 12), sections[4]
    (template,), unit = struct.unpack_from(">H", product, 7), product[17]
    if template in _OVER_TIME:
        with suppress(struct.error, ValueError):  # some leave it blank
            end = _time(product, 34)
            return end if abs(end - reference) <= _LONGEST else reference
        return reference
    steps = struct.unpack_from(">I", product, 18)[0] if template == _POINT_IN_TIME else 0
    if steps > _FARTHEST or (steps and unit not in _UNITS):
        raise ValueError(steps)
    return reference + steps * _UNITS.get(unit, np.timedelta64(0, "s"))


def _signed(value: int, bits: int = 32) -> int:
    """GRIB's negative numbers: the first bit is the sign, the rest the size."""
    half = 1 << (bits - 1)
    return half - value if value >= half else value


def _grid(section: memoryview, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes of the columns and latitudes of the rows of template 3.0."""
    n, listed, _, _ = struct.unpack_from(">IBBH", section, 6)
    _check_template(section, name)
    columns, rows, basic, parts = struct.unpack_from(">4I", section, 30)
    first_latitude, first_longitude = struct.unpack_from(">2I", section, 46)
    last_latitude, last_longitude, step_x, step_y, scan = struct.unpack_from(">4IB", section, 55)
    # A consistent file that is too large can be cut. An inconsistent one is damaged; see below.
    if n > MAX_CELLS and columns * rows == n:
        raise InputError(
            f"{name} has {n:,} values; up to {MAX_CELLS:,} are read. Cut out a part: "
            "wgrib2 FILE -small_grib WEST:EAST SOUTH:NORTH NEW"
        )
    fits = min(columns, rows) >= 2 and max(columns, rows) <= MAX_SIDE
    if columns * rows != n or not fits or listed:  # listed: rows of different lengths
        raise _damaged(name, f"{columns} x {rows} cells are not its {n} values")
    unit = _MICRO if basic in _NOT_GIVEN or parts in _NOT_GIVEN else basic / parts
    # The two highest bits of the scanning mode are directions, east and north. The others turn
    # rows into columns, every second row round, or shift rows by half a cell.
    if scan & 0x3F or not (0 < step_x * unit < 10 and 0 < step_y * unit < 10):
        raise _damaged(name, "its values are not in rows of parallels")
    east, north = -1 if scan & 0x80 else 1, 1 if scan & 0x40 else -1
    longitude = unit * _axis(first_longitude, last_longitude, east * step_x, columns)
    latitude = unit * _axis(first_latitude, last_latitude, north * step_y, rows)
    if np.abs(latitude).max() > 90 + step_y * unit or np.ptp(longitude) > 360:
        raise _damaged(name, "its grid leaves the globe")
    return longitude, latitude


def _axis(first: int, last: int, step: int, n: int) -> NDArray[np.float64]:
    """
    Places of columns or rows.

    Steps are whole numbers, JMA's 1/120 of a degree 8,333 millionths: over 3,360 rows 0.13 of one
    is lost. So the last place sets the step, if rounding explains the difference and
    it matters.
    """
    start, off = _signed(first), _signed(last) - _signed(first) - step * (n - 1)
    is_rounding = abs(step) / 10 < abs(off) < n
    return start + (step + (off / (n - 1) if is_rounding else 0)) * np.arange(n, dtype=float)


def _check_template(section: memoryview, name: str) -> None:
    """The grid must be of template 3.0."""
    template = struct.unpack_from(">H", section, 12)[0] if len(section) > 13 else 0
    if template >= _LOCAL:
        raise InputError(
            f"{name} is laid out by template 3.{template}, which a centre made for itself (JMA's "
            "50120 is a sweep of one radar), and is not read; take a composite on longitude and "
            "latitude instead."
        )
    if template != 0:
        raise InputError(
            f"{name} lies on a grid of template 3.{template}; only longitude and latitude (3.0) "
            "are read. Bring it to one: wgrib2 FILE -new_grid_winds earth "
            "-new_grid_interpolation neighbor -new_grid latlon 230:1400:0.05 20:700:0.05 NEW"
        )


def _bitmap(section: memoryview, n: int, name: str) -> Bitmap | None:
    """Which of the grid's n cells have a value; None where all have."""
    if section[5] == _NO_BITMAP:
        return None
    if section[5] != 0 or len(section) - 6 != -(-n // 8):
        raise _damaged(name, "its bitmap does not fit its grid")
    packed = np.frombuffer(section, np.uint8, offset=6).copy()
    # Bits behind the last cell mean nothing, but `Bitmap` would count those that are set.
    packed[-1] &= (0xFF << (-n % 8)) & 0xFF
    return Bitmap(packed)


def _packing(sections: dict[int, memoryview], n: int, name: str) -> tuple[Packing, memoryview]:
    """How n values are written, checked against how much is written; and what is."""
    packed, template = struct.unpack_from(">IH", sections[5], 5)
    if template == _RUNS:
        return _packing_of_runs(sections[5], packed, n, name), sections[7][5:]
    reference, *scales, bits = struct.unpack_from(">fHHB", sections[5], 11)
    binary, decimal = (_signed(scale, 16) for scale in scales)
    data = sections[7][5:]
    # Scales beyond these turn reflectivity into infinity or into nothing.
    if packed != n or abs(binary) > 60 or abs(decimal) > 20:
        raise _damaged(name, f"{packed} values are packed for {n} cells")
    if template not in (_SIMPLE, _AS_PNG):
        raise InputError(
            f"{name} is packed by template 5.{template}, which is not read; repack it: "
            "wgrib2 FILE -set_grib_type simple -grib_out NEW"
        )
    if bits and template == _AS_PNG:
        _check_png(data, packed, bits, name)
    elif bits > 32 or len(data) < -(-packed * bits // 8):
        raise _damaged(name, f"{len(data)} bytes are too few for {packed} values")
    return Packing(template, reference, binary, decimal, bits), data


def _packing_of_runs(section: memoryview, packed: int, n: int, name: str) -> Packing:
    """Bits of a code, and the values of levels 1 and up; level 0 is missing."""
    bits, highest, levels, decimal = struct.unpack_from(">BHHB", section, 11)
    values = np.frombuffer(section[17 : 17 + 2 * levels], ">u2").astype(np.int64)
    fits = highest <= levels == len(values) and 1 <= bits <= 16 and highest < 1 << bits
    if packed != n or not fits:
        raise _damaged(name, f"its table of {levels} levels is none for {packed} values")
    signed = np.where(values < _LOCAL, values, _LOCAL - values)
    table = np.concatenate([[np.nan], signed / 10.0 ** _signed(decimal, 8)])
    return Packing(_RUNS, 0.0, 0, 0, bits, table, highest)


def _of_runs(data: memoryview, packing: Packing, n: int, name: str) -> NDArray[np.unsignedinteger]:
    """Codes of run lengths, one behind the other."""
    try:
        return levels_of_runs(data, packing.bits, packing.highest, n)
    except ValueError as error:
        raise _damaged(name, str(error)) from error


def _check_png(data: memoryview, packed: int, bits: int, name: str) -> None:
    """
    The image must have as many values as promised, and its chunks must be undamaged.

    Pillow takes memory for the size that the header claims, and passes over damage in some chunks.
    """
    if data[:8] != _PNG or data[12:16] != b"IHDR":
        raise _damaged(name, "its data are no PNG image")
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if width * height != packed or (colour, depth) != _IMAGES.get(bits) or interlace:
        raise _damaged(name, f"an image of {width} x {height} does not hold its {packed} values")
    at = 8
    while data[at + 4 : at + 8] != b"IEND":
        length = struct.unpack_from(">I", data, at)[0]
        if at + 12 + length > len(data):
            raise _damaged(name, "its image is cut short")
        body = data[at + 4 : at + 8 + length]
        if zlib.crc32(body) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            raise _damaged(name, "its image fails the check of its bytes")
        at += 12 + length
