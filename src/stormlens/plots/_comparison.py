"""
Pictures of a comparison: performance diagrams, skill by time, learning curves.

Each contestant has a letter, which is written in its points: neither colour nor a legend is needed
to tell them apart.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from stormlens.errors import InputError
from stormlens.plots._picture import describe
from stormlens.plots._style import INK, MUTED, RULE, mark_simulated, new_axes, tidy
from stormlens.verification import Estimate

_COLOURS = (
    "#0068a5",
    "#b84300",
    "#00734f",
    "#a03c74",
    "#7a5c00",
    "#4b3fa0",
    "#8c1d40",
    "#2f6b72",
)
"""A white letter can be read on each (contrast of 4.5 or more), and each on white."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DASHES = ("--", ":", "-.")

FEWEST = 10
"""Boxes that a slice of time needs for its score to be drawn."""

_CROWDED = 14  # slices, from which on points and bars would cover each other
_NOTHING = Estimate(math.nan, math.nan, math.nan)

Marks = Mapping[str, "Mark"]


class Mark(NamedTuple):
    """
    How a contestant is shown.

    Attributes
    ----------
    letter : str
        From A, in the order given; past Z with a number.
    colour : str
        Hexadecimal; baselines share a grey.
    line : str
        Matplotlib's style; baselines are dashed.
    """

    letter: str
    colour: str
    line: str


def entrant_marks(names: Sequence[str], baselines: Iterable[str] = ()) -> dict[str, Mark]:
    """
    A letter and a colour for each contestant.

    Parameters
    ----------
    names : sequence of str
        All of them, in order.
    baselines : iterable of str, optional
        Which of them are baselines.

    Returns
    -------
    marks : dict of str to Mark

    Examples
    --------
    >>> entrant_marks(["first", "second", "trees"], ["trees"])["second"].letter
    'B'
    """
    plain, marks, colours, dashes = set(baselines), dict[str, Mark](), 0, 0
    for i, name in enumerate(names):
        turn, place = divmod(i, len(_LETTERS))
        letter = _LETTERS[place] + (str(turn + 1) if turn else "")
        if name in plain:
            marks[name] = Mark(letter, MUTED, _DASHES[dashes % len(_DASHES)])
            dashes += 1
        else:
            marks[name] = Mark(letter, _COLOURS[colours % len(_COLOURS)], "-")
            colours += 1
    return marks


def performance_diagram(
    success: Mapping[str, Estimate],
    pod: Mapping[str, Estimate],
    ax: Axes | None = None,
    *,
    marks: Marks | None = None,
    title: str = "",
    simulated: bool = False,
) -> Axes:
    """
    Draw how often a mode was found against how often its name was right.

    Curves join points of one CSI, dashed rays those of one bias (how often the mode was answered
    over how often it occurred). Best is the upper right corner. Crosses are intervals.

    Parameters
    ----------
    success : mapping of str to Estimate
        Success ratio, 1 - FAR, of each contestant; one without a value is left out.
    pod : mapping of str to Estimate
        Probability of detection, by the same names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    marks : mapping of str to Mark, optional
        As `entrant_marks` gives them; by default made from the names.
    title : str, optional
        Such as the mode.
    simulated : bool, optional
        Whether the picture says 'simulated'.

    Returns
    -------
    ax : matplotlib.axes.Axes

    References
    ----------
    .. [1] Roebber (2009), Visualizing multiple measures of forecast quality, Weather and
       Forecasting 24, 601-608.
    """
    ax = new_axes(3.1, 3.1) if ax is None else ax
    marks = entrant_marks(list(success)) if marks is None else marks
    tidy(ax)
    ax.grid(False)
    _lines_of_csi_and_bias(ax)
    words = []
    for name, ratio in success.items():
        found = pod[name]
        if math.isnan(ratio.value) or math.isnan(found.value):
            continue
        mark = marks[name]
        for x, y in (
            ((ratio.low, ratio.high), (found.value, found.value)),
            ((ratio.value, ratio.value), (found.low, found.high)),
        ):
            ax.plot(x, y, color=mark.colour, linewidth=1.2, alpha=0.75, zorder=4)
        _point(ax, ratio.value, found.value, mark)
        words.append(f"{name}: POD {found.value:.2f}, success ratio {ratio.value:.2f}")
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ticks = np.linspace(0, 1, 6)
    ax.set_xticks(ticks)
    ax.set_yticks(ticks)
    ax.set_xlabel("Success ratio (1 - FAR)", color=INK, fontsize=9)
    ax.set_ylabel("POD", color=INK, fontsize=9)
    if title:
        ax.set_title(title, fontsize=10, color=INK, loc="left")
    if simulated:
        mark_simulated(ax, inside=False)
    whose = f" of {title}" if title else ""
    describe(ax, f"Performance diagram{whose}. {'; '.join(words) or 'No point'}.")
    return ax


