"""
Pictures of explanations: attributions over the storm, and boxes that units respond to most.

An attribution is drawn under the storm's contours of 20 and 40 dBZ, pale where it
is zero. Signed ones are red where a pixel speaks for the mode and blue where it
speaks against it. If the strongest hundredth of the pixels are outliers, they
exceed the scale, so that the others do not become pale.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stormlens.errors import InputError
from stormlens.plots._panels import WIDTH, note_origin, one_storm
from stormlens.plots._picture import alt_text, describe
from stormlens.plots._radar import _colour_bar, _draw, _km_axes, _north_arrow, _scale, storm_box
from stormlens.plots._style import (
    INK,
    MUTED,
    SIMULATED_BADGE,
    mark_simulated,
    new_axes,
)
from stormlens.stormbox import PIXEL_KM

_NAMES = {
    "gradient": "Gradient",
    "smoothgrad": "SmoothGrad",
    "integrated-gradients": "Integrated gradients",
    "grad-cam": "Grad-CAM",
    "occlusion": "Occlusion",
    "random": "Random order",
}
_LABELS = {
    "gradient": "Score gained per dBZ more",
    "smoothgrad": "Score gained per dBZ more",
    "integrated-gradients": "Share in the score",
    "grad-cam": "Weighted sum of feature maps",
    "occlusion": "Score lost without it",
}
# Distinct with any kind of colour vision (Okabe and Ito 2008), and by their dashes.
_CONTOURS = {20: MUTED, 40: INK}  # dBZ
_DBZ_TICKS = (0, 20, 40, 60, 80)
_KEPT = 99  # per cent of the pixels that the scale of signed values is made for


def attribution(
    explanation: xr.Dataset,
    dataset: xr.Dataset,
    storm: int = 0,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    axes: bool = True,
) -> Axes:
    """
    Draw an explanation over its storm.

    Parameters
    ----------
    explanation : xarray.Dataset
        As `stormlens.insight.explain` gives it for `dataset`.
    dataset : xarray.Dataset
        The boxes explained.
    storm : int, optional
        Which one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    title : str, optional
        Above the box; by default mode, probability and method.
    axes : bool, optional
        Whether km axes and a north arrow frame the box, and a legend names the contours.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such storm, or the explanation is of other boxes.
    """
    explained, box = _pair(explanation, dataset, storm)
    ax = new_axes(5.6, 4.9) if ax is None else ax
    image = _draw_attribution(ax, explained["attribution"].values)
    _contours(ax, box, legend=axes)
    _frame(ax, box, axes)
    _bar(ax, image, explained, location="right")
    ax.set_title(_title(explained) if title is None else title, fontsize=10, color=INK)
    _mark(ax, explained.attrs)
    describe(ax, _words(explained, box))
    return ax


def attributions(
    explanations: Sequence[xr.Dataset],
    dataset: xr.Dataset,
    storm: int = 0,
    columns: int = 3,
    *,
    colours: str = "accessible",
) -> Figure:
    """
    Draw a storm and several explanations of it side by side.

    Parameters
    ----------
    explanations : sequence of xarray.Dataset
        As `stormlens.insight.explain` gives them for `dataset`, each by another method or of
        another mode.
    dataset : xarray.Dataset
        The boxes explained.
    storm : int, optional
        Which one.
    columns : int, optional
        Panels in a row.
    colours : {"accessible", "nws"}, optional
        Colour table of the storm.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no explanation or no such storm, `columns` is below 1, or an explanation is
        of other boxes.
    """
    if not explanations:
        raise InputError("There is no explanation to draw; give at least one.")
    if columns < 1:
        raise InputError(f"A picture needs at least 1 column, not {columns}.")
    pairs = [_pair(explanation, dataset, storm) for explanation in explanations]
    columns = min(columns, len(pairs) + 1)
    rows = -(-(len(pairs) + 1) // columns)
    width = WIDTH * columns / max(columns, 3)
    figure = Figure(figsize=(width, 1.28 * rows * width / columns + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in panels[len(pairs) + 1 :]:
        ax.set_axis_off()
    box = pairs[0][1]
    _draw_storm(panels[0], box, colours)
    same = len({str(explained["mode"].values) for explained, _ in pairs}) == 1
    for ax, (explained, _) in zip(panels[1:], pairs, strict=False):
        image = _draw_attribution(ax, explained["attribution"].values)
        _contours(ax, box, legend=False)
        _frame(ax, box, axes=False)
        _bar(ax, image, explained, location="bottom")
        name = _name(explained) if same else f"{explained['mode'].values}: {_name(explained)}"
        ax.set_title(name, fontsize=9, color=INK, pad=4)
    if same:
        figure.suptitle(_why(pairs[0][0]), fontsize=11, color=INK)
    note_origin(figure, pairs[0][0].attrs)
    words = " ".join(_words(explained, box) for explained, _ in pairs)
    describe(figure, f"{alt_text(panels[0])} {words}")
    return figure


def _pair(
    explanation: xr.Dataset, dataset: xr.Dataset, storm: int
) -> tuple[xr.Dataset, xr.Dataset]:
    """One storm's explanation and box."""
    maps = explanation["attribution"]
    if maps.shape != dataset["reflectivity"].shape:
        raise InputError(
            f"An explanation of shape {maps.shape} does not fit boxes of shape "
            f"{dataset['reflectivity'].shape}; give the boxes that were explained."
        )
    explained, box = one_storm(explanation, storm), one_storm(dataset, storm)
    if "unid" in explained.coords and explained["unid"].item() != box["unid"].item():
        raise InputError(
            f"The explanation is of storm {explained['unid'].item()}, the box is "
            f"{box['unid'].item()}; give the boxes that were explained, in the same order."
        )
    return explained, box


