"""
One file of reflectivity: chunks of boxes, each compressed by itself, and where each lies.

The layout is that of Zarr's sharding codec with the index at the end, so every
reader of Zarr format 3 reads it. Zarr itself takes twice the processor time, and
cannot write a file of an array whose length is not known yet.
"""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.archive._extra import need
from stormlens.errors import InputError
from stormlens.stormbox import SIZE

CHUNK = 256
"""Boxes that are compressed together: the least that is read, and lost where a disk errs."""

CHUNKS = 8
"""Chunks in a file."""

LEVEL = 1
"""Of Zstandard."""

# A file is its compressed chunks one behind the other, then the index: for each chunk its offset
# and size as little-endian 64-bit numbers, all ones where there is no chunk; then the index's
# CRC-32C (https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/).
_ABSENT = 2**64 - 1
_INDEX_BYTES = 16 * CHUNKS
_CHECK_BYTES = 4
_FRAME = b"\x28\xb5\x2f\xfd"  # how a frame of Zstandard begins


def encode(images: np.ndarray) -> bytes:
    """
    Content of a file.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 136, 136)
        Boxes from the file's first on; n is 2,048 at most.

    Returns
    -------
    content : bytes
        The same for the same boxes.
    """
    squeeze = need("numcodecs.zstd").Zstd(level=LEVEL, checksum=True).encode
    index = np.full((CHUNKS, 2), _ABSENT, "<u8")
    parts, end = [], 0
    for number, first in enumerate(range(0, len(images), CHUNK)):
        boxes = images[first : first + CHUNK]
        if len(boxes) < CHUNK:  # Zarr has whole chunks alone; the array's length says what counts
            boxes = np.concatenate([boxes, np.zeros((CHUNK - len(boxes), SIZE, SIZE), np.uint8)])
        parts.append(squeeze(np.ascontiguousarray(boxes)))
        index[number] = end, len(parts[-1])
        end += len(parts[-1])
    packed = index.tobytes()
    return b"".join([*parts, packed, _check(packed)])


def decode(path: Path, first: int, into: np.ndarray) -> None:
    """
    Read boxes of a file.

    Parameters
    ----------
    path : Path
        The file.
    first : int
        Number in the file of the first box wanted.
    into : ndarray of uint8, shape (n, 136, 136), contiguous
        Filled with the boxes from there on.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError, RuntimeError
        If the requested part is damaged or missing.
    """
    loose = need("numcodecs.zstd").Zstd().decode
    stop = first + len(into)
    with path.open("rb") as file:
        end = file.seek(-_INDEX_BYTES - _CHECK_BYTES, 2)
        packed, check = file.read(_INDEX_BYTES), file.read()
        if _check(packed) != check:
            raise ValueError(f"the index of {path.name} does not fit its checksum")
        index = np.frombuffer(packed, "<u8").reshape(CHUNKS, 2)
        for number in range(first // CHUNK, -(-stop // CHUNK)):
            offset, size = index[number].tolist()
            if offset == _ABSENT:
                raise ValueError(f"chunk {number} is missing")
            if offset + size > end:  # before memory is taken for it
                raise ValueError(f"chunk {number} lies outside of {path.name}")
            file.seek(offset)
            content, begin = file.read(size), number * CHUNK
            low, high = max(begin, first), min(begin + CHUNK, stop)
            if high - low == CHUNK:
                loose(content, out=into[low - first : high - first])
            else:
                boxes = np.empty((CHUNK, SIZE, SIZE), np.uint8)
                loose(content, out=boxes)
                into[low - first : high - first] = boxes[low - begin : high - begin]


def unpacked_size(content: bytes) -> int | None:
    """
    What a Zstandard frame says that it unpacks to.

    Parameters
    ----------
    content : bytes
        The frame, or its beginning.

    Returns
    -------
    size : int or None
        Bytes; None where it does not say, or is none.
        RFC 8878, section 3.1.1.1.
    """
    if len(content) < 5 or content[:4] != _FRAME:
        return None
    # The fifth byte says which fields follow: a byte of window size unless the frame is one
    # segment, 0 to 4 bytes of dictionary id, and then the content's size in 0 to 8 bytes.
    flags = content[4]
    is_single = flags >> 5 & 1
    width = (is_single, 2, 4, 8)[flags >> 6]
    at = 5 + (not is_single) + (0, 1, 2, 4)[flags & 3]
    if not width or len(content) < at + width:
        return None
    # Two bytes count from 256, as one byte reaches 255.
    return int.from_bytes(content[at : at + width], "little") + 256 * (width == 2)


def write(
    kept: Sequence[tuple[np.ndarray, Any]],
    spans: Sequence[tuple[int, int]],
    before: np.ndarray,
    folder: str,
) -> str | bytes:
    """
    Write a file under a name of its own, on a worker. The process that was started moves it.

    Parameters
    ----------
    kept : sequence of (ndarray, object)
        What tasks left on workers: boxes first.
    spans : sequence of (int, int)
        First box of each that belongs into the file, and the one behind the last.
    before : ndarray of uint8, shape (n, 136, 136)
        Boxes that come before these in the file.
    folder : str
        Where to write.

    Returns
    -------
    written : str or bytes
        Name of the file in the folder; its content if this machine does not see the folder, or
        cannot write there.

    Raises
    ------
    InputError
        If there are fewer boxes than were counted: a worker died, and a file that it had read
        had changed when it was read again.
    """
    pieces = [images[first:stop] for (images, _), (first, stop) in zip(kept, spans, strict=True)]
    if sum(map(len, pieces)) != sum(stop - first for first, stop in spans):
        raise InputError("A file changed while it was read; build again to learn which.")
    content = encode(np.concatenate([before, *pieces]))
    path = Path(folder) / secrets.token_hex(8)
    try:
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return content
    return path.name


def _check(content: bytes) -> bytes:
    check: int = need("google_crc32c").value(content)
    return check.to_bytes(4, "little")
