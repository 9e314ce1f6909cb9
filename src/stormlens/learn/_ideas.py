"""
The chapter's ideas in a notebook, and what follows from their settings.

That is computed here too, where `stormlens.concepts` has it, so that it is right where no browser
looks on.
"""

import json
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens import concepts
from stormlens.augment import Augmentation
from stormlens.errors import InputError
from stormlens.learn._augmentation_advice import Advice, advice
from stormlens.learn._storms import boxes_of_split, check_storms, few_of, own_files
from stormlens.learn._widget import Component, traitlets, traits_of

_OWN_KERNEL = "your own"
_PATCHES = 3


class Neuron(Component):
    """
    A neuron with two inputs: z = w1 x1 + w2 x2 + b, a = f(z).

    Attributes
    ----------
    x1, x2 : float
        Inputs, -5 to 5.
    w1, w2 : float
        Weights, -3 to 3.
    bias : float
        -3 to 3.
    activation : str
        As in `stormlens.concepts.ACTIVATIONS`, but for softmax.
    z, a : float
        What follows from them.

    Examples
    --------
    >>> neuron = Neuron(w1=2, x1=-1)
    >>> neuron.z, neuron.a
    (-1.0, 0.0)
    """

    slug = "neuron"
    vars().update(traits_of(slug))

    @property
    def _neuron(self) -> concepts.Neuron:
        return concepts.Neuron((self.w1, self.w2), self.bias, self.activation)

    @property
    def z(self) -> float:
        """The weighted sum."""
        return float(self._neuron.aggregate((self.x1, self.x2)))

    @property
    def a(self) -> float:
        """The answer."""
        return float(self._neuron.activate((self.x1, self.x2)))


class _OfStorms(Component):
    """
    A component that shows storms.

    Attributes
    ----------
    boxes : xarray.Dataset
        Those that are shown first; `storm` is a number among them.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Storms to choose from, of which 24 of all modes are shown if there are more; by
        default simulated ones.
    """

    def __init__(self, dataset: xr.Dataset | None = None, **settings: Any) -> None:
        self.boxes = _shown(dataset)
        super().__init__(files=own_files(dataset), **settings)

    @traitlets.validate("storm")
    def _check_storm(self, proposal: Any) -> Any:
        count = self.boxes.sizes["storm"]
        if not proposal["value"] < count and getattr(self, "split", "few") == "few":
            raise InputError(
                f"There is no storm {proposal['value']}; they go from 0 to {count - 1}."
            )
        return proposal["value"]

    @property
    def box(self) -> NDArray[np.uint8]:
        """The storm that is shown: whole dBZ, shape (y, x), row 0 south."""
        count = self.boxes.sizes["storm"]
        image: NDArray[np.uint8] = self.boxes["reflectivity"].values[min(self.storm, count - 1)]
        return image


