"""
What a contender's process is to do, and the files with its arrays.

It needs NumPy alone. A peer's process loads this module and its own library, nothing else.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.bench._network import Layer

BATCH = 32
"""Images a training step."""

PREDICT_BATCH = 64
"""Images of a batch in prediction."""

LEARNING_RATE = 1e-4
"""Of Adam, as in the chapter."""

Pass = Callable[[], "np.ndarray | None"]
"""One pass over the images; in prediction it returns the class probabilities (N, classes)."""


@dataclass(frozen=True)
class Job:
    """
    One contender's task.

    Attributes
    ----------
    contender : str
        Name.
    task : str
        One of `TASKS`.
    home : str
        Module whose ``start(job)`` gives a `Pass`.
    folder : str
        Where the arrays lie.
    model : str
        Name of the network; empty in augmentation.
    layers : tuple of Layer
        The network.
    augmentation : dict or None
        The chapter's ranges, as `Augmentation.to_dict` gives them.
    """

    contender: str
    task: str
    home: str
    folder: str
    model: str = ""
    layers: tuple[Layer, ...] = ()
    augmentation: dict[str, Any] | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Job":
        """
        A job from JSON.

        Parameters
        ----------
        values : dict
            Of `to_dict`.

        Returns
        -------
        job : Job
        """
        layers = tuple(Layer(**layer) for layer in values["layers"])
        return cls(**{**values, "layers": layers})

    def to_dict(self) -> dict[str, Any]:
        """
        The job as plain values for JSON.

        Returns
        -------
        values : dict
        """
        return asdict(self)

    @property
    def images(self) -> np.ndarray:
        """Whole dBZ, uint8 of shape (N, 136, 136)."""
        return np.load(Path(self.folder) / "images.npy")

    @property
    def scaled(self) -> np.ndarray:
        """The same from 0 to 1, float32 of shape (N, 136, 136, 1)."""
        return np.load(Path(self.folder) / "scaled.npy")

    @property
    def codes(self) -> np.ndarray:
        """Class codes, int32 of shape (N,)."""
        return np.load(Path(self.folder) / "codes.npy")

    @property
    def weights(self) -> list[np.ndarray]:
        """The network's weights in Keras's order and layout: kernel, bias, kernel, bias."""
        with np.load(Path(self.folder) / f"{self.model}.npz") as file:
            return [file[f"arr_{i}"] for i in range(len(file.files))]

    @property
    def graph(self) -> str:
        """Path of the network as an ONNX file."""
        return str(Path(self.folder) / f"{self.model}.onnx")

    @property
    def answer(self) -> Path:
        """Where the process writes the probabilities of its last pass."""
        return Path(self.folder) / f"{self.contender}-{self.model}.npy"


def batches(images: np.ndarray, size: int) -> list[np.ndarray]:
    """
    Images in batches; the last one may be smaller.

    Parameters
    ----------
    images : ndarray, shape (N, ...)
    size : int
        Images a batch.

    Returns
    -------
    batches : list of ndarray
        Views, not copies.
    """
    return [images[first : first + size] for first in range(0, len(images), size)]
