"""Pictures of ideas show the numbers they are given, and say them."""

import numpy as np
import numpy.testing as npt
import pytest

from stormlens import concepts, plots
from stormlens.errors import InputError


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_an_activation_is_drawn_with_its_slope_and_the_neuron():
    ax = plots.activation("tanh", z=7.0)
    curve, slope = ax.lines[:2]
    npt.assert_allclose(curve.get_ydata(), np.tanh(curve.get_xdata()))
    npt.assert_allclose(slope.get_ydata(), 1 - np.tanh(slope.get_xdata()) ** 2)
    assert curve.get_xdata().max() > 7  # the neuron stands on its curve
    assert "z = 7, a = 1, slope" in plots.alt_text(ax)


def test_pooling_writes_image_windows_and_result():
    figure = plots.pooling(concepts.EXAMPLE_6X6, 2)
    image, windows, result = figure.axes
    assert texts(image) == [str(value) for value in concepts.EXAMPLE_6X6.ravel()]
    assert texts(windows)[:4] == ["-19", "22", "16", "-30"]
    assert texts(result) == [str(value) for value in concepts.EXAMPLE_3X3.ravel()]
    frames = {tuple(np.add(patch.get_xy(), 0.5)) for patch in image.patches}
    assert (1.0, 0.0) in frames  # 22: column 1, row 0
    inside = {tuple(np.add(patch.get_xy(), 0.5)) for patch in windows.patches}
    assert (1.0, 0.0) in inside
    assert (2.5, 1.0) in inside  # 31: half a pixel further, behind the gap
    assert image.yaxis_inverted()  # row 0 on top, as on paper
    assert "becomes 22" in plots.alt_text(figure)


def test_an_average_frames_no_winner():
    figure = plots.pooling(concepts.EXAMPLE_6X6, 2, how="average")
    assert not any(ax.patches for ax in figure.axes)


def test_patches_say_who_fires():
    figure = plots.patches_firing(concepts.EXAMPLE_PATCHES, threshold=20)
    below = [ax for ax in figure.axes if ax.get_title() in ("fires", "stays silent")]
    assert [ax.get_title() for ax in below] == ["fires", "fires", "stays silent"]
    heights = [bar.get_height() for bar in below[0].patches]
    assert heights == [49, 29, 29]
    assert "stratiform: max pool 25, z 5, a 5" in plots.alt_text(figure)


def test_a_step_shows_pixels_weights_products_and_sum():
    image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    step = concepts.convolution_step(image, concepts.EDGE, 0, 0)
    figure = plots.convolution_step(step)
    pixels, weights, products = figure.axes
    assert texts(pixels)[:9] == [str(value) for value in range(1, 10)]
    assert texts(weights)[:3] == ["-1", "0", "1"]
    assert texts(products)[:9] == ["-1", "0", "3", "-40", "0", "60", "-7", "0", "9"]
    assert products.get_xlabel() == "sum: 24"
    assert not pixels.yaxis_inverted()  # row 0 south


def test_a_gallery_names_its_kernels():
    kernels = concepts.kernels(3)
    figure = plots.kernel_gallery(kernels)
    titles = [ax.get_title().replace("\n", " ") for ax in figure.axes][: len(kernels)]
    assert titles == list(kernels)
    assert "9 kernels: identity, edge" in plots.alt_text(figure)
    assert plots.alt_text(plots.kernel(concepts.EDGE)).endswith("-1 0 1; -10 0 10; -1 0 1.")


@pytest.mark.parametrize(("size", "columns", "written"), [(5, 3, 25), (5, 1, 25), (7, 3, 0)])
def test_weights_are_written_where_they_can_be_read(size, columns, written):
    figure = plots.kernel_gallery(concepts.kernels(size), columns=columns)
    assert [len(ax.texts) for ax in figure.axes[:3]] == [written] * 3


def test_a_large_kernel_is_drawn_without_numbers_unless_they_are_asked_for():
    assert not plots.kernel(concepts.gaussian(7)).texts
    assert len(plots.kernel(concepts.gaussian(7), numbers=True).texts) == 49


def test_the_crossover_draws_milliseconds_by_size():
    timings = [
        concepts.Timing("fft", 5, 0.004, 1),
        concepts.Timing("fft", 3, 0.003, 1),
        concepts.Timing("direct", 3, 0.001, 1),
    ]
    ax = plots.convolution_crossover(timings)
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert lines == {"fft": [[3, 3], [5, 4]], "direct": [[3, 1]]}
    assert "fft 3 ms at 3, 4 ms at 5; direct 1 ms at 3." in plots.alt_text(ax)


def test_the_chain_shows_seven_simulated_steps_and_the_answer():
    chain = concepts.radar_chain(seed=0)
    figure = plots.radar_chain(chain)
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == [f"{i} {stage.name}" for i, stage in enumerate(chain.stages, start=1)]
    marked = [ax for ax in figure.axes if "simulated" in texts(ax)]
    assert len(marked) == 7
    assert [text for text in texts(figure.axes[0]) if text == "radar"]
    rain = chain.stages[0].data.max()
    assert f"scene: 0 to {rain:.3g} mm/h; light: 0 to" in plots.alt_text(figure)
    answer = [text for ax in figure.axes for text in texts(ax) if "Convection" in text]
    assert answer[0].replace("\n", " ") == chain.answer


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: plots.activation("softmax"), "Unknown activation with a curve 'softmax'"),
        (lambda: plots.pooling(np.zeros((13, 4)), 2), "draw 12 x 12 pixels or fewer"),
        (lambda: plots.pooling(np.zeros((2, 2)), 3), "larger than the image"),
        (lambda: plots.pooling(np.zeros((12, 12)), 3, 1), "Numbers of 100 windows of 3 x 3"),
        (lambda: plots.patches_firing({}), "no patch to draw"),
        (lambda: plots.kernel([1, 2]), r"plane of weights, not of shape \(2,\)"),
        (lambda: plots.kernel_gallery({}), "no kernel to draw"),
        (lambda: plots.convolution_crossover([]), "measure with concepts.time_methods"),
        (
            lambda: plots.convolution_step(
                concepts.convolution_step(np.zeros((9, 9)), np.zeros((8, 8)), 0, 0)
            ),
            "draw one of 7 x 7 or smaller",
        ),
    ],
)
def test_bad_input_gets_its_sentence(draw, sentence):
    with pytest.raises(InputError, match=sentence):
        draw()
