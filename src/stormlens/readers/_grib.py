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

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError

MAX_POINTS = 100_000_000
"""Values of the largest grid taken; MRMS's finest has 98 million."""

_MICRO = 1e-6
_NOT_GIVEN = (0, 0xFFFFFFFF)
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_BITS = {(0, 1): 1, (0, 2): 2, (0, 4): 4, (0, 8): 8, (0, 16): 16, (2, 8): 24, (6, 8): 32}
"""Bits of a value by colour type and bit depth."""
_SIMPLE, _AS_PNG = 0, 41
_NO_BITMAP = 255
_ONCE = (1, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class Message:
    """
    One field of a GRIB2 file.

    Attributes
    ----------
    content : bytes
        The whole message.
    discipline, category, number : int
        What it holds, by code tables 0.0, 4.1 and 4.2.
    time : datetime64[s]
        Reference time, UTC.
    longitude : ndarray of float64, shape (columns,)
        Degrees east of the columns as they lie in the file.
    latitude : ndarray of float64, shape (rows,)
        Degrees north of the rows as they lie in the file.
    """

    content: bytes
    discipline: int
    category: int
    number: int
    time: np.datetime64
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]

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


def values(message: Message, name: str) -> NDArray[np.float64]:
    """
    Values of a message, as they lie in the file.

    Parameters
    ----------
    message : Message
        As `messages` gives it.
    name : str
        What errors call the file.

    Returns
    -------
    values : ndarray of float64, shape (rows, columns)
        NaN where the bitmap says that there is none.

    Raises
    ------
    InputError
        If the data cannot be decoded, or the package that does is not installed.
    """
    try:
        import gribberish
    except ImportError as error:
        raise InputError('GRIB2 needs more packages: pip install "stormlens[radar]"') from error
    shape = len(message.latitude), len(message.longitude)
    try:
        decoded = gribberish.parse_grib_array(message.content, 0)
        return np.asarray(decoded, np.float64).reshape(shape)
    except Exception as error:
        raise _damaged(name, str(error)) from error
    except BaseException as error:
        # A failed check in Rust arrives as an exception that is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(name, "its data do not decode") from error


def _cut_short(name: str) -> InputError:
    return InputError(f"{name} is a GRIB2 file cut short; get it again.")


def _damaged(name: str, why: str) -> InputError:
    return InputError(f"{name} is a damaged GRIB2 file ({why}); get it again.")


def _message(content: bytes, name: str) -> Message:
    sections = _sections(content, name)
    try:
        longitude, latitude = _grid(sections[3], name)
        n = len(longitude) * len(latitude)
        _check_packing(sections, n, name)
        return Message(
            content,
            content[6],
            sections[4][9],
            sections[4][10],
            _time(sections[1]),
            longitude,
            latitude,
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
    if columns * rows != n or not 4 <= n <= MAX_POINTS or min(columns, rows) < 2 or listed:
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


def _check_packing(sections: dict[int, bytes], n: int, name: str) -> None:
    held, template = struct.unpack_from(">IH", sections[5], 5)
    bits = sections[5][19]
    _check_bitmap(sections[6], held, n, name)
    data = sections[7][5:]
    if template == _SIMPLE:
        if bits > 32 or len(data) < -(-held * bits // 8):
            raise _damaged(name, f"{len(data)} bytes are too few for {held} values")
    elif template == _AS_PNG:
        _check_png(data, held, bits, name)
    else:
        raise InputError(
            f"{name} is packed by template 5.{template}, which is not read; repack it: "
            "wgrib2 FILE -set_grib_type simple -grib_out NEW"
        )


def _check_bitmap(section: bytes, held: int, n: int, name: str) -> None:
    if section[5] == _NO_BITMAP:
        marked = n
    elif section[5] == 0 and len(section) - 6 == -(-n // 8):
        bitmap = np.unpackbits(np.frombuffer(section, np.uint8, offset=6), count=n)
        marked = int(np.count_nonzero(bitmap))
    else:
        raise _damaged(name, "its bitmap does not fit its grid")
    if held != marked:
        raise _damaged(name, f"{held} values are packed for {marked} cells")


def _check_png(data: bytes, held: int, bits: int, name: str) -> None:
    """The image must hold as many values as promised, and its parts must be whole."""
    if bits == 0 and not data:
        return
    if data[:8] != _PNG or data[12:16] != b"IHDR":
        raise _damaged(name, "its data are no PNG image")
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if width * height != held or _PNG_BITS.get((colour, depth)) != bits or interlace:
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
