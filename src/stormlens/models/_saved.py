"""
A classifier's arrays on disk, checked as they are read.

They may come from anywhere, so nothing in them is trusted: arrays are read as safetensors, a
user's own model in Keras's safe mode, and HDF5 and pickle files, which can run code, are refused.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.errors import InputError
from stormlens.models._baseline import FeatureModel
from stormlens.models._card import CARD, DIGEST, NUMBERS, damaged_card
from stormlens.models._confidence import Confidence
from stormlens.models._ensemble import Ensemble, member_prefix
from stormlens.models._keras import import_keras
from stormlens.models._keras_archive import check_archive
from stormlens.models._network import Network, keyed, kinds_of
from stormlens.models._novelty import Novelty
from stormlens.models._registry import model_info, network_from
from stormlens.storage import atomic_path, check_finite, write_tensors

WEIGHTS, MODEL, CONFIDENCE = "weights.safetensors", "model.keras", "confidence.safetensors"

_NOT_WRITTEN = "nothing is written. Train with a lower learning rate"

Tensors = dict[str, np.ndarray]


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


def weights_of(model: Any) -> Tensors:
    """The values of a model's variables, by position and name."""
    return {key: np.asarray(variable.value) for key, variable in keyed(model).items()}


def write_weights(tensors: Tensors, path: Path) -> str:
    """
    Write the weights of a network as safetensors.

    Parameters
    ----------
    tensors : dict of str to ndarray
        By position and name.
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
    check_finite(tensors, path, _NOT_WRITTEN)
    return _write(tensors, path)


def _write(tensors: Tensors, path: Path) -> str:
    """Write a safetensors file; gives its SHA-256."""
    in_order = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    with atomic_path(path) as temporary:
        write_tensors(temporary, in_order)
        return _digest_of(temporary)


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_named(
    card: Mapping[str, Any], folder: Path, remedy: str
) -> Network | Ensemble | FeatureModel:
    """
    What computes of a classifier whose architecture has a name.

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
    network : Network, Ensemble or FeatureModel

    Raises
    ------
    InputError
        If the file is missing or damaged, holds what the card's architecture does not, or is
        not the one that the card was written with; or the card names an architecture that does
        not exist, or that cannot take such images.
    """
    name, shape, outputs = card["architecture"], tuple(card["input_shape"]), len(card["classes"])
    _check_package(card, folder)
    try:
        is_network = model_info(name).is_network
    except InputError as error:
        raise damaged_card(folder, error, remedy) from error
    members = card["members"]
    if is_network:
        tensors = read_weights(card, folder, remedy)
        if members == 1:
            return Network.named(name, shape, outputs, tensors)
        parts = [_of_member(tensors, number) for number in range(members)]
        return Ensemble([Network.named(name, shape, outputs, part) for part in parts])
    if members != 1:
        wrong = InputError(f"members is {members}, but {name} is no network.")
        raise damaged_card(folder, wrong, remedy)
    path = folder / WEIGHTS
    tensors = read_tensors(path, remedy)
    _check_digest(path, card["provenance"].get(DIGEST), remedy)
    try:
        return FeatureModel(name, shape, outputs, tensors)
    except InputError as error:
        raise InputError(f"{path} is damaged: {error} To put it right, {remedy}.") from error


def _check_package(card: Mapping[str, Any], folder: Path) -> None:
    """Refuse a network of another package that is not there, or is another package's now."""
    name, trained_with = card["architecture"], card["provenance"].get("network_from")
    if not isinstance(trained_with, dict):
        return
    package, version = (str(trained_with.get(key))[:100] for key in ("package", "version"))
    here = network_from(name)
    if here is None or here["package"] != package:
        found = "" if here is None else f"; here {name} is that of package {here['package']}"
        raise InputError(
            f"{folder} was trained with the network {name} of package {package} {version}, which "
            f"is not installed{found}. Install it where this Python finds it: pip install {package}"
        )
    try:
        model_info(name)
    except InputError as error:
        raise InputError(f"{folder} cannot be read: {error}") from error


def _of_member(tensors: Tensors, number: int) -> Tensors:
    prefix = member_prefix(number)
    return {key: values for key, values in tensors.items() if key.startswith(prefix)}


def read_weights(card: Mapping[str, Any], folder: Path, remedy: str) -> Tensors:
    """
    The variables of a classifier whose architecture is a network with a name.

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
    tensors : dict of str to ndarray
        By position and name, of an ensemble by member first.

    Raises
    ------
    InputError
        If the file is missing or damaged, holds other tensors than the card's architecture has,
        a value that is not finite, or is not the one that the card was written with; or the card
        names an architecture that does not exist, or that cannot take such images.
    """
    path, name = folder / WEIGHTS, card["architecture"]
    # Before a model is built: a card that is wrong may speak of more than the memory holds.
    try:
        kinds = kinds_of(name, tuple(card["input_shape"]), len(card["classes"]))
    except InputError as error:
        raise damaged_card(folder, error, remedy) from error
    if card["members"] > 1:
        prefixes = [member_prefix(number) for number in range(card["members"])]
        kinds = {f"{prefix}{key}": kind for prefix in prefixes for key, kind in kinds.items()}
    tensors = read_tensors(path, remedy)
    if kinds != {key: (value.shape, str(value.dtype)) for key, value in tensors.items()}:
        what = f"model {name}" if card["members"] == 1 else f"{card['members']} of model {name}"
        here = network_from(name)
        if here is not None:
            what += f" of package {here['package']} {here['version']}"
        raise InputError(f"{path} holds other weights than {what} has; {remedy}.")
    _check_digest(path, card["provenance"].get(DIGEST), remedy)
    return tensors


