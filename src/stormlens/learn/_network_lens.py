"""
All that a network makes of one box, in one compiled computation, and as small pictures.

The network with each of its layers as an output is compiled once; a new box is
then one call, and another layer or filter none. A gallery of all filters is one
image of bytes: tiles side by side, each on its own scale.
"""

from typing import Any, NamedTuple

import numpy as np

from stormlens.errors import InputError
from stormlens.insight import LayerInfo, cut_off, kernels, list_layers, weights
from stormlens.models import Classifier, import_keras, keep_compiled, scale

SHADES = 254
"""Values 0 to 253 of a gallery are shades of a tile's own scale."""
SILENT, BLANK = 254, 255
"""Values of a gallery: a filter that gives zero everywhere; a place without a filter."""


class View(NamedTuple):
    """
    One box through a network.

    Attributes
    ----------
    maps : dict of str to ndarray of float32, shape (rows, columns, filters)
        By layer.
    hidden : ndarray of float32, shape (units,)
        The last hidden layer; empty where there is none.
    probabilities : ndarray of float32, shape (classes,)
    """

    maps: dict[str, np.ndarray]
    hidden: np.ndarray
    probabilities: np.ndarray


class Kernel(NamedTuple):
    """
    The weights that a filter lays over one channel.

    Attributes
    ----------
    weights : ndarray of float32, shape (rows, columns)
        Row 0 lies over the southernmost pixels.
    layer : str
        The convolution that they belong to.
    channel, channels : int
        The channel with the largest weights, and how many there are.
    bias : float or None
        None where the layer has no biases.
    """

    weights: np.ndarray
    layer: str
    channel: int
    channels: int
    bias: float | None


class NetworkLens:
    """
    A network with all its layers as outputs.

    Attributes
    ----------
    layers : list of LayerInfo
        Those that give maps, in the order in which they compute.
    hidden : LayerInfo or None
        The last that gives numbers without places, before the output.

    Raises
    ------
    InputError
        If it is no classifier, no layer gives maps, or Keras keeps no graph of the network.
    """

    def __init__(self, classifier: Classifier) -> None:
        if not isinstance(classifier, Classifier):
            raise InputError(
                f"The microscope looks at a Classifier, as stormlens.fit or Classifier.load "
                f"returns it, not at a {type(classifier).__name__}."
            )
        self.classifier = classifier
        self.every = list_layers(classifier)
        self.layers = [info for info in self.every if len(info.output_shape or ()) == 3]
        flat = [info for info in self.every if len(info.output_shape or ()) == 1]
        hidden = [info for info in flat[:-1] if "Dropout" not in info.kind]
        self.hidden: LayerInfo | None = hidden[-1] if hidden else None
        names = [info.name for info in self.layers]
        if self.hidden is not None:
            names.append(self.hidden.name)
        self._whole, self._compute = _compile(classifier.model, names)
        if not self.layers:
            raise InputError(
                f"No layer of model {classifier.model.name!r} gives maps; there is nothing for "
                "the microscope to show."
            )

    def look(self, box: np.ndarray) -> View:
        """
        Pass one box through the network.

        Parameters
        ----------
        box : ndarray of uint8, shape (y, x)
            Whole dBZ.

        Returns
        -------
        view : View
        """
        trainable = [variable.value for variable in self._whole.trainable_variables]
        other = [variable.value for variable in self._whole.non_trainable_variables]
        bounds = np.float32(self.classifier.minimum), np.float32(self.classifier.maximum)
        given = [np.asarray(part)[0] for part in self._compute(trainable, other, box[None], bounds)]
        names = [info.name for info in self.layers]
        hidden = given[-2] if self.hidden is not None else np.empty(0, np.float32)
        return View(dict(zip(names, given, strict=False)), hidden, given[-1])

    def kernel(self, layer: str, filter: int) -> Kernel | None:
        """
        What a filter's numbers are made with: its own weights, or those of the convolution before.

        Parameters
        ----------
        layer : str
            One of `layers`.
        filter : int
            Which filter.

        Returns
        -------
        kernel : Kernel or None
            None where no convolution gives this layer's filters one by one.
        """
        source = self._convolution(layer)
        if source is None:
            return None
        held = kernels(self.classifier, source).values[filter]
        channel = int(np.abs(held).max(axis=(1, 2)).argmax())
        bias = _biases(self.classifier.model, source)
        return Kernel(
            held[channel], source, channel, len(held), None if bias is None else float(bias[filter])
        )

    def _convolution(self, layer: str) -> str | None:
        """The convolution that gives a layer its filters; in a chain it may lie before it."""
        names = [info.name for info in self.every]
        chain = isinstance(self.classifier.model, import_keras().Sequential)
        for info in reversed(self.every[: names.index(layer) + 1]):
            if info.kind in _CONVOLUTIONS:
                return info.name
            if not chain or info.kind not in _KEEP_FILTERS:
                return None
        return None


