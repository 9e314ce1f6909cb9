"""
A trained model with its preprocessing, classes and provenance.

On disk a classifier is `classifier.json` beside `weights.safetensors`: data
that can be read without trust, for an architecture known by name. A user's own
model is kept as `model.keras` and read in Keras's safe mode. HDF5 and pickle
files, which can run code, are refused.
"""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormlens.errors import InputError
from stormlens.models._forward import Forward, forward_pass
from stormlens.models._keras import import_keras
from stormlens.models._registry import build
from stormlens.storage import atomic_path, write_bytes, write_text
from stormlens.stormbox import MAX_DBZ, MODES

_FORMAT = 1
_BATCH = 64
_CARD, _WEIGHTS, _MODEL = "classifier.json", "weights.safetensors", "model.keras"


@dataclass
class Classifier:
    """
    What `load` returns and `classify` uses.

    Attributes
    ----------
    model : keras.Model
        Plain Keras; images in, class probabilities out.
    architecture : str or None
        Its name in the registry; None for a user's own model.
    classes : tuple of str
        Class names by code.
    minimum, maximum : float
        Of the training split: images are scaled by (x - minimum) / (maximum - minimum).
    provenance : dict
        What it was trained on, with what, when.
    """

    model: Any
    architecture: str | None
    classes: tuple[str, ...] = MODES
    minimum: float = 0.0
    maximum: float = float(MAX_DBZ)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.maximum > self.minimum:
            raise InputError(
                f"Classifier: maximum {self.maximum} must lie above minimum {self.minimum}; "
                "training images that all hold one value cannot be scaled."
            )
        outputs = self.model.output_shape[-1]
        if outputs != len(self.classes):
            raise InputError(
                f"Classifier: the model has {outputs} outputs for {len(self.classes)} classes."
            )
        self._predict_batch: Callable[..., Any] | None = None
        self._forward: Forward | None = None

    @property
    def trained_on_simulated(self) -> bool:
        """Whether simulated boxes trained it."""
        return bool(self.provenance.get("training_simulated", False))

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return tuple(self.model.input_shape[1:3])

    @classmethod
    def from_keras(
        cls,
        path: str | Path,
        *,
        classes: tuple[str, ...] = MODES,
        minimum: float = 0.0,
        maximum: float = float(MAX_DBZ),
    ) -> "Classifier":
        """
        A classifier from a user's own `.keras` file.

        Parameters
        ----------
        path : str or Path
            Model saved by Keras 3; loaded in safe mode.
        classes : tuple of str, optional
            Names of its outputs.
        minimum, maximum : float, optional
            Of the data it was trained on, for scaling.

        Returns
        -------
        classifier : Classifier

        Raises
        ------
        InputError
            If the file is of another kind, is damaged, or brings code.
        """
        model = load_keras_file(path)
        return cls(model, None, classes, minimum, maximum, {"model_file": Path(path).name})

    @classmethod
    def load(cls, run: str | Path) -> "Classifier":
        """
        Read the classifier that a training left.

        Parameters
        ----------
        run : str or Path
            Run folder.

        Returns
        -------
        classifier : Classifier

        Raises
        ------
        InputError
            If the folder holds no finished run, or a file in it is damaged.
        """
        run = Path(run)
        card = _read_card(run)
        try:
            name, shape = card["architecture"], tuple(card["input_shape"])
            classes, bounds = tuple(card["classes"]), (card["minimum"], card["maximum"])
            provenance = dict(card["provenance"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{run / _CARD} lacks the field {error}; train again.") from error
        if name is None:
            model = load_keras_file(run / _MODEL)
        else:
            model = build(name, input_shape=shape, n_classes=len(classes))
            _assign(model, run / _WEIGHTS)
        return cls(model, name, classes, *bounds, provenance)

    def save(self, run: str | Path) -> Path:
        """
        Write the classifier into a run folder.

        Parameters
        ----------
        run : str or Path
            Folder, made if missing.

        Returns
        -------
        run : Path
        """
        run = Path(run)
        if self.architecture is None:
            with atomic_path(run / _MODEL) as temporary:
                self.model.save(temporary)
        else:
            import safetensors.numpy

            tensors = {key: np.asarray(v.value) for key, v in _keyed(self.model).items()}
            write_bytes(run / _WEIGHTS, safetensors.numpy.save(tensors))
        card = {
            "format": _FORMAT,
            "architecture": self.architecture,
            "input_shape": list(self.model.input_shape[1:]),
            "classes": list(self.classes),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "provenance": self.provenance,
        }
        write_text(run / _CARD, json.dumps(card, indent=2) + "\n")
        return run

    def predict(self, dataset: xr.Dataset) -> xr.Dataset:
        """
        Class probabilities of every image.

        Parameters
        ----------
        dataset : xarray.Dataset
            The container; labels are not looked at.

        Returns
        -------
        predictions : xarray.Dataset
            `probability` float32 with dimensions (storm, mode), rows summing to 1, and the
            storm coordinates of the input.

        Raises
        ------
        InputError
            If the images have another size than the model takes.
        """
        images = dataset["reflectivity"].values
        if images.shape[1:] != self.image_shape:
            rows, columns = self.image_shape
            raise InputError(
                f"Images are {images.shape[1]} x {images.shape[2]} pixels; "
                f"this classifier takes {rows} x {columns}."
            )
        storm = {
            name: values for name, values in dataset.coords.items() if values.dims == ("storm",)
        }
        return xr.Dataset(
            {"probability": (("storm", "mode"), self.probabilities(images))},
            coords={**storm, "mode": list(self.classes)},
            attrs={
                "model": self.architecture or "user's own Keras model",
                "simulated_training": int(self.trained_on_simulated),
                "simulated": int(dataset.attrs.get("simulated", 0)),
                "source": str(dataset.attrs.get("source", "unknown")),
            },
        )

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """
        Class probabilities of raw images, in batches of bounded memory.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, rows, columns)
            Whole dBZ.

        Returns
        -------
        probabilities : ndarray of float32, shape (N, classes)
        """
        batch = min(_BATCH, 1 << max(len(images) - 1, 0).bit_length())
        results = [np.empty((0, len(self.classes)), np.float32)]
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            padded = np.zeros((batch, *images.shape[1:]), images.dtype)
            padded[: len(part)] = part
            results.append(np.asarray(self._run_batch(padded))[: len(part)])
        return np.concatenate(results)

    def _run_batch(self, images: np.ndarray) -> Any:
        import jax
        import jax.numpy as jnp

        if self._predict_batch is None or self._forward is None:
            forward = forward_pass(self.model)
            minimum, span = self.minimum, self.maximum - self.minimum

            @jax.jit
            def predict_batch(weights: Any, state: Any, raw: Any) -> Any:
                scaled = ((raw.astype(jnp.float32) - minimum) / span)[..., None]
                log_probabilities, _ = forward.apply(
                    weights, state, scaled, jax.random.key(0), False
                )
                return jnp.exp(log_probabilities)

            self._forward, self._predict_batch = forward, predict_batch
        return self._predict_batch(self._forward.weights, self._forward.state, images)


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
        If the file is of another kind, is damaged, or brings code.
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
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds for damaged or unsafe archives.
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{path} cannot be loaded in Keras's safe mode: {reason}") from error


def _read_card(run: Path) -> dict[str, Any]:
    path = run / _CARD
    if not path.is_file():
        what = "is no run folder" if run.exists() else "does not exist"
        raise InputError(
            f"{run} {what}: no {_CARD} in it. Give the folder that `stormlens train` finished."
        )
    try:
        card = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); train again.") from error
    if not isinstance(card, dict) or card.get("format") != _FORMAT:
        raise InputError(f"{path} is not of format {_FORMAT}; this stormlens cannot read it.")
    return card


def _keyed(model: Any) -> dict[str, Any]:
    """Variables by position and name: layer names depend on what else a process built."""
    return {f"{i:03d}.{v.name}": v for i, v in enumerate(model.weights)}


def _assign(model: Any, path: Path) -> None:
    import safetensors
    import safetensors.numpy

    if not path.is_file():
        raise InputError(f"{path} is missing; the run is incomplete. Resume or train again.")
    try:
        tensors = safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged ({error}); train again.") from error
    variables = _keyed(model)
    expected = {key: tuple(v.shape) for key, v in variables.items()}
    found = {key: value.shape for key, value in tensors.items()}
    if expected != found:
        raise InputError(f"{path} holds other weights than model {model.name} has; train again.")
    for key, variable in variables.items():
        variable.assign(tensors[key])
