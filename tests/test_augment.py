import os

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.augment import Augmentation, affine_matrices
from stormlens.errors import InputError
from stormlens.ops import FILL_MODES, warp

# Keras's own code reaches SciPy through an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`")

NEUTRAL = {"theta": 0.0, "tx": 0.0, "ty": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0}


@pytest.fixture(scope="module")
def generator():
    """Keras's ImageDataGenerator, the judge of every fixed transform."""
    os.environ["KERAS_BACKEND"] = "jax"
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return ImageDataGenerator


def our_transform(image, parameters, fill_mode, cval):
    given_values = {**NEUTRAL, **parameters}
    flips = {
        f"flip_{axis}": jnp.array([bool(parameters.get(f"flip_{axis}"))])
        for axis in ("horizontal", "vertical")
    }
    numbers = {name: jnp.array([given_values[name]]) for name in NEUTRAL}
    height, width = image.shape
    matrices = affine_matrices(**numbers, **flips, height=height, width=width)
    return np.asarray(warp(jnp.asarray(image)[None], matrices, fill_mode, cval))[0]


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    parameters=st.fixed_dictionaries(
        {
            "theta": st.floats(-180, 180),
            "tx": st.floats(-15, 15),
            "ty": st.floats(-15, 15),
            "shear": st.floats(-40, 40),
            "zx": st.floats(0.5, 1.5),
            "zy": st.floats(0.5, 1.5),
            "flip_horizontal": st.booleans(),
            "flip_vertical": st.booleans(),
        }
    )
)
def test_fixed_transforms_equal_keras_image_data_generator(generator, fill_mode, parameters):
    # Square, as storm boxes are: Keras 3 swaps height and width when it centres the map.
    rows, columns = np.mgrid[:41, :41]
    # Smooth, so that a coordinate off by 1e-4 of a pixel stays a small difference in dBZ.
    image = (35 + 20 * np.sin(rows / 5) + 15 * np.cos(columns / 7)).astype(np.float32)
    judge = generator(fill_mode=fill_mode, cval=3.0)
    expected = judge.apply_transform(image.astype(float)[..., None], parameters)[..., 0]
    ours = our_transform(image, parameters, fill_mode, 3.0)
    different = np.abs(ours - expected) > 0.02
    # At the border of what is inside, float32 and float64 may fall on either side, and
    # reflect and wrap have a kink there.
    assert different.mean() < 0.01


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_whole_pixel_shift_moves_radar_data_exactly(generator, fill_mode):
    image = np.random.default_rng(0).integers(0, 75, (24, 24)).astype(np.float32)
    judge = generator(fill_mode=fill_mode, cval=9.0)
    expected = judge.apply_transform(image[..., None], {"tx": 3, "ty": -2})[..., 0]
    npt.assert_array_equal(our_transform(image, {"tx": 3, "ty": -2}, fill_mode, 9.0), expected)


def test_width_shift_moves_along_the_width_only():
    image = jnp.zeros((64, 9, 9)).at[:, 4, 4].set(60.0)
    moved = Augmentation(width_shift_range=0.3, fill_mode="constant").apply(
        jax.random.key(0), image
    )
    rows = np.asarray(moved.sum(2))
    npt.assert_allclose(np.delete(rows, 4, axis=1), 0)
    assert len(np.unique(np.asarray(moved).argmax(2)[:, 4])) > 3


def test_no_range_changes_nothing():
    image = np.random.default_rng(1).integers(0, 75, (3, 17, 17)).astype(np.float32)
    npt.assert_allclose(Augmentation().apply(jax.random.key(3), jnp.asarray(image)), image)


def test_draws_stay_in_their_ranges_and_fill_them():
    drawn = Augmentation(rotation_range=55, zoom_range=(0.9, 1.0)).matrices(
        jax.random.key(0), 4000, 136, 136
    )
    linear = np.asarray(drawn)[:, :, :2]
    # Columns of rotation @ zoom: their lengths are the zooms, their angle the rotation.
    zoom = np.linalg.norm(linear, axis=1)
    angle = np.rad2deg(np.arctan2(linear[:, 0, 1], linear[:, 1, 1]))
    assert 0.9 <= zoom.min() < 0.901
    assert 0.999 < zoom.max() <= 1.0 + 1e-6
    assert -55 <= angle.min() < -54.9
    assert 54.9 < angle.max() <= 55
    npt.assert_allclose(angle.std(), 110 / np.sqrt(12), rtol=0.05)


def test_one_key_gives_one_result():
    image = jnp.arange(2 * 8 * 8.0).reshape(2, 8, 8)
    recipe = Augmentation(rotation_range=90, horizontal_flip=True)
    npt.assert_array_equal(
        recipe.apply(jax.random.key(5), image), recipe.apply(jax.random.key(5), image)
    )
    assert not np.array_equal(
        recipe.apply(jax.random.key(5), image), recipe.apply(jax.random.key(6), image)
    )


def test_a_tenth_of_a_degree_draws_a_note_and_55_degrees_none():
    assert len(Augmentation(rotation_range=0.1, shear_range=0.1).notes()) == 2
    assert Augmentation(rotation_range=55).notes() == ()


def test_a_single_zoom_number_means_both_ways():
    assert Augmentation(zoom_range=0.25).zoom_range == (0.75, 1.25)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"rotation_range": -1}, "rotation_range is -1"),
        ({"width_shift_range": 1.5}, "width_shift_range is 1.5"),
        ({"zoom_range": [1.2, 0.9]}, "zoom_range"),
        ({"zoom_range": "wide"}, "zoom_range"),
        ({"horizontal_flip": 1}, "true or false"),
        ({"fill_mode": "mirror"}, "Unknown fill mode"),
        ({"rotatoin_range": 3}, "Did you mean 'rotation_range'"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(InputError, match=message):
        Augmentation.from_dict(setting)


def test_settings_survive_a_round_trip():
    recipe = Augmentation(rotation_range=55, zoom_range=(0.9, 1.0), vertical_flip=True)
    assert Augmentation.from_dict(recipe.to_dict()) == recipe
