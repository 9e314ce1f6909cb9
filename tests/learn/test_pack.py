"""Packed boxes, read again by a decoder that knows the format alone."""

import zlib

import numpy as np
import numpy.testing as npt
import pytest
from storm_oracles import CASES, boxes

from stormlens.learn._pack import encode, to_levels

EDGES = (1, 2, 3, 4, 6, 8, 11, 15, 22, 40)


def decoded(part: bytes) -> tuple[np.ndarray, int]:
    """Levels of a part and their step, a pixel at a time."""
    held = zlib.decompress(part)
    assert held[:6] == b"SLSP\x01\x00"
    step = int.from_bytes(held[6:8], "little")
    count = int.from_bytes(held[8:12], "little")
    rows, columns = (int.from_bytes(held[at : at + 2], "little") for at in (12, 14))
    sizes = np.frombuffer(held, "<u4", 165, 16)
    ends = 676 + np.cumsum(sizes)
    streams = [iter(held[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    assert ends[-1] == len(held)
    levels = np.zeros((count, rows + 1, columns + 2), int)  # zeros around
    for box in levels:
        for row in range(1, rows + 1):
            for column in range(1, columns + 1):
                left, above = box[row, column - 1], box[row - 1, column]
                corner, beyond = box[row - 1, column - 1], box[row - 1, column + 1]
                told = max((9 * left + 6 * above - 3 * corner + 4 * beyond) // 16, 0)
                unrest = abs(left - corner) + abs(corner - above) + abs(above - beyond)
                bucket = min(sum(edge <= unrest for edge in EDGES) // 3, 3)
                is_blank = left == above == corner == beyond == 0
                context = 0 if is_blank else 1 + 4 * min(told, 40) + bucket
                box[row, column] = (next(streams[context]) + told) % 256
    assert [list(stream) for stream in streams] == [[]] * 165
    return levels[:, 1:, 1:-1], step


@pytest.mark.parametrize("name", CASES)
def test_a_part_holds_its_boxes(name):
    images, step = boxes(name.split("-")[0])[:4], CASES[name]
    levels, told = decoded(encode(images, step))
    assert told == step
    npt.assert_array_equal(levels, to_levels(images, step))


@pytest.mark.parametrize("step", [1, 2, 5])
def test_rounding_moves_by_half_a_step_at_most_and_keeps_what_is_echo(step):
    dbz = np.arange(81, dtype=np.uint8)
    rounded = to_levels(dbz, step).astype(int) * step
    npt.assert_array_equal(rounded == 0, dbz == 0)
    echo = dbz >= step
    assert np.abs(rounded - dbz)[echo].max() == step // 2
    assert rounded.max() == 80
    assert abs((rounded - dbz)[echo].mean()) < 0.02 * step  # neither up nor down on the whole


def test_storms_take_a_few_kilobytes_a_box():
    images = boxes("storms")
    assert len(encode(images, 2)) < 4_500 * len(images)
    assert len(encode(images)) < 6_500 * len(images)
