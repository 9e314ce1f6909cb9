"""Whether a file's grid reaches the national one, told before anything is sampled."""

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._mosaic import grid_lonlat


def require_reach(
    longitude: NDArray[np.floating], latitude: NDArray[np.floating], name: str
) -> None:
    """
    Raise a sentence unless a grid of meridians and parallels is one, and meets the national grid.

    Parameters
    ----------
    longitude : ndarray of float, shape (columns,)
        Degrees east, evenly spaced; 0 to 360 is understood too.
    latitude : ndarray of float, shape (rows,)
        Degrees north, evenly spaced.
    name : str
        What errors call the file.

    Raises
    ------
    InputError
        If an axis is empty, not finite, out of bounds or uneven, or no cell of the national grid
        lies within both.
    """
    for axis, values, limit in (("longitude", longitude, 540), ("latitude", latitude, 90)):
        if values.ndim != 1 or values.size < 2 or not (np.abs(values) <= limit).all():
            raise InputError(f"{name}: its {axis} is no axis of degrees; the file is damaged.")
        if not is_even(values):
            raise InputError(f"{name}: its {axis} is not evenly spaced; the file is damaged.")
    low, high = sorted((latitude[0], latitude[-1]))
    west, east = sorted((longitude[0], longitude[-1]))
    for every in (16, 1):  # a few cells settle it for all but small grids
        meridian, parallel = (array[::every, ::every] for array in grid_lonlat())
        inside = (parallel >= low) & (parallel <= high)
        inside &= np.mod(meridian - west, 360) <= east - west
        if inside.any():
            return
    raise out_of_reach(name, f"{low:.2f} to {high:.2f} N, {west:.2f} to {east:.2f} E")


def out_of_reach(name: str, where: str) -> InputError:
    """
    The sentence for a file of another part of the world.

    Parameters
    ----------
    name, where : str
        The file, and what it spans.

    Returns
    -------
    error : InputError
    """
    return InputError(
        f"{name} spans {where}, which does not reach the national grid of the contiguous "
        "United States."
    )


def is_even(axis: NDArray[np.floating]) -> bool:
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
