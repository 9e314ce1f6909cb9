"""
Boxes where the storms are: one for each region of strong echo, neighbours merged.

A region is a set of cells at or above the threshold that touch by side or
corner. Regions are taken by area, largest first. A region that lies whole in
the inner part of a box already placed is part of that box's storm and gets
none of its own; every other one becomes the centre of a new box. So each region
is whole in some box, or, where it is larger than a box, has one to itself.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens.boxes._cut import check_mosaic, cut
from stormlens.errors import InputError
from stormlens.stormbox import MAX_DBZ, PIXEL_KM, SIZE

THRESHOLD_DBZ = 40
"""Lowest reflectivity of a storm's core unless told, dBZ; convective as in Steiner et al. 1995."""

MINIMUM_AREA_KM2 = 100.0
"""Smallest region unless told, km2: a core some 11 km across."""

MARGIN = 16
"""Cells (60 km) along a box's edge where another region is not yet part of its storm."""


class _Regions(NamedTuple):
    """Regions by area, largest first: bounds (inclusive) and centres in cells, shape (n, 2)."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    centre: NDArray[np.float64]


def find_storms(
    mosaic: xr.Dataset,
    threshold: int = THRESHOLD_DBZ,
    minimum_area: float = MINIMUM_AREA_KM2,
) -> xr.Dataset:
    """
    Cut one box around each storm of a mosaic.

    Parameters
    ----------
    mosaic : xarray.Dataset
        As `stormlens.readers.read` gives it.
    threshold : int, optional
        Lowest reflectivity of a region, dBZ, 1 to 80; 40 unless told [1]_.
    minimum_area : float, optional
        Smaller regions are passed over, km2; 100 unless told. A cell is 14.0625 km2.

    Returns
    -------
    boxes : xarray.Dataset
        As `cut` gives it, by the area of the region at the centre, largest first; of equal
        ones the southernmost first. A box is centred on the middle of its region's bounds, so
        that nothing of it is cut away; along an axis on which the region is longer than a box,
        on the mean of its cells, where most of it is. Regions that lie whole in the inner
        390 km of a box belong to it. There may be no box.

    Raises
    ------
    InputError
        If `threshold` or `minimum_area` is out of bounds, or `mosaic` is none.

    References
    ----------
    .. [1] Steiner, Houze and Yuter (1995), Climatological characterization of
       three-dimensional storm structure from operational radar and rain gauge data,
       J. Appl. Meteor. 34, 1978-2007.
    """
    if not 1 <= threshold <= MAX_DBZ:
        raise InputError(f"The threshold is {threshold} dBZ; it must lie in 1 to {MAX_DBZ}.")
    if not 0 <= minimum_area < np.inf:
        raise InputError(f"The minimum area is {minimum_area} km2; give 0 or more.")
    check_mosaic(mosaic)
    regions = _regions(mosaic["reflectivity"].values >= threshold, minimum_area)
    centres = regions.centre[_own_box(regions)]
    return cut(mosaic, centres[:, 1], centres[:, 0])


def _regions(strong: NDArray[np.bool_], minimum_area: float) -> _Regions:
    from scipy import ndimage

    labels, n = ndimage.label(strong, structure=np.ones((3, 3)))
    cells = np.bincount(labels[strong], minlength=n + 1)[1:]
    kept = np.flatnonzero(cells * PIXEL_KM**2 >= minimum_area)
    kept = kept[np.argsort(-cells[kept], kind="stable")]
    slices = ndimage.find_objects(labels)
    low = np.array([[axis.start for axis in slices[i]] for i in kept], int).reshape(-1, 2)
    high = np.array([[axis.stop - 1 for axis in slices[i]] for i in kept], int).reshape(-1, 2)
    sums = (np.bincount(labels[strong], at, n + 1)[1:] for at in np.nonzero(strong))
    mean = np.stack([total[kept] / cells[kept] for total in sums], axis=1)
    return _Regions(low, high, np.where(high - low < SIZE, (low + high) / 2, mean))


def _own_box(regions: _Regions) -> list[int]:
    """Which regions become the centre of a box; the others lie in one of theirs."""
    half = SIZE / 2 - MARGIN
    chosen: list[int] = []
    free = np.ones(len(regions.centre), bool)
    for i in range(len(free)):
        if not free[i]:
            continue
        chosen.append(i)
        inner_low, inner_high = regions.centre[i] - half, regions.centre[i] + half
        inside = (regions.low >= inner_low) & (regions.high <= inner_high)
        free &= ~inside.all(axis=1)
    return chosen
