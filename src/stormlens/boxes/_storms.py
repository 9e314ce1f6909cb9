"""
Boxes where the storms are: one for each region of strong echo, neighbours merged.

A region is a set of cells at or above the threshold that touch by side or
corner. Regions are taken by area, largest first. A region whose centre lies in
the inner part of a box already placed is part of that box's storm and gets none
of its own; every other one becomes the centre of a new box. So two storms in one
box are one box, and the centre of every region is well inside some box.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.boxes._cut import cut, is_number
from stormlens.boxes._defaults import MINIMUM_AREA_KM2, THRESHOLD_DBZ
from stormlens.boxes._mosaics import takes_datasets
from stormlens.boxes._regions import find_regions
from stormlens.errors import InputError
from stormlens.stormbox import MAX_DBZ, PIXEL_KM, SIZE, Boxes, Mosaic

MARGIN = 16
"""Cells (60 km) along a box's edge where another region is not yet part of its storm."""


@takes_datasets
def find_storms(
    mosaic: Mosaic,
    threshold: float = THRESHOLD_DBZ,
    minimum_area: float = MINIMUM_AREA_KM2,
) -> Boxes:
    """
    Cut one box around each storm of a mosaic.

    Parameters
    ----------
    mosaic : Mosaic or xarray.Dataset
        As `stormlens.readers.read_mosaic` or `read` gives it.
    threshold : float, optional
        Lowest reflectivity of a region, dBZ, 1 to 80; 40 by default [1]_.
    minimum_area : float, optional
        Smaller regions are passed over, km2; 100 by default. A cell is 14.0625 km2.

    Returns
    -------
    boxes : Boxes or xarray.Dataset
        As `cut` gives it, by the area of the region at the centre, largest first; of equal
        ones the southernmost first. A box is centred on the middle of its region's bounds, so
        that nothing of it is cut away; along an axis on which the region is longer than a box,
        on the mean of its cells, where most of it is. A region whose centre lies in the inner
        390 km of the box of a larger one belongs to that. There may be no box.

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
    check_core(threshold, minimum_area)
    centres = _centres(mosaic.reflectivity >= threshold, minimum_area)
    centres = centres[_own_box(centres)]
    return cut(mosaic, centres[:, 1], centres[:, 0])


def check_core(threshold: Any, minimum_area: Any) -> None:
    """
    Raise a sentence for a storm's core that cannot be.

    Parameters
    ----------
    threshold : float
        dBZ.
    minimum_area : float
        km2.

    Raises
    ------
    InputError
        If one is no number, or out of bounds.
    """
    if not is_number(threshold) or not 1 <= threshold <= MAX_DBZ:
        raise InputError(f"The threshold is {threshold} dBZ; it must lie in 1 to {MAX_DBZ}.")
    if not is_number(minimum_area) or not 0 <= minimum_area < np.inf:
        raise InputError(f"The minimum area is {minimum_area} km2; give 0 or more.")


def _centres(strong: NDArray[np.bool_], minimum_area: float) -> NDArray[np.float64]:
    """Centres (y, x) of regions, the largest first."""
    regions = find_regions(strong)
    kept = np.flatnonzero(regions.cells * PIXEL_KM**2 >= minimum_area)
    kept = kept[np.argsort(-regions.cells[kept], kind="stable")]
    low, high = regions.low[kept], regions.high[kept]
    return np.where(high - low < SIZE, (low + high) / 2, regions.mean[kept])


def _own_box(centres: NDArray[np.float64]) -> list[int]:
    """Which regions become the centre of a box; the others lie in one of theirs."""
    chosen: list[int] = []
    free = np.ones(len(centres), bool)
    for i in range(len(free)):
        if free[i]:
            chosen.append(i)
            free &= (np.abs(centres - centres[i]) > SIZE / 2 - MARGIN).any(axis=1)
    return chosen
