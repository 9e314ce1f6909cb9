"""
What all components share: how they stand in a notebook or on a page, and how they look.

A component holds its settings as parameters. Setting one, by a slider or in
code, computes what follows from it and replaces the data of plots that were
drawn once; nothing is drawn again. So the same object answers within a frame,
can be tested without a browser, and works wherever Panel does.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import panel as pn
import param
from bokeh.models import ColorBar, FixedTicker, LinearColorMapper, Ticker
from bokeh.plotting import figure as bokeh_figure
from numpy.typing import ArrayLike, NDArray
from panel.viewable import Viewable, Viewer

from stormlens.plots import reflectivity_palette
from stormlens.stormbox import MAX_DBZ, PIXEL_KM

INK, MUTED, RULE, TINT, ACCENT = "#1b2733", "#52606d", "#d9dfe5", "#f4f7f9", "#005a8e"
WARN, WARN_EDGE = "#fff3c4", "#b58900"
_AROUND = 72  # pixels of title, ticks and labels around a square map
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"

STYLE = f"""
:host {{ color: {INK}; font: 15px/1.5 "Source Sans 3", "Segoe UI", Roboto, "Helvetica Neue", Arial,
  sans-serif; font-variant-numeric: tabular-nums; }}
h2 {{ margin: 0 0 .2rem; font-size: 1.35rem; line-height: 1.2; }}
h3 {{ margin: 0 0 .2rem; font-size: 1rem; }}
p {{ margin: .2rem 0; max-width: 46rem; }}
.muted {{ color: {MUTED}; }}
.big {{ font-size: 1.3rem; font-weight: 600; }}
.badge {{ padding: .1rem .5rem; background: {WARN}; border: 1px solid {WARN_EDGE};
  border-radius: .3rem; font-style: italic; white-space: nowrap; }}
.note {{ margin: .3rem 0; padding: .4rem .7rem; background: {WARN};
  border-left: 4px solid {WARN_EDGE}; border-radius: .2rem; }}
ul {{ margin: .2rem 0; padding-left: 1.2rem; }}
a {{ color: {ACCENT}; text-underline-offset: .15em; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: .8rem;
  margin: 1rem 0; padding: 0; max-width: 66rem; list-style: none; }}
.tiles li {{ padding: .8rem 1rem; background: {TINT}; border-radius: .5rem; }}
.tiles a {{ font-weight: 600; }}
"""

# Panel gathers the changes of a drag for 50 ms before it acts, half of what a slider may take.
_GATHER = 10
_SLIDERS = {param.Integer: pn.widgets.IntSlider, param.Range: pn.widgets.RangeSlider}


def _enter_notebook() -> None:
    """
    Load Panel's part of a notebook page; Panel finds out whether it is VS Code or Colab.

    Each component asks for it: a page that was opened anew has lost what an earlier cell loaded,
    and a page that still has it does not load it again. It comes from this machine, as a lesson
    may have no network.
    """
    if pn.state.curdoc is not None:
        return
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if hasattr(get_ipython(), "kernel"):
        pn.extension(inline=True)


class Component(Viewer):
    """
    An interactive figure: last in a notebook's cell it is shown, and `serve` gives it a page.

    Attributes
    ----------
    slug : str
        What `stormlens learn` calls it.
    title, lead : str
        Its name, and what to do with it in a sentence.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    lead: ClassVar[str]

    def __init__(self, **parameters: Any) -> None:
        _enter_notebook()
        super().__init__(**parameters)
        self._view: Viewable | None = None

    def __panel__(self) -> Viewable:
        if self._view is None:
            heading = html(f"<h2>{self.title}</h2><p class='muted'>{self.lead}</p>")
            self._view = pn.Column(heading, self._layout(), styles={"max-width": "1180px"})
        return self._view

    def _layout(self) -> Viewable:
        raise NotImplementedError

    def _answer(self, function: Callable[..., None], *settings: str) -> None:
        """Call a function when one of the settings changes."""
        self.param.watch(self._together(function), list(settings))

    def _together(self, function: Callable[..., None]) -> Callable[..., None]:
        """A callback whose many changes reach the page, or the notebook, as one message."""

        def together(*events: Any) -> None:
            with pn.io.hold():
                function(*events)
            if self._view is not None:  # a notebook is sent changes of plots only when asked to
                pn.io.push_notebook(self._view)

        return together


def html(text: str = "", **options: Any) -> pn.pane.HTML:
    """Words in the look of all components."""
    return pn.pane.HTML(text, stylesheets=[STYLE], margin=(4, 8), **options)


def slider(parameter: param.Parameter, **options: Any) -> pn.widgets.Widget:
    """A slider on a number, whole number or range, as wide as its column."""
    made = _SLIDERS.get(type(parameter), pn.widgets.FloatSlider).from_param(
        parameter, sizing_mode="stretch_width", bar_color=ACCENT, **options
    )
    made._debounce = _GATHER
    return made


def column(*parts: Any, width: int) -> pn.Column:
    """Parts under each other in a column of fixed width."""
    return pn.Column(*parts, width=width)


def plot(width: int, height: int, title: str, **options: Any) -> Any:
    """An empty plot without tools, so that dragging and scrolling belong to the page."""
    drawn = bokeh_figure(
        width=width,
        height=height,
        title=title,
        tools="",
        toolbar_location=None,
        min_border=6,
        **options,
    )
    drawn.title.text_color = INK
    drawn.title.text_font_size = "14px"
    drawn.title.text_font_style = "normal"
    for axis in drawn.axis:
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_color = axis.major_label_text_color = INK
        axis.axis_line_color = axis.major_tick_line_color = MUTED
        axis.minor_tick_line_color = None
    drawn.grid.grid_line_color = RULE
    drawn.outline_line_color = None
    return drawn


def radar_mapper() -> LinearColorMapper:
    """Whole dBZ to the colours that every picture of a storm has; NaN, no echo, to nothing."""
    return LinearColorMapper(
        reflectivity_palette(), low=-0.5, high=MAX_DBZ + 0.5, nan_color="rgba(0, 0, 0, 0)"
    )


def radar_plot(size: int, title: str, rows: int, columns: int) -> Any:
    """A square plot for a storm box: km from the south-western corner, north up."""
    drawn = plot(
        size,
        size,
        title,
        x_range=(0, columns * PIXEL_KM),
        y_range=(0, rows * PIXEL_KM),
        x_axis_label="km",
        y_axis_label="km",
    )
    drawn.frame_width = drawn.frame_height = size - _AROUND
    drawn.grid.visible = False
    drawn.background_fill_color = "white"
    drawn.outline_line_color = MUTED
    return drawn


def add_colour_bar(
    drawn: Any, mapper: LinearColorMapper, title: str, ticker: Ticker | None = None
) -> None:
    """A colour bar to the right of a plot; its ticks are those of reflectivity unless told."""
    ticks = ticker or FixedTicker(ticks=list(range(0, MAX_DBZ + 1, 20)))
    bar = ColorBar(
        color_mapper=mapper, ticker=ticks, title=title, width=12, title_text_font_style="normal"
    )
    drawn.add_layout(bar, "right")
    drawn.width += 66


def blank_zero(box: ArrayLike) -> NDArray[np.float32]:
    """A box as floats with NaN where there is no echo."""
    values = np.asarray(box, np.float32)
    return np.where(values == 0, np.nan, values)


def readable_on(colour: str) -> str:
    """White on a dark hexadecimal colour, ink on a bright one."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 110 else INK
