"""All explanations by name, so that methods can be chosen and compared."""

import inspect
from collections.abc import Callable
from typing import Any

import xarray as xr

from stormlens.errors import InputError, unknown
from stormlens.insight._explanation import Mode
from stormlens.insight._grad_cam import grad_cam
from stormlens.insight._gradients import gradient, integrated_gradients, smoothgrad
from stormlens.insight._occlusion import occlusion
from stormlens.models import Classifier

_BY_NAME: dict[str, Callable[..., xr.Dataset]] = {
    "gradient": gradient,
    "smoothgrad": smoothgrad,
    "integrated-gradients": integrated_gradients,
    "grad-cam": grad_cam,
    "occlusion": occlusion,
}

METHODS: tuple[str, ...] = tuple(_BY_NAME)
"""Names of the methods that `explain` takes."""


def explain(
    classifier: Classifier,
    dataset: xr.Dataset,
    method: str = "grad-cam",
    mode: Mode = None,
    seed: int = 0,
    **options: Any,
) -> xr.Dataset:
    """
    Why a classifier gives its answer: a map over each box.

    Parameters
    ----------
    classifier : Classifier
        Its score before the softmax is explained; the log probability where the network does
        not end in a softmax.
    dataset : xarray.Dataset
        The container.
    method : str, optional
        One of `METHODS`; each is a function of this package too.
    mode : str, int or sequence of str, optional
        The mode explained, by name or code, or one a storm; by default each storm's answer.
    seed : int, optional
        For the method that draws at random, SmoothGrad.
    **options
        Of the method's function, such as ``layer`` for Grad-CAM or ``stride`` for occlusion.

    Returns
    -------
    explained : xarray.Dataset
        `attribution` (storm, y, x), coordinate `mode` explained, `score` and `probability` of
        it (storm), and the storm coordinates of the boxes.

    Raises
    ------
    InputError
        If there is no such method or option, or as the method's function says.
    """
    if method not in _BY_NAME:
        raise unknown("method", method, METHODS)
    function = _BY_NAME[method]
    taken = inspect.signature(function).parameters
    if "seed" in taken:
        options = {"seed": seed, **options}
    known = [name for name, each in taken.items() if each.kind is each.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise InputError(
                f"Method {method} takes no option {name!r}; it takes {', '.join(known) or 'none'}."
            )
    return function(classifier, dataset, mode, **options)
