"""A trained classifier on its way to the workers: its files as bytes, and their fingerprint."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from stormlens.errors import InputError

if TYPE_CHECKING:
    from stormlens.models import Classifier

MODEL = "stormlens-model"
"""What workers carry the classifier's files as."""

_CARD = "classifier.json"
_OTHERS = ("weights.safetensors", "model.keras", "confidence.safetensors")


@dataclass(frozen=True)
class ModelFiles:
    """
    The files of a run folder that a classifier is loaded from.

    Attributes
    ----------
    run : str
        The folder, for errors.
    files : dict of str to bytes
        Content by name.
    fingerprint : str
        SHA-256 of names and contents, 64 hex digits.
    """

    run: str
    files: dict[str, bytes]
    fingerprint: str


def read_model(run: str | Path) -> ModelFiles:
    """
    The files of a run's classifier.

    Parameters
    ----------
    run : str or Path
        Folder that a training left.

    Returns
    -------
    model : ModelFiles

    Raises
    ------
    InputError
        If the folder holds no classifier, or a file cannot be read.
    """
    folder = Path(run)
    if not (folder / _CARD).is_file():
        what = "is no run folder" if folder.exists() else "does not exist"
        raise InputError(
            f"{folder} {what}: no {_CARD} in it. Give the folder that `stormlens train` finished."
        )
    try:
        names = [name for name in (_CARD, *_OTHERS) if (folder / name).is_file()]
        files = {name: (folder / name).read_bytes() for name in names}
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror or error}.") from error
    digest = sha256()
    for name, content in files.items():
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return ModelFiles(str(run), files, digest.hexdigest())


@lru_cache(maxsize=1)
def carried_classifier(fingerprint: str) -> "Classifier":
    """
    The classifier of this worker's run, loaded once a process.

    Parameters
    ----------
    fingerprint : str
        Of the files that the worker must carry.

    Returns
    -------
    classifier : Classifier

    Raises
    ------
    InputError
        If a file is damaged.
    """
    from stormlens.archive._plugins import carried

    return load_model(carried(f"{MODEL}-{fingerprint}"))


def load_model(model: ModelFiles) -> "Classifier":
    """
    A classifier from its files.

    Parameters
    ----------
    model : ModelFiles

    Returns
    -------
    classifier : Classifier

    Raises
    ------
    InputError
        If a file is damaged; the sentence names the run.
    """
    from stormlens.models import Classifier

    with tempfile.TemporaryDirectory() as folder:
        for name, content in model.files.items():
            (Path(folder) / name).write_bytes(content)
        try:
            return Classifier.load(folder)
        except InputError as error:
            raise InputError(str(error).replace(folder, model.run)) from error
