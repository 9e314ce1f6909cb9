import importlib

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import optax
import pytest

from stormlens.ops import AdamSettings, FusedStep, fuse_step, matmul
from stormlens.ops._registration import Native

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
        module = importlib.import_module("stormlens.ops._platform")
        monkeypatch.setattr(module, "native", lambda: Native(False))


@pytest.mark.slow
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


SETTINGS = AdamSettings(weight_decay=0.3)


def draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def change(inputs, kernel, mean, square, wanted, number, rate):
    """Outputs, the inputs' gradient and the fused step's for a loss whose gradient is given."""
    fused = fuse_step(SETTINGS, kernel, mean, square, number, rate)
    outputs, vjp = jax.vjp(matmul, inputs, fused)
    of_inputs, changed = vjp(wanted)
    return outputs, of_inputs, changed


@pytest.mark.slow
@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(
    ("n", "rows", "columns"),
    [(1, 1, 1), (4, 5, 6), (32, 701, 130), (3, 66000, 1), (7, 1, 66000), (17, 641, 103)],
)
def test_a_fused_step_takes_the_steps_of_optax_on_the_way_back(n, rows, columns):
    kernel, rates = draw(0, rows, columns), [0.01, 0.05, 0.02]
    state = kernel, jnp.zeros_like(kernel), jnp.zeros_like(kernel)
    rule = optax.adamw(lambda done: jnp.array(rates)[done], eps=1e-7, weight_decay=0.3)
    judge, expected = rule.init(kernel), kernel
    update = jax.jit(rule.update)
    for number, rate in enumerate(rates):
        inputs, wanted = draw(2 * number + 1, n, rows), draw(2 * number + 2, n, columns)
        outputs, of_inputs, changed = jax.jit(change)(
            inputs, *state, wanted, jnp.array(number + 1), rate
        )
        x, k, g = (np.float64(a) for a in (inputs, state[0], wanted))
        npt.assert_allclose(outputs, x @ k, rtol=1e-4, atol=1e-3)
        npt.assert_allclose(of_inputs, g @ k.T, rtol=1e-4, atol=1e-3)
        assert isinstance(changed, FusedStep)
        updates, judge = update(jnp.asarray(x.T @ g, jnp.float32), judge, expected)
        expected = optax.apply_updates(expected, updates)
        state = changed.kernel, changed.mean, changed.square
    # Where a gradient is nearly zero, its rounding decides how far the weight moves.
    npt.assert_allclose(state[0], expected, rtol=0, atol=1e-3)
    assert np.mean(np.abs(state[0] - expected) > 1e-5) < 1e-3
    npt.assert_allclose(state[1], judge[0].mu, rtol=1e-4, atol=1e-5)
    npt.assert_allclose(state[2], judge[0].nu, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("version")
def test_an_empty_batch_changes_nothing():
    kernel, zeros = draw(0, 9, 5), jnp.zeros((9, 5))
    arrays = jnp.zeros((0, 9)), kernel, zeros, zeros, jnp.zeros((0, 5))
    _, of_inputs, changed = change(*arrays, jnp.array(1), 0.0)
    assert of_inputs.shape == (0, 9)
    npt.assert_array_equal(changed.kernel, kernel)
    npt.assert_array_equal(changed.mean, 0)
    npt.assert_array_equal(changed.square, 0)


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("wrapped", [lambda f: f, jax.jit])
def test_what_is_given_to_a_fused_step_stays_as_it_was(wrapped):
    given = [draw(0, 4, 301), draw(1, 301, 299), draw(2, 301, 299), draw(3, 301, 299) ** 2]
    wanted = draw(4, 4, 299)
    before = [np.array(a, copy=True) for a in (*given, wanted)]
    *_, changed = wrapped(change)(*given, wanted, jnp.array(1), 0.01)
    jax.block_until_ready(changed)
    for held, expected in zip((*given, wanted), before, strict=True):
        npt.assert_array_equal(held, expected)
    assert not np.array_equal(changed.kernel, given[1])


@pytest.mark.slow
@pytest.mark.usefixtures("version")
def test_a_fused_step_in_vmap_equals_one_after_the_other():
    arrays = [draw(i, 3, *shape) for i, shape in enumerate([(4, 31), (31, 29), (31, 29)])]
    arrays += [draw(3, 3, 31, 29) ** 2, draw(4, 3, 4, 29)]
    numbers, rates = jnp.array([1, 5, 900]), jnp.array([0.01, 0.02, 0.05])
    mapped = jax.jit(jax.vmap(change))(*arrays, numbers, rates)
    # The step in common, and nothing else, is what an ensemble in training has.
    axes = (0, 0, 0, 0, 0, None, None)
    in_step = jax.jit(jax.vmap(change, axes))(*arrays, numbers[1], rates[1])
    for i in range(3):
        member = [a[i] for a in arrays]
        for at, found in ((i, mapped), (1, in_step)):
            expected = change(*member, numbers[at], rates[at])
            part = jax.tree.map(lambda a, i=i: a[i], found)
            for mine, theirs in zip(*map(jax.tree.leaves, (part, expected)), strict=True):
                npt.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_the_step_is_taken_where_the_kernel_lies():
    kernel = jnp.zeros((2049, 37))

    def trained(kernel, mean, square, inputs):
        fused = fuse_step(SETTINGS, kernel, mean, square, jnp.array(1), 0.01)
        return jax.grad(lambda k: jnp.tanh(matmul(inputs, k)).sum())(fused)

    run = jax.jit(trained, donate_argnums=(0, 1, 2))
    compiled = run.lower(kernel, kernel, kernel, jnp.zeros((8, 2049))).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < kernel.nbytes


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
