"""
The grid that a file is brought to, chosen before anything is sampled.

A file that reaches the archive's national grid is brought to that; any other gets
a grid of the same kind and the same 3.75 km about its own middle. That grid
depends only on where a radar stands or what a composite spans, so all files of one
radar or product share it.
"""

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._options import AUTO, Options
from stormlens.stormbox import NATIONAL, SIZE, Grid, Mosaic

Floats = NDArray[np.floating]

_BESIDE = SIZE // 2
"""Cells about what a file spans, so that there is a whole box around each of its places."""

_MOST = 1000
"""Cells from the middle of a grid to its side, 3,750 km."""

_LATTICE = 129
"""Places along a side of a file's grid by which its extent is known."""


def choose_grid(
    options: Options,
    longitude: Floats,
    latitude: Floats,
    middle: tuple[float, float],
    name: str,
    least: int = _BESIDE,
) -> Grid:
    """
    The grid for a file.

    Parameters
    ----------
    options : Options
        `grid` may name one, or a centre.
    longitude, latitude : ndarray of float
        Places all over what the file spans, its edge among them, degrees; what is not finite is no
        place.
    middle : tuple of float
        Latitude and longitude about which a grid of its own lies, degrees.
    name : str
        What errors call the file.
    least : int, optional
        Cells from the middle of such a grid to its side, at least.

    Returns
    -------
    grid : Grid

    Raises
    ------
    InputError
        If the file does not reach the requested grid, or spans too much for one of its own.
    """
    placed = np.isfinite(longitude) & np.isfinite(latitude)
    if not placed.any() or not np.isfinite(middle).all():
        raise InputError(f"{name} lies nowhere on earth; its places or its projection are damaged.")
    longitude, latitude = longitude[placed], latitude[placed]
    wanted = options.grid
    if wanted == AUTO:
        if _reaches(NATIONAL, longitude, latitude):
            return NATIONAL
        grid, holds_all = _around(middle, longitude, latitude, least)
        if not holds_all:
            raise InputError(
                f"{name} spans {_span(longitude, latitude)}, more than one grid of storm boxes "
                "holds; choose its middle with --grid LAT,LON (in Python Options(grid=...))."
            )
        return grid
    if isinstance(wanted, tuple):
        grid, _ = _around(wanted, longitude, latitude, least)
    else:
        grid = wanted if isinstance(wanted, Grid) else Grid.named(wanted)
    if not _reaches(grid, longitude, latitude):
        raise _out_of_reach(name, grid, longitude, latitude)
    return grid


def grid_of_meridians(longitude: Floats, latitude: Floats, options: Options, name: str) -> Grid:
    """
    The grid for a file of meridians and parallels, whose axes are checked first.

    Parameters
    ----------
    longitude : ndarray of float, shape (columns,)
        Degrees east, evenly spaced; 0 to 360 is understood too.
    latitude : ndarray of float, shape (rows,)
        Degrees north, evenly spaced.
    options : Options
        See `choose_grid`.
    name : str
        What errors call the file.

    Returns
    -------
    grid : Grid

    Raises
    ------
    InputError
        If an axis is empty, not finite, out of bounds or uneven, or as `choose_grid`.
    """
    for axis, values, limit in (("longitude", longitude, 540), ("latitude", latitude, 90)):
        if values.ndim != 1 or values.size < 2 or not (np.abs(values) <= limit).all():
            raise InputError(f"{name}: its {axis} is no axis of degrees; the file is damaged.")
        if not is_even(values):
            raise InputError(f"{name}: its {axis} is not evenly spaced; the file is damaged.")
    middle = float(latitude[[0, -1]].mean()), float(longitude[[0, -1]].mean())
    places = np.meshgrid(longitude[lattice(len(longitude))], latitude[lattice(len(latitude))])
    return choose_grid(options, *places, middle, name)


def on_its_grid(mosaic: Mosaic, name: str, options: Options) -> Mosaic:
    """
    A mosaic that lies on a grid already, if that is the requested one.

    Parameters
    ----------
    mosaic : Mosaic
        As read.
    name : str
        What errors call the file.
    options : Options
        See `choose_grid`.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If another grid is requested: the values were chosen for this one, and are not moved.
    """
    wanted, found = options.grid, mosaic.grid
    if isinstance(wanted, tuple):
        wanted = Grid.around(*wanted, (found.shape[0] // 2, found.shape[1] // 2))
    if wanted not in (AUTO, found):
        raise InputError(
            f"{name} lies on the grid {found.name} already, and is not moved; leave --grid out."
        )
    return mosaic


def lattice(n: int) -> NDArray[np.intp]:
    """
    Some of the rows or columns of a grid, the first and the last among them.

    Parameters
    ----------
    n : int
        How many there are.

    Returns
    -------
    numbers : ndarray of int
        All, or 129 of them.
    """
    return np.linspace(0, n - 1, min(n, _LATTICE)).astype(np.intp)


def _out_of_reach(name: str, grid: Grid, longitude: Floats, latitude: Floats) -> InputError:
    """The sentence for a file of another part of the world than the grid."""
    known = f"the grid {grid.name}"
    if grid == NATIONAL:
        known = "the national grid of the contiguous United States"
    return InputError(
        f"{name} spans {_span(longitude, latitude)}, which does not reach {known}; without --grid "
        "it gets a grid of its own."
    )


def is_even(axis: Floats) -> bool:
    """
    Whether the entries of an axis are evenly spaced, to a fifth of a step.

    Parameters
    ----------
    axis : ndarray of float, shape (n,)
        Two entries or more.

    Returns
    -------
    even : bool
    """
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    ideal = axis[0] + step * np.arange(len(axis))
    return bool(step != 0 and np.abs(axis - ideal).max() <= abs(step) / 5)


def _reaches(grid: Grid, longitude: Floats, latitude: Floats) -> bool:
    return bool(grid.holds(*grid.cell(longitude, latitude)).any())


def _around(
    middle: tuple[float, float], longitude: Floats, latitude: Floats, least: int
) -> tuple[Grid, bool]:
    """A grid about a middle, as large as all places need or as may be; and whether all fit."""
    x, y = Grid.around(*middle, (0, 0)).cell(longitude, latitude)
    half = []
    for offset in (y, x):
        # In this projection the far pole is infinitely far away.
        farthest = float(np.abs(offset[np.isfinite(offset)]).max(initial=0))
        half.append(max(int(np.ceil(farthest)) + _BESIDE, least))
    fits = bool(np.isfinite(x).all() and np.isfinite(y).all() and max(half) <= _MOST)
    return Grid.around(*middle, (min(half[0], _MOST), min(half[1], _MOST))), fits


def _span(longitude: Floats, latitude: Floats) -> str:
    return (
        f"{latitude.min():.2f} to {latitude.max():.2f} N, "
        f"{longitude.min():.2f} to {longitude.max():.2f} E"
    )
