"""
Architectures by name: what one is, where they are found, and what is made of one.

Those of Stormlens stand in `_zoo`. Other packages add networks through entry points, of the same
class and by the same decorator; a network that Stormlens itself has is found without looking there.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.errors import InputError, unknown
from stormlens.models.blocks import Block, Shape, shapes_along, what_is_wrong
from stormlens.plugins import Group, Plugin, reason_of
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
        Under which it is trained.
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


def network(name: str, description: str) -> Callable[[Builder], Architecture]:
    """
    Make a network of a function that gives its layers.

    Parameters
    ----------
    name : str
        Under which it is trained: lower-case letters, digits and hyphens.
    description : str
        One line for `stormlens models`.

    Returns
    -------
    decorator : callable
        From the function, of the number of classes to a list of `blocks`, to the network. The
        last block is ``Dense(n_classes, "softmax")``.

    Examples
    --------
    >>> from stormlens.models import blocks
    >>> @network("small-linear", "One linear convolution")
    ... def small_linear(n_classes):
    ...     return [blocks.Conv(8, 3), blocks.MeanAndMax(), blocks.Dense(n_classes, "softmax")]
    >>> small_linear.name, len(small_linear.layers(6))
    ('small-linear', 3)
    """
    return lambda layers: Architecture(name, description, layers)


def _built_in() -> tuple[Architecture, ...]:
    from stormlens.models._zoo import BASELINES, NETWORKS

    return (*NETWORKS, *BASELINES)


ADDED_NETWORKS = Group(
    "network",
    "stormlens.networks",
    Architecture,
    lambda: [architecture.name for architecture in _built_in()],
    check=lambda added: "" if callable(added.layers) else "has no function that gives its layers",
)
"""Networks that other packages add through entry points."""


def list_models() -> tuple[Architecture, ...]:
    """
    All architectures: networks in the order of the chapter, baselines, then those of plugins.

    Returns
    -------
    architectures : tuple of Architecture
        Networks of packages that cannot be imported are left out.

    Examples
    --------
    >>> [model.name for model in list_models()][:2]
    ['chapter-linear', 'chapter-relu']
    """
    return (*_built_in(), *(found.content for found in ADDED_NETWORKS.all()))


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
        If there is none, and the nearest name is suggested; or it is that of a package that
        cannot be imported.
    """
    by_name = {architecture.name: architecture for architecture in _built_in()}
    if name in by_name:
        return by_name[name]
    found = ADDED_NETWORKS.get(name)
    if found is None:
        names = [*by_name, *ADDED_NETWORKS.names()]
        raise unknown("model", name, names, "See `stormlens models`.")
    return found.content


def network_from(name: str) -> dict[str, str] | None:
    """
    The package that adds a network.

    Parameters
    ----------
    name : str
        As in `list_models`.

    Returns
    -------
    origin : dict or None
        ``{"package": ..., "version": ...}``, for a provenance; None of what Stormlens itself has,
        and of a name that nobody uses.
    """
    plugin = ADDED_NETWORKS.plugin(name)
    return None if plugin is None else {"package": plugin.package, "version": plugin.version}


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
    plugin = ADDED_NETWORKS.plugin(name)
    blocks = layers(n_classes) if plugin is None else _of_plugin(plugin, layers, shape, n_classes)
    shapes = shapes_along(blocks, shape)
    if shapes is None:
        size = " x ".join(map(str, shape[:2]))
        raise InputError(f"Images of {size} pixels are too small for model {name}.")
    return shape, blocks, shapes[:-1]


def _of_plugin(plugin: Plugin, layers: Builder, shape: Shape, n_classes: int) -> list[Block]:
    """A plugin's layers, each of a known kind and fitting what the one before gives."""
    try:
        blocks = list(layers(n_classes))
    except Exception as error:
        raise InputError(
            f"Model {plugin.name}: {plugin} fails at {n_classes} classes ({reason_of(error)}); "
            "report it to its authors."
        ) from error
    wrong = what_is_wrong(blocks, shape, n_classes)
    if wrong:
        raise InputError(
            f"Model {plugin.name}: {plugin} gives layers that cannot be used: {wrong}; report it "
            "to its authors."
        )
    return blocks


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
