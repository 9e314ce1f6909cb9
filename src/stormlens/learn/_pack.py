"""
Boxes as a few bytes: how storms travel to the pages in a browser.

A part of a pack is one zlib stream, so that a browser opens it with what it has, and a few
kB a box. What it holds is written at `encode`; `web/data/storms.js` reads it.
"""

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC, FORMAT = b"SLSP", 1
CONTEXTS = 165
"""Ways for the four decoded neighbours of a pixel to be."""

_EDGES = (1, 2, 3, 4, 6, 8, 11, 15, 22, 40)  # of how much the neighbours differ among themselves
_MOST_EXPECTED = 40
_LEVEL = 6  # a five-hundredth more bytes than 9, in a quarter of the time


class Expected(NamedTuple):
    """
    What is known of each level before it is read.

    Attributes
    ----------
    levels : ndarray of int16
        The level that its neighbours tell.
    contexts : ndarray of uint8
        Which of the `CONTEXTS` ways its neighbours are.
    """

    levels: NDArray[np.int16]
    contexts: NDArray[np.uint8]


def to_levels(images: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """
    Values as whole numbers of steps, the nearest, or the even one of two.

    Parameters
    ----------
    images : ndarray of uint8
        Such as whole dBZ; 0 is no echo.
    step : int
        Of a level, 1 or more; with 1 nothing is rounded.

    Returns
    -------
    levels : ndarray of uint8
        0 where the value is 0, and nowhere else.

    Examples
    --------
    >>> print(to_levels(np.array([0, 1, 2, 3, 5, 80], np.uint8), 2))
    [ 0  1  1  2  2 40]
    """
    nearest = np.rint(images / np.float32(step)).astype(np.uint8)
    return np.maximum(nearest, images > 0)


def expect(levels: NDArray[np.uint8]) -> Expected:
    """
    What each level's neighbours tell of it: left, above, between both, and beyond above.

    Above is the row before, so further south. Outside the box they are 0.

    Parameters
    ----------
    levels : ndarray of uint8, shape (N, rows, columns)

    Returns
    -------
    expected : Expected
    """
    around = np.pad(levels.astype(np.int16), ((0, 0), (1, 0), (1, 1)))
    left, above = around[:, 1:, :-2], around[:, :-1, 1:-1]
    between, beyond = around[:, :-1, :-2], around[:, :-1, 2:]
    predicted = np.maximum((9 * left + 6 * above - 3 * between + 4 * beyond) // 16, 0)
    unrest = abs(left - between) + abs(between - above) + abs(above - beyond)
    bucket = np.minimum(np.searchsorted(_EDGES, unrest, side="right") // 3, 3)
    contexts = 1 + 4 * np.minimum(predicted, _MOST_EXPECTED) + bucket
    contexts[(left | above | between | beyond) == 0] = 0
    return Expected(predicted, contexts.astype(np.uint8))


def encode(images: NDArray[np.uint8], step: int = 1) -> bytes:
    """
    Boxes as a part of a pack.

    A zlib stream of, all numbers with their low byte first: "SLSP"; format and step as 2 bytes
    each; count of boxes as 4; rows and columns as 2 each; for each of 165 contexts how many
    levels it has, as 4 bytes; then, context by context, its levels box by box and row by row,
    each as a byte: less the expected level, modulo 256.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, rows, columns)
        Row 0 south.
    step : int, optional
        As `to_levels` takes it.

    Returns
    -------
    part : bytes
    """
    levels = to_levels(images, step)
    expected = expect(levels)
    contexts = expected.contexts.ravel()
    rest = (levels - expected.levels).astype(np.uint8).ravel()
    in_order = rest[np.argsort(contexts, kind="stable")].tobytes()
    counts = np.bincount(contexts, minlength=CONTEXTS)
    numbers = [(FORMAT, 2), (step, 2), (len(images), 4), *((side, 2) for side in images.shape[1:])]
    head = MAGIC + b"".join(number.to_bytes(size, "little") for number, size in numbers)
    pieces = [head + counts.astype("<u4").tobytes()]
    ends = np.cumsum(counts)
    pieces += [
        in_order[end - count : end] for count, end in zip(counts, ends, strict=True) if count
    ]
    return _zlib_stream(pieces)


def _zlib_stream(pieces: list[bytes]) -> bytes:
    """One stream with a code of its own for each piece, which deflate alone would not begin."""
    check = 1
    for piece in pieces:
        check = zlib.adler32(piece, check)
    last = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS).flush()
    return b"\x78\x9c" + b"".join(map(_deflated, pieces)) + last + check.to_bytes(4, "big")


def _deflated(piece: bytes) -> bytes:
    """Blocks that end on a whole byte and look back at nothing, the shortest of three ways."""
    made = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY):
        coder = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 9, strategy)
        made.append(coder.compress(piece) + coder.flush(zlib.Z_FULL_FLUSH))
    return min(made, key=len)
