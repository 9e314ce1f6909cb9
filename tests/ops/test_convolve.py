import importlib

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest

from stormlens.errors import InputError
from stormlens.models._keras import import_keras
from stormlens.ops import convolve, native
from stormlens.ops._registration import Native

# N, H, W, C, F: whole tiles of 6 x 6, parts of them, one cell, half a panel, several tasks.
SIZES = [(2, 6, 12, 16, 32), (3, 15, 13, 64, 64), (1, 1, 1, 16, 16), (2, 7, 3, 32, 48)]
SIZES += [(30, 8, 2, 48, 80), (2, 5, 9, 3, 7)]  # the last fills no vectors


@pytest.fixture(params=["native", "portable"])
def version(request, monkeypatch):
    """The native version, where there is one, and the portable one."""
    if request.param == "portable":
        module = importlib.import_module("stormlens.ops._platform")
        monkeypatch.setattr(module, "native", lambda: Native(False))


def draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def arrays(n, h, w, c, f):
    return draw(0, n, h, w, c), draw(1, 3, 3, c, f), draw(2, n, h, w, f)


def by_loops(images, kernel):
    """Nine products of matrices in double precision."""
    h, w = images.shape[1:3]
    padded = np.pad(np.float64(images), ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = np.ndindex(3, 3)
    return sum(padded[:, i : i + h, j : j + w] @ np.float64(kernel[i, j]) for i, j in taps)


def assert_close(found, expected):
    npt.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("sizes", SIZES)
def test_values_equal_plain_loops_and_kerass_layer(sizes):
    images, kernel, _ = arrays(*sizes)
    found = jax.jit(convolve)(images, kernel)
    assert_close(found, by_loops(images, kernel))
    keras = import_keras()
    layer = keras.layers.Conv2D(sizes[4], 3, padding="same", use_bias=False)
    layer.build(images.shape)
    layer.kernel.assign(kernel)
    assert_close(found, np.asarray(layer(images)))


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_equal_plain_loops(sizes):
    images, kernel, gradient = arrays(*sizes)
    _, backward = jax.vjp(jax.jit(convolve), images, kernel)
    of_images, of_kernel = backward(gradient)
    # A convolution of the gradient with the kernel turned about, its channels exchanged.
    assert_close(of_images, by_loops(gradient, np.swapaxes(kernel[::-1, ::-1], 2, 3)))
    n, h, w, c, f = sizes
    padded = np.pad(np.float64(images), ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = np.zeros((3, 3, c, f))
    for i, j in np.ndindex(3, 3):
        cells = padded[:, i : i + h, j : j + w].reshape(n * h * w, c)
        expected[i, j] = cells.T @ np.float64(gradient).reshape(n * h * w, f)
    assert_close(of_kernel, expected)


@pytest.mark.usefixtures("version")
def test_vmap_equals_one_after_the_other():
    images, kernels = draw(0, 3, 2, 7, 8, 16), draw(1, 3, 3, 3, 16, 32)

    def both(images, kernel):
        value, backward = jax.vjp(convolve, images, kernel)
        return value, *backward(value)

    mapped = jax.jit(jax.vmap(both))(images, kernels)
    in_common = jax.jit(jax.vmap(both, (0, None)))(images, kernels[1])
    for i in range(3):
        for found, kernel in ((mapped, kernels[i]), (in_common, kernels[1])):
            for mine, theirs in zip(found, both(images[i], kernel), strict=True):
                assert_close(mine[i], np.asarray(theirs))


@pytest.mark.usefixtures("version")
def test_no_images_give_nothing_and_a_gradient_of_zero():
    images, kernel = jnp.zeros((0, 4, 5, 16)), draw(1, 3, 3, 16, 32)
    value, backward = jax.vjp(convolve, images, kernel)
    assert value.shape == (0, 4, 5, 32)
    of_images, of_kernel = backward(value)
    assert of_images.shape == images.shape
    npt.assert_array_equal(of_kernel, np.zeros(kernel.shape))


@pytest.mark.skipif(not native().available, reason=native().reason)
def test_it_repeats_to_the_bit_within_a_compiled_loop():
    images, kernel, _ = arrays(*SIZES[1])
    once = jax.jit(convolve)(images, kernel)
    looped = jax.lax.fori_loop(0, 2, lambda _, held: convolve(images, kernel) + 0 * held, once)
    npt.assert_array_equal(once, looped)


@pytest.mark.skipif(not native().available, reason=native().reason)
def test_the_native_version_is_used_where_channels_fill_vectors_alone():
    def text(*sizes):
        return jax.jit(convolve).lower(*arrays(*sizes)[:2]).as_text()

    assert "stormlens_convolve" in text(1, 4, 4, 16, 48)
    assert "stormlens_convolve" not in text(1, 4, 4, 16, 24)
    assert "stormlens_convolve" not in text(1, 4, 4, 24, 16)


@pytest.mark.parametrize("kernel", [(5, 5, 16, 16), (3, 3, 8, 16), (3, 3, 16)])
def test_kernels_that_do_not_fit_are_refused(kernel):
    with pytest.raises(InputError, match=r"convolve: images \(1, 4, 4, 16\) and kernel"):
        convolve(jnp.zeros((1, 4, 4, 16)), jnp.zeros(kernel))
