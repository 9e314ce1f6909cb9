"""Files compressed as a whole (gzip, bzip2), unpacked within bounds of memory and time."""

import bz2
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from stormlens.errors import InputError

MAX_BYTES = 2**30
"""Largest file taken, bytes; a day's largest mosaics are a tenth of it."""
MAX_UNPACKED = 2**29
"""Largest that a compressed file may become; it stays in memory while its values are read."""

_MAX_MEMBERS = 100_000
_FIRST_PIECE, _PIECE, _UNPACKED_PIECE = 2**9, 2**16, 2**20

_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_DAMAGED = (zlib.error, OSError, EOFError, ValueError)


class CutShortError(InputError):
    """
    A compressed file that ends before it is complete.

    Parameters
    ----------
    sentence : str
        For the user.
    content : bytes
        What could be unpacked.
    """

    def __init__(self, sentence: str, content: bytes) -> None:
        super().__init__(sentence)
        self.content = content


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
        If it is empty, damaged, cut short (`CutShortError`), or unpacks to more than 512 MiB.
    """
    if not content:
        raise InputError(f"{name} is empty; get it again.")
    if content.startswith(_GZIP):
        return _all_members(content, name, "gzip", _GZIP, lambda: zlib.decompressobj(wbits=31))
    if content.startswith(_BZIP2):
        return _all_members(content, name, "bzip2", _BZIP2, bz2.BZ2Decompressor)
    return content


def _all_members(
    content: bytes, name: str, kind: str, start: bytes, decompressor: Callable[[], Any]
) -> bytes:
    """
    The content of all members of a file, joined; anything after the last member is padding.

    Each member is fed in pieces that grow. A decompressor gives back unused input as a copy, so
    feeding it the rest of a file with many members would copy that rest for each of them.
    """
    whole, at, members = io.BytesIO(), 0, 0
    while content.startswith(start, at):
        members += 1
        if members > _MAX_MEMBERS:
            raise InputError(
                f"{name} is {kind} data of over {_MAX_MEMBERS:,} members; unpack it first."
            )
        member, size = decompressor(), _FIRST_PIECE
        while not member.eof:
            piece = content[at : at + size]
            at, size = at + len(piece), min(2 * size, _PIECE)
            if not piece:
                sentence = f"{name} is {kind} data cut short; get it again."
                raise CutShortError(sentence, whole.getvalue())
            try:
                for unpacked in _unpacked(member, piece):
                    if whole.tell() + len(unpacked) > MAX_UNPACKED:
                        limit = f"{MAX_UNPACKED >> 20} MiB"
                        raise InputError(f"{name} unpacks to over {limit}, which is refused.")
                    whole.write(unpacked)
            except _DAMAGED as error:
                if isinstance(error, InputError):
                    raise
                raise InputError(
                    f"{name} is damaged {kind} data ({error}); get it again."
                ) from error
        at -= len(member.unused_data)
    return whole.getvalue()


def _unpacked(member: Any, piece: bytes) -> Iterator[bytes]:
    """What a piece unpacks to, a MiB at a time."""
    while True:
        yield member.decompress(piece, _UNPACKED_PIECE)
        # zlib gives back the input that it has not used (`unconsumed_tail`); bz2 keeps it.
        piece = getattr(member, "unconsumed_tail", b"")
        if member.eof or (not piece and getattr(member, "needs_input", True)):
            return
