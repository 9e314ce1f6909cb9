"""The walker's sums by hand and by SciPy, its kernels, and where its window goes."""

import numpy as np
import numpy.testing as npt
import pytest
from bokeh.palettes import RdBu11
from scipy import signal

from stormlens.learn import ConvolutionWalker
from stormlens.plots import reflectivity_palette


def test_it_begins_at_the_strongest_answer(storms):
    walker = ConvolutionWalker(storms, storm=0)
    assert abs(walker.step.total) == 12 * 45  # rain begins or ends under the window
    assert walker.step.total == walker.response[walker.row, walker.column]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kernel", ["edge", "gaussian", "sobel y"])
def test_the_response_is_that_of_scipy(storms, kernel, turned):
    walker = ConvolutionWalker(storms, storm=1, kernel_name=kernel, turned=turned)
    box = storms["reflectivity"].values[1].astype(float)
    # Weights are written from the north, and row 0 of a box is its south.
    weights = np.array(walker.weights).reshape(3, 3)[::-1]
    judge = signal.convolve if turned else signal.correlate
    npt.assert_allclose(walker.response, judge(box, weights, mode="valid"), atol=1e-9)
    npt.assert_allclose(walker.answer.data["response"][0], walker.response)


def test_a_window_at_the_rains_edge_worked_by_hand(storms):
    walker = ConvolutionWalker(storms, storm=0, row=10, column=66)
    # Columns 66 and 67 are dry, 68 holds 45 dBZ: 1, 10 and 1 times 45.
    assert walker.step.total == 540
    assert "540" in walker.words.object
    texts = walker.cells.data["text"]
    assert texts[:9] == ["0", "0", "45"] * 3
    assert texts[18:] == ["0", "0", "45", "0", "0", "450", "0", "0", "45"]
    assert walker.heads.data["text"] == ["pixels", "weights", "products"]
    assert "Keras layer" in walker.sense.object
    walker.turned = True
    assert walker.step.total == -540
    assert walker.heads.data["text"][1] == "weights, turned"
    assert "scipy.signal.convolve" in walker.sense.object


def test_pixels_have_the_colours_of_their_dbz_and_products_a_sign(storms):
    walker = ConvolutionWalker(storms, storm=0, row=10, column=66, kernel_name="sobel x")
    fill = walker.cells.data["fill"]
    assert fill[:3] == ["#ffffff", "#ffffff", reflectivity_palette()[45]]
    dark_blue, white, dark_red = RdBu11[0], RdBu11[5], RdBu11[-1]
    assert fill[12:15] == [dark_blue, white, dark_red]  # -2, 0, 2
    assert fill[21:24] == [white, white, dark_red]  # 0, 0, 90
    assert walker.cells.data["ink"][12:14] == ["white", "#1b2733"]


@pytest.mark.parametrize(
    ("point", "place"),
    [((255, 100), (25, 67)), ((-20, 600), (133, 0)), ((509, 1), (0, 133))],
)
def test_dragging_puts_the_windows_middle_on_the_point(storms, point, place):
    walker = ConvolutionWalker(storms)
    walker.go_to(*point)
    assert (walker.row, walker.column) == place
    assert walker.window.data["x"] == [(place[1] + 1.5) * 3.75]


def test_a_typed_weight_makes_the_kernel_ones_own(storms):
    walker = ConvolutionWalker(storms, storm=1, kernel_name="identity", row=61, column=61)
    assert walker.step.total == 49
    walker._entries[4].value = 3.0
    assert walker.kernel_name == "your own"
    assert walker.weights == [0, 0, 0, 0, 3, 0, 0, 0, 0]
    assert walker.step.total == 147


def test_a_chosen_kernel_fills_the_entries_north_on_top(storms):
    walker = ConvolutionWalker(storms)
    walker.kernel_name = "sobel y"  # change from south to north
    assert walker.kernel_name == "sobel y"
    assert [entry.value for entry in walker._entries] == [1, 2, 1, 0, 0, 0, -1, -2, -1]


def test_ones_own_weights_can_be_given(storms):
    walker = ConvolutionWalker(storms, storm=1, weights=[1] * 9, row=61, column=61)
    assert (walker.kernel_name, walker.step.total) == ("your own", 9 * 49)


def test_another_storm_is_walked_at_the_same_place(storms):
    walker = ConvolutionWalker(storms, storm=1, kernel_name="identity", row=61, column=61)
    walker.storm = 2
    assert walker.step.total == 0
    assert np.isnan(walker.image.data["box"][0]).all()