class PoolAndFire(_OfStorms):
    """
    Max pooling of three patches, and a ReLU neuron behind it.

    Attributes
    ----------
    threshold : float
        dBZ that the weighted maximum has to pass, 0 to 70.
    weight, bias : float
        Of the neuron, 0.1 to 3 and -20 to 20.
    size : int
        Rows and columns of a patch, 3 to 15.
    split, storm : str, int
        Which box is shown: its number in "few", in "train" or another split that is there.
    places : list of float
        First row and column of each patch, in turn; if empty, places that show the idea.
    patch : int
        Which patch moves, 1 to 3.
    everywhere : bool
        Whether all places that would fire are marked.
    responses : list of stormlens.concepts.PatchResponse
        What follows for each patch.
    patches : list of int
        First row and column of each, one after the other, as they lie.
    pooled, z, a : list of float
        Of the responses.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Storms to choose from, of which 24 of all modes are shown first; by default simulated
        ones.
    """

    slug = "pool-and-fire"
    vars().update(traits_of(slug))

    def __init__(self, dataset: xr.Dataset | None = None, **settings: Any) -> None:
        self._dataset = dataset
        super().__init__(dataset, **settings)

    @property
    def box(self) -> NDArray[np.uint8]:
        """The storm that is shown: whole dBZ, shape (y, x), row 0 south."""
        return super().box if self.split == "few" else self._box_of_split()

    def _box_of_split(self) -> NDArray[np.uint8]:
        return boxes_of_split(self._dataset, self.split, self.storm)

    @property
    def responses(self) -> list[concepts.PatchResponse]:
        """What the neuron answers to each patch."""
        box, size = self.box, self.size
        return [
            concepts.fires(
                box[row : row + size, column : column + size],
                self.threshold,
                self.weight,
                self.bias,
            )
            for row, column in self._places()
        ]

    @property
    def patches(self) -> list[int]:
        """First row and column of each patch, one after the other."""
        return [number for place in self._places() for number in place]

    @property
    def pooled(self) -> list[float]:
        """The strongest echo of each patch."""
        return [response.pooled for response in self.responses]

    @property
    def z(self) -> list[float]:
        """The weighted sum of each patch."""
        return [response.z for response in self.responses]

    @property
    def a(self) -> list[float]:
        """The answer to each patch."""
        return [response.a for response in self.responses]

    def _places(self) -> list[tuple[int, int]]:
        """First row and column of each patch, inside the box."""
        numbers = self.places[: 2 * _PATCHES]
        if len(numbers) < 2:
            return telling_places(self.box, self.size)
        most = np.array(self.box.shape) - self.size
        pairs = np.rint(numbers[: len(numbers) // 2 * 2]).astype(int).reshape(-1, 2)
        return [(int(row), int(column)) for row, column in np.clip(pairs, 0, most)]


class ConvolutionWalker(_OfStorms):
    """
    One output pixel of a 3 x 3 convolution at a time, and the whole response beside it.

    Attributes
    ----------
    storm : int
        Which box is shown.
    row, column : int
        Of the output pixel, which are the window's first row and column too.
    kernel_name : str
        A classical kernel, or ``"your own"``.
    weights : list of float
        The nine weights, row by row from the north as they are read on the page.
    turned : bool
        Whether the kernel is turned by 180 degrees first: a convolution, not a correlation.
    step : stormlens.concepts.Step
        What follows: pixels, weights, products and their sum.
    response : ndarray of float64, shape (y - 2, x - 2)
        All output pixels.
    pixels, lying, products : list of float
        Of the step, row by row from the north as they are read on the page: nine pixels, the
        weights that lie on them, and their products.
    total : float
        Of the step.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Storms to choose from, of which 24 of all modes are shown if there are more; by
        default simulated ones.
    """

    slug = "convolution-walker"
    vars().update(traits_of(slug))

    def __init__(self, dataset: xr.Dataset | None = None, **settings: Any) -> None:
        if "weights" in settings:
            settings.setdefault("kernel_name", _OWN_KERNEL)
        super().__init__(dataset, **settings)
        if self.kernel_name != _OWN_KERNEL:
            self.weights = _weights_of(self.kernel_name)

    @traitlets.observe("kernel_name")
    def _take_kernel(self, change: Any) -> None:
        if change["new"] != _OWN_KERNEL:
            self.weights = _weights_of(change["new"])

    @traitlets.observe("weights")
    def _name_kernel(self, change: Any) -> None:
        names = [name for name in concepts.kernels(3) if _weights_of(name) == change["new"]]
        self.kernel_name = names[0] if names else _OWN_KERNEL

    @property
    def _kernel(self) -> NDArray[np.float64]:
        # Written from the north as one reads, applied from the south as boxes are stored.
        return np.array(self.weights, float).reshape(3, 3)[::-1]

    @property
    def step(self) -> concepts.Step:
        """The sum at the window, worked out."""
        rows, columns = (side - 3 for side in self.box.shape)
        place = min(self.row, rows), min(self.column, columns)
        return concepts.convolution_step(self.box, self._kernel, *place, turned=self.turned)

    @property
    def pixels(self) -> list[float]:
        """Nine pixels."""
        return _from_north(self.step.window)

    @property
    def lying(self) -> list[float]:
        """The weights that lie on them."""
        return _from_north(self.step.kernel)

    @property
    def products(self) -> list[float]:
        """Pixels times weights."""
        return _from_north(self.step.products)

    @property
    def total(self) -> float:
        """The sum of the products."""
        return self.step.total

    @property
    def response(self) -> NDArray[np.float64]:
        """All sums."""
        respond = concepts.convolve if self.turned else concepts.correlate
        return respond(self.box, self._kernel, method="gemm")


def _weights_of(kernel: str) -> list[float]:
    return _from_north(concepts.kernels(3)[kernel])


def _from_north(values: NDArray[Any]) -> list[float]:
    return [float(value) for value in values[::-1].ravel()]


class AugmentationStudio(_OfStorms):
    """
    Nine random transforms of a storm, and what to think of their ranges.

    Attributes
    ----------
    storm, seed : int
        Which box is shown, and what its draws follow from.
    rotation_range, width_shift_range, height_shift_range, shear_range : float
        As `stormlens.augment.Augmentation` has them.
    zoom_range, scale_range : list of float
        Lowest and highest.
    horizontal_flip, vertical_flip, fill_mode, cval
        As there.
    offset_range, cutoff_range, dropout_range : float
        What other radars would show, as there.
    augmentation : stormlens.augment.Augmentation
        These settings.
    advice : list
        What is said of them: each has a truth value `warning`, a `subject` and a sentence `text`.
    toml : str
        The recipe's table ``[augmentation]``.
    places, kilometres, beyond, warnings
        Where the storm report lies in the nine draws of the page, how far from the centre, what
        share of their pixels lies beyond the edge, and how many warnings there are. The page
        draws by random numbers of its own.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Storms to choose from, of which 24 of all modes are shown if there are more; by
        default simulated ones.
    **settings
        Ranges; by default those of the chapter's recipe.
    """

    slug = "augmentation-studio"
    vars().update(traits_of(slug))

    @property
    def augmentation(self) -> Augmentation:
        """These settings."""
        values: dict[str, Any] = {}
        for field in fields(Augmentation):
            value = getattr(self, field.name)
            values[field.name] = tuple(value) if isinstance(value, list) else value
        return Augmentation(**values)

    @property
    def advice(self) -> list[Advice]:
        """What is said of these settings, warnings first."""
        rows, columns = self.box.shape
        return advice(self.augmentation, self.beyond or 0.0, (rows, columns))

    @property
    def toml(self) -> str:
        """The recipe's table."""
        # Numbers, texts, lists and truth values are written alike in JSON and TOML.
        values = self.augmentation.to_dict().items()
        lines = [f"{name} = {json.dumps(value)}" for name, value in values]
        return "\n".join(["[augmentation]", *lines]) + "\n"


def telling_places(box: NDArray[np.uint8], size: int) -> list[tuple[int, int]]:
    """
    Three patches worth comparing: the strongest echo, a middling one, and the weakest.

    Parameters
    ----------
    box : ndarray of uint8, shape (y, x)
        dBZ.
    size : int
        Rows and columns of a patch.

    Returns
    -------
    places : list of (int, int)
        First row and column of each, from patches that do not overlap.
    """
    pooled = concepts.pool(box, size).astype(int)
    middling = np.abs(pooled - (pooled.max() / 2))
    found = [pooled.argmax(), middling.argmin(), pooled.argmin()]
    chosen = [np.unravel_index(int(place), pooled.shape) for place in found]
    return [(int(row) * size, int(column) * size) for row, column in chosen]


def _shown(dataset: xr.Dataset | None) -> xr.Dataset:
    if dataset is None:
        return _simulated_few()
    check_storms(dataset)
    return few_of(dataset)


@cache
def _simulated_few() -> xr.Dataset:
    from stormlens.datasets import load

    return few_of(load("simulated", "test"))
