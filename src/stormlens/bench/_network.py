"""
A network as a plain list of layers that every library can build.

The zoo's networks are Keras. A peer that ran them through Stormlens would carry
our libraries in its memory, so each gets this description and builds its own.
"""

from dataclasses import asdict, dataclass
from typing import Any

from stormlens.errors import InputError

_ACTIVATIONS = ("linear", "relu", "softmax")


@dataclass(frozen=True)
class Layer:
    """
    One layer.

    Attributes
    ----------
    kind : str
        conv, max_pool, spatial_dropout, dropout, flatten or dense.
    units : int
        Filters of a convolution, outputs of a dense layer.
    size : int
        Pixels along a side of a kernel or a pool window. Convolutions stride by one, pools
        by their size, and neither pads.
    rate : float
        Fraction that dropout takes away.
    activation : {"linear", "relu", "softmax"}
    """

    kind: str
    units: int = 0
    size: int = 0
    rate: float = 0.0
    activation: str = "linear"

    def to_dict(self) -> dict[str, Any]:
        """
        The layer as JSON takes it.

        Returns
        -------
        values : dict
            Arguments of `Layer`.
        """
        return asdict(self)


def describe(model: Any) -> list[Layer]:
    """
    The layers of a Keras model.

    Parameters
    ----------
    model : keras.Sequential
        Built.

    Returns
    -------
    layers : list of Layer

    Raises
    ------
    InputError
        If the model has a layer that the peers cannot build.

    Examples
    --------
    >>> from stormlens.models import build
    >>> [layer.kind for layer in describe(build("chapter-linear"))]
    ['conv', 'max_pool', 'flatten', 'dense', 'dense']
    """
    return [_describe_layer(model.name, layer, layer.get_config()) for layer in model.layers]


def _describe_layer(model: str, layer: Any, config: dict[str, Any]) -> Layer:
    kind = type(layer).__name__
    activation = config.get("activation", "linear")
    if activation in _ACTIVATIONS:
        if kind == "Conv2D" and _is_plain(config, "kernel_size", (1, 1)):
            return Layer("conv", config["filters"], config["kernel_size"][0], 0.0, activation)
        if kind == "MaxPooling2D" and _is_plain(config, "pool_size", tuple(config["pool_size"])):
            return Layer("max_pool", size=config["pool_size"][0])
        if kind == "Dense":
            return Layer("dense", config["units"], activation=activation)
    if kind in ("SpatialDropout2D", "Dropout"):
        return Layer("dropout" if kind == "Dropout" else "spatial_dropout", rate=config["rate"])
    if kind == "Flatten":
        return Layer("flatten")
    raise InputError(
        f"Model {model.replace('_', '-')} has a layer {layer.name} that the peers cannot "
        "build; choose one of plain convolutions, max pools, dropout and dense layers, such "
        "as chapter-relu."
    )


def _is_plain(config: dict[str, Any], window: str, strides: tuple[int, ...]) -> bool:
    """Whether the window is square and moves by `strides`, without padding or dilation."""
    return (
        len(set(config[window])) == 1
        and tuple(config["strides"]) == strides
        and config["padding"] == "valid"
        and tuple(config.get("dilation_rate", (1, 1))) == (1, 1)
        and config.get("groups", 1) == 1
    )
