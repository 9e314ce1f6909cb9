"""Sliding windows' operations beside plain NumPy in double precision."""

from types import SimpleNamespace

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from stormlens.engine import (
    Sliding,
    Step,
    Windows,
    blank_reply,
    gather_windows,
    load_library,
    spectra_pay,
    stitch_weights,
)
from stormlens.errors import InputError
from stormlens.ops import PortableSliding

library = load_library()
needs_library = pytest.mark.skipif(library.handle is None, reason=library.reason or "built")
WAYS = [pytest.param(Sliding, marks=needs_library), PortableSliding]


def plain(image, start, weights, *, step, shape, pool, relu):
    """The definition: cells, then patches times weights, then the highest of each window."""
    sizes = [n + pool - 1 + k - 1 for n, k in zip(shape, weights.kernel.shape[:2], strict=True)]
    room = np.pad(image.astype(float), [(0, step * size) for size in sizes] + [(0, 0)])
    phase = room[start[0] :: step, start[1] :: step][: sizes[0], : sizes[1]]
    patches = sliding_window_view(phase, weights.kernel.shape[:2], (0, 1))
    values = np.einsum("yxcij,ijcf->yxf", patches, weights.kernel) + weights.bias
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


def computed(way, image, starts, weights, blank, *, step, shape, pool, relu):
    windows = shape if isinstance(shape, Windows) else Windows(shape)
    reply = blank_reply(weights, blank, relu)
    found = way.conv_pool(
        *(image, starts, weights, blank, reply), step=step, windows=windows, pool=pool, relu=relu
    )
    return np.asarray(found)


def gathered(image, windows):
    """Features of each window, one window after the other."""
    (down, across), (rows, columns) = windows.steps, windows.cells
    features = np.empty((*windows.counts, rows * columns * image.shape[-1]))
    for i in range(windows.counts[0]):
        for k in range(windows.counts[1]):
            cells = image[i * down :: windows.dilation, k * across :: windows.dilation]
            features[i, k] = cells[:rows, :columns].ravel()
    return features


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
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
def test_shift_and_stitch_is_its_definition(way, relu, kernel, channels, filters, pool, step):
    blank = np.full(channels, 0.25, np.float32)
    image = mosaic(1, (75, 91), blank)
    weights = stitch_weights(*layer(2, *kernel, channels, filters))
    for shape, starts in (
        ((9, 14), [(0, 0)]),
        ((19, 23), [(2, 5), (0, 0), (1, 7)]),
        ((1, 1), [(3, 0), (0, 3)]),
    ):
        setting = {"step": step, "shape": shape, "pool": pool, "relu": relu}
        found = computed(way(), image, starts, weights, blank, **setting)
        assert found.shape == (len(starts), *shape, filters)
        for start, values in zip(starts, found, strict=True):
            npt.assert_allclose(values, plain(image, start, weights, **setting), atol=3e-5)


@pytest.mark.parametrize("way", WAYS)
def test_cells_beyond_the_image_count_as_zero(way):
    blank = np.full(16, 0.25, np.float32)
    image = mosaic(3, (20, 21), blank)
    weights = stitch_weights(*layer(4, 3, 3, 16, 8))
    setting = {"step": 2, "shape": (11, 12), "pool": 2, "relu": False}
    found = computed(way(), image, [(5, 1)], weights, blank, **setting)
    npt.assert_allclose(found[0], plain(image, (5, 1), weights, **setting), atol=3e-5)


@needs_library
@pytest.mark.parametrize("channels", [1, 16])
def test_a_blank_patch_gets_the_reply_it_was_given(channels):
    # A reply that no convolution gives shows where nothing was computed.
    blank = np.full(channels, 0.5, np.float32)
    image = np.broadcast_to(blank, (20, 20, channels)).copy()
    image[13, 13] = 0.75
    weights = stitch_weights(*layer(5, 3, 3, channels, 4))
    reply = np.full(4, 99, np.float32)
    found = Sliding().conv_pool(
        *(image, [(0, 0)], weights, blank, reply),
        step=1,
        windows=Windows((12, 12)),
        pool=1,
        relu=False,
    )[0]
    # One position sees cell 13, and by Winograd's way its tile of 6 x 6.
    near = slice(6, None) if channels == 16 else slice(11, None)
    assert (found[near, near] != 99).all()
    found[near, near] = 99
    assert (found == 99).all()


