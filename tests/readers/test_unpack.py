"""Compressed files, whole, cut short, padded and far too large."""

import bz2
import gzip
import random
import time
import zlib

import pytest

from stormlens.errors import InputError
from stormlens.readers import _unpack
from stormlens.readers._unpack import unpack

CONTENT = bytes(range(256)) * 50


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
def test_content_comes_back(pack):
    assert unpack(pack(CONTENT), "x") == CONTENT


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_members_are_joined_and_padding_is_passed_over(pack):
    assert unpack(pack(CONTENT) + pack(b"more"), "x") == CONTENT + b"more"
    assert unpack(pack(CONTENT) + bytes(100), "x") == CONTENT


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("keep", [4, 30, -1])
def test_cut_short_is_said(pack, keep):
    with pytest.raises(InputError, match=r"x is .* (cut short|damaged)|x is damaged"):
        unpack(pack(CONTENT)[:keep], "x")


def test_damage_is_said():
    damaged = bytearray(gzip.compress(CONTENT))
    damaged[30] ^= 255
    with pytest.raises(InputError, match="x is damaged gzip data"):
        unpack(bytes(damaged), "x")


def test_empty_is_said():
    with pytest.raises(InputError, match="x is empty"):
        unpack(b"", "x")


@pytest.mark.parametrize("pack", [zlib.compress, bz2.compress])
def test_a_bomb_is_refused_before_it_fills_memory(pack, monkeypatch):
    monkeypatch.setattr(_unpack, "MAX_UNPACKED", 10_000)
    packed = gzip.compress(CONTENT) if pack is zlib.compress else pack(CONTENT)
    with pytest.raises(InputError, match="is refused"):
        unpack(packed, "x")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("empty", [0, 1, 700, 5000])
def test_empty_members_are_passed_over(pack, empty):
    packed = pack(CONTENT[:1000]) + pack(b"") * empty + pack(CONTENT)
    assert unpack(packed, "x") == CONTENT[:1000] + CONTENT


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_damaged_member_behind_a_whole_one_is_no_padding(pack):
    damaged = bytearray(pack(CONTENT))
    damaged[len(damaged) // 2] ^= 255
    damaged[-6] ^= 255
    with pytest.raises(InputError, match="is damaged"):
        unpack(pack(CONTENT) + bytes(damaged), "x")
    with pytest.raises(InputError, match="cut short"):
        unpack(pack(CONTENT) + pack(CONTENT)[:-9], "x")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_many_members_take_linear_time(pack):
    member, tail = pack(b""), pack(CONTENT)
    seconds = []
    for members in (20_000, 80_000):
        packed = member * members + tail
        begun = time.process_time()
        assert unpack(packed, "x") == CONTENT
        seconds.append(time.process_time() - begun)
    # Four times as many: copying the rest for each took sixteen times as long.
    assert seconds[1] < 10 * seconds[0]
    assert seconds[1] < 4
    with pytest.raises(InputError, match="over 100,000 members; unpack it first"):
        unpack(member * 100_001, "x")


@pytest.mark.parametrize("level", [1, 9])
@pytest.mark.parametrize("size", [2**20 - 1, 2**20, 3 * 2**20 + 17])
def test_what_is_unpacked_in_several_pieces_comes_back(level, size):
    content = random.Random(size).randbytes(1000) * (size // 1000) + bytes(size % 1000)
    assert unpack(gzip.compress(content, level), "x") == content
    assert unpack(bz2.compress(content, level), "x") == content
