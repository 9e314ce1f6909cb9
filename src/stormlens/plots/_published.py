"""The picture of a reproduction: published scores and ours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stormlens.errors import InputError
from stormlens.plots._picture import describe
from stormlens.plots._style import INK, TRAIN, VALIDATION, mark_simulated, new_axes, tidy

_SIDES = (("published", "published", VALIDATION, "D", -0.17), ("ours", "here", TRAIN, "o", 0.17))


def beside_published(
    rows: Sequence[Mapping[str, Any]],
    ax: Axes | None = None,
    *,
    simulated: bool = False,
    narrow: bool = False,
) -> Axes:
    """
    Draw published scores and ours, each with its interval.

    Parameters
    ----------
    rows : sequence of mapping
        From the top down: `label`, and `published` and `ours`, mappings of `value`, `low` and
        `high`, 0 to 1; None where there is no such number or bound.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    simulated : bool, optional
        Whether the picture says 'simulated': set it where ours are of simulated data.
    narrow : bool, optional
        Draw for a telephone.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no row.
    """
    if not rows:
        raise InputError("There is no score to draw; give at least one row.")
    ax = new_axes(3.9 if narrow else 7.6, 0.42 * len(rows) + 1.1) if ax is None else ax
    tidy(ax)
    lowest = 1.0
    for key, label, colour, marker, offset in _SIDES:
        entries = [(i, row[key]) for i, row in enumerate(rows) if _value(row.get(key)) is not None]
        place = np.array([i for i, _ in entries]) + offset
        value, low, high = (
            np.array([_value(entry, name) for _, entry in entries], float)
            for name in ("value", "low", "high")
        )
        ax.hlines(place, low, high, color=colour, linewidth=1.8)
        ax.plot(value, place, marker, color=colour, label=label, markersize=5.5)
        lowest = min([lowest, *value, *low[~np.isnan(low)]])
    ax.set_yticks(range(len(rows)), [str(row["label"]) for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(max(0.0, np.floor(20 * lowest - 0.2) / 20), 1.0)
    ax.set_xlabel("Accuracy", color=INK)
    ax.figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    if simulated:
        mark_simulated(ax, inside=False)
    describe(ax, _words(rows))
    return ax


def _value(entry: Mapping[str, Any] | None, name: str = "value") -> float | None:
    return None if entry is None else entry[name]


def _words(rows: Sequence[Mapping[str, Any]]) -> str:
    def one(row: Mapping[str, Any]) -> str:
        found = [
            f"{_value(row[key]):.3f} {label}"
            for key, label, *_ in _SIDES
            if _value(row.get(key)) is not None
        ]
        return f"{row['label']} {' and '.join(found) or 'without a number'}"

    return f"Accuracy with intervals: {'; '.join(map(one, rows))}."
