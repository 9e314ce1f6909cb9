"""
Does an explanation depend on what the network learnt? The check of Adebayo et al. (2018).

Layers get random weights from the output backwards. A map that hardly changes
shows edges of the image and nothing of the network, however convincing it looks.
"""

from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from stormlens.errors import InputError
from stormlens.insight._explain import explain
from stormlens.insight._explanation import Mode
from stormlens.insight._layers import as_classifier, places
from stormlens.models import Classifier, import_keras


def randomised(classifier: Classifier, layers: int | None = None, seed: int = 0) -> Classifier:
    """
    A copy of a classifier with random weights in its last layers.

    Parameters
    ----------
    classifier : Classifier
        Left as it is.
    layers : int, optional
        How many layers with weights, counted from the output; by default all.
    seed : int, optional
        Fixes the weights.

    Returns
    -------
    copy : Classifier
        Kernels are drawn anew (Glorot and Bengio 2010, uniform); biases and other vectors are
        shuffled, so that normalising layers keep their scale.

    Raises
    ------
    InputError
        If there are not as many layers, or Keras cannot copy the model.

    References
    ----------
    .. [1] Adebayo et al. (2018), NeurIPS 31, arXiv:1810.03292.
    """
    classifier = as_classifier(classifier)
    model = _copy(classifier.model)
    weighty = _weighty(model)
    count = len(weighty) if layers is None else layers
    if not 0 <= count <= len(weighty):
        raise InputError(
            f"Model {model.name!r} has {len(weighty)} layers with weights; {count} of them cannot "
            "be made random."
        )
    rng = np.random.default_rng(seed)
    for layer in weighty[len(weighty) - count :]:
        for variable in layer.weights:
            variable.assign(_redrawn(np.asarray(variable.value), rng))
    provenance = {**classifier.provenance, "randomised_layers": count, "randomised_seed": seed}
    return Classifier(
        model,
        classifier.architecture,
        classifier.classes,
        classifier.minimum,
        classifier.maximum,
        provenance,
    )


def _copy(model: Any) -> Any:
    from stormlens.insight._rewire import blank

    try:
        copy = import_keras().models.clone_model(model, clone_function=blank, recursive=True)
        copy.set_weights(model.get_weights())
    except Exception as error:  # Keras raises many kinds for a model that does not say its parts
        raise InputError(
            f"Model {model.name!r} cannot be copied by Keras ({_first_line(error)}); build it with "
            "keras.Sequential or keras.Model(inputs, outputs)."
        ) from error
    return copy


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _weighty(model: Any) -> list[Any]:
    """Layers with weights, each once."""
    by_identity = {id(place.layer): place.layer for place in places(model) if place.layer.weights}
    return list(by_identity.values())


def _redrawn(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if values.ndim < 2:
        return rng.permuted(values)
    window = int(np.prod(values.shape[:-2]))
    limit = np.sqrt(6 / (window * (values.shape[-2] + values.shape[-1])))
    return rng.uniform(-limit, limit, values.shape).astype(values.dtype)


def rank_correlation(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """
    Spearman's rank correlation of two maps over each box.

    Parameters
    ----------
    first, second : xarray.DataArray, shape (storm, y, x)
        Attributions of the same storms.

    Returns
    -------
    correlation : xarray.DataArray, shape (storm,)
        1 for the same order of pixels, 0 for none; NaN where a map is constant.

    Raises
    ------
    InputError
        If the two have other shapes.

    Examples
    --------
    >>> box = xr.DataArray([[[1.0, 2.0], [3.0, 4.0]]], dims=("storm", "y", "x"))
    >>> round(float(rank_correlation(box, box**3)[0]), 6)
    1.0
    """
    if first.shape != second.shape or first.ndim != 3:
        raise InputError(
            f"Maps of shape {first.shape} and {second.shape} cannot be compared; give two "
            "attributions (storm, y, x) of the same storms."
        )
    values = [
        _correlation(rankdata(one), rankdata(other))
        for one, other in zip(first.values, second.values, strict=True)
    ]
    return xr.DataArray(values, dims="storm", name="rank_correlation")


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / size) if size else float("nan")


def sanity_check(
    classifier: Classifier,
    dataset: xr.Dataset,
    method: str = "gradient",
    mode: Mode = None,
    seed: int = 0,
    **options: Any,
) -> xr.DataArray:
    """
    How much of a map is left when layers are made random, from the output backwards.

    Parameters
    ----------
    classifier, dataset, method, mode, **options
        As for `explain`. The modes explained are those of the untouched classifier.
    seed : int, optional
        Fixes the random weights, and the noise of SmoothGrad.

    Returns
    -------
    left : xarray.DataArray, shape (layers, storm)
        Rank correlation of the map with the untouched classifier's, by how many layers are
        random; 0 layers first, which gives 1. Near 0 is what a faithful method shows.

    Raises
    ------
    InputError
        As for `explain` and `randomised`.
    """
    classifier = as_classifier(classifier)
    untouched = explain(classifier, dataset, method, mode, seed, **options)
    modes = [str(name) for name in untouched["mode"].values]
    counts = range(len(_weighty(classifier.model)) + 1)
    maps = [untouched] + [
        explain(randomised(classifier, n, seed), dataset, method, modes, seed, **options)
        for n in counts[1:]
    ]
    return xr.concat(
        [rank_correlation(untouched["attribution"], other["attribution"]) for other in maps],
        xr.DataArray(list(counts), dims="layers", name="layers"),
    ).assign_attrs(untouched.attrs)
