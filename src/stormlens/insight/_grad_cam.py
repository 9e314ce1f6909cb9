"""
Grad-CAM: where in the box the filters that speak for a mode respond.

Each filter of a convolutional layer is weighted by the mean gradient of the score
over its map; the weighted sum of the maps, where positive, is laid over the
box. A cell of the map is placed at the middle of its receptive field, and values
between cells are interpolated: stretching the map to the box, as is often done,
shifts it by up to half a cell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from stormlens.errors import InputError
from stormlens.insight._boxes import raw_batches
from stormlens.insight._explanation import Mode, explanation, mode_codes
from stormlens.insight._fields import cell_centres
from stormlens.insight._layers import (
    Place,
    as_classifier,
    choose_convolution,
    cut_off,
    find_layer,
)
from stormlens.insight._score import bounds_of, choose, end_in_scores, keep
from stormlens.models import Classifier, scale

_BATCH = 8


def grad_cam(
    classifier: Classifier,
    dataset: xr.Dataset,
    mode: Mode = None,
    *,
    layer: str | int | None = None,
    signed: bool = False,
) -> xr.Dataset:
    """
    Where the filters that speak for a mode respond, by Grad-CAM.

    Parameters
    ----------
    classifier : Classifier
        Its score before the softmax is explained; the log probability where the network does
        not end in a softmax. It has a convolution.
    dataset : xarray.Dataset
        The container.
    mode : str, int or sequence of str, optional
        The mode explained, by name or code, or one a storm; by default each storm's answer.
    layer : str or int, optional
        A layer that gives maps, by name or number; by default the last convolution. Where
        the activation is a layer of its own, name that one to weigh maps behind it.
    signed : bool, optional
        Whether what speaks against the mode is kept, as negative values; [1]_ sets it to 0.

    Returns
    -------
    explained : xarray.Dataset
        `attribution` (storm, y, x), the weighted sum of the maps: its pattern counts; its
        size can be compared only between storms of the same layer. Coordinate `mode`, `score`
        and `probability` of it (storm).

    Raises
    ------
    InputError
        If the network has no convolution or is subclassed, there is no such layer or mode, the
        layer gives no maps, or a box does not fit the classifier.

    References
    ----------
    .. [1] Selvaraju et al. (2017), Proc. ICCV, 618-626, arXiv:1610.02391.
    """
    classifier = as_classifier(classifier)
    place = _mapping_layer(classifier.model, layer)
    codes = mode_codes(classifier, dataset, mode)
    cam: _Cam = keep(classifier.model, f"grad-cam {place.path}", lambda: _make(classifier, place))
    maps, scores = _maps(cam, classifier, dataset, codes)
    maps = maps if signed else np.maximum(maps, 0)
    rows, columns = cam.spread
    return explanation(
        classifier,
        dataset,
        rows @ maps @ columns.T,
        scores,
        codes,
        method="grad-cam",
        units="1",
        explains=cam.quantity,
        layer=place.path,
        signed=int(signed),
    )


@dataclass(frozen=True)
class _Cam:
    """What Grad-CAM needs for one layer: its computation, and interpolation to pixels."""

    values: Callable[[], Any]
    compute: Callable[..., Any]
    spread: tuple[np.ndarray, np.ndarray]
    quantity: str


def _mapping_layer(model: Any, layer: str | int | None) -> Place:
    place = choose_convolution(model, None, default=-1, purpose="Grad-CAM")
    if layer is not None:
        place = find_layer(model, layer)
    shape = cut_off(model, place.path).output_shape
    if len(shape) != 4:
        raise InputError(
            f"Layer {place.path!r} gives {shape[1:]} values a box, which are no maps; Grad-CAM "
            "needs a layer that gives maps (rows, columns, filters), such as a convolution."
        )
    return place


def _maps(
    cam: _Cam, classifier: Classifier, dataset: xr.Dataset, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums of maps (storm, rows, columns) and scores (storm, classes)."""
    size = 1 if len(codes) == 1 else _BATCH  # one size is one compilation
    values, bounds = cam.values(), bounds_of(classifier)
    given = []
    for i, images in enumerate(raw_batches(classifier, dataset, size)):
        n = len(images)
        modes = np.full(size, -1, np.int32)
        modes[:n] = codes[i * size : i * size + n]
        padded = np.pad(images, ((0, size - n), (0, 0), (0, 0)))
        given.append([np.asarray(part)[:n] for part in cam.compute(values, padded, modes, bounds)])
    maps, scores = (np.concatenate(parts) for parts in zip(*given, strict=True))
    return maps, scores


def _make(classifier: Classifier, place: Place) -> _Cam:
    import jax
    import jax.numpy as jnp

    from stormlens.insight._rewire import tap

    part = cut_off(classifier.model, place.path)
    tapped, inserted = tap(place)
    scored = end_in_scores(tapped)
    added, seen = (
        [own is variable for own in scored.other].index(True)
        for variable in (inserted.added, inserted.seen)
    )

    def one(values: Any, image: Any, code: Any) -> Any:
        trainable, other = values

        # Differentiated by zeros that are added to the maps: the gradient by them is that by the
        # maps, which are an intermediate value that `jax.grad` cannot name.
        def score(extra: Any) -> Any:
            state = [*other[:added], extra, *other[added + 1 :]]
            scores, left = scored.apply((trainable, state), image[None])
            return scores[0, choose(scores, code)[0]], (left[seen][0], scores[0])

        gradient, (maps, scores) = jax.grad(score, has_aux=True)(other[added])
        return maps @ gradient[0].mean((0, 1)), scores

    @jax.jit
    def compute(values: Any, images: Any, codes: Any, bounds: Any) -> Any:
        scaled = scale(images, bounds)[..., None]
        return jax.vmap(one, (None, 0, 0))(values, scaled, jnp.asarray(codes))

    spread = tuple(
        _interpolation(cell_centres(part, axis), part.input_shape[1 + axis]) for axis in (0, 1)
    )
    quantity = "log probability" if scored.head is None else "score before the softmax"
    return _Cam(scored.values, compute, (spread[0], spread[1]), quantity)


def _interpolation(centres: np.ndarray, pixels: int) -> np.ndarray:
    """Weights (pixels, cells) of linear interpolation; constant outside the outermost centres."""
    return np.stack(
        [np.interp(np.arange(pixels), centres, unit) for unit in np.eye(len(centres))], 1
    )