def _check_digest(path: Path, digest: Any, remedy: str) -> None:
    """Refuse a file that is older or newer than the card, as if training was killed in between."""
    if digest is not None and digest != _digest_of(path):
        raise InputError(f"{path} is not the file that {CARD} was written with; {remedy}.")


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
        If the file is missing or damaged, is not the one that the card was written with, or a
        number in it or in the card cannot be.
    """
    if card["confidence"] is None:
        return None
    path = folder / CONFIDENCE
    tensors = read_tensors(path, remedy)
    names = [own.name for own in fields(Novelty)]
    if sorted(tensors) != sorted(names):
        raise InputError(
            f"{path} holds {', '.join(sorted(tensors)) or 'nothing'}, not {', '.join(names)}; "
            f"{remedy}."
        )
    try:
        novelty = Novelty(**tensors)
    except InputError as error:
        raise InputError(f"{path} is damaged: {error} To put it right, {remedy}.") from error
    _check_digest(path, card["confidence"].get(DIGEST), remedy)
    try:
        return Confidence(**{name: card["confidence"][name] for name in NUMBERS}, novelty=novelty)
    except InputError as error:
        raise damaged_card(folder, error, remedy) from error


def write_confidence(confidence: Confidence, folder: Path) -> dict[str, float | str]:
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
    entry : dict of str to float or str
        What belongs into the card: the numbers, and the SHA-256 of the file.
    """
    digest = _write(_arrays_of(confidence), folder / CONFIDENCE)
    numbers = {name: getattr(confidence, name) for name in NUMBERS}
    return {**numbers, DIGEST: digest}


def check_confidence(confidence: Confidence, path: Path) -> None:
    """
    Refuse to write a confidence of which a value is NaN or infinite.

    Parameters
    ----------
    confidence : Confidence
        Its arrays may have been changed since they were checked.
    path : Path
        The file that it is to be written to.

    Raises
    ------
    InputError
        If there is one.
    """
    check_finite(_arrays_of(confidence), path, "nothing is written. Calibrate again")


def _arrays_of(confidence: Confidence) -> Tensors:
    return {own.name: np.asarray(getattr(confidence.novelty, own.name)) for own in fields(Novelty)}


def write_model(model: Any, path: Path) -> str:
    """
    Write a user's own model as a ``.keras`` file.

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
        If a weight is not finite; nothing is written then.
    """
    check_model(model, path)
    with atomic_path(path) as temporary:
        model.save(temporary)
        return _digest_of(temporary)


def read_network(path: Path, digest: Any, remedy: str) -> Network:
    """
    A user's own network from the ``.keras`` file of a run.

    Parameters
    ----------
    path : Path
        The file.
    digest : str or None
        The SHA-256 that it must have; None for runs that recorded none.
    remedy : str
        What to do about a damaged file.

    Returns
    -------
    network : Network

    Raises
    ------
    InputError
        If the file is missing or damaged, or is not the one that was written.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; {remedy}.")
    try:
        network = network_of_file(path)
    except InputError as error:
        raise InputError(f"{error} To put it right, {remedy}.") from error
    _check_digest(path, digest, remedy)
    return network


def network_of_file(path: Path) -> Network:
    """
    The network of a ``.keras`` file, read by Keras if it was not before.

    Parameters
    ----------
    path : Path
        Zip archive that Keras 3 saved.

    Returns
    -------
    network : Network

    Raises
    ------
    InputError
        As `load_keras_file`.
    """
    check_keras_file(path)
    return Network.of_file(path, _digest_of(path), lambda: load_keras_file(path))


def check_keras_file(path: Path) -> None:
    """
    Refuse what cannot be a model that Keras 3 saved.

    Parameters
    ----------
    path : Path
        Anything.

    Raises
    ------
    InputError
        If the file is missing or of another kind.
    """
    import zipfile

    if path.suffix != ".keras":
        raise InputError(
            f"{path}: models are read from .keras files only; HDF5 and pickle files can run "
            "code when opened. Save it again with model.save('name.keras')."
        )
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}; give a file that model.save('name.keras') wrote.")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a model that Keras 3 saved; it may be cut short.")


def load_keras_file(path: str | Path) -> Any:
    """
    A Keras model from a ``.keras`` file, in safe mode.

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
        If the file is missing, of another kind or damaged, brings code, asks for more memory than
        it has weights for, or holds a value that is not finite.
    """
    path = Path(path)
    check_keras_file(path)
    keras = import_keras()
    from stormlens.models import _layers  # noqa: F401  makes our own layers known to Keras

    try:
        check_archive(path)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (InputError, ModuleNotFoundError):
        raise
    except Exception as error:  # Keras raises many kinds for damaged or unsafe archives.
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
        raise InputError(f"{path} cannot be loaded in Keras's safe mode: {reason}") from error
    check_finite(weights_of(model), path, "give a model whose training went well")
    return model
