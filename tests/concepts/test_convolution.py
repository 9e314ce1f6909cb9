"""Every method and mode against SciPy, Keras and sums by hand."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import signal

from stormlens import concepts
from stormlens.errors import InputError
from stormlens.models._keras import import_keras

NUMBERS = st.floats(-50, 50, width=32)
ANY_SIZE = ("direct", "gemm", "fft")


@st.composite
def images_and_kernels(draw, kernel_shape=None):
    shape = draw(st.tuples(st.integers(3, 12), st.integers(3, 12)))
    size = kernel_shape or tuple(draw(st.integers(1, n)) for n in shape)
    return draw(arrays(float, shape, elements=NUMBERS)), draw(arrays(float, size, elements=NUMBERS))


@pytest.mark.slow
@settings(max_examples=60)
@given(images_and_kernels(), st.sampled_from(concepts.MODES), st.sampled_from(ANY_SIZE))
def test_convolve_equals_scipy(pair, mode, method):
    expected = signal.convolve(*pair, mode=mode, method="direct")
    npt.assert_allclose(concepts.convolve(*pair, mode, method), expected, atol=1e-8)


@settings(max_examples=40)
@given(images_and_kernels(kernel_shape=(3, 3)), st.sampled_from(concepts.MODES))
def test_winograd_equals_scipy(pair, mode):
    expected = signal.convolve(*pair, mode=mode, method="direct")
    npt.assert_allclose(concepts.convolve(*pair, mode, "winograd"), expected, atol=1e-8)
    straight = signal.correlate(*pair, mode=mode, method="direct")
    npt.assert_allclose(concepts.correlate(*pair, mode, "winograd"), straight, atol=1e-8)


@settings(max_examples=40)
@given(images_and_kernels(), st.sampled_from(concepts.MODES), st.sampled_from(ANY_SIZE))
def test_correlate_equals_scipy(pair, mode, method):
    # An even kernel has no middle: in mode same SciPy lays it one pixel earlier than Keras does; we
    # follow Keras, which the next test asks.
    assume(mode != "same" or all(size % 2 for size in pair[1].shape))
    expected = signal.correlate(*pair, mode=mode, method="direct")
    npt.assert_allclose(concepts.correlate(*pair, mode, method), expected, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(3, 3), (4, 2)])
@pytest.mark.parametrize("method", ANY_SIZE)
def test_correlate_is_what_a_keras_layer_computes(padding, size, method):
    rng = np.random.default_rng(0)
    image, kernels = rng.normal(size=(9, 8)), rng.normal(size=(5, *size))
    layer = import_keras().layers.Conv2D(5, size, padding=padding, use_bias=False)
    layer.build((None, 9, 8, 1))
    layer.set_weights([np.moveaxis(kernels, 0, -1)[:, :, None, :]])
    expected = np.moveaxis(np.asarray(layer(image[None, :, :, None]))[0], -1, 0)
    npt.assert_allclose(concepts.correlate(image, kernels, padding, method), expected, atol=1e-5)


def test_a_stack_of_kernels_answers_as_each_alone():
    rng = np.random.default_rng(1)
    image, kernels = rng.normal(size=(10, 7)), rng.normal(size=(4, 3, 3))
    for method in concepts.METHODS:
        together = concepts.convolve(image, kernels, method=method)
        alone = [concepts.convolve(image, kernel, method=method) for kernel in kernels]
        npt.assert_allclose(together, alone, atol=1e-10)


def test_the_flip_turns_the_edge_kernel_into_its_negative():
    image = np.random.default_rng(2).uniform(0, 60, (12, 12))
    npt.assert_allclose(
        concepts.convolve(image, concepts.EDGE), -concepts.correlate(image, concepts.EDGE)
    )
    npt.assert_array_equal(concepts.flip(concepts.EDGE), -concepts.EDGE)


def test_one_output_pixel_by_hand():
    image = np.zeros((5, 5), np.uint8)
    image[:, 3:] = 30  # rain begins in column 3
    step = concepts.convolution_step(image, concepts.EDGE, 1, 1)
    assert step.window.tolist() == [[0, 0, 30]] * 3
    assert step.products.tolist() == [[0, 0, 30], [0, 0, 300], [0, 0, 30]]
    assert step.total == 360
    assert concepts.convolution_step(image, concepts.EDGE, 1, 1, turned=True).total == -360


@settings(max_examples=30)
@given(images_and_kernels(), st.booleans(), st.data())
def test_each_step_is_a_pixel_of_the_whole(pair, turned, data):
    whole = (concepts.convolve if turned else concepts.correlate)(*pair)
    row, column = (data.draw(st.integers(0, size - 1)) for size in whole.shape)
    step = concepts.convolution_step(*pair, row, column, turned=turned)
    npt.assert_allclose(step.total, whole[row, column], atol=1e-8)


def test_im2col_rows_are_the_windows():
    matrix = concepts.im2col(np.arange(16).reshape(4, 4), (3, 3))
    assert matrix[0].tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert matrix[3].tolist() == [5, 6, 7, 9, 10, 11, 13, 14, 15]


def test_winograds_matrices_reproduce_the_definition_in_one_dimension():
    # Lavin and Gray (2016), eq. 2-5: F(2, 3) from four products.
    d, g = np.array([2.0, 3.0, 5.0, 7.0]), np.array([11.0, 13.0, 17.0])
    products = (concepts.WINOGRAD_B.T @ d) * (concepts.WINOGRAD_G @ g)
    assert (concepts.WINOGRAD_A.T @ products).tolist() == [
        2 * 11 + 3 * 13 + 5 * 17,
        3 * 11 + 5 * 13 + 7 * 17,
    ]


@pytest.mark.parametrize(
    ("image", "kernel", "options", "sentence"),
    [
        ((3, 3), (4, 2), {}, "A kernel of 4 x 2 is larger than the image of 3 x 3"),
        ((3, 3, 1), (3, 3), {}, r"one image \(y, x\), not shape \(3, 3, 1\)"),
        ((3, 3), (3,), {}, r"A kernel has shape .* not \(3,\)"),
        ((5, 5), (3, 3), {"mode": "validd"}, "Unknown convolution mode 'validd'"),
        ((5, 5), (3, 3), {"method": "fftt"}, "Did you mean 'fft'"),
        ((9, 9), (5, 5), {"method": "winograd"}, "kernels of 3 x 3, not 5 x 5; take gemm or fft"),
    ],
)
def test_bad_input_gets_its_sentence(image, kernel, options, sentence):
    with pytest.raises(InputError, match=sentence):
        concepts.convolve(np.zeros(image), np.zeros(kernel), **options)


@pytest.mark.parametrize("place", [(-1, 0), (0, 3)])
def test_a_step_outside_the_output_says_where_it_ends(place):
    with pytest.raises(InputError, match="rows go from 0 to 1 and columns from 0 to 2"):
        concepts.convolution_step(np.zeros((4, 5)), np.zeros((3, 3)), *place)
