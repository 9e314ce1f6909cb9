"""Pictures of kernels: a layer's, the classical ones like them, and their effect on a box."""

import textwrap
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from stormlens.errors import InputError
from stormlens.insight import Match
from stormlens.plots._panels import (
    WIDTH,
    draw_numbers,
    draw_signed,
    note_origin,
    panels,
    shared_bar,
)
from stormlens.plots._picture import describe
from stormlens.plots._radar import _colour_bar, _draw, _scale
from stormlens.plots._style import INK, MUTED, RULE, TRAIN, VALIDATION, tidy


def filters(
    kernels: xr.DataArray,
    matches: xr.Dataset | None = None,
    *,
    channel: int = 0,
    columns: int = 8,
) -> Figure:
    """
    Draw all kernels of a layer, on one scale centred on zero.

    Parameters
    ----------
    kernels : xarray.DataArray, shape (filter, channel, row, column)
        As `stormlens.insight.kernels` gives them.
    matches : xarray.Dataset, optional
        As `stormlens.insight.layer_resemblance` gives them: under each number, the classical
        kernel most like it, in grey where noise would be as much like one.
    channel : int, optional
        Which channel's kernels.
    columns : int, optional
        Kernels in a row.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such channel, or `columns` is below 1.
    """
    if not 0 <= channel < kernels.sizes["channel"]:
        last = kernels.sizes["channel"] - 1
        raise InputError(f"There is no channel {channel}; they go from 0 to {last}.")
    values = kernels.isel(channel=channel).values
    figure, axes = panels(len(values), columns, 1.0 if matches is None else 1.36)
    limit = float(np.abs(values).max()) or 1.0
    for i, ax in enumerate(axes):
        image = draw_signed(ax, values[i], limit)
        title, colour = _filter_title(i, matches, channel)
        ax.set_title(title, fontsize=8, color=colour, pad=3)
    shared_bar(figure, image, axes, "Weight")
    note_origin(figure, kernels.attrs)
    rows, width = values.shape[1:]
    words = (
        f"{len(values)} kernels of {rows} by {width} weights, from {values.min():.2f} to "
        f"{values.max():.2f}."
    )
    describe(figure, words + _match_words(matches, channel))
    return figure


def _filter_title(i: int, matches: xr.Dataset | None, channel: int) -> tuple[str, str]:
    if matches is None:
        return str(i), INK
    match = matches.isel(filter=i, channel=channel)
    likeness = float(match["correlation"])
    is_beyond_chance = abs(likeness) > matches.attrs.get("by_chance", 0)
    name = textwrap.fill(str(match["name"].values), 14)
    return f"{i}: {likeness:+.2f}\n{name}", INK if is_beyond_chance else MUTED


def _match_words(matches: xr.Dataset | None, channel: int) -> str:
    if matches is None:
        return ""
    one = matches.isel(channel=channel)
    chance = matches.attrs.get("by_chance", 0)
    strong = np.flatnonzero(np.abs(one["correlation"].values) > chance)
    each = [f"{i} {one['name'].values[i]} {one['correlation'].values[i]:+.2f}" for i in strong]
    return (
        f" More like a classical kernel than noise is ({chance:.2f}): {', '.join(each) or 'none'}."
    )


def resemblance(
    matches: Sequence[Match], kernel: ArrayLike, *, chance: float | None = None
) -> Figure:
    """
    Draw how much a kernel is like each classical one, and the one it is most like.

    Parameters
    ----------
    matches : sequence of Match
        As `stormlens.insight.resemblance` ranks them.
    kernel : array_like, shape (size, size)
        The kernel that was compared.
    chance : float, optional
        As `stormlens.insight.by_chance` gives it: a grey band of what noise reaches.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no match.
    """
    if not matches:
        raise InputError("There is no match to draw; rank a kernel with insight.resemblance.")
    figure = Figure(figsize=(WIDTH, max(2.5, 0.9 + 0.24 * len(matches))), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.5, 1))
    _numbered(left, np.asarray(kernel, float), "this kernel")
    best = matches[0]
    _numbered(right, best.kernel, f"{best.name}{_position(best)}")
    names = [match.name for match in matches]
    values = [match.correlation for match in matches]
    tidy(middle)
    if chance is not None:
        middle.axvspan(
            -chance,
            chance,
            color=RULE,
            alpha=0.6,
            lw=0,
            label="19 of 20 kernels of noise stay inside",
        )
        middle.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    middle.barh(names, values, color=[VALIDATION if v > 0 else TRAIN for v in values], height=0.65)
    middle.axvline(0, color=INK, linewidth=0.8)
    middle.set(xlim=(-1, 1))
    middle.set_xlabel("Likeness (cosine)", fontsize=9, color=INK)
    middle.invert_yaxis()
    middle.grid(visible=False, axis="y")
    each = ", ".join(f"{match.name} {match.correlation:+.2f}" for match in matches)
    noise = "" if chance is None else f" Noise reaches {chance:.2f}."
    describe(figure, f"Likeness of a kernel to classical ones: {each}.{noise}")
    return figure


def _position(match: Match) -> str:
    mirrored = ", mirrored" if match.flipped else ""
    turned = f", turned {90 * match.turns}°" if match.turns else ""
    return f"{mirrored}{turned}\nlikeness {match.correlation:+.2f}"


def _numbered(ax: Axes, values: np.ndarray, title: str) -> None:
    """A kernel, with its weights written in if they are few."""
    limit = float(np.abs(values).max()) or 1.0
    (draw_numbers if values.size <= 25 else draw_signed)(ax, values, limit)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=9, color=INK)


def kernels_applied(
    results: xr.DataArray, *, columns: int = 3, colours: str = "accessible"
) -> Figure:
    """
    Draw the results of kernels on one storm box, side by side.

    Results that are reflectivity again (identity, blur, Gaussian) have the radar colours; all
    others are signed, each on a scale of its own that leaves out the strongest 0.2 %.

    Parameters
    ----------
    results : xarray.DataArray, shape (kernel, y, x)
        As `stormlens.insight.apply_kernels` gives them.
    columns : int, optional
        Panels in a row.
    colours : {"accessible", "nws"}, optional
        Colour table for reflectivity.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If `columns` is below 1, or there is no such colour table.
    """
    scale = _scale(colours, "dBZ")
    figure, axes = panels(results.sizes["kernel"], columns, 1.1)
    words, radar = [], None
    for ax, result in zip(axes, results, strict=True):
        name, values = str(result["kernel"].values), result.values
        if result["averages"]:
            radar = _draw(ax, np.where(values < 0.5, 0, values), scale)
        else:
            limit = float(np.quantile(np.abs(values), 0.998)) or 1.0
            image = draw_signed(ax, values, limit)
            bar = figure.colorbar(image, ax=ax, shrink=0.8, pad=0.02, extend="both")
            bar.ax.tick_params(labelsize=8, colors=INK)
        ax.set_title(name, fontsize=9, color=INK, pad=4)
        words.append(f"{name} from {values.min():.1f} to {values.max():.1f}")
    if radar is not None:
        _colour_bar(figure, radar, scale, ax=axes, location="bottom", shrink=0.6, aspect=35)
    note_origin(figure, results.attrs)
    operation = str(results.attrs.get("operation", "correlation")).capitalize()
    describe(figure, f"{operation} of a storm box with {len(axes)} kernels: {'; '.join(words)}.")
    return figure
