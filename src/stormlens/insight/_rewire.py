"""
Rebuild a network's graph with one layer called in another way.

Grad-CAM reads a layer's output and differentiates by it; activation maximisation
climbs a layer's output before its activation. The network's own output shows
neither, so its graph is built again from the same layers and weights.
"""

from collections.abc import Callable
from typing import Any

from stormlens.insight._layers import Place, cut_off
from stormlens.insight._score import no_weights
from stormlens.models import import_keras

keras = import_keras()


class Tap(keras.layers.Layer):  # type: ignore[name-defined]
    """
    A layer that adds zeros to its input, and records the input.

    Both are variables, since Keras's stateless call takes and returns nothing else beside inputs
    and outputs: `added` goes in to differentiate by, `seen` comes back with the state. They have
    the size of one image's maps, so a batch is done image by image, under `vmap`.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make both, for maps (N, rows, columns, filters)."""
        shape = (1, *input_shape[1:])
        self.added = self.add_weight(name="added", shape=shape, initializer=no_weights)
        # Not trainable, so that it is among the state, where `_grad_cam` finds it beside `seen`.
        self.added.trainable = False
        self.seen = self.add_weight(
            name="seen", shape=shape, initializer=no_weights, trainable=False
        )

    def call(self, inputs: Any) -> Any:
        """Pass the maps on, with `added`."""
        self.seen.assign(inputs[0][None])
        return inputs + self.added


def tap(place: Place) -> tuple[Any, Tap]:
    """The network with a tap behind a layer that is called once, and the tap."""
    inserted = Tap()
    return rewire(place, lambda *given, **named: inserted(place.layer(*given, **named))), inserted


def before_activation(model: Any, place: Place) -> tuple[Any, dict[int, Any]]:
    """
    The part of a network up to a layer, without the layer's own activation.

    Parameters
    ----------
    model : keras.Model
        Read, not changed.
    place : Place
        Any layer.

    Returns
    -------
    part : keras.Model
        As `cut_off` gives it.
    originals : dict of int to keras.Variable
        For each variable that only `part` has, by identity: the variable whose value to use.
    """
    layer = place.layer
    if getattr(layer, "activation", keras.activations.linear) is keras.activations.linear:
        return cut_off(model, place.path), {}
    # An activation is part of its layer's `call`, so the layer is replaced by a twin without one.
    # The twin's weights are looked up in the original at each call: training may go on.
    twin = blank(layer, activation="linear", name=f"{layer.name}_before_activation")
    rewired = rewire(place, twin)
    originals = {id(new): old for new, old in zip(twin.weights, layer.weights, strict=True)}
    return cut_off(rewired, twin.name), originals


def blank(layer: Any, **changed: Any) -> Any:
    """A layer of the same kind without the weights, changed in some settings."""
    config = layer.get_config()
    # Zeros: drawing weights that are replaced at once would compile a program for each shape.
    zeros = {name: "zeros" for name in config if name.endswith("_initializer")}
    return type(layer).from_config({**config, **zeros, **changed})


def rewire(place: Place, call: Callable[..., Any]) -> Any:
    """
    A functional model of the same layers, in which one is called in another way.

    Parameters
    ----------
    place : Place
        The layer, and the models around it; each has a graph that calls it once.
    call : callable
        Called instead of the layer.

    Returns
    -------
    model : keras.Model
    """
    return _rewire(place.parents, place.layer, call)


def _rewire(parents: tuple[Any, ...], layer: Any, call: Callable[..., Any]) -> Any:
    outer, *inner = parents
    # A layer inside nested models: the innermost is rebuilt first, and each model around it gets
    # the rebuilt one in place of the old one.
    nested = {id(inner[0]): _rewire(tuple(inner), layer, call)} if inner else {}

    def call_layer(operation: Any, *given: Any, **named: Any) -> Any:
        return (call if operation is layer else operation)(*given, **named)

    # `clone_model` takes a call function for functional models only, and a Sequential model's
    # tensors make one. The layers are not copied: `clone_function` returns each as it is.
    graph = keras.Model(outer.inputs, outer.outputs, name=outer.name)
    return keras.models.clone_model(
        graph,
        clone_function=lambda operation: nested.get(id(operation), operation),
        call_function=call_layer,
    )
