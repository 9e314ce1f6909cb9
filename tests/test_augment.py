import os

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens import augment
from stormlens.augment import Augmentation, affine_matrices, change_echo, dropped_out
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


@pytest.mark.slow
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


def test_without_affine_ranges_nothing_is_warped(monkeypatch):
    monkeypatch.setattr("stormlens.ops.warp", None)
    image = 8 * jnp.arange(30, dtype=jnp.uint8).reshape(1, 5, 6)  # ink of digits goes up to 255
    npt.assert_array_equal(Augmentation().apply(jax.random.key(3), image), np.float32(image))
    with pytest.raises(TypeError):
        Augmentation(horizontal_flip=True).apply(jax.random.key(3), image)


@pytest.mark.slow
def test_settings_of_other_radars_leave_the_affine_maps_as_they_were():
    image = jnp.asarray(np.random.default_rng(1).integers(1, 75, (3, 17, 17)), jnp.uint8)
    ranges = {"rotation_range": 180, "zoom_range": (0.8, 1.2), "vertical_flip": True}
    key = jax.random.key(8)
    moved = Augmentation(**ranges).apply(key, image)
    maps = Augmentation(**ranges).matrices(key, *image.shape)
    npt.assert_array_equal(moved, warp(image, maps))
    louder = Augmentation(**ranges, scale_range=(2, 2)).apply(key, image)
    npt.assert_array_equal(louder, np.minimum(2 * np.asarray(moved), 80))


def test_echo_is_scaled_then_moved_then_cut_off():
    values = np.random.default_rng(0).integers(0, 75, (4, 9, 11)).astype(np.float32)
    values[:, ::2] = 0
    scale, offset, cutoff = [1, 1.5, 0.5, 1], [0, 20, -6.5, 3], [0, 10, 0.25, 40]
    expected = np.zeros_like(values)
    for n, row, column in np.ndindex(values.shape):
        if values[n, row, column] > 0:
            dbz = min(max(values[n, row, column] * scale[n] + offset[n], 0), 80)
            expected[n, row, column] = dbz if dbz >= cutoff[n] else 0
    found = change_echo(
        jnp.asarray(values),
        scale=jnp.array(scale),
        offset=jnp.array(offset, jnp.float32),
        cutoff=jnp.array(cutoff, jnp.float32),
    )
    npt.assert_allclose(found, expected, rtol=1e-6)
    assert found.max() == 80
    assert (np.asarray(found)[:, ::2] == 0).all()


def dropped(share, is_disc, row=0.0, column=0.0, angle=0.0, height=60, width=80):
    numbers = {"share": share, "row": row, "column": column, "angle": angle}
    arrays = {name: jnp.array([value], jnp.float32) for name, value in numbers.items()}
    return np.asarray(
        dropped_out(**arrays, is_disc=jnp.array([is_disc]), height=height, width=width)
    )[0]


@pytest.mark.parametrize(("row", "column", "share"), [(30, 40, 0.2), (3, 77.5, 0.4), (30, 40, 1)])
def test_a_radars_disc_holds_its_share_of_the_box_where_it_lies_within(row, column, share):
    found = dropped(share, True, row, column)
    radius = np.sqrt(share * 60 * 80 / np.pi)
    for i, j in np.ndindex(60, 80):
        distance = np.hypot(i - row, j - column)
        if abs(distance - radius) > 1e-3:
            assert found[i, j] == (distance < radius)
    assert found.mean() <= share + 0.01
    if (row, share) == (30, 0.2):
        npt.assert_allclose(found.mean(), share, atol=0.01)


@pytest.mark.parametrize("angle", [0, 45, 90, 127, 200, 271.5, 359])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.97, 1])
def test_a_straight_edge_takes_its_share_of_the_box_from_the_right_side(angle, share):
    found = dropped(share, False, angle=angle)
    npt.assert_allclose(found.mean(), share, atol=0.02)
    # Lost pixels lie further along the angle than all others.
    rows, columns = np.mgrid[:60, :80]
    along = rows * np.sin(np.deg2rad(angle)) + columns * np.cos(np.deg2rad(angle))
    if 0 < found.mean() < 1:
        assert along[found].min() > along[~found].max() - 1e-3


def test_no_share_loses_nothing():
    assert not dropped(0, True, 30, 40).any()
    assert not dropped(0, False, angle=45).any()


