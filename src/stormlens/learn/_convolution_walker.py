"""A window to drag over a storm: the pixels under it, the kernel, their products and the sum."""

from functools import cache
from typing import Any, ClassVar

import numpy as np
import panel as pn
import param
import xarray as xr
from bokeh.events import Pan, Tap
from bokeh.models import BasicTicker, ColumnDataSource, LinearColorMapper
from bokeh.palettes import RdBu11, interp_palette
from panel.viewable import Viewable

from stormlens import concepts
from stormlens.learn._base import (
    INK,
    MUTED,
    RULE,
    Component,
    add_colour_bar,
    blank_zero,
    column,
    html,
    plot,
    radar_mapper,
    radar_plot,
    readable_on,
    slider,
)
from stormlens.learn._shown import chosen_storms, first_of_mode, storm_words
from stormlens.plots import reflectivity_palette
from stormlens.stormbox import MAX_DBZ, PIXEL_KM

_OWN = "your own"
_SIDE, _BESIDE = 340, 262  # pixels of a map's side, and of the column beside the maps
_SIGNED = interp_palette(RdBu11, 255)
_PARTS = ("pixels", "weights", "products")
_SENSE = {
    False: "Correlation, as a Keras layer computes it: weights lie on the pixels as typed.",
    True: "Convolution, as scipy.signal.convolve computes it: the kernel is turned by 180 degrees, "
    "so that its north-western weight meets the south-eastern pixel.",
}


