"""
The cut itself: windows of a mosaic, with what radars saw of each.

A box is 136 x 136 cells, an even number, so its centre lies between cells; it
is placed so that the wanted point is within half a cell of it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.boxes._mosaics import takes_datasets
from stormlens.datasets import make_boxes
from stormlens.errors import InputError
from stormlens.stormbox import ECHO_DBZ, NATIONAL, SIZE, Boxes, Grid, Mosaic

_Value = TypeVar("_Value", np.uint8, np.bool_)

_AT_A_TIME = 256  # boxes: the masks of thousands would take gigabytes


@takes_datasets
def cut(mosaic: Mosaic, x: ArrayLike, y: ArrayLike, *, unid: ArrayLike | None = None) -> Boxes:
    """
    Cut storm boxes centred on cells of a mosaic's grid.

    Parameters
    ----------
    mosaic : Mosaic or xarray.Dataset
        As `stormlens.readers.read_mosaic`, or `read` or `make_mosaic`, gives it.
    x, y : array_like of float, shape (storm,)
        Cell numbers of the wanted centres, with fractions; anywhere, outside the grid too.
    unid : array_like of str, shape (storm,), optional
        Identifiers; by default time and centre such as ``20050828T1801Z-29.93N-089.82W``, and
        behind an at sign the grid where it is not the national one.

    Returns
    -------
    boxes : Boxes or xarray.Dataset
        A Dataset of a Dataset: the container (see `stormlens.datasets.make_dataset`). Each
        storm has a name, a time and a place, and `xmin`, `ymin` int32, the south-west cell,
        negative where a box leaves the grid, and `grid`, its name; `coverage` float32, 0 to 1,
        the share of the box that some radar sees; `echo` float32, 0 to 1, the share at 5 dBZ or
        more. Cells outside the grid read 0 and count as unseen.

    Raises
    ------
    InputError
        If `mosaic` is none, or `x` and `y` are not numbers of equal shape.

    Examples
    --------
    >>> from stormlens.readers import make_mosaic
    >>> clear = make_mosaic(np.zeros((899, 1399)), np.ones((899, 1399)), time=None, source="none")
    >>> boxes = cut(clear, [699.5], [-0.5])  # the southern half lies outside the grid
    >>> print(boxes.xmin.item(), boxes.ymin.item(), boxes.coverage.item(), boxes.unid.item())
    632 -68 0.5 23.50N-097.48W
    """
    xmin, ymin = (_first_cell(axis, name) for axis, name in ((x, "x"), (y, "y")))
    if xmin.shape != ymin.shape:
        raise InputError(f"x has shape {xmin.shape} and y {ymin.shape}; give as many of each.")
    if not len(xmin):  # boxes are made of at least one
        return cut(mosaic, [0], [0]).chosen(slice(0))
    grid = mosaic.grid
    longitude, latitude = grid.box_centre(xmin, ymin)
    boxes = make_boxes(
        _windows(mosaic.reflectivity, xmin, ymin),
        unid=box_names(mosaic.time, latitude, longitude, grid) if unid is None else unid,
        time=np.full(len(xmin), mosaic.time),
        latitude=latitude,
        longitude=longitude,
        source=mosaic.source,
        simulated=mosaic.simulated,
        where="boxes",
    )
    seen = {
        "xmin": xmin,
        "ymin": ymin,
        "grid": np.full(len(xmin), grid.name),
        "coverage": _shares(mosaic.coverage, xmin, ymin),
        "echo": _shares(mosaic.reflectivity >= ECHO_DBZ, xmin, ymin),
    }
    return replace(boxes, storm={**boxes.storm, **seen})


def is_number(value: Any) -> bool:
    """Whether a setting is a real number, NumPy's included; NaN is one."""
    return isinstance(value, Real)


def _first_cell(centre: ArrayLike, name: str) -> NDArray[np.int32]:
    """First of the 136 cells whose middle comes nearest to the centre."""
    try:
        values = np.atleast_1d(np.asarray(centre, float))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds what are no cell numbers ({error}).") from error
    if values.ndim != 1 or not (np.abs(values) < 1e6).all():
        raise InputError(f"{name} must hold one finite cell number a box.")
    return np.floor(values - (SIZE - 1) / 2 + 0.5).astype(np.int32)


def _windows(
    field: NDArray[_Value], xmin: NDArray[np.int32], ymin: NDArray[np.int32]
) -> NDArray[_Value]:
    padded = np.pad(field, SIZE)
    row, column = (
        _in_padded(first, cells) for first, cells in zip((ymin, xmin), field.shape, strict=True)
    )
    return np.lib.stride_tricks.sliding_window_view(padded, (SIZE, SIZE))[row, column]


def _shares(
    mask: NDArray[np.bool_], xmin: NDArray[np.int32], ymin: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Share of each box where the mask holds, some boxes at a time."""
    shares = np.empty(len(xmin), np.float32)
    for start in range(0, len(xmin), _AT_A_TIME):
        some = slice(start, start + _AT_A_TIME)
        shares[some] = _windows(mask, xmin[some], ymin[some]).mean(axis=(1, 2))
    return shares


def _in_padded(first: NDArray[np.int32], cells: int) -> NDArray[np.int32]:
    """Where a box begins in a mosaic framed by 136 cells; one that lies outside sees the frame."""
    return np.clip(first, -SIZE, cells) + np.int32(SIZE)


def box_names(
    time: np.datetime64,
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    grid: Grid = NATIONAL,
) -> list[str]:
    """
    Identifiers from time and place, all different.

    Parameters
    ----------
    time : datetime64
        UTC; NaT where unknown, and then left out.
    latitude, longitude : ndarray of float, shape (storm,)
        Degrees of the box centres. Hundredths tell any two cells apart.
    grid : Grid, optional
        What they are cells of; the national grid is not named.

    Returns
    -------
    names : list of str
        ``-2`` and so on is added where a place recurs.
    """
    minute = np.datetime_as_string(time, unit="m").replace("-", "").replace(":", "")
    stamp = "" if np.isnat(time) else f"{minute}Z-"
    of_grid = "" if grid == NATIONAL else f"@{grid.name}"
    return unique_ids(
        f"{stamp}{abs(north):05.2f}{'N' if north >= 0 else 'S'}-"
        f"{abs(east):06.2f}{'E' if east >= 0 else 'W'}{of_grid}"
        for north, east in zip(latitude, longitude, strict=True)
    )


def unique_ids(names: Iterable[str]) -> list[str]:
    """
    Make names unique, by ``-2``, ``-3`` and so on where one recurs.

    Parameters
    ----------
    names : iterable of str
        In order.

    Returns
    -------
    ids : list of str
        In the same order; the first of equal names stays as it is.
    """
    unique: dict[str, None] = {}
    counts: Counter[str] = Counter()
    for name in names:
        new = name
        while new in unique:
            counts[name] += 1
            new = f"{name}-{counts[name] + 1}"
        unique[new] = None
    return list(unique)
