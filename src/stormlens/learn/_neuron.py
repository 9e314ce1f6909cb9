"""One neuron to play with: inputs, weights and bias as sliders, its sum worked out, its answer."""

from typing import Any, ClassVar

import numpy as np
import panel as pn
import param
from bokeh.models import ColumnDataSource, Span
from panel.viewable import Viewable

from stormlens import concepts
from stormlens.learn._base import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    Component,
    column,
    html,
    plot,
    slider,
)

_REACH = 35.0  # the largest sum that the sliders allow is 33
_SUMS = np.linspace(-_REACH, _REACH, 701)
_ACTIVATIONS = [name for name in concepts.ACTIVATIONS if name != "softmax"]


class Neuron(Component):
    """
    A neuron with two inputs: z = w1 x1 + w2 x2 + b, a = f(z).

    Attributes
    ----------
    x1, x2 : float
        Inputs, -5 to 5.
    w1, w2 : float
        Weights, -3 to 3.
    bias : float
        -3 to 3.
    activation : str
        As in `stormlens.concepts.ACTIVATIONS`, but for softmax.
    z, a : float
        What follows from them.
    """

    slug: ClassVar[str] = "neuron"
    title: ClassVar[str] = "One neuron"
    lead: ClassVar[str] = (
        "Make z negative with ReLU and read the answer a. Then change nothing but the activation."
    )

    x1 = param.Number(1.0, bounds=(-5, 5), step=0.1)
    x2 = param.Number(1.0, bounds=(-5, 5), step=0.1)
    w1 = param.Number(1.0, bounds=(-3, 3), step=0.1)
    w2 = param.Number(1.0, bounds=(-3, 3), step=0.1)
    bias = param.Number(0.0, bounds=(-3, 3), step=0.1)
    activation = param.Selector(default="relu", objects=_ACTIVATIONS)

    def __init__(self, **parameters: float | str) -> None:
        super().__init__(**parameters)
        self.curve = ColumnDataSource({"z": [], "a": [], "slope": []})
        self.point = ColumnDataSource({"z": [], "a": []})
        self.words = html()
        self._line = Span(dimension="height", line_color=ORANGE, line_dash="dashed")
        self._plot = self._draw()
        self._new_curve()
        self._update()
        self._answer(self._new_curve, "activation")
        self._answer(self._update, "x1", "x2", "w1", "w2", "bias", "activation")

    def _update(self, *events: object) -> None:
        neuron = concepts.Neuron((self.w1, self.w2), self.bias, self.activation)
        inputs = (self.x1, self.x2)
        self.z, self.a = float(neuron.aggregate(inputs)), float(neuron.activate(inputs))
        self.point.data = {"z": [self.z], "a": [self.a]}
        self._line.location = self.z
        self.words.object = self._worked_out()

    def _new_curve(self, *events: object) -> None:
        held = concepts.ACTIVATIONS[self.activation]
        self.curve.data = {
            "z": _SUMS,
            "a": held.function(_SUMS),
            "slope": held.derivative(_SUMS),
        }
        self._plot.title.text = f"Activation: {self.activation.replace('_', ' ')}"

    def _worked_out(self) -> str:
        terms = (
            f"({self.w1:.1f})({self.x1:.1f}) + ({self.w2:.1f})({self.x2:.1f}) + ({self.bias:.1f})"
        )
        name = self.activation.replace("_", " ")
        return (
            f"<p>z = w1 x1 + w2 x2 + b = {terms} = <span class='big'>{self.z:.2f}</span></p>"
            f"<p>a = f(z) = {name}({self.z:.2f}) = <span class='big'>{self.a:.2f}</span></p>"
        )

    def _draw(self) -> Any:
        drawn = plot(
            620, 380, "", x_range=(-_REACH, _REACH), x_axis_label="z", y_axis_label="a = f(z)"
        )
        drawn.line("z", "a", source=self.curve, color=BLUE, line_width=3, legend_label="a = f(z)")
        drawn.line(
            "z",
            "slope",
            source=self.curve,
            color=MUTED,
            line_dash="dashed",
            legend_label="slope f'(z)",
        )
        drawn.add_layout(Span(location=0, dimension="width", line_color=INK, line_width=0.6))
        drawn.add_layout(self._line)
        drawn.scatter(
            "z", "a", source=self.point, size=15, color=ORANGE, legend_label="this neuron"
        )
        drawn.legend.location = "top_left"
        return drawn

    def _layout(self) -> Viewable:
        settings = column(
            html("<h3>Inputs</h3>"),
            slider(self.param.x1, label="x1"),
            slider(self.param.x2, label="x2"),
            html("<h3>Weights and bias</h3>"),
            slider(self.param.w1, label="w1"),
            slider(self.param.w2, label="w2"),
            slider(self.param.bias, label="bias b"),
            pn.widgets.Select.from_param(
                self.param.activation, label="activation f", sizing_mode="stretch_width"
            ),
            width=330,
        )
        return pn.FlexBox(settings, pn.Column(self.words, pn.pane.Bokeh(self._plot)))