def _draw_attribution(ax: Axes, values: np.ndarray) -> AxesImage:
    rows, columns = values.shape
    signed, limit = values.min() < 0, _limit(values)
    return ax.imshow(
        values,
        origin="lower",
        extent=(0, columns * PIXEL_KM, 0, rows * PIXEL_KM),
        cmap=colormaps["RdBu_r" if signed else "OrRd"],
        vmin=-limit if signed else 0,
        vmax=limit,
    )


def _limit(values: np.ndarray) -> float:
    strong = np.abs(values[values != 0])
    if not strong.size:
        return 1.0
    most = float(np.percentile(strong, _KEPT))
    highest = float(strong.max())
    return most if highest > 1.5 * most else highest


def _contours(ax: Axes, box: xr.Dataset, *, legend: bool) -> None:
    values = box["reflectivity"].values
    levels = [level for level in _CONTOURS if values.min() < level <= values.max()]
    if box["reflectivity"].attrs.get("units", "dBZ") != "dBZ" or not levels:
        return
    middles = [(np.arange(size) + 0.5) * PIXEL_KM for size in values.shape]
    ax.contour(
        middles[1],
        middles[0],
        values,
        levels=levels,
        colors=[_CONTOURS[level] for level in levels],
        linewidths=0.6,
    )
    if legend:
        lines = [Line2D([], [], color=_CONTOURS[level], lw=1.2) for level in levels]
        ax.legend(
            lines,
            [f"{level} dBZ" for level in levels],
            loc="lower right",
            fontsize=8,
            framealpha=0.85,
            borderpad=0.3,
            handlelength=1.2,
        )


def _frame(ax: Axes, box: xr.Dataset, axes: bool) -> None:
    image = box["reflectivity"]
    if axes and image.attrs.get("units", "dBZ") == "dBZ":
        _km_axes(ax, image.shape)
        _north_arrow(ax)
    else:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(MUTED)


