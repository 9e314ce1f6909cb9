"""Compressed files, whole, cut short, padded and far too large."""

import bz2
import gzip
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
    monkeypatch.setattr(_unpack, "MAX_BYTES", 10_000)
    packed = gzip.compress(CONTENT) if pack is zlib.compress else pack(CONTENT)
    with pytest.raises(InputError, match="is refused"):
        unpack(packed, "x")
