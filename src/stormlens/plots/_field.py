"""A field of mode probabilities as maps, one for each mode."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from stormlens.datasets import BORDERS_CREDIT
from stormlens.errors import InputError
from stormlens.plots._geography import Plane, draw_geography
from stormlens.plots._map import UNSEEN
from stormlens.plots._panels import draw_positive, note_origin, panels, shared_bar
from stormlens.plots._picture import describe
from stormlens.plots._style import INK
from stormlens.stormbox import Field

if TYPE_CHECKING:
    import xarray as xr

_LEAST_SEEN = 0.5
_AROUND_KM = 100.0

Span = tuple[float, float, float, float]


def probability_field(field: "Field | xr.Dataset", columns: int = 2) -> Figure:
    """
    Draw the probability of each mode over a mosaic.

    Parameters
    ----------
    field : Field or xarray.Dataset
        Of `stormlens.models.slide`, two boxes or more along each axis.
    columns : int, optional
        Panels in a row.

    Returns
    -------
    figure : matplotlib.figure.Figure
        One map for each mode on the mosaic's grid, each value at the centre of its box, all on
        one scale from 0 to 1: white where a box has no echo, grey where radars see less than half
        of it. It shows what radars see and 100 km around it. Borders as for `borders`.

    Raises
    ------
    InputError
        If the field is too small to draw, or `columns` is below 1.
    """
    if not isinstance(field, Field):
        field = Field.from_xarray(field)
    if min(len(field.y), len(field.x)) < 2:
        raise InputError("A field of one row or column of boxes is no map; take a smaller stride.")
    extent = _extent(field)
    window = west, east, south, north = _window(field)
    figure, axes = panels(len(field.modes), columns, 0.15 + (north - south) / (east - west))
    unseen = field.seen < _LEAST_SEEN
    clear = (field.echo == 0) & ~unseen
    for number, (ax, mode) in enumerate(zip(axes, field.modes, strict=True)):
        values = np.ma.masked_where(unseen | clear, field.probability[..., number])
        _draw_clear(ax, clear, extent)
        image = _draw(ax, values, extent, window)
        ax.set_title(mode, fontsize=10, color=INK)
        has_borders = draw_geography(ax, Plane(grid=field.grid))
        ax.tick_params(labelsize=6.5)
        describe(ax, _words(values, mode))
    figure.suptitle(_title(field), fontsize=11, color=INK)
    credit = f"\n{BORDERS_CREDIT}" if has_borders else ""
    label = f"probability of a box's mode, at its centre; white: no echo, grey: not seen{credit}"
    shared_bar(figure, image, axes, label)
    note_origin(figure, vars(field))
    return figure


def _extent(field: Field) -> Span:
    """Edges of the outermost pixels: west, east, south, north in km."""
    edges = []
    for centres in (field.x, field.y):
        half = (centres[1] - centres[0]) / 2
        edges += [float(centres[0] - half), float(centres[-1] + half)]
    return edges[0], edges[1], edges[2], edges[3]


def _window(field: Field) -> Span:
    """Edges of the map, in the same order: the boxes that radars see, and some around them."""
    seen = field.seen >= _LEAST_SEEN
    if not seen.any():
        return _extent(field)
    edges = []
    for centres, any_seen in ((field.x, seen.any(axis=0)), (field.y, seen.any(axis=1))):
        used, half = centres[any_seen], (centres[1] - centres[0]) / 2
        edges += [max(used[0] - _AROUND_KM, centres[0]) - half]
        edges += [min(used[-1] + _AROUND_KM, centres[-1]) + half]
    return edges[0], edges[1], edges[2], edges[3]


def _draw(ax: Axes, values: np.ndarray, extent: Span, window: Span) -> AxesImage:
    ax.set_facecolor(UNSEEN)
    image = draw_positive(ax, values, 1.0)
    image.set_extent(extent)
    ax.set(xlim=window[:2], ylim=window[2:])
    return image


def _draw_clear(ax: Axes, clear: np.ndarray, extent: Span) -> None:
    shown = np.ma.masked_equal(clear.astype(np.uint8), 0)
    ax.imshow(shown, cmap=ListedColormap(["white"]), origin="lower", extent=extent)


def _title(field: Field) -> str:
    parts = [field.source]
    if field.time is not None and not np.isnat(field.time):
        moment = str(field.time.astype("datetime64[m]")).replace("T", " ")
        parts.append(f"{moment} UTC")
    return " \N{MIDDLE DOT} ".join(parts)


def _words(values: np.ma.MaskedArray, mode: str) -> str:
    if not values.count():
        return f"{mode}: no box with echo of which radars see half."
    return (
        f"Probability of {mode} where there is echo: {values.mean():.2f} on average, at most "
        f"{values.max():.2f}; 0.5 or more in {(values >= 0.5).mean():.0%} of the boxes."
    )
