"""
A network in which one layer is called in another way, all others as they are.

Grad-CAM reads and moves what a layer gives; activation maximisation climbs what
a layer gives before its activation. Neither can be told from the network's
output alone, so its graph is built again, from the same layers and weights.
"""

from collections.abc import Callable
from typing import Any

from stormlens.insight._layers import Place, cut_off
from stormlens.insight._score import no_weights
from stormlens.models import import_keras

keras = import_keras()


class Tap(keras.layers.Layer):  # type: ignore[name-defined]
    """
    Adds a value to what passes, and keeps what passed.

    Both are variables: `added` is differentiated by, `seen` comes back with the state. They
    hold one image.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make both, as large as the maps (N, rows, columns, filters)."""
        shape = (1, *input_shape[1:])
        self.added = self.add_weight(name="added", shape=shape, initializer=no_weights)
        self.added.trainable = False
        self.seen = self.add_weight(
            name="seen", shape=shape, initializer=no_weights, trainable=False
        )

    def call(self, inputs: Any) -> Any:
        """Pass them on."""
        self.seen.assign(inputs[0][None])
        return inputs + self.added


def tap(place: Place) -> tuple[Any, Tap]:
    """The network with a tap behind a layer, which is called once."""
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
        Whose values stand in for those variables, by identity, that only `part` has.
    """
    layer = place.layer
    if getattr(layer, "activation", keras.activations.linear) is keras.activations.linear:
        return cut_off(model, place.path), {}
    twin = blank(layer, activation="linear", name=f"{layer.name}_before_activation")
    rewired = rewire(place, twin)
    held = {id(own): original for own, original in zip(twin.weights, layer.weights, strict=True)}
    return cut_off(rewired, twin.name), held


def blank(layer: Any, **changed: Any) -> Any:
    """A layer of the same kind that waits for its weights, changed in some settings."""
    config = layer.get_config()
    zeros = {name: "zeros" for name in config if name.endswith("_initializer")}
    return type(layer).from_config({**config, **zeros, **changed})


def rewire(place: Place, call: Callable[..., Any]) -> Any:
    """
    A functional model of the same layers, one of them called in another way.

    Parameters
    ----------
    place : Place
        The layer, and the models around it; each has a graph that calls it once.
    call : callable
        Called in its stead.

    Returns
    -------
    model : keras.Model
    """
    return _rewire(place.parents, place.layer, call)


def _rewire(parents: tuple[Any, ...], layer: Any, call: Callable[..., Any]) -> Any:
    outer, *inner = parents
    nested = {id(inner[0]): _rewire(tuple(inner), layer, call)} if inner else {}

    def call_layer(operation: Any, *given: Any, **named: Any) -> Any:
        return (call if operation is layer else operation)(*given, **named)

    # A Sequential model takes no call function; the functional one of its tensors does.
    graph = keras.Model(outer.inputs, outer.outputs, name=outer.name)
    return keras.models.clone_model(
        graph,
        clone_function=lambda operation: nested.get(id(operation), operation),
        call_function=call_layer,
    )
