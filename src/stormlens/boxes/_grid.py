"""Boxes on a regular grid over the mosaic, wherever radars see enough to tell."""

import numpy as np

from stormlens.boxes._cut import cut, of_either
from stormlens.errors import InputError
from stormlens.stormbox import SIZE, Boxes, Mosaic

STRIDE = SIZE // 2
"""Cells between one box and the next unless told: each overlaps its neighbour by half."""

MINIMUM_COVERAGE = 0.5
"""Share of a box that radars must see unless told."""


@of_either
def grid(
    mosaic: Mosaic, stride: int = STRIDE, *, minimum_coverage: float = MINIMUM_COVERAGE
) -> Boxes:
    """
    Boxes that slide over the mosaic in equal steps.

    Parameters
    ----------
    mosaic : Mosaic or xarray.Dataset
        As `stormlens.readers.read_mosaic` or `read` gives it.
    stride : int, optional
        Cells from one box to the next, 1 or more; 68 (half a box) unless told.
    minimum_coverage : float, optional
        Boxes of which radars see a smaller share, 0 to 1, are left out; 0 keeps all.

    Returns
    -------
    boxes : Boxes or xarray.Dataset
        As `cut` gives it, with south-west cells at 0, `stride`, 2 `stride` and so on, whole
        boxes only, row by row from the south-west.

    Raises
    ------
    InputError
        If `stride` or `minimum_coverage` is out of bounds, or `mosaic` is none.
    """
    if isinstance(stride, bool) or not isinstance(stride, int | np.integer) or stride < 1:
        raise InputError(f"The stride is {stride!r}; give a whole number of cells, 1 or more.")
    if not 0 <= minimum_coverage <= 1:
        raise InputError(f"minimum_coverage is {minimum_coverage!r}; it must lie in [0, 1].")
    first = [np.arange(0, cells - SIZE + 1, stride) for cells in mosaic.grid.shape]
    y, x = (axis.ravel() + (SIZE - 1) / 2 for axis in np.meshgrid(*first, indexing="ij"))
    boxes = cut(mosaic, x, y)
    return boxes.chosen(boxes.storm["coverage"] >= minimum_coverage)
