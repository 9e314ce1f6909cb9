"""
The files that a classifier is kept in: what they must hold, and a sentence where they do not.

They may come from anywhere, so nothing in them is trusted: data is read as JSON and safetensors,
a user's own model in Keras's safe mode, and HDF5 and pickle files, which can run code, are refused.
"""

import hashlib
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.errors import InputError
from stormlens.models._confidence import Confidence
from stormlens.models._keras import import_keras
from stormlens.models._novelty import Novelty
from stormlens.storage import write_bytes

CARD, WEIGHTS, MODEL = "classifier.json", "weights.safetensors", "model.keras"
CONFIDENCE = "confidence.safetensors"

FORMAT = 1
DIGEST = "sha256"
"""What the provenance calls the SHA-256 of the weights' file."""

_NOT_WRITTEN = "nothing is written. Train with a lower learning rate"

Tensors = dict[str, np.ndarray]

NUMBERS = ("temperature", "level", "plausible_from")
"""What the card holds of a confidence."""


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


def _is_confidence(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, dict) and all(_is_number(value.get(name)) for name in NUMBERS)


# Those with a value for runs that were written before there was such a field.
_SINCE: dict[str, Any] = {"orientations": 1, "confidence": None}
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "architecture": lambda value: value is None or isinstance(value, str),
    "input_shape": lambda value: _is_list_of(int, value) and min(value, default=0) > 0,
    "classes": lambda value: _is_list_of(str, value),
    "minimum": _is_number,
    "maximum": _is_number,
    "orientations": lambda value: type(value) is int,
    "confidence": _is_confidence,
    "provenance": lambda value: isinstance(value, dict),
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
        If there is no card, or a field of it is damaged.
    """
    path = folder / CARD
    if not path.is_file():
        what = "is no run folder" if folder.exists() else "does not exist"
        raise InputError(
            f"{folder} {what}: no {CARD} in it. Give the folder that `stormlens train` finished."
        )
    try:
        card = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); {remedy}.") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise InputError(f"{path} is not of format {FORMAT}; this stormlens cannot read it.")
    card = {**_SINCE, **card}
    for key, fits in _FIELDS.items():
        if not fits(card.get(key)):
            raise InputError(f"{path} is damaged: {key} is {card.get(key)!r}; {remedy}.")
    return card


def read_tensors(path: Path, remedy: str) -> Tensors:
    """
    The tensors of a safetensors file, each of them finite.

    Parameters
    ----------
    path : Path
        The file.
    remedy : str
        What to do about a damaged file.

    Returns
    -------
    tensors : dict of str to ndarray

    Raises
    ------
    InputError
        If the file is missing or damaged, or a value in it is not finite.
    """
    import safetensors
    import safetensors.numpy

    if not path.is_file():
        raise InputError(f"{path} is missing; {remedy}.")
    try:
        tensors: Tensors = safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged ({error}); {remedy}.") from error
    except (KeyError, AttributeError, TypeError) as error:  # numbers that NumPy does not have
        raise InputError(f"{path} holds a kind of number that is not read; {remedy}.") from error
    check_finite(tensors, path, remedy)
    return tensors


def check_finite(tensors: Mapping[str, np.ndarray], path: Path, remedy: str) -> None:
    """
    Refuse tensors of which a value is NaN or infinite.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        By name.
    path : Path
        The file that they are read from, or are to be written to.
    remedy : str
        What to do about it.

    Raises
    ------
    InputError
        If there is one; the sentence names the first such tensor and the file.
    """
    for name, values in tensors.items():
        if values.dtype.kind not in "iub" and not np.isfinite(values).all():
            raise InputError(f"{path}: tensor {name} holds values that are not finite; {remedy}.")


def keyed(model: Any) -> dict[str, Any]:
    """Variables by position and name: layer names depend on what else a process built."""
    return {f"{i:03d}.{v.name}": v for i, v in enumerate(model.weights)}


def weights_of(model: Any) -> Tensors:
    """The values of a model's variables, by position and name."""
    return {key: np.asarray(variable.value) for key, variable in keyed(model).items()}


