"""Patches of a storm, picked by clicking on it, and a neuron that fires at some of them."""

from typing import Any, ClassVar

import numpy as np
import panel as pn
import param
import xarray as xr
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, FactorRange, LabelSet, Span
from panel.viewable import Viewable

from stormlens import concepts
from stormlens.learn._base import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    Component,
    add_colour_bar,
    blank_zero,
    column,
    html,
    plot,
    radar_mapper,
    radar_plot,
    slider,
)
from stormlens.learn._shown import chosen_storms, first_of_mode, storm_words
from stormlens.stormbox import PIXEL_KM

_KEPT = 3
_BARS = ("max pool", "z", "ReLU(z)")


class PoolAndFire(Component):
    """
    Max pooling of three patches, and a ReLU neuron behind it.

    Attributes
    ----------
    threshold : float
        dBZ that the weighted maximum has to pass, 0 to 70.
    weight, bias : float
        Of the neuron, 0.1 to 3 and -20 to 20.
    size : int
        Rows and columns of a patch, 3 to 15.
    storm : int
        Which box is shown.
    places : list of (int, int)
        First row and column of the patches, the latest last.
    responses : list of stormlens.concepts.PatchResponse
        What follows for each.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Boxes to choose from; simulated ones unless told.
    """

    slug: ClassVar[str] = "pool-and-fire"
    title: ClassVar[str] = "Pool and fire"
    lead: ClassVar[str] = (
        "Click on the storm to pick a patch; the last three stay. Then make the neuron fire at "
        "convection alone."
    )

    threshold = param.Number(40.0, bounds=(0, 70), step=1)
    weight = param.Number(1.0, bounds=(0.1, 3), step=0.1)
    bias = param.Number(0.0, bounds=(-20, 20), step=1)
    size = param.Integer(5, bounds=(3, 15))
    storm = param.Integer(0, bounds=(0, 0))
    places = param.List(default=[], item_type=tuple)

    def __init__(self, dataset: xr.Dataset | None = None, **parameters: Any) -> None:
        self.dataset = chosen_storms(dataset)
        self.param.storm.bounds = (0, self.dataset.sizes["storm"] - 1)
        super().__init__(**{"storm": first_of_mode(self.dataset, "QLCS"), **parameters})
        self.image = ColumnDataSource({"box": []})
        self.frames = ColumnDataSource({"x": [], "y": [], "side": [], "name": []})
        self.patches = [ColumnDataSource({"patch": [], "dw": []}) for _ in range(_KEPT)]
        self.numbers = [ColumnDataSource({"x": [], "y": [], "dbz": []}) for _ in range(_KEPT)]
        self.bars = [
            ColumnDataSource({"name": [], "value": [], "top": [], "text": []}) for _ in range(_KEPT)
        ]
        self.words = html()
        self.heading = html()
        self._draw()
        self.places = self.places or telling_places(self._box(), self.size)
        self._show_storm()
        self._answer(self._new_storm, "storm")
        self._answer(self._new_size, "size")
        self._answer(self._show_patches, "places")
        self._answer(self._respond, "threshold", "weight", "bias")

    def pick(self, x: float, y: float) -> None:
        """
        Take the patch around a point of the box, in place of the oldest of three.

        Parameters
        ----------
        x, y : float
            km from the south-western corner; a patch that would leave the box is moved inside.
        """
        place = (int(y / PIXEL_KM) - self.size // 2, int(x / PIXEL_KM) - self.size // 2)
        self.places = [*self.places, self._inside(place)][-_KEPT:]

    def _inside(self, place: tuple[int, int]) -> tuple[int, int]:
        rows, columns = self._box().shape
        row = min(max(place[0], 0), rows - self.size)
        return row, min(max(place[1], 0), columns - self.size)

    def _box(self) -> np.ndarray:
        return self.dataset["reflectivity"].values[self.storm]

    def _new_storm(self, *events: object) -> None:
        self.places = telling_places(self._box(), self.size)
        self._show_storm()

    def _new_size(self, *events: object) -> None:
        # A new list even where no patch moves, as all have another size now.
        self.places = [self._inside(place) for place in self.places]
        self._show_patches()

    def _show_storm(self) -> None:
        self.image.data = {"box": [blank_zero(self._box())]}
        self.heading.object = f"<h3>{storm_words(self.dataset, self.storm)}</h3>"
        self._show_patches()

    def _show_patches(self, *events: object) -> None:
        side = self.size * PIXEL_KM
        self.frames.data = {
            "x": [column * PIXEL_KM + side / 2 for _, column in self.places],
            "y": [row * PIXEL_KM + side / 2 for row, _ in self.places],
            "side": [side] * len(self.places),
            "name": [str(i + 1) for i in range(len(self.places))],
        }
        for patch, image, numbers in zip(self._patches(), self.patches, self.numbers, strict=False):
            image.data = {"patch": [blank_zero(patch)], "dw": [self.size]}
            rows, columns = np.indices(patch.shape)
            # Larger patches have no room for numbers.
            shown = patch.ravel() if self.size <= 7 else patch.ravel()[:0]
            held = shown.size
            numbers.data = {
                "x": columns.ravel()[:held] + 0.5,
                "y": rows.ravel()[:held] + 0.5,
                "dbz": [str(value) for value in shown],
            }
        for drawn in self._patch_plots:
            drawn.x_range.end = drawn.y_range.end = self.size
        self._respond()

    def _patches(self) -> list[np.ndarray]:
        box, size = self._box(), self.size
        return [box[row : row + size, column : column + size] for row, column in self.places]

    def _respond(self, *events: object) -> None:
        self.responses = [
            concepts.fires(patch, self.threshold, self.weight, self.bias)
            for patch in self._patches()
        ]
        for held, source in zip(self.responses, self.bars, strict=False):
            values = [held.pooled, held.z, held.a]
            source.data = {
                "name": list(_BARS),
                "value": values,
                "top": [max(value, 0) for value in values],  # a label never lies on its bar
                "text": [f"{value:.4g}" for value in values],
            }
        firing = [str(i + 1) for i, held in enumerate(self.responses) if held.a > 0]
        for i, (drawn, held) in enumerate(zip(self._bar_plots, self.responses, strict=False)):
            drawn.title.text = f"Patch {i + 1} {'fires' if held.a > 0 else 'stays silent'}"
        who = f"Patch {' and '.join(firing)} fires." if len(firing) == 1 else ""
        who = who or (f"Patches {', '.join(firing)} fire." if firing else "No patch fires.")
        self.words.object = (
            f"<p>z = {self.weight:.1f} max(patch) + ({self.bias:g}) - {self.threshold:g}, "
            f"a = max(0, z). <b>{who}</b></p>"
        )

    def _draw(self) -> None:
        rows, columns = self._box().shape
        mapper = radar_mapper()
        self._map = radar_plot(430, "", rows, columns)
        self._map.image(
            "box",
            source=self.image,
            x=0,
            y=0,
            dw=columns * PIXEL_KM,
            dh=rows * PIXEL_KM,
            color_mapper=mapper,
        )
        self._map.rect(
            "x",
            "y",
            "side",
            "side",
            source=self.frames,
            fill_alpha=0,
            line_color=INK,
            line_width=2.5,
        )
        self._map.add_layout(
            LabelSet(
                x="x",
                y="y",
                text="name",
                source=self.frames,
                x_offset=12,
                y_offset=8,
                text_font_style="bold",
                background_fill_color="white",
                background_fill_alpha=0.85,
            )
        )
        add_colour_bar(self._map, mapper, "dBZ")
        self._map.on_event(Tap, self._together(lambda event: self.pick(event.x, event.y)))
        self._patch_plots = [self._draw_patch(i, mapper) for i in range(_KEPT)]
        self._bar_plots = [self._draw_bars(source) for source in self.bars]

    def _draw_patch(self, number: int, mapper: Any) -> Any:
        drawn = plot(190, 205, f"Patch {number + 1}, dBZ", x_range=(0, 5), y_range=(0, 5))
        drawn.axis.visible = drawn.grid.visible = False
        drawn.outline_line_color = MUTED
        drawn.image(
            "patch",
            source=self.patches[number],
            x=0,
            y=0,
            dw="dw",
            dh="dw",
            color_mapper=mapper,
        )
        drawn.text(
            "x",
            "y",
            "dbz",
            source=self.numbers[number],
            text_align="center",
            text_baseline="middle",
            text_font_size="11px",
            text_color=INK,
        )
        return drawn

    def _draw_bars(self, source: ColumnDataSource) -> Any:
        drawn = plot(190, 230, "", x_range=FactorRange(*_BARS), y_range=(-75, 95))
        drawn.xgrid.visible = False
        drawn.vbar(
            "name",
            0.6,
            "value",
            source=source,
            color={"field": "name", "transform": _bar_colours()},
        )
        drawn.add_layout(Span(location=0, dimension="width", line_color=INK, line_width=1))
        drawn.add_layout(
            LabelSet(
                x="name",
                y="top",
                text="text",
                source=source,
                text_align="center",
                text_font_size="12px",
                y_offset=2,
            )
        )
        return drawn

    def _layout(self) -> Viewable:
        choices = column(
            slider(self.param.storm, label="storm"),
            slider(self.param.size, label="patch size, pixels"),
            width=430,
        )
        neuron = column(
            slider(self.param.threshold, label="threshold, dBZ"),
            slider(self.param.weight, label="weight w"),
            slider(self.param.bias, label="bias b"),
            width=570,
        )
        left = pn.Column(self.heading, pn.pane.Bokeh(self._map), choices)
        patches = pn.Row(*(pn.pane.Bokeh(drawn) for drawn in self._patch_plots))
        bars = pn.Row(*(pn.pane.Bokeh(drawn) for drawn in self._bar_plots))
        return pn.FlexBox(left, pn.Column(self.words, patches, bars, neuron))


def telling_places(box: np.ndarray, size: int) -> list[tuple[int, int]]:
    """
    Three patches worth comparing: the strongest echo, a middling one, and the weakest.

    Parameters
    ----------
    box : ndarray of uint8, shape (y, x)
        dBZ.
    size : int
        Rows and columns of a patch.

    Returns
    -------
    places : list of (int, int)
        First row and column of each, from patches that do not overlap.
    """
    pooled = concepts.pool(box, size).astype(int)
    middling = np.abs(pooled - (pooled.max() / 2))
    found = [pooled.argmax(), middling.argmin(), pooled.argmin()]
    chosen = [np.unravel_index(int(place), pooled.shape) for place in found]
    return [(int(row) * size, int(column) * size) for row, column in chosen]


def _bar_colours() -> Any:
    from bokeh.transform import factor_cmap

    return factor_cmap("name", [MUTED, BLUE, ORANGE], list(_BARS))["transform"]
