"""
What a request asks for: how its body is read, and which form the answer takes.

One table of options serves the parser and the OpenAPI document.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from stormlens.boxes import MINIMUM_AREA_KM2, STRIDE, THRESHOLD_DBZ
from stormlens.datasets import Pictures
from stormlens.errors import InputError, unknown
from stormlens.serve._refusal import Refusal

JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"
"""Forms of an answer."""

BODY_TYPES = (
    "image/png",
    "application/x-npy",
    "application/x-netcdf",
    "application/octet-stream",
)
"""Media types of a body. They decide nothing: its first bytes say what it is."""

_ALSO = (
    "",  # of a client that sends none
    "application/x-hdf5",
    "application/x-hdf",
    "application/netcdf",
    "application/gzip",
    "application/x-gzip",
    "application/x-bzip2",
    "application/wmo-grib2",
    "application/x-grib2",
    "application/x-grib",
    "application/x-www-form-urlencoded",  # what curl says of --data-binary by default
    "binary/octet-stream",
)
_MOST_OPTIONS = 64
MOST_PLACES = 32
"""How often `at` may be given."""

_ANY = ("*/*", "application/*")


@dataclass(frozen=True)
class Option:
    """
    An option of a request, by its name in the query.

    Attributes
    ----------
    kind : {"pictures", "reading", "cutting"}
        What it is for.
    parse : callable
        Text to value; ValueError where it is none.
    schema : dict
        Of the value, as OpenAPI has it.
    words : str
        What it decides.
    """

    kind: str
    parse: Callable[[str], Any]
    schema: dict[str, Any]
    words: str


@dataclass(frozen=True)
class Question:
    """
    What a request asks for.

    Attributes
    ----------
    pictures : Pictures
        What the pixels of PNG and NPY are.
    reading : dict
        How radar files are read: arguments of `stormlens.readers.Options`, as JSON has them.
    cutting : dict
        Which boxes are cut from them: arguments of `stormlens.boxes.Cutting`, likewise.
    form : str
        Of the answer, `JSON` or `ARROW`.
    """

    pictures: Pictures
    reading: dict[str, Any] = field(default_factory=dict)
    cutting: dict[str, Any] = field(default_factory=dict)
    form: str = JSON


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"choose one of {', '.join(choices)}")
        return text

    return parse


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("give a number")
    return value


def _numbers(least: int, most: int) -> Callable[[str], tuple[float, ...]]:
    def parse(text: str) -> tuple[float, ...]:
        values = tuple(map(_number, text.split(",")))
        if not least <= len(values) <= most:
            raise ValueError("give numbers with a comma between them")
        return values

    return parse


def _yes(text: str) -> bool:
    return _one_of("true", "false")(text) == "true"


def _short(text: str) -> str:
    if not 0 < len(text) <= 100 or not text.isprintable():
        raise ValueError("give a name")
    return text


def _place(text: str) -> tuple[float, float]:
    latitude, longitude = _numbers(2, 2)(text)
    if not (abs(latitude) <= 89 and abs(longitude) <= 360):
        raise ValueError("give latitude and longitude in degrees, west negative")
    return latitude, longitude


def _choice_of(kind: str, choices: tuple[str, ...], words: str) -> Option:
    return Option(kind, _one_of(*choices), {"type": "string", "enum": list(choices)}, words)


_PLACE = {
    "type": "string",
    "pattern": r"^-?[0-8]?[0-9](\.[0-9]{1,9})?,-?[0-9]{1,2}(\.[0-9]{1,9})?$",
}
_TWO = {"type": "string", "pattern": r"^[1-9][0-9]?(\.[0-9]{1,9})?,-?[0-9]{1,3}(\.[0-9]{1,9})?$"}

OPTIONS: dict[str, Option] = {
    "colors": _choice_of(
        "pictures",
        ("nws", "iem-n0q", "iem-n0r"),
        "PNG are drawn by this colour table.",
    ),
    "dbz_scale": Option(
        "pictures",
        _numbers(2, 2),
        _TWO,
        "PNG are grey, and dBZ = scale * grey + offset: SCALE,OFFSET.",
    ),
    "first_row": _choice_of(
        "pictures",
        ("north", "south"),
        "Where the first row of PNG and NPY lies; by default south, and north of drawn PNG.",
    ),
    "boxes": _choice_of(
        "cutting",
        ("storms", "grid"),
        "Which boxes are cut from a radar file; storms by default.",
    ),
    "at": Option(
        "cutting",
        _place,
        _PLACE,
        "Cut a box around this point instead, LATITUDE,LONGITUDE; may be repeated.",
    ),
    "threshold": Option(
        "cutting",
        int,
        {"type": "integer", "minimum": 1, "maximum": 80},
        f"Storms: lowest reflectivity of a core, dBZ; {THRESHOLD_DBZ} by default.",
    ),
    "minimum_area": Option(
        "cutting",
        _number,
        {"type": "number", "minimum": 0, "maximum": 1000000},
        f"Storms: smallest core, km2; {MINIMUM_AREA_KM2:g} by default.",
    ),
    "stride": Option(
        "cutting",
        int,
        {"type": "integer", "minimum": 1, "maximum": 1000},
        f"Grid: cells of 3.75 km from box to box; {STRIDE} by default.",
    ),
    "sampling": _choice_of(
        "reading",
        ("nearest", "maximum"),
        "The value of a radar file nearest to a cell's centre, or the highest in it.",
    ),
    "rain": _choice_of(
        "reading",
        ("marshall-palmer", "wsr-88d"),
        "How rain rates become reflectivity.",
    ),
    "quality_control": Option(
        "reading", _yes, {"type": "boolean"}, "Take specks and clutter out of a radar's volume."
    ),
    "strict": Option("reading", _yes, {"type": "boolean"}, "Refuse a NEXRAD volume in part."),
    "field": Option(
        "reading",
        _short,
        {"type": "string", "pattern": "^[A-Za-z0-9_]{1,40}$"},
        "Which is read of a file of several fields.",
    ),
    "grid": Option(
        "reading",
        _short,
        {"type": "string", "pattern": "^(auto|national)$"},
        "auto, national, LATITUDE,LONGITUDE of a centre, or a grid's name.",
    ),
    "site": Option(
        "reading",
        _numbers(2, 3),
        _PLACE,
        "LATITUDE,LONGITUDE[,ALTITUDE] of a radar whose volumes do not say where it stands.",
    ),
}


@lru_cache(maxsize=256)
def question_of(content_type: bytes, accept: bytes, query: bytes) -> Question:
    """
    What a request asks for; the same is not parsed again.

    Parameters
    ----------
    content_type, accept : bytes
        Headers, empty where there are none.
    query : bytes
        Of its address.

    Returns
    -------
    question : Question

    Raises
    ------
    Refusal
        If the body's kind is none that is read, no form of answer is accepted, an option is not
        known or has a value that it cannot have.
    """
    kind = content_type.partition(b";")[0].strip().lower().decode("latin-1")
    if kind not in BODY_TYPES and kind not in _ALSO:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"A body of type {kind} is not read; send the file itself, as {', '.join(BODY_TYPES)}.",
        )
    form = form_of(accept)
    given = options_of(query)
    try:
        pictures = Pictures(**given["pictures"])
        cutting = _cutting_of(**given["cutting"])
        if given["reading"]:
            from stormlens.readers import Options

            Options(**given["reading"])  # checked; the process that reads the file makes them again
    except InputError as error:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
    return Question(pictures, dict(given["reading"]), cutting, form)


def form_of(accept: bytes) -> str:
    """
    The form of an answer that a client would have.

    Parameters
    ----------
    accept : bytes
        Header, empty where there is none; the first that is known counts, whatever its weight.

    Returns
    -------
    form : str

    Raises
    ------
    Refusal
        If neither is accepted.
    """
    kinds = [
        part.partition(b";")[0].strip().lower().decode("latin-1") for part in accept.split(b",")
    ]
    for kind in kinds:
        if kind in ("", JSON, *_ANY):
            return JSON
        if kind == ARROW:
            return ARROW
    raise Refusal(HTTPStatus.NOT_ACCEPTABLE, f"Answers are {JSON} or {ARROW}; accept one of them.")


def options_of(query: bytes) -> Mapping[str, dict[str, Any]]:
    """
    The options of a query by what they are for.

    Parameters
    ----------
    query : bytes
        As it stands in the address.

    Returns
    -------
    options : mapping of str to dict

    Raises
    ------
    Refusal
        If one is not known, has a wrong value or stands there twice.
    """
    given: dict[str, dict[str, Any]] = {"pictures": {}, "reading": {}, "cutting": {}}
    for name, text in _pairs(query):
        option = OPTIONS.get(name)
        if option is None:
            error = unknown("option", name, OPTIONS)
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        try:
            value = option.parse(text)
        except (ValueError, OverflowError) as error:
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}={text!r} cannot be: {error}."
            ) from error
        kind = given[option.kind]
        if name == "at":
            kind.setdefault("at", []).append(value)
        elif name in kind:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name} is given twice; give it once.")
        else:
            kind[name] = value
    return given


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        text = query.decode("ascii")
        return parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_MOST_OPTIONS
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "The options in the address cannot be read; write NAME=VALUE with & between them.",
        ) from error


def _cutting_of(
    boxes: str | None = None, at: list[tuple[float, float]] | None = None, **settings: float
) -> dict[str, Any]:
    """
    Arguments of `stormlens.boxes.Cutting`, checked; empty for the default.

    They stay plain values for the way to the process that reads the file, which makes it again.
    """
    if at is not None and boxes is not None:
        raise InputError("Give one of boxes= and at=.")
    if at is not None and len(at) > MOST_PLACES:
        raise InputError(f"at= is given more than {MOST_PLACES} times; divide the request.")
    if at is None and boxes is None and not settings:
        return {}
    from stormlens.boxes import Cutting

    how = "points" if at is not None else boxes or "storms"
    arguments: dict[str, Any] = {"how": how, "points": at, **settings}
    Cutting(**arguments)
    return arguments
