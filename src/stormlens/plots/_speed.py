"""The time that programs take, compared with each other and with the roofline."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stormlens.errors import InputError
from stormlens.plots._picture import describe
from stormlens.plots._style import INK, MUTED, TRAIN, VALIDATION, mark_simulated, tidy

Seconds = Mapping[str, tuple[float, float, float]]

_COLUMNS = 3


def speed(panels: Mapping[str, tuple[Seconds, float | None]], *, simulated: bool = False) -> Figure:
    """
    Draw seconds a pass as bars, one panel a task and network.

    Parameters
    ----------
    panels : mapping of str to (mapping, float or None)
        By title: seconds (median, lowest, highest) by program, those of Stormlens under names
        that begin with ``stormlens``; and the roofline in seconds, or None.
    simulated : bool, optional
        Whether the picture says 'simulated': set it for work on simulated boxes.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no panel.
    """
    if not panels:
        raise InputError("There is no measurement to draw.")
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.4 * columns, 2.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (title, (seconds, roofline)) in zip(axes, panels.items(), strict=False):
        _bars(ax, seconds)
        if roofline is not None:
            ax.axvline(roofline, color=INK, linestyle="--", linewidth=1.2, label="roofline")
            ax.legend(frameon=False, fontsize=8, loc="upper right")
        ax.set_title(title, fontsize=10, color=INK, loc="left")
        if simulated:
            mark_simulated(ax, inside=False)
    for ax in axes[len(panels) :]:
        ax.remove()
    describe(figure, " ".join(_words(title, panel) for title, (panel, _) in panels.items()))
    return figure


def _words(title: str, seconds: Seconds) -> str:
    each = ", ".join(f"{name} {median:.3g}" for name, (median, _, _) in seconds.items())
    return f"{title}, seconds a pass: {each}."


def _bars(ax: Axes, seconds: Seconds) -> None:
    tidy(ax)
    names = list(seconds)
    medians = [seconds[name][0] for name in names]
    reach = [
        [median - low for median, low, _ in seconds.values()],
        [high - median for median, _, high in seconds.values()],
    ]
    colours = [TRAIN if name.startswith("stormlens") else VALIDATION for name in names]
    ax.barh(names, medians, xerr=reach, color=colours, ecolor=INK, capsize=2, height=0.65)
    for place, (median, _, high) in enumerate(seconds.values()):
        ax.annotate(
            f"{median:.3g} s",
            (high, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=MUTED,
        )
    ax.margins(x=0.2)
    ax.set_xlim(left=0)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("Seconds a pass", color=INK)