def write_weights(model: Any, path: Path) -> str:
    """
    Write a model's variables as safetensors.

    Parameters
    ----------
    model : keras.Model
        Built.
    path : Path
        The file.

    Returns
    -------
    digest : str
        Its SHA-256, hexadecimal.

    Raises
    ------
    InputError
        If a value is not finite; nothing is written then.
    """
    import safetensors.numpy

    check_model(model, path)
    content = safetensors.numpy.save(weights_of(model))
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def assign_weights(model: Any, path: Path, digest: Any, remedy: str) -> None:
    """
    Give a model the variables of a safetensors file.

    Parameters
    ----------
    model : keras.Model
        Built; of the architecture that the file was written from.
    path : Path
        The file.
    digest : str or None
        The SHA-256 that it must have; None for runs that recorded none.
    remedy : str
        What to do about a damaged file.

    Raises
    ------
    InputError
        If the file is missing or damaged, holds other tensors than the model has, a value that
        is not finite, or is not the one that was written.
    """
    tensors = read_tensors(path, remedy)
    variables = keyed(model)
    expected = {key: (tuple(v.shape), str(v.dtype)) for key, v in variables.items()}
    found = {key: (value.shape, str(value.dtype)) for key, value in tensors.items()}
    if expected != found:
        raise InputError(f"{path} holds other weights than model {model.name} has; {remedy}.")
    if digest is not None and digest != hashlib.sha256(path.read_bytes()).hexdigest():
        raise InputError(f"{path} is not the file that {CARD} was written with; {remedy}.")
    for key, variable in variables.items():
        variable.assign(tensors[key])


def check_model(model: Any, path: Path) -> None:
    """
    Refuse to write a model of which a weight is NaN or infinite.

    Parameters
    ----------
    model : keras.Model
        Built.
    path : Path
        The file that it is to be written to.

    Raises
    ------
    InputError
        If there is one.
    """
    check_finite(weights_of(model), path, _NOT_WRITTEN)


def read_confidence(card: Mapping[str, Any], folder: Path, remedy: str) -> Confidence | None:
    """
    What is known of how far a classifier can be trusted.

    Parameters
    ----------
    card : mapping
        Of `read_card`.
    folder : Path
        Where the classifier's files lie.
    remedy : str
        What to do about a damaged file.

    Returns
    -------
    confidence : Confidence or None
        None where the card has none.

    Raises
    ------
    InputError
        If the file is missing or damaged, or a number in it or in the card cannot be.
    """
    if card["confidence"] is None:
        return None
    path = folder / CONFIDENCE
    tensors = read_tensors(path, remedy)
    names = [held.name for held in fields(Novelty)]
    if sorted(tensors) != sorted(names):
        raise InputError(
            f"{path} holds {', '.join(sorted(tensors)) or 'nothing'}, not {', '.join(names)}; "
            f"{remedy}."
        )
    try:
        novelty = Novelty(**tensors)
    except InputError as error:
        raise InputError(f"{path} is damaged: {error} To put it right, {remedy}.") from error
    try:
        return Confidence(**{name: card["confidence"][name] for name in NUMBERS}, novelty=novelty)
    except InputError as error:
        raise InputError(
            f"{folder / CARD} is damaged: confidence: {error} To put it right, {remedy}."
        ) from error


def write_confidence(confidence: Confidence, folder: Path) -> dict[str, float]:
    """
    Write the arrays of a confidence.

    Parameters
    ----------
    confidence : Confidence
        Of the classifier.
    folder : Path
        Where the classifier's files lie.

    Returns
    -------
    numbers : dict of str to float
        What belongs into the card.
    """
    import safetensors.numpy

    # safetensors writes memory as it lies.
    arrays = {
        held.name: np.ascontiguousarray(getattr(confidence.novelty, held.name))
        for held in fields(Novelty)
    }
    write_bytes(folder / CONFIDENCE, safetensors.numpy.save(arrays))
    return {name: getattr(confidence, name) for name in NUMBERS}


def load_keras_file(path: str | Path) -> Any:
    """
    A Keras model from a `.keras` file, in safe mode.

    Parameters
    ----------
    path : str or Path
        Zip archive that Keras 3 saved.

    Returns
    -------
    model : keras.Model
        Not compiled.

    Raises
    ------
    InputError
        If the file is of another kind, is damaged, brings code, or holds a value that is not
        finite.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise InputError(
            f"{path}: models are read from .keras files only; HDF5 and pickle files can run "
            "code when opened. Save it again with model.save('name.keras')."
        )
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a model that Keras 3 saved; it may be cut short.")
    keras = import_keras()
    from stormlens.models import _layers  # noqa: F401  makes our own layers known to Keras

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds for damaged or unsafe archives.
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{path} cannot be loaded in Keras's safe mode: {reason}") from error
    check_finite(weights_of(model), path, "give a model whose training went well")
    return model
