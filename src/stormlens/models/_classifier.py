"""
A trained model with its preprocessing, classes and provenance.

On disk a classifier is `classifier.json` beside `weights.safetensors`: data
that can be read without trust, for an architecture known by name. A user's own
model is kept as `model.keras` and read in Keras's safe mode. HDF5 and pickle
files, which can run code, are refused.
"""

import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormlens.datasets import check_reflectivity
from stormlens.errors import InputError
from stormlens.models._compiled import keep_compiled
from stormlens.models._fuse import fuse
from stormlens.models._keras import import_keras
from stormlens.models._registry import build
from stormlens.storage import atomic_path, write_bytes, write_text
from stormlens.stormbox import MAX_DBZ, MODES

_FORMAT = 1
_BATCH = 64  # larger ones leave the cache between layers, smaller ones reread dense kernels
_BOXES_AT_A_TIME = 1024
_CARD, _WEIGHTS, _MODEL = "classifier.json", "weights.safetensors", "model.keras"
_CARD_FIELDS: dict[str, Callable[[Any], bool]] = {
    "architecture": lambda value: value is None or isinstance(value, str),
    "input_shape": lambda value: _is_list_of(int, value) and min(value, default=0) > 0,
    "classes": lambda value: _is_list_of(str, value),
    "minimum": lambda value: type(value) in (int, float),
    "maximum": lambda value: type(value) in (int, float),
    "provenance": lambda value: isinstance(value, dict),
}


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
        if not math.isfinite(self.minimum) or not math.isfinite(self.maximum):
            raise InputError(
                f"Classifier: minimum {self.minimum} and maximum {self.maximum} must be finite."
            )
        if not self.maximum > self.minimum:
            raise InputError(
                f"Classifier: maximum {self.maximum} must lie above minimum {self.minimum}; "
                "training images that all hold one value cannot be scaled."
            )
        if len(set(self.classes)) != len(self.classes):
            raise InputError(
                f"Classifier: classes {', '.join(self.classes)} are not all different."
            )
        _check_shapes(self.model)
        outputs = self.model.output_shape[-1]
        if outputs != len(self.classes):
            raise InputError(
                f"Classifier: the model has {outputs} outputs for {len(self.classes)} classes."
            )
        if self.architecture is None:
            _check_probabilities(self.model)
        self._predict_batch: Callable[..., Any] | None = None

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
        name, shape = card["architecture"], tuple(card["input_shape"])
        classes, bounds = tuple(card["classes"]), (card["minimum"], card["maximum"])
        if name is None:
            model = load_keras_file(run / _MODEL)
        else:
            model = build(name, input_shape=shape, n_classes=len(classes), seed=None)
            _assign(model, run / _WEIGHTS)
        return cls(model, name, classes, *bounds, card["provenance"])

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
            If it is no container, a value cannot be reflectivity, or the images have another
            size than the model takes.
        """
        probabilities = self._probabilities(dataset)
        storm = {
            name: values for name, values in dataset.coords.items() if values.dims == ("storm",)
        }
        return xr.Dataset(
            {"probability": (("storm", "mode"), probabilities)},
            coords={**storm, "mode": list(self.classes)},
            attrs={
                "model": self.architecture or "user's own Keras model",
                "simulated_training": int(self.trained_on_simulated),
                "simulated": int(dataset.attrs.get("simulated", 0)),
                "source": str(dataset.attrs.get("source", "unknown")),
            },
        )

    def _probabilities(self, dataset: xr.Dataset) -> np.ndarray:
        """Class probabilities of a container, some boxes at a time: it may lie on disk."""
        if not isinstance(dataset, xr.Dataset) or "reflectivity" not in dataset:
            raise InputError(
                f"predict was given a {type(dataset).__name__} without reflectivity; give a "
                "Dataset as stormlens.datasets makes it, from arrays with make_dataset."
            )
        held = dataset["reflectivity"]
        if held.dims != ("storm", "y", "x"):
            raise InputError(f"Reflectivity has dimensions {held.dims}, not ('storm', 'y', 'x').")
        results = [np.empty((0, len(self.classes)), np.float32)]
        for start in range(0, held.sizes["storm"], _BOXES_AT_A_TIME):
            images = self._images(held[start : start + _BOXES_AT_A_TIME], start)
            results.append(self.probabilities(images))
        return np.concatenate(results)

    def _images(self, held: xr.DataArray, start: int) -> np.ndarray:
        """Some boxes of a container, checked: it need not come from `datasets.load`."""
        highest = MAX_DBZ if held.attrs.get("units", "dBZ") == "dBZ" else 255
        where = f"Boxes to classify (counted from {start})" if start else "Boxes to classify"
        return check_reflectivity(held.values, where=where, maximum=highest, shape=self.image_shape)

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
        results = np.empty((len(images), len(self.classes)), np.float32)
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            missing = batch - len(part)
            if missing:  # one size of batch is one compilation
                part = np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
            results[start : start + batch] = self._run_batch(part)[: batch - missing]
        return results

    def _run_batch(self, images: np.ndarray) -> Any:
        import jax
        import jax.numpy as jnp

        if self._predict_batch is None:
            keep_compiled()
            forward = fuse(self.model, (self.minimum, self.maximum))

            @jax.jit
            def predict_batch(weights: Any, state: Any, raw: Any) -> Any:
                log_probabilities, _ = forward.apply(
                    weights, state, raw[..., None], jax.random.key(0), False
                )
                return jnp.exp(log_probabilities)

            self._predict_batch = predict_batch
        # Read each time: Keras's own predict and fit give the memory of old weights away.
        weights = [variable.value for variable in self.model.trainable_variables]
        state = [variable.value for variable in self.model.non_trainable_variables]
        return self._predict_batch(weights, state, images)


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


def _check_shapes(model: Any) -> None:
    keras = import_keras()
    if not isinstance(model, keras.Model) or not model.built:
        raise InputError(
            f"Classifier: {model!r} is no Keras model that has been built; begin it with "
            "keras.Input((rows, columns, 1))."
        )
    try:
        taken, given = model.input_shape, model.output_shape
    except AttributeError as error:  # Keras keeps no shapes of a subclassed model
        raise InputError(
            f"Classifier: Keras knows no shapes of the subclassed model {model.name!r}; call it in "
            "a functional one: images = keras.Input((rows, columns, 1)); "
            "keras.Model(images, model(images))."
        ) from error
    if not isinstance(taken, tuple) or len(taken) != 4 or None in taken[1:] or taken[3] != 1:
        raise InputError(
            f"Classifier: the model takes {taken}; it must take one image (rows, columns, 1)."
        )
    if not isinstance(given, tuple) or len(given) != 2:
        raise InputError(
            f"Classifier: the model gives {given}; it must give one probability for each class."
        )


def _check_probabilities(model: Any) -> None:
    image = np.linspace(0, 1, int(np.prod(model.input_shape[1:])), dtype=np.float32)
    given = np.asarray(model(image.reshape(1, *model.input_shape[1:]), training=False))
    if not (np.isfinite(given).all() and (given >= 0).all() and abs(given.sum() - 1) < 1e-3):
        raise InputError(
            f"Classifier: the model gives {given[0].tolist()} for an image, which are no "
            "probabilities; end it with a softmax."
        )


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
    for key, fits in _CARD_FIELDS.items():
        if not fits(card.get(key)):
            raise InputError(f"{path} is damaged: {key} is {card.get(key)!r}; train again.")
    return card


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


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
