"""
Panels of one figure that share a width, a scale and a note on simulated data.

Signed quantities are red above zero, blue below and white at it; those that
never fall below zero run from dark to bright.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from stormlens.errors import InputError
from stormlens.plots._style import INK, MUTED, SIMULATED_BADGE

WIDTH = 8.0
"""Inches: a column of a page."""

_SIGNED = "RdBu_r"
_POSITIVE = "viridis"


def panels(n: int, columns: int, tall: float) -> tuple[Figure, list[Axes]]:
    """Panels in rows, a page's column wide; `tall` is a panel's height with its title."""
    if columns < 1:
        raise InputError(f"A picture needs at least 1 column, not {columns}.")
    columns = min(columns, n)
    rows = -(-n // columns)
    width = min(WIDTH, 2.7 * columns)
    height = rows * tall * width / columns + 0.75
    figure = Figure(figsize=(width, height), layout="compressed")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(MUTED)
    for ax in axes[n:]:
        ax.set_axis_off()
    return figure, axes[:n]


def draw_signed(ax: Axes, values: np.ndarray, limit: float) -> AxesImage:
    return ax.imshow(values, cmap=colormaps[_SIGNED], vmin=-limit, vmax=limit, origin="lower")


def draw_positive(ax: Axes, values: np.ndarray, limit: float) -> AxesImage:
    return ax.imshow(values, cmap=colormaps[_POSITIVE], vmin=0, vmax=limit, origin="lower")


def draw_numbers(
    ax: Axes,
    values: np.ndarray,
    limit: float,
    *,
    origin: Literal["lower", "upper"] = "lower",
    corner: tuple[float, float] = (0, 0),
) -> None:
    """Signed values with their numbers written in; `corner` is the first pixel's (row, column)."""
    (top, left), (rows, columns) = corner, values.shape
    ends = (top - 0.5, top + rows - 0.5)
    bottom_top = ends if origin == "lower" else ends[::-1]
    image = draw_signed(ax, values, limit)
    image.origin = origin
    image.set_extent((left - 0.5, left + columns - 0.5, *bottom_top))
    size = 8 if max(rows, columns) <= 6 else 6.5
    for (row, column), value in np.ndenumerate(values):
        ink = "white" if abs(value) > 0.6 * limit else INK
        place = (left + column, top + row)
        ax.text(*place, f"{value:.3g}", ha="center", va="center", fontsize=size, color=ink)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color(MUTED)


def shared_bar(figure: Figure, image: AxesImage, axes: Sequence[Axes], label: str) -> Any:
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.5, aspect=30, pad=0.02)
    bar.set_label(label, fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_edgecolor(MUTED)
    return bar


def note_origin(figure: Figure, attributes: Mapping[str, Any]) -> None:
    """Say at the foot of a figure what is simulated: the storms, or those trained on."""
    if attributes.get("simulated", 0):
        text = "simulated, not observed"
    elif attributes.get("simulated_training", 0):
        text = "trained on simulated storms"
    else:
        return
    figure.supxlabel(text, fontsize=8, fontstyle="italic", color=INK, bbox=SIMULATED_BADGE)


def one_storm(result: Any, storm: int) -> Any:
    """One storm's part of a result, or all of it if it has no dimension storm."""
    if "storm" not in result.dims:
        return result
    count = result.sizes["storm"]
    if not -count <= storm < count:
        raise InputError(f"There is no storm {storm}; they go from 0 to {count - 1}.")
    return result.isel(storm=storm)
