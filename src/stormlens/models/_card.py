"""
The card of a classifier, `classifier.json`: its fields, and an error for each that is wrong.

It may come from anywhere, so nothing in it is trusted.
"""

import hashlib
import json
import reprlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stormlens.errors import InputError
from stormlens.models._ensemble import MOST_MEMBERS
from stormlens.models._registry import LARGEST_SIDE
from stormlens.storage import read_json

CARD, FORMAT = "classifier.json", 1

DIGEST = "sha256"
"""The card's key for the SHA-256 of a file beside it: of the weights, of the confidence."""

NUMBERS = ("temperature", "level", "plausible_from")
"""The numbers of a confidence that are in the card."""

SEAL = "card_sha256"
"""The card's key for the SHA-256 of all its other fields; see `sealed`."""

_LARGEST = sys.float_info.max


def is_name(value: Any) -> bool:
    """Whether this can name a class or an architecture: text on one line, not empty."""
    return isinstance(value, str) and value.isprintable() and value.strip() != ""


def _is_number(value: Any) -> bool:
    # Not math.isfinite: JSON has integers of any length, and it overflows at those.
    return type(value) in (int, float) and -_LARGEST <= value <= _LARGEST


def _is_shape(value: Any) -> bool:
    """Rows, columns and the one channel of an image."""
    return (
        _is_list_of(int, value)
        and len(value) == 3
        and all(1 <= side <= LARGEST_SIDE for side in value)
        and value[2] == 1
    )


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


def _is_provenance(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character, which no file of text takes
        return False
    return isinstance(value, dict)


def _is_confidence(value: Any) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and all(_is_number(value.get(name)) for name in NUMBERS)
        and isinstance(value.get(DIGEST), str | None)
    )


# Those with a value for runs that were written before there was such a field.
_SINCE: dict[str, Any] = {"members": 1, "orientations": 1, "confidence": None}
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "architecture": lambda value: value is None or is_name(value),
    "input_shape": _is_shape,
    "classes": lambda value: _is_list_of(str, value) and value and all(map(is_name, value)),
    "minimum": _is_number,
    "maximum": _is_number,
    "members": lambda value: type(value) is int and 1 <= value <= MOST_MEMBERS,
    "orientations": lambda value: type(value) is int,
    "confidence": _is_confidence,
    "provenance": _is_provenance,
}


def read_card(folder: Path, remedy: str) -> dict[str, Any]:
    """
    The fields of a classifier's card.

    Parameters
    ----------
    folder : Path
        Where its files lie.
    remedy : str
        What to do about a damaged file, such as "train again".

    Returns
    -------
    card : dict
        All fields, each of its kind; the confidence's numbers are not looked at further.

    Raises
    ------
    InputError
        If there is no card, or a field of it is damaged, missing or unknown.
    """
    path = folder / CARD
    if not path.is_file():
        what = "is no run folder" if folder.exists() else "does not exist"
        raise InputError(
            f"{folder} {what}: no {CARD} in it. Give the folder that `stormlens train` finished."
        )
    card = read_json(path, remedy)
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise InputError(f"{path} is not of format {FORMAT}; this stormlens cannot read it.")
    card = {**_SINCE, **card}
    strange = card.keys() - _FIELDS.keys() - {"format", SEAL}
    if strange:
        raise InputError(
            f"{path} is damaged: {reprlib.repr(min(strange))} is nothing that a card says; "
            f"{remedy}."
        )
    for key, fits in _FIELDS.items():
        if key not in card:
            raise InputError(f"{path} is damaged: it does not say {key}; {remedy}.")
        if not fits(card[key]):
            # Cut to a line's length: what is damaged may be long.
            value = reprlib.repr(card[key])
            raise InputError(f"{path} is damaged: {key} is {value}; {remedy}.")
    return card


def sealed(card: Mapping[str, Any]) -> dict[str, Any]:
    """
    A card with the SHA-256 of its fields, since a changed field could switch off a safeguard.

    Parameters
    ----------
    card : mapping
        Of values that JSON has.

    Returns
    -------
    card : dict
        As JSON gives it back, and `SEAL`.
    """
    said = json.loads(json.dumps({key: value for key, value in card.items() if key != SEAL}))
    text = json.dumps(said, sort_keys=True)
    return {**said, SEAL: hashlib.sha256(text.encode()).hexdigest()}


def check_seal(folder: Path, remedy: str) -> None:
    """
    Refuse a card that was changed after it was written.

    Parameters
    ----------
    folder : Path
        Where it lies; `read_card` has read it.
    remedy : str
        What to do about it.

    Raises
    ------
    InputError
        If its seal is not that of what it says. Cards of older runs have none.
    """
    card = read_json(folder / CARD, remedy)
    if SEAL in card and card[SEAL] != sealed(card)[SEAL]:
        raise InputError(f"{folder / CARD} was changed after it was written; {remedy}.")


def read_provenance(folder: str | Path) -> dict[str, Any]:
    """
    Where a run folder's classifier comes from, without loading the network.

    Parameters
    ----------
    folder : str or Path
        Run folder.

    Returns
    -------
    provenance : dict
        From `classifier.json`, unchanged; empty if that is missing or cannot be read.
        `training_simulated` is True or False where it is known.
    """
    try:
        provenance = read_json(Path(folder) / CARD, "train again")["provenance"]
    except (InputError, KeyError, TypeError, IndexError):
        return {}
    return provenance if isinstance(provenance, dict) else {}


def damaged_card(folder: Path, error: InputError, remedy: str) -> InputError:
    """
    The error of a card with a value that cannot be.

    Parameters
    ----------
    folder : Path
        Where the card lies.
    error : InputError
        What is wrong with the value.
    remedy : str
        What to do about it.

    Returns
    -------
    error : InputError
        To be raised by the caller.
    """
    return InputError(f"{folder / CARD} is damaged: {error} To put it right, {remedy}.")
