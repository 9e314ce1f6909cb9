"""
A trained model with its preprocessing, classes, provenance and confidence.

On disk a classifier is `classifier.json` beside `weights.safetensors` and, if it was
calibrated, `confidence.safetensors`. These are data and never code, for an
architecture known by name. A user's own model is kept as `model.keras`.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from stormlens.datasets import check_reflectivity
from stormlens.errors import InputError
from stormlens.models import _card, _saved
from stormlens.models._baseline import FeatureModel
from stormlens.models._confidence import Confidence
from stormlens.models._ensemble import Ensemble, disagreement
from stormlens.models._network import BATCH, Network, are_probabilities
from stormlens.models._shipped import shipped_folder
from stormlens.storage import write_text
from stormlens.stormbox import MAX_DBZ, MODES, Boxes, Predictions

if TYPE_CHECKING:
    import xarray as xr

_BOXES_AT_A_TIME = 1024
_LARGEST_BOUND = 1e6
_LEAST_SPAN = 1e-6  # of the larger bound: some steps of float32, in which images are scaled
_OWN = ("probability", "plausible", "novelty", "disagreement", "mode")  # names of what is predicted


@dataclass
class Classifier:
    """
    What `load` returns and `classify` uses.

    Attributes
    ----------
    network : Network, Ensemble, FeatureModel or keras.Model
        What computes; of a Keras model its network is made. Images in, class probabilities out.
    architecture : str or None
        Its name in the registry; None for a user's own model.
    classes : tuple of str
        Class names by code.
    minimum, maximum : float
        Of the training split: images are scaled by (x - minimum) / (maximum - minimum), in
        float32. From -1e6 to 1e6, and apart by more than that rounds off.
    provenance : dict
        What it was trained on, with what, when.
    confidence : Confidence or None
        What `stormlens.models.calibrate` found out about it.
    orientations : {1, 8}
        How many flips and quarter turns of a box are classified; their probabilities are
        averaged. 8 is for square boxes.
    """

    network: Any = field(repr=False)
    architecture: str | None
    classes: tuple[str, ...] = MODES
    minimum: float = 0.0
    maximum: float = float(MAX_DBZ)
    provenance: dict[str, Any] = field(default_factory=dict, repr=False)
    confidence: Confidence | None = None
    orientations: int = 1

    def __post_init__(self) -> None:
        _check_bounds(self.minimum, self.maximum)
        for name in self.classes:
            if not _card.is_name(name):
                raise InputError(
                    f"Classifier: class {name!r} is no name; give text on one line that is not "
                    "empty."
                )
        if len(set(self.classes)) != len(self.classes):
            raise InputError(
                f"Classifier: classes {', '.join(self.classes)} are not all different."
            )
        if not isinstance(self.network, Network | Ensemble | FeatureModel):
            self.network = Network.of_model(self.network)
        if self.network.outputs != len(self.classes):
            raise InputError(
                f"Classifier: the model has {self.network.outputs} outputs for "
                f"{len(self.classes)} classes."
            )
        _check_orientations(self.orientations, self.image_shape)
        for member in self.network.members if self.architecture is None else ():
            if member.is_loaded:
                _check_probabilities(member.model)

    @property
    def model(self) -> Any:
        """The network in plain Keras, made on first use; from then on its weights count."""
        return self.network.model

    @property
    def trained_on_simulated(self) -> bool:
        """Whether simulated boxes trained it; False too where `training_known` is False."""
        return self.provenance.get("training_simulated") is True

    @property
    def training_known(self) -> bool:
        """Whether the provenance says if simulated boxes trained it, or others."""
        return isinstance(self.provenance.get("training_simulated"), bool)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return tuple(self.network.input_shape[:2])

    @property
    def called(self) -> str:
        """The network in words, for a reader of its answers."""
        name, members = self.architecture or "user's own Keras model", len(self.network.members)
        return name if members == 1 else f"{name}, ensemble of {members}"

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
        A classifier from a user's own ``.keras`` file.

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
        network = _saved.network_of_file(Path(path))
        return cls(network, None, classes, minimum, maximum, {"model_file": Path(path).name})

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
        return cls._read(Path(run), "train again")

    @classmethod
    def shipped(cls) -> "Classifier":
        """
        The classifier that comes with stormlens, trained on simulated storms.

        Returns
        -------
        classifier : Classifier
            A new one at each call, so that nothing done to it reaches another.

        Raises
        ------
        InputError
            If its files are missing or damaged.
        """
        folder, remedy = shipped_folder(), "reinstall stormlens"
        if not (folder / _card.CARD).is_file():
            raise InputError(f"{folder / _card.CARD} is missing; {remedy}.")
        return cls._read(folder, remedy)

    @classmethod
    def _read(cls, folder: Path, remedy: str) -> "Classifier":
        card = _card.read_card(folder, remedy)
        name = card["architecture"]
        classes, bounds = tuple(card["classes"]), (card["minimum"], card["maximum"])
        if name is None:
            digest = card["provenance"].get(_card.DIGEST)
            network: Any = _saved.read_network(folder / _saved.MODEL, digest, remedy)
        else:
            network = _saved.read_named(card, folder, remedy)
        confidence = _saved.read_confidence(card, folder, remedy)
        orientations = card["orientations"]
        try:
            classifier = cls(
                network, name, classes, *bounds, card["provenance"], confidence, orientations
            )
        except InputError as error:
            raise _card.damaged_card(folder, error, remedy) from error
        # Last, since the errors before say what is wrong, and this one only that something is.
        _card.check_seal(folder, remedy)
        return classifier

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

        Raises
        ------
        InputError
            If a number to be written is not finite, or the folder cannot be written.
        """
        run, confidence = Path(run), self.confidence
        if confidence is not None:
            _saved.check_confidence(confidence, run / _saved.CONFIDENCE)
        provenance = {name: v for name, v in self.provenance.items() if name != _card.DIGEST}
        # The card is written last and has the digests of the other files. If the process is killed
        # before, the digests of the older card do not fit, and the run is refused.
        if self.architecture is None:
            provenance[_card.DIGEST] = _saved.write_model(self.model, run / _saved.MODEL)
        else:
            provenance[_card.DIGEST] = _saved.write_weights(
                self.network.tensors(), run / _saved.WEIGHTS
            )
        entry = None if confidence is None else _saved.write_confidence(confidence, run)
        card = {
            "format": _card.FORMAT,
            "architecture": self.architecture,
            "input_shape": list(self.network.input_shape),
            "classes": list(self.classes),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "members": len(self.network.members),
            "orientations": self.orientations,
            "confidence": entry,
            "provenance": provenance,
        }
        write_text(run / _card.CARD, json.dumps(_card.sealed(card), indent=2) + "\n")
        if confidence is None:
            (run / _saved.CONFIDENCE).unlink(missing_ok=True)
        return run

    @overload
    def predict(self, boxes: Boxes) -> Predictions: ...

    @overload
    def predict(self, boxes: "xr.Dataset") -> "xr.Dataset": ...

    def predict(self, boxes: Any) -> Any:
        """
        Class probabilities of every image, and how far they can be trusted.

        Parameters
        ----------
        boxes : xarray.Dataset or Boxes
            The container; labels are ignored.

        Returns
        -------
        predictions : xarray.Dataset or Predictions
            As the boxes were given. `probability` float32 with dimensions (storm, mode), rows
            summing to 1, and the storm coordinates of the input, but for any named as what is
            predicted, as of boxes that were classified before. Of a classifier with a confidence
            probabilities are tempered, and there are also `plausible` bool (storm, mode), which
            modes a box may well have, and `novelty` float32 (storm), 0 to 100: a box above 1 is
            unlike all that is known. Attributes `plausible_from` and `level` say what plausible
            means. Of an ensemble there is also `disagreement` float32 (storm) in nats, as
            `stormlens.models.disagreement` gives it of its members before they are tempered.

        Raises
        ------
        InputError
            If it is no container, a value cannot be reflectivity, the images have another size
            than the model takes, or the network's answer to one of them is no number.
        """
        if isinstance(boxes, Boxes):
            return self._predictions(boxes.reflectivity, boxes.storm, boxes)
        images = _reflectivity(boxes)
        storm = {
            name: values.values
            for name, values in boxes.drop_vars(_OWN, errors="ignore").coords.items()
            if values.dims == ("storm",)
        }
        known = Boxes(
            np.empty((0, 0, 0), np.uint8),
            storm,
            str(boxes.attrs.get("source", "unknown")),
            bool(int(boxes.attrs.get("simulated", 0))),
            str(images.attrs.get("units", "dBZ")),
        )
        predictions = self._predictions(images, storm, known).to_xarray()
        given = {name: boxes[name].variable for name in storm}
        return predictions.assign_coords(given)  # with their attributes

    def _predictions(self, images: Any, storm: dict[str, Any], boxes: Boxes) -> Predictions:
        highest = MAX_DBZ if boxes.units == "dBZ" else 255
        probability, novelty, differ = self._answers(images, highest)
        confidence = self.confidence
        return Predictions(
            probability,
            self.classes,
            {name: values for name, values in storm.items() if name not in _OWN},
            self.called,
            boxes.source,
            boxes.simulated,
            self.trained_on_simulated,
            None if confidence is None else confidence.plausible(probability),
            None if confidence is None else novelty,
            None if confidence is None else confidence.plausible_from,
            None if confidence is None else confidence.level,
            differ if len(self.network.members) > 1 else None,
        )

    def _answers(self, stored: Any, highest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities, novelty and disagreement of boxes, some at a time: they may be on disk."""
        probabilities = [np.empty((0, len(self.classes)), np.float32)]
        novelty = [np.empty(0, np.float32)]
        differ = [np.empty(0, np.float32)]
        for start in range(0, len(stored), _BOXES_AT_A_TIME):
            where = f"Boxes to classify (counted from {start})" if start else "Boxes to classify"
            images = check_reflectivity(
                np.asarray(stored[start : start + _BOXES_AT_A_TIME]),
                where=where,
                maximum=highest,
                shape=self.image_shape,
            )
            of_members = self.member_probabilities(images)
            probabilities.append(self.tempered(_mean(of_members), start))
            if len(of_members) > 1:
                differ.append(disagreement(of_members))
            if self.confidence is not None:
                novelty.append(self.confidence.novelty.score(images))
        return np.concatenate(probabilities), np.concatenate(novelty), np.concatenate(differ)

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
            Averaged over the orientations and over an ensemble's members, then tempered where a
            confidence is known.

        Raises
        ------
        InputError
            If the network's answer to one of them is no number.
        """
        return self.tempered(_mean(self.member_probabilities(images)))

    def member_probabilities(self, images: np.ndarray) -> np.ndarray:
        """
        Class probabilities of raw images by each network of an ensemble.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, rows, columns)
            Whole dBZ.

        Returns
        -------
        probabilities : ndarray of float32, shape (members, N, classes)
            Averaged over the orientations; not tempered. One network alone is one member.

        Raises
        ------
        InputError
            If a weight is not finite.
        """
        members, classes = self.network.members, len(self.classes)
        results = np.empty((len(members), len(images), classes), np.float32)
        together = _BOXES_AT_A_TIME if self.orientations == 1 else BATCH // self.orientations
        for start in range(0, len(images), together):
            views = [*turned(images[start : start + together], self.orientations)]
            batch = np.concatenate(views) if len(views) > 1 else views[0]
            for member, given in zip(members, results, strict=True):
                answers = member.probabilities(batch, (self.minimum, self.maximum))
                mean = answers.reshape(len(views), -1, classes).mean(axis=0)
                given[start : start + together] = mean
        return results

    def tempered(self, answers: np.ndarray, first: int = 0) -> np.ndarray:
        """
        A network's answers as probabilities that can be trusted.

        Parameters
        ----------
        answers : ndarray of float32, shape (..., classes)
            Averaged over the orientations and members.
        first : int, optional
            What the first of them is counted as in a sentence.

        Returns
        -------
        probabilities : ndarray of float32, shape (..., classes)
            Tempered where a confidence is known.

        Raises
        ------
        InputError
            If one is no number: such a box would get a class name that means nothing.
        """
        unknown = np.flatnonzero(~np.isfinite(answers).all(-1).ravel())
        if len(unknown):
            name = self.architecture or self.provenance.get("model_file", "a user's own model")
            raise InputError(
                f"The classifier ({name}) answers with what is no number (NaN or infinite) to "
                f"{len(unknown)} of {math.prod(answers.shape[:-1])} boxes, the first of them box "
                f"{first + unknown[0]} counted from 0: a layer of it divides by zero, or its "
                "weights are too large. Mend the model, or train it with a lower learning rate."
            )
        return answers if self.confidence is None else self.confidence.temper(answers)


def _mean(of_members: np.ndarray) -> np.ndarray:
    """The answers of networks as one."""
    return of_members[0] if len(of_members) == 1 else of_members.mean(axis=0)


def _reflectivity(dataset: Any) -> Any:
    """The images of a container, which may be no container at all."""
    import xarray as xr

    if not isinstance(dataset, xr.Dataset) or "reflectivity" not in dataset:
        raise InputError(
            f"predict was given a {type(dataset).__name__} without reflectivity; give a "
            "Dataset as stormlens.datasets makes it, from arrays with "
            'make_dataset(arrays, source="where they are from").'
        )
    images = dataset["reflectivity"]
    if images.dims != ("storm", "y", "x"):
        raise InputError(f"Reflectivity has dimensions {images.dims}, not ('storm', 'y', 'x').")
    return images


def turned(images: np.ndarray, orientations: int) -> Iterator[np.ndarray]:
    """
    Flips and quarter turns of images.

    Parameters
    ----------
    images : ndarray, shape (..., y, x)
        Square where there are to be 8.
    orientations : {1, 8}
        How many.

    Yields
    ------
    images : ndarray, shape (..., y, x)
        As they are first; of 8, four turns, then those of the mirror image.
    """
    if orientations == 1:
        yield images
        return
    for view in (images, images[..., ::-1]):
        for quarters in range(4):
            yield np.ascontiguousarray(np.rot90(view, quarters, axes=(-2, -1)))


def _check_bounds(minimum: float, maximum: float) -> None:
    if not all(-_LARGEST_BOUND <= bound <= _LARGEST_BOUND for bound in (minimum, maximum)):
        raise InputError(
            f"Classifier: minimum {minimum} and maximum {maximum} must be finite, from "
            f"{-_LARGEST_BOUND:,.0f} to {_LARGEST_BOUND:,.0f}; give those of the training images."
        )
    if maximum - minimum < _LEAST_SPAN * max(1.0, abs(minimum), abs(maximum)):
        raise InputError(
            f"Classifier: maximum {maximum} must lie above minimum {minimum} by more than "
            "float32 rounds off; training images that all hold one value cannot be scaled."
        )


def _check_orientations(orientations: Any, shape: tuple[int, int]) -> None:
    if type(orientations) is not int or orientations not in (1, 8):
        raise InputError(f"Classifier: orientations is {orientations!r}; choose 1 or 8.")
    if orientations == 8 and shape[0] != shape[1]:
        raise InputError(
            f"Classifier: boxes of {shape[0]} x {shape[1]} pixels cannot be turned; 8 orientations "
            "are for square ones. Choose 1."
        )


def _check_probabilities(model: Any) -> None:
    image = np.linspace(0, 1, int(np.prod(model.input_shape[1:])), dtype=np.float32)
    given = np.asarray(model(image.reshape(1, *model.input_shape[1:]), training=False))
    if not np.isfinite(given).all():
        raise InputError(
            f"Classifier: the model gives {given[0].tolist()} for an image: a weight of it is not "
            "finite, or a layer divides by zero. Give one whose training went well."
        )
    if not are_probabilities(given):
        raise InputError(
            f"Classifier: the model gives {given[0].tolist()} for an image, which are no "
            "probabilities; end it with a softmax."
        )
