"""
The components in a notebook: settings as traits, which go both ways, and what follows from them.

What follows is computed here too, where `stormlens.concepts` has it, so that it is right where no
browser looks on.
"""

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets
import xarray as xr
from numpy.typing import NDArray

from stormlens import concepts
from stormlens.errors import InputError, needs_packages, unknown
from stormlens.learn._settings import Setting, told

try:
    from anywidget import AnyWidget
except ImportError as error:
    raise needs_packages("Components in notebooks need anywidget", "app") from error

if TYPE_CHECKING:
    from stormlens.augment import Augmentation
    from stormlens.learn._augmentation_advice import Advice
    from stormlens.models import Classifier

if TYPE_CHECKING:
    pass

_OWN_KERNEL = "your own"
_PATCHES = 3
_OF_FILES = ("network", "places", "split", "storm", "storms")  # settings that name what is in them
_NEEDS = "It needs JavaScript, and a page from a web host or a notebook with a kernel."


def _traits(slug: str) -> dict[str, traitlets.TraitType]:
    """Settings of a component and what follows from them on a page, for the body of its class."""
    said = told()[slug]
    return {
        **{name: traitlets.Any(None).tag(sync=True) for name in said["outputs"]},
        **{name: Setting(schema) for name, schema in said["settings"].items()},
    }


class Component(AnyWidget):
    """
    An interactive component: last in a notebook's cell it is shown.

    Settings are given by name, and changed by setting them; whoever changes one on the page
    changes it here, too. What follows only on a page is None until one shows it.

    Attributes
    ----------
    slug : str
        What `stormlens learn` calls it.
    title, lead : str
        Its name, and what to do with it.

    Raises
    ------
    InputError
        If there is no such setting, or a value is out of its bounds.
    """

    slug: ClassVar[str]

    component = traitlets.Unicode().tag(sync=True)
    files = traitlets.Dict().tag(sync=True)
    told = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _esm = traitlets.Unicode().tag(sync=True)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, *, files: Mapping[str, bytes] | None = None, **settings: Any) -> None:
        known = told()[self.slug]["settings"]
        for name in settings:
            if name not in known:
                raise unknown("setting", name, known)
        super().__init__(
            component=self.slug,
            files=dict(files or {}),
            told=[name for name in told()[self.slug]["outputs"] if self.has_trait(name)],
            _esm=_bundled(self.slug),
            **settings,
        )

    @property
    def title(self) -> str:
        """Its name."""
        return str(told()[self.slug]["title"])

    @property
    def lead(self) -> str:
        """What to do with it."""
        return str(told()[self.slug]["lead"])

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name, as they are now."""
        return {name: getattr(self, name) for name in told()[self.slug]["settings"]}

    def _changed(self) -> dict[str, Any]:
        held = told()[self.slug]["settings"]
        return {name: v for name, v in self.settings.items() if v != held[name]["default"]}

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._changed().items())
        return f"{type(self).__name__}({given})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None or _in_colab():  # which would show the text in place of the widget
            return bundle
        data, metadata = bundle
        return {**data, "text/html": self.as_html()}, metadata

    def as_html(self) -> str:
        """
        The component for a page without a kernel that loads `stormlens.js`.

        Returns
        -------
        html : str
            Its element, with the settings that are not the defaults as attributes, and words
            within for where the page does not. Own storms and networks are not in it: it shows
            those of the pages, which say what they are.
        """
        said = told()[self.slug]
        left_out = _OF_FILES if self.files else ()
        attributes = "".join(
            f' {name.replace("_", "-")}="{escape(_as_text(value))}"'
            for name, value in self._changed().items()
            if name not in left_out
        )
        words = f"{escape(self.title)}: an interactive component. {_NEEDS}"
        return f"<{said['tag']}{attributes}><p>{words}</p></{said['tag']}>"


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
    vars().update(_traits(slug))

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
        Storms to choose from, of which 24 of all modes are shown where there are more; simulated
        ones unless told.
    """

    def __init__(self, dataset: xr.Dataset | None = None, **settings: Any) -> None:
        self.boxes = _shown(dataset)
        super().__init__(files=_files(dataset), **settings)

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
        held: NDArray[np.uint8] = self.boxes["reflectivity"].values[min(self.storm, count - 1)]
        return held


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
        First row and column of each patch, one after the other; telling ones where it is empty.
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
        Storms to choose from, of which 24 of all modes are shown first; simulated ones unless
        told.
    """

    slug = "pool-and-fire"
    vars().update(_traits(slug))

    def __init__(self, dataset: xr.Dataset | None = None, **settings: Any) -> None:
        self._dataset = dataset
        super().__init__(dataset, **settings)

    @property
    def box(self) -> NDArray[np.uint8]:
        """The storm that is shown: whole dBZ, shape (y, x), row 0 south."""
        return super().box if self.split == "few" else self._box_of_split()

    def _box_of_split(self) -> NDArray[np.uint8]:
        from stormlens.learn._storms import boxes_of_split

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
        Storms to choose from, of which 24 of all modes are shown where there are more; simulated
        ones unless told.
    """

    slug = "convolution-walker"
    vars().update(_traits(slug))

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
        Storms to choose from, of which 24 of all modes are shown where there are more; simulated
        ones unless told.
    **settings
        Ranges of the chapter's recipe for what is not told.
    """

    slug = "augmentation-studio"
    vars().update(_traits(slug))

    @property
    def augmentation(self) -> "Augmentation":
        """These settings."""
        from dataclasses import fields

        from stormlens.augment import Augmentation

        held: dict[str, Any] = {}
        for field in fields(Augmentation):
            value = getattr(self, field.name)
            held[field.name] = tuple(value) if isinstance(value, list) else value
        return Augmentation(**held)

    @property
    def advice(self) -> "list[Advice]":
        """What is said of these settings, warnings first."""
        from stormlens.learn._augmentation_advice import advice

        rows, columns = self.box.shape
        return advice(self.augmentation, self.beyond or 0.0, (rows, columns))

    @property
    def toml(self) -> str:
        """The recipe's table."""
        # Numbers, texts, lists and truth values are written alike in JSON and TOML.
        values = self.augmentation.to_dict().items()
        lines = [f"{name} = {json.dumps(value)}" for name, value in values]
        return "\n".join(["[augmentation]", *lines]) + "\n"