def _bar(ax: Axes, image: AxesImage, explained: xr.Dataset, location: str) -> None:
    values = explained["attribution"].values
    low, high = image.get_clim()
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    extend = beyond.get((bool(values.min() < low), bool(values.max() > high)), "neither")
    bar = ax.figure.colorbar(
        image, ax=ax, location=location, extend=extend, shrink=0.9, pad=0.03, aspect=22
    )
    power = int(np.floor(np.log10(high)))
    power = power if power < -2 or power > 2 else 0
    label = _LABELS.get(str(explained.attrs.get("method")), "Attribution")
    bar.set_label(f"{label} ($10^{{{power}}}$)" if power else label, fontsize=8.5, color=INK)
    bar.locator = MaxNLocator(4, symmetric=low < 0)
    bar.formatter = FuncFormatter(lambda value, _: _number(value / 10.0**power))
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_edgecolor(MUTED)
    bar.update_ticks()


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def _draw_storm(ax: Axes, box: xr.Dataset, colours: str) -> None:
    storm_box(box, ax, colours=colours, colorbar=False, axes=False, title="", simulated=False)
    ax.set_title("The storm", fontsize=9, color=INK, pad=4)
    if box["reflectivity"].attrs.get("units", "dBZ") != "dBZ":
        return
    bar = ax.figure.colorbar(
        ax.images[0], ax=ax, location="bottom", shrink=0.9, pad=0.03, aspect=22, ticks=_DBZ_TICKS
    )
    bar.set_label("Reflectivity (dBZ)", fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_edgecolor(MUTED)


def _name(explained: xr.Dataset) -> str:
    method = str(explained.attrs.get("method", "attribution"))
    return _NAMES.get(method, method)


def _why(explained: xr.Dataset) -> str:
    return f"Why {explained['mode'].values} (probability {float(explained['probability']):.2f})?"


def _title(explained: xr.Dataset) -> str:
    return f"{_why(explained)} {_name(explained)}{_warning(explained)}"


def _warning(explained: xr.Dataset) -> str:
    """A warning if the sum of integrated gradients misses the score by more than the tolerance."""
    missed = float(explained.get("residual", 0.0))
    tolerance = float(explained.attrs.get("tolerance", np.inf))
    return f"\nadds up to the score but for {missed:.0%}" if missed > tolerance else ""


def _mark(ax: Axes, attributes: Mapping[str, Any]) -> None:
    if attributes.get("simulated", 0):
        mark_simulated(ax)
    elif attributes.get("simulated_training", 0):
        ax.text(
            0.02,
            0.02,
            "trained on simulated storms",
            transform=ax.transAxes,
            fontsize=8,
            fontstyle="italic",
            color=INK,
            zorder=20,
            bbox=SIMULATED_BADGE,
        )


def _words(explained: xr.Dataset, box: xr.Dataset) -> str:
    values, echo = explained["attribution"].values, box["reflectivity"].values
    name = f"{_name(explained)} of {explained['mode'].values}"
    positive = np.clip(values, 0, None)
    if not positive.any():
        return f"{name}: no pixel speaks for it."
    order = np.sort(positive.ravel())[::-1]
    half = int(np.searchsorted(order.cumsum(), order.sum() / 2)) + 1
    row, column = np.unravel_index(positive.argmax(), positive.shape)
    return (
        f"{name}: half of what speaks for it lies in {half / values.size:.1%} of the box, "
        f"{positive[echo >= 40].sum() / positive.sum():.0%} on echo of 40 dBZ or more, the "
        f"strongest pixel {column * PIXEL_KM:.0f} km east and {row * PIXEL_KM:.0f} km north of "
        "the corner."
    )


def maximised(
    boxes: xr.DataArray | Sequence[xr.DataArray],
    columns: int = 4,
    *,
    titles: Sequence[str] | None = None,
    colours: str = "accessible",
) -> Figure:
    """
    Draw the boxes that filters or modes respond to most.

    Parameters
    ----------
    boxes : xarray.DataArray or sequence of them, shape (y, x)
        As `stormlens.insight.maximise` gives them.
    columns : int, optional
        Boxes in a row.
    titles : sequence of str, optional
        One above each; by default filter and response.
    colours : {"accessible", "nws"}, optional
        Colour table.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no box, titles are too few or many, or `columns` is below 1.
    """
    listed = [boxes] if isinstance(boxes, xr.DataArray) else list(boxes)
    if not listed or columns < 1:
        raise InputError(f"{len(listed)} boxes in {columns} columns: give at least one of each.")
    if titles is not None and len(titles) != len(listed):
        raise InputError(f"{len(titles)} titles for {len(listed)} boxes; give one for each box.")
    columns = min(columns, len(listed))
    rows = -(-len(listed) // columns)
    width = min(WIDTH, 3.2 * columns)
    height = 1.13 * rows * width / columns + 1.0
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    scale = _scale(colours, "dBZ")
    for ax in panels[len(listed) :]:
        ax.set_axis_off()
    for i, (ax, box) in enumerate(zip(panels, listed, strict=False)):
        image = _draw(ax, box.values, scale)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(MUTED)
        title = _wish(box) if titles is None else titles[i]
        ax.set_title(title, fontsize=9, color=INK, pad=4)
    bar: dict[str, Any] = {"location": "bottom", "shrink": 0.7, "aspect": 30, "pad": 0.02}
    _colour_bar(figure, image, scale, ax=list(panels), **bar)
    note_origin(figure, listed[0].attrs)
    described = [
        f"{_wish(box)}, echo over {float((box > 0).mean()):.0%} of the box, at most "
        f"{int(box.max())} dBZ"
        for box in listed
    ]
    describe(figure, f"What a network wants to see: {'; '.join(described)}.")
    return figure


def _wish(box: xr.DataArray) -> str:
    wanted, layer = box.attrs.get("filter", ""), box.attrs.get("layer", "")
    name = wanted if isinstance(wanted, str) else f"{layer}, filter {wanted}"
    return f"{name}: {float(box.attrs.get('response', np.nan)):.2g}"
