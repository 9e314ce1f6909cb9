"""
JSON and TOML that may come from anywhere, to plain values or a sentence.

Python's parsers raise many kinds of error, and not all where they are expected: at brackets
within brackets, at whole numbers of thousands of digits, at text that is not UTF-8. What they
take may still be nested too deeply for whoever writes, copies or prints it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stormlens.errors import InputError

_MOST_JSON, _MOST_TOML = 2**24, 2**16  # bytes; small ones become a hundred times as much memory
_DEEPEST = 32
_MOST_DOTS = 100  # a key of n parts takes Python's parser n squared steps


def read_json(path: Path, remedy: str) -> Any:
    """
    Read a JSON file that may have been changed by anybody.

    Parameters
    ----------
    path : Path
        The file, of at most 16 MiB.
    remedy : str
        What to do about a damaged one, such as "train again".

    Returns
    -------
    values : object
        Of plain Python, at most 32 levels deep.

    Raises
    ------
    InputError
        If the file cannot be read, is no JSON, or holds what cannot be taken.
    """
    return parse_json(_read(path, _MOST_JSON, remedy), str(path), remedy)


def parse_json(content: str | bytes, where: str, remedy: str, deepest: int = _DEEPEST) -> Any:
    """
    Read JSON that may have been changed by anybody.

    Parameters
    ----------
    content : str or bytes
        All of it.
    where : str
        What the sentence calls it, such as the file's path.
    remedy : str
        What to do about it.
    deepest : int, optional
        Levels that it may have.

    Returns
    -------
    values : object
        Of plain Python.

    Raises
    ------
    InputError
        If it is no JSON, or holds what cannot be taken.
    """
    try:
        return _parsed(json.loads, content, deepest)
    except _Unfit as error:
        raise InputError(
            f"{where} is damaged (it is not valid JSON: {error}); {remedy}."
        ) from error


def read_toml(path: Path, where: str, remedy: str) -> dict[str, Any]:
    """
    Read a TOML file that may have been changed by anybody.

    Parameters
    ----------
    path : Path
        The file, of at most 64 KiB.
    where : str
        What the sentence calls it, such as "recipe" and its path.
    remedy : str
        What to do about it.

    Returns
    -------
    values : dict
        Of plain Python, at most 32 levels deep.

    Raises
    ------
    InputError
        If the file cannot be read, is no TOML, or holds what cannot be taken.
    """
    content = _read(path, _MOST_TOML, remedy)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 text ({error.reason}); {remedy}.") from error
    return parse_toml(text.replace("\r\n", "\n"), where, remedy)


def parse_toml(text: str, where: str, remedy: str) -> dict[str, Any]:
    """
    Read TOML that may have been changed by anybody.

    Parameters
    ----------
    text : str
        All of it.
    where : str
        What the sentence calls it.
    remedy : str
        What to do about it.

    Returns
    -------
    values : dict
        Of plain Python, at most 32 levels deep.

    Raises
    ------
    InputError
        If it is no TOML, or holds what cannot be taken.
    """
    import tomllib

    if len(text) > _MOST_TOML:
        raise InputError(f"{where} holds more than {_MOST_TOML} characters; {remedy}.")
    # Within quotes or not: a line of text with so many dots is none that a person wrote.
    if max(line.count(".") for line in text.split("\n")) > _MOST_DOTS:
        raise InputError(f"{where} has a line with more than {_MOST_DOTS} dots; {remedy}.")
    try:
        values: dict[str, Any] = _parsed(tomllib.loads, text, _DEEPEST)
    except _Unfit as error:
        raise InputError(f"{where} is not valid TOML ({error}); {remedy}.") from error
    return values


def _read(path: Path, most: int, remedy: str) -> bytes:
    try:
        # A pipe or device has no size, and may never end.
        if not path.is_file():
            what = "is no file" if path.exists() else "is missing"
            raise InputError(f"{path} {what}; {remedy}.")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); {remedy}.") from error
    if len(content) > most:
        raise InputError(f"{path} holds more than {most} bytes; {remedy}.")
    return content


class _Unfit(Exception):
    """Why a text is not taken."""


def _parsed(parse: Callable[[Any], Any], content: str | bytes, deepest: int) -> Any:
    too_deep = f"it is nested more than {deepest} levels deep"
    try:
        values = parse(content)
    except RecursionError as error:
        raise _Unfit(too_deep) from error
    except UnicodeDecodeError as error:
        raise _Unfit("it is not UTF-8 text") from error
    except ValueError as error:
        raise _Unfit(_reason(error)) from error
    if _is_too_deep(values, deepest):
        raise _Unfit(too_deep)
    return values


def _reason(error: ValueError) -> str:
    """Python's own words, but for a number too long, of which they say how to change Python."""
    if type(error) is ValueError and "integer string conversion" in str(error):
        return "a whole number in it has thousands of digits"
    return str(error)


def _is_too_deep(values: Any, deepest: int) -> bool:
    level = [values]
    for _ in range(deepest):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return any(isinstance(outer, dict | list) for outer in level)
