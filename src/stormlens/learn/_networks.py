"""Classifiers as files that the pages in a browser read: the shipped one, and a user's own."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.errors import InputError
from stormlens.models import shipped_folder

if TYPE_CHECKING:
    from stormlens.engine import Step
    from stormlens.learn._storms import Content
    from stormlens.models import Classifier

LIST = "networks.json"
_SHIPPED = {
    "id": "shipped",
    "title": "The classifier that comes with Stormlens",
    "folder": "networks/shipped",
}
CARD, WEIGHTS, STEPS = "classifier.json", "weights.safetensors", "network.json"


def shipped_network() -> "dict[str, Content]":
    """
    The classifier that comes with Stormlens, and a list that names it alone.

    Returns
    -------
    files : dict of str to Path or callable
        By path within `networks/`.
    """
    return {LIST: partial(_as_json, [_SHIPPED]), **_lying("shipped", shipped_folder())}


def own_network(classifier: "Classifier", title: str) -> "dict[str, Content]":
    """
    A user's classifier, and behind it the shipped one.

    Parameters
    ----------
    classifier : Classifier
        Of any chain of layers that the engine knows.
    title : str
        What the pages call it.

    Returns
    -------
    files : dict of str to Path or callable
        As for `shipped_network`.

    Raises
    ------
    InputError
        If the network is no chain or a layer is not known to the engine; the sentence names it.
    """
    entry = {
        "id": "own",
        "title": title,
        "folder": "networks/own",
    }
    files = _written(classifier)
    return {
        LIST: lambda: _as_json([entry, _SHIPPED]),
        **{f"own/{name}": partial(_same, content) for name, content in files.items()},
        **_lying("shipped", shipped_folder()),
    }


def _lying(name: str, folder: Path) -> "dict[str, Content]":
    return {f"{name}/{file}": folder / file for file in (CARD, WEIGHTS)}


def _written(classifier: "Classifier") -> dict[str, bytes]:
    """Files of a network of the zoo as a run has them, of another one with its steps."""
    from stormlens.models import FeatureModel, network_from

    members = len(classifier.network.members)
    if members > 1:
        raise InputError(
            f"The run is an ensemble of {members} networks, and the pages take one network apart. "
            "Distil it into one (stormlens train RECIPE --teacher RUN), and give that run."
        )
    if isinstance(classifier.network, FeatureModel):
        raise InputError(
            f"The run is {classifier.architecture}, which is no network: it answers from a box's "
            "features, and the pages take a network apart; give a run of a network."
        )
    architecture = classifier.architecture
    # The pages know the networks of Stormlens by name; one of another package goes as its steps.
    if architecture is not None and network_from(architecture) is None:
        return _card_and_weights(classifier, classifier.network.tensors(), architecture)
    tensors: dict[str, Any] = {}
    layers: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    for layer, own in classifier.network.steps_by_layer():
        first = len(steps)
        steps += [_plain(step, number, tensors) for number, step in enumerate(own, first)]
        layers.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "shape": layer.output_shape,
                "steps": [first, len(steps)],
            }
        )
    network = {
        "format": 1,
        "name": classifier.network.model.name,
        **_preprocessing(classifier),
        "layers": layers,
        "steps": steps,
    }
    return {**_card_and_weights(classifier, tensors, None), STEPS: _as_json(network)}


def _card_and_weights(
    classifier: "Classifier", tensors: Mapping[str, Any], architecture: str | None
) -> dict[str, bytes]:
    weights, confidence = _safetensors(tensors), classifier.confidence
    card = {
        "format": 1,
        "architecture": architecture,
        **_preprocessing(classifier),
        "orientations": classifier.orientations,
        "confidence": None if confidence is None else {"temperature": confidence.temperature},
        # These bytes are others than those of the run, and so is their digest.
        "provenance": {**classifier.provenance, "sha256": hashlib.sha256(weights).hexdigest()},
    }
    return {CARD: _as_json(card), WEIGHTS: weights}


def _preprocessing(classifier: "Classifier") -> dict[str, Any]:
    return {
        "input_shape": list(classifier.network.input_shape),
        "classes": list(classifier.classes),
        "minimum": classifier.minimum,
        "maximum": classifier.maximum,
    }


def _plain(step: "Step", number: int, tensors: dict[str, Any]) -> dict[str, Any]:
    """A step as JSON, with its arrays put among the tensors."""
    arrays: dict[str, Any] = {}
    for part, values in (("kernel", step.kernel), ("bias", step.bias)):
        if values is not None:
            name = f"{number:03d}.{part}"
            tensors[name] = values
            arrays[part] = name
    return {
        "kind": step.kind,
        "window": list(step.window),
        "strides": list(step.strides),
        "dilation": list(step.dilation),
        "groups": step.groups,
        "padding": list(step.padding),
        **arrays,
        "activation": step.activation,
        # JSON has no infinity, which relu's most may be.
        "constants": [value if math.isfinite(value) else None for value in step.constants],
    }


def _safetensors(tensors: Mapping[str, Any]) -> bytes:
    from safetensors.numpy import save

    return bytes(save(dict(tensors)))


def _as_json(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _same(content: bytes) -> bytes:
    return content