@pytest.mark.slow
def test_half_of_the_samples_lose_a_part_discs_and_edges_alike():
    lost = Augmentation(dropout_range=0.4).apply(
        jax.random.key(0), jnp.full((2000, 20, 20), 30, jnp.uint8)
    )
    share = (np.asarray(lost) == 0).mean((1, 2))
    assert set(np.unique(lost)) == {0, 30}
    assert 0.4 < (share > 0).mean() < 0.5  # the smallest lie between pixels
    assert 0.35 < share.max() <= 0.42
    corners = np.asarray(lost)[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0
    with_edge = corners.any(1).mean()
    assert 0.2 < with_edge < 0.45  # every edge takes a corner, few discs do


@pytest.mark.slow
def test_echo_draws_stay_in_their_ranges_and_fill_them():
    image = jnp.full((4000, 1, 1), 40, jnp.uint8)
    offset = np.asarray(Augmentation(offset_range=3).apply(jax.random.key(0), image)) - 40
    scale = np.asarray(Augmentation(scale_range=(0.9, 1.2)).apply(jax.random.key(0), image)) / 40
    for found, low, high in ((offset, -3, 3), (scale, 0.9, 1.2)):
        assert low <= found.min() + 1e-5 < low + 0.01
        assert high - 0.01 < found.max() - 1e-5 <= high
        npt.assert_allclose(found.mean(), (low + high) / 2, atol=0.05)
    kept = np.asarray(Augmentation(cutoff_range=50).apply(jax.random.key(0), image))
    assert set(np.unique(kept)) == {0, 40}
    npt.assert_allclose((kept == 40).mean(), 40 / 50, atol=0.02)


@pytest.mark.slow
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


def test_shifts_are_shares_of_their_own_side():
    drawn = Augmentation(width_shift_range=0.2, height_shift_range=0.1).matrices(
        jax.random.key(3), 4000, 50, 200
    )
    rows, columns = np.asarray(drawn)[:, :, 2].T
    for moved, reach in ((rows, 5), (columns, 40)):
        assert 0.99 * reach < moved.max() <= reach
        assert -reach <= moved.min() < -0.99 * reach


def drawn_numbers(monkeypatch, augmentation, function):
    """What is drawn for a function of the module, by the names of its arguments."""
    drawn = {}
    inner = getattr(augment, function)

    def note(*args, **numbers):
        drawn.update({name: np.asarray(a, float) for name, a in numbers.items() if np.ndim(a)})
        return inner(*args, **numbers)

    monkeypatch.setattr(augment, function, note)
    augmentation.apply(jax.random.key(1), jnp.full((4000, 3, 3), 40, jnp.uint8))
    return drawn


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "names"),
    [
        (
            "affine_matrices",
            {"theta", "tx", "ty", "shear", "zx", "zy", "flip_horizontal", "flip_vertical"},
        ),
        ("change_echo", {"scale", "offset", "cutoff"}),
        ("dropped_out", {"share", "is_disc", "row", "column", "angle"}),
    ],
)
def test_no_number_is_drawn_for_two_things(monkeypatch, function, names):
    augmentation = Augmentation(
        rotation_range=30,
        width_shift_range=0.1,
        height_shift_range=0.2,
        shear_range=20,
        zoom_range=(0.8, 1.2),
        horizontal_flip=True,
        vertical_flip=True,
        offset_range=5,
        scale_range=(0.9, 1.1),
        cutoff_range=20,
        dropout_range=0.4,
    )
    drawn = drawn_numbers(monkeypatch, augmentation, function)
    assert drawn.keys() == names
    related = np.corrcoef(list(drawn.values())) - np.eye(len(names))
    if function == "dropped_out":  # a disc is lost only where something is
        place = list(drawn)
        one, other = place.index("share"), place.index("is_disc")
        assert related[one, other] > 0.3
        related[[one, other], [other, one]] = 0
    assert np.abs(related).max() < 0.08  # five standard errors of 4000 pairs


@pytest.mark.slow
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


def test_thresholds_and_gaps_that_take_storms_away_draw_a_note():
    assert "cutoff_range is 50 dBZ" in Augmentation(cutoff_range=50).notes()[0]
    assert "dropout_range is 0.9" in Augmentation(dropout_range=0.9).notes()[0]
    assert Augmentation(cutoff_range=20, dropout_range=0.3, offset_range=5).notes() == ()
    assert Augmentation(cutoff_range=35, dropout_range=0.5).notes() == ()


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
        ({"offset_range": 21}, r"offset_range is 21, it must lie in \[0, 20\]"),
        ({"scale_range": 2}, "scale_range is 2"),
        ({"cutoff_range": -1}, "cutoff_range is -1"),
        ({"dropout_range": 1.1}, "dropout_range is 1.1"),
        ({"dropout_range": True}, "dropout_range is True"),
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
    radar = Augmentation(offset_range=3, scale_range=(0.9, 1.1), cutoff_range=15, dropout_range=0.2)
    assert Augmentation.from_dict(radar.to_dict()) == radar


def test_what_keras_does_not_know_is_left_out_at_rest():
    assert "offset_range" not in Augmentation().to_dict()
    assert Augmentation(scale_range=0.25).to_dict()["scale_range"] == [0.75, 1.25]
