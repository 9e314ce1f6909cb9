"""
The state of a training between two epochs, in one safetensors file.

Weights, the model's other variables, the optimiser's moments, the best weights
so far where early stopping asks for them, a teacher's answers, and as metadata the
history, the recipe and the data's fingerprint. Resuming from it gives the bits that an
uninterrupted training gives.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.errors import InputError
from stormlens.storage import atomic_path, parse_json, read_sealed_tensors, sealed, write_tensors

FILE = "checkpoint.safetensors"
_REMEDY = "train again in a new folder"


@dataclass(frozen=True)
class Checkpoint:
    """
    What a training needs to go on.

    Attributes
    ----------
    tensors : dict of str to ndarray
        Keys ``group/number``, such as ``weights/000``.
    history : list of dict
        A row an epoch: epoch, seconds, loss, accuracy, val_loss, val_accuracy.
    recipe : dict
        The recipe's plain values.
    data : str
        Fingerprint of the training and validation arrays.
    teacher : dict
        Provenance of the teacher; empty without one.
    """

    tensors: dict[str, np.ndarray]
    history: list[dict[str, float]]
    recipe: dict[str, Any]
    data: str
    teacher: dict[str, Any] = field(default_factory=dict)

    def group(self, name: str) -> list[np.ndarray]:
        """
        The tensors of one group, in their order.

        Parameters
        ----------
        name : str
            Such as ``"weights"``.

        Returns
        -------
        tensors : list of ndarray
        """
        return [self.tensors[key] for key in sorted(self.tensors) if key.startswith(f"{name}/")]


def write_checkpoint(
    run: Path,
    groups: dict[str, list[Any]],
    *,
    history: list[dict[str, float]],
    recipe: dict[str, Any],
    data: str,
    teacher: dict[str, Any] | None = None,
) -> None:
    """
    Write a checkpoint: under a temporary name, then renamed.

    Parameters
    ----------
    run : Path
        Run folder.
    groups : dict of str to list of Array
        Tensors by group.
    history, recipe, data, teacher
        As in `Checkpoint`.
    """
    tensors = {
        f"{name}/{i:03d}": np.asarray(value, order="C")
        for name, values in groups.items()
        for i, value in enumerate(values)
    }
    metadata = {"history": json.dumps(history), "recipe": json.dumps(recipe), "data": data}
    if teacher:
        metadata["teacher"] = json.dumps(teacher)
    with atomic_path(run / FILE) as temporary:
        write_tensors(temporary, tensors, sealed(tensors, metadata))


def read_checkpoint(run: str | Path) -> Checkpoint | None:
    """
    The checkpoint of a run.

    Parameters
    ----------
    run : str or Path
        Run folder.

    Returns
    -------
    checkpoint : Checkpoint or None
        None where no epoch has ended yet.

    Raises
    ------
    InputError
        If the file is damaged: any bit of it.
    """
    path = Path(run) / FILE
    if not path.exists():
        return None
    tensors, metadata = read_sealed_tensors(path, _REMEDY)
    try:
        history, recipe = (
            parse_json(metadata[name], str(path), _REMEDY) for name in ("history", "recipe")
        )
        teacher = parse_json(metadata.get("teacher", "{}"), str(path), _REMEDY)
        return Checkpoint(tensors, history, recipe, metadata["data"], teacher)
    except KeyError as error:
        raise InputError(f"{path} is no checkpoint: it lacks {error}; {_REMEDY}.") from error
