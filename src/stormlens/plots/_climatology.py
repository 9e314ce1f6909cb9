"""Pictures of a climatology: how often each mode occurs by month, hour, region and place."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from stormlens.errors import InputError, unknown
from stormlens.plots._geography import Plane, draw_geography
from stormlens.plots._panels import WIDTH
from stormlens.plots._picture import describe
from stormlens.plots._style import INK, MUTED, class_colours, mark_simulated, new_axes, tidy
from stormlens.stormbox import NATIONAL, Grid

LEAST_BOXES = 10
"""Cells of a map with fewer boxes show no share, which would be chance."""

_MONTHS = ("J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D")
_AXES = {
    "month": "Month",
    "hour": "Hour (UTC)",
    "solar_hour": "Hour (local solar time)",
    "year": "Year",
}
_SHARE_LABEL = "Share of the region's boxes (their number on the right)"
_BLANK = "#eef1f4"
_NARROW = 3.9  # inches: at the width of a telephone letters keep their size


def mode_cycle(
    climatology: xr.Dataset, by: str = "month", ax: Axes | None = None, *, narrow: bool = False
) -> Axes:
    """
    Draw how many boxes of each mode fall into each month, hour or year, as stacked bars.

    Parameters
    ----------
    climatology : xarray.Dataset
        As `stormlens.archive.summarise` gives it.
    by : {"month", "hour", "solar_hour", "year"}, optional
        What to draw along the axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    narrow : bool, optional
        Draw for a telephone: a new figure half as wide, with its legend below.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If `by` is something else.
    """
    if by not in _AXES:
        raise unknown("axis of a cycle", by, _AXES)
    counts = climatology[f"by_{by}"]
    ax = new_axes(_NARROW if narrow else 7.0, 3.4) if ax is None else ax
    tidy(ax)
    ax.grid(visible=False, axis="x")
    places = counts[by].values
    below = np.zeros(len(places))
    for mode, colour in _colours(climatology).items():
        values = counts.sel(mode=mode).values
        ax.bar(places, values, 0.85, below, color=colour, label=mode, linewidth=0)
        below = below + values
    if by == "month":
        ax.set_xticks(places, _MONTHS)
    elif by == "year":
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    else:
        ax.set_xticks(range(0, 24, 3))
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlabel(_AXES[by], color=INK)
    ax.set_ylabel("Boxes", color=INK)
    _add_legend(ax, 1.0, narrow, reverse=not narrow)
    _mark(ax, climatology)
    describe(ax, f"Boxes by {_AXES[by].lower()}. {_peaks(counts, by)}.")
    return ax


def _add_legend(ax: Axes, x: float, narrow: bool, *, reverse: bool) -> None:
    """Add a legend right of the axes, or below all of a narrow figure."""
    style: dict[str, Any] = {"frameon": False, "fontsize": 8.5, "handlelength": 1.0}
    if not narrow:
        ax.legend(loc="upper left", bbox_to_anchor=(x, 1.0), reverse=reverse, **style)
        return
    handles, labels = ax.get_legend_handles_labels()
    _figure_of(ax).legend(handles, labels, loc="outside lower center", ncols=3, **style)


def _figure_of(ax: Axes) -> Figure:
    figure: Any = ax.get_figure(root=True)
    return figure


def _peaks(counts: xr.DataArray, by: str) -> str:
    places = counts[by].values
    words = [
        f"{mode}: {row.sum():,}, most in {places[row.argmax()]}"
        for mode, row in zip(counts["mode"].values, counts.values, strict=True)
        if row.any()
    ]
    return "; ".join(words) or "No box has a known time"


def mode_shares(climatology: xr.Dataset, ax: Axes | None = None, *, narrow: bool = False) -> Axes:
    """
    Draw the share of each mode in each region, as stacked bars with the number of boxes.

    Parameters
    ----------
    climatology : xarray.Dataset
        As `stormlens.archive.summarise` gives it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    narrow : bool, optional
        As for `mode_cycle`.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Regions without a box are left out.
    """
    counts = climatology["by_region"]
    totals = counts.sum("mode").values
    filled = np.flatnonzero(totals)[::-1]
    height = 1.1 + 0.3 * max(len(filled), 1) + 0.5 * narrow
    ax = new_axes(_NARROW if narrow else 7.0, height) if ax is None else ax
    tidy(ax)
    ax.grid(visible=False)
    left = np.zeros(len(filled))
    for mode, colour in _colours(climatology).items():
        share = counts.sel(mode=mode).values[filled] / totals[filled]
        ax.barh(np.arange(len(filled)), share, 0.8, left, color=colour, label=mode, linewidth=0)
        left = left + share
    for row, total in enumerate(totals[filled]):
        ax.text(1.01, row, f"{total:,}", va="center", fontsize=8.5, color=MUTED)
    names = counts["region"].values[filled]
    ax.set_yticks(np.arange(len(filled)), names)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if narrow:
        ax.set_xticks((0, 0.5, 1))
    ax.set_xlabel("Share of boxes; right: boxes" if narrow else _SHARE_LABEL, color=INK)
    _add_legend(ax, 1.12, narrow, reverse=False)
    _mark(ax, climatology)
    commonest = climatology["mode"].values[counts.values[:, filled].argmax(0)]
    words = [f"{name} {mode}" for name, mode in zip(names[::-1], commonest[::-1], strict=True)]
    describe(ax, f"Share of each mode by region. Commonest: {', '.join(words)}.")
    return ax


def climatology_map(climatology: xr.Dataset, *, narrow: bool = False) -> Figure:
    """
    Draw where boxes are and what share of them each mode has, a map a mode.

    Parameters
    ----------
    climatology : xarray.Dataset
        As `stormlens.archive.summarise` gives it.
    narrow : bool, optional
        Draw for a telephone: half as wide, with two maps a row.

    Returns
    -------
    figure : matplotlib.figure.Figure
        First all boxes, then the modes. Shares are of cells with 10 boxes or more. Borders
        as for `stormlens.plots.borders`.

    Raises
    ------
    InputError
        If no box lies in a cell of the map.
    """
    counts = climatology["by_cell"]
    total = counts.sum("mode").values
    if not total.any():
        raise InputError("No box of this climatology has a known place on the map.")
    modes = [str(mode) for mode in climatology["mode"].values if counts.sel(mode=mode).any()]
    width = _NARROW if narrow else WIDTH
    columns = 3 if len(modes) > 2 and not narrow else 2
    rows = -(-(len(modes) + 2) // columns)
    window = west, east, south, north = _window(counts)
    panel = 0.9 * width / columns * (north - south) / (east - west) + 0.45
    figure = Figure(figsize=(width, rows * panel + 0.3), layout="compressed")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    few = total < LEAST_BOXES
    shares = [
        np.ma.masked_array(counts.sel(mode=m).values / np.maximum(total, 1), few) for m in modes
    ]
    # On the scale of the square root, so that a mode of a few per cent is visible.
    highest = max(0.05, *(float(share.max()) for share in shares if share.count()), 0.0)
    log = LogNorm(1, max(10, total.max()))
    first = _panel(axes[0], counts, np.ma.masked_equal(total, 0), log, "cividis_r", window)
    # A title on the left leaves space for 'simulated'.
    title: dict[str, Any] = {"fontsize": 10, "color": INK, "loc": "left" if narrow else "center"}
    axes[0].set_title("All boxes", **title)
    for ax, mode, share in zip(axes[1:], modes, shares, strict=False):
        last = _panel(ax, counts, share, PowerNorm(0.5, 0, highest), "viridis_r", window)
        ax.set_title(mode, **title)
    for ax in axes[len(modes) + 1 :]:
        ax.set_axis_off()
    label = f"Share of a cell's boxes\n(cells of {LEAST_BOXES} or more)"
    for image, height, words in ((first, 0.9, "Boxes"), (last, 0.3, label)):
        place = axes[len(modes) + 1].inset_axes((0.08, height, 0.84, 0.08))
        bar = figure.colorbar(image, cax=place, orientation="horizontal")
        bar.set_label(words, fontsize=8, color=INK)
        bar.ax.tick_params(labelsize=7, colors=INK)
    _mark(axes[0], climatology)
    describe(figure, _places_in_words(counts, modes))
    return figure


def _window(counts: xr.DataArray) -> tuple[float, float, float, float]:
    """West, east, south and north of the cells with boxes, km in the map's plane."""
    filled = counts.sum("mode").values > 0
    rows, columns = np.flatnonzero(filled.any(1)), np.flatnonzero(filled.any(0))
    x, y = _corners(counts)
    inside = (slice(rows[0], rows[-1] + 2), slice(columns[0], columns[-1] + 2))
    return x[inside].min(), x[inside].max(), y[inside].min(), y[inside].max()


