"""Mosaics of both kinds, a `Mosaic` or an xarray.Dataset: one rule for what is given back."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, overload

import numpy as np

from stormlens.errors import InputError
from stormlens.stormbox import Boxes, Grid, Mosaic, grid_of, is_dataset

if TYPE_CHECKING:
    import xarray as xr

P = ParamSpec("P")


class _OfBothKinds(Protocol[P]):
    """A function that gives of each kind of mosaic the same kind of boxes."""

    @overload
    def __call__(self, mosaic: Mosaic, /, *args: P.args, **kwargs: P.kwargs) -> Boxes: ...

    @overload
    def __call__(
        self, mosaic: "xr.Dataset", /, *args: P.args, **kwargs: P.kwargs
    ) -> "xr.Dataset": ...


def takes_datasets(function: Callable[Concatenate[Mosaic, P], Boxes]) -> _OfBothKinds[P]:
    """
    Let a function of a `Mosaic` take an xarray.Dataset too, and then give one.

    Parameters
    ----------
    function : callable
        ``function(mosaic, ...)`` gives `Boxes`.

    Returns
    -------
    function : callable
        It raises `InputError` where its first argument is no mosaic.
    """

    @wraps(function)
    def of_both(mosaic: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
        boxes = function(as_mosaic(mosaic), *args, **kwargs)
        return boxes if isinstance(mosaic, Mosaic) else boxes.to_xarray()

    return of_both


def as_mosaic(given: object) -> Mosaic:
    """
    The mosaic that this is.

    Parameters
    ----------
    given : object
        A mosaic of either kind, or anything.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If it is no mosaic, or reflectivity, coverage or time is missing or not as its grid is.
    """
    if not isinstance(given, Mosaic) and not is_dataset(given):
        raise InputError(
            f"Boxes are cut from a mosaic, not from a {type(given).__name__}; make one with "
            "stormlens.readers.read."
        )
    variables: Any = given.variables if is_dataset(given) else vars(given)
    due = {**dict.fromkeys(("reflectivity", "coverage"), _grid(given).shape), "time": ()}
    for name, shape in due.items():
        if name not in variables:
            raise _unlike(name, shape, "nothing")
    # Before `from_xarray`, which takes the time for a scalar. Planes are compared after it, since
    # it puts a part of a mosaic back into the whole.
    if np.shape(variables["time"]):
        raise _unlike("time", (), np.shape(variables["time"]))
    mosaic = given if isinstance(given, Mosaic) else Mosaic.from_xarray(given)
    for name, shape in due.items():
        if np.shape(getattr(mosaic, name)) != shape:
            raise _unlike(name, shape, np.shape(getattr(mosaic, name)))
    return mosaic


def _grid(given: "Mosaic | xr.Dataset") -> Grid:
    return given.grid if isinstance(given, Mosaic) else grid_of(given)


def _unlike(name: str, due: tuple[int, ...], found: object) -> InputError:
    return InputError(
        f"The mosaic's {name} must have shape {due}, and there is {found}; make it with "
        "stormlens.readers.read or make_mosaic."
    )
