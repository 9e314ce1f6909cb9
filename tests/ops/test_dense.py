import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest

from stormlens.ops import Product, Tapped, _dense, matmul, tap

# Samples, rows, columns: on both sides of 65536 values in the largest array, in which the native
# code begins, and of every whole vector and tile.
SIZES = [
    (1, 1, 1),
    (3, 255, 256),
    (1, 256, 256),
    (32, 2049, 37),
    (7, 8193, 8),
    (5, 7, 9999),
    (1, 70001, 1),
    (70001, 1, 1),
    (17, 641, 103),
]


def whole(seed, *shape):
    """Small whole numbers, whose sums are exact in any order."""
    return jnp.asarray(np.random.default_rng(seed).integers(-3, 4, shape), jnp.float32)


@pytest.fixture(params=["native", "portable"])
def version(request, monkeypatch):
    """The native version, where there is one, and the portable one."""
    if request.param == "portable":
        monkeypatch.setattr(_dense, "_LARGE", float("inf"))


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(("n", "rows", "columns"), SIZES)
def test_values_and_gradients_equal_a_plain_product(n, rows, columns):
    inputs, kernel, gradient = whole(0, n, rows), whole(1, rows, columns), whole(2, n, columns)
    outputs, vjp = jax.vjp(matmul, inputs, kernel)
    of_inputs, of_kernel = vjp(gradient)
    x, k, g = (np.asarray(a, np.float64) for a in (inputs, kernel, gradient))
    npt.assert_array_equal(outputs, x @ k)
    npt.assert_array_equal(of_inputs, g @ k.T)
    npt.assert_array_equal(of_kernel, x.T @ g)


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(("n", "rows", "columns"), [(4, 5, 6), (17, 641, 103)])
def test_a_tapped_gradient_is_the_plain_one_by_its_factors(n, rows, columns):
    inputs, kernel = whole(0, n, rows), whole(1, rows, columns)

    def loss(inputs, kernel):
        return (matmul(inputs, kernel) * jnp.arange(columns)).sum()

    both = jax.grad(loss, argnums=(0, 1))
    of_inputs, of_kernel = both(inputs, kernel)
    tapped_inputs, tapped = both(inputs, tap(kernel, n))
    assert isinstance(tapped, Tapped)
    assert isinstance(tapped.product, Product)
    npt.assert_array_equal(tapped_inputs, of_inputs)
    npt.assert_array_equal(tapped.kernel, 0)
    npt.assert_array_equal(tapped.product.inputs, inputs)
    npt.assert_array_equal(tapped.product.inputs.T @ tapped.product.gradients, of_kernel)
    npt.assert_array_equal(matmul(inputs, tap(kernel, n)), matmul(inputs, kernel))


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_vmap_equals_one_after_the_other(axes):
    arrays = whole(0, 3, 9, 611), whole(1, 3, 611, 120)
    arrays = tuple(a if axis == 0 else a[0] for a, axis in zip(arrays, axes, strict=True))

    def run(inputs, kernel):
        outputs, vjp = jax.vjp(matmul, inputs, kernel)
        return outputs, *vjp(outputs)

    mapped = jax.jit(jax.vmap(run, axes))(*arrays)
    for i in range(3):
        member = [a if axis is None else a[i] for a, axis in zip(arrays, axes, strict=True)]
        for found, expected in zip(mapped, run(*member), strict=True):
            # The kernel's own gradient is a sum beyond what is exact.
            npt.assert_allclose(found[i], expected, rtol=1e-5)


def test_numbers_of_two_bytes_are_multiplied_too():
    inputs, kernel = whole(0, 9, 611), whole(1, 611, 120)
    small = matmul(inputs.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))
    npt.assert_allclose(small.astype(jnp.float32), inputs @ kernel, rtol=0.01, atol=1)


def test_repeated_calls_give_the_same_bits():
    rng = np.random.default_rng(0)
    inputs, kernel = (
        jnp.asarray(rng.normal(size=s), jnp.float32) for s in [(32, 3001), (3001, 128)]
    )
    first = matmul(inputs, kernel)
    npt.assert_allclose(first, np.float64(inputs) @ np.float64(kernel), rtol=1e-4, atol=1e-3)
    for _ in range(10):
        npt.assert_array_equal(first, matmul(inputs, kernel))
