"""Pictures of a network's values for a storm: its feature maps and its last layers."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from stormlens.datasets import class_names
from stormlens.errors import InputError
from stormlens.plots._panels import (
    WIDTH,
    draw_positive,
    draw_signed,
    note_origin,
    one_storm,
    panels,
    shared_bar,
)
from stormlens.plots._picture import describe
from stormlens.plots._radar import storm_box
from stormlens.plots._style import INK, TRAIN, class_colours, tidy


def feature_maps(
    maps: xr.DataArray, storm: int = 0, columns: int = 8, *, shared: bool = False
) -> Figure:
    """
    Draw the map of each filter of a layer for one box.

    Parameters
    ----------
    maps : xarray.DataArray, shape (storm, row, column, filter) or (row, column, filter)
        As `stormlens.insight.feature_maps` gives them, or one mode of `mean_feature_maps`.
    storm : int, optional
        Which box.
    columns : int, optional
        Maps in a row.
    shared : bool, optional
        Whether all maps share one scale, which shows which filters answer strongly. By default
        each has its own, with its strongest value above it.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such box, or `columns` is below 1.
    """
    chosen = one_storm(maps, storm)
    if chosen.dims != ("row", "column", "filter"):
        raise InputError(
            f"Maps have dimensions {chosen.dims}; choose one mode with .sel(mode=...)."
        )
    values = np.moveaxis(chosen.values, -1, 0)
    strongest = np.abs(values).max(axis=(1, 2))
    signed = bool((values < 0).any())
    figure, axes = panels(len(values), columns, 1.14)
    for i, ax in enumerate(axes):
        limit = float(strongest.max() if shared else strongest[i]) or 1.0
        image = draw_signed(ax, values[i], limit) if signed else draw_positive(ax, values[i], limit)
        ax.set_title(_map_title(i, strongest[i], shared), fontsize=8, color=INK, pad=3)
    bar = shared_bar(
        figure, image, axes, "Response" if shared else "Response, each map's own scale"
    )
    if not shared:
        ticks, labels = _own_ticks(image, signed)
        bar.set_ticks(ticks, labels=labels)
    note_origin(figure, maps.attrs)
    order = np.argsort(-strongest)
    silent = int((strongest == 0).sum())
    rows, width = values.shape[1:]
    describe(
        figure,
        f"{len(values)} feature maps of {rows} by {width} cells from layer "
        f"{maps.attrs.get('layer', 'unknown')}. Strongest: filter {order[0]} "
        f"({strongest[order[0]]:.2f}); silent: {silent}.",
    )
    return figure


def _map_title(i: int, strongest: float, shared: bool) -> str:
    if shared:
        return str(i)
    return f"{i}: {strongest:.2g}" if strongest else f"{i}: silent"


def _own_ticks(image: AxesImage, signed: bool) -> tuple[list[float], list[str]]:
    low, high = image.get_clim()
    if signed:
        return [low, 0.0, high], ["-max", "0", "max"]
    return [low, high], ["0", "max"]


def inside(ends: xr.Dataset, dataset: xr.Dataset, storm: int = 0) -> Figure:
    """
    Draw the end of the network for one box: the box, last hidden layer, probabilities.

    Parameters
    ----------
    ends : xarray.Dataset
        As `stormlens.insight.inside` gives it for `dataset`.
    dataset : xarray.Dataset
        The container.
    storm : int, optional
        Which box.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such box.
    """
    hidden, chances = (one_storm(ends[name], storm) for name in ("hidden", "probability"))
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.12, 1))[0]
    storm_box(dataset.isel(storm=storm), left.subplots())
    above, below = right.subplots(2, 1, height_ratios=(1, 1.15))
    _hidden_bars(above, hidden)
    names = [str(name) for name in chances["mode"].values]
    truth = class_names(dataset)[int(dataset["mode"][storm])] if "mode" in dataset else None
    _chance_bars(below, names, chances.values, truth)
    if not dataset.attrs.get("simulated", 0):  # else the box says so
        note_origin(figure, ends.attrs)
    answer = int(chances.values.argmax())
    ending = "" if truth is None else f" Truth: {truth}."
    describe(
        figure,
        f"One storm box through the network: {int((hidden != 0).sum())} of {hidden.size} units of "
        f"layer {hidden.attrs.get('layer', 'unknown')} answer, at most {float(hidden.max()):.2f}; "
        f"{names[answer]} has probability {float(chances[answer]):.2f}.{ending}",
    )
    return figure


def _hidden_bars(ax: Axes, hidden: xr.DataArray) -> None:
    tidy(ax)
    units = np.arange(hidden.size)
    ax.bar(units, hidden.values, width=1.0, color=TRAIN, linewidth=0)
    ax.set_xlim(-1, hidden.size)
    ax.margins(y=0.08)
    layer = hidden.attrs.get("layer", "last hidden layer")
    ax.set_title(f"Last hidden layer ({layer})", fontsize=9, color=INK, loc="left")
    ax.set_xlabel("Unit", fontsize=8, color=INK, labelpad=1)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=False, axis="x")


def _chance_bars(ax: Axes, names: list[str], chances: np.ndarray, truth: str | None) -> None:
    tidy(ax)
    colours = class_colours(names)
    ax.barh(names, chances, color=[colours[name] for name in names], height=0.7)
    for place, chance in enumerate(chances):
        inside_bar = chance > 0.85
        ax.annotate(
            f"{chance:.2f}" if chance >= 0.005 else "<0.01",
            (chance, place),
            (-4 if inside_bar else 4, 0),
            textcoords="offset points",
            ha="right" if inside_bar else "left",
            va="center",
            fontsize=8,
            color="white" if inside_bar else INK,
        )
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == truth else "normal")
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.grid(visible=False, axis="y")
    title = "Probability" + ("" if truth is None else " (bold: the label)")
    ax.set_title(title, fontsize=9, color=INK, loc="left")


def inside_by_mode(means: xr.Dataset) -> Figure:
    """
    Draw the end of the network on average over each mode: units and probabilities as shades.

    Units are sorted by the mode that excites them most, so that the units of a mode are next to
    each other; those that nothing excites come last.

    Parameters
    ----------
    means : xarray.Dataset
        ``mean_by_mode(inside(classifier, dataset), dataset)`` of `stormlens.insight`.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    hidden, chances = means["hidden"].values, means["probability"].values
    modes = [str(name) for name in means["mode"].values]
    answers = [str(name) for name in means["answer"].values]
    figure = Figure(figsize=(WIDTH, 1.7 + 0.3 * len(modes)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.75, 1))
    strongest = np.abs(hidden).max(axis=0)
    own = np.where(strongest == 0, len(modes), hidden.argmax(axis=0))  # the silent ones last
    order = np.lexsort((-strongest, own))
    signed = bool((hidden < 0).any())
    limit = float(np.abs(hidden).max()) or 1.0
    image = (draw_signed if signed else draw_positive)(left, hidden[:, order], limit)
    figure.colorbar(image, ax=left, location="bottom", shrink=0.6, aspect=30).ax.tick_params(
        labelsize=8
    )
    left.set_title("Mean of the last hidden layer", fontsize=9, color=INK)
    left.set_xlabel(f"{hidden.shape[1]} units, by the mode that excites them most", fontsize=9)
    shade = right.imshow(chances, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(shade, ax=right, location="bottom", shrink=0.8, aspect=20).ax.tick_params(
        labelsize=8
    )
    right.set_title("Mean probability", fontsize=9, color=INK)
    for (row, column), chance in np.ndenumerate(chances):
        colour = "white" if chance > 0.55 else INK
        right.text(column, row, f"{chance:.2f}", ha="center", va="center", fontsize=8, color=colour)
    right.set_xticks(range(len(answers)), answers, rotation=35, ha="right", rotation_mode="anchor")
    right.set_yticks([])
    right.tick_params(labelsize=8, length=0)
    left.set(aspect="auto", ylim=(len(modes) - 0.5, -0.5), xticks=[])
    left.set_yticks(range(len(modes)), modes, fontsize=9)
    for label, colour in zip(left.get_yticklabels(), class_colours(modes).values(), strict=True):
        label.set(color=colour, fontweight="bold")
    note_origin(figure, means.attrs)
    kept = [
        f"{mode} {chances[i, answers.index(mode)]:.2f}"
        for i, mode in enumerate(modes)
        if mode in answers
    ]
    describe(
        figure,
        f"Means by mode of {hidden.shape[1]} hidden units, at most {limit:.2f}, and of the "
        f"probabilities; a mode gives itself: {', '.join(kept)}.",
    )
    return figure