class Train(Component):
    """
    A network that learns in the browser, or two side by side.

    Attributes
    ----------
    network, storms, rate, batch, dropout, activation, augmentation : str
        Of the first training, as the page offers them; those of the second end in ``_b``.
    compare : bool
        Whether there is a second one.
    epochs, seed : int
        How many at most, and what weights and order follow from.
    epoch : int or None
        The last that the first training ended on a page.
    loss, accuracy, val_loss, val_accuracy : float or None
        Of that epoch.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Storms with labels and a coordinate `split`; 300 simulated ones, and those of the
        validation split, unless told.
    """

    slug = "train"
    vars().update(_traits(slug))

    def __init__(self, dataset: xr.Dataset | None = None, **settings: Any) -> None:
        super().__init__(files=_files(dataset), **settings)


class Inside(Component):
    """
    A whole trained network from left to right, every number of it to be taken apart.

    Attributes
    ----------
    network : str
        Which of those that are there, by its ``id``; the first unless told.
    storms, storm : str, int
        The split, and the number of the box in it.
    layer, map, pixel
        What is looked at: a layer's number, a map of it, row and column.
    view, method : str
        What is shown of it, and by what method an answer is explained.
    answer, probability, value
        The mode that the network takes the storm for on the page, how probable, and the number at
        the pixel.

    Parameters
    ----------
    classifier : Classifier, optional
        Of any chain of layers that the engine knows; the one that comes with Stormlens unless
        told.
    dataset : xarray.Dataset, optional
        Storms to choose from; a few simulated ones unless told.
    """

    slug = "inside"
    vars().update(_traits(slug))

    def __init__(
        self,
        classifier: "Classifier | None" = None,
        dataset: xr.Dataset | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(files={**_files(dataset), **_network_files(classifier)}, **settings)


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
    from stormlens.learn._storms import check_storms, few_of

    if dataset is None:
        return _simulated_few()
    check_storms(dataset)
    return few_of(dataset)


@cache
def _simulated_few() -> xr.Dataset:
    from stormlens.datasets import load
    from stormlens.learn._storms import few_of

    return few_of(load("simulated", "test"))


def _files(dataset: xr.Dataset | None) -> dict[str, bytes]:
    """Own storms, as the component asks for them."""
    from stormlens.learn._site import read_content
    from stormlens.learn._storms import own_pack

    if dataset is None:
        return {}
    return {f"storms/{name}": read_content(held) for name, held in own_pack(dataset).items()}


def _network_files(classifier: "Classifier | None") -> dict[str, bytes]:
    """An own network, as the component asks for it."""
    from stormlens.learn._networks import own_network
    from stormlens.learn._site import read_content
    from stormlens.models import Classifier

    if classifier is None:
        return {}
    if not isinstance(classifier, Classifier):
        raise InputError(
            "Inside looks at a Classifier, as stormlens.fit or Classifier.load returns it, not at "
            f"a {type(classifier).__name__}."
        )
    files = own_network(classifier, "Your classifier")
    return {
        f"networks/{name}": read_content(held)
        for name, held in files.items()
        if not name.startswith("shipped/")  # which lies in the bundle
    }


@cache
def _bundled(slug: str) -> str:
    from stormlens.learn._bundle import bundle

    return bundle([slug])


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _in_colab() -> bool:
    import sys

    return "google.colab" in sys.modules
