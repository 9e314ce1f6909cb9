"""
What passes between the server and a process that reads files: JSON, then bytes.

No pickle: a decoder that a hostile file took over could send anything, so what it sends is held to
sizes and kinds like all else that comes from outside.
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


def packed(told: Mapping[str, Any], content: bytes) -> bytes:
    """
    A message.

    Parameters
    ----------
    told : mapping
        Of values that JSON has.
    content : bytes

    Returns
    -------
    message : bytes
    """
    head = json.dumps(told).encode()
    return SIZES.pack(len(head), len(content)) + head + content


def of_boxes(boxes: Boxes, notes: list[str]) -> bytes:
    """
    Boxes as a message.

    Parameters
    ----------
    boxes : Boxes
        What a file held.
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
    told = {
        "shape": list(boxes.reflectivity.shape),
        "simulated": boxes.simulated,
        "source": boxes.source,
        "notes": notes,
        "storm": storm,
    }
    return packed(told, np.ascontiguousarray(boxes.reflectivity).tobytes())


def to_boxes(
    told: Any, content: bytes, shape: tuple[int, int], most: int
) -> tuple[Boxes, list[str]]:
    """
    Boxes out of a message, which may come from a process that is no longer ours.

    Parameters
    ----------
    told : object
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
        If it is no such message.
    """
    n, rows, columns = map(int, told["shape"])
    if (rows, columns) != shape or not 0 <= n <= most or len(content) != n * rows * columns:
        raise ValueError("images of another size")
    images = np.frombuffer(content, np.uint8).reshape(n, rows, columns)
    if n:
        check_reflectivity(images, where="A decoder", shape=shape)
    storm: dict[str, NDArray[Any]] = {
        "unid": np.array([printable(str(name)[:_LONGEST]) for name in told["storm"]["unid"]], str)
    }
    if "time" in told["storm"]:
        storm["time"] = np.array(told["storm"]["time"], "int64").astype("datetime64[ns]")
    for name in _NUMBERS:
        if name in told["storm"]:
            storm[name] = np.array(told["storm"][name], "float64")
    if any(values.shape != (n,) for values in storm.values()):
        raise ValueError("not one value a box")
    source = printable(str(told["source"])[: 5 * _LONGEST])
    notes = [printable(str(note)[: 5 * _LONGEST]) for note in told["notes"][:_MOST_NOTES]]
    return Boxes(images, storm, source, told["simulated"] is True), notes


def sentence_of(told: Any) -> InputError | None:
    """
    Why a file was not read, if a message says so.

    Parameters
    ----------
    told : object
        The message's JSON.

    Returns
    -------
    error : InputError or None
    """
    sentence = told.get("sentence") if isinstance(told, dict) else None
    return InputError(sentence[: 10 * _LONGEST]) if isinstance(sentence, str) else None
