import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from stormlens.errors import InputError
from stormlens.models._keras import import_keras
from stormlens.ops import _conv_pool, conv_pool


@pytest.fixture(params=["native", "portable"])
def version(request, monkeypatch):
    """The native version, where there is one, and the portable one."""
    if request.param == "portable":
        monkeypatch.setattr(_conv_pool._native, "serves", lambda *_: False)


def stock(
    images, kernel, bias, pool, *, padding="valid", activation="linear", mask=None, keep=None
):
    """The frameworks' way: the whole convolution, then reduce_window and its own gradient."""
    if keep is not None:
        images = images * (keep != 0)[:, None, None, :]
    convolved = lax.conv_general_dilated(
        images, kernel, (1, 1), padding.upper(), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    values = convolved + bias
    values = jax.nn.relu(values) if activation == "relu" else values
    values = values if mask is None else values * mask[:, None, None, :]
    window = (1, pool, pool, 1)
    return lax.reduce_window(values, -jnp.inf, lax.max, window, window, "VALID")


def by_hand(images, kernel, bias, gradient, pool, *, padding, activation, mask, keep):
    """Values and gradients in NumPy; the gradient of a tie goes to its first position."""
    (rows, columns, channels, _), (n, h, w, filters) = kernel.shape, gradient.shape
    kept = np.ones((n, channels)) if keep is None else (keep != 0)
    factors = np.ones((n, filters)) if mask is None else np.asarray(mask)
    sides = [((k - 1) // 2, k // 2) if padding == "same" else (0, 0) for k in (rows, columns)]
    padded = np.pad(images * kept[:, None, None, :], [(0, 0), *sides, (0, 0)])
    patches = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(1, 2))
    patches = patches[:, : h * pool, : w * pool]
    convolved = np.einsum("nhwcij,ijcf->nhwf", patches, kernel) + bias
    windows = convolved.reshape(n, h, pool, w, pool, filters).transpose(0, 1, 3, 5, 2, 4)
    windows = windows.reshape(n, h, w, filters, pool * pool)
    best = windows.max(-1)
    is_on = (best > 0) | (activation == "linear")
    passed = gradient * is_on * factors[:, None, None, :]
    one_hot = np.arange(pool * pool) == windows.argmax(-1)[..., None]
    spread = (one_hot * passed[..., None]).reshape(n, h, w, filters, pool, pool)
    spread = spread.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * pool, w * pool, filters)
    of_padded = np.zeros(padded.shape)
    for i in range(rows):
        for j in range(columns):
            of_padded[:, i : i + h * pool, j : j + w * pool] += spread @ kernel[i, j].T
    (top, _), (left, _) = sides
    of_images = of_padded[:, top : top + images.shape[1], left : left + images.shape[2]]
    of_kernel = np.einsum("nhwcij,nhwf->ijcf", patches, spread)
    pooled = best * is_on * factors[:, None, None, :]
    return pooled, of_images * kept[:, None, None, :], of_kernel, spread.sum((0, 1, 2))


@st.composite
def examples(draw, pools=(2, 3), most=17):
    """Shapes and options of a convolution with pool, and a seed for its numbers."""
    pool = draw(st.sampled_from(pools))
    sides = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = draw(st.sampled_from(["valid", "same"]))
    least = [pool if padding == "same" else side + pool - 1 for side in sides]
    size = [low + draw(st.integers(0, 8)) for low in least]
    counts = st.sampled_from([c for c in (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 19, 33) if c <= most])
    shape = (draw(st.integers(0, 4)), *size, draw(counts))
    given_masks = st.sampled_from(["absent", "some", "none"])
    return {
        "images": shape,
        "kernel": (*sides, shape[3], draw(counts)),
        "pool": pool,
        "padding": padding,
        "activation": draw(st.sampled_from(["linear", "relu"])),
        "mask": draw(given_masks),
        "keep": draw(given_masks),
        "seed": draw(st.integers(0, 2**16)),
    }


def factors(rng, kind, n, channels):
    if kind == "absent":
        return None
    values = rng.choice([0, 0.5, 2], (n, channels)) if kind == "some" else np.zeros((n, channels))
    return jnp.asarray(values, jnp.float32)


def arrays_of(example, numbers):
    """Images, kernel and bias of an example, and its options."""
    rng = np.random.default_rng(example["seed"])
    n, _, _, channels = example["images"]
    filters = example["kernel"][3]
    shapes = (example["images"], example["kernel"], (filters,))
    arrays = [jnp.asarray(numbers(rng, shape), jnp.float32) for shape in shapes]
    options = {name: example[name] for name in ("padding", "activation")}
    options["mask"] = factors(rng, example["mask"], n, filters)
    options["keep"] = factors(rng, example["keep"], n, channels)
    return arrays, options


def whole_numbers(rng, shape):
    return rng.integers(-3, 4, shape)


def real_numbers(rng, shape):
    return rng.normal(size=shape)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(example=examples(most=33))
def test_whole_numbers_give_exactly_what_numpy_gives(example):
    # Sums of small whole numbers are exact in any order, so ties are ties for both.
    arrays, options = arrays_of(example, whole_numbers)
    pooled, vjp = jax.vjp(lambda *a: conv_pool(*a, example["pool"], **options), *arrays)
    gradient = jnp.asarray(whole_numbers(np.random.default_rng(1), pooled.shape), jnp.float32)
    plain = [np.asarray(a, np.float64) for a in (*arrays, gradient)]
    expected = by_hand(*plain, example["pool"], **options)
    for found, judge in zip((pooled, *vjp(gradient)), expected, strict=True):
        npt.assert_array_equal(found, judge)


def assert_close(found, expected, tolerance=1e-5):
    """Equal relative to the largest value."""
    assert found.shape == expected.shape
    if found.size:
        npt.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max() + 1e-9)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, derandomize=True)
