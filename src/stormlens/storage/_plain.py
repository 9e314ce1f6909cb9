"""
JSON and TOML from anywhere: plain values, or a sentence.

Python's parsers raise many kinds of errors: for deeply nested brackets, for integers of thousands
of digits, for text that is not UTF-8. What they accept may still be nested too deeply to be
written, copied or printed.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stormlens.errors import InputError

_MOST_JSON, _MOST_TOML = 2**24, 2**16  # bytes; in memory it may take a hundred times as much
_DEEPEST = 32
_MOST_DOTS = 100  # a dotted key of n parts takes Python's parser n squared steps


def read_json(path: Path, remedy: str) -> Any:
    """
    Read a JSON file that anybody may have changed.

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
        If the file cannot be read, is not JSON, or its values are refused.
    """
    return parse_json(_read(path, _MOST_JSON, remedy), str(path), remedy)


def parse_json(content: str | bytes, where: str, remedy: str, deepest: int = _DEEPEST) -> Any:
    """
    Read JSON that anybody may have changed.

    Parameters
    ----------
    content : str or bytes
        All of it.
    where : str
        What the sentence calls it, such as the file's path.
    remedy : str
        What to do about it.
    deepest : int, optional
        Most levels of nesting.

    Returns
    -------
    values : object
        Of plain Python.

    Raises
    ------
    InputError
        If it is not JSON, or its values are refused.
    """
    try:
        return _parsed(json.loads, content, deepest)
    except _Refused as error:
        raise InputError(
            f"{where} is damaged (it is not valid JSON: {error}); {remedy}."
        ) from error


def read_toml(path: Path, where: str, remedy: str) -> dict[str, Any]:
    """
    Read a TOML file that anybody may have changed.

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
        If the file cannot be read, is not TOML, or its values are refused.
    """
    content = _read(path, _MOST_TOML, remedy)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 text ({error.reason}); {remedy}.") from error
    return parse_toml(text.replace("\r\n", "\n"), where, remedy)


def parse_toml(text: str, where: str, remedy: str) -> dict[str, Any]:
    """
    Read TOML that anybody may have changed.

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
        If it is not TOML, or its values are refused.
    """
    import tomllib

    if len(text) > _MOST_TOML:
        raise InputError(f"{where} holds more than {_MOST_TOML} characters; {remedy}.")
    # Also within quotes, where dots do no harm: no person writes a line with so many.
    if max(line.count(".") for line in text.split("\n")) > _MOST_DOTS:
        raise InputError(f"{where} has a line with more than {_MOST_DOTS} dots; {remedy}.")
    try:
        values: dict[str, Any] = _parsed(tomllib.loads, text, _DEEPEST)
    except _Refused as error:
        raise InputError(f"{where} is not valid TOML ({error}); {remedy}.") from error
    return values


def _read(path: Path, most: int, remedy: str) -> bytes:
    try:
        # A pipe or a device has no size and may never end.
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


class _Refused(Exception):
    """Why a text is refused."""


def _parsed(parse: Callable[[Any], Any], content: str | bytes, deepest: int) -> Any:
    too_deep = f"it is nested more than {deepest} levels deep"
    try:
        values = parse(content)
    except RecursionError as error:
        raise _Refused(too_deep) from error
    except UnicodeDecodeError as error:
        raise _Refused("it is not UTF-8 text") from error
    except ValueError as error:
        raise _Refused(_reason(error)) from error
    if _is_too_deep(values, deepest):
        raise _Refused(too_deep)
    return values


def _reason(error: ValueError) -> str:
    """Python's own words, except for long integers, where they tell how to reconfigure Python."""
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
