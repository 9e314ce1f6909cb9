"""Pictures of a radar's seven steps, from a storm's rain to a decision."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stormlens.concepts import (
    Chain,
    Stage,
)
from stormlens.plots._panels import WIDTH
from stormlens.plots._picture import describe
from stormlens.plots._radar import _draw, _scale
from stormlens.plots._style import INK, MUTED, VALIDATION, mark_simulated


def radar_chain(chain: Chain, *, colours: str = "accessible") -> Figure:
    """
    Draw the seven steps from a storm's rain to a decision.

    Parameters
    ----------
    chain : stormlens.concepts.Chain
        As `stormlens.concepts.radar_chain` gives it: simulated, and marked as such.
    colours : {"accessible", "nws"}, optional
        Colour table for dBZ.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such colour table.
    """
    figure = Figure(figsize=(WIDTH, 4.9), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    for number, (ax, stage) in enumerate(zip(axes, chain.stages, strict=False), start=1):
        _draw_stage(ax, stage, colours)
        ax.set_title(f"{number} {stage.name}", fontsize=9, color=INK)
        mark_simulated(ax)
    _draw_radar(axes[0], chain.radar_km)
    last = axes[len(chain.stages)]
    last.axis("off")
    last.text(
        0.5,
        0.6,
        textwrap.fill(chain.answer, 18),
        transform=last.transAxes,
        ha="center",
        va="center",
        fontsize=11,
        color=INK,
    )
    steps = "; ".join(_stage_words(stage) for stage in chain.stages)
    describe(figure, f"From scene to response, simulated. {steps}. Answer: {chain.answer}")
    return figure


def _draw_radar(ax: Axes, place: tuple[float, float]) -> None:
    north, east = place
    ax.plot(east, north, "^", color=VALIDATION, markersize=6, markeredgecolor="white")
    ax.annotate(
        "radar",
        (east, north),
        xytext=(30, -20),
        textcoords="offset points",
        fontsize=8,
        color=INK,
        arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.7},
    )


def _stage_words(stage: Stage) -> str:
    if stage.data.dtype == bool:
        return f"{stage.name}: yes in {stage.data.mean():.1%}"
    ends = (float(stage.data.min()), float(stage.data.max()))
    low, high = (f"{end:,.0f}" if abs(end) >= 1000 else f"{end:.3g}" for end in ends)
    return f"{stage.name}: {low} to {high} {stage.unit}"


def _draw_stage(ax: Axes, stage: Stage, colours: str) -> None:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color(MUTED)
    if stage.unit == "dBZ":
        scale = _scale(colours, "dBZ")
        image = _draw(ax, stage.data, scale)
    else:
        values, norm = _stage_scale(stage)
        image = ax.imshow(values, origin="lower", norm=norm, cmap="viridis")
        ax.set_aspect("auto" if stage.polar else "equal")
    if stage.polar:
        _polar_axes(ax)
    if stage.data.dtype == bool:
        ax.set_xlabel("yellow: yes", fontsize=8, color=INK)
        return
    bar = ax.figure.colorbar(image, ax=ax, location="bottom", shrink=0.9, pad=0.03)
    bar.set_label(stage.unit.replace("mm6/m3", "mm$^6$/m$^3$"), fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)


def _polar_axes(ax: Axes) -> None:
    """Gates of 1 km, and rays of 1 degree clockwise from north."""
    ax.set_xticks([0, 200, 400])
    ax.set_yticks([0, 90, 180, 270], ["N", "E", "S", "W"])
    ax.tick_params(labelsize=8, colors=INK, length=2, pad=2)
    ax.set_xlabel("km from the radar", fontsize=8, color=INK, labelpad=1)


def _stage_scale(stage: Stage) -> tuple[NDArray, Normalize]:
    """Quantities that span powers of ten on a logarithmic scale, without their zeros."""
    values = stage.data
    if stage.unit in ("mm/h", "mm6/m3"):
        top = float(values.max())
        shown = np.ma.masked_less(values, top / 1e6)
        return shown, LogNorm(float(shown.min()), top)
    return values, Normalize(float(values.min()), float(values.max()))
