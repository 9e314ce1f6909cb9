"""Sliding windows' two operations beside plain NumPy in double precision."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from stormlens.ops import (
    Windows,
    _dense_windows,
    _everywhere,
    blank_reply,
    conv_pool_everywhere,
    dense_windows,
    everywhere,
    gather_windows,
    native,
    spectra_pay,
)

needs_library = pytest.mark.skipif(not native().available, reason=native().reason)
IMPLEMENTATIONS = ["portable", pytest.param("native", marks=needs_library)]


def plain(image, start, kernel, bias, step, shape, pool, relu):
    """The definition: cells, then patches times weights, then the highest of each window."""
    sizes = [n + pool - 1 + k - 1 for n, k in zip(shape, kernel.shape[:2], strict=True)]
    room = np.pad(image.astype(float), [(0, step * size) for size in sizes] + [(0, 0)])
    phase = room[start[0] :: step, start[1] :: step][: sizes[0], : sizes[1]]
    patches = sliding_window_view(phase, kernel.shape[:2], (0, 1))
    values = np.einsum("yxcij,ijcf->yxf", patches, kernel) + bias
    values = np.maximum(values, 0) if relu else values
    return sliding_window_view(values, (pool, pool), (0, 1)).max((-1, -2))


def layer(seed, rows, columns, channels, filters):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(rows, columns, channels, filters)) / np.sqrt(
        rows * columns * channels
    )
    return kernel.astype(np.float32), rng.normal(size=filters).astype(np.float32)


def mosaic(seed, shape, blank):
    """Noise, but for a blank rectangle and single blank cells."""
    rng = np.random.default_rng(seed)
    image = rng.random((*shape, len(blank)), np.float32)
    image[rng.random(shape) < 0.2] = blank
    image[: shape[0] * 2 // 3, shape[1] // 3 :] = blank
    return image


def computed(implementation, image, start, weights, blank, relu, step, shape, pool):
    reply = blank_reply(weights, blank, relu)
    operands = (image, jnp.asarray(start, jnp.int32), weights, jnp.asarray(blank), reply, None)
    run = getattr(_everywhere, f"_{implementation}")
    windows = shape if isinstance(shape, Windows) else Windows(shape)
    return jax.jit(partial(run, step, windows, pool, relu))(*operands)


def gathered(image, windows):
    """Features of each window, one window after the other."""
    (down, across), (rows, columns) = windows.steps, windows.cells
    features = np.empty((*windows.counts, rows * columns * image.shape[-1]))
    for i in range(windows.counts[0]):
        for k in range(windows.counts[1]):
            cells = image[i * down :: windows.dilation, k * across :: windows.dilation]
            features[i, k] = cells[:rows, :columns].ravel()
    return features


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(
    ("kernel", "channels", "filters", "pool", "step"),
    [
        ((3, 3), 16, 32, 3, 1),  # Winograd's way, whole panels
        ((3, 3), 32, 40, 3, 3),  # and a part of one
        ((3, 3), 48, 5, 1, 2),
        ((3, 3), 1, 32, 3, 1),  # too few channels for it
        ((5, 4), 3, 7, 2, 1),
        ((1, 1), 2, 33, 4, 2),
    ],
)
def test_everywhere_is_its_definition(implementation, relu, kernel, channels, filters, pool, step):
    blank = np.full(channels, 0.25, np.float32)
    image = mosaic(1, (75, 91), blank)
    weights = everywhere(*layer(2, *kernel, channels, filters))
    for shape, start in (((9, 14), (0, 0)), ((19, 23), (2, 5)), ((1, 1), (3, 0))):
        setting = {"step": step, "shape": shape, "pool": pool, "relu": relu}
        found = computed(implementation, image, start, weights, blank, **setting)
        expected = plain(image, start, weights.kernel, weights.bias, **setting)
        assert found.shape == (*shape, filters)
        npt.assert_allclose(found, expected, atol=3e-5)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_cells_beyond_the_image_count_as_zero(implementation):
    blank = np.full(16, 0.25, np.float32)
    image = mosaic(3, (20, 21), blank)
    weights = everywhere(*layer(4, 3, 3, 16, 8))
    setting = {"step": 2, "shape": (11, 12), "pool": 2, "relu": False}
    found = computed(implementation, image, (5, 1), weights, blank, **setting)
    npt.assert_allclose(
        found, plain(image, (5, 1), weights.kernel, weights.bias, **setting), atol=3e-5
    )


@needs_library
@pytest.mark.parametrize("channels", [1, 16])
def test_a_blank_patch_gets_the_reply_it_was_given(channels):
    # A reply that no convolution gives shows where nothing was computed.
    blank = np.full(channels, 0.5, np.float32)
    image = np.broadcast_to(blank, (20, 20, channels)).copy()
    image[13, 13] = 0.75
    weights = everywhere(*layer(5, 3, 3, channels, 4))
    reply = jnp.full(4, 99.0)
    start = jnp.zeros(2, jnp.int32)
    windows = Windows((12, 12))
    found = np.array(
        conv_pool_everywhere(
            image, start, weights, blank, reply, step=1, windows=windows, pool=1, relu=False
        )
    )
    # One position sees cell 13, and by Winograd's way its tile of 6 x 6.
    near = slice(6, None) if channels == 16 else slice(11, None)
    assert (found[near, near] != 99).all()
    found[near, near] = 99
    assert (found == 99).all()


@needs_library
def test_the_result_takes_the_room_it_is_given():
    blank = np.zeros(16, np.float32)
    weights = everywhere(*layer(6, 3, 3, 16, 32))
    reply = blank_reply(weights, blank, True)
    start = jnp.zeros(2, jnp.int32)
    image = mosaic(7, (40, 40), blank)
    run = partial(conv_pool_everywhere, step=1, windows=Windows((30, 31)), pool=3, relu=True)
    into = jax.jit(run, donate_argnums=5)
    fresh = run(image, start, weights, blank, reply)
    room = jnp.full(fresh.shape, jnp.nan)
    place = room.unsafe_buffer_pointer()
    found = into(image, start, weights, blank, reply, room)
    assert found.unsafe_buffer_pointer() == place
    npt.assert_array_equal(found, fresh)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([1, 5, 16]),
    st.integers(1, 3),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.integers(0, 2**20),
)
def test_any_size_agrees_with_the_definition(
    rows, columns, pool, channels, step, shape, start, seed
):
    blank = np.zeros(channels, np.float32)
    image = mosaic(seed, (17, 19), blank)
    weights = everywhere(*layer(seed, rows, columns, channels, 6))
    setting = {"step": step, "shape": shape, "pool": pool, "relu": True}
    reply = blank_reply(weights, blank, True)
    found = conv_pool_everywhere(
        image,
        jnp.asarray(start, jnp.int32),
        weights,
        blank,
        reply,
        step=step,
        windows=Windows(shape),
        pool=pool,
        relu=True,
    )
    npt.assert_allclose(
        found, plain(image, start, weights.kernel, weights.bias, **setting), atol=3e-5
    )


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("pool", [1, 3])
@pytest.mark.parametrize(
    "windows",
    [
        Windows((3, 5), (8, 8), 3, (4, 4)),  # no cell in two windows
        Windows((5, 4), (2, 4), 2, (5, 3)),  # cells in several
        Windows((2, 30), (1, 1), 1, (2, 1)),
        Windows((1, 1), (9, 9), 4, (3, 7)),
    ],
)
def test_windows_hold_the_pooled_cells_they_look_at(implementation, pool, windows):
    blank = np.full(16, 0.25, np.float32)
    image = mosaic(10, (75, 91), blank)
    weights = everywhere(*layer(11, 3, 3, 16, 5))
    setting = {"step": 2, "pool": pool, "relu": True}
    found = computed(implementation, image, (1, 3), weights, blank, shape=windows, **setting)
    cells = plain(image, (1, 3), weights.kernel, weights.bias, shape=windows.extents, **setting)
    npt.assert_allclose(found, gathered(cells, windows), atol=3e-5)
    npt.assert_array_equal(gather_windows(cells, windows), gathered(cells, windows))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize(
    ("windows", "channels", "units"),
    [
        (Windows((5, 40), (8, 8), 3, (44, 44)), 16, 40),  # the chapter's
        (Windows((40, 33), (1, 2), 1, (9, 11)), 3, 1),
        (Windows((3, 300), (2, 3), 2, (4, 14)), 33, 150),
        (Windows((290, 3), (5, 5), 5, (14, 1)), 1, 32),  # more tiles than go together
        (Windows((60, 50), (1, 3), 3, (44, 30)), 2, 3),  # more weights in a row than a tile holds
        (Windows((1, 1), (7, 4), 3, (2, 2)), 16, 5),
    ],
)
def test_a_dense_layer_on_windows_is_that_of_gathered_ones(
    implementation, windows, channels, units
):
    extents = windows.extents
    image = mosaic(8, (extents[0] + 2, extents[1]), np.full(channels, 0.25, np.float32))
    kernel, bias = layer(9, *windows.cells, channels, units)
    run = getattr(_dense_windows, f"_{implementation}")
    found = jax.jit(partial(run, windows))(image, kernel, bias)
    expected = gathered(image, windows) @ kernel.reshape(-1, units).astype(float) + bias
    npt.assert_allclose(found, expected, atol=3e-5)


def test_spectra_pay_where_many_cells_recur():
    chapter = Windows((96, 158), (8, 8), 3, (44, 44))
    assert spectra_pay(chapter, 32)
    assert not spectra_pay(chapter._replace(counts=(1, 1)), 32)  # a tile for one window
    assert not spectra_pay(chapter._replace(steps=(44, 44)), 32)  # hardly any overlap
    assert not spectra_pay(Windows((11, 18), (8, 8), 3, (4, 4)), 128)  # none at all
    assert spectra_pay(chapter._replace(steps=(3, 3)), 32)


@needs_library
def test_the_library_refuses_a_window_beyond_the_image():
    windows = Windows((4, 3), (2, 2), 1, (3, 3))
    with pytest.raises(jax.errors.JaxRuntimeError, match="a window reaches beyond the image"):
        dense_windows(
            jnp.zeros((8, 8, 2)), jnp.zeros((3, 3, 2, 4)), jnp.zeros(4), windows=windows
        ).block_until_ready()


@needs_library
def test_the_library_refuses_weights_of_another_layer():
    weights = everywhere(*layer(9, 3, 3, 2, 4))
    with pytest.raises(jax.errors.JaxRuntimeError, match="do not match the reply"):
        conv_pool_everywhere(
            jnp.zeros((8, 8, 2)),
            jnp.zeros(2, jnp.int32),
            weights,
            jnp.zeros(3),
            jnp.zeros(4),
            step=1,
            windows=Windows((3, 3)),
            pool=1,
            relu=False,
        ).block_until_ready()
