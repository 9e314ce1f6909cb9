"""Boxes on a regular grid over the mosaic, wherever radars see enough to tell."""

import numpy as np

from stormlens.boxes._cut import cut
from stormlens.boxes._defaults import MINIMUM_COVERAGE, STRIDE
from stormlens.boxes._mosaics import takes_datasets
from stormlens.errors import InputError
from stormlens.stormbox import SIZE, Boxes, Mosaic


@takes_datasets
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
        Cells from one box to the next, 1 or more; by default 68, half a box.
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
    check_stride(stride)
    if not 0 <= minimum_coverage <= 1:
        raise InputError(f"minimum_coverage is {minimum_coverage!r}; it must lie in [0, 1].")
    # A stride beyond the grid is one box; NumPy fails on numbers of more than 64 bits.
    steps = [(cells, min(stride, cells)) for cells in mosaic.grid.shape]
    first = [np.arange(0, cells - SIZE + 1, step) for cells, step in steps]
    y, x = (axis.ravel() + (SIZE - 1) / 2 for axis in np.meshgrid(*first, indexing="ij"))
    boxes = cut(mosaic, x, y)
    return boxes.chosen(boxes.storm["coverage"] >= minimum_coverage)


def check_stride(stride: int) -> None:
    """
    Raise a sentence for a stride that cannot be.

    Parameters
    ----------
    stride : int
        Cells.

    Raises
    ------
    InputError
        If it is no whole number, or below 1.
    """
    if isinstance(stride, bool) or not isinstance(stride, int | np.integer) or stride < 1:
        raise InputError(f"The stride is {stride!r}; give a whole number of cells, 1 or more.")
