"""The engine beside Keras over generated chains, and what it refuses."""

import gc
import os
import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from keras_chains import chains, filled, keras, layers, steps_of

from stormlens.engine import Engine, Step, load_library, usable_cores
from stormlens.errors import InputError

pytestmark = pytest.mark.skipif(
    load_library().handle is None, reason=load_library().reason or "built"
)
EXAMPLES = int(os.environ.get("STORMLENS_FUZZ", "12"))  # Keras takes a second for each


@pytest.mark.long(25)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(chains(), st.sampled_from([1, 2, 3, 7, 8, 9, 33, 65]), st.integers(1, 4))
def test_every_chain_equals_keras_for_any_threads_and_batch(make, batch, threads):
    model, rng = make()
    steps, shape = steps_of(model), model.input_shape[1:]
    assert steps is not None
    images = rng.normal(size=(batch, *shape)).astype(np.float32)
    due = np.asarray(model(images, training=False))
    assume(np.isfinite(due).all())
    engine = Engine(steps, shape)
    found = engine(images, threads=threads)
    npt.assert_allclose(found, due, rtol=0, atol=1e-5)
    npt.assert_array_equal(engine(images, threads=1), found)
    npt.assert_array_equal(engine(images[batch // 2 :]), found[batch // 2 :])


@pytest.mark.slow
@pytest.mark.parametrize("first", ["pooled", "tiles", "patches", "dense", "pool", "norm"])
def test_bytes_are_scaled(first):
    parts = {
        "pooled": [layers.Conv2D(7, 3, activation="relu"), layers.MaxPooling2D(3)],
        "tiles": [layers.Conv2D(9, 3), layers.Conv2D(9, 3)],
        "patches": [layers.Conv2D(7, 5, strides=2)],
        "dense": [],
        "pool": [layers.AveragePooling2D(3)],
        "norm": [layers.BatchNormalization()],
    }[first]
    model = keras.Sequential(
        [keras.Input((31, 26, 1)), *parts, layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    rng = np.random.default_rng(3)
    steps = steps_of(filled(model, rng))
    raw = rng.integers(0, 75, (10, 31, 26), np.uint8)
    scaled = ((raw.astype(np.float32) - 2.0) / 70.0)[..., None]
    found = Engine(steps, (31, 26, 1), (2.0, 72.0))(raw, threads=2)
    npt.assert_allclose(found, np.asarray(model(scaled)), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_softmax_of_every_cell():
    model = keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            layers.Conv2D(3, 2, activation="softmax"),
            layers.Conv2D(4, 1),
            layers.Softmax(),
            layers.Flatten(),
        ]
    )
    rng = np.random.default_rng(4)
    steps = steps_of(filled(model, rng))
    images = rng.normal(size=(3, 6, 5, 2)).astype(np.float32)
    found = Engine(steps, (6, 5, 2))(images)
    npt.assert_allclose(found, np.asarray(model(images)), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_large_dense_layer_is_cut_the_same_way():
    # Kernels from 128 KiB floats on go through all images at once.
    model = keras.Sequential(
        [
            keras.Input((60, 50, 1)),
            layers.Flatten(),
            layers.Dense(100, activation="tanh"),
            layers.Dense(1500, activation="relu"),
            layers.Dense(100, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    rng = np.random.default_rng(5)
    engine = Engine(steps_of(filled(model, rng)), (60, 50, 1))
    images = rng.normal(size=(130, 60, 50, 1)).astype(np.float32)
    found = engine(images, threads=1)
    npt.assert_allclose(found, np.asarray(model(images)), rtol=0, atol=1e-5)
    npt.assert_array_equal(engine(images, threads=3), found)
    npt.assert_array_equal(engine(images[100:101]), found[100:101])


def test_a_residual_sum_by_hand():
    # One pixel: a 3 x 3 kernel sees its middle weight alone.
    first, second = np.zeros((3, 3, 1, 1), np.float32), np.zeros((3, 3, 1, 1), np.float32)
    first[1, 1], second[1, 1] = 2.0, -1.5
    bias = np.float32([0.25])
    around = (1, 1, 1, 1)
    steps = [
        Step("keep"),
        Step("convolution", (3, 3), padding=around, kernel=first, bias=bias, activation="relu"),
        Step("convolution", (3, 3), padding=around, kernel=second, bias=bias),
        Step("add"),
        Step("activation", activation="relu"),
    ]
    engine = Engine(steps, (1, 1, 1))
    # x = 0.5: relu(1.25) * -1.5 + 0.25 + 0.5 < 0; x = -1: relu(-1.75) gives 0.25 - 1 < 0;
    # x = -0.1: relu(0.05) * -1.5 + 0.25 - 0.1 = 0.075.
    images = np.float32([0.5, -1.0, -0.1]).reshape(3, 1, 1, 1)
    npt.assert_allclose(engine(images).ravel(), [0, 0, 0.075], atol=1e-7)


def test_no_images_give_no_outputs():
    engine = Engine([Step("flatten")], (2, 3, 1))
    assert engine(np.zeros((0, 2, 3), np.uint8)).shape == (0, 6)


KERNEL = np.ones((3, 3, 1, 2), np.float32)
BIAS = np.ones(2, np.float32)
CONV = {"window": (3, 3), "kernel": KERNEL, "bias": BIAS}


@pytest.mark.parametrize(
    ("steps", "shape", "words"),
    [
        ([], (4, 4, 1), "no steps"),
        ([Step("flatten")], (0, 4, 1), "the images would be 0 x 4 x 1"),
        ([Step("flatten")], (2**31 + 1, 4, 1), "which cannot be"),
        ([Step("flatten")], (2**20, 2**20, 1), "which is too large"),
        ([Step("convolution", **CONV)], (2, 9, 1), "a convolved map would be 0 x 7 x 2"),
        (
            [Step("convolution", **CONV)],
            (9, 9, 3),
            "18 values of a kernel are given where 54 are due",
        ),
        ([Step("convolution", groups=2, **CONV)], (9, 9, 1), "in 2 groups"),
        ([Step("convolution", groups=0, **CONV)], (9, 9, 1), "in 0 groups"),
        ([Step("convolution", strides=(0, 1), **CONV)], (9, 9, 1), "stride"),
        ([Step("convolution", dilation=(1, -1), **CONV)], (9, 9, 1), "dilation"),
        ([Step("convolution", padding=(0, 0, -1, 0), **CONV)], (9, 9, 1), "around an image"),
        ([Step("convolution", (2**19, 2**19), kernel=KERNEL, bias=BIAS)], (9, 9, 1), "map"),
        ([Step("convolution", (3, 3), kernel=KERNEL)], (9, 9, 1), "0 biases are given where 2"),
        (
            [Step("convolution", (3, 3), kernel=KERNEL, bias=np.ones(3, np.float32))],
            (9, 9, 1),
            "3 biases are given where 2 are due",
        ),
        ([Step("dense", kernel=np.ones((4, 2), np.float32), bias=BIAS)], (2, 2, 1), "flat values"),
        (
            [Step("flatten"), Step("dense", kernel=np.ones((5, 3), np.float32), bias=BIAS)],
            (4, 5, 1),
            "15 values of a kernel are given where 60 are due",
        ),
        ([Step("highest", (2, 2), padding=(2, 0, 0, 0))], (4, 4, 1), "beside its map"),
        ([Step("mean", (5, 5))], (4, 4, 1), "a pooled map would be 0 x 0 x 1"),
        ([Step("scale", kernel=BIAS)], (4, 4, 2), "0 offsets are given where 2 are due"),
        ([Step("keep")], (4, 4, 2), "nothing adds"),
        ([Step("keep"), Step("keep")], (4, 4, 2), "while another is"),
        ([Step("add")], (4, 4, 2), "was not kept"),
        ([Step("keep"), Step("flatten"), Step("add")], (4, 4, 2), "was not kept"),
        (
            [
                Step("flatten"),
                Step("keep"),
                Step(
                    "dense", kernel=np.ones((400, 400), np.float32), bias=np.ones(400, np.float32)
                ),
                Step("add"),
            ],
            (20, 20, 1),
            "past a large dense layer",
        ),
        ([Step("neighbours", (0, 1))], (4, 4, 2), "neighbours"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(steps, shape, words):
    with pytest.raises(InputError, match=words):
        Engine(steps, shape)


def test_bounds_that_cannot_scale_are_refused():
    with pytest.raises(InputError, match="upper bound"):
        Engine([Step("flatten")], (4, 4, 1), (5.0, 5.0))


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 4, 5), np.uint8),
        np.zeros((2, 4, 4, 2), np.uint8),
        np.zeros((2, 4, 4), np.float64),
        np.zeros((4, 4), np.uint8),
    ],
)
def test_images_that_do_not_fit_are_refused(images):
    engine = Engine([Step("flatten")], (4, 4, 1))
    with pytest.raises(InputError, match="the network takes 4 x 4 x 1"):
        engine(images)


def test_images_of_any_layout_are_read_as_numpy_reads_them():
    engine = Engine([Step("flatten")], (4, 5, 1))
    images = np.arange(40, dtype=np.float32).reshape(2, 5, 4).transpose(0, 2, 1)
    npt.assert_array_equal(engine(images), images.reshape(2, 20))


def test_it_lives_on_after_its_arrays_and_is_freed():
    kernel = np.full((4, 3), 2.0, np.float32)
    engine = Engine(
        [Step("flatten"), Step("dense", kernel=kernel, bias=np.zeros(3, np.float32))], (2, 2, 1)
    )
    kernel[:] = np.nan
    del kernel
    gc.collect()
    npt.assert_array_equal(engine(np.ones((1, 2, 2), np.uint8)), [[8.0, 8.0, 8.0]])


def test_the_cores_are_those_that_the_process_may_use():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system binds no process to cores")
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from stormlens.engine import usable_cores; print(usable_cores())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "1"
    assert usable_cores() == len(os.sched_getaffinity(0))


def test_it_asks_for_nothing_heavy():
    code = (
        "import sys, numpy as np\n"
        "from stormlens.engine import Engine, Step\n"
        "Engine([Step('flatten')], (2, 2, 1))(np.zeros((1, 2, 2), np.uint8))\n"
        "print(*({'jax', 'keras', 'xarray', 'pandas', 'scipy'} & set(sys.modules)))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
