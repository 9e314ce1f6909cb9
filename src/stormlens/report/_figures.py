"""Pictures as data URIs with their alternative text, so that the page needs no other file."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import xarray as xr
from matplotlib.figure import Figure

from stormlens import plots, verification


class Picture(NamedTuple):
    """
    A picture in the page.

    Attributes
    ----------
    source : str
        Data URI.
    alternative : str
        What a reader who cannot see it is told.
    """

    source: str
    alternative: str


def curve(history: Sequence[Mapping[str, Any]], quantity: str, simulated: bool) -> Picture:
    """Accuracy or loss by epoch."""
    ax = plots.history(history, quantity=quantity, simulated=simulated)
    return Picture(_svg(ax.figure), plots.alt_text(ax))


def reliability(result: verification.Reliability, simulated: bool) -> Picture:
    """The reliability diagram of the answers."""
    ax = plots.reliability(result, simulated=simulated)
    return Picture(_svg(ax.figure), plots.alt_text(ax))


def box(storm: xr.Dataset, alternative: str) -> Picture:
    """One box, without axes."""
    figure = Figure(figsize=(2.2, 2.2))
    ax = figure.add_axes((0.005, 0.005, 0.99, 0.99))
    plots.storm_box(storm, ax, colorbar=False, title="", axes=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160)
    return Picture(_uri("image/png", buffer.getvalue()), alternative)


def colour_bar() -> Picture:
    """The colour bar that the boxes share."""
    ax = plots.colour_bar()
    return Picture(_svg(ax.figure), plots.alt_text(ax))


def png(figure: Figure) -> tuple[bytes, Picture]:
    """A figure as a file, and as a picture in a page with its own words."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    content = buffer.getvalue()
    return content, Picture(_uri("image/png", content), plots.alt_text(figure))


def _svg(figure: Any) -> str:
    """Scalable, and the same bytes for the same picture."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "stormlens", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=False)
    return _uri("image/svg+xml", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
