"""
GRIB2 messages taken apart and checked, before any value is decoded.

A message is a train of sections that say their own length and number. Lengths,
grid and packing are checked against each other here, so that the decoder
meets consistent messages only and no size in them can ask for more memory than
the file is worth. Read are grids of longitude and latitude, packed simply or as
PNG: what MRMS is written in.

Format: WMO Manual on Codes 306, Volume I.2, FM 92 GRIB edition 2; templates
3.0 (grid), 5.0 and 5.41 (packing).
"""

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError, needs_packages

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_POINTS = 100_000_000
"""Values of the largest grid taken; MRMS's finest has 98 million."""
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
_GREY = 0
_DEEP = 16
_SIMPLE, _AS_PNG = 0, 41
_NO_BITMAP = 255
_BAND = 256  # rows of an image
_ONCE = (1, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class Packing:
    """
    How values are written: (reference + code 2^binary) / 10^decimal.

    Attributes
    ----------
    template : int
        0 for codes one behind the other, 41 for a PNG image of them.
    reference : float
    binary, decimal : int
    bits : int
        Of each code; 0 where all values are the reference.
    data : bytes
        The codes.
    """

    template: int
    reference: float
    binary: int
    decimal: int
    bits: int
    data: bytes

    def unpacked(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Values of codes."""
        scaled = np.asarray(codes, np.float64) * 2.0**self.binary
        return (self.reference + scaled) / 10.0**self.decimal


@dataclass(frozen=True)
class Message:
    """
    One field of a GRIB2 file.

    Attributes
    ----------
    content : bytes
        The whole message, without its bitmap.
    discipline, category, number : int
        What it holds, by code tables 0.0, 4.1 and 4.2.
    time : datetime64[s]
        When it holds, UTC: reference time and, of a forecast, its hours.
    longitude : ndarray of float64, shape (columns,)
        Degrees east of the columns as they lie in the file.
    latitude : ndarray of float64, shape (rows,)
        Degrees north of the rows as they lie in the file.
    marked : ndarray of bool or None, shape (rows x columns,)
        Which cells have a value, where a bitmap says so.
    packing : Packing
        How the values are written.
    """

    content: bytes
    discipline: int
    category: int
    number: int
    time: np.datetime64
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    marked: NDArray[np.bool_] | None
    packing: Packing

    @property
    def key(self) -> tuple[int, int, int]:
        """Discipline, category and number."""
        return self.discipline, self.category, self.number


def messages(content: bytes, name: str) -> list[Message]:
    """
    Every message of a file.

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
        If the file is of another edition, damaged or cut short, or its grid or packing is not
        one that is read.
    """
    found, at = [], content.find(b"GRIB")
    while at >= 0:
        if len(content) < at + 16:
            raise _cut_short(name)
        if content[at + 7] != 2:
            raise InputError(f"{name} is GRIB edition {content[at + 7]}; edition 2 is read.")
        length = struct.unpack_from(">Q", content, at + 8)[0]
        if at + length > len(content):
            raise _cut_short(name)
        found.append(_message(content[at : at + length], name))
        at = content.find(b"GRIB", at + length)
    if not found:
        raise InputError(f"{name} holds no GRIB message; get it again.")
    return found


@dataclass(frozen=True)
class Field:
    """
    What a message holds, as it lies in the file.

    Attributes
    ----------
    held : ndarray, shape (rows, columns)
        Values, or the codes of them, which take a quarter of the memory.
    values : callable
        Of some of it: float64, NaN where the bitmap says that there is none. They are the
        caller's to change.
    """

    held: NDArray[Any]
    values: Callable[[NDArray[Any]], NDArray[np.float64]]


def field_of(message: Message, name: str) -> Field:
    """
    What a message holds.

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
        If the data cannot be decoded, or the package that does is not installed.
    """
    shape, packing = (len(message.latitude), len(message.longitude)), message.packing
    if packing.bits and packing.template == _AS_PNG:
        codes = _codes(packing, name)
        if message.marked is None:
            return Field(codes.reshape(shape), packing.unpacked)
        decoded = packing.unpacked(codes)
    else:
        decoded = _decoded(message, name)
    if message.marked is None:
        is_constant = decoded.size == 1
        held = np.broadcast_to(decoded, shape) if is_constant else decoded.reshape(shape)
        return Field(held, np.array)
    whole = np.full(message.marked.shape, np.nan)
    whole[message.marked] = decoded
    return Field(whole.reshape(shape), np.array)


def _decoded(message: Message, name: str) -> NDArray[np.float64]:
    """
    Values packed simply, or the one that all have.

    Gribberish is not given bitmaps and constants, which its version 0.30 gets wrong.
    """
    if message.packing.bits == 0:
        return message.packing.unpacked(np.zeros(1))
    try:
        import gribberish
    except ImportError as error:
        raise needs_packages("GRIB2 needs gribberish") from error
    try:
        return np.asarray(gribberish.parse_grib_array(message.content, 0), np.float64)
    except BaseException as error:
        # A failed check in Rust arrives as an exception that is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _damaged(name, "its data do not decode") from error


def _codes(packing: Packing, name: str) -> NDArray[np.unsignedinteger]:
    """Codes of an image, one behind the other."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # How large it is was held against the grid's bounds.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(packing.data), formats=["PNG"]) as image:
                if packing.bits == _DEEP:
                    return _pixels(image, np.uint16).ravel()
                pixels = _pixels(image.convert("L"), np.uint8).ravel()
    except Exception as error:  # Pillow raises half a dozen kinds on a damaged image
        raise _damaged(name, "its image does not decode") from error
    # Pillow stretches images of 1, 2 and 4 bits to 0 to 255.
    return pixels // np.uint8(255 // (2**packing.bits - 1))


def _pixels(image: "Image", dtype: type[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """An image's pixels, taken in bands: all at once, Pillow would hold them three times."""
    width, height = image.size
    pixels = np.empty((height, width), dtype)
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels


def _cut_short(name: str) -> InputError:
    return InputError(f"{name} is a GRIB2 file cut short; get it again.")


def _damaged(name: str, why: str) -> InputError:
    return InputError(f"{name} is a damaged GRIB2 file ({why}); get it again.")


def _message(content: bytes, name: str) -> Message:
    sections = _sections(content, name)
    try:
        longitude, latitude = _grid(sections[3], name)
        marked = _bitmap(sections[6], len(longitude) * len(latitude), name)
        n = len(longitude) * len(latitude) if marked is None else int(np.count_nonzero(marked))
        packing = _packing(sections, n, name)
        category, number = sections[4][9], sections[4][10]
        return Message(
            content if marked is None else _without_bitmap(content, sections, n),
            *(content[6], category, number),
            _time(sections[1]) + _forecast(sections[4]),
            longitude,
            latitude,
            marked,
            packing,
        )
    except (struct.error, IndexError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(name, "a section is too short or holds no sense") from error


def _sections(content: bytes, name: str) -> dict[int, bytes]:
    """Sections by number, of a message that has each of those needed once."""
    sections: dict[int, bytes] = {}
    at, end = 16, len(content) - 4
    while at + 5 <= end:
        length, number = struct.unpack_from(">IB", content, at)
        if length < 5 or at + length > end:
            raise _damaged(name, "its sections do not add up")
        if number in sections:
            raise InputError(f"{name} holds several fields in one message; write one in each.")
        sections[number] = content[at : at + length]
        at += length
    if at != end or content[end:] != b"7777":
        raise _damaged(name, "its sections do not add up")
    missing = [number for number in _ONCE if number not in sections]
    if missing:
        raise _damaged(name, f"section {missing[0]} is missing")
    return sections


def _time(identification: bytes) -> np.datetime64:
    year, *rest = struct.unpack_from(">H5B", identification, 12)
    text = "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}".format(year, *rest)
    return np.datetime64(text, "s")


def _forecast(product: bytes) -> np.timedelta64:
    """How far ahead of its reference time a field of template 4.0 holds; radar mosaics do not."""
    (template,), unit = struct.unpack_from(">H", product, 7), product[17]
    steps = struct.unpack_from(">I", product, 18)[0] if template == 0 else 0
    if steps > _FARTHEST or (steps and unit not in _UNITS):
        raise ValueError(steps)
    return steps * _UNITS.get(unit, np.timedelta64(0, "s"))


def _signed(value: int, bits: int = 32) -> int:
    """GRIB's negative numbers: the first bit is the sign, the rest the size."""
    half = 1 << (bits - 1)
    return half - value if value >= half else value


def _grid(section: bytes, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes of the columns and latitudes of the rows of template 3.0."""
    n, listed, _, template = struct.unpack_from(">IBBH", section, 6)
    if template != 0:
        raise InputError(
            f"{name} lies on a grid of template 3.{template}; only longitude and latitude (3.0) "
            "are read. Reproject it, or open it with xarray and give it to `read`."
        )
    columns, rows, basic, parts = struct.unpack_from(">4I", section, 30)
    first_latitude, first_longitude = struct.unpack_from(">2I", section, 46)
    step_x, step_y, scan = struct.unpack_from(">2IB", section, 63)
    fits = n <= MAX_POINTS and min(columns, rows) >= 2 and max(columns, rows) <= MAX_SIDE
    if columns * rows != n or not fits or listed:
        raise _damaged(name, f"{columns} x {rows} cells are not its {n} values")
    unit = _MICRO if basic in _NOT_GIVEN or parts in _NOT_GIVEN else basic / parts
    if scan & 0x3F or not (0 < step_x * unit < 10 and 0 < step_y * unit < 10):
        raise _damaged(name, "its values are not in rows of parallels")
    east, north = -1 if scan & 0x80 else 1, 1 if scan & 0x40 else -1
    longitude = unit * (_signed(first_longitude) + east * step_x * np.arange(columns, dtype=float))
    latitude = unit * (_signed(first_latitude) + north * step_y * np.arange(rows, dtype=float))
    if np.abs(latitude).max() > 90 + step_y * unit or np.ptp(longitude) > 360:
        raise _damaged(name, "its grid leaves the globe")
    return longitude, latitude


def _bitmap(section: bytes, n: int, name: str) -> NDArray[np.bool_] | None:
    """Which of the grid's n cells have a value; None where all have."""
    if section[5] == _NO_BITMAP:
        return None
    if section[5] != 0 or len(section) - 6 != -(-n // 8):
        raise _damaged(name, "its bitmap does not fit its grid")
    return np.unpackbits(np.frombuffer(section, np.uint8, offset=6), count=n).astype(bool)


def _without_bitmap(content: bytes, sections: dict[int, bytes], n: int) -> bytes:
    """The message as a row of the n values that it packs, with the mark for no bitmap."""
    grid = bytearray(sections[3])
    struct.pack_into(">I", grid, 6, n)
    struct.pack_into(">2I", grid, 30, n, 1)
    plain = {**sections, 3: bytes(grid), 6: struct.pack(">IBB", 6, 6, _NO_BITMAP)}
    body = b"".join(plain.values()) + content[-4:]
    return content[:8] + struct.pack(">Q", 16 + len(body)) + body


def _packing(sections: dict[int, bytes], n: int, name: str) -> Packing:
    """How n values are written, checked against how much is written."""
    held, template, reference, *scales, bits = struct.unpack_from(">IHfHHB", sections[5], 5)
    binary, decimal = (_signed(scale, 16) for scale in scales)
    data = sections[7][5:]
    if held != n or abs(binary) > 60 or abs(decimal) > 20:
        raise _damaged(name, f"{held} values are packed for {n} cells")
    if template not in (_SIMPLE, _AS_PNG):
        raise InputError(
            f"{name} is packed by template 5.{template}, which is not read; repack it: "
            "wgrib2 FILE -set_grib_type simple -grib_out NEW"
        )
    if bits and template == _AS_PNG:
        _check_png(data, held, bits, name)
    elif bits > 32 or len(data) < -(-held * bits // 8):
        raise _damaged(name, f"{len(data)} bytes are too few for {held} values")
    return Packing(template, reference, binary, decimal, bits, data)


def _check_png(data: bytes, held: int, bits: int, name: str) -> None:
    """The image must hold as many values as promised, and its parts must be whole."""
    if data[:8] != _PNG or data[12:16] != b"IHDR":
        raise _damaged(name, "its data are no PNG image")
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if width * height != held or (colour, depth) != (_GREY, bits) or interlace:
        raise _damaged(name, f"an image of {width} x {height} does not hold its {held} values")
    at = 8
    while data[at + 4 : at + 8] != b"IEND":
        length = struct.unpack_from(">I", data, at)[0]
        if at + 12 + length > len(data):
            raise _damaged(name, "its image is cut short")
        body = data[at + 4 : at + 8 + length]
        if zlib.crc32(body) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            raise _damaged(name, "its image fails the check of its bytes")
        at += 12 + length
