"""The classical kernels, as the chapter and signal processing give them."""

import numpy as np
import numpy.testing as npt
import pytest
from scipy import ndimage

from stormlens import concepts
from stormlens.errors import InputError

BOX = np.random.default_rng(0).uniform(0, 60, (12, 14))


def test_the_chapters_kernels():
    kernels = concepts.kernels(3)
    npt.assert_array_equal(kernels["identity"], [[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    npt.assert_array_equal(kernels["edge"], [[-1, 0, 1], [-10, 0, 10], [-1, 0, 1]])
    npt.assert_allclose(kernels["blur"], np.full((3, 3), 1 / 9))
    npt.assert_array_equal(kernels["sharpen"], [[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    npt.assert_allclose(kernels["gaussian"] * 16, [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


def test_sobel_and_laplacian_are_those_of_scipy():
    inner = (slice(1, -1), slice(1, -1))
    for axis, number in (("x", 1), ("y", 0)):
        expected = ndimage.sobel(BOX, axis=number)[inner]
        npt.assert_allclose(concepts.correlate(BOX, concepts.sobel(axis)), expected)
    npt.assert_allclose(concepts.correlate(BOX, concepts.laplacian()), ndimage.laplace(BOX)[inner])


@pytest.mark.parametrize("size", [1, 3, 5, 9])
def test_averages_add_up_to_one_and_changes_to_zero(size):
    for name, kernel in concepts.kernels(size).items():
        even = name in ("identity", "blur", "gaussian", "sharpen")
        npt.assert_allclose(kernel.sum(), 1 if even else 0, atol=1e-12)
        assert kernel.shape == (size, size)


def test_a_gaussian_with_sigma_falls_as_the_formula_says():
    kernel = concepts.gaussian(7, sigma=1.5)
    npt.assert_allclose(kernel[3, 5] / kernel[3, 3], np.exp(-(2**2) / (2 * 1.5**2)))
    npt.assert_allclose(kernel[1, 1] / kernel[3, 3], np.exp(-(2**2 + 2**2) / (2 * 1.5**2)))
    npt.assert_allclose(kernel.sum(), 1)


@pytest.mark.parametrize("make", [concepts.identity, concepts.gaussian, concepts.kernels])
def test_an_even_size_is_refused_with_its_neighbours(make):
    with pytest.raises(InputError, match="its size is odd; take 3 or 5 in place of 4"):
        make(4)


@pytest.mark.parametrize("size", [0, -3])
def test_a_size_below_one_is_refused_with_sizes_that_exist(size):
    with pytest.raises(InputError, match=f"take 1 or 3 in place of {size}"):
        concepts.identity(size)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: concepts.blur(0), "size 1 or more, not 0"),
        (lambda: concepts.gaussian(3, sigma=0), "sigma is above 0 pixels, not 0"),
        (lambda: concepts.sobel("z"), "axis is 'x' or 'y', not 'z'"),
    ],
)
def test_bad_input_gets_its_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
