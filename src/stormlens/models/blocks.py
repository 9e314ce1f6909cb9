"""
The layers that networks known by name are made of, each as plain data.

A network is a function that gives a list of these blocks, here and in other packages; see
`network`. One place knows of each layer its shapes, its weights, the same layer in Keras
and the steps of the engine that compute it. So a classifier whose network has
a name is loaded and asked without importing Keras.

>>> from stormlens.models import blocks
>>> blocks.shapes_along([blocks.Conv(8, 3), blocks.MaxPool(2)], (12, 12, 1))
[(12, 12, 1), (10, 10, 8), (5, 5, 8)]
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stormlens.engine import Step
from stormlens.models._steps import (
    convolution_step,
    dense_step,
    neighbours_step,
    pool_step,
    residual_steps,
    same_padding,
)

__all__ = [
    "Block",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "LocalResponse",
    "MaxPool",
    "MeanAndMax",
    "MeanPool",
    "ResidualBlock",
    "SpatialDropout",
    "shapes_along",
]

Shape = tuple[int, ...]
"""(rows, columns, channels) of a map, or (values,)."""

ACTIVATIONS = ("linear", "relu", "tanh", "softmax")
"""What `Conv` and `Dense` may end with."""

_LARGEST = 65536
"""Of a size that a block has; far beyond what a memory holds in weights."""

Initialiser = Callable[[], Any]
Arrays = Iterator[NDArray[np.float32]]


@dataclass(frozen=True)
class Block:
    """A layer; here one that changes nothing in prediction, as dropout."""

    kind: ClassVar[str]  # what Keras calls its class

    def outputs(self, shape: Shape) -> Shape:
        """
        Shape of what it gives.

        Parameters
        ----------
        shape : tuple of int
            Of what it is given.

        Returns
        -------
        shape : tuple of int
            A number below 1 where it is given too little.
        """
        return shape

    def weights(self, shape: Shape) -> list[tuple[str, Shape]]:
        """Name and shape of each weight, in Keras's order, for what it is given."""
        return []

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """The engine's steps, with the weights taken from `arrays` in turn."""
        return []

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """The Keras layer, with initial kernels from the source given."""
        raise NotImplementedError


@dataclass(frozen=True)
class Conv(Block):
    """A square convolution."""

    kind: ClassVar[str] = "Conv2D"
    filters: int
    size: int
    activation: str = "linear"
    strides: int = 1
    padding: str = "valid"

    def outputs(self, shape: Shape) -> Shape:
        """Rows and columns by its padding and strides."""
        sides = (_windows(n, self.size, self.strides, self.padding) for n in shape[:2])
        return (*sides, self.filters)

    def weights(self, shape: Shape) -> list[tuple[str, Shape]]:
        """Kernel and bias."""
        kernel = (self.size, self.size, shape[2], self.filters)
        return [("kernel", kernel), ("bias", (self.filters,))]

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """A convolution."""
        window, strides = (self.size,) * 2, (self.strides,) * 2
        padding = same_padding(shape, window, strides) if self.padding == "same" else (0,) * 4
        return [
            convolution_step(
                next(arrays), next(arrays), self.activation, strides=strides, padding=padding
            )
        ]

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """Conv2D."""
        return keras.layers.Conv2D(
            self.filters,
            self.size,
            strides=self.strides,
            padding=self.padding,
            activation=self.activation,
            kernel_initializer=kernel(),
        )