@needs_library
def test_the_next_result_of_the_same_weights_takes_the_memory_of_the_last():
    blank = np.zeros(16, np.float32)
    first, second = (stitch_weights(*layer(seed, 3, 3, 16, 32)) for seed in (6, 7))
    setting = {"step": 1, "pool": 3, "relu": True}
    way, image = Sliding(), mosaic(7, (40, 40), blank)
    one = computed(way, image, [(0, 0)], first, blank, shape=(30, 31), **setting)
    held = one.copy()
    other = computed(way, image, [(0, 0)], second, blank, shape=(30, 31), **setting)
    npt.assert_array_equal(one, held)
    assert not np.shares_memory(one, other)
    again = computed(way, image, [(1, 0)], first, blank, shape=(30, 31), **setting)
    assert np.shares_memory(one, again)
    larger = computed(way, image, [(0, 0)], first, blank, shape=(31, 31), **setting)
    assert not np.shares_memory(one, larger)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([1, 5, 16]),
    st.integers(1, 3),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=3),
    st.integers(0, 2**20),
)
def test_any_size_agrees_with_the_definition(
    rows, columns, pool, channels, step, shape, starts, seed
):
    blank = np.zeros(channels, np.float32)
    image = mosaic(seed, (17, 19), blank)
    weights = stitch_weights(*layer(seed, rows, columns, channels, 6))
    setting = {"step": step, "shape": shape, "pool": pool, "relu": True}
    way = Sliding() if library.handle is not None else PortableSliding()
    found = computed(way, image, starts, weights, blank, **setting)
    for start, values in zip(starts, found, strict=True):
        npt.assert_allclose(values, plain(image, start, weights, **setting), atol=3e-5)


@pytest.mark.parametrize("way", WAYS)
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
def test_windows_hold_the_pooled_cells_they_look_at(way, pool, windows):
    blank = np.full(16, 0.25, np.float32)
    image = mosaic(10, (75, 91), blank)
    weights = stitch_weights(*layer(11, 3, 3, 16, 5))
    setting = {"step": 2, "pool": pool, "relu": True}
    starts = [(1, 3), (0, 0)]
    found = computed(way(), image, starts, weights, blank, shape=windows, **setting)
    for start, features in zip(starts, found, strict=True):
        cells = plain(image, start, weights, shape=windows.extents, **setting)
        npt.assert_allclose(features, gathered(cells, windows), atol=3e-5)
        npt.assert_array_equal(gather_windows(cells, windows), gathered(cells, windows))


DENSE = [
    (Windows((5, 40), (8, 8), 3, (44, 44)), 16, 40),  # the chapter's
    (Windows((40, 33), (1, 2), 1, (9, 11)), 3, 1),
    (Windows((3, 300), (2, 3), 2, (4, 14)), 33, 150),
    (Windows((290, 3), (5, 5), 5, (14, 1)), 1, 32),  # more tiles than go together
    (Windows((60, 50), (1, 3), 3, (44, 30)), 2, 3),  # more weights in a row than a tile holds
    (Windows((1, 1), (7, 4), 3, (2, 2)), 16, 5),
]


def dense_case(windows, channels, units):
    extents = windows.extents
    image = mosaic(8, (extents[0] + 2, extents[1]), np.full(channels, 0.25, np.float32))
    return image, *layer(9, *windows.cells, channels, units)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("windows", "channels", "units"), DENSE)
def test_a_dense_layer_on_windows_is_that_of_gathered_ones(way, windows, channels, units):
    image, kernel, bias = dense_case(windows, channels, units)
    found = way().dense_windows(image, kernel, bias, windows=windows)
    expected = gathered(image, windows) @ kernel.reshape(-1, units).astype(float) + bias
    npt.assert_allclose(found, expected, atol=3e-5)