def _corners(counts: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    edges = []
    for name in ("longitude", "latitude"):
        centres = counts[name].values
        half = (centres[1] - centres[0]) / 2
        edges.append(np.append(centres - half, centres[-1] + half))
    return _plane(counts).km(*np.meshgrid(*edges))


def _plane(counts: xr.DataArray) -> Plane:
    """The national grid's plane if the middle of the boxes lies on it, else one around them."""
    total = counts.sum("mode")
    rows, columns = np.nonzero(total.values > 0)
    latitude, longitude = counts["latitude"].values[rows], counts["longitude"].values[columns]
    middle = [(float(axis.min()) + float(axis.max())) / 2 for axis in (latitude, longitude)]
    if NATIONAL.holds(*NATIONAL.cell(middle[1], middle[0])):
        return Plane()
    return Plane(grid=Grid.around(middle[0], middle[1], (0, 0)))


def _panel(
    ax: Axes,
    counts: xr.DataArray,
    values: np.ndarray,
    norm: Normalize,
    colours: str,
    window: tuple[float, float, float, float],
) -> QuadMesh:
    ax.set_facecolor(_BLANK)
    image = ax.pcolormesh(*_corners(counts), values, norm=norm, cmap=colormaps[colours])
    west, east, south, north = window
    ax.set(xlim=(west, east), ylim=(south, north), aspect="equal")
    draw_geography(ax, _plane(counts))
    ax.tick_params(labelsize=6.5, length=2)
    ax.spines[:].set_color(MUTED)
    return image


def _places_in_words(counts: xr.DataArray, modes: list[str]) -> str:
    words = []
    for mode in modes:
        of_mode = counts.sel(mode=mode)
        row, column = np.unravel_index(int(of_mode.values.argmax()), of_mode.shape)
        north, east = of_mode["latitude"].values[row], of_mode["longitude"].values[column]
        words.append(
            f"{mode} {abs(north):g} {'N' if north >= 0 else 'S'} "
            f"{abs(east):g} {'E' if east >= 0 else 'W'}"
        )
    return f"Maps of all boxes and of each mode's share. Most boxes near: {', '.join(words)}."


def _colours(climatology: xr.Dataset) -> dict[str, str]:
    return class_colours([str(mode) for mode in climatology["mode"].values])


def _mark(ax: Axes, climatology: xr.Dataset) -> None:
    if climatology.attrs.get("simulated") or climatology.attrs.get("simulated_training"):
        mark_simulated(ax, inside=False)
