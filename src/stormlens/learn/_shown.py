"""The storms that components show, unless they are given others: a few simulated ones."""

from functools import cache
from html import escape

import numpy as np
import xarray as xr

from stormlens.datasets import class_names, is_simulated, load
from stormlens.errors import InputError
from stormlens.plots import class_colours

_COUNT = 24


@cache
def simulated_storms() -> xr.Dataset:
    """A few simulated boxes of all modes, made once a process."""
    return load("simulated", split="test", count=_COUNT)


def chosen_storms(dataset: xr.Dataset | None) -> xr.Dataset:
    """The container given, checked, or the simulated storms."""
    if dataset is None:
        return simulated_storms()
    if not isinstance(dataset, xr.Dataset) or "reflectivity" not in dataset:
        raise InputError(
            "A component shows the storms of a Dataset as stormlens.load gives it, not a "
            f"{type(dataset).__name__}."
        )
    if dataset["reflectivity"].dims != ("storm", "y", "x") or not dataset.sizes["storm"]:
        raise InputError(
            f"A component shows boxes of dimensions (storm, y, x), at least one; these have "
            f"{dict(dataset['reflectivity'].sizes)}."
        )
    return dataset


def first_of_mode(dataset: xr.Dataset, mode: str) -> int:
    """Number of the first storm of a mode; 0 where there is none."""
    if "mode" not in dataset or mode not in class_names(dataset):
        return 0
    held = np.flatnonzero(dataset["mode"].values == class_names(dataset).index(mode))
    return int(held[0]) if held.size else 0


def storm_words(dataset: xr.Dataset, storm: int) -> str:
    """A storm's number, mode with its colour, and origin, as HTML."""
    words = f"Storm {storm}"
    if "mode" in dataset:
        names = class_names(dataset)
        mode = names[int(dataset["mode"].values[storm])]
        dot = f"<span style='color: {class_colours(names)[mode]}'>\N{BLACK CIRCLE}</span>"
        words = f"{dot} {words}: {escape(mode)}"
    return words + (" <span class='badge'>simulated</span>" if is_simulated(dataset) else "")