@needs_library
@pytest.mark.parametrize("count", [1, 4])
def test_any_number_of_threads_gives_the_same_bits(count):
    blank = np.zeros(16, np.float32)
    image = mosaic(12, (150, 90), blank)
    weights = stitch_weights(*layer(13, 3, 3, 16, 40))
    setting = {"step": 1, "shape": (131, 80), "pool": 3, "relu": True}
    starts = [(0, 0), (3, 2)][: 1 + (count > 1)]
    found = [
        computed(Sliding(threads), image, starts, weights, blank, **setting)
        for threads in (1, 2, 3, 8)
    ]
    case = dense_case(*DENSE[0])
    sums = [Sliding(threads).dense_windows(*case, windows=DENSE[0][0]) for threads in (1, 2, 3, 8)]
    for results in (found, sums):
        for other in results[1:]:
            npt.assert_array_equal(results[0], other)


STEPS = [
    *(
        Step("activation", activation=name)
        for name in (
            *("relu", "tanh", "sigmoid", "selu", "softplus", "softsign", "silu", "exponential"),
            *("hard_sigmoid", "gelu", "softmax"),
        )
    ),
    Step("activation", activation="elu", constants=(0.7,)),
    Step("activation", activation="relu", constants=(0.2, 1.5, 0.4)),
    Step(
        "scale",
        kernel=np.linspace(-1, 2, 5, dtype=np.float32),
        bias=np.linspace(0, 1, 5, dtype=np.float32),
    ),
    Step(
        "dense",
        kernel=np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32),
        bias=np.arange(7, dtype=np.float32),
        activation="tanh",
    ),
]


@needs_library
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.kind} {step.activation}")
def test_steps_on_cells_are_alike_on_the_engine_and_on_jax(step):
    cells = np.random.default_rng(1).normal(size=(3, 4, 5)).astype(np.float32)
    cells[0, 0] = 0.4  # relu's threshold
    one, other = (way().of_cells([step], 5)(cells) for way in (Sliding, PortableSliding))
    assert one.shape == other.shape == (3, 4, 7 if step.kind == "dense" else 5)
    npt.assert_allclose(one, other, atol=2e-6)


@pytest.mark.parametrize("way", WAYS)
def test_no_steps_leave_cells_as_they_are(way):
    cells = np.arange(12, dtype=np.float32).reshape(3, 4)
    npt.assert_array_equal(way().of_cells([], 4)(cells), cells)


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
    with pytest.raises(InputError, match=r"Windows cannot share this: .* beyond the image\.$"):
        Sliding().dense_windows(
            np.zeros((8, 8, 2)), np.zeros((3, 3, 2, 4)), np.zeros(4), windows=windows
        )


def convolve(**changes):
    """A convolution that fits, but for the changes."""
    given = SimpleNamespace(
        image=np.zeros((8, 8, 2), np.float32),
        starts=[(0, 0)],
        weights=stitch_weights(*layer(9, 3, 3, 2, 4)),
        blank=np.zeros(2, np.float32),
        reply=np.zeros(4, np.float32),
        step=1,
        windows=Windows((3, 3)),
        pool=1,
    )
    vars(given).update(changes)
    return Sliding().conv_pool(
        *(given.image, given.starts, given.weights, given.blank, given.reply),
        step=given.step,
        windows=given.windows,
        pool=given.pool,
        relu=False,
    )


@needs_library
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image": np.zeros((8, 8, 3), np.float32)}, "weights have another size"),
        ({"blank": np.zeros(3)}, "bias, blank or reply have another size"),
        ({"reply": np.zeros(5)}, "bias, blank or reply have another size"),
        ({"starts": [(0, -1)]}, "a first row or column cannot be"),
        ({"starts": [(0, 0, 1)]}, "the starts have another size"),
        ({"step": 0}, "a size is not positive"),
        ({"pool": 0}, "a size is not positive"),
        ({"image": np.zeros((0, 8, 2), np.float32)}, "a size is not positive"),
        ({"windows": Windows((2, 2), (2**23, 2**23))}, "an array would be too large"),
    ],
)
def test_the_library_refuses_what_does_not_fit(changes, reason):
    convolve()
    with pytest.raises(InputError, match=f"Windows cannot share this: .*{reason}"):
        convolve(**changes)
