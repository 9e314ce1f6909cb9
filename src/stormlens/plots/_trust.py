"""Pictures of tests of explanations: deletion, insertion and randomised weights."""

from collections.abc import Mapping
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stormlens.errors import InputError
from stormlens.plots._explain import _NAMES
from stormlens.plots._panels import WIDTH, note_origin
from stormlens.plots._picture import describe
from stormlens.plots._style import (
    INK,
    MUTED,
    mark_simulated,
    new_axes,
    tidy,
)

_LINES = (
    ("#0072b2", "-"),
    ("#d55e00", "-"),
    ("#009e73", "-"),
    ("#cc79a7", "-"),
    ("#e69f00", "-"),
    ("#56b4e9", "--"),
    ("#332288", "--"),
)


def faithfulness(curves: Mapping[str, xr.Dataset]) -> Figure:
    """
    Draw deletion and insertion curves of several methods, averaged over storms.

    Parameters
    ----------
    curves : mapping of str to xarray.Dataset
        By method, as `stormlens.insight.faithfulness` gives them; ``"random"`` is drawn in grey.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no method.
    """
    if not curves:
        raise InputError("There is no curve to draw; give those of at least one method.")
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _curve_panel(left, curves, "deletion", "Echo taken out, strongest first")
    _curve_panel(right, curves, "insertion", "Echo put in, strongest first")
    left.set_ylabel("Probability of the mode explained", fontsize=9, color=INK)
    left.set_ylim(0, 1.02)
    note_origin(figure, next(iter(curves.values())).attrs)
    areas = [
        f"{_NAMES.get(name, name)} {float(measured['deletion_area'].mean()):.2f} and "
        f"{float(measured['insertion_area'].mean()):.2f}"
        for name, measured in curves.items()
    ]
    describe(
        figure,
        f"Deletion and insertion curves; areas under them (small and large are good): "
        f"{'; '.join(areas)}.",
    )
    return figure


def _curve_panel(ax: Axes, curves: Mapping[str, xr.Dataset], which: str, title: str) -> None:
    tidy(ax)
    lines = iter(_LINES * (1 + len(curves) // len(_LINES)))
    for name, measured in curves.items():
        colour, dashes = (MUTED, ":") if name == "random" else next(lines)
        area = float(measured[f"{which}_area"].mean())
        ax.plot(
            measured["share"],
            measured[which].mean("storm"),
            color=colour,
            linestyle=dashes,
            linewidth=1.8,
            label=f"{_NAMES.get(name, name)} {area:.2f}",
        )
    ax.set_title(title, fontsize=10, color=INK, loc="left")
    ax.set_xlabel("Share of the box's echo", fontsize=9, color=INK)
    ax.set_xlim(0, 1)
    ax.legend(
        title="Area under the curve",
        title_fontsize=8,
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=2,
        frameon=False,
    )


def sanity(checks: Mapping[str, xr.DataArray], ax: Axes | None = None) -> Axes:
    """
    Draw how much of each method's map is left when layers are made random.

    Parameters
    ----------
    checks : mapping of str to xarray.DataArray
        By method, as `stormlens.insight.sanity_check` gives them.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no method.
    """
    if not checks:
        raise InputError("There is no check to draw; give that of at least one method.")
    ax = new_axes(5.2, 3.6) if ax is None else ax
    tidy(ax)
    lines = iter(_LINES * (1 + len(checks) // len(_LINES)))
    words = []
    for name, check in checks.items():
        left = check.mean("storm")  # skips NaN: a constant map has no rank correlation
        colour, dashes = next(lines)
        label = _NAMES.get(name, name)
        ax.plot(check["layers"], left, "o" + dashes, color=colour, markersize=5, label=label)
        words.append(f"{label} {float(left[-1]):.2f}")
    ax.axhline(0, color=MUTED, linewidth=0.8)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("Layers made random, from the output", fontsize=9, color=INK)
    ax.set_ylabel("Rank correlation with the map", fontsize=9, color=INK)
    ax.legend(frameon=False, fontsize=8)
    _note_above(ax, next(iter(checks.values())).attrs)
    describe(ax, f"Rank correlation left when all layers are random: {', '.join(words)}.")
    return ax


def _note_above(ax: Axes, attributes: Mapping[str, Any]) -> None:
    if attributes.get("simulated", 0) or attributes.get("simulated_training", 0):
        mark_simulated(ax, inside=False)
