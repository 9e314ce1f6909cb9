"""
One file of reflectivity: chunks of boxes, each compressed by itself, and where each lies.

The layout is that of Zarr's sharding codec with the index at the end, so every
reader of Zarr format 3 reads it. Zarr itself takes twice the processor time, and
cannot write a file of an array whose length is not known yet.
"""

from pathlib import Path

import numpy as np

from stormlens.archive._extra import need
from stormlens.stormbox import SIZE

CHUNK = 256
"""Boxes that are compressed together: the least that is read, and lost where a disk errs."""

CHUNKS = 8
"""Chunks in a file."""

LEVEL = 1
"""Of Zstandard."""

_ABSENT = 2**64 - 1
_INDEX_BYTES = 16 * CHUNKS
_CHECK_BYTES = 4


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
        if len(boxes) < CHUNK:
            boxes = np.concatenate([boxes, np.zeros((CHUNK - len(boxes), SIZE, SIZE), np.uint8)])
        parts.append(squeeze(np.ascontiguousarray(boxes)))
        index[number] = end, len(parts[-1])
        end += len(parts[-1])
    told = index.tobytes()
    return b"".join([*parts, told, _check(told)])


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
        If what is asked for is damaged or missing.
    """
    loose = need("numcodecs.zstd").Zstd().decode
    stop = first + len(into)
    with path.open("rb") as file:
        file.seek(-_INDEX_BYTES - _CHECK_BYTES, 2)
        told, check = file.read(_INDEX_BYTES), file.read()
        if _check(told) != check:
            raise ValueError(f"the index of {path.name} does not fit its checksum")
        index = np.frombuffer(told, "<u8").reshape(CHUNKS, 2)
        for number in range(first // CHUNK, -(-stop // CHUNK)):
            offset, size = index[number].tolist()
            if offset == _ABSENT:
                raise ValueError(f"chunk {number} is missing")
            file.seek(offset)
            content, begin = file.read(size), number * CHUNK
            low, high = max(begin, first), min(begin + CHUNK, stop)
            if high - low == CHUNK:
                loose(content, out=into[low - first : high - first])
            else:
                boxes = np.empty((CHUNK, SIZE, SIZE), np.uint8)
                loose(content, out=boxes)
                into[low - first : high - first] = boxes[low - begin : high - begin]


def _check(content: bytes) -> bytes:
    check: int = need("google_crc32c").value(content)
    return check.to_bytes(4, "little")
