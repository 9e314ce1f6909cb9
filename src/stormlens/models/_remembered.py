"""Steps of a user's own networks, remembered in the cache folder from one process to the next."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.engine import Step
from stormlens.errors import InputError
from stormlens.storage import (
    atomic_path,
    parse_json,
    read_sealed_tensors,
    sealed,
    write_tensors,
)

Remembered = tuple[tuple[int, int, int], int, list[Step]]
"""Shape of an image, number of classes and steps."""

_FORMAT = "2"  # another where steps are read from Keras in another way


def remember(digest: str, network: Remembered) -> None:
    """
    Write a network's steps; a folder that cannot be written is done without.

    Parameters
    ----------
    digest : str
        SHA-256 of the file that they were read from.
    network : Remembered
    """
    shape, outputs, steps = network
    arrays: dict[str, NDArray[Any]] = {}
    written = []
    for number, step in enumerate(steps):
        entry = asdict(step)
        for name in ("kernel", "bias"):
            array = entry.pop(name)
            if array is not None:
                arrays[f"{number}.{name}"] = np.ascontiguousarray(array)
        written.append(entry)
    plan = {"shape": shape, "outputs": outputs, "steps": written}
    metadata = {"format": _FORMAT, "plan": json.dumps(plan)}
    try:
        with atomic_path(_place(digest)) as temporary:
            write_tensors(temporary, arrays, sealed(arrays, metadata))
    except (InputError, OSError):
        return


def recall(digest: str) -> Remembered | None:
    """
    Read what was remembered of a file.

    Parameters
    ----------
    digest : str
        Its SHA-256.

    Returns
    -------
    network : Remembered or None
        None where nothing was, or it is damaged.
    """
    path = _place(digest)
    if not path.is_file():
        return None
    try:
        arrays, metadata = read_sealed_tensors(path, "remove it")
        if metadata.get("format") != _FORMAT:
            return None
        plan = parse_json(metadata["plan"], str(path), "remove it")
        steps = []
        for number, entry in enumerate(plan["steps"]):
            known: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in entry.items()
            }
            for name in ("kernel", "bias"):
                known[name] = arrays.get(f"{number}.{name}")
            steps.append(Step(**known))
        return tuple(plan["shape"]), int(plan["outputs"]), steps
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _place(digest: str) -> Path:
    from stormlens.datasets import cache_folder

    return cache_folder() / "networks" / f"{digest}.safetensors"
