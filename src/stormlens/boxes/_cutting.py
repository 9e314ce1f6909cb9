"""
Which boxes are cut from a mosaic, as one value.

`stormlens classify`, archives and the server cut by it, and so can a notebook. It is
checked when it is made, before any file is read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from stormlens.boxes._defaults import (
    MINIMUM_AREA_KM2,
    STRIDE,
    THRESHOLD_DBZ,
    WAYS,
    WITHIN_MINUTES,
)
from stormlens.boxes._grid import check_stride, grid
from stormlens.boxes._mosaics import takes_datasets
from stormlens.boxes._places import at_points, at_reports, check_within
from stormlens.boxes._reports import degrees, places_and_times
from stormlens.boxes._storms import check_core, find_storms
from stormlens.errors import InputError, unknown
from stormlens.stormbox import Boxes, Mosaic

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class _Setting(NamedTuple):
    """The way that a setting is for, its default, and its option of the command line."""

    way: str
    default: float | None  # None where it must be given
    option: str


_SETTINGS = {
    "threshold": _Setting("storms", THRESHOLD_DBZ, "--threshold"),
    "minimum_area": _Setting("storms", MINIMUM_AREA_KM2, "--min-area"),
    "stride": _Setting("grid", STRIDE, "--stride"),
    "points": _Setting("points", None, "--at"),
    "reports": _Setting("reports", None, "--reports"),
    "within": _Setting("reports", WITHIN_MINUTES, "--within"),
}


@dataclass(frozen=True, eq=False)
class Cutting:
    """
    A rule that says which boxes are cut from a mosaic.

    The default is the rule of `stormlens classify`. A setting that is left out has its default
    where it decides something, and is None where it decides nothing.

    Attributes
    ----------
    how : {"storms", "grid", "points", "reports"}
        Around strong echo (`find_storms`), on a regular grid (`grid`), around points
        (`at_points`), or around storm reports (`at_reports`).
    threshold : float or None
        For storms: lowest reflectivity of a storm's core, dBZ, 1 to 80; 40 by default.
    minimum_area : float or None
        For storms: smallest core, km2, 0 or more; 100 by default.
    stride : int or None
        For a grid: cells of 3.75 km from one box to the next, 1 or more; 68 by default.
    points : sequence of (float, float), or None
        For points: latitude and longitude of each, degrees north and east.
    reports : pandas.DataFrame or None
        For reports: a table as `read_reports` gives it and `at_reports` takes it.
    within : float or None
        For reports: minutes that one may lie before or after the mosaic, 0 or more; 30 by default.

    Raises
    ------
    InputError
        If the way is not known, a setting is out of bounds, is missing, or is for another way.

    Examples
    --------
    >>> Cutting() == Cutting("storms", threshold=40, minimum_area=100)
    True
    >>> Cutting("grid", stride=34).described()
    {'boxes': 'grid', 'stride': 34}
    """

    how: str = "storms"
    threshold: float | None = None
    minimum_area: float | None = None
    stride: int | None = None
    points: Sequence[tuple[float, float]] | None = None
    reports: "pd.DataFrame | None" = field(default=None, repr=False)
    within: float | None = None

    def __post_init__(self) -> None:
        if self.how not in WAYS:
            raise unknown("way to cut boxes", self.how, WAYS)
        for name, (way, default, option) in _SETTINGS.items():
            given = getattr(self, name)
            if way == self.how:
                if given is None and default is None:
                    raise InputError(f"Boxes by {way} need {option} (in Python {name}=).")
                self._set(name, default if given is None else _plain(given))
            elif given is not None:
                raise InputError(
                    f"{option} decides nothing for boxes by {self.how}; it is for boxes by {way} "
                    f"(in Python {name}=)."
                )
        if self.how == "points":
            self._set("points", _pairs(self.points))
        self._check()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the only way into a frozen dataclass

    def _check(self) -> None:
        """Refuse settings out of bounds, with the sentences of the functions that take them."""
        settings = self._settings()
        if self.how == "storms":
            check_core(**settings)
        elif self.how == "grid":
            check_stride(**settings)
        elif self.how == "reports":
            places_and_times(settings["reports"])
            check_within(settings["within"])

    def _settings(self) -> dict[str, Any]:
        """Those that decide the boxes."""
        return {name: getattr(self, name) for name in _SETTINGS if _SETTINGS[name].way == self.how}

    @overload
    def cut(self, mosaic: Mosaic) -> Boxes: ...

    @overload
    def cut(self, mosaic: "xr.Dataset") -> "xr.Dataset": ...

    def cut(self, mosaic: "Mosaic | xr.Dataset") -> "Boxes | xr.Dataset":
        """
        Cut the boxes of a mosaic.

        Parameters
        ----------
        mosaic : Mosaic or xarray.Dataset
            As `stormlens.readers.read_mosaic` or `read` gives it.

        Returns
        -------
        boxes : Boxes or xarray.Dataset
            As `stormlens.boxes.cut` gives them; there may be none. Reports whose box no radar of
            the mosaic sees are left out.

        Raises
        ------
        InputError
            If a point lies outside the mosaic's grid, reports meet a mosaic of unknown time, or
            `mosaic` is none.
        """
        return _cut_by(mosaic, self.how, self._settings())

    def described(self) -> dict[str, Any]:
        """
        What decides the boxes, as JSON can hold it.

        Returns
        -------
        settings : dict
            `boxes`, the way, and the settings that decide something by their names; of a table of
            reports its length and the beginning of its SHA-256.
        """
        settings = {"boxes": self.how, **self._settings()}
        if self.points is not None:
            settings["points"] = [list(point) for point in self.points]
        if self.reports is not None:
            settings["reports"] = f"{len(self.reports)} rows, {_digest(self.reports)}"
        return settings

    def none_found(self, name: str) -> str:
        """
        What to say of a file that gave no box.

        Parameters
        ----------
        name : str
            The file.

        Returns
        -------
        sentence : str
        """
        if self.how == "reports":
            return f"No report is near {name} in time and within its radars' sight."
        if self.how == "grid":
            return f"No box: radars see less than half of every box in {name}."
        return (
            f"No storm: nothing in {name} reaches {self.threshold} dBZ over "
            f"{self.minimum_area:g} km2."
        )

    # A table compares cell by cell, so the comparison that a dataclass makes would fail.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cutting) and self.described() == other.described()

    def __hash__(self) -> int:
        return hash(json.dumps(self.described()))


@takes_datasets
def _cut_by(mosaic: Mosaic, how: str, settings: dict[str, Any]) -> Boxes:
    if how == "storms":
        return find_storms(mosaic, **settings)
    if how == "grid":
        return grid(mosaic, **settings)
    if how == "points":
        return at_points(mosaic, *zip(*settings["points"], strict=True))
    found = at_reports(mosaic, settings["reports"], settings["within"])
    # Most reports of a day are out of one radar's sight, and such a box would hold nothing.
    return found.chosen(found.storm["coverage"] > 0)


def _plain(value: Any) -> Any:
    """Numbers of NumPy as Python's own, since JSON knows no others."""
    return value.item() if isinstance(value, np.generic) else value


def _pairs(points: Any) -> tuple[tuple[float, float], ...]:
    """Points as pairs of plain numbers."""
    try:
        pairs = np.asarray(points, float)
    except (TypeError, ValueError):
        pairs = np.empty(0)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
        raise InputError(
            f"points is {points!r}; give pairs of latitude and longitude in degrees, west "
            "negative: [(35.3, -97.5)]."
        )
    for name, values in zip(("latitude", "longitude"), pairs.T, strict=True):
        degrees(values, name)
    return tuple((north, east) for north, east in pairs.tolist())


def _digest(table: "pd.DataFrame") -> str:
    return sha256(table.to_csv().encode()).hexdigest()[:16]
