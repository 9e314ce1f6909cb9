"""A window to drag over a storm: the pixels under it, the kernel, their products and the sum."""

from typing import Any, ClassVar

import numpy as np
import panel as pn
import param
import xarray as xr
from bokeh.events import Pan, Tap
from bokeh.models import ColumnDataSource, LinearColorMapper
from panel.viewable import Viewable

from stormlens import concepts
from stormlens.learn._base import (
    ACCENT,
    INK,
    MUTED,
    Component,
    add_colour_bar,
    blank_zero,
    column,
    html,
    plot,
    radar_mapper,
    radar_plot,
    throttled,
)
from stormlens.learn._storms import chosen_storms, first_of_mode, storm_words
from stormlens.stormbox import PIXEL_KM

_OWN = "your own"
_SIGNED = [
    "#053061",
    "#2166ac",
    "#4393c3",
    "#92c5de",
    "#d1e5f0",
    "#f7f7f7",
    "#fddbc7",
    "#f4a582",
    "#d6604d",
    "#b2182b",
    "#67001f",
]
_PARTS = ("pixels", "weights", "products")


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
        self.cells = ColumnDataSource({"x": [], "y": [], "text": [], "share": []})
        self.words, self.heading = html(), html()
        self._scale = LinearColorMapper(_SIGNED, low=-1, high=1)
        self._draw()
        self._entries = [
            pn.widgets.FloatInput(value=0.0, step=1.0, width=92, margin=2) for _ in range(9)
        ]
        self._filling = False
        self._take_kernel()
        self._compute()
        if not {"row", "column"} & parameters.keys():
            self.row, self.column = (int(i) for i in self._strongest())
        self._walk()
        for entry in self._entries:
            entry.param.watch(throttled(self._typed), "value")
        self.param.watch(throttled(self._take_kernel), ["kernel_name"])
        self.param.watch(throttled(self._compute), ["storm", "weights", "turned"])
        self.param.watch(throttled(self._walk), ["row", "column"])

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
        kind = "convolution: kernel turned by 180 degrees" if self.turned else "correlation"
        self.words.object = (
            f"<p>Row {self.row}, column {self.column} of the response ({kind}): the nine products "
            f"add up to <span class='big'>{self.step.total:.5g}</span></p>"
        )

    def _draw(self) -> None:
        rows, columns = self._box().shape
        mapper = radar_mapper()
        self._map = radar_plot(380, "storm box", rows, columns)
        size = {"x": 0, "y": 0, "dw": columns * PIXEL_KM, "dh": rows * PIXEL_KM}
        self._map.image("box", source=self.image, color_mapper=mapper, **size)
        add_colour_bar(self._map, mapper, "dBZ")
        self._result = radar_plot(380, "response", rows, columns)
        inner = {
            "x": PIXEL_KM,
            "y": PIXEL_KM,
            "dw": (columns - 2) * PIXEL_KM,
            "dh": (rows - 2) * PIXEL_KM,
        }
        self._result.image("response", source=self.answer, color_mapper=self._scale, **inner)
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
                drawn.on_event(event, throttled(lambda event: self.go_to(event.x, event.y)))
        self._sum = self._draw_sum()

    def _draw_sum(self) -> Any:
        drawn = plot(560, 200, "", x_range=(-0.6, 11), y_range=(-0.6, 3.4))
        drawn.axis.visible = drawn.grid.visible = False
        signed = LinearColorMapper(_SIGNED, low=-1, high=1)
        drawn.rect(
            "x",
            "y",
            1,
            1,
            source=self.cells,
            fill_color={"field": "share", "transform": signed},
            fill_alpha=0.55,
            line_color="white",
        )
        centred = {"text_align": "center", "text_baseline": "middle", "text_color": INK}
        drawn.text("x", "y", "text", source=self.cells, text_font_size="13px", **centred)
        drawn.text([1, 5, 9], [2.95] * 3, list(_PARTS), text_font_size="13px", **centred)
        drawn.text(
            [3, 7], [1, 1], ["\N{MULTIPLICATION SIGN}", "="], text_font_size="22px", **centred
        )
        drawn.outline_line_color = MUTED
        return drawn

    def _layout(self) -> Viewable:
        def whole(name: str, words: str) -> Any:
            return pn.widgets.IntSlider.from_param(
                self.param[name], name=words, sizing_mode="stretch_width", bar_color=ACCENT
            )

        choices = column(
            whole("storm", "storm"),
            whole("row", "row of the response"),
            whole("column", "column of the response"),
            pn.widgets.Select.from_param(
                self.param.kernel_name, name="kernel", sizing_mode="stretch_width"
            ),
            html("<p>Or type weights, north on top:</p>"),
            pn.GridBox(*self._entries, ncols=3),
            pn.widgets.Checkbox.from_param(
                self.param.turned, name="turn the kernel first (convolution)"
            ),
            width=320,
        )
        pictures = pn.Row(pn.pane.Bokeh(self._map), pn.pane.Bokeh(self._result))
        return pn.Row(
            choices, pn.Column(self.heading, pictures, self.words, pn.pane.Bokeh(self._sum))
        )


def _cells(step: concepts.Step) -> dict[str, list]:
    """Pixels, weights and products side by side, each coloured by its share of the largest."""
    cells: dict[str, list] = {"x": [], "y": [], "text": [], "share": []}
    for i, values in enumerate((step.window, step.kernel, step.products)):
        held = np.asarray(values, float)
        largest = float(np.abs(held).max()) or 1.0
        for (row, place), value in np.ndenumerate(held):
            cells["x"].append(place + 4 * i)
            cells["y"].append(row)
            cells["text"].append(f"{value:.4g}")
            cells["share"].append(value / largest)
    return cells
