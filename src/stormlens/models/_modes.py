"""
The mode that a box is given, from the network's probabilities and what radars saw of it.

A network sees 0 both where the air is clear and where no radar looks. Where
coverage is known, the two are told apart here, by the same rule for the
command line, maps and archives; probabilities stay the network's own.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

MISSING, CLEAR = "Missing", "Clear"

MISSING_BELOW = 0.5
"""Share of a box that radars must see, below which it is Missing whatever the network says."""

WHOLE_FROM = 0.98
"""Share from which a box counts as seen whole, and cannot be Missing."""


def name_modes(predictions: xr.Dataset) -> NDArray[np.str_]:
    """
    The name of each box's mode.

    Parameters
    ----------
    predictions : xarray.Dataset
        `probability` (storm, mode) as `Classifier.predict` gives it. Storm coordinates
        `coverage` and `echo`, as `stormlens.boxes.cut` sets them, are looked at where they
        are there.

    Returns
    -------
    names : ndarray of str, shape (storm,)
        The most probable class. For a classifier that knows the mode Missing, and boxes whose
        coverage is known, instead:

        - coverage below 0.5: Missing;
        - coverage of 0.5 or more and echo exactly 0 (no pixel at 5 dBZ or more): Clear, air
          without a storm, which is no class of the network;
        - coverage of 0.98 or more: the most probable of the other modes, for a box that
          radars see whole cannot be Missing;
        - in between: the most probable of all.

        NaN is unknown coverage or unknown echo.
    """
    modes = predictions["mode"].values.astype(str)
    probability = predictions["probability"].values
    names = modes[probability.argmax(axis=1)]
    if MISSING not in modes or len(modes) < 2:
        return names
    coverage, echo = (_known(predictions, name) for name in ("coverage", "echo"))
    others = np.flatnonzero(modes != MISSING)
    best_other = modes[others[probability[:, others].argmax(axis=1)]]
    # Comparisons with NaN are false, so what is unknown changes nothing.
    rules = [coverage < MISSING_BELOW, (coverage >= MISSING_BELOW) & (echo == 0)]
    return np.select([*rules, coverage >= WHOLE_FROM], [MISSING, CLEAR, best_other], names)


def heed_coverage(predictions: xr.Dataset) -> xr.Dataset:
    """
    Probabilities of boxes that radars see whole, given that they are not Missing.

    Parameters
    ----------
    predictions : xarray.Dataset
        `probability` (..., mode) of `Classifier.predict` or `slide`, with `coverage` (...).

    Returns
    -------
    predictions : xarray.Dataset
        Where coverage is 0.98 or more, the mode Missing has probability 0 and the others are
        divided by their sum: P(mode | box) / (1 - P(Missing | box)). All else is as it was, and
        everything is for a classifier that does not know that mode.
    """
    modes = predictions["mode"].values.astype(str).tolist()
    if MISSING not in modes or len(modes) < 2 or "coverage" not in predictions.variables:
        return predictions
    probability = predictions["probability"]
    whole = predictions["coverage"] >= WHOLE_FROM
    others = probability.where(probability["mode"] != MISSING, 0.0)
    total = others.sum("mode")
    given = xr.where(total > 0, others / total.where(total > 0, 1.0), 1 / (len(modes) - 1))
    given = given.where(given["mode"] != MISSING, 0.0).transpose(*probability.dims)
    heeded = probability.where(~whole, given).astype(probability.dtype)
    return predictions.assign(probability=heeded.assign_attrs(probability.attrs))


def _known(predictions: xr.Dataset, name: str) -> NDArray[np.floating]:
    if name in predictions.variables:
        return predictions[name].values
    return np.full(predictions.sizes["storm"], np.nan)
