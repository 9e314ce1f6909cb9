"""
The plots of the network microscope: each is drawn once, and shows data that it is given.

Signed maps are red above zero, blue below and white at it; those that never
fall below zero run from dark to bright, as in `stormlens.plots`.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from bokeh.events import Tap
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    FactorRange,
    LinearColorMapper,
    NumeralTickFormatter,
)

from stormlens.learn._base import BLUE, INK, MUTED, ORANGE, plot
from stormlens.learn._network_lens import SHADES, Kernel, gallery, is_signed, tile_columns

_GALLERY = (600, 270)  # width and height of the tiles together
_LEAST_LABELLED = 30  # pixels of a tile that has room for its number
_MOST_NUMBERS = 5  # rows of a kernel that has room for its numbers
_SILENT_COLOUR = "#dfe4e9"
_CLEAR = "rgba(0, 0, 0, 0)"


class MapPanel:
    """
    One feature map, large, with its colour bar.

    Attributes
    ----------
    source : ColumnDataSource
        `image`: the map, (rows, columns).
    mapper : LinearColorMapper
        From 0, or minus, to plus its largest magnitude.
    """

    def __init__(self, side: int) -> None:
        self.source = ColumnDataSource({"image": []})
        self.mapper = LinearColorMapper(palette=palette("viridis", 256), low=0, high=1)
        self.figure = plot(side + 78, side + 40, "", x_range=(0, 1), y_range=(0, 1))
        self.figure.frame_width = self.figure.frame_height = side
        self.figure.axis.visible = self.figure.grid.visible = False
        self.figure.outline_line_color = MUTED
        self.figure.image(
            "image", source=self.source, x=0, y=0, dw=1, dh=1, color_mapper=self.mapper
        )
        bar = ColorBar(
            color_mapper=self.mapper, width=12, ticker=BasicTicker(desired_num_ticks=5), padding=4
        )
        self.figure.add_layout(bar, "right")

    def show(self, values: np.ndarray, signed: bool, title: str) -> None:
        """Show a map (rows, columns); `signed` where any of its layer has a value below zero."""
        strongest = float(np.abs(values).max()) or 1.0
        self.source.data = {"image": [values]}
        recolour(self.mapper, "RdBu_r" if signed else "viridis", 256)
        self.mapper.update(low=-strongest if signed else 0.0, high=strongest)
        self.figure.title.text = title


class GalleryPanel:
    """
    All filters of a layer as tiles of one image; a click picks one.

    Attributes
    ----------
    source, tiles, chosen : ColumnDataSource
        `image` with its size in tiles; middle, corner and number of each tile; the middle of the
        chosen one.
    columns, count : int
        Tiles in a row, and in all.
    """

    def __init__(self, picked: Callable[[Tap], None]) -> None:
        self.source = ColumnDataSource({"image": [], "dw": [], "dh": []})
        self.tiles = ColumnDataSource({name: [] for name in ("x", "y", "left", "top", "name")})
        self.chosen = ColumnDataSource({"x": [], "y": []})
        self.columns = self.count = 1
        self.mapper = LinearColorMapper(
            palette=[*palette("viridis", SHADES), _SILENT_COLOUR],
            low=-0.5,
            high=SHADES + 0.5,
            high_color=_CLEAR,
        )
        width, height = _GALLERY
        self.figure = plot(
            width + 12,
            height + 36,
            "",
            x_range=(0, 1),
            y_range=(0, 1),
            frame_width=width,
            frame_height=height,
        )
        self.figure.axis.visible = self.figure.grid.visible = False
        self._draw()
        self.figure.on_event(Tap, picked)

    def _draw(self) -> None:
        drawn = self.figure
        drawn.image(
            "image", source=self.source, x=0, y=0, dw="dw", dh="dh", color_mapper=self.mapper
        )
        outline = {"width": 1, "height": 1, "fill_alpha": 0}
        drawn.rect("x", "y", source=self.tiles, line_color="white", line_width=2, **outline)
        drawn.text(
            "left",
            "top",
            "name",
            source=self.tiles,
            text_baseline="top",
            text_font_size="10px",
            text_color=INK,
            background_fill_color="white",
            background_fill_alpha=0.8,
            padding=1,
        )
        drawn.rect("x", "y", source=self.chosen, line_color=ORANGE, line_width=4, **outline)

    def show(self, maps: np.ndarray, layer: str) -> None:
        """Show all maps (rows, columns, filters) of a layer."""
        self.count = maps.shape[-1]
        self.columns = tile_columns(self.count, *_GALLERY)
        rows = -(-self.count // self.columns)
        side = min(_GALLERY[0] / self.columns, _GALLERY[1] / rows)
        # The tiles are square and stand at the top left.
        self.figure.x_range.end = _GALLERY[0] / side
        self.figure.y_range.update(start=rows - _GALLERY[1] / side, end=rows)
        name = "RdBu_r" if is_signed(maps) else "viridis"
        recolour(self.mapper, name, SHADES, _SILENT_COLOUR)
        self.source.data = {
            "image": [gallery(maps, self.columns)],
            "dw": [self.columns],
            "dh": [rows],
        }
        if self.count != len(self.tiles.data["x"]):
            self._number(rows, side)
        self.figure.title.text = (
            f"All {self.count} filters of {layer}, each on its own scale; grey: zero everywhere"
        )

    def _number(self, rows: int, side: float) -> None:
        number = np.arange(self.count)
        across, up = number % self.columns, rows - 1 - number // self.columns
        self.tiles.data = {
            "x": across + 0.5,
            "y": up + 0.5,
            "left": across + 3 / side,
            "top": up + 1 - 3 / side,
            "name": [str(i) if side >= _LEAST_LABELLED else "" for i in number],
        }

    def choose(self, filter: int) -> None:
        """Frame a filter's tile."""
        held = self.tiles.data
        self.chosen.data = {"x": [held["x"][filter]], "y": [held["y"][filter]]}

    def filter_at(self, x: float, y: float) -> int | None:
        """
        The filter whose tile holds a point; None beside the tiles.

        Parameters
        ----------
        x, y : float
            In tiles from the lower left.
        """
        rows = -(-self.count // self.columns)
        column, row = int(np.floor(x)), rows - 1 - int(np.floor(y))
        found = row * self.columns + column
        return found if 0 <= column < self.columns and row >= 0 and found < self.count else None


class KernelPanel:
    """
    A kernel's weights as colours and, where they fit, as numbers; north up.

    Attributes
    ----------
    source, numbers : ColumnDataSource
        `image`: the weights with their width and height; each weight's place, text and colour.
    """

    def __init__(self, width: int, height: int) -> None:
        self.source = ColumnDataSource({"image": [], "dw": [], "dh": []})
        self.numbers = ColumnDataSource({name: [] for name in ("x", "y", "weight", "ink")})
        self.mapper = LinearColorMapper(palette=palette("RdBu_r", 256), low=-1, high=1)
        self.figure = plot(width, height, "", x_range=(0, 3), y_range=(0, 3))
        self.figure.axis.visible = self.figure.grid.visible = False
        self.figure.image(
            "image", source=self.source, x=0, y=0, dw="dw", dh="dh", color_mapper=self.mapper
        )
        self.figure.text(
            "x",
            "y",
            "weight",
            source=self.numbers,
            text_align="center",
            text_baseline="middle",
            text_font_size="13px",
            text_color="ink",
        )

    def show(self, kernel: Kernel | None) -> None:
        """Show a kernel, or nothing."""
        if kernel is None:
            self.source.data = {"image": [], "dw": [], "dh": []}
            self.numbers.data = {name: [] for name in ("x", "y", "weight", "ink")}
            self.figure.title.text = "No kernel"
            return
        held = kernel.weights
        rows, columns = held.shape
        limit = float(np.abs(held).max()) or 1.0
        self.source.data = {"image": [held], "dw": [columns], "dh": [rows]}
        self.mapper.update(low=-limit, high=limit)
        self.figure.x_range.end, self.figure.y_range.end = columns, rows
        few = held if max(held.shape) <= _MOST_NUMBERS else held[:0]
        places = np.array(list(np.ndindex(few.shape))).reshape(-1, 2)
        self.numbers.data = {
            "x": places[:, 1] + 0.5,
            "y": places[:, 0] + 0.5,
            "weight": [f"{value:.3f}" for value in few.ravel()],
            "ink": ["white" if abs(value) > 0.6 * limit else INK for value in few.ravel()],
        }
        self.figure.title.text = f"Kernel of {kernel.layer}"


class UnitsPanel:
    """
    The values of a layer without places, a bar each.

    Attributes
    ----------
    source : ColumnDataSource
        `unit` and `value`.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self.source = ColumnDataSource({"unit": [], "value": []})
        self.figure = plot(width, height, title, x_range=(-1, 1), y_range=(0, 1))
        self.figure.xgrid.visible = False
        self.figure.vbar("unit", 0.9, "value", source=self.source, fill_color=BLUE, line_color=None)

    def show(self, values: np.ndarray) -> None:
        """Show values (units,)."""
        self.source.data = {"unit": np.arange(len(values)), "value": values}
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        room = 0.05 * (high - low) or 1.0
        self.figure.x_range.end = len(values)
        self.figure.y_range.update(start=low - room if low else 0.0, end=high + room)


class ChancePanel:
    """
    The probability of each class, in its colour.

    Attributes
    ----------
    source : ColumnDataSource
        `name`, `chance`, `text` and `colour`.
    """

    def __init__(self, width: int, height: int, colours: dict[str, str]) -> None:
        self.colours = colours
        self.source = ColumnDataSource({name: [] for name in ("name", "chance", "text", "colour")})
        self.figure = plot(
            width,
            height,
            "Probability",
            x_range=(0, 1.14),
            y_range=FactorRange(*reversed(colours)),
        )
        self.figure.ygrid.visible = False
        self.figure.xaxis.ticker = [0, 0.25, 0.5, 0.75, 1]
        self.figure.xaxis.formatter = NumeralTickFormatter(format="0.00")
        self.figure.hbar(
            "name", 0.72, "chance", source=self.source, fill_color="colour", line_color=None
        )
        self.figure.text(
            "chance",
            "name",
            "text",
            source=self.source,
            x_offset=5,
            text_baseline="middle",
            text_font_size="12px",
            text_color=INK,
        )

    def show(self, chances: Sequence[float] | np.ndarray) -> None:
        """Show probabilities (classes,)."""
        self.source.data = {
            "name": list(self.colours),
            "chance": np.asarray(chances),
            "text": [f"{chance:.2f}" if chance >= 0.005 else "<0.01" for chance in chances],
            "colour": list(self.colours.values()),
        }


def recolour(mapper: LinearColorMapper, name: str, count: int, *beyond: str) -> None:
    """Give a mapper another colour map; Bokeh takes 7 ms to check one, even if it is the same."""
    if mapper.name != name:
        mapper.update(name=name, palette=[*palette(name, count), *beyond])


@cache
def palette(name: str, count: int) -> list[str]:
    """A colour map of matplotlib as hexadecimal colours."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in colormaps[name](np.linspace(0, 1, count))]
