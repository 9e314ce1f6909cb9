"""
What passes between the server and a process that reads files: JSON, then bytes.

No pickle: a decoder that a hostile file took over could send anything, so sizes and kinds of what
it sends are checked as of all else that comes from outside.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets import check_reflectivity
from stormlens.errors import InputError, printable
from stormlens.stormbox import Boxes

SIZES = struct.Struct(">II")
"""Bytes of the JSON and of what follows it."""

MOST_JSON = 2**22
_NUMBERS = ("latitude", "longitude", "coverage", "echo")
_LONGEST = 200  # characters of a name
_MOST_NOTES = 16


def packed(head: Mapping[str, Any], content: bytes) -> bytes:
    """
    A message.

    Parameters
    ----------
    head : mapping
        Of values that JSON has.
    content : bytes

    Returns
    -------
    message : bytes
    """
    text = json.dumps(head).encode()
    return SIZES.pack(len(text), len(content)) + text + content


def of_boxes(boxes: Boxes, notes: list[str]) -> bytes:
    """
    Boxes as a message.

    Parameters
    ----------
    boxes : Boxes
        Those of a file.
    notes : list of str
        What is to be said of it.

    Returns
    -------
    message : bytes
    """
    storm: dict[str, list[Any]] = {"unid": [str(name)[:_LONGEST] for name in boxes.storm["unid"]]}
    if "time" in boxes.storm:
        storm["time"] = boxes.storm["time"].astype("datetime64[ns]").astype("int64").tolist()
    for name in _NUMBERS:
        if name in boxes.storm:
            # JSON has no NaN
            values = boxes.storm[name].astype("float64")
            storm[name] = [None if np.isnan(value) else value for value in values.tolist()]
    head = {
        "shape": list(boxes.reflectivity.shape),
        "simulated": boxes.simulated,
        "source": boxes.source,
        "notes": notes,
        "storm": storm,
    }
    return packed(head, np.ascontiguousarray(boxes.reflectivity).tobytes())


def to_boxes(
    head: Any, content: bytes, shape: tuple[int, int], most: int
) -> tuple[Boxes, list[str]]:
    """
    Boxes out of a message, which may come from a process that is no longer ours.

    Parameters
    ----------
    head : object
        The message's JSON.
    content : bytes
        What followed it.
    shape : tuple of int
        Rows and columns that images must have.
    most : int
        Boxes that there may be.

    Returns
    -------
    boxes : Boxes
    notes : list of str

    Raises
    ------
    ValueError, KeyError, TypeError
        If the message has another form.
    """
    n, rows, columns = map(int, head["shape"])
    if (rows, columns) != shape or not 0 <= n <= most or len(content) != n * rows * columns:
        raise ValueError("images of another size")
    images = np.frombuffer(content, np.uint8).reshape(n, rows, columns)
    if n:
        check_reflectivity(images, where="A decoder", shape=shape)
    storm: dict[str, NDArray[Any]] = {
        "unid": np.array([printable(str(name)[:_LONGEST]) for name in head["storm"]["unid"]], str)
    }
    if "time" in head["storm"]:
        storm["time"] = np.array(head["storm"]["time"], "int64").astype("datetime64[ns]")
    for name in _NUMBERS:
        if name in head["storm"]:
            storm[name] = np.array(head["storm"][name], "float64")
    if any(values.shape != (n,) for values in storm.values()):
        raise ValueError("not one value a box")
    source = printable(str(head["source"])[: 5 * _LONGEST])
    notes = [printable(str(note)[: 5 * _LONGEST]) for note in head["notes"][:_MOST_NOTES]]
    return Boxes(images, storm, source, head["simulated"] is True), notes


def sentence_of(head: Any) -> InputError | None:
    """
    Why a file was not read, if a message says so.

    Parameters
    ----------
    head : object
        The message's JSON.

    Returns
    -------
    error : InputError or None
    """
    sentence = head.get("sentence") if isinstance(head, dict) else None
    return InputError(sentence[: 10 * _LONGEST]) if isinstance(sentence, str) else None
