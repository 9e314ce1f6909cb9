"""Named architectures: a decorator to enrol one, and what can be asked of them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.errors import InputError, unknown
from stormlens.models._blocks import Block, Shape, shapes_along
from stormlens.stormbox import MODES, SIZE

if TYPE_CHECKING:
    from jax import Array

Builder = Callable[[int], list[Block]]

LARGEST_SIDE = 4096
"""Pixels along a side of the largest images that a network is built for."""


@dataclass(frozen=True)
class Architecture:
    """
    What can be trained by name: a network, or a baseline that answers from a box's features.

    Attributes
    ----------
    name : str
        Registry name.
    description : str
        One line for `stormlens models`.
    layers : callable or None
        From the number of classes to the list of layers after the input; None for a baseline.
    """

    name: str
    description: str
    layers: Builder | None

    @property
    def is_network(self) -> bool:
        """Whether it has layers that can be built."""
        return self.layers is not None


LOGISTIC, BOOSTED = "features-logistic", "features-boosted"
"""The baselines: what each does stands in `_baseline`."""

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


def register_baseline(name: str, description: str) -> None:
    """
    Enrol a baseline, which has no layers.

    Parameters
    ----------
    name : str
        Registry name, new.
    description : str
        One line.
    """
    _REGISTRY[name] = Architecture(name, description, None)


def list_models() -> tuple[Architecture, ...]:
    """
    All registered architectures: networks in the order of the chapter, then baselines.

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
        If the name is unknown or no network's, a size is no whole number of 1 or more, or the
        images are too small for the layers or more than 4096 pixels wide.
    """
    from stormlens.models._keras import import_keras

    shape, blocks, _ = plan_of(name, input_shape, n_classes)
    keras = import_keras()
    seeds = _kernel_initialisers(keras, seed)
    layers = [block.keras(keras, lambda: next(seeds)) for block in blocks]
    return keras.Sequential([keras.Input(shape), *layers], name=name.replace("-", "_"))


def first_weights(
    name: str, input_shape: tuple[int, ...], n_classes: int, seed: int
) -> "list[Array]":
    """
    The initial weights of a network, the same bits as in the Keras model of `build`.

    Parameters
    ----------
    name, input_shape, n_classes, seed
        As for `build`.

    Returns
    -------
    weights : list of jax.Array
        In Keras's order: of each layer the first kernel is drawn, all else is zero.
    """
    import jax.numpy as jnp

    _, blocks, shapes = plan_of(name, input_shape, n_classes)
    weights, seeds = [], _kernel_seeds(seed)
    for block, given in zip(blocks, shapes, strict=True):
        for number, (_, shape) in enumerate(block.weights(given)):
            drawn = number == 0
            weights.append(
                _glorot_uniform(shape, next(seeds)) if drawn else jnp.zeros(shape, jnp.float32)
            )
    return weights


def _glorot_uniform(shape: Shape, seed: int) -> "Array":
    """As Keras's initialiser of that name draws on JAX."""
    import jax
    import jax.numpy as jnp

    around = math.prod(shape[:-2])
    limit = math.sqrt(3.0 * (1.0 / max(1.0, around * (shape[-2] + shape[-1]) / 2.0)))
    key = jnp.array([seed, 0], jnp.uint32)
    return jax.random.uniform(key, shape, jnp.float32, minval=-limit, maxval=limit)


def plan_of(
    name: str, input_shape: tuple[int, ...], n_classes: int
) -> tuple[Shape, list[Block], list[Shape]]:
    """
    A network's layers for images of a size.

    Parameters
    ----------
    name, input_shape, n_classes
        As for `build`.

    Returns
    -------
    input_shape : tuple of int
        (rows, columns, channels), of Python's own numbers.
    blocks : list of Block
        In order.
    shapes : list of tuple of int
        What each of them is given.

    Raises
    ------
    InputError
        As `build`.
    """
    layers = model_info(name).layers
    if layers is None:
        raise InputError(
            f"Model {name} is no network: it answers from a box's features and has no layers."
        )
    _check_sizes(name, input_shape, n_classes)
    shape, n_classes = tuple(map(int, input_shape)), int(n_classes)  # Keras takes none of NumPy
    blocks = layers(n_classes)
    shapes = shapes_along(blocks, shape)
    if shapes is None:
        size = " x ".join(map(str, shape[:2]))
        raise InputError(f"Images of {size} pixels are too small for model {name}.")
    return shape, blocks, shapes[:-1]


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
    while seed is None:
        yield keras.initializers.Zeros()
    for of_kernel in _kernel_seeds(seed):
        yield keras.initializers.GlorotUniform(seed=of_kernel)


def _kernel_seeds(seed: int) -> Iterator[int]:
    """One for each kernel: equal seeds would give equal-shaped layers one draw."""
    for layer in count():
        yield (seed * 1000 + layer) % 2**31
