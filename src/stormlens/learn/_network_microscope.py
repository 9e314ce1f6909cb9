"""A look inside a network: choose a box, a layer and a filter, and see what becomes of a storm."""

from html import escape
from typing import Any, ClassVar

import numpy as np
import panel as pn
import param
import xarray as xr
from bokeh.events import Tap
from bokeh.models import ColumnDataSource
from panel.viewable import Viewable

from stormlens.datasets import check_reflectivity, class_names, is_simulated
from stormlens.errors import InputError, unknown
from stormlens.insight import LayerInfo
from stormlens.learn._base import (
    Component,
    add_colour_bar,
    blank_zero,
    html,
    radar_mapper,
    radar_plot,
    slider,
)
from stormlens.learn._microscope_panels import (
    ChancePanel,
    GalleryPanel,
    KernelPanel,
    MapPanel,
    UnitsPanel,
)
from stormlens.learn._network_lens import Kernel, NetworkLens, View, is_signed
from stormlens.learn._shown import chosen_storms, first_of_mode
from stormlens.models import Classifier, build
from stormlens.stormbox import MAX_DBZ, PIXEL_KM

_UNTRAINED = "chapter-relu"
_SIDE = 262  # pixels of the storm's and the feature map's sides


class NetworkMicroscope(Component):
    """
    One box through a network: feature maps, kernels, activations and probabilities.

    Attributes
    ----------
    storm : int
        Which box.
    layer : str
        A layer that gives maps, by its name in `stormlens.insight.list_layers`.
    filter : int
        Which filter of it.
    view : View
        What all layers give for the box: `maps` by layer, `hidden` and `probabilities`.
    kernel : Kernel or None
        The weights that make the chosen filter's map.
    random_weights : bool
        Whether no classifier was given, and the network has learnt nothing.

    Parameters
    ----------
    classifier : Classifier, optional
        As `stormlens.fit` or `Classifier.load` returns it; a network of the chapter with random
        weights, which says so, unless told.
    dataset : xarray.Dataset, optional
        Boxes to choose from; simulated ones unless told.
    storm : int, optional
        The first QLCS unless told.
    layer : str, optional
        The first that gives maps unless told.
    filter, seed : int, optional
        The filter shown first; the seed of the random weights.

    Raises
    ------
    InputError
        If it is no classifier, the boxes do not fit it, or there is no such storm, layer or
        filter.
    """

    slug: ClassVar[str] = "network-microscope"
    title: ClassVar[str] = "Network microscope"
    lead: ClassVar[str] = (
        "Choose a storm and a layer, then click a filter in the gallery: what does it answer to?"
    )

    storm = param.Integer(0, bounds=(0, None))
    layer: Any = param.Selector(objects=[])
    filter = param.Integer(0, bounds=(0, None))
    view: View
    kernel: Kernel | None

    def __init__(
        self,
        classifier: Classifier | None = None,
        dataset: xr.Dataset | None = None,
        *,
        storm: int | None = None,
        layer: str | None = None,
        filter: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.random_weights = classifier is None
        if classifier is None:
            classifier = Classifier(build(_UNTRAINED, seed=seed), _UNTRAINED)
            self._seed = seed
        self.classifier, self.dataset = classifier, chosen_storms(dataset)
        self.lens = NetworkLens(classifier)
        self._images = _fitting(self.dataset, classifier)
        self._choose_first(storm, layer, filter)
        self._draw()
        self._new_storm()
        self._answer(self._new_storm, "storm")
        self._answer(self._new_layer, "layer")
        self._answer(self._new_filter, "filter")

    def _choose_first(self, storm: int | None, layer: str | None, filter: int) -> None:
        names = [info.name for info in self.lens.layers]
        if layer is not None and layer not in names:
            raise unknown("layer that gives maps", layer, names)
        self.param.layer.objects = {_layer_words(info): info.name for info in self.lens.layers}
        self.layer = layer or names[0]
        self._choose("filter", filter, self._filters())
        storm = first_of_mode(self.dataset, "QLCS") if storm is None else storm
        self._choose("storm", storm, len(self._images))

    def _choose(self, name: str, value: int, count: int) -> None:
        if not 0 <= value < count:
            raise InputError(f"There is no {name} {value}; they go from 0 to {count - 1}.")
        setattr(self, name, value)
        self.param[name].bounds = (0, count - 1)

    def pick(self, x: float, y: float) -> None:
        """
        Choose the filter at a point of the gallery; beside the tiles, nothing happens.

        Parameters
        ----------
        x, y : float
            In tiles from the lower left.
        """
        found = self.gallery.filter_at(x, y)
        if found is not None:
            self.filter = found

    def _filters(self) -> int:
        shapes = {info.name: info.output_shape or () for info in self.lens.layers}
        return shapes[self.layer][-1]

    def _new_storm(self, *events: object) -> None:
        self.view = self.lens.look(self._images[self.storm])
        self.box.data = {"image": [blank_zero(self._images[self.storm])]}
        self._map.title.text = self._storm_words()
        self.words.object = self._answer_words()
        self.chances.show(self.view.probabilities)
        if self.units is not None:
            self.units.show(self.view.hidden)
        self.gallery.show(self.view.maps[self.layer], self.layer)
        self._show_filter()

    def _new_layer(self, *events: object) -> None:
        last = self._filters() - 1
        self.gallery.show(self.view.maps[self.layer], self.layer)
        if self.filter > last:
            self.filter = last
        else:
            self._show_filter()
        self.param.filter.bounds = (0, last)

    def _new_filter(self, *events: object) -> None:
        self._show_filter()

    def _show_filter(self) -> None:
        maps = self.view.maps[self.layer]
        rows, columns, _ = maps.shape
        title = f"Filter {self.filter} of {self.layer}: {rows} x {columns}"
        self.map.show(maps[..., self.filter], is_signed(maps), title)
        self.gallery.choose(self.filter)
        self.kernel = self.lens.kernel(self.layer, self.filter)
        self.weights.show(self.kernel)
        self.kernel_words.object = _kernel_words(self.kernel)

    def _draw(self) -> None:
        from stormlens.plots import class_colours

        self.colours = class_colours(self.classifier.classes)
        self.box = ColumnDataSource({"image": []})
        rows, columns = self._images.shape[1:]
        mapper = radar_mapper()
        self._map = radar_plot(330, "", rows, columns)
        self._map.frame_width = self._map.frame_height = _SIDE
        self._map.image(
            "image",
            source=self.box,
            x=0,
            y=0,
            dw=columns * PIXEL_KM,
            dh=rows * PIXEL_KM,
            color_mapper=mapper,
        )
        add_colour_bar(self._map, mapper, "dBZ")
        self.map = MapPanel(_SIDE)
        self.gallery = GalleryPanel(self._together(self._tapped))
        self.weights = KernelPanel(240, 250)
        self.chances = ChancePanel(400, 168, self.colours)
        hidden = self.lens.hidden
        self.units = (
            None if hidden is None else UnitsPanel(400, 138, f"Last hidden layer: {hidden.name}")
        )
        self.words, self.kernel_words = html(), html()

    def _tapped(self, event: Tap) -> None:
        self.pick(event.x, event.y)

    def _storm_words(self) -> str:
        words = f"Storm {self.storm}"
        if "mode" in self.dataset:
            words += f": {self._label()}"
        return words + (" (simulated)" if is_simulated(self.dataset) else "")

    def _label(self) -> str:
        return class_names(self.dataset)[int(self.dataset["mode"].values[self.storm])]

    def _answer_words(self) -> str:
        chances = self.view.probabilities
        answer = self.classifier.classes[int(chances.argmax())]
        told = f"{self._dot(answer)} with probability {chances.max():.2f}"
        label = self._label() if "mode" in self.dataset else None
        if self.random_weights:
            words = (
                f"<span class='badge'>random weights</span> {_UNTRAINED} (seed {self._seed}) has "
                f"learnt nothing; by chance it answers {told}"
            )
            verdict = ""
        else:
            words = f"The network answers {told}"
            verdict = ": right" if answer == label else ": wrong"
        if label is not None:
            words += f"; the label is {self._dot(label)}{verdict}"
        if self.classifier.trained_on_simulated:
            words += ". <span class='badge'>trained on simulated storms</span>"
        return f"<p style='max-width: none'>{words}</p>"

    def _dot(self, name: str) -> str:
        colour = self.colours.get(name, "#7a7a7a")
        return f"<span style='color:{colour}'>\N{BLACK CIRCLE}</span> <b>{escape(name)}</b>"

    def _layout(self) -> Viewable:
        wide = {"sizing_mode": "stretch_width"}
        controls = pn.Row(
            slider(self.param.storm, label="storm"),
            pn.widgets.Select.from_param(self.param.layer, label="layer", **wide),
            slider(self.param.filter, label="filter"),
            max_width=1070,
            sizing_mode="stretch_width",
        )
        kernel = pn.Column(pn.pane.Bokeh(self.weights.figure), self.kernel_words, width=250)
        # Of fixed width, as a colour bar's numbers take more room or less.
        map_ = pn.Column(pn.pane.Bokeh(self.map.figure), width=_SIDE + 90)
        above = pn.FlexBox(pn.pane.Bokeh(self._map), map_, kernel)
        ends = [panel.figure for panel in (self.chances, self.units) if panel is not None]
        below = pn.FlexBox(
            pn.pane.Bokeh(self.gallery.figure),
            pn.Column(*(pn.pane.Bokeh(figure) for figure in ends)),
        )
        return pn.Column(controls, self.words, above, below, sizing_mode="stretch_width")


def _fitting(dataset: xr.Dataset, classifier: Classifier) -> np.ndarray:
    """All boxes as the network takes them, (storm, y, x)."""
    held = dataset["reflectivity"]
    highest = MAX_DBZ if held.attrs.get("units", "dBZ") == "dBZ" else 255
    return check_reflectivity(
        held.values, where="Boxes to look at", maximum=highest, shape=classifier.image_shape
    )


def _layer_words(info: LayerInfo) -> str:
    *size, filters = info.output_shape or ()
    return f"{info.name}: {info.kind}, {' x '.join(map(str, size))}, {filters} filters"


def _kernel_words(kernel: Kernel | None) -> str:
    if kernel is None:
        return "<p class='muted'>No single convolution makes this filter's numbers.</p>"
    words = []
    if kernel.bias is not None:
        words.append(f"Bias {kernel.bias:.3f}.")
    if kernel.channels > 1:
        words.append(
            f"One of {kernel.channels} kernels, for as many channels: that of channel "
            f"{kernel.channel}, which has the largest weight."
        )
    return f"<p class='muted'>{' '.join(words)}</p>"
