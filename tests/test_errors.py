"""What a sentence may quote, wherever it comes from."""

import json
import os
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlens.errors import InputError, import_extra, printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("storm 1.nc", "storm 1.nc"),
        ("Gewitter über Köln ☔.nc", "Gewitter über Köln ☔.nc"),
        ("می‌خواهم", "می‌خواهم"),  # the zero-width non-joiner is spelling
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J", r"\x9b2J"),  # the same escape in one byte
        ("a\tb\nc\r", r"a\tb\nc\r"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066a\u2069\u200f\u061c", r"\u2066a\u2069\u200f\u061c"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("\ud800", r"\ud800"),
    ],
)
def test_names_are_printable(name, shown):
    assert printable(name) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_line_that_every_terminal_takes(text):
    shown = printable(text)
    shown.encode()
    assert printable(shown) == shown
    assert len(shown.splitlines()) <= 1
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in shown)


def test_a_sentence_holds_no_control_characters_and_no_line_ends():
    error = InputError("\x1b[31mred\nand\r\nmore\x07")
    assert str(error) == r"\x1b[31mred and more\x07"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    json.dumps(str(error), ensure_ascii=False).encode()


def test_a_library_of_an_extra_is_given_or_named():
    assert import_extra("json.decoder", "Tests need", "test") is json.decoder
    sentence = r"^Tests need no_such, which cannot be imported \(.*\); .*" + re.escape(".[test]")
    with pytest.raises(InputError, match=sentence):
        import_extra("no_such.part", "Tests need", "test")
