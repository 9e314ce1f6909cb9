"""Pooling against the chapter's window, Keras layers and plain loops."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stormlens import concepts
from stormlens.errors import InputError
from stormlens.models._keras import import_keras

HOW = {"max": np.max, "average": np.mean, "min": np.min}
IMAGES = arrays(np.int64, st.tuples(*[st.integers(1, 9)] * 2), elements=st.integers(-30, 30))


def test_the_chapters_window():
    assert concepts.pool_windows(concepts.EXAMPLE_6X6, 2)[0, 0].tolist() == [[-19, 22], [16, -30]]
    pooled = concepts.pool(concepts.EXAMPLE_6X6, 2)
    assert pooled[0, 0] == 22
    npt.assert_array_equal(pooled, concepts.EXAMPLE_3X3)


@settings(max_examples=60)
@given(IMAGES, st.data())
def test_windows_of_any_size_and_stride_equal_plain_loops(image, data):
    window = tuple(data.draw(st.integers(1, size)) for size in image.shape)
    stride = tuple(data.draw(st.integers(1, 4)) for _ in range(2))
    how = data.draw(st.sampled_from(list(HOW)))
    expected = [
        [
            HOW[how](image[row : row + window[0], column : column + window[1]])
            for column in range(0, image.shape[1] - window[1] + 1, stride[1])
        ]
        for row in range(0, image.shape[0] - window[0] + 1, stride[0])
    ]
    npt.assert_array_equal(concepts.pool(image, window, stride, how), expected)
    if how != "average":
        places = concepts.pool_argmax(image, window, stride, how)
        npt.assert_array_equal(image[tuple(np.moveaxis(places, -1, 0))], expected)


@pytest.mark.parametrize(
    ("how", "layer"), [("max", "MaxPooling2D"), ("average", "AveragePooling2D")]
)
def test_pooling_is_what_a_keras_layer_does(how, layer):
    image = np.random.default_rng(0).normal(size=(14, 11)).astype("float32")
    pooled = getattr(import_keras().layers, f"{how.capitalize()}Pooling2D")(3)(
        image[None, :, :, None]
    )
    npt.assert_allclose(concepts.pool(image, 3, how=how), pooled[0, :, :, 0], atol=1e-6)


def test_the_first_of_equal_values_wins():
    assert concepts.pool_argmax(np.zeros((2, 4)), 2).tolist() == [[[0, 0], [0, 2]]]


def test_a_shift_inside_the_window_changes_nothing_and_across_it_does():
    image = np.zeros((4, 6))
    image[1, 0] = 50
    inside = concepts.shift_effect(image, 2, shift=(0, 1))
    assert (inside.changed, inside.mean_change) == (0, 0)
    across = concepts.shift_effect(image, 2, shift=(1, 0))
    assert across.changed == 2 / 6  # it left one window and entered another
    assert across.mean_change == 100 / 6
    assert across.after.tolist() == [[0, 0, 0], [50, 0, 0]]


@pytest.mark.parametrize("shift", [(-1, 0), (0, -2), (9, 0)])
def test_what_moves_out_is_gone_and_zeros_follow(shift):
    image = np.arange(1.0, 13).reshape(3, 4)
    expected = np.zeros((3, 4))
    for row, column in np.ndindex(3, 4):
        if 0 <= row - shift[0] < 3 and 0 <= column - shift[1] < 4:
            expected[row, column] = image[row - shift[0], column - shift[1]]
    npt.assert_array_equal(concepts.shift_effect(image, 1, shift).after, expected)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (((3, 3), 4), "A window of 4 x 4 is larger than the image of 3 x 3"),
        (((3, 3), 0), "Window 0 and stride None must be 1 or more"),
        (((3, 3), 2, 0), "stride 0 must be 1 or more"),
        (((3, 3), 1.5), "one whole number or two, not 1.5"),
        (((3, 3), (1, 2, 3)), r"one whole number or two, not \(1, 2, 3\)"),
        (((3, 3, 1), 2), r"not shape \(3, 3, 1\)"),
        (((3, 3), 2, 1, "maximum"), "Unknown way of pooling 'maximum'. Did you mean 'max'"),
    ],
)
def test_bad_input_gets_its_sentence(arguments, sentence):
    shape, *others = arguments
    with pytest.raises(InputError, match=sentence):
        concepts.pool(np.zeros(shape), *others)


def test_an_average_has_no_winner():
    with pytest.raises(InputError, match="Unknown way of pooling with a position 'average'"):
        concepts.pool_argmax(concepts.EXAMPLE_6X6, 2, how="average")
