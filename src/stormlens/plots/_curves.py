"""Curves of training and validation, as the chapter plots them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stormlens.errors import InputError, unknown
from stormlens.plots._picture import alt_text, describe
from stormlens.plots._style import INK, TRAIN, VALIDATION, mark_simulated, new_axes, tidy

History = Sequence[Mapping[str, Any]]

_QUANTITIES = ("accuracy", "loss")


def history(
    history: History,
    ax: Axes | None = None,
    *,
    quantity: str = "accuracy",
    simulated: bool = False,
) -> Axes:
    """
    Draw accuracy or loss by epoch, training and validation.

    Parameters
    ----------
    history : sequence of mapping
        One entry an epoch: epoch, loss, accuracy, val_loss, val_accuracy; NaN leaves a gap.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    quantity : {"accuracy", "loss"}, optional
        What to draw.
    simulated : bool, optional
        Whether the picture says 'simulated': set it for training on simulated data.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no epoch or no such quantity.
    """
    if quantity not in _QUANTITIES:
        raise unknown("quantity", quantity, _QUANTITIES)
    if not history:
        raise InputError("The history holds no epoch; train for at least one.")
    ax = new_axes(4.6, 3.2) if ax is None else ax
    tidy(ax)
    _curve(ax, history, quantity, "training", TRAIN, "o-")
    _curve(ax, history, f"val_{quantity}", "validation", VALIDATION, "s--")
    ax.set_xlabel("Epoch", color=INK)
    ax.set_ylabel(quantity.capitalize(), color=INK)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, fontsize=9, loc="best")
    if quantity == "accuracy":
        ax.set_ylim(top=min(1.02, ax.get_ylim()[1]))
    else:
        ax.set_ylim(bottom=0)
    if simulated:
        mark_simulated(ax, inside=False)
    describe(ax, _curve_words(history, quantity))
    return ax


def _curve_words(history: History, quantity: str) -> str:
    ends = [
        f"{split} from {float(history[0].get(key, math.nan)):.3f} to "
        f"{float(history[-1].get(key, math.nan)):.3f}"
        for split, key in (("training", quantity), ("validation", f"val_{quantity}"))
    ]
    return f"{quantity.capitalize()} by epoch, {len(history)} in all: {', '.join(ends)}."


def _curve(ax: Axes, history: History, key: str, label: str, colour: str, style: str) -> None:
    epochs = [int(epoch["epoch"]) for epoch in history]
    values = [float(epoch.get(key, math.nan)) for epoch in history]
    marker = 4.0 if len(history) <= 25 else 0.0
    ax.plot(epochs, values, style, color=colour, label=label, linewidth=1.8, markersize=marker)


def chapter_comparison(
    histories: Mapping[str, History],
    published: Mapping[str, Mapping[str, float]] | None = None,
    *,
    simulated: bool = False,
    narrow: bool = False,
) -> Figure:
    """
    Draw the accuracy curves of several experiments in a row, with published values.

    Parameters
    ----------
    histories : mapping of str to history
        By experiment, in the order drawn; each as for `history`.
    published : mapping of str to mapping, optional
        By experiment: published `accuracy` and `val_accuracy` after the last
        epoch, drawn as open diamonds.
    simulated : bool, optional
        Whether the picture says 'simulated': set it for training on simulated data.
    narrow : bool, optional
        Draw for a telephone: one below the other.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no experiment, or one has no epoch.
    """
    if not histories:
        raise InputError("There is no experiment to compare; give at least one history.")
    n = len(histories)
    size = (3.9, 2.4 * n + 0.6) if narrow else (3.3 * n, 3.5)
    figure = Figure(figsize=size, layout="constrained")
    shape = (n, 1) if narrow else (1, n)
    axes = figure.subplots(*shape, sharey=True, squeeze=False).ravel()
    for ax, (name, curves) in zip(axes, histories.items(), strict=True):
        history(curves, ax, simulated=simulated)
        ax.legend().remove()
        _published(ax, (published or {}).get(name, {}), int(curves[-1]["epoch"]))
        ax.set_title(name, fontsize=10, color=INK, loc="left")
        ax.set_ylabel("")
    axes[0].set_ylabel("Accuracy", color=INK)
    axes[0].set_ylim(_lowest(histories, published or {}) - 0.04, 1.02)
    by_label = {
        label: handle
        for ax in axes
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(by_label.values()),
        list(by_label),
        loc="outside lower center",
        ncols=min(len(by_label), 2 if narrow else 2 * n),  # within the width of one panel
        frameon=False,
        fontsize=9,
    )
    words = [f"{name}: {alt_text(ax)}" for name, ax in zip(histories, axes, strict=True)]
    describe(figure, " ".join(words))
    return figure


def _lowest(
    histories: Mapping[str, History], published: Mapping[str, Mapping[str, float]]
) -> float:
    """Lowest accuracy that any panel shows: the panels share one axis."""
    values = [
        float(epoch.get(key, math.nan))
        for curves in histories.values()
        for epoch in curves
        for key in ("accuracy", "val_accuracy")
    ]
    values += [float(value) for name in histories for value in published.get(name, {}).values()]
    return min((value for value in values if not math.isnan(value)), default=0.04)


def _published(ax: Axes, values: Mapping[str, float], epoch: int) -> None:
    for key, label, colour in (
        ("accuracy", "published training", TRAIN),
        ("val_accuracy", "published validation", VALIDATION),
    ):
        if key in values:
            value = float(values[key])
            ax.axhline(value, color=colour, linewidth=0.8, linestyle=":", zorder=1)
            ax.plot(
                [epoch],
                [value],
                "D",
                markersize=8,
                markerfacecolor="white",
                markeredgecolor=colour,
                markeredgewidth=1.8,
                label=label,
                clip_on=False,
                zorder=5,
            )
