"""
The geography of a picture: lines of latitude and longitude, coasts and borders.

Axes are planes of a Lambert grid in km, a mosaic's or a box's, so
meridians lean and parallels bend; they are labelled where they meet the frame.
"""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from stormlens.datasets import border_lines
from stormlens.errors import InputError
from stormlens.plots._style import INK
from stormlens.stormbox import NATIONAL, PIXEL_KM, SIZE, Grid

if TYPE_CHECKING:
    import xarray as xr

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)  # degrees between lines
_WANTED = 7  # lines across, at most
_POINTS = 200
_AROUND = 1.5  # degrees around the frame within which borders are drawn

Floats = NDArray[np.float64]


class Plane(NamedTuple):
    """
    The place of axes in km on a grid.

    Attributes
    ----------
    x, y : float
        Cell numbers at the axes' origin.
    grid : Grid
        Of those cells.
    """

    x: float = 0.0
    y: float = 0.0
    grid: Grid = NATIONAL

    def km(self, longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
        """Coordinates of places on the axes, km."""
        x, y = self.grid.cell(longitude, latitude)
        return (x - self.x) * PIXEL_KM, (y - self.y) * PIXEL_KM

    def lonlat(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """
        Longitude and latitude of coordinates on the axes, degrees.

        Longitudes are within half a turn of the grid's middle, so that they do not jump by 360
        where a map crosses the antimeridian.
        """
        longitude, latitude = self.grid.lonlat(x / PIXEL_KM + self.x, y / PIXEL_KM + self.y)
        middle = self.grid.longitude
        return middle + (longitude - middle + 180) % 360 - 180, latitude


def borders(ax: Axes, box: "xr.Dataset | None" = None, *, grid: Grid = NATIONAL) -> Axes:
    """
    Draw geography on a picture: latitudes, longitudes, coasts and borders.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        As `mosaic_map` or `storm_box` gave it back; its limits stay as they are.
    box : xarray.Dataset, optional
        One storm of the container whose place is known, if `ax` shows a box. By default it shows
        a mosaic.
    grid : Grid, optional
        The mosaic's, where `ax` shows one; by default the national grid.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Borders are exact to 1 km. With the extra `maps` installed, and fetched by ``stormlens
        data fetch borders``, they are exact, with the provinces of more countries.

    Raises
    ------
    InputError
        If the place of `box` is unknown, or the fetched borders are damaged.
    """
    draw_geography(ax, Plane(grid=grid) if box is None else _plane_of(box))
    return ax


def _plane_of(box: "xr.Dataset") -> Plane:
    """A box's axes begin at the outer corner of its south-western cell."""
    place = [
        np.asarray(box[name].values if name in box.coords else np.nan)
        for name in ("longitude", "latitude")
    ]
    if any(axis.ndim or not np.isfinite(axis) for axis in place):
        raise InputError("Borders need one box whose latitude and longitude are known.")
    grid = Grid.named(str(box["grid"].values)) if "grid" in box.coords else NATIONAL
    x, y = grid.cell(*place)
    return Plane(float(x) - SIZE / 2, float(y) - SIZE / 2, grid)


def draw_geography(ax: Axes, plane: Plane) -> bool:
    """Draw graticule and borders on axes with fixed limits; return whether there were borders."""
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    across, up = np.linspace(west, east, _POINTS), np.linspace(south, north, _POINTS)
    frame = [
        plane.lonlat(across, np.full(_POINTS, south)),
        plane.lonlat(np.full(_POINTS, west), up),
        plane.lonlat(across, np.full(_POINTS, north)),
        plane.lonlat(np.full(_POINTS, east), up),
    ]
    meridians, parallels = (
        _round_degrees(np.concatenate([side[axis] for side in frame])) for axis in (0, 1)
    )
    longitude, latitude = np.concatenate(frame, axis=1)
    span_north = np.linspace(latitude.min(), latitude.max(), _POINTS)
    span_east = np.linspace(longitude.min(), longitude.max(), _POINTS)
    lines = [plane.km(np.full(_POINTS, degree), span_north) for degree in meridians]
    lines += [plane.km(span_east, np.full(_POINTS, degree)) for degree in parallels]
    grid = [np.stack(line, axis=1) for line in lines]
    ax.grid(False)  # of the axes' own kilometres
    _add(ax, grid, color=INK, linewidth=0.5, alpha=0.25, zorder=2.2)
    _name(ax, "x", meridians, frame[0][0], across)
    _name(ax, "y", parallels, frame[1][1], up)
    found = border_lines(_around(longitude, latitude))
    outlines = [np.stack(plane.km(*line.T.astype(float)), axis=1) for line in found]
    _add(ax, outlines, color="#3b4752", linewidth=0.7, alpha=0.9, zorder=2.4)
    return bool(found)


def _around(longitude: Floats, latitude: Floats) -> tuple[float, float, float, float]:
    """West, east, south and north of places, widened for lines that begin outside."""
    low, high = (np.array([f(longitude), f(latitude)]) for f in (np.min, np.max))
    (west, south), (east, north) = (low - _AROUND).tolist(), (high + _AROUND).tolist()
    return west, east, south, north


def _add(ax: Axes, lines: list[NDArray[np.float64]], **style: Any) -> None:
    ax.add_collection(LineCollection(lines, **style), autolim=False)


def _round_degrees(values: Floats) -> Floats:
    """Round degrees within the values, few enough to read."""
    low, high = values.min(), values.max()
    step = next((step for step in _STEPS if (high - low) / step <= _WANTED), _STEPS[-1])
    return (np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step).round(1)


def _name(
    ax: Axes, axis: Literal["x", "y"], degrees: Floats, along: Floats, places: Floats
) -> None:
    """Name lines where they meet the southern or the western side of the frame."""
    shown = degrees[(degrees >= along.min()) & (degrees <= along.max())]
    positive, negative = ("E", "W") if axis == "x" else ("N", "S")
    named = (shown + 180) % 360 - 180 if axis == "x" else shown
    sides = np.where(np.isin(named, (0, -180)), "", np.where(named > 0, positive, negative))
    texts = [
        f"{degrees:g}\N{DEGREE SIGN}{side}"
        for degrees, side in zip(np.abs(named).round(1), sides, strict=True)
    ]
    set_ticks = ax.set_xticks if axis == "x" else ax.set_yticks
    set_ticks(np.interp(shown, along, places), texts)
    ax.set(**{f"{axis}label": ""})
    ax.tick_params(axis=axis, colors=INK, labelsize=8, length=3)
