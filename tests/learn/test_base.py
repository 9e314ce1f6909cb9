"""What all components share: views, words, colours, and messages that travel together."""

import sys
from types import SimpleNamespace

import numpy as np
import numpy.testing as npt
import panel as pn
import param
import pytest
import xarray as xr
from bokeh.document import Document
from panel.io.state import set_curdoc

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.learn import Neuron
from stormlens.learn._base import blank_zero, radar_mapper, readable_on, slider
from stormlens.learn._shown import chosen_storms, first_of_mode, storm_words
from stormlens.plots import MODE_COLOURS, reflectivity_palette


def test_a_component_is_laid_out_once():
    neuron = Neuron()
    view = neuron.__panel__()
    assert view is neuron.__panel__()
    assert "One neuron" in view[0].object


class Kernel(SimpleNamespace):
    """What IPython gives in a notebook: a shell with a kernel."""


@pytest.mark.parametrize(
    ("shell", "expected"),
    [(Kernel(kernel=object()), [{"inline": True}]), (SimpleNamespace(), []), (None, [])],
)
def test_panel_is_loaded_in_notebooks_alone_and_from_this_machine(monkeypatch, shell, expected):
    asked = []
    monkeypatch.setattr(pn, "extension", lambda **options: asked.append(options))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    Neuron()
    assert asked == expected


def test_without_ipython_a_component_still_stands(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert Neuron().z == 2


def test_whole_dbz_have_the_colours_of_every_picture():
    mapper = radar_mapper()
    assert mapper.palette == reflectivity_palette()
    width = (mapper.high - mapper.low) / len(mapper.palette)
    assert (width, mapper.low + width / 2) == (1, 0)  # colour n lies around n dBZ


def test_no_echo_is_blank():
    npt.assert_array_equal(blank_zero([[0, 1], [74, 0]]), [[np.nan, 1], [74, np.nan]])


@pytest.mark.parametrize(
    ("colour", "ink"), [("#000000", "white"), ("#ffffff", "#1b2733"), ("#053061", "white")]
)
def test_numbers_can_be_read_on_any_colour(colour, ink):
    assert readable_on(colour) == ink


def test_changes_in_a_callback_reach_the_page_together():
    page, held = Document(), []
    with set_curdoc(page):
        answer = Neuron()._together(
            lambda *events: held.append((events, page.callbacks.hold_value))
        )
        answer("event")
    assert held == [(("event",), "combine")]
    assert page.callbacks.hold_value is None


def test_a_notebook_is_sent_what_changed(monkeypatch):
    sent, neuron = [], Neuron()
    monkeypatch.setattr(pn.io, "push_notebook", sent.append)
    neuron.w1 = 2.0
    assert sent == []  # it is shown nowhere
    view = neuron.__panel__()
    neuron.w1 = 3.0
    assert sent == [view]


def test_each_kind_of_number_has_its_slider():
    class Settings(param.Parameterized):
        share = param.Number(0.5, bounds=(0, 1))
        count = param.Integer(3, bounds=(0, 9))
        reach = param.Range((1, 2), bounds=(0, 3))

    made = [slider(Settings().param[name]) for name in ("share", "count", "reach")]
    kinds = pn.widgets.FloatSlider, pn.widgets.IntSlider, pn.widgets.RangeSlider
    assert [type(widget) for widget in made] == list(kinds)
    # Panel itself waits for 50 ms; should it rename that, sliders would be slow again.
    assert all(widget._debounce == 10 for widget in made)
    assert pn.widgets.FloatSlider._debounce == 50


def test_words_carry_the_modes_colour_and_escape_its_name(storms):
    words = storm_words(storms, 0)
    assert MODE_COLOURS["QLCS"] in words
    assert "Storm 0: QLCS" in words
    assert "simulated" in words
    own = make_dataset(
        storms["reflectivity"].values, [0, 1, 0], classes=["a<b", "c"], source="by hand"
    )
    assert storm_words(own, 0).endswith("Storm 0: a&lt;b")


def test_the_first_storm_of_a_mode_is_found(storms):
    assert [first_of_mode(storms, mode) for mode in ("QLCS", "Cellular", "Tropical")] == [0, 1, 0]
    assert first_of_mode(storms.drop_vars("mode"), "Cellular") == 0


def test_wrong_boxes_get_a_sentence(storms):
    assert chosen_storms(storms) is storms
    with pytest.raises(InputError, match=r"dimensions \(storm, y, x\), at least one; these have"):
        chosen_storms(storms.isel(storm=slice(0)))
    with pytest.raises(InputError, match=r"stormlens\.load gives it, not a list"):
        chosen_storms([1])
    with pytest.raises(InputError, match="not a Dataset"):
        chosen_storms(xr.Dataset())
