"""
Pictures as data URIs with their alternative text, so that a page needs no other file.

Drawings by Matplotlib are SVG whose colours become CSS variables: the same file is light or dark
as the reader's device asks. The picture is rewritten as text, since Matplotlib knows no variables
and writes more digits and comments than anybody sees.
"""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from stormlens import plots, verification

_DARK = {
    "#1b2733": "#e4eaf0",  # ink
    "#5b6875": "#9fafbe",  # muted
    "#d5dbe1": "#3a4652",  # rules
    "#ffffff": "#12181f",  # paper
    "#fff3c4": "#4d3f08",  # the badge of simulated data
    "#0072b2": "#3d9bd6",  # colours that are too dark on dark paper
    "#332288": "#9a8ff0",
    "#882255": "#d774a6",
    "#7a7a7a": "#a3a9b0",
    "#0068a5": "#57aee6",  # colours of contestants, light enough here for a dark letter on them
    "#b84300": "#f08a4b",
    "#00734f": "#3fbf8f",
    "#a03c74": "#e085b8",
    "#7a5c00": "#d4ac3c",
    "#4b3fa0": "#a59af2",
    "#8c1d40": "#ef7a9c",
    "#2f6b72": "#6fc3cb",
}
"""The colours that `plots` uses, and what each becomes on a dark page."""

_COLOUR = re.compile("|".join(_DARK))
_LONG = re.compile(r"(?<![\d.])([1-9]\d*\.\d\d)\d+")
"""
A coordinate of 1 or more with over two decimals, which are cut to a hundredth of a point.

Numbers below 1 keep all of theirs: factors such as the 0.015625 that scales letters are among
them, and would change the picture.
"""
_IDLE = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|(?<=>)\s+(?=<)|\s+(?=L |C |Q |z|\")", re.S)
"""What draws nothing: comments, metadata, space between elements and before path commands."""


class Picture(NamedTuple):
    """
    A picture in the page.

    Attributes
    ----------
    source : str
        Data URI.
    alternative : str
        Its alternative text.
    """

    source: str
    alternative: str


def curve(history: Sequence[Mapping[str, Any]], quantity: str, simulated: bool) -> Picture:
    """Accuracy or loss by epoch."""
    return svg(plots.history(history, quantity=quantity, simulated=simulated))


def reliability(result: verification.Reliability, simulated: bool) -> Picture:
    """The reliability diagram of the answers."""
    return svg(plots.reliability(result, simulated=simulated))


def box(storm: xr.Dataset, alternative: str) -> Picture:
    """One box, without axes."""
    figure = Figure(figsize=(2.2, 2.2))
    ax = figure.add_axes((0.005, 0.005, 0.99, 0.99))
    plots.storm_box(storm, ax, colorbar=False, title="", axes=False)
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=160)
    # A colour table has fewer than 256 colours; only the edges of letters have others.
    palette = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    palette.save(small, "png", optimize=True)
    return Picture(_uri("image/png", small.getvalue()), alternative)


def colour_bar() -> Picture:
    """The colour bar that the boxes share."""
    return svg(plots.colour_bar())


def png(figure: Figure) -> tuple[bytes, Picture]:
    """A figure as the content of a file, and as a picture in a page with its alternative text."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    content = buffer.getvalue()
    return content, Picture(_uri("image/png", content), plots.alt_text(figure))


def dark(colour: str) -> str:
    """A colour on a dark page."""
    return _DARK.get(colour, colour)


def svg(picture: Axes) -> Picture:
    """A drawing as SVG, light or dark as the page is, with its alternative text."""
    return Picture(_svg(picture.figure), plots.alt_text(picture))


def _svg(figure: Any) -> str:
    """The drawing as a data URI: the same bytes for the same picture (hash salt, no date)."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "stormlens", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=False)
    return _uri("image/svg+xml", _light_and_dark(buffer.getvalue().decode()).encode())


def _light_and_dark(drawn: str) -> str:
    """The drawing with colours as variables, which follow the reader's device."""
    short = _IDLE.sub("", _LONG.sub(r"\1", drawn))
    body = _COLOUR.sub(lambda found: f"var(--c{found[0][1:]})", short)
    light, dark = (
        "".join(f"--c{colour[1:]}:{shown};" for colour, shown in colours)
        for colours in (zip(_DARK, _DARK, strict=True), _DARK.items())
    )
    # Matplotlib leaves the colour out of what is black, such as letters: `fill` on the root colours
    # it. The style goes before the first <defs>, which Matplotlib always writes.
    style = (
        f"<style>:root{{{light}fill:var(--c1b2733)}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    )
    head, mark, rest = body.partition("<defs>")
    return f"{head}{style}{mark}{rest}"


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
