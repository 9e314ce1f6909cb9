"""
Storm boxes as plain arrays, checked: `make_boxes`, and several of them as one.

The container of `stormlens.datasets` is the same as an xarray.Dataset; nothing here imports xarray.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from stormlens.errors import InputError, printable
from stormlens.stormbox import MAX_DBZ, Boxes, nanoseconds

_MAX_TEXT = 2**25


def make_boxes(
    reflectivity: ArrayLike,
    *,
    unid: ArrayLike | None = None,
    time: ArrayLike | None = None,
    latitude: ArrayLike | None = None,
    longitude: ArrayLike | None = None,
    source: str,
    simulated: bool = False,
    units: str = "dBZ",
    where: str = "reflectivity",
) -> Boxes:
    """
    Put images and what is known of them together, as plain arrays.

    Parameters
    ----------
    reflectivity, unid, time, latitude, longitude, source, simulated, units, where
        As `make_dataset` takes them.

    Returns
    -------
    boxes : Boxes

    Raises
    ------
    InputError
        If a shape or a value is out of bounds.

    Examples
    --------
    >>> boxes = make_boxes(np.zeros((2, 136, 136)), source="two empty boxes")
    >>> len(boxes), boxes.storm["unid"].tolist()
    (2, ['box-00000', 'box-00001'])
    """
    given = np.asarray(reflectivity)
    images = check_reflectivity(given, where=where, maximum=MAX_DBZ if units == "dBZ" else 255)
    if np.may_share_memory(images, given):
        images = images.copy()
    n = len(images)
    if unid is None:
        unid = [f"box-{i:05d}" for i in range(n)]
    storm = {
        "unid": storm_values("unid", unid, n, "str", where),
        "time": storm_values("time", time, n, "datetime64[ns]", where),
        "latitude": storm_values("latitude", latitude, n, "float64", where),
        "longitude": storm_values("longitude", longitude, n, "float64", where),
    }
    return Boxes(images, storm, printable(source), simulated, units)


def join_boxes(parts: Sequence[Boxes], *, where: str) -> Boxes:
    """
    Several boxes as one, one after the other.

    Parameters
    ----------
    parts : sequence of Boxes
        One or more, of equal image sizes and units.
    where : str
        What to call them in an error.

    Returns
    -------
    boxes : Boxes
        Source and the mark of simulated boxes are the first part's; of a storm is kept what is
        known in every part.

    Raises
    ------
    InputError
        If sizes or units differ.
    """
    require_alike("sizes", (part.reflectivity.shape[1:] for part in parts), where)
    require_alike("units", (part.units for part in parts), where)
    first = parts[0]
    storm = {
        name: np.concatenate([part.storm[name] for part in parts])
        for name in first.storm
        if all(name in part.storm for part in parts)
    }
    images = np.concatenate([part.reflectivity for part in parts])
    return Boxes(images, storm, first.source, first.simulated, first.units)


def require_alike(what: str, values: Iterable[object], where: str) -> None:
    """
    Raise a sentence unless all parts have the same of something.

    Parameters
    ----------
    what : str
        In the plural, such as ``"sizes"``.
    values : iterable
        One a part.
    where : str
        What to call the parts.

    Raises
    ------
    InputError
        If two differ.
    """
    found = list(dict.fromkeys(values))
    if len(found) > 1:
        raise InputError(
            f"{where}: images differ in their {what} ({found[0]}, {found[1]}); keep one."
        )


def storm_values(name: str, values: ArrayLike | None, n: int, dtype: str, where: str) -> np.ndarray:
    """
    What is known of boxes, one value each.

    Parameters
    ----------
    name : str
        Of the coordinate.
    values : array_like, shape (n,), or None
        None where nothing is known.
    n : int
        Boxes.
    dtype : str
        What the values must be.
    where : str
        What error messages call the boxes.

    Returns
    -------
    values : ndarray, shape (n,)
        NaT or NaN for all where nothing is known.

    Raises
    ------
    InputError
        If there is not one value a box, or one is of another kind.
    """
    if values is None:
        return np.full(n, "NaT" if name == "time" else "NaN", dtype)
    array = np.asarray(values)
    if array.shape != (n,):
        msg = f"{where}: {name} has shape {array.shape} for {n} images; give one value each."
        raise InputError(msg)
    if name == "time" and array.dtype.kind not in "MOU":
        msg = f"{where}: time holds {array.dtype} values, not dates; give UTC as datetime64."
        raise InputError(msg)
    try:
        if dtype == "str":
            return _texts(name, array, where)
        return nanoseconds(array, where) if name == "time" else array.astype(dtype)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {name} holds values that are not {dtype}: {error}.") from error


def _texts(name: str, array: np.ndarray, where: str) -> np.ndarray:
    texts = list(map(printable, map(str, array.astype(str) if array.dtype.kind == "S" else array)))
    longest = max(map(len, texts), default=0)
    if len(texts) * longest > _MAX_TEXT:  # NumPy takes as much for each as for the longest
        raise InputError(f"{where}: {name} holds text of {longest} characters; shorten it.")
    return np.array(texts, str)


def check_reflectivity(
    values: ArrayLike, *, where: str, maximum: int = MAX_DBZ, shape: tuple[int, int] | None = None
) -> np.ndarray:
    """
    Images as uint8, or an error that says which value cannot be one.

    Parameters
    ----------
    values : array_like, shape (storm, y, x) or (storm, y, x, 1)
        Numbers from 0 to `maximum`; fractions are truncated as the archive does.
    where : str
        What to call the images in an error.
    maximum : int, optional
        Highest value accepted.
    shape : tuple of int, optional
        Rows and columns required; any by default.

    Returns
    -------
    images : ndarray of uint8, shape (storm, y, x)
        The values' own memory where they are uint8 already.

    Raises
    ------
    InputError
        If the shape is wrong, there is no image, or a value is NaN, negative or above `maximum`.
    """
    array = np.asarray(values)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3 or array.size == 0:
        msg = f"{where}: shape {array.shape} is not (storm, y, x) with at least one image."
        raise InputError(msg)
    if shape is not None and array.shape[1:] != tuple(shape):
        found, due = (f"{rows} x {columns}" for rows, columns in (array.shape[1:], shape))
        raise InputError(f"{where}: images are {found} pixels; {due} are needed.")
    if array.dtype.kind not in "iuf":
        raise InputError(f"{where}: values of type {array.dtype} are no reflectivity in dBZ.")
    _check_range(array, where, maximum)
    return array.astype(np.uint8, copy=False)


def _check_range(array: np.ndarray, where: str, maximum: int) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        storm, y, x = np.argwhere(~np.isfinite(array))[0]
        msg = (
            f"{where}: image {storm} has {array[storm, y, x]} at row {y}, column {x}; "
            "write 0 where there is no echo."
        )
        raise InputError(msg)
    if (array.dtype.kind == "u" or array.min() >= 0) and array.max() <= maximum:
        return  # in a fraction of the time that finding a place takes
    for worst, limit in ((array.argmin(), "negative"), (array.argmax(), f"above {maximum}")):
        storm, y, x = np.unravel_index(worst, array.shape)
        value = array[storm, y, x]
        if (limit == "negative" and value < 0) or (limit != "negative" and value > maximum):
            msg = (
                f"{where}: image {storm} has {value} at row {y}, column {x}, which is {limit}; "
                f"values run from 0 (no echo) to {maximum}."
            )
            raise InputError(msg)
