"""Pictures of scores: the confusion matrix and the reliability diagram."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from stormlens.errors import InputError
from stormlens.plots._picture import describe
from stormlens.plots._style import (
    INK,
    MUTED,
    RULE,
    TRAIN,
    class_colours,
    mark_simulated,
    new_axes,
    tidy,
)
from stormlens.verification import Reliability


def confusion(
    matrix: ArrayLike,
    classes: Sequence[str],
    ax: Axes | None = None,
    *,
    simulated: bool = False,
) -> Axes:
    """
    Draw a confusion matrix: counts, shaded by their share of the true mode.

    Parameters
    ----------
    matrix : array_like of int, shape (truth, answer)
        Counts, rows true, columns predicted.
    classes : sequence of str
        Class names by code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    simulated : bool, optional
        Whether the picture says 'simulated'.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the matrix does not have a row and a column for each class.
    """
    counts = np.asarray(matrix)
    size = len(classes)
    if counts.shape != (size, size):
        msg = f"A confusion matrix of shape {counts.shape} does not fit {size} classes."
        raise InputError(msg)
    ax = new_axes(0.72 * size + 1.6, 0.6 * size + 1.6) if ax is None else ax
    totals = counts.sum(1, keepdims=True)
    share = counts / np.where(totals == 0, 1, totals)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1, origin="upper", aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        ax.text(
            column,
            row,
            str(count),
            ha="center",
            va="center",
            fontsize=10,
            fontweight="bold" if row == column else "normal",
            color=_ink(count, float(share[row, column])),
        )
    _name_cells(ax, classes)
    if simulated:
        mark_simulated(ax, inside=False)
    right = [
        f"{name} {counts[i, i]} of {totals[i, 0]}" for i, name in enumerate(classes) if totals[i, 0]
    ]
    describe(ax, f"Confusion matrix. Right answers: {', '.join(right)}.")
    return ax


def _ink(count: int, share: float) -> str:
    if count == 0:
        return "#9aa5b1"
    return "white" if share > 0.55 else INK


def _name_cells(ax: Axes, classes: Sequence[str]) -> None:
    places = np.arange(len(classes))
    ax.set_xticks(places, classes, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(places, classes)
    colours = class_colours(classes)
    for label, name in zip(ax.get_yticklabels(), classes, strict=True):
        label.set_color(colours[name])
        label.set_fontweight("bold")
    ax.set_xticks(places[:-1] + 0.5, minor=True)
    ax.set_yticks(places[:-1] + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0, labelsize=9)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("Answer", color=INK)
    ax.set_ylabel("Truth", color=INK)


def reliability(
    result: Reliability,
    ax: Axes | None = None,
    *,
    label: str = "the answer",
    simulated: bool = False,
) -> Axes:
    """
    Draw a reliability diagram: how often the forecast came true, by its probability.

    On the diagonal probabilities are right; below it the classifier is too sure
    of itself. Bars are 95 % intervals, and each bin shows its number of
    forecasts at its foot.

    Parameters
    ----------
    result : stormlens.verification.Reliability
        The bins.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    label : str, optional
        What the probabilities are of, for the axis.
    simulated : bool, optional
        Whether the picture says 'simulated'.

    Returns
    -------
    ax : matplotlib.axes.Axes
    """
    ax = new_axes(4.6, 4.4) if ax is None else ax
    tidy(ax)
    count = np.asarray(result.count)
    filled = count > 0
    forecast, observed, low, high = (
        np.asarray(values)[filled]
        for values in (result.forecast, result.observed, result.low, result.high)
    )
    edges = np.asarray(result.edges)
    share = 0.18 * count / max(1, count.max())
    ax.bar(edges[:-1], share, np.diff(edges), align="edge", color=RULE, edgecolor="white", zorder=1)
    for left, right, height, n in zip(edges[:-1], edges[1:], share, count, strict=True):
        if n:
            ax.text((left + right) / 2, height + 0.01, str(n), ha="center", fontsize=8, color=MUTED)
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="perfect", zorder=2)
    ax.errorbar(
        forecast,
        observed,
        yerr=np.clip([observed - low, high - observed], 0, None),
        fmt="o-",
        color=TRAIN,
        ecolor=TRAIN,
        elinewidth=1,
        capsize=3,
        markersize=6,
        linewidth=1.6,
        label="this classifier",
        zorder=3,
    )
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    ax.set_xlabel(f"Probability given to {label}", color=INK)
    ax.set_ylabel("Share that came true", color=INK)
    ax.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)
    if simulated:
        mark_simulated(ax, inside=False)
    bins = [
        f"{given:.0%}: {came:.0%} of {n}"
        for given, came, n in zip(forecast, observed, count[filled], strict=True)
    ]
    describe(ax, f"Share that came true by probability given to {label}. {'; '.join(bins)}.")
    return ax
