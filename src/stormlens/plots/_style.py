"""What all pictures share: the colours of modes and lines, and the mark of simulated data."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stormlens.models import NO_STORM_BOX, UNSURE
from stormlens.stormbox import MODES

INK = "#1b2733"
MUTED = "#5b6875"
RULE = "#d5dbe1"
TRAIN = "#0072b2"
VALIDATION = "#d55e00"

# Okabe and Ito (2008), Color Universal Design: distinct with any kind of colour vision. Their
# yellow is too pale for lines on white, so a dark blue and a grey replace it.
_PALETTE = (
    "#d55e00",
    "#0072b2",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#7a7a7a",
    "#56b4e9",
    "#000000",
    "#332288",
    "#882255",
)

MODE_COLOURS: dict[str, str] = dict(zip(MODES, _PALETTE, strict=False))
"""Colour of each storm mode, the same in every picture and safe for colour-blind readers."""

UNNAMED_COLOURS: dict[str, str] = {UNSURE: "#4a5560", NO_STORM_BOX: "#a9b1ba"}
"""Greys for boxes that are given no mode."""

SIMULATED_BADGE = {
    "boxstyle": "round,pad=0.25",
    "facecolor": "#fff3c4",
    "edgecolor": "#b58900",
    "linewidth": 0.6,
}
"""The box around the word that marks simulated data, as matplotlib's `bbox`."""


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """
    A colour for each class: storm modes keep theirs, boxes without one are grey, others take
    them in order.

    Parameters
    ----------
    classes : sequence of str
        Class names; past ten, colours recur.

    Returns
    -------
    colours : dict of str to str
        Hexadecimal colours by name.

    Examples
    --------
    >>> class_colours(["QLCS"])["QLCS"] == MODE_COLOURS["QLCS"]
    True
    """
    kept = {**MODE_COLOURS, **UNNAMED_COLOURS}
    return {name: kept.get(name, _PALETTE[i % len(_PALETTE)]) for i, name in enumerate(classes)}


def new_axes(width: float, height: float) -> Axes:
    """The axes of a new figure without pyplot's global state; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def tidy(ax: Axes) -> None:
    """Remove the parts of the frame that carry no information."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(colors=INK, labelsize=9)
    ax.grid(color=RULE, linewidth=0.7)
    ax.set_axisbelow(True)


def mark_simulated(ax: Axes, *, inside: bool = True) -> None:
    """Write 'simulated' into the lower left of the axes, or above their right end."""
    place = (0.02, 0.02, "left", "bottom") if inside else (1.0, 1.02, "right", "bottom")
    x, y, horizontal, vertical = place
    ax.text(
        x,
        y,
        "simulated",
        transform=ax.transAxes,
        ha=horizontal,
        va=vertical,
        fontsize=8,
        fontstyle="italic",
        color=INK,
        zorder=20,
        bbox=SIMULATED_BADGE,
    )
