"""
The mean storm of a mode, plain and probability-matched.

A plain mean of boxes is smooth and weak, since storms do not lie on top of each
other. The probability-matched mean keeps the plain mean's pattern and restores
the intensities of single storms (Ebert 2001); the archive's authors draw their
composites in this way (Haberlie, Ashley and Karpinski 2020). No echo counts as
0 dBZ in both.
"""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from stormlens.datasets import class_names, is_simulated
from stormlens.errors import InputError, unknown
from stormlens.insight._boxes import check_container


def mean_box(dataset: xr.Dataset, mode: str | None = None) -> xr.DataArray:
    """
    The plain mean of boxes.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container.
    mode : str, optional
        Only boxes of this mode; by default all.

    Returns
    -------
    mean : xarray.DataArray of float32, shape (y, x)
        dBZ, with no echo counted as 0.

    Raises
    ------
    InputError
        If it is no container, there is no such mode or no box of it.
    """
    reflectivity = check_container(dataset, "Boxes to average")
    if mode is not None:
        reflectivity = reflectivity.isel(storm=_of_mode(dataset, mode))
    # Sums of uint8 are exact in float64, in any order and however many.
    return reflectivity.mean("storm", dtype=np.float64, keep_attrs=True).astype(np.float32)


def probability_matched_mean(images: ArrayLike) -> np.ndarray:
    """
    The probability-matched mean: the mean's pattern with the members' intensities.

    All values of all n images are sorted from the highest down and every n-th is kept, the
    highest first. Where the plain mean is highest the highest kept value is put, and so on down;
    where the mean is the same at several pixels, in the order of their rows and columns.

    Parameters
    ----------
    images : array_like, shape (n, y, x)
        Members, such as the boxes of one mode.

    Returns
    -------
    mean : ndarray, shape (y, x)
        Of the images' own type: each value is one of theirs.

    Raises
    ------
    InputError
        If there is no image, or a value is no number.

    References
    ----------
    .. [1] Ebert (2001), Mon. Wea. Rev. 129, 2461-2480.
    .. [2] Haberlie, Ashley and Karpinski (2020), Int. J. Climatol., "Mean storms".

    Examples
    --------
    >>> probability_matched_mean([[[50, 0]], [[30, 20]]])
    array([[50, 20]])
    """
    members = np.asarray(images)
    if members.ndim != 3 or members.size == 0:
        raise InputError(f"Images of shape {members.shape} are not (n, y, x) with at least one.")
    if not np.isfinite(members).all():
        raise InputError("Images to average hold values that are no numbers; write 0 for no echo.")
    kept = np.sort(members, axis=None)[::-1][:: len(members)]
    order = np.argsort(-members.mean(axis=0, dtype=np.float64).ravel(), kind="stable")
    matched = np.empty_like(kept)
    matched[order] = kept
    return matched.reshape(members.shape[1:])


def mean_boxes(dataset: xr.Dataset) -> xr.Dataset:
    """
    Plain and probability-matched mean of the boxes of each mode.

    Parameters
    ----------
    dataset : xarray.Dataset
        The labelled container.

    Returns
    -------
    means : xarray.Dataset
        `mean` float32 and `pmm` uint8, both (mode, y, x) in dBZ, for the modes that the dataset
        holds, with the `count` of their boxes.

    Raises
    ------
    InputError
        If it is no container, or the boxes have no labels.
    """
    reflectivity = check_container(dataset, "Boxes to average")
    names = class_names(dataset)
    present = [names[code] for code in np.unique(dataset["mode"].values)]
    matched = [
        probability_matched_mean(reflectivity.isel(storm=_of_mode(dataset, name)).values)
        for name in present
    ]
    plain = [mean_box(dataset, name).values for name in present]
    units = {"units": reflectivity.attrs.get("units", "dBZ")}
    return xr.Dataset(
        {
            "mean": (("mode", "y", "x"), np.stack(plain), units),
            "pmm": (("mode", "y", "x"), np.stack(matched), units),
        },
        coords={
            "mode": present,
            "count": ("mode", [len(_of_mode(dataset, name)) for name in present]),
            "y": dataset["y"],
            "x": dataset["x"],
        },
        attrs={
            "simulated": int(is_simulated(dataset)),
            "source": str(dataset.attrs.get("source", "unknown")),
        },
    )


def _of_mode(dataset: xr.Dataset, mode: str) -> np.ndarray:
    """Places of the boxes of a mode."""
    names = class_names(dataset)
    if mode not in names:
        raise unknown("mode", mode, names)
    places = np.flatnonzero(dataset["mode"].values == names.index(mode))
    if not len(places):
        raise InputError(f"The dataset holds no box of mode {mode}.")
    return places