class ConvolutionWalker(Component):
    """
    One output pixel of a 3 x 3 convolution at a time, and the whole response beside it.

    Attributes
    ----------
    storm : int
        Which box is shown.
    row, column : int
        Of the output pixel, which are the window's first row and column too.
    kernel_name : str
        A classical kernel, or ``"your own"``.
    weights : list of float
        The nine weights, row by row from the north as they are read on the page.
    turned : bool
        Whether the kernel is turned by 180 degrees first: a convolution, not a correlation.
    step : stormlens.concepts.Step
        What follows: pixels, weights, products and their sum.
    response : ndarray of float64, shape (y - 2, x - 2)
        All output pixels.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Boxes to choose from; simulated ones unless told.
    """

    slug: ClassVar[str] = "convolution-walker"
    title: ClassVar[str] = "Convolution walker"
    lead: ClassVar[str] = (
        "Drag or click the window over the storm. Each place gives one sum, and all sums together "
        "are the picture on the right."
    )

    storm = param.Integer(0, bounds=(0, 0))
    row = param.Integer(0, bounds=(0, 0))
    column = param.Integer(0, bounds=(0, 0))
    kernel_name = param.Selector(default="edge", objects=[*concepts.kernels(3), _OWN])
    weights = param.List(default=[0.0] * 9, bounds=(9, 9), item_type=(int, float))
    turned = param.Boolean(False)

    def __init__(self, dataset: xr.Dataset | None = None, **parameters: Any) -> None:
        self.dataset = chosen_storms(dataset)
        rows, columns = self.dataset["reflectivity"].shape[1:]
        self.param.storm.bounds = (0, self.dataset.sizes["storm"] - 1)
        self.param.row.bounds, self.param.column.bounds = (0, rows - 3), (0, columns - 3)
        given = {"storm": first_of_mode(self.dataset, "QLCS"), **parameters}
        given.setdefault("kernel_name", _OWN if "weights" in given else "edge")
        super().__init__(**given)
        self.image = ColumnDataSource({"box": []})
        self.answer = ColumnDataSource({"response": []})
        self.window = ColumnDataSource({"x": [], "y": []})
        self.cells = ColumnDataSource({"x": [], "y": [], "text": [], "fill": [], "ink": []})
        self.heads = ColumnDataSource({"x": [1, 5, 9], "text": _PARTS})
        self.words, self.heading, self.sense = html(), html(), html()
        self._scale = LinearColorMapper(_SIGNED, low=-1, high=1)
        self._draw()
        self._entries = [
            pn.widgets.FloatInput(value=0.0, step=1.0, format="0[.]000", width=76, margin=2)
            for _ in range(9)
        ]
        self._filling = False
        self._take_kernel()
        self._compute()
        if not {"row", "column"} & parameters.keys():
            self.row, self.column = (int(i) for i in self._strongest())
        self._walk()
        for entry in self._entries:
            entry.param.watch(self._together(self._typed), "value")
        self._answer(self._take_kernel, "kernel_name")
        self._answer(self._compute, "storm", "weights", "turned")
        self._answer(self._walk, "row", "column")

    def go_to(self, x: float, y: float) -> None:
        """
        Put the window's middle on a point of the box.

        Parameters
        ----------
        x, y : float
            km from the south-western corner; outside, the window stays at the edge.
        """
        places = []
        for name, km in (("row", y), ("column", x)):
            low, high = self.param[name].bounds
            places.append(min(max(int(km // PIXEL_KM) - 1, low), high))
        self.param.update(row=places[0], column=places[1])

    def _kernel(self) -> np.ndarray:
        # Written from the north as one reads, applied from the south as boxes are stored.
        return np.array(self.weights, float).reshape(3, 3)[::-1]

    def _box(self) -> np.ndarray:
        return self.dataset["reflectivity"].values[self.storm]

    def _strongest(self) -> tuple[Any, ...]:
        return np.unravel_index(int(np.abs(self.response).argmax()), self.response.shape)

    def _typed(self, *events: object) -> None:
        if not self._filling:
            typed = [float(entry.value or 0.0) for entry in self._entries]
            self.param.update(weights=typed, kernel_name=_OWN)

    def _take_kernel(self, *events: object) -> None:
        if self.kernel_name != _OWN:
            chosen = concepts.kernels(3)[self.kernel_name][::-1]
            self.weights = [float(weight) for weight in chosen.ravel()]

    def _fill_entries(self) -> None:
        self._filling = True  # or each entry would count as typed before the next is filled
        for entry, weight in zip(self._entries, self.weights, strict=True):
            entry.value = weight
        self._filling = False

    def _compute(self, *events: object) -> None:
        respond = concepts.convolve if self.turned else concepts.correlate
        self.response = respond(self._box(), self._kernel(), method="gemm")
        limit = float(np.quantile(np.abs(self.response), 0.998)) or 1.0
        self._scale.update(low=-limit, high=limit)
        self.answer.data = {"response": [self.response]}
        self.image.data = {"box": [blank_zero(self._box())]}
        self.heading.object = f"<h3>{storm_words(self.dataset, self.storm)}</h3>"
        self.sense.object = f"<p class='muted'>{_SENSE[self.turned]}</p>"
        pixels, weights, products = _PARTS
        lying = f"{weights}, turned" if self.turned else weights
        self.heads.data = {**self.heads.data, "text": [pixels, lying, products]}
        self._fill_entries()
        self._walk()

    def _walk(self, *events: object) -> None:
        self.step = concepts.convolution_step(
            self._box(), self._kernel(), self.row, self.column, turned=self.turned
        )
        self.window.data = {
            "x": [(self.column + 1.5) * PIXEL_KM],
            "y": [(self.row + 1.5) * PIXEL_KM],
        }
        self.cells.data = _cells(self.step)
        self.words.object = (
            f"<p>Row {self.row}, column {self.column} of the response: the nine "
            f"products add up to <span class='big'>{self.step.total:.5g}</span></p>"
        )

    def _draw(self) -> None:
        rows, columns = self._box().shape
        mapper = radar_mapper()
        self._map = radar_plot(_SIDE, "storm box", rows, columns)
        size = {"x": 0, "y": 0, "dw": columns * PIXEL_KM, "dh": rows * PIXEL_KM}
        self._map.image("box", source=self.image, color_mapper=mapper, **size)
        add_colour_bar(self._map, mapper, "dBZ")
        self._result = radar_plot(_SIDE, "response", rows, columns)
        inner = {
            "x": PIXEL_KM,
            "y": PIXEL_KM,
            "dw": (columns - 2) * PIXEL_KM,
            "dh": (rows - 2) * PIXEL_KM,
        }
        self._result.image("response", source=self.answer, color_mapper=self._scale, **inner)
        add_colour_bar(self._result, self._scale, "sum", BasicTicker(desired_num_ticks=5))
        self._result.scatter(
            "x", "y", source=self.window, size=13, marker="circle_cross", fill_alpha=0, color=INK
        )
        self._map.rect(
            "x",
            "y",
            width=3 * PIXEL_KM,
            height=3 * PIXEL_KM,
            source=self.window,
            fill_alpha=0,
            line_color=INK,
            line_width=2.5,
        )
        # A ring, as the window itself is small.
        self._map.scatter("x", "y", source=self.window, size=30, fill_alpha=0, color=INK)
        for drawn in (self._map, self._result):
            for event in (Tap, Pan):
                drawn.on_event(event, self._together(lambda event: self.go_to(event.x, event.y)))
        self._sum = self._draw_sum()

    def _draw_sum(self) -> Any:
        drawn = plot(560, 200, "", x_range=(-0.6, 11), y_range=(-0.6, 3.4))
        drawn.axis.visible = drawn.grid.visible = False
        drawn.rect("x", "y", 1, 1, source=self.cells, fill_color="fill", line_color=RULE)
        centred = {"text_align": "center", "text_baseline": "middle"}
        small, large = ({"text_font_size": size, **centred} for size in ("13px", "22px"))
        drawn.text("x", "y", "text", source=self.cells, text_color="ink", **small)
        drawn.text("x", 2.95, "text", source=self.heads, text_color=INK, **small)
        signs = ["\N{MULTIPLICATION SIGN}", "="]
        drawn.text([3, 7], [1, 1], signs, text_color=INK, **large)
        drawn.outline_line_color = MUTED
        return drawn

    def _layout(self) -> Viewable:
        choices = column(
            slider(self.param.storm, label="storm"),
            slider(self.param.row, label="row of the response"),
            slider(self.param.column, label="column of the response"),
            pn.widgets.Select.from_param(
                self.param.kernel_name, label="kernel", sizing_mode="stretch_width"
            ),
            html("<p>Or type weights, north on top:</p>"),
            pn.GridBox(*self._entries, ncols=3, margin=(0, 6)),
            pn.widgets.Checkbox.from_param(
                self.param.turned, label="turn the kernel first (convolution)"
            ),
            self.sense,
            width=_BESIDE,
        )
        maps = pn.Row(pn.pane.Bokeh(self._map), pn.pane.Bokeh(self._result))
        return pn.FlexBox(
            choices, pn.Column(self.heading, maps, self.words, pn.pane.Bokeh(self._sum))
        )


def _cells(step: concepts.Step) -> dict[str, list]:
    """Pixels in the colours of their dBZ, weights and products by their share of the largest."""
    cells: dict[str, list] = {name: [] for name in ("x", "y", "text", "fill", "ink")}
    coloured = ((step.window, _echo), (step.kernel, _signed), (step.products, _signed))
    for i, (values, colour) in enumerate(coloured):
        held = np.asarray(values, float)
        largest = float(np.abs(held).max()) or 1.0
        for (row, place), value in np.ndenumerate(held):
            fill = colour(value, largest)
            cells["x"].append(place + 4 * i)
            cells["y"].append(row)
            cells["text"].append(f"{value:.4g}")
            cells["fill"].append(fill)
            cells["ink"].append(readable_on(fill))
    return cells


@cache
def _dbz_colours() -> list[str]:
    return ["#ffffff", *reflectivity_palette()[1:]]


def _echo(dbz: float, _: float) -> str:
    return _dbz_colours()[min(int(dbz), MAX_DBZ)]


def _signed(value: float, largest: float) -> str:
    middle = len(_SIGNED) // 2
    return _SIGNED[middle + round(middle * value / largest)]
