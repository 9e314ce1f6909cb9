"""
Views: the same answers judged on fewer modes, as published scores often are.

A classifier of six modes can be asked about the four that are weather, or the
three that are storm systems proper: boxes of other modes are left out, and the
probabilities of the modes that remain are divided by their sum. That is what
the classifier says given that no other mode is possible.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens.datasets import class_names
from stormlens.errors import InputError, unknown
from stormlens.stormbox import MODES
from stormlens.verification._score import align

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

VIEWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "six": MODES,
        "weather": ("Cellular", "QLCS", "Tropical", "Other"),
        "three": ("Cellular", "QLCS", "Tropical"),
    }
)
"""Views of the six storm modes, by name."""


def views_of(classes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """
    The views that classes have.

    Parameters
    ----------
    classes : tuple of str
        Class names by code.

    Returns
    -------
    views : dict of str to tuple of str
        `VIEWS` for the six storm modes; ``"all"`` alone for other classes.

    Examples
    --------
    >>> views_of(("cat", "dog"))
    {'all': ('cat', 'dog')}
    """
    return dict(VIEWS) if classes == MODES else {"all": classes}


def in_view(
    predictions: xr.Dataset, dataset: xr.Dataset, view: str
) -> tuple[xr.Dataset, xr.Dataset]:
    """
    Predictions and labels of one view, ready for `score`.

    Boxes whose truth lies outside the view are left out. Of the others, the
    probabilities of the view's modes are divided by their sum. A box whose
    sum is 0 gets equal shares: the classifier said nothing about these modes.

    Parameters
    ----------
    predictions : xarray.Dataset
        What `Classifier.predict` gave: `probability` (storm, mode).
    dataset : xarray.Dataset
        The labelled container that was classified.
    view : str
        A name of `VIEWS`; ``"all"`` for classes that are no storm modes.

    Returns
    -------
    predictions, dataset : xarray.Dataset
        With the view's modes as classes, in the order of their codes.

    Raises
    ------
    InputError
        As `align`, if there is no such view of these classes, or no box in it.
    """
    probability, truth, classes = align(predictions, dataset)
    views = views_of(classes)
    if view not in views:
        raise unknown("view", view, views)
    codes = [classes.index(name) for name in views[view]]
    inside, given, recoded = restrict(probability, truth, codes)
    if not inside.any():
        msg = f"No box has a mode of view {view!r} ({', '.join(views[view])}); choose another view."
        raise InputError(msg)
    kept = np.flatnonzero(inside)
    answers = predictions.isel(storm=kept, mode=codes)
    answers = answers.assign(probability=(("storm", "mode"), given))
    labels = dataset["mode"]
    boxes = dataset.isel(storm=kept)
    flags = {
        **labels.attrs,
        "flag_values": np.arange(len(codes), dtype=labels.dtype),
        "flag_meanings": " ".join(class_names(dataset)[code] for code in codes),
    }
    return answers, boxes.assign(mode=("storm", recoded.astype(labels.dtype), flags))


def restrict(
    probability: Floats, truth: Codes, codes: list[int]
) -> tuple[NDArray[np.bool_], Floats, Codes]:
    """
    Arrays of one view.

    Parameters
    ----------
    probability : ndarray, shape (storm, mode)
        As `align` gives it.
    truth : ndarray of int64, shape (storm,)
    codes : list of int
        The view's modes.

    Returns
    -------
    inside : ndarray of bool, shape (storm,)
        Boxes whose truth is in the view.
    probability : ndarray, shape (storm inside, mode of the view)
        Rows sum to 1. Untouched where the view holds every mode.
    truth : ndarray of int64, shape (storm inside,)
        Codes among the view's modes.
    """
    new_code = np.full(probability.shape[1], -1)
    new_code[codes] = np.arange(len(codes))
    recoded = new_code[truth]
    inside = recoded >= 0
    given = probability[inside][:, codes]
    if len(codes) < probability.shape[1]:
        given = given.clip(0)
        total = given.sum(1, keepdims=True)
        said = total > np.finfo(float).tiny  # subnormal sums have too few digits to divide by
        given = np.where(said, given / np.where(said, total, 1), 1 / len(codes))
    return inside, given, recoded[inside]