def _lines_of_csi_and_bias(ax: Axes) -> None:
    ratio = np.linspace(0.01, 1, 100)
    for csi in (0.2, 0.4, 0.6, 0.8):
        with np.errstate(divide="ignore"):
            found = 1 / (1 / csi - 1 / ratio + 1)
        shown = (found > 0) & (found <= 1)
        ax.plot(ratio[shown], found[shown], color=RULE, linewidth=1, zorder=1)
        at = 2 * csi / (1 + csi)  # where the curve crosses the diagonal
        ax.text(at, at, f"{csi:g}", color=MUTED, fontsize=7, ha="center", va="center", zorder=2)
    for bias in (0.5, 1, 2):
        end = (1, bias) if bias <= 1 else (1 / bias, 1)
        ax.plot((0, end[0]), (0, end[1]), color=RULE, linewidth=0.8, linestyle="--", zorder=1)


def _point(ax: Axes, x: float, y: float, mark: Mark) -> None:
    """A round point with its letter."""
    ax.plot(
        [x],
        [y],
        "o",
        markersize=11,
        color=mark.colour,
        markeredgecolor="white",
        markeredgewidth=0.8,
        zorder=5,
        clip_on=False,
    )
    ax.text(
        x,
        y,
        mark.letter,
        color="white",
        fontsize=7.5 if len(mark.letter) == 1 else 5.5,
        fontweight="bold",
        ha="center",
        va="center_baseline",
        zorder=6,
    )


def skill_by_time(
    labels: Sequence[str],
    counts: Sequence[int],
    scores: Mapping[str, Sequence[Estimate]],
    ax: Axes | None = None,
    *,
    marks: Marks | None = None,
    of: str = "",
    quantity: str = "Heidke skill score",
    simulated: bool = False,
) -> Axes:
    """
    Draw a score by month, hour or year, with its interval and the number of boxes.

    A score of fewer than ten boxes is not drawn: one answer more or less would move it too far.

    Parameters
    ----------
    labels : sequence of str
        Of the slices, in order.
    counts : sequence of int
        Boxes in each.
    scores : mapping of str to sequence of Estimate
        The score in each slice, at most 1, by contestant.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    marks : mapping of str to Mark, optional
        As `entrant_marks` gives them.
    of : str, optional
        Name of the axis, such as ``"Month (UTC)"``.
    quantity : str, optional
        Name of the score.
    simulated : bool, optional
        Whether the picture says 'simulated'.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no slice.
    """
    if not labels:
        raise InputError("There is no slice of time to draw; boxes of known time make some.")
    ax = new_axes(4.6, 3.2) if ax is None else ax
    marks = entrant_marks(list(scores)) if marks is None else marks
    tidy(ax)
    ax.grid(False, axis="x")
    places = np.arange(len(labels), dtype=float)
    heights = 0.16 * np.asarray(counts) / max(1, *counts)
    ax.bar(places, heights, 0.9, color=RULE, zorder=1)
    crowded = len(labels) > _CROWDED
    for place, height, count in zip(places, heights, counts, strict=True):
        if not crowded:
            ax.text(place, height + 0.01, str(count), ha="center", fontsize=7, color=MUTED)
    drawn = {
        name: [one if count >= FEWEST else _NOTHING for one, count in zip(row, counts, strict=True)]
        for name, row in scores.items()
    }
    step = 0.7 / max(1, len(scores))
    for i, (name, row) in enumerate(drawn.items()):
        if crowded:
            _band(ax, places, row, marks[name])
        else:
            _line(ax, places + (i - (len(scores) - 1) / 2) * step, row, marks[name])
    shown = slice(None, None, 3 if crowded else 1)
    ax.set_xticks(places[shown], labels[shown], fontsize=8)
    lows = [one.low for row in drawn.values() for one in row if not math.isnan(one.low)]
    ax.set(xlim=(-0.6, len(labels) - 0.4), ylim=(min(0, *lows, 0), 1.02))
    ax.set_xlabel(of, color=INK)
    ax.set_ylabel(quantity, color=INK)
    if simulated:
        mark_simulated(ax, inside=False)
    rows = []
    for name, row in drawn.items():
        words = [
            f"{label} {one.value:.2f}"
            for label, one in zip(labels, row, strict=True)
            if not math.isnan(one.value)
        ]
        rows.append(f"{name} {', '.join(words) or 'of too few boxes'}")
    describe(ax, f"{quantity} by {of or 'slice'}. {'; '.join(rows)}.")
    return ax


