"""How a file is to be read: settings that every reader shares, checked when they are made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from stormlens.errors import InputError, unknown
from stormlens.stormbox import Grid

if TYPE_CHECKING:
    import pandas as pd

AUTO = "auto"
"""The national grid where a file reaches it, else one of its own."""

SAMPLINGS = ("nearest", "maximum")
RAIN_LAWS = {"marshall-palmer": (200.0, 1.6), "wsr-88d": (300.0, 1.4)}
"""Coefficients (a, b) of Z = a R^b, Z in mm6/m3 and R in mm/h."""


@dataclass(frozen=True)
class Options:
    """
    How a radar file is brought to a grid.

    Attributes
    ----------
    sampling : {"nearest", "maximum"}
        The value nearest to a cell's centre, as the archive does, or the highest within it.
    rain : {"marshall-palmer", "wsr-88d"}
        The Z-R relation that turns rain rates into reflectivity: Z = 200 R^1.6 (Marshall and
        Palmer 1948) or the WSR-88D's convective Z = 300 R^1.4 (Fulton et al. 1998).
    quality_control : bool
        Take specks and echo of low correlation coefficient out of a radar's volume.
    index : pandas.DataFrame or None
        Where SVRIMG images belong; see `stormlens.datasets.svrimg.index`.
    field : str or None
        The field to read from a file with several: the name of a variable, the quantity of
        ODIM, the product of MRMS.
    grid : {"auto"}, str, tuple of float or Grid
        The national grid where the file reaches it, else one about the radar or the composite's
        middle. Or always one grid: a `Grid` or its name, such as ``"national"``; or one about a
        centre, latitude and longitude in degrees, as numbers or as text (``"52.1,5.18"``), large
        enough for the file.
    strict : bool
        Refuse an incomplete NEXRAD volume. By default what there is is read, and the mosaic's
        `product` says how much that is.
    site : tuple of float or None
        Latitude and longitude of the radar, degrees north and east, and optionally its
        altitude, m: for volumes that do not say where it stands.
    """

    sampling: str = "nearest"
    rain: str = "marshall-palmer"
    quality_control: bool = False
    index: "pd.DataFrame | None" = None
    field: str | None = None
    grid: str | tuple[float, float] | Grid = AUTO
    strict: bool = False
    site: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.sampling not in SAMPLINGS:
            raise unknown("sampling", self.sampling, SAMPLINGS)
        if self.rain not in RAIN_LAWS:
            raise unknown("rain law", self.rain, RAIN_LAWS)
        if self.grid != AUTO and not isinstance(self.grid, Grid):
            object.__setattr__(self, "grid", _grid_of(self.grid))
        if self.site is not None:
            _check_site(self.site)

    def described(self) -> dict[str, Any]:
        """
        What decides how a file is read, as JSON can hold it.

        Returns
        -------
        settings : dict
        """
        settings = {each.name: getattr(self, each.name) for each in fields(self)}
        del settings["index"]
        if isinstance(self.grid, Grid):
            settings["grid"] = self.grid.name
        elif isinstance(self.grid, tuple):
            settings["grid"] = "{:g},{:g}".format(*self.grid)
        if self.site is not None:
            settings["site"] = list(self.site)
        return settings


DEFAULT = Options()
"""How a file is read by default; the readers' functions share it, since it cannot change."""


def _grid_of(given: str | tuple[float, float]) -> Grid | tuple[float, float]:
    """A grid that is named, or the centre of one."""
    if isinstance(given, str) and "," not in given:
        try:
            return Grid.named(given)
        except InputError as error:
            raise InputError(
                f"{given!r} is no grid; give {AUTO}, national, the latitude and longitude of a "
                "centre in degrees, west negative (52.1,5.18), or the name that a grid has in "
                "boxes and files (52.10N-005.18E-401x401)."
            ) from error
    try:
        latitude, longitude = map(float, given.split(",") if isinstance(given, str) else given)
        if not (abs(latitude) <= 89 and abs(longitude) <= 360):
            raise ValueError("no place")
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{given!r} is no centre of a grid; give latitude (-89 to 89) and longitude in "
            "degrees, west negative: 52.1,5.18."
        ) from error
    return latitude, longitude


def several_fields(name: str, fields: Sequence[str]) -> InputError:
    """
    The error for a file with several fields that could be read.

    Parameters
    ----------
    name : str
        The file.
    fields : sequence of str
        What they are called.

    Returns
    -------
    error : InputError
    """
    more = ", ..." if len(fields) > 5 else ""
    return InputError(
        f"{name} holds {len(fields)} fields that could be read ({', '.join(fields[:5])}{more}); "
        f"choose one: --field {fields[0]}, in Python Options(field={fields[0]!r})."
    )


def _check_site(site: tuple[float, ...]) -> None:
    whole = len(site) in (2, 3) and all(math.isfinite(value) for value in site)
    if not (whole and abs(site[0]) <= 90 and abs(site[1]) <= 360):
        raise InputError(
            f"A radar's place is latitude and longitude in degrees, west negative, and perhaps "
            f"altitude in m: 35.33,-97.28,370; given is {','.join(f'{v:g}' for v in site)}."
        )