_CONVOLUTIONS = ("Conv2D", "Conv2DTranspose")
_KEEP_FILTERS = (
    "Activation",
    "AveragePooling2D",
    "BatchNormalization",
    "Dropout",
    "LeakyReLU",
    "LocalResponseNormalization",
    "MaxPooling2D",
    "ReLU",
    "SpatialDropout2D",
)


def _compile(model: Any, names: list[str]) -> tuple[Any, Any]:
    """A network whose outputs are these layers' and its own, and its compiled computation."""
    import jax

    keep_compiled()
    inner = [cut_off(model, name).outputs[0] for name in names]
    whole = import_keras().Model(model.inputs, [*inner, model.outputs[0]])

    @jax.jit
    def compute(trainable: Any, other: Any, images: Any, bounds: Any) -> Any:
        scaled = scale(images, bounds)[..., None]
        return whole.stateless_call(trainable, other, scaled, training=False)[0]

    return whole, compute


def _biases(model: Any, layer: str) -> np.ndarray | None:
    for info, held in zip(weights(model), model.weights, strict=True):
        if info.layer == layer and info.name == "bias":
            return np.asarray(held.value)
    return None


def tile_columns(count: int, width: float, height: float) -> int:
    """
    In how many columns square tiles fill a rectangle best.

    Parameters
    ----------
    count : int
        Tiles.
    width, height : float
        Of the rectangle.

    Returns
    -------
    columns : int

    Examples
    --------
    >>> tile_columns(32, 600, 300)
    8
    """

    def side(columns: int) -> float:
        return min(width / columns, height / -(-count // columns))

    return max(range(1, count + 1), key=side)


def gallery(maps: np.ndarray, columns: int, most: int = 64) -> np.ndarray:
    """
    All maps of a layer as one image, the first at the top left.

    Parameters
    ----------
    maps : ndarray, shape (rows, columns, filters)
        Row 0 south. Larger ones are averaged down.
    columns : int
        Tiles in a row.
    most : int, optional
        Pixels along a tile's side.

    Returns
    -------
    image : ndarray of uint8, shape (tiles down * rows, columns * columns)
        Row 0 at the bottom. Where no value of the layer is negative, 0 is zero and 253 a tile's
        largest value; else 0 is minus, 253 plus a tile's largest magnitude. `SILENT` and `BLANK`
        stand beyond.
    """
    small = _averaged(_averaged(maps, most, 0), most, 1)
    rows, width, count = small.shape
    strongest = np.abs(small).max(axis=(0, 1))
    share = small / np.where(strongest == 0, 1, strongest)
    if is_signed(maps):
        share = (share + 1) / 2
    shades = np.where(strongest == 0, SILENT, np.rint(share * (SHADES - 1))).astype(np.uint8)
    down = -(-count // columns)
    tiles = np.full((down * columns, rows, width), BLANK, np.uint8)
    tiles[:count] = np.moveaxis(shades, -1, 0)
    from_below = tiles.reshape(down, columns, rows, width)[::-1]
    return from_below.transpose(0, 2, 1, 3).reshape(down * rows, columns * width)


def is_signed(maps: np.ndarray) -> bool:
    """Whether any value is below zero, and a scale centred on zero is called for."""
    return bool((maps < 0).any())


def _averaged(maps: np.ndarray, most: int, axis: int) -> np.ndarray:
    """Means of neighbouring rows or columns, so that at most so many are left."""
    size = maps.shape[axis]
    if size <= most:
        return maps
    edges = np.linspace(0, size, most + 1).astype(int)
    counts = np.diff(edges).reshape([-1 if i == axis else 1 for i in range(maps.ndim)])
    return np.add.reduceat(maps, edges[:-1], axis=axis) / counts
