"""Files compressed as a whole (gzip, bzip2), unpacked within bounds."""

import bz2
import zlib

from stormlens.errors import InputError

MAX_BYTES = 2**30
"""Largest file taken, bytes, packed or unpacked; a day's largest mosaics are a tenth of it."""

_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_DAMAGED = (zlib.error, OSError, EOFError, ValueError)


def unpack(content: bytes, name: str) -> bytes:
    """
    The content of a file that may be compressed as a whole.

    Parameters
    ----------
    content : bytes
        As on disk.
    name : str
        What errors call the file.

    Returns
    -------
    content : bytes
        Unpacked; unchanged where it was not compressed.

    Raises
    ------
    InputError
        If it is empty, damaged, cut short, or unpacks to more than 1 GiB.
    """
    if not content:
        raise InputError(f"{name} is empty; get it again.")
    if content.startswith(_GZIP):
        return _all_members(content, name, "gzip", lambda: zlib.decompressobj(wbits=31))
    if content.startswith(_BZIP2):
        return _all_members(content, name, "bzip2", bz2.BZ2Decompressor)
    return content


def _all_members(content: bytes, name: str, kind: str, start: type | object) -> bytes:
    parts, rest, left = [], content, MAX_BYTES
    while rest:
        member = start()  # type: ignore[operator]
        try:
            parts.append(member.decompress(rest, left + 1))
        except _DAMAGED as error:
            if parts:
                break  # padding behind the last whole member, as gzip itself passes over
            raise InputError(f"{name} is damaged {kind} data ({error}); get it again.") from error
        left -= len(parts[-1])
        if left < 0:
            raise InputError(f"{name} unpacks to over {MAX_BYTES >> 20} MiB, which is refused.")
        if not member.eof:
            raise InputError(f"{name} is {kind} data cut short; get it again.")
        rest = member.unused_data
    return b"".join(parts)