def _band(ax: Axes, x: np.ndarray, row: Sequence[Estimate], mark: Mark) -> None:
    """A line in the band of its interval, with a letter at its end: for many slices."""
    value, low, high = _parts(row)
    ax.fill_between(x, low, high, color=mark.colour, alpha=0.13, linewidth=0, zorder=2)
    ax.plot(x, value, "o", linestyle=mark.line, color=mark.colour, markersize=2.5, zorder=3)
    known = np.flatnonzero(~np.isnan(value))
    if len(known):
        _point(ax, x[known[-1]], value[known[-1]], mark)


def _parts(row: Sequence[Estimate]) -> list[np.ndarray]:
    """Values, lower and upper ends."""
    return [np.array([getattr(one, part) for one in row]) for part in ("value", "low", "high")]


def _line(ax: Axes, x: np.ndarray, row: Sequence[Estimate], mark: Mark) -> None:
    """Estimates joined by a line, each with its bar and its letter; undefined ones leave gaps."""
    value, low, high = _parts(row)
    ax.plot(x, value, mark.line, color=mark.colour, linewidth=1.1, alpha=0.7, zorder=3)
    ax.vlines(x, low, high, color=mark.colour, linewidth=1.2, alpha=0.75, zorder=3)
    for at, height in zip(x, value, strict=True):
        if not math.isnan(height):
            _point(ax, at, height, mark)


def learning_curve(
    points: Mapping[str, Sequence[tuple[int, Estimate]]],
    ax: Axes | None = None,
    *,
    marks: Marks | None = None,
    constant: tuple[str, float] | None = None,
    simulated: bool = False,
) -> Axes:
    """
    Draw accuracy against the number of boxes trained on.

    Parameters
    ----------
    points : mapping of str to sequence of (int, Estimate)
        Boxes trained on, and accuracy, by contestant.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    marks : mapping of str to Mark, optional
        As `entrant_marks` gives them.
    constant : tuple of (str, float), optional
        Name and accuracy of a constant answer, drawn as a level line.
    simulated : bool, optional
        Whether the picture says 'simulated'.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no point.
    """
    sizes = sorted({boxes for row in points.values() for boxes, _ in row})
    if not sizes:
        raise InputError("There is no point of a learning curve to draw.")
    ax = new_axes(5.4, 3.6) if ax is None else ax
    marks = entrant_marks(list(points)) if marks is None else marks
    tidy(ax)
    for i, (name, row) in enumerate(points.items()):
        ordered = sorted(row, key=_boxes)
        shift = 1.025 ** (i - (len(points) - 1) / 2)  # so that points of one size do not overlap
        x = np.array([boxes for boxes, _ in ordered], float) * shift
        _line(ax, x, [estimate for _, estimate in ordered], marks[name])
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(_spaced(sizes)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda boxes, _: f"{boxes:,.0f}"))
    ax.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
    if constant is not None:
        name, level = constant
        ax.axhline(level, color=MUTED, linewidth=1, linestyle=":", zorder=1)
        ax.text(
            0.99,
            level,
            f"{name}\n",
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            linespacing=1.6,
            fontsize=8,
            color=MUTED,
        )
    ax.set_xlabel("Boxes trained on", color=INK)
    ax.set_ylabel("Accuracy", color=INK)
    if simulated:
        mark_simulated(ax, inside=False)
    rows = []
    for name, row in points.items():
        words = [f"{one.value:.2f} with {boxes:,}" for boxes, one in sorted(row, key=_boxes)]
        rows.append(f"{name} {', '.join(words)}")
    describe(ax, f"Accuracy by boxes trained on. {'; '.join(rows)}.")
    return ax


def _boxes(point: tuple[int, Estimate]) -> int:
    return point[0]


def _spaced(sizes: Sequence[int]) -> list[int]:
    """Sizes far enough apart to be labelled on an axis, including the largest."""
    named: list[int] = []
    for size in reversed(sizes):
        if not named or named[-1] / size > 1.5:
            named.append(size)
    return named
