"""Pictures of many storms: those alike, a map of a dataset, the mean of each mode."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stormlens.datasets import class_names
from stormlens.plots._panels import WIDTH, note_origin, one_storm
from stormlens.plots._picture import describe
from stormlens.plots._radar import _colour_bar, _draw, _scale, contact_sheet
from stormlens.plots._style import INK, MUTED, class_colours, mark_simulated, new_axes, tidy


def neighbours(found: xr.Dataset, query: xr.Dataset, dataset: xr.Dataset, storm: int = 0) -> Figure:
    """
    Draw a box and those that the network finds most like it.

    Parameters
    ----------
    found : xarray.Dataset
        As `stormlens.insight.neighbours` gives it for `query` and `dataset`.
    query, dataset : xarray.Dataset
        The boxes of the query and those searched.
    storm : int, optional
        Which box of the query.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such box.
    """
    one = one_storm(found, storm)
    index, distance = one["index"].values, one["distance"].values
    queried, alike = query.isel(storm=[storm]), dataset.isel(storm=index)
    names = [_mode_of(queried, 0), *(_mode_of(alike, i) for i in range(len(index)))]
    titles = [f"this box\n{names[0]}"]
    titles += [f"{name}\n{far:.3f}" for name, far in zip(names[1:], distance, strict=True)]
    labelled = "mode" in queried and "mode" in alike
    wanted = ["reflectivity", "mode"] if labelled else ["reflectivity"]
    together = xr.concat(
        [boxes[wanted].reset_coords(drop=True) for boxes in (queried, alike)],
        "storm",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    columns = 3 if len(titles) in (5, 6) else min(len(titles), 4)
    figure = contact_sheet(
        together, titles=titles, columns=columns, simulated=bool(found.attrs.get("simulated", 0))
    )
    each = [f"{name} {far:.3f}" for name, far in zip(names[1:], distance, strict=True)]
    describe(
        figure,
        f"A storm box ({names[0]}) and the {len(index)} most like it by cosine distance: "
        f"{', '.join(each)}.",
    )
    return figure


def _mode_of(dataset: xr.Dataset, storm: int) -> str:
    if "mode" not in dataset:
        return "unlabelled"
    return class_names(dataset)[int(dataset["mode"][storm])]


def embedding(placed: xr.Dataset, ax: Axes | None = None) -> Axes:
    """
    Draw the map of a dataset, one point a box in the colour of its mode.

    Parameters
    ----------
    placed : xarray.Dataset
        As `stormlens.insight.embedding` gives it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    ax : matplotlib.axes.Axes
    """
    ax = new_axes(6.4, 4.8) if ax is None else ax
    tidy(ax)
    x, y = placed["position"].values.T
    groups = _groups(placed)
    colours = class_colours(list(groups))
    # Rare modes last, so that they are drawn on top.
    for name in sorted(groups, key=lambda name: -len(groups[name])):
        places = groups[name]
        ax.scatter(
            x[places],
            y[places],
            s=22,
            color=colours[name],
            edgecolor="white",
            linewidth=0.4,
            alpha=0.85,
            label=f"{name} ({len(places)})",
        )
    _name_axes(ax, placed)
    by_label = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    labels = [f"{name} ({len(places)})" for name, places in groups.items()]
    ax.legend(
        [by_label[label] for label in labels],
        labels,
        frameon=False,
        fontsize=9,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        handletextpad=0.2,
    )
    if placed.attrs.get("simulated", 0):
        mark_simulated(ax, inside=False)
    centres = [
        f"{name} ({len(places)}) around {x[places].mean():.1f}, {y[places].mean():.1f}"
        for name, places in groups.items()
    ]
    describe(ax, f"Map of {len(x)} boxes by the last hidden layer: {'; '.join(centres)}.")
    return ax


def _groups(placed: xr.Dataset) -> dict[str, np.ndarray]:
    """Indices of the boxes of each mode in the data."""
    if "mode" not in placed:
        return {"unlabelled": np.arange(placed.sizes["storm"])}
    names, codes = class_names(placed), placed["mode"].values
    return {names[code]: np.flatnonzero(codes == code) for code in np.unique(codes)}


def _name_axes(ax: Axes, placed: xr.Dataset) -> None:
    if "explained" in placed:
        shares = placed["explained"].values
        labels = [f"Component {i + 1} ({share:.0%} of variance)" for i, share in enumerate(shares)]
    else:
        labels = ["UMAP 1", "UMAP 2"]
    ax.set_xlabel(labels[0], color=INK)
    ax.set_ylabel(labels[1], color=INK)


def mean_boxes(means: xr.Dataset, *, colours: str = "accessible") -> Figure:
    """
    Draw the plain mean of each mode above the probability-matched one.

    Parameters
    ----------
    means : xarray.Dataset
        As `stormlens.insight.mean_boxes` gives it.
    colours : {"accessible", "nws"}, optional
        Colour table.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such colour table.
    """
    scale = _scale(colours, str(means["pmm"].attrs.get("units", "dBZ")))
    modes = [str(name) for name in means["mode"].values]
    width = min(WIDTH, 1.6 + 1.3 * len(modes))
    figure = Figure(figsize=(width, 2 * width / (len(modes) + 0.5) + 1.5), layout="compressed")
    axes = figure.subplots(2, len(modes), squeeze=False)
    names = class_colours(modes)
    for row, kind in enumerate(("mean", "pmm")):
        for column, mode in enumerate(modes):
            ax = axes[row, column]
            values = means[kind].values[column]
            image = _draw(ax, np.where(values < 0.5, 0, values), scale)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_color(MUTED)
            if row == 0:
                title = f"{mode}\nn = {int(means['count'][column])}"
                ax.set_title(title, fontsize=9, color=names[mode], fontweight="bold")
    axes[0, 0].set_ylabel("mean", fontsize=9, color=INK)
    axes[1, 0].set_ylabel("probability-\nmatched", fontsize=9, color=INK)
    _colour_bar(figure, image, scale, ax=axes, location="bottom", shrink=0.6, aspect=35)
    note_origin(figure, means.attrs)
    each = [
        f"{mode} {float(means['mean'][i].max()):.0f} and {int(means['pmm'][i].max())}"
        for i, mode in enumerate(modes)
    ]
    words = "Mean storm box of each mode, plain and probability-matched. Highest dBZ of the two: "
    describe(figure, words + f"{'; '.join(each)}.")
    return figure
