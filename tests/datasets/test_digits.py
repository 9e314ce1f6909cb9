"""Digits are scikit-learn's own, enlarged, upright when drawn from the bottom."""

import numpy as np
import numpy.testing as npt
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits as bundled_digits
from sklearn.linear_model import LogisticRegression

from stormlens.datasets import class_names
from stormlens.datasets._digits import load_digits
from stormlens.errors import InputError
from stormlens.stormbox import SPLITS


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def test_container_of_all_digits(digits):
    assert digits.reflectivity.shape == (1797, 32, 32)
    assert digits.reflectivity.attrs["units"] == "1"
    assert (digits.reflectivity.min(), digits.reflectivity.max()) == (0, 255)
    assert class_names(digits) == tuple("0123456789")
    npt.assert_array_equal(digits["mode"], bundled_digits().target)


def test_enlarged_as_scipy_does(digits):
    upright = digits.reflectivity.values[:5, ::-1]
    for image, small in zip(upright, bundled_digits().images, strict=False):
        large = ndimage.zoom(small * 255 / 16, 4, order=1, mode="nearest", grid_mode=True)
        npt.assert_allclose(image, large, atol=0.5001)


def test_row_0_is_the_bottom(digits):
    """A 7 has its bar on top: the last rows of the container hold more ink than the first."""
    sevens = digits.reflectivity.values[digits["mode"].values == 7].mean(axis=0)
    assert sevens[22:27].sum() > 1.2 * sevens[5:10].sum()


def test_splits_are_stratified_and_the_seed_decides(digits):
    for code in range(10):
        split = digits.split.values[digits["mode"].values == code]
        shares = [np.mean(split == name) for name in SPLITS]
        npt.assert_allclose(shares, [0.70, 0.15, 0.15], atol=0.01)
    npt.assert_array_equal(load_digits(0).split, digits.split)
    assert (load_digits(1).split.values != digits.split.values).any()
    with pytest.raises(InputError, match="seed"):
        load_digits(-1)


@pytest.mark.slow
def test_images_belong_to_their_labels(digits):
    """Logistic regression reads them nearly as well as scikit-learn's own 8 x 8 images."""
    pixels = digits.reflectivity.values[:, ::2, ::2].reshape(1797, -1) / 255
    train, test = (digits.split.values == name for name in ("train", "test"))
    model = LogisticRegression(max_iter=300).fit(pixels[train], digits["mode"].values[train])
    assert model.score(pixels[test], digits["mode"].values[test]) > 0.93
