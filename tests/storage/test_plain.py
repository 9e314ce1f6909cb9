"""What Python's parsers raise in many ways, or hand on, is one sentence here."""

import os

import pytest

from stormlens.errors import InputError
from stormlens.storage import parse_json, parse_toml, read_json, read_toml

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        (b"\xff\x00\x01", "not UTF-8"),
        (DEEP, "nested more than 32 levels deep"),
        ('{"a":' * 100_000, "nested more than 32 levels deep"),
        ("[" * 33 + "1" + "]" * 33, "nested more than 32 levels deep"),
        ("1" * 5001, "thousands of digits"),
        ('{"epochs": ' + "1" * 5001 + "}", "thousands of digits"),
    ],
)
def test_json_that_cannot_be_taken_is_one_sentence(text, reason, tmp_path):
    with pytest.raises(InputError) as parsed:
        parse_json(text, "scores.json", "train again")
    assert str(parsed.value).startswith("scores.json is damaged (it is not valid JSON: ")
    assert reason in str(parsed.value)
    assert str(parsed.value).endswith("; train again.")
    assert len(str(parsed.value)) < 200
    path = tmp_path / "scores.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as read:
        read_json(path, "train again")
    assert str(read.value) == str(parsed.value).replace("scores.json", str(path), 1)


def test_json_as_deep_as_is_taken_is_read(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("[" * 32 + "1" + "]" * 32)
    values = read_json(path, "")
    for _ in range(32):
        (values,) = values
    assert values == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a =", "Invalid value"),
        (f"a = {DEEP[:50_000]}", "nested more than 32 levels deep"),
        ("a = " + "{b = " * 10_000, "nested more than 32 levels deep"),
        ("epochs = " + "1" * 5001, "thousands of digits"),
        (".".join("a" * 60) + " = 1", "nested more than 32 levels deep"),
        # Harmless to Python's parser; longer keys take it the square of their parts.
        (".".join("a" * 102) + " = 1", "more than 100 dots"),
        ("#" * 70_000, "holds more than 65536"),
    ],
)
def test_toml_that_cannot_be_taken_is_one_sentence(text, reason, tmp_path):
    path = tmp_path / "bow.toml"
    path.write_text(text)
    for read in (
        lambda: parse_toml(text, "recipe bow", "correct it"),
        lambda: read_toml(path, "recipe bow", "correct it"),
    ):
        with pytest.raises(InputError) as caught:
            read()
        assert str(caught.value).startswith(("recipe bow ", str(path)))
        assert reason in str(caught.value)
        assert str(caught.value).endswith("; correct it.")
        assert len(str(caught.value)) < 200 + len(str(path))


def test_toml_is_read_with_line_ends_of_any_system(tmp_path):
    path = tmp_path / "bow.toml"
    path.write_bytes(b'name = "bow"\r\n[data]\r\ncount = 3\r\n')
    assert read_toml(path, "recipe", "") == {"name": "bow", "data": {"count": 3}}


def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe is no file; train again\."):
        read_json(tmp_path / "pipe", "train again")
    with pytest.raises(InputError, match=r"none is missing; train again\."):
        read_json(tmp_path / "none", "train again")
    with pytest.raises(InputError, match="is no file"):
        read_toml(tmp_path, "recipe", "correct it")


def test_a_file_larger_than_any_of_its_kind_is_not_read_whole(tmp_path):
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(InputError, match="holds more than 16777216 bytes; train again"):
        read_json(path, "train again")
