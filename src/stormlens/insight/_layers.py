"""
The layers of any Keras model: list them, find one by name or number, cut the model off there.

Layers are numbered from 0, the first after the input, through nested models in
the order in which they compute; -1 is the output layer. A layer of a nested
model has a path, ``"backbone/conv2d"``, and can be called by its own name if
that is unique. A model cut off at a layer returns that layer's output.
"""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stormlens.errors import InputError, unknown
from stormlens.models import Classifier, import_keras


@dataclass(frozen=True)
class Place:
    """A layer in its model: its path, and the models around it, outermost first."""

    path: str
    layer: Any
    parents: tuple[Any, ...]


@dataclass(frozen=True)
class LayerInfo:
    """
    One layer in words and numbers.

    Attributes
    ----------
    name : str
        Its name, with those of the nested models around it: ``"backbone/conv2d"``.
    kind : str
        Its class in Keras, such as ``"Conv2D"``.
    output_shape : tuple of int, or None
        Of its output for one image. None for a layer that is called several times, and in a
        subclassed model, where Keras does not know it.
    parameters : int
        Weights and biases.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...] | None
    parameters: int


def as_model(subject: Any) -> Any:
    """The Keras model of a classifier, or a bare Keras model itself."""
    if isinstance(subject, Classifier):
        return subject.model
    if isinstance(subject, import_keras().Model):
        return subject
    raise InputError(
        f"{subject!r} is no network; give a Classifier, as stormlens.fit or Classifier.load "
        "returns it, or a Keras model."
    )


def as_classifier(subject: Any) -> Classifier:
    """The classifier given, or a sentence that says why a bare model will not do."""
    if isinstance(subject, Classifier):
        return subject
    if isinstance(subject, import_keras().Model):
        raise InputError(
            f"Model {subject.name!r} alone does not say how images are scaled; wrap it as "
            "stormlens.Classifier(model, None, classes, minimum, maximum)."
        )
    raise InputError(
        f"{subject!r} is no classifier; give what stormlens.fit or Classifier.load returns."
    )


def list_layers(model: Any) -> list[LayerInfo]:
    """
    All layers after the input, in the order in which they compute.

    Parameters
    ----------
    model : Classifier or keras.Model
        Any Keras model; layers of nested models are listed in the place of their model.

    Returns
    -------
    layers : list of LayerInfo
        A layer can be called by its number in the list.

    Raises
    ------
    InputError
        If it is no network.

    Examples
    --------
    >>> from stormlens.models import build
    >>> [(layer.kind, layer.parameters) for layer in list_layers(build("chapter-linear"))][::3]
    [('Conv2D', 320), ('Dense', 7929984)]
    """
    return [
        LayerInfo(
            place.path,
            type(place.layer).__name__,
            _output_shape(place),
            int(place.layer.count_params()),
        )
        for place in places(as_model(model))
    ]


def places(model: Any) -> list[Place]:
    """All layers of a model that are neither inputs nor models themselves."""
    keras = import_keras()
    return [
        place
        for place in _walk(keras, model, (model,), "")
        if not isinstance(place.layer, keras.Model | keras.layers.InputLayer)
    ]


def find_layer(model: Any, layer: str | int) -> Place:
    """
    A layer by name or number.

    Parameters
    ----------
    model : keras.Model
        Any Keras model.
    layer : str or int
        Path, name where it is unique, or number as in `list_layers`; negative ones count from
        the end. A nested model is found by its name too.

    Returns
    -------
    place : Place

    Raises
    ------
    InputError
        If there is none, or several of that name.
    """
    if isinstance(layer, str):
        return _by_name(model, layer)
    listed = places(model)
    try:
        return listed[operator.index(layer)]
    except TypeError as error:
        raise InputError(f"Layer {layer!r} is neither a name nor a whole number.") from error
    except IndexError as error:
        msg = (
            f"Model {model.name!r} has no layer {layer}; its layers go from 0 to {len(listed) - 1}"
        )
        raise InputError(f"{msg} ({_names(listed)}), or from -{len(listed)} to -1.") from error


def _by_name(model: Any, name: str) -> Place:
    every = list(_walk(import_keras(), model, (model,), ""))
    found = [place for place in every if place.path == name]
    found = found or [place for place in every if place.layer.name == name]
    if len(found) > 1:
        raise InputError(
            f"Model {model.name!r} has {len(found)} layers {name!r}; write one of {_names(found)}."
        )
    if not found:
        hint = "List them with stormlens.insight.list_layers."
        raise unknown("layer", name, [place.path for place in every], hint)
    return found[0]


def _walk(keras: Any, model: Any, parents: tuple[Any, ...], prefix: str) -> Iterator[Place]:
    for layer in model.layers:
        yield Place(prefix + layer.name, layer, parents)
        if isinstance(layer, keras.Model):
            yield from _walk(keras, layer, (*parents, layer), f"{prefix}{layer.name}/")


def _names(listed: list[Place]) -> str:
    return ", ".join(place.path for place in listed)


def convolutions(model: Any) -> list[Place]:
    """Layers that convolve images, in the order in which they compute."""
    layers = import_keras().layers
    kinds = (layers.Conv2D, layers.Conv2DTranspose, layers.DepthwiseConv2D, layers.SeparableConv2D)
    return [place for place in places(model) if isinstance(place.layer, kinds)]


def choose_convolution(model: Any, layer: str | int | None, *, default: int, purpose: str) -> Place:
    """
    The convolutional layer meant, or the first (0) or last (-1) one where none is named.

    Parameters
    ----------
    model : keras.Model
        Any Keras model.
    layer : str, int or None
        As for `find_layer`.
    default : {0, -1}
        Which one where `layer` is None.
    purpose : str
        What needs it, for the sentence where there is none, such as ``"Grad-CAM"``.

    Returns
    -------
    place : Place

    Raises
    ------
    InputError
        If there is no such layer, or it does not convolve images.
    """
    found = convolutions(model)
    if not found:
        raise InputError(
            f"Model {model.name!r} has no convolutional layer, which {purpose} needs; its "
            f"layers are {_names(places(model))}."
        )
    if layer is None:
        return found[default]
    place = find_layer(model, layer)
    if all(place.layer is not other.layer for other in found):
        raise InputError(
            f"Layer {place.path!r} is of kind {type(place.layer).__name__}; {purpose} needs a "
            f"convolutional one: {_names(found)}."
        )
    return place


def last_hidden(model: Any) -> Place:
    """
    The layer that the output layer takes its inputs from.

    Parameters
    ----------
    model : keras.Model
        A classifier's model.

    Returns
    -------
    place : Place
        The one before the last layer with weights. Dropout between the two is skipped, since it
        changes nothing when a network predicts.

    Raises
    ------
    InputError
        If there is none.
    """
    layers = import_keras().layers
    dropout = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout)
    in_order = places(model)
    weighty = [i for i, place in enumerate(in_order) if place.layer.weights]
    before = in_order[: weighty[-1]] if weighty else []
    hidden = [place for place in before if not isinstance(place.layer, dropout)]
    if not hidden:
        raise InputError(
            f"Model {model.name!r} has no hidden layer between its image and its output; "
            "name the layer to look at."
        )
    return hidden[-1]


def cut_off(model: Any, layer: str | int) -> Any:
    """
    The part of a network from the image up to and including one layer.

    It shares the layers, and so the weights, of the full network: training one changes both.

    Parameters
    ----------
    model : Classifier or keras.Model
        Sequential or functional, with nested models or without.
    layer : str or int
        Name, path or number as in `list_layers`.

    Returns
    -------
    part : keras.Model
        From the model's own input, scaled images (N, rows, columns, 1), to the layer's output.

    Raises
    ------
    InputError
        If there is no such layer, it is called several times, or the model is subclassed and
        Keras keeps no graph of it.

    Examples
    --------
    >>> from stormlens.models import build
    >>> cut_off(build("chapter-linear"), 0).output_shape
    (None, 134, 134, 32)
    """
    model = as_model(model)
    place = find_layer(model, layer)
    return _cut(import_keras(), place.parents, place.layer)


def _cut(keras: Any, parents: tuple[Any, ...], layer: Any) -> Any:
    outer, *inner = parents
    if inner:
        # The nested model's cut-off part takes the inputs that the nested model takes.
        taken = _node(outer, inner[0]).input_tensors
        output = _cut(keras, tuple(inner), layer)(_one_or_list(taken))
    else:
        output = _one_or_list(_node(outer, layer).outputs)
    return keras.Model(_one_or_list(outer.inputs), output)


def _node(model: Any, layer: Any) -> Any:
    """Where a model's graph calls a layer, which it does once."""
    calls = _calls(model, layer)
    if len(calls) == 1:
        return calls[0]
    if calls:
        once = [
            other.name
            for other in model.layers
            if len(_calls(model, other)) == 1
            and not isinstance(other, import_keras().layers.InputLayer)
        ]
        raise InputError(
            f"Layer {layer.name!r} is called {len(calls)} times in model {model.name!r}, so it has "
            f"no single output; name a layer that is called once: {', '.join(once)}."
        )
    raise InputError(
        f"Model {model.name!r} is subclassed: Keras keeps no graph of it and cannot cut it off at "
        f"layer {layer.name!r}. Build it with keras.Sequential or keras.Model(inputs, outputs)."
    )


def _calls(model: Any, layer: Any) -> list[Any]:
    """Nodes of a model's graph that call a layer; none if Keras keeps no graph of the model."""
    # A Sequential model keeps its graph in a functional one.
    graph = getattr(model, "_functional", None) or model
    by_depth = getattr(graph, "_nodes_by_depth", {})
    return [node for nodes in by_depth.values() for node in nodes if node.operation is layer]


def _one_or_list(tensors: Any) -> Any:
    return tensors[0] if len(tensors) == 1 else list(tensors)


def _output_shape(place: Place) -> tuple[int, ...] | None:
    within = zip(place.parents, (*place.parents[1:], place.layer), strict=True)
    calls = [_calls(model, layer) for model, layer in within]
    if any(len(found) != 1 for found in calls):
        return None
    return tuple(calls[-1][0].outputs[0].shape[1:])
