"""Training a network, and looking into one, in a notebook."""

from typing import Any

import xarray as xr

from stormlens.errors import InputError
from stormlens.learn._networks import own_network
from stormlens.learn._site import read_content
from stormlens.learn._storms import own_files
from stormlens.learn._widget import Component, traits_of
from stormlens.models import Classifier


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
        Storms with labels and a coordinate `split`; by default 300 simulated ones, and those of
        the validation split.
    """

    slug = "train"
    vars().update(traits_of(slug))

    def __init__(self, dataset: xr.Dataset | None = None, **settings: Any) -> None:
        super().__init__(files=own_files(dataset), **settings)


class Inside(Component):
    """
    A trained network from left to right, with the working of every number in it.

    Attributes
    ----------
    network : str
        One of those available, by its ``id``; by default the first.
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
        Of any chain of layers that the engine knows; by default the one that comes with Stormlens.
    dataset : xarray.Dataset, optional
        Storms to choose from; by default a few simulated ones.
    """

    slug = "inside"
    vars().update(traits_of(slug))

    def __init__(
        self,
        classifier: Classifier | None = None,
        dataset: xr.Dataset | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(files={**own_files(dataset), **_network_files(classifier)}, **settings)


def _network_files(classifier: Classifier | None) -> dict[str, bytes]:
    """An own network, as the component asks for it."""
    if classifier is None:
        return {}
    if not isinstance(classifier, Classifier):
        raise InputError(
            "Inside looks at a Classifier, as stormlens.fit or Classifier.load returns it, not at "
            f"a {type(classifier).__name__}."
        )
    files = own_network(classifier, "Your classifier")
    return {
        f"networks/{name}": read_content(content)
        for name, content in files.items()
        if not name.startswith("shipped/")  # which lies in the bundle
    }
