"""Curves of a sweep: the score against each field, and from rung to rung of a halving."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from stormlens.errors import InputError, printable
from stormlens.plots._picture import describe
from stormlens.plots._style import INK, MUTED, TRAIN, VALIDATION, mark_simulated, new_axes, tidy

Row = Mapping[str, Any]

_MOST_NAMES = 24  # letters of a value's name on the axis
_SPREAD = 0.7  # share of a name's width over which its trials are spread
_WIDE_RATIO = 20.0  # of the largest value to the smallest, from which on the axis is logarithmic


def sweep_field(
    rows: Sequence[Row],
    field: str,
    score: str,
    *,
    log: bool | None = None,
    simulated: bool = False,
    narrow: bool = False,
) -> Axes:
    """
    Draw the score of each trial of a sweep against one of its fields.

    Parameters
    ----------
    rows : sequence of mapping
        One a trial: ``value`` of the field (number, text, truth value, list or None), ``mean``,
        ``low`` and ``high`` of the score over folds (bounds may be NaN), and ``best``, whether
        it is the sweep's best.
    field : str
        Its name.
    score : str
        What the axis is called.
    log : bool, optional
        Whether the field's axis is logarithmic. By default it is if the values are numbers above
        0 and the largest is at least 20 times the smallest.
    simulated : bool, optional
        Whether the picture says 'simulated'.
    narrow : bool, optional
        Draw for a telephone.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Of a new figure.

    Raises
    ------
    InputError
        If there is no trial.
    """
    if not rows:
        raise InputError("The sweep holds no trial that was judged.")
    ax = _panel(narrow)
    values = [row["value"] for row in rows]
    numeric = all(_is_number(value) for value in values)
    places = _numbers(ax, values, log) if numeric else _names(ax, values)
    if numeric and 1 < len(set(places)) < len(rows):
        _through_means(ax, places, rows)
    if not numeric:
        places = _spread_out(places)
    for place, row in zip(places, rows, strict=True):
        _point(ax, place, row)
    ax.set_xlabel(printable(field), color=INK)
    ax.set_ylabel(f"{score}, mean over folds", color=INK)
    if simulated:
        mark_simulated(ax, inside=False)
    describe(ax, _field_words(rows, field, score))
    return ax


def sweep_rungs(
    trials: Sequence[Row],
    score: str,
    *,
    budget: str,
    simulated: bool = False,
    narrow: bool = False,
) -> Axes:
    """
    Draw how the trials of a successive halving went from rung to rung.

    Parameters
    ----------
    trials : sequence of mapping
        Each with ``shares`` of a full training, ascending, ``means`` of the score there, and
        ``best``.
    score : str
        What the axis is called.
    budget : str
        What the shares are of: epochs or boxes.
    simulated, narrow : bool, optional
        As for `sweep_field`.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Of a new figure.

    Raises
    ------
    InputError
        If there is no trial.
    """
    if not trials:
        raise InputError("The sweep holds no trial that was judged.")
    ax = _panel(narrow)
    for trial in trials:
        best = bool(trial["best"])
        ax.plot(
            trial["shares"],
            trial["means"],
            "o-",
            color=VALIDATION if best else TRAIN,
            alpha=1.0 if best else 0.55,
            linewidth=2.4 if best else 1.2,
            markersize=6 if best else 4,
            zorder=4 if best else 3,
            label="best" if best else None,
        )
    ax.set_xscale("log")
    shares = sorted({share for trial in trials for share in trial["shares"]})
    ax.set_xticks(shares, [f"{share:.3g}" for share in shares])
    ax.minorticks_off()
    ax.set_xlabel(f"Share of the {budget} of a full training", color=INK)
    ax.set_ylabel(f"{score}, mean over folds", color=INK)
    if any(trial["best"] for trial in trials):
        ax.legend(frameon=False, fontsize=9)
    if simulated:
        mark_simulated(ax, inside=False)
    counts = [sum(share in trial["shares"] for trial in trials) for share in shares]
    steps = ", ".join(f"{n} at {share:.3g}" for n, share in zip(counts, shares, strict=True))
    describe(ax, f"{score} by share of the {budget} of a full training; trials: {steps}.")
    return ax


def _panel(narrow: bool) -> Axes:
    ax = new_axes(3.9, 3.2) if narrow else new_axes(7.2, 3.6)
    tidy(ax)
    return ax


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(ax: Axes, values: Sequence[float], log: bool | None) -> list[float]:
    low, high = min(values), max(values)
    if log is None:
        log = low > 0 and high / low >= _WIDE_RATIO
    if log and low > 0:
        ax.set_xscale("log")
    elif all(isinstance(value, int) for value in values):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return [float(value) for value in values]


def _names(ax: Axes, values: Sequence[Any]) -> list[float]:
    names = [_name(value) for value in values]
    known = list(dict.fromkeys(names))
    turned = sum(map(len, known)) > 60
    ax.set_xticks(range(len(known)), known, rotation=30 if turned else 0, ha=_side(turned))
    ax.set_xlim(-0.5, len(known) - 0.5)
    return [float(known.index(name)) for name in names]


def _spread_out(places: Sequence[float]) -> list[float]:
    """Places of names, with those at the same place spread side by side."""
    counts, met, moved = Counter(places), Counter[float](), []
    for place in places:
        met[place] += 1
        moved.append(place + _SPREAD * (met[place] / (counts[place] + 1) - 0.5))
    return moved


def _side(turned: bool) -> str:
    return "right" if turned else "center"


def _name(value: Any) -> str:
    text = {None: "none", True: "true", False: "false"}.get(value) if _is_plain(value) else None
    text = printable(str(value)) if text is None else text
    return text if len(text) <= _MOST_NAMES else text[: _MOST_NAMES - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _through_means(ax: Axes, places: Sequence[float], rows: Sequence[Row]) -> None:
    """A line through the mean of the trials at each value."""
    by_place: dict[float, list[float]] = {}
    for place, row in zip(places, rows, strict=True):
        by_place.setdefault(place, []).append(float(row["mean"]))
    ordered = sorted(by_place)
    means = [sum(by_place[place]) / len(by_place[place]) for place in ordered]
    ax.plot(ordered, means, "-", color=MUTED, linewidth=1.4, zorder=2, label="mean of trials")
    ax.legend(frameon=False, fontsize=9)


def _point(ax: Axes, place: float, row: Row) -> None:
    best, value = bool(row["best"]), float(row["mean"])
    colour = VALIDATION if best else TRAIN
    low, high = float(row["low"]), float(row["high"])
    if not (math.isnan(low) or math.isnan(high)):
        ax.plot([place, place], [low, high], "-", color=colour, linewidth=1.2, alpha=0.6, zorder=3)
    ax.plot(
        [place],
        [value],
        "D" if best else "o",
        color=colour,
        markersize=8 if best else 5,
        zorder=5 if best else 4,
    )


def _field_words(rows: Sequence[Row], field: str, score: str) -> str:
    words = f"{score} by {printable(field)} of {len(rows)} trials"
    best = [row for row in rows if row["best"]]
    if not best:
        return f"{words}."
    return (
        f"{words}; best at {_name(best[0]['value'])} with {float(best[0]['mean']):.3f} "
        "(diamond). Bars are 95 % intervals over folds."
    )
