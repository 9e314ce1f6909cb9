"""
Run lengths of levels, the packing of JMA's radar products.

A code up to the highest level of the message is a level, and begins a run of one cell. The larger
codes that follow are digits, lowest first, of how many cells the run has beyond the first. The
base of the number is how many such larger codes there are. With codes of 8 bits and levels up to
250 the base is 5, and the codes 3, 253, 251 are 1 + 2 + 0 x 5 = 3 cells of level 3.

Format: WMO Manual on Codes 306, Volume I.2, FM 92 GRIB edition 2, templates 5.200 and 7.200.
"""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**20
"""Codes decoded at a time, so that intermediate arrays need little memory."""
_LAST_DIGIT = 32
"""More digits than any run has; the base to this power is still finite, unlike to any power."""


def levels_of_runs(data: memoryview, bits: int, highest: int, n: int) -> NDArray[np.uint16]:
    """
    Levels of all cells, in order.

    Parameters
    ----------
    data : memoryview
        Section 7 without its head.
    bits : int
        Of a code, 1 to 16.
    highest : int
        Level above which codes are digits.
    n : int
        How many cells there must be.

    Returns
    -------
    levels : ndarray of uint16, shape (n,)

    Raises
    ------
    ValueError
        If the runs do not hold exactly n cells.
    """
    levels, filled, at = np.zeros(n, np.uint16), 0, 0
    stream, n_codes = np.frombuffer(data, np.uint8), 8 * len(data) // bits
    while filled < n:
        codes = _codes(stream, bits, at, min(at + _BLOCK, n_codes))
        starts = np.flatnonzero(codes <= highest)
        if not starts.size or starts[0]:
            raise ValueError("a run has no level")
        if at + len(codes) < n_codes:  # the last run may continue in the next block
            if starts.size == 1:
                raise ValueError("a run is longer than any")
            codes, starts = codes[: starts[-1]], starts[:-1]
        lengths = _lengths(codes, starts, bits, highest, n)
        ends = filled + np.cumsum(lengths)
        used = int(np.searchsorted(ends, n)) + 1  # runs up to that which holds the last cell
        if used <= len(ends):
            end = int(starts[used]) if used < len(starts) else len(codes)
            # Bits that fill the last byte may look like codes.
            if ends[used - 1] != n or (n_codes - at - end) * bits >= 8:
                raise ValueError("runs hold more cells than there are")
        at += len(codes)
        more = np.repeat(codes[starts[:used]].astype(np.uint16), lengths[:used])
        levels[filled : filled + len(more)] = more
        filled += len(more)
    return levels


def _codes(stream: NDArray[np.uint8], bits: int, first: int, last: int) -> NDArray[np.int64]:
    """Codes of a stream from one to another."""
    if bits == 8:
        return stream[first:last].astype(np.int64)
    place = np.arange(first, last) * bits
    byte, taken = place >> 3, np.zeros(len(place), np.int64)
    for k in range(3):
        taken = taken << 8 | stream[np.minimum(byte + k, len(stream) - 1)]
    return taken >> (24 - bits - (place & 7)) & (1 << bits) - 1


def _lengths(
    codes: NDArray[np.int64], starts: NDArray[np.intp], bits: int, highest: int, n: int
) -> NDArray[np.int64]:
    """Cells of each run, of codes that begin with a level."""
    run = np.zeros(len(codes), np.intp)
    run[starts[1:]] = 1
    power = np.arange(len(codes)) - starts[np.cumsum(run)] - 1
    digits = np.maximum(codes - highest - 1, 0)
    base = float((1 << bits) - 1 - highest)
    more = digits * base ** np.clip(power, 0, _LAST_DIGIT)
    lengths = 1 + np.add.reduceat(more, starts)
    if not (lengths <= n).all():
        raise ValueError("a run holds more cells than there are")
    return lengths.astype(np.int64)
