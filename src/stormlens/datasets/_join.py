"""Several containers as one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stormlens.datasets._boxes import require_alike

if TYPE_CHECKING:
    import xarray as xr


def join(parts: "Sequence[xr.Dataset]", *, where: str) -> "xr.Dataset":
    """
    Storms of several containers, one after the other.

    Parameters
    ----------
    parts : sequence of xarray.Dataset
        Containers with equal image sizes, units and, where labelled, classes.
    where : str
        What to call them in an error.

    Returns
    -------
    dataset : xarray.Dataset
        Attributes are the first part's; coordinates are those that every part has.

    Raises
    ------
    InputError
        If sizes, units or classes differ.
    """
    import xarray as xr

    images = [part["reflectivity"] for part in parts]
    require_alike("sizes", (part.shape[1:] for part in images), where)
    require_alike("units", (part.attrs.get("units") for part in images), where)
    labels = (part["mode"].attrs["flag_meanings"] if "mode" in part else None for part in parts)
    require_alike("classes", labels, where)
    if len(parts) == 1:
        return parts[0]
    shared = set.intersection(*({str(name) for name in part.coords} for part in parts))
    return xr.concat(
        [part.drop_vars(set(part.coords) - shared) for part in parts],
        dim="storm",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )


def with_split(dataset: "xr.Dataset", split: str | np.ndarray) -> "xr.Dataset":
    """
    A container with the coordinate `split`.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container.
    split : str or ndarray of str, shape (storm,)
        One name for all storms, or one each.

    Returns
    -------
    dataset : xarray.Dataset
    """
    return dataset.assign_coords(split=("storm", np.full(dataset.sizes["storm"], split)))