@given(example=examples(pools=(1, 2, 3, 4)))
def test_values_and_gradients_equal_the_stock_operations(example):
    arrays, options = arrays_of(example, real_numbers)

    def run(operation, *arrays):
        pooled, vjp = jax.vjp(lambda *a: operation(*a, example["pool"], **options), *arrays)
        weights = jnp.cos(jnp.arange(pooled.size, dtype=jnp.float32)).reshape(pooled.shape)
        return pooled, *vjp(weights)

    @jax.jit
    def all_three(*arrays):
        with pytest.MonkeyPatch.context() as patch:
            native = run(conv_pool, *arrays)
            patch.setattr(_conv_pool._native, "serves", lambda *_: False)
            return native, run(conv_pool, *arrays), run(stock, *arrays)

    native, without, expected = all_three(*arrays)
    for one, other, judge in zip(native, without, expected, strict=True):
        assert_close(one, judge)
        assert_close(other, judge)


def draw(seed, n, height, width, channels, side, filters):
    rng = np.random.default_rng(seed)
    shapes = [(n, height, width, channels), (side, side, channels, filters), (filters,)]
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


@pytest.mark.slow
@pytest.mark.parametrize(("padding", "pool"), [("valid", 3), ("same", 2)])
def test_values_and_gradients_equal_those_of_keras_layers(padding, pool):
    layers = import_keras().layers
    images, kernel, bias = draw(3, 3, 13, 11, 2, 4, 5)
    mask = jnp.asarray(np.random.default_rng(3).choice([0, 1.25], (3, 5)), jnp.float32)
    convolution = layers.Conv2D(5, 4, padding=padding)
    convolution.build(images.shape)
    relu, highest = layers.ReLU(), layers.MaxPooling2D(pool)

    def keras(images, kernel, bias):
        convolved, _ = convolution.stateless_call([kernel, bias], [], images)
        return highest(relu(convolved) * mask[:, None, None, :])

    def ours(*arrays):
        return conv_pool(*arrays, pool, padding=padding, activation="relu", mask=mask)

    @jax.jit
    def both(*arrays):
        expected, expected_vjp = jax.vjp(keras, *arrays)
        found, vjp = jax.vjp(ours, *arrays)
        gradient = jnp.sin(jnp.arange(found.size, dtype=jnp.float32)).reshape(found.shape)
        return (found, *vjp(gradient)), (expected, *expected_vjp(gradient))

    for found, expected in zip(*both(images, kernel, bias), strict=True):
        assert_close(found, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("version")
def test_ties_give_the_gradient_to_the_first_position():
    images = jnp.ones((1, 4, 4, 1))
    kernel, bias = jnp.ones((1, 1, 1, 1)), jnp.zeros(1)

    def gradient(operation):
        return jax.grad(lambda x: operation(x, kernel, bias, 2).sum())(images)[0, :, :, 0]

    npt.assert_array_equal(gradient(conv_pool), [[1, 0, 1, 0], [0] * 4, [1, 0, 1, 0], [0] * 4])
    npt.assert_array_equal(gradient(conv_pool), gradient(stock))


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("channels", [1, 13])
@pytest.mark.parametrize("dropped", [False, True])
def test_bytes_equal_their_scaled_values(channels, dropped):
    _, kernel, bias = draw(0, 4, 12, 14, channels, 3, 9)
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.integers(0, 256, (4, 12, 14, channels)), jnp.uint8)
    keep = jnp.asarray(rng.choice([0, 2], (4, channels)), jnp.float32) if dropped else None
    options = {"padding": "same", "activation": "relu", "keep": keep}

    def of_bytes(*weights):
        return conv_pool(images, *weights, 3, bounds=(5, 200), **options)

    def of_reals(*weights):
        scaled = (images.astype(jnp.float32) - 5) / 195
        return conv_pool(scaled, *weights, 3, **options)

    def run(operation):
        pooled, vjp = jax.vjp(operation, kernel, bias)
        return pooled, *vjp(jnp.ones_like(pooled))

    for found, expected in zip(*jax.jit(lambda: (run(of_bytes), run(of_reals)))(), strict=True):
        assert_close(found, expected)