@dataclass(frozen=True)
class _Pool(Block):
    """Square windows that move by their side by default."""

    size: int
    strides: int = 0

    def outputs(self, shape: Shape) -> Shape:
        """Whole windows alone."""
        sides = (_windows(n, self.size, self.strides or self.size, "valid") for n in shape[:2])
        return (*sides, shape[2])

    def _step(self, kind: str) -> Step:
        return pool_step(kind, (self.size,) * 2, (self.strides or self.size,) * 2)


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The highest value of each window."""

    kind: ClassVar[str] = "MaxPooling2D"

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """A pool."""
        return [self._step("highest")]

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """MaxPooling2D."""
        return keras.layers.MaxPooling2D(self.size, strides=self.strides or None)


@dataclass(frozen=True)
class MeanPool(_Pool):
    """The mean of each window."""

    kind: ClassVar[str] = "AveragePooling2D"

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """A pool."""
        return [self._step("mean")]

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """AveragePooling2D."""
        return keras.layers.AveragePooling2D(self.size, strides=self.strides or None)


@dataclass(frozen=True)
class Flatten(Block):
    """A map as one row of values."""

    kind: ClassVar[str] = "Flatten"

    def outputs(self, shape: Shape) -> Shape:
        """All values."""
        return (shape[0] * shape[1] * shape[2],)

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """The same values."""
        return [Step("flatten")]

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """Flatten."""
        return keras.layers.Flatten()


@dataclass(frozen=True)
class Dense(Block):
    """All values to each unit."""

    kind: ClassVar[str] = "Dense"
    units: int
    activation: str = "linear"

    def outputs(self, shape: Shape) -> Shape:
        """A value a unit."""
        return (self.units,)

    def weights(self, shape: Shape) -> list[tuple[str, Shape]]:
        """Kernel and bias."""
        return [("kernel", (shape[0], self.units)), ("bias", (self.units,))]

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """A dense layer."""
        return [dense_step(next(arrays), next(arrays), self.activation)]

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """Dense."""
        return keras.layers.Dense(
            self.units, activation=self.activation, kernel_initializer=kernel()
        )


@dataclass(frozen=True)
class Dropout(Block):
    """Values switched off at random in training."""

    kind: ClassVar[str] = "Dropout"
    rate: float

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """Dropout."""
        return keras.layers.Dropout(self.rate)


@dataclass(frozen=True)
class SpatialDropout(Block):
    """Channels switched off at random in training."""

    kind: ClassVar[str] = "SpatialDropout2D"
    rate: float

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """SpatialDropout2D."""
        return keras.layers.SpatialDropout2D(self.rate)


@dataclass(frozen=True)
class ResidualBlock(Block):
    """Two 3 x 3 convolutions of the values, added to the values."""

    kind: ClassVar[str] = "Residual"

    def weights(self, shape: Shape) -> list[tuple[str, Shape]]:
        """Kernel and bias of both."""
        both: list[tuple[str, Shape]] = [
            ("kernel", (3, 3, shape[2], shape[2])),
            ("bias", (shape[2],)),
        ]
        return 2 * both

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """Two convolutions and a sum."""
        return residual_steps(*(next(arrays) for _ in range(4)))

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """Residual."""
        from stormlens.models._layers import Residual

        return Residual(kernel_initializer=kernel())


@dataclass(frozen=True)
class MeanAndMax(Block):
    """Mean and maximum of each channel over the map."""

    kind: ClassVar[str] = "GlobalMeanMax"

    def outputs(self, shape: Shape) -> Shape:
        """The means, then the maxima."""
        return (2 * shape[2],)

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """Both at once."""
        return [Step("global both")]

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """GlobalMeanMax."""
        from stormlens.models._layers import GlobalMeanMax

        return GlobalMeanMax()


@dataclass(frozen=True)
class LocalResponse(Block):
    """Each channel divided by a power of its neighbours' squares."""

    kind: ClassVar[str] = "LocalResponseNormalization"

    def steps(self, shape: Shape, arrays: Arrays) -> list[Step]:
        """With the constants of its source."""
        return [neighbours_step()]

    def keras(self, keras: Any, kernel: Initialiser) -> Any:
        """LocalResponseNormalization."""
        from stormlens.models._layers import LocalResponseNormalization

        return LocalResponseNormalization()


def _windows(cells: int, size: int, strides: int, padding: str) -> int:
    """How many windows lie along a side."""
    return -(-cells // strides) if padding == "same" else (cells - size) // strides + 1


def shapes_along(blocks: Sequence[Block], shape: Shape) -> list[Shape] | None:
    """
    What each layer is given, and what the last one gives.

    Parameters
    ----------
    blocks : sequence of Block
        In order.
    shape : tuple of int
        (rows, columns, channels) of an image.

    Returns
    -------
    shapes : list of tuple of int or None
        One more than there are layers; None where a map shrinks to nothing.
    """
    shapes = [shape]
    for block in blocks:
        shapes.append(block.outputs(shapes[-1]))
        if min(shapes[-1]) < 1:
            return None
    return shapes


_OF_MAPS = (Conv, _Pool, SpatialDropout, ResidualBlock, MeanAndMax, LocalResponse)
_KINDS = frozenset(
    {
        *(Conv, MaxPool, MeanPool, Flatten, Dense, Dropout, SpatialDropout),
        *(ResidualBlock, MeanAndMax, LocalResponse),
    }
)


def what_is_wrong(blocks: Sequence[Any], shape: Shape, n_classes: int) -> str:
    """
    Why blocks from another package are no classifier.

    Parameters
    ----------
    blocks : sequence
        In order, of anything.
    shape : tuple of int
        (rows, columns, channels) of an image.
    n_classes : int
        Number of classes.

    Returns
    -------
    reason : str
        A clause; empty where nothing is wrong, or where the images are too small for them.
    """
    for number, block in enumerate(blocks, start=1):
        called = f"layer {number}, {type(block).__name__},"
        if type(block) not in _KINDS:
            return f"{called} is none of stormlens.models.blocks"
        wrong = _wrong_setting(block)
        if wrong:
            return f"{called} has {wrong}"
        if isinstance(block, _OF_MAPS) and len(shape) != 3:
            return f"{called} takes a map, and the layer before gives values in a row"
        if isinstance(block, Dense) and len(shape) != 1:
            return f"{called} takes values in a row; put Flatten or MeanAndMax before it"
        shape = block.outputs(shape)
        if min(shape) < 1:
            return ""
    if not blocks or blocks[-1] != Dense(n_classes, "softmax"):
        return f'the last layer is not Dense({n_classes}, "softmax")'
    return ""


def _wrong_setting(block: Block) -> str:
    """The first field of a block that cannot be; empty where all can."""
    choices = {"activation": ACTIVATIONS, "padding": ("valid", "same")}
    for name, value in asdict(block).items():
        if name in choices:
            fits = value in choices[name]
        elif name == "rate":
            fits = type(value) in (int, float) and 0 <= value < 1
        else:
            # A pool's strides of 0 mean its own side.
            least = 0 if name == "strides" and isinstance(block, _Pool) else 1
            fits = type(value) is int and least <= value <= _LARGEST
        if not fits:
            return f"{name} {value!r:.40}"
    return ""
