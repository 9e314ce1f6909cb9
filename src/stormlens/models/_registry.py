"""Named architectures: a decorator to enrol one, and what can be asked of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from stormlens.errors import InputError, unknown
from stormlens.stormbox import MODES, SIZE

LayerList = list[Any]
Builder = Callable[[Any, int, Callable[[], Any]], LayerList]

LARGEST_SIDE = 4096
"""Pixels along a side of the largest images that a network is built for."""


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
        If the name is unknown, a size is no whole number of 1 or more, or the images are too
        small for the layers or more than 4096 pixels wide.
    """
    from stormlens.models._keras import import_keras

    architecture = model_info(name)
    _check_sizes(name, input_shape, n_classes)
    shape, n_classes = tuple(map(int, input_shape)), int(n_classes)  # Keras takes none of NumPy
    keras = import_keras()
    seeds = _kernel_initialisers(keras, seed)
    try:
        layers = architecture.layers(keras, n_classes, lambda: next(seeds))
        return keras.Sequential([keras.Input(shape), *layers], name=name.replace("-", "_"))
    except ValueError as error:  # of sizes that can be, Keras refuses only what shrinks to nothing
        size = " x ".join(map(str, shape[:2]))
        raise InputError(f"Images of {size} pixels are too small for model {name}.") from error


def _check_sizes(name: str, input_shape: Any, n_classes: Any) -> None:
    if not (
        isinstance(input_shape, tuple | list)
        and len(input_shape) == 3
        and all(_is_whole(side) and 1 <= side <= LARGEST_SIDE for side in input_shape)
    ):
        raise InputError(
            f"Model {name}: input_shape is {input_shape!r}; give (rows, columns, channels), each a "
            f"whole number from 1 to {LARGEST_SIDE}."
        )
    if not _is_whole(n_classes) or n_classes < 1:
        raise InputError(
            f"Model {name}: n_classes is {n_classes!r}; give a whole number of 1 or more."
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _kernel_initialisers(keras: Any, seed: int | None) -> Iterator[Any]:
    """Glorot initialisers with a seed each: equal seeds would give equal-shaped layers one draw."""
    layer = 0
    while seed is None:
        yield keras.initializers.Zeros()
    while True:
        yield keras.initializers.GlorotUniform(seed=(seed * 1000 + layer) % 2**31)
        layer += 1
