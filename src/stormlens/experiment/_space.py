"""
What a sweep varies: fields of a recipe, each with values or a range, and trials drawn from them.

The fields are read from `Recipe` and its tables, so that a new field of a recipe can be varied
without a change here.
"""

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from stormlens.errors import InputError, unknown
from stormlens.models import model_info
from stormlens.storage import check_file, parse_toml
from stormlens.training import Recipe, load_recipe

Point = dict[str, Any]
"""Value by field."""

MOST_TRIALS = 10_000

_HINT = "Keys of a table have its name before them: augmentation.rotation_range."
_NAMES_ONLY = ("name", "description")
_FREE = "data"  # a table that takes what `datasets.load` takes
_OPTIONAL = frozenset(field.name for field in fields(Recipe) if field.default is None)
_REDRAWS = 1000  # after so many draws of known trials, all are assumed to have been drawn
_DIGITS = 3


@dataclass(frozen=True)
class Range:
    """
    Numbers from one bound to another.

    Attributes
    ----------
    low, high : float
        Bounds, both included, in the field's own unit.
    log : bool
        Whether the logarithm is drawn uniformly, not the number; for bounds above 0.

    Raises
    ------
    InputError
        If a bound is no number, or they are not in order.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        for bound in (self.low, self.high):
            if not _is_number(bound) or not math.isfinite(bound):
                raise InputError(f"A range goes from one number to another, not to {bound!r}.")
        if not self.low < self.high:
            raise InputError(
                f"The range {self.low:g}:{self.high:g} is empty; write the lower bound first."
            )
        if self.log and self.low <= 0:
            raise InputError(
                f"The range {self.low:g}:{self.high:g}:log begins at {self.low:g}, which has no "
                "logarithm; begin above 0."
            )

    def draw(self, rng: np.random.Generator, whole: bool) -> float:
        """
        A number of the range, of three digits or whole.

        Parameters
        ----------
        rng : numpy.random.Generator
        whole : bool
            Whether the field takes whole numbers only.

        Returns
        -------
        value : float or int
        """
        share = rng.random()
        low, high = self.low, self.high
        if whole:
            # Half a unit more at each end, so that after rounding the bounds are as likely as the
            # numbers between; a little less than half, so that nothing rounds beyond them.
            low, high = low - 0.499, high + 0.499
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        if whole:
            return round(value)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


@dataclass(frozen=True)
class Space:
    """
    All that a sweep may try.

    Attributes
    ----------
    base : Recipe
        What is not varied.
    fields : mapping of str to tuple or Range
        By field; a table and its key are joined by a dot.
    """

    base: Recipe
    fields: Mapping[str, tuple[Any, ...] | Range]

    @classmethod
    def of(cls, base: Recipe, given: Mapping[str, Any]) -> "Space":
        """
        Make a space, and check it against the recipe.

        Parameters
        ----------
        base : Recipe
        given : mapping of str to sequence or Range
            Values by field.

        Returns
        -------
        space : Space

        Raises
        ------
        InputError
            If there is no such field, none at all, no value of one, one twice, or a value that
            the recipe refuses.
        """
        if not given:
            raise InputError(
                "There is nothing to vary; name a field and its values: --vary "
                "learning_rate=1e-4,1e-3."
            )
        known = _known_fields()
        checked = {}
        for name, values in given.items():
            _check_name(name, known, given)
            checked[name] = values if isinstance(values, Range) else _values(name, values)
            if isinstance(values, Range):
                _check_range(name, values, known.get(name, float))
        space = cls(base, checked)
        for name, values in checked.items():
            tried = (values.low, values.high) if isinstance(values, Range) else values
            for value in tried:
                space.recipe({name: value})
        return space

    @property
    def has_range(self) -> bool:
        """Whether some field has a range, so that there is no grid."""
        return any(isinstance(values, Range) for values in self.fields.values())

    def recipe(self, point: Mapping[str, Any]) -> Recipe:
        """
        The recipe with the values of a point.

        Parameters
        ----------
        point : mapping
            Value by field; a table that the recipe lacks starts from its defaults, and None
            removes an optional field.

        Returns
        -------
        recipe : Recipe

        Raises
        ------
        InputError
            If a value is refused, or names a network, file or recipe that does not exist.
        """
        values = self.base.to_dict()
        for name, value in point.items():
            table, _, key = name.partition(".")
            if key:
                values[table] = {**(values.get(table) or {}), key: value}
            elif value is None:
                if table not in _OPTIONAL:
                    raise InputError(f"{table} cannot be none; give a value.")
                values.pop(table, None)
            else:
                values[table] = value
        recipe = Recipe.from_dict(values, name=self.base.name)
        if recipe.model.endswith(".keras"):
            check_file(recipe.model)
        else:
            model_info(recipe.model)
        if recipe.continues is not None:
            load_recipe(recipe.continues)
        if recipe.teacher is not None:
            check_file(Path(recipe.teacher) / "classifier.json")
        return recipe

    def grid(self) -> list[Point]:
        """
        Every combination of values, the last field's changing fastest.

        Returns
        -------
        points : list of dict

        Raises
        ------
        InputError
            If a field has a range, or there are more than 10,000.
        """
        lists = {}
        for name, values in self.fields.items():
            if isinstance(values, Range):
                raise InputError(
                    f"{name} has a range, which has no grid; write its values, or draw from it "
                    "with --method random."
                )
            lists[name] = values
        count = math.prod(map(len, lists.values()))
        if count > MOST_TRIALS:
            raise InputError(
                f"The grid has {count:,} trials, more than the {MOST_TRIALS:,} that are taken; "
                "give fewer values, or draw some with --method random."
            )
        return [dict(zip(lists, row, strict=True)) for row in itertools.product(*lists.values())]

    def draw(self, trials: int, seed: int) -> list[Point]:
        """
        Trials drawn at random, none of them twice.

        Parameters
        ----------
        trials : int
            How many; fewer are drawn if there are no others.
        seed : int
            Of the draws; with more trials the first ones stay the same.

        Returns
        -------
        points : list of dict
        """
        rng = np.random.default_rng(seed)
        points: list[Point] = []
        seen: set[str] = set()
        for _ in range(trials):
            for _ in range(_REDRAWS):
                point = {name: self._draw(name, rng) for name in self.fields}
                if repr(point) not in seen:
                    seen.add(repr(point))
                    points.append(point)
                    break
            else:
                break
        return points

    def _draw(self, name: str, rng: np.random.Generator) -> Any:
        values = self.fields[name]
        if isinstance(values, Range):
            return values.draw(rng, self._is_whole(name))
        return values[int(rng.integers(len(values)))]

    def _is_whole(self, name: str) -> bool:
        """Whether a field with a range takes whole numbers only."""
        values = self.fields[name]
        if not isinstance(values, Range):
            return False
        kind = _known_fields().get(name)
        if kind is None:  # an option of the data: as its bounds are written
            return isinstance(values.low, int) and isinstance(values.high, int)
        return kind is int


def parse_fields(texts: Iterable[str]) -> dict[str, Any]:
    """
    Parse the fields that a user wrote on the command line, for `Space.of`.

    Parameters
    ----------
    texts : iterable of str
        Such as ``learning_rate=1e-4,1e-3``, ``augmentation.rotation_range=0:55``,
        ``learning_rate=1e-5:1e-2:log`` or ``augmentation.zoom_range=[0.9,1.1],[1,1]``.

    Returns
    -------
    fields : dict of str to list or Range

    Raises
    ------
    InputError
        If one is no field with values, or a field is given twice.

    Examples
    --------
    >>> parse_fields(["learning_rate=1e-4,1e-3", "schedule=constant,cosine"])
    {'learning_rate': [0.0001, 0.001], 'schedule': ['constant', 'cosine']}
    """
    given: dict[str, Any] = {}
    for text in texts:
        name, equals, written = text.partition("=")
        name = name.strip()
        if not equals or not name or not written.strip():
            raise InputError(
                f"--vary {text} is no FIELD=VALUES; write, for example, learning_rate=1e-4,1e-3."
            )
        if name in given:
            raise InputError(f"--vary {name} is given twice; write all of its values in one.")
        given[name] = _range(written) or [_value(part) for part in _parts(written)]
    return given


_NUMBER = r"\s*([-+]?[0-9.][0-9.eE+-]*)\s*"
_RANGE = re.compile(f"{_NUMBER}:{_NUMBER}(?::\\s*(log)\\s*)?")


def _range(text: str) -> Range | None:
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    low, high = (_value(part) for part in found.groups()[:2])
    return Range(low, high, found[3] is not None)


def _parts(text: str) -> list[str]:
    """Parts between commas, but for commas inside brackets or quotes."""
    return [part.strip() for part in re.findall(r"(?:\[[^]]*\]|\{[^}]*\}|\"[^\"]*\"|[^,])+", text)]


def _value(text: str) -> Any:
    """A number, truth value, list, table or quoted text as TOML has it, None, or plain text."""
    if text.lower() in ("none", ""):
        return None if text else ""
    try:
        parsed = parse_toml(f"value = {text}", "the value", "correct it")
    except InputError:
        parsed = {}
    plain = bool | int | float | str | list | dict
    # More keys than one: the text had a line break and a second assignment.
    if list(parsed) == ["value"] and isinstance(parsed["value"], plain):
        return parsed["value"]
    try:
        return float(text)
    except ValueError:
        return text


def _known_fields() -> dict[str, type | None]:
    """Type of each field that can be varied, dotted ones too; None if there are several."""
    hints = get_type_hints(Recipe)
    known: dict[str, type | None] = {}
    for field in fields(Recipe):
        if field.name in _NAMES_ONLY:
            continue
        kind = known[field.name] = _only_type(hints[field.name])
        if kind is not None and is_dataclass(kind):
            inner = get_type_hints(kind)
            for key in fields(kind):
                if (field.name, key.name) != (_FREE, "options"):
                    known[f"{field.name}.{key.name}"] = _only_type(inner[key.name])
    return known


def _only_type(hint: Any) -> type | None:
    """The type that a field takes besides None; None if it takes several."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    return kinds[0] if len(kinds) == 1 else None


