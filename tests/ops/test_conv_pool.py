import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from stormlens.errors import InputError
from stormlens.ops import conv_pool


def stock(images, kernel, bias, pool):
    """The frameworks' way: the whole convolution, then reduce_window and its own gradient."""
    convolved = lax.conv_general_dilated(
        images, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    window = (1, pool, pool, 1)
    return lax.reduce_window(convolved + bias, -jnp.inf, lax.max, window, window, "VALID")


def draw(seed, n, height, width, channels, side, filters):
    rng = np.random.default_rng(seed)
    shapes = [(n, height, width, channels), (side, side, channels, filters), (filters,)]
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**16),
    n=st.integers(1, 6),
    extra=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    channels=st.integers(1, 3),
    side=st.sampled_from([1, 2, 3, 5]),
    filters=st.integers(1, 5),
    pool=st.integers(1, 4),
)
def test_values_and_gradients_equal_the_stock_operations(
    seed, n, extra, channels, side, filters, pool
):
    height, width = (side - 1 + pool + e for e in extra)
    arrays = draw(seed, n, height, width, channels, side, filters)
    expected, expected_vjp = jax.vjp(lambda *a: stock(*a, pool), *arrays)
    ours, our_vjp = jax.vjp(lambda *a: conv_pool(*a, pool), *arrays)
    npt.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
    cotangent = jnp.asarray(np.random.default_rng(seed).normal(size=ours.shape), jnp.float32)
    for mine, theirs in zip(our_vjp(cotangent), expected_vjp(cotangent), strict=True):
        npt.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


def test_ties_give_the_gradient_to_the_first_position():
    images = jnp.ones((1, 4, 4, 1))
    kernel, bias = jnp.ones((1, 1, 1, 1)), jnp.zeros(1)

    def gradient(operation):
        return jax.grad(lambda x: operation(x, kernel, bias, 2).sum())(images)[0, :, :, 0]

    npt.assert_array_equal(gradient(conv_pool), [[1, 0, 1, 0], [0] * 4, [1, 0, 1, 0], [0] * 4])
    npt.assert_array_equal(gradient(conv_pool), gradient(stock))


def test_it_works_under_jit_vmap_and_scan():
    images, kernel, bias = draw(0, 2, 9, 8, 2, 3, 4)
    kernels = jnp.stack([kernel, kernel * 2])

    def loss(k):
        return conv_pool(images, k, bias, 2).sum()

    by_map = jax.jit(jax.vmap(jax.grad(loss)))(kernels)
    _, by_scan = lax.scan(lambda carry, k: (carry, jax.grad(loss)(k)), 0, kernels)
    npt.assert_allclose(by_map[1], jax.grad(loss)(kernels[1]), rtol=1e-5)
    npt.assert_allclose(by_scan, by_map, rtol=1e-5)


@pytest.mark.parametrize(
    ("images", "kernel", "bias", "pool", "message"),
    [
        ((1, 4, 4), (3, 3, 1, 2), (2,), 2, "must have shapes"),
        ((1, 4, 4, 2), (3, 3, 1, 2), (2,), 2, "disagree"),
        ((1, 4, 4, 1), (3, 3, 1, 2), (3,), 2, "disagree"),
        ((1, 4, 4, 1), (3, 3, 1, 2), (2,), 3, "leave no whole 3 x 3 window"),
        ((1, 4, 4, 1), (3, 3, 1, 2), (2,), 0, "leave no whole"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(images, kernel, bias, pool, message):
    with pytest.raises(InputError, match=message):
        conv_pool(jnp.zeros(images), jnp.zeros(kernel), jnp.zeros(bias), pool)