@pytest.mark.usefixtures("version")
def test_masks_get_no_gradient():
    arrays = draw(0, 2, 6, 6, 2, 3, 4)

    def loss(mask, keep):
        return conv_pool(*arrays, 2, mask=mask, keep=keep).sum()

    gradients = jax.jit(jax.grad(loss, argnums=(0, 1)))(jnp.ones((2, 4)), jnp.ones((2, 2)))
    for gradient in gradients:
        npt.assert_array_equal(gradient, 0)


@pytest.mark.slow
@pytest.mark.usefixtures("version")
def test_a_dropped_channel_may_hold_anything():
    images, kernel, bias = draw(0, 2, 9, 9, 13, 3, 4)
    keep = jnp.ones((2, 13)).at[:, 4].set(0)
    clean = images.at[..., 4].set(0.0)

    @jax.jit
    def run(images):
        pooled, vjp = jax.vjp(lambda *a: conv_pool(*a, 2, keep=keep), images, kernel, bias)
        return pooled, *vjp(jnp.ones_like(pooled))

    for found, expected in zip(run(images * 1e6), run(clean * 1e6), strict=True):
        npt.assert_array_equal(found, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", ["images", "kernel", "bias", "mask", "keep"])
def test_values_known_to_be_no_numbers_are_refused(place, value):
    images, kernel, bias = draw(0, 2, 6, 6, 2, 3, 4)
    given_arrays = {
        "images": images,
        "kernel": kernel,
        "bias": bias,
        "mask": jnp.ones((2, 4)),
        "keep": jnp.ones((2, 2)),
    }
    given_arrays[place] = given_arrays[place].at[(0,) * given_arrays[place].ndim].set(value)
    with pytest.raises(InputError, match=f"{place} holds values that are infinite or no numbers"):
        conv_pool(**given_arrays, pool=2)


@pytest.mark.parametrize("axes", [(None, 0, None), (0, None, None), (0, 0, 0)])
def test_vmap_equals_one_after_the_other(axes):
    arrays = draw(0, 2, 9, 8, 2, 3, 4)
    stacked = [
        a if axis is None else jnp.stack([a, a * 2, -a])
        for a, axis in zip(arrays, axes, strict=True)
    ]

    def loss(*arrays):
        return (conv_pool(*arrays, 2, activation="relu") ** 2).sum()

    gradient = jax.grad(loss, argnums=(0, 1, 2))
    found = jax.jit(jax.vmap(gradient, axes))(*stacked)
    # And the other way round: the gradient of a sum over the members.
    total = jax.jit(jax.grad(lambda *a: jax.vmap(loss, axes)(*a).sum(), argnums=(0, 1, 2)))(
        *stacked
    )
    one_by_one = jax.jit(gradient)
    for i in range(3):
        members = [a if axis is None else a[i] for a, axis in zip(stacked, axes, strict=True)]
        for k, expected in enumerate(one_by_one(*members)):
            assert_close(found[k][i], expected)
            if axes[k] == 0:
                assert_close(total[k][i], expected)


def test_nested_vmap_and_scan_equal_one_after_the_other():
    images, kernel, bias = draw(0, 2, 9, 8, 2, 3, 4)
    kernels = jnp.stack([kernel, kernel * 2])
    mask = jnp.array([[0, 1, 1, 2], [1, 0, 0, 0.5]])

    def gradient(k, b):
        return jax.grad(lambda k: conv_pool(images, k, b, 3, mask=mask).sum())(k)

    biases = jnp.stack([bias, bias + 1, -bias])
    nested = jax.jit(jax.vmap(jax.vmap(gradient, (None, 0)), (0, None)))(kernels, biases)
    _, by_scan = lax.scan(lambda carry, k: (carry, gradient(k, bias)), 0, kernels)
    assert nested.shape == (2, 3, *kernel.shape)
    one = jax.jit(gradient)
    for i in range(2):
        for j in range(3):
            assert_close(nested[i, j], one(kernels[i], biases[j]))
        assert_close(by_scan[i], one(kernels[i], bias))


def test_repeated_calls_give_the_same_bits():
    images, kernel, bias = draw(0, 37, 40, 41, 3, 3, 20)

    @jax.jit
    def run(*arrays):
        pooled, vjp = jax.vjp(lambda *a: conv_pool(*a, 2, activation="relu"), *arrays)
        return pooled, *vjp(pooled)

    first = jax.tree.map(np.array, run(images, kernel, bias))
    for _ in range(10):
        for one, other in zip(first, run(images, kernel, bias), strict=True):
            npt.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("images", "kernel", "bias", "pool", "message"),
    [
        ((1, 4, 4), (3, 3, 1, 2), (2,), 2, "must have shapes"),
        ((1, 4, 4, 1), (3, 3, 2), (2,), 2, "must have shapes"),
        ((1, 4, 4, 2), (3, 3, 1, 2), (2,), 2, "disagree"),
        ((1, 4, 4, 1), (3, 3, 1, 2), (3,), 2, "disagree"),
        ((1, 4, 4, 1), (3, 3, 1, 2), (1, 2), 2, "disagree"),
        ((1, 4, 4, 1), (3, 0, 1, 2), (2,), 2, "is empty"),
        ((1, 4, 4, 1), (3, 3, 1, 0), (0,), 2, "is empty"),
        ((1, 4, 4, 1), (3, 3, 1, 2), (2,), 3, "leave no whole 3 x 3 window"),
        ((1, 4, 4, 1), (5, 3, 1, 2), (2,), 2, "after a 5 x 3 kernel"),
        ((1, 4, 4, 1), (3, 3, 1, 2), (2,), 0, "leave no whole"),
        ((1, 0, 4, 1), (1, 1, 1, 2), (2,), 2, "images of 0 x 4 pixels leave no whole"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(images, kernel, bias, pool, message):
    with pytest.raises(InputError, match=message):
        conv_pool(jnp.zeros(images), jnp.zeros(kernel), jnp.zeros(bias), pool)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": jnp.ones((2, 3))}, r"mask has shape \(2, 3\); it needs one factor for each of 2"),
        ({"mask": jnp.ones(4)}, r"mask has shape \(4,\)"),
        ({"keep": jnp.ones((2, 4))}, r"keep has shape \(2, 4\).* 2 images and 1 channels"),
        ({"keep": jnp.ones((3, 1))}, r"keep has shape \(3, 1\)"),
        ({"bounds": (0, 75)}, r"images of float32 with bounds \(0, 75\)"),
        ({"padding": "smae"}, "Unknown padding 'smae'. Did you mean 'same'?"),
        ({"activation": "rleu"}, "Unknown activation 'rleu'. Did you mean 'relu'?"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        conv_pool(*draw(0, 2, 6, 6, 1, 3, 4), 2, **options)


@pytest.mark.parametrize("bounds", [None, (7, 7), (75, 0), (0, np.nan), (-np.inf, 1)])
def test_bytes_without_rising_bounds_are_refused(bounds):
    _, kernel, bias = draw(0, 2, 6, 6, 1, 3, 4)
    with pytest.raises(InputError, match="uint8 images need the lower and the upper value"):
        conv_pool(jnp.zeros((2, 6, 6, 1), jnp.uint8), kernel, bias, 2, bounds=bounds)
