"""
Storms like this one, and a map of many storms, as the network's last hidden layer sees them.

Boxes are compared by cosine distance, 1 - a b / (|a| |b|), of that layer's
values: 0 for the same direction, 1 for nothing in common. How strongly the
layer answers, which grows with the echo's area, does not count.
"""

from typing import Any

import numpy as np
import xarray as xr

from stormlens.errors import InputError, needs_packages, unknown
from stormlens.insight._boxes import result_attributes, storm_coordinates
from stormlens.insight._features import features
from stormlens.models import Classifier

_METHODS = ("pca", "umap")


def neighbours(
    classifier: Classifier,
    query: xr.Dataset,
    dataset: xr.Dataset,
    k: int = 5,
    *,
    layer: str | int | None = None,
) -> xr.Dataset:
    """
    The boxes of a dataset that the network finds most like each box of a query.

    Parameters
    ----------
    classifier : Classifier
        Its last hidden layer compares.
    query : xarray.Dataset
        Boxes to find neighbours of, a container.
    dataset : xarray.Dataset
        Boxes to search, a container; a box in both is not its own neighbour.
    k : int, optional
        Neighbours of each box.
    layer : str or int, optional
        Another layer than the last hidden one.

    Returns
    -------
    found : xarray.Dataset
        Dimensions (storm, rank), nearest first: `index` into `dataset`, `distance` (cosine, 0 to
        2), and `neighbour_unid`, `neighbour_time`, `neighbour_latitude`, `neighbour_longitude`
        where known; storm coordinates are those of `query`.

    Raises
    ------
    InputError
        If `k` is below 1 or more than there are other boxes, or as for `features`.
    """
    queried, searched = (
        _directions(features(classifier, boxes, layer).values) for boxes in (query, dataset)
    )
    distance = 1 - queried @ searched.T
    distance[_same_box(query, dataset)] = np.inf
    others = int(np.isfinite(distance).sum(axis=1).min())
    if not 1 <= k <= others:
        raise InputError(f"k is {k}; each box has 1 to {others} other boxes to be compared with.")
    index = np.argsort(distance, axis=1, kind="stable")[:, :k]
    found = {
        "index": (("storm", "rank"), index),
        "distance": (("storm", "rank"), np.take_along_axis(distance, index, axis=1)),
    }
    for name, values in storm_coordinates(dataset).items():
        found[f"neighbour_{name}"] = (("storm", "rank"), values.values[index])
    return xr.Dataset(
        found,
        coords={**storm_coordinates(query), "rank": np.arange(1, k + 1)},
        attrs=_attributes(classifier, query, dataset),
    )


def embedding(
    classifier: Classifier,
    dataset: xr.Dataset,
    method: str = "pca",
    seed: int = 0,
    *,
    layer: str | int | None = None,
) -> xr.Dataset:
    """
    A map of a dataset on which boxes that the network finds alike lie close together.

    Parameters
    ----------
    classifier : Classifier
        Its last hidden layer places the boxes.
    dataset : xarray.Dataset
        The container, three boxes or more.
    method : {"pca", "umap"}, optional
        Principal components (the two directions in which boxes differ most), or UMAP [1]_, which
        keeps neighbours together but no distances between groups.
    seed : int, optional
        Fixes UMAP's start.
    layer : str or int, optional
        Another layer than the last hidden one.

    Returns
    -------
    map : xarray.Dataset
        `position` float32 (storm, axis) with two axes; for PCA also `explained` (axis), the share
        of the variance that lies along each; `mode` where the boxes are labelled.

    Raises
    ------
    InputError
        If there is no such method, UMAP is not installed, or there are too few boxes.

    References
    ----------
    .. [1] McInnes, Healy and Melville (2018), arXiv:1802.03426.
    """
    if method not in _METHODS:
        raise unknown("method", method, _METHODS)
    values = features(classifier, dataset, layer).values
    if len(values) < 3:
        raise InputError(f"A map needs at least 3 boxes, not {len(values)}.")
    placed = _pca(values, seed) if method == "pca" else _umap(values, seed)
    if "mode" in dataset:
        placed["mode"] = dataset["mode"].variable
    attributes = {**_attributes(classifier, dataset), "method": method}
    return xr.Dataset(placed, coords=storm_coordinates(dataset), attrs=attributes)


def _attributes(classifier: Classifier, *datasets: xr.Dataset) -> dict[str, Any]:
    attributes = result_attributes(classifier, datasets[-1])
    simulated = [result_attributes(classifier, boxes)["simulated"] for boxes in datasets]
    return {**attributes, "simulated": max(simulated)}


def _directions(values: np.ndarray) -> np.ndarray:
    """Rows of length 1, float64; one of zeros stays, and is at distance 1 from everything."""
    values = values.astype(float)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(lengths == 0, 1, lengths)


def _same_box(query: xr.Dataset, dataset: xr.Dataset) -> np.ndarray:
    """Which pairs are one box: unid and image agree. Made-up unids alone may agree by chance."""
    same = query["unid"].values[:, None] == dataset["unid"].values[None, :]
    for i, j in np.argwhere(same):
        images = query["reflectivity"][i].values, dataset["reflectivity"][j].values
        same[i, j] = np.array_equal(*images)
    return same


def _pca(values: np.ndarray, seed: int) -> dict[str, Any]:
    from sklearn.decomposition import PCA

    fitted = PCA(2, random_state=seed).fit(values.astype(float))
    position = fitted.transform(values.astype(float)).astype(np.float32)
    return {
        "position": (("storm", "axis"), position),
        "explained": ("axis", np.nan_to_num(fitted.explained_variance_ratio_)),
    }


def _umap(values: np.ndarray, seed: int) -> dict[str, Any]:
    try:
        import umap
    except ImportError as error:
        raise needs_packages(
            'A map by UMAP, unlike one by method="pca", needs umap-learn', "umap"
        ) from error
    reducer = umap.UMAP(
        n_neighbors=min(15, len(values) - 1), metric="cosine", random_state=seed, n_jobs=1
    )
    return {"position": (("storm", "axis"), reducer.fit_transform(values).astype(np.float32))}
