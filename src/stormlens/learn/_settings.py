"""
Settings of the components as traits of notebooks, bounded and named as the web components' own.

`settings.json` is what the components declare; a test compares the two.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import traitlets

from stormlens.errors import InputError, unknown

_FILE = Path(__file__).with_name("settings.json")


@cache
def declared() -> dict[str, Any]:
    """
    What the web components declare.

    Returns
    -------
    components : dict
        By name {tag, title, lead, settings (by name {kind, default, low, high, step, choices,
        length}), outputs (names)}.
    """
    components: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return components


class Setting(traitlets.TraitType):
    """
    A setting that refuses values that its component does not accept.

    Parameters
    ----------
    schema : mapping
        Of a setting in `declared`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        super().__init__(help=_bounds(schema))
        self.tag(sync=True)

    def default(self, obj: Any = None) -> Any:
        """The component's own; of several numbers a new list each time."""
        value = self.schema["default"]
        return list(value) if isinstance(value, list) else value

    def validate(self, obj: Any, value: Any) -> Any:
        """The value as the component has it, or a sentence."""
        return understood(self.name or "", value, self.schema)


def understood(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    """
    A value as one of a setting.

    Parameters
    ----------
    name : str
        The setting's.
    value : object
        From anywhere.
    schema : mapping
        Of a setting in `declared`.

    Returns
    -------
    value : bool, int, float, str or list of float

    Raises
    ------
    InputError
        If it is of another kind or out of bounds.
    """
    kind = schema["kind"]
    if kind == "choice" and isinstance(value, str):
        if value not in schema["choices"]:
            raise unknown(name, value, schema["choices"])
        return value
    if (kind == "flag" and isinstance(value, bool)) or (kind == "text" and isinstance(value, str)):
        return value
    if kind in ("number", "whole") and _is_number(value, whole=kind == "whole"):
        return _within(name, value, schema)
    if kind == "numbers" and not isinstance(value, str):
        return _several(name, value, schema)
    raise InputError(f"{name} is {value!r}; it must be {_bounds(schema)}.")


def _is_number(value: Any, *, whole: bool) -> bool:
    try:
        return (
            not isinstance(value, bool | str)
            and math.isfinite(value)
            and not (whole and value != int(value))
        )
    except TypeError:
        return False


def _within(name: str, value: Any, schema: Mapping[str, Any]) -> int | float:
    number = int(value) if schema["kind"] == "whole" else float(value)
    if not schema.get("low", -math.inf) <= number <= schema.get("high", math.inf):
        raise InputError(f"{name} is {value}; it must be {_bounds(schema)}.")
    return number


def _several(name: str, value: Any, schema: Mapping[str, Any]) -> list[float]:
    try:
        values = list(value)
    except TypeError:
        values = [None]
    due = schema.get("length", len(values))
    if len(values) != due or not all(_is_number(number, whole=False) for number in values):
        raise InputError(f"{name} is {value!r}; it must be {_bounds(schema)}.")
    return [float(_within(name, number, {**schema, "kind": "number"})) for number in values]


def _bounds(schema: Mapping[str, Any]) -> str:
    kind = schema["kind"]
    if kind == "choice":
        return f"one of {', '.join(schema['choices'])}"
    if kind in ("flag", "text"):
        return {"flag": "True or False", "text": "text"}[kind]
    plain = {"number": "a number", "whole": "a whole number"}
    several = f"{schema['length']} numbers" if "length" in schema else "numbers"
    within = f" from {schema['low']:g} to {schema['high']:g}" if "high" in schema else ""
    return plain.get(kind, several) + within
