"""Named architectures: a decorator to enrol one, and what can be asked of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stormlens.errors import InputError, unknown
from stormlens.stormbox import MODES, SIZE

LayerList = list[Any]
Builder = Callable[[Any, int, Callable[[], Any]], LayerList]


@dataclass(frozen=True)
class Architecture:
    """
    A network that can be built by name.

    Attributes
    ----------
    name : str
        Registry name.
    description : str
        One line for `stormlens models`.
    layers : callable
        From (keras, number of classes, source of kernel initialisers) to the
        list of layers after the input.
    """

    name: str
    description: str
    layers: Builder


_REGISTRY: dict[str, Architecture] = {}


def register(name: str, description: str) -> Callable[[Builder], Builder]:
    """
    Enrol a function that makes a network's layers.

    Parameters
    ----------
    name : str
        Registry name, new.
    description : str
        One line.

    Returns
    -------
    decorator : callable
        Gives the function back unchanged.

    Raises
    ------
    ValueError
        If the name is taken.
    """

    def enrol(layers: Builder) -> Builder:
        if name in _REGISTRY:
            raise ValueError(f"A model named {name!r} is registered already.")
        _REGISTRY[name] = Architecture(name, description, layers)
        return layers

    return enrol


def list_models() -> tuple[Architecture, ...]:
    """
    All registered architectures, in the order of the chapter.

    Returns
    -------
    architectures : tuple of Architecture

    Examples
    --------
    >>> [model.name for model in list_models()][:2]
    ['chapter-linear', 'chapter-relu']
    """
    from stormlens.models import _zoo  # noqa: F401  enrols them

    return tuple(_REGISTRY.values())


def model_info(name: str) -> Architecture:
    """
    One architecture by name.

    Parameters
    ----------
    name : str
        As in `list_models`.

    Returns
    -------
    architecture : Architecture

    Raises
    ------
    InputError
        If there is none; the nearest name is suggested.
    """
    by_name = {architecture.name: architecture for architecture in list_models()}
    if name not in by_name:
        raise unknown("model", name, by_name, "See `stormlens models`.")
    return by_name[name]


def build(
    name: str,
    *,
    input_shape: tuple[int, int, int] = (SIZE, SIZE, 1),
    n_classes: int = len(MODES),
    seed: int | None = 0,
) -> Any:
    """
    A plain Keras model with initial weights that depend on the seed alone.

    Parameters
    ----------
    name : str
        As in `list_models`.
    input_shape : tuple of int, optional
        (rows, columns, channels).
    n_classes : int, optional
        Number of softmax outputs.
    seed : int or None, optional
        Fixes the initial weights: Glorot uniform kernels, zero biases, as Keras's default.
        With None kernels are zero, for weights to be assigned: drawing them takes a second.

    Returns
    -------
    model : keras.Sequential
        Built, not compiled.

    Raises
    ------
    InputError
        If the name is unknown, or the images are too small for the layers.
    """
    from stormlens.models._keras import import_keras

    architecture = model_info(name)
    keras = import_keras()
    seeds = _kernel_initialisers(keras, seed)
    try:
        layers = architecture.layers(keras, n_classes, lambda: next(seeds))
        return keras.Sequential([keras.Input(input_shape), *layers], name=name.replace("-", "_"))
    except ValueError as error:
        size = " x ".join(map(str, input_shape[:2]))
        raise InputError(f"Images of {size} pixels are too small for model {name}.") from error


def _kernel_initialisers(keras: Any, seed: int | None) -> Iterator[Any]:
    """Glorot initialisers with a seed each: equal seeds would give equal-shaped layers one draw."""
    layer = 0
    while seed is None:
        yield keras.initializers.Zeros()
    while True:
        yield keras.initializers.GlorotUniform(seed=(seed * 1000 + layer) % 2**31)
        layer += 1
