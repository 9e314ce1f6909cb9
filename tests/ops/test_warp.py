import importlib

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from stormlens.errors import InputError
from stormlens.ops import FILL_MODES, warp
from stormlens.ops._registration import Native

MODULE = importlib.import_module("stormlens.ops._warp")
SHAPES = [(1, 1), (1, 7), (9, 1), (2, 2), (5, 8), (17, 23)]


def jitted(images, matrices, fill_mode, cval=0.0):
    return jax.jit(lambda i, m: warp(i, m, fill_mode, cval))(images, matrices)


@pytest.fixture(scope="module", params=["native", "portable"])
def version(request):
    """The native version, where there is one, and the portable one."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "portable":
            patch.setattr(MODULE, "native", lambda: Native(False))
        yield request.param


def draw(seed, shape, is_bytes, n=3):
    values = np.random.default_rng(seed).integers(0, 256, (n, *shape))
    return values.astype(np.uint8 if is_bytes else np.float32)


def maps(seed, n=3):
    """Eighths, so that coordinates are exact and fall on the same side of every border."""
    rng = np.random.default_rng(seed)
    linear, shift = rng.integers(-16, 17, (n, 2, 2)), rng.integers(-300, 301, (n, 2, 1))
    return np.concatenate([linear, shift], axis=2).astype(np.float32) / 8


@pytest.mark.slow
@pytest.mark.parametrize("fill_mode", FILL_MODES)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**16), shape=st.sampled_from(SHAPES), is_bytes=st.booleans())
def test_values_equal_those_of_scipy(version, fill_mode, seed, shape, is_bytes):
    images, matrices = draw(seed, shape, is_bytes), maps(seed)
    found = jitted(images, matrices, fill_mode, 7.0)
    for image, matrix, ours in zip(images, matrices, found, strict=True):
        expected = ndimage.affine_transform(
            image.astype(float), matrix[:, :2], matrix[:, 2], order=1, mode=fill_mode, cval=7.0
        )
        npt.assert_allclose(ours, expected, atol=1e-3)


@pytest.mark.parametrize("is_bytes", [False, True])
def test_the_identity_changes_nothing(version, is_bytes):
    images = draw(0, (13, 6), is_bytes)
    matrices = np.tile(np.float32([[1, 0, 0], [0, 1, 0]]), (3, 1, 1))
    for fill_mode in FILL_MODES:
        npt.assert_array_equal(jitted(images, matrices, fill_mode), images)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("is_bytes", [False, True])
def test_maps_that_lead_nowhere_do_no_harm(version, is_bytes, fill_mode):
    values = [np.nan, np.inf, -np.inf, 3e38, -1e10]
    matrices = np.repeat(maps(1, n=6)[None], len(values), axis=0).reshape(len(values), 6, 6)
    for matrix, value in zip(matrices, values, strict=True):
        np.fill_diagonal(matrix, value)
    images = draw(0, (5, 8), is_bytes, n=30)
    warped = np.asarray(jitted(images, matrices.reshape(30, 2, 3), fill_mode, 7.0))
    assert warped.shape == images.shape
    # Any pixel will do, as long as it is one; XLA's arithmetic may give no number instead.
    assert np.all((warped >= 0) & (warped <= 255) | np.isnan(warped))


@pytest.mark.slow
@pytest.mark.parametrize("is_bytes", [False, True])
def test_vmap_equals_one_after_the_other(version, is_bytes):
    images = jnp.asarray(draw(0, (9, 11), is_bytes, n=6)).reshape(2, 3, 9, 11)
    matrices = jnp.asarray(maps(2, n=6)).reshape(2, 3, 2, 3)
    both = jax.jit(jax.vmap(lambda i, m: warp(i, m, "reflect")))(images, matrices)
    shared = jax.jit(jax.vmap(lambda m: warp(images[0], m, "wrap")))(matrices)
    for i in range(2):
        npt.assert_allclose(both[i], warp(images[i], matrices[i], "reflect"), rtol=1e-6)
        npt.assert_allclose(shared[i], warp(images[0], matrices[i], "wrap"), rtol=1e-6)


@pytest.mark.slow
def test_no_images_give_no_images(version):
    assert warp(jnp.zeros((0, 4, 5)), jnp.zeros((0, 2, 3))).shape == (0, 4, 5)


@pytest.mark.slow
def test_its_gradient_is_that_of_the_portable_version():
    images, matrices = jnp.asarray(draw(0, (5, 8), False)), jnp.asarray(maps(3)) / 16
    found = jax.jit(jax.grad(lambda i: (warp(i, matrices) ** 2).sum()))(images)
    # A linear map of the images, so the gradient is known from its values alone.
    assert found.shape == images.shape
    npt.assert_allclose((found * images).sum(), 2 * (warp(images, matrices) ** 2).sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("images", "matrices", "fill_mode", "message"),
    [
        ((2, 4, 5), (3, 2, 3), "reflect", "must have shapes"),
        ((2, 4, 5), (2, 3, 3), "reflect", "must have shapes"),
        ((4, 5), (4, 2, 3), "reflect", "must have shapes"),
        ((2, 0, 5), (2, 2, 3), "reflect", "must have shapes"),
        ((2, 4, 5), (2, 2, 3), "reflct", "Unknown fill mode 'reflct'. Did you mean 'reflect'?"),
    ],
)
def test_what_does_not_fit_is_refused(images, matrices, fill_mode, message):
    with pytest.raises(InputError, match=message):
        warp(jnp.zeros(images), jnp.zeros(matrices), fill_mode)