def _check_name(name: str, known: Mapping[str, Any], given: Iterable[str]) -> None:
    table, _, key = name.partition(".")
    if name in _NAMES_ONLY:
        raise InputError(f"{name} changes nothing in a training; vary another field.")
    is_option = table == _FREE and key.isidentifier()
    if name not in known and not is_option:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        options = near or [field for field in known if "." not in field]
        raise unknown("field of a recipe", name, options, _HINT)
    if key and table in given:
        raise InputError(f"{table} is varied as a whole, and {name} too; choose one.")


def _check_range(name: str, values: Range, kind: type | None) -> None:
    if kind not in (int, float):
        raise InputError(f"{name} is no number, so it has no range; write its values: {name}=A,B.")
    if kind is int and not (isinstance(values.low, int) and isinstance(values.high, int)):
        raise InputError(
            f"{name} takes whole numbers, so its range has whole bounds, not {values.low:g} and "
            f"{values.high:g}."
        )


def _values(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise InputError(f"The values of {name} are given as a list or a Range, not {values!r}.")
    if not values:
        raise InputError(f"{name} has no value to try; give one or more.")
    for i, value in enumerate(values):
        if any(value == before and type(value) is type(before) for before in values[:i]):
            raise InputError(f"{name} has the value {value!r} twice; give each once.")
    return tuple(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
