"""Probabilities of sliding boxes beside those of the same boxes, cut and asked one by one."""

from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormlens.datasets import make_dataset
from stormlens.engine import Sliding
from stormlens.errors import InputError
from stormlens.models import (
    Classifier,
    Network,
    _network,
    _sliding,
    _sliding_shared,
    build,
    calibrate,
    slide,
)
from stormlens.models._keras import import_keras
from stormlens.models._sliding_plan import Plan, Stage, read_plan
from stormlens.models._sliding_shared import Axis
from stormlens.readers import make_mosaic
from stormlens.stormbox import MODES, NATIONAL, PIXEL_KM, Field, Mosaic

pytestmark = pytest.mark.usefixtures("fixed_start")

keras = import_keras()
layers = keras.layers


@pytest.fixture
def share_always(monkeypatch):
    """Share on mosaics so small that it does not pay."""
    monkeypatch.setattr(_sliding, "worth_sharing", lambda plan, axes: True)


def chain(*inner, size=(40, 43), classes=4):
    return keras.Sequential(
        [
            keras.Input((*size, 1)),
            *inner,
            layers.Flatten(),
            layers.Dense(9, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def classifier_of(model, minimum=0.0, maximum=80.0):
    sharpen(model)
    names = tuple(f"class {i}" for i in range(model.output_shape[-1]))
    return Classifier(model, None, names, minimum, maximum)


def sharpen(model):
    """Biases and larger weights, as training leaves them: answers that differ from box to box."""
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        values = np.asarray(variable.value)
        if values.ndim == 1:
            variable.assign(rng.normal(0, 0.2, values.shape))
        else:
            variable.assign(values * 1.7)


def mosaic_of(reflectivity, **coordinates):
    return xr.Dataset({"reflectivity": (("y", "x"), reflectivity)}, coords=coordinates)


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 75, shape).astype(np.uint8)


def mostly_blank(shape, seed=0):
    """A few storms in clear air, specks between them, and none at all in the west."""
    rng = np.random.default_rng(seed)
    values = np.zeros(shape, np.uint8)
    for _ in range(3):
        y, x = rng.integers(0, shape[0]), rng.integers(shape[1] // 2, shape[1])
        values[y : y + 9, x : x + 12] = rng.integers(20, 70, values[y : y + 9, x : x + 12].shape)
    values[rng.random(shape) < 0.002] = 7
    return values


def one_by_one(classifier, reflectivity, stride):
    rows, columns = classifier.image_shape
    down = range(0, reflectivity.shape[0] - rows + 1, stride)
    across = range(0, reflectivity.shape[1] - columns + 1, stride)
    boxes = [reflectivity[y : y + rows, x : x + columns] for y in down for x in across]
    return classifier.probabilities(np.array(boxes)).reshape(len(down), len(across), -1)


def check(classifier, reflectivity, stride, computed="shared convolutions"):
    field = slide(classifier, mosaic_of(reflectivity), stride=stride)
    assert field.attrs["computed"].startswith(computed)
    expected = one_by_one(classifier, reflectivity, stride)
    assert field["probability"].shape == expected.shape
    assert np.ptp(expected, axis=(0, 1)).max() > 1e-3  # answers that differ
    npt.assert_allclose(field["probability"], expected, atol=1e-4)


def trusted(classifier):
    """The same with eight orientations and a temperature."""
    rng = np.random.default_rng(0)
    boxes = rng.integers(0, 75, (40, *classifier.image_shape)).astype(np.uint8)
    codes = rng.integers(0, len(classifier.classes), 40)
    labelled = make_dataset(boxes, codes, classes=classifier.classes, source="test")
    confidence = replace(calibrate(classifier, labelled), temperature=1.7)
    return replace(classifier, confidence=confidence, orientations=8)


NETWORKS = {
    "linear": lambda: chain(layers.Conv2D(6, 3), layers.MaxPooling2D(3)),
    "relu": lambda: chain(layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(3)),
    "tanh": lambda: chain(layers.Conv2D(5, 3, activation="tanh"), layers.MaxPooling2D(2)),
    "average": lambda: chain(
        layers.Conv2D(4, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(6, 3),
        layers.ReLU(),
        layers.AveragePooling2D(3),
    ),
    "activation after the pool": lambda: chain(
        layers.Conv2D(4, 3), layers.MaxPooling2D(2), layers.Activation("tanh")
    ),
    "softmax of channels after the pool": lambda: chain(
        layers.Conv2D(4, 3), layers.MaxPooling2D(2), layers.Softmax()
    ),
    "bent and normalised": lambda: chain(
        layers.Conv2D(5, 3, activation="elu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.BatchNormalization(),
        layers.Conv2D(6, 2),
        layers.LeakyReLU(0.1),
        layers.MaxPooling2D(2),
    ),
    "winograd": lambda: chain(
        layers.Conv2D(16, 3, activation="relu"),
        layers.SpatialDropout2D(0.3),
        layers.MaxPooling2D(3),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(3),
        layers.Dropout(0.5),
    ),
    "pools of 2 and none": lambda: chain(
        layers.Conv2D(16, 3, activation="relu"),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(8, (2, 3), use_bias=False),
        layers.MaxPooling2D(2),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("stride", "cells", "spectra"),
    [(1, (43, 47), True), (3, (52, 60), False), (3, (52, 60), True), (8, (75, 99), False)],
)
def test_sliding_boxes_are_the_boxes_themselves(
    share_always, monkeypatch, network, stride, cells, spectra
):
    monkeypatch.setattr(_sliding_shared, "spectra_pay", lambda windows, channels: spectra)
    classifier = classifier_of(NETWORKS[network]())
    for field in (noise, mostly_blank):
        check(classifier, field(cells), stride)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "spectra"),
    [
        *(("average", True), ("bent and normalised", False), ("winograd", True), ("relu", False)),
        ("softmax of channels after the pool", False),
    ],
)
def test_jax_shares_in_the_same_way_where_the_engine_does_not_answer(
    share_always, monkeypatch, network, spectra
):
    monkeypatch.setattr(_sliding_shared, "spectra_pay", lambda windows, channels: spectra)
    monkeypatch.setattr(_network, "_why_keras", lambda: "on some accelerator")
    classifier = classifier_of(NETWORKS[network]())
    assert not classifier.network.is_engines
    check(classifier, mostly_blank((52, 60)), 3)


@pytest.mark.parametrize("name", ["chapter-linear", "chapter-relu", "svrimg-3conv"])
def test_networks_of_the_zoo_share_at_their_own_size(share_always, name):
    model = build(name, seed=3)
    classifier = Classifier(model, name, MODES, 0.0, 74.0)
    sharpen(model)
    for field in (noise, mostly_blank):
        check(classifier, field((155, 171)), 17)


def test_windows_of_every_remainder_are_met(share_always):
    # 27 shifts an axis: pools of 3, 3 and 3 and a stride that shares no factor with them.
    model = build("svrimg-3conv", input_shape=(60, 60, 1), n_classes=4, seed=1)
    check(classifier_of(model, 3.0, 70.0), mostly_blank((60 + 8 * 13, 60 + 8 * 9), seed=2), 8)


@pytest.mark.parametrize("shifts", [1, 4])
def test_shifts_go_together_as_memory_allows(share_always, monkeypatch, shifts):
    monkeypatch.setattr(_sliding_shared, "spectra_pay", lambda windows, channels: False)
    classifier = classifier_of(NETWORKS["winograd"]())
    asked, before = [], Sliding.conv_pool

    def counted(way, image, starts, *others, **settings):
        asked.append(len(starts))
        return before(way, image, starts, *others, **settings)

    # Nine shifts of 3 x 4 boxes, whose features are 32 channels of 3 x 3 cells.
    monkeypatch.setattr(_sliding_shared, "_FEATURES_TOGETHER", shifts * 12 * 32 * 9)
    monkeypatch.setattr(Sliding, "conv_pool", counted)
    check(classifier, noise((40 + 8 * 8, 43 + 8 * 11)), 8)
    assert asked == [1, *([1] * 9 if shifts == 1 else [4, 4, 1])]


def test_new_weights_are_used(share_always):
    classifier = classifier_of(NETWORKS["winograd"]())
    reflectivity = noise((50, 50))
    before = slide(classifier, mosaic_of(reflectivity))
    classifier.model.layers[0].kernel.assign(-classifier.model.layers[0].kernel.value)
    check(classifier, reflectivity, 8)
    assert not np.allclose(
        before["probability"], slide(classifier, mosaic_of(reflectivity))["probability"]
    )


@pytest.mark.slow
@settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it is alike for all examples
)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 4),  # kernel
            st.sampled_from([3, 16]),  # filters
            st.sampled_from(["linear", "relu", "sigmoid"]),
            st.integers(1, 3),  # pool
            st.booleans(),  # of averages
        ),
        min_size=1,
        max_size=2,
    ),
    st.integers(1, 9),
    st.tuples(st.integers(0, 25), st.integers(0, 25)),
    st.integers(0, 2**16),
)
def test_any_small_network_agrees(share_always, stages, stride, more, seed):
    inner = []
    for kernel, filters, activation, pool, averages in stages:
        inner.append(layers.Conv2D(filters, kernel, activation=activation))
        if pool > 1:
            inner.append((layers.AveragePooling2D if averages else layers.MaxPooling2D)(pool))
    classifier = classifier_of(chain(*inner, size=(22, 24)))
    reflectivity = mostly_blank((22 + more[0], 24 + more[1]), seed)
    field = slide(classifier, mosaic_of(reflectivity), stride=stride)
    npt.assert_allclose(
        field["probability"], one_by_one(classifier, reflectivity, stride), atol=1e-4
    )


APART = {
    "pads its input": lambda: chain(layers.Conv2D(3, 3, padding="same"), layers.MaxPooling2D(3)),
    "a max pool is of a kind that cannot be shared: overlapping": lambda: chain(
        layers.Conv2D(3, 3), layers.MaxPooling2D(3, strides=2)
    ),
    "layer normalisation is of a kind that cannot": lambda: chain(
        layers.Conv2D(3, 3), layers.LayerNormalization()
    ),
    "a convolution has strides": lambda: chain(layers.Conv2D(3, 3, strides=2)),
    "a max pool stands before any convolution": lambda: chain(
        layers.MaxPooling2D(2), layers.Conv2D(3, 3), layers.MaxPooling2D(3)
    ),
    "a layer is not known to the engine": lambda: chain(
        layers.Conv2D(3, 3, activation=lambda x: keras.ops.cumsum(x, 1)), layers.MaxPooling2D(3)
    ),
    "convolutions and dense layers are both needed": lambda: chain(),
}


@pytest.mark.slow
@pytest.mark.parametrize("reason", APART)
def test_other_networks_are_asked_box_by_box_and_say_why(reason, monkeypatch):
    monkeypatch.setattr(_sliding, "_BOXES_AT_A_TIME", 5)  # several batches, the last not full
    classifier = classifier_of(APART[reason]())
    reflectivity = noise((50, 70))
    check(classifier, reflectivity, 8, computed="box by box: ")
    assert reason in slide(classifier, mosaic_of(reflectivity)).attrs["computed"]


def test_boxes_without_echo_are_asked_once(monkeypatch):
    classifier = classifier_of(APART["a layer is not known to the engine"]())
    reflectivity = np.zeros((120, 160), np.uint8)
    reflectivity[20:50, 90:120] = noise((30, 30))
    check(classifier, reflectivity, 8, computed="box by box: ")
    asked, before = [], type(classifier).probabilities

    def counted(classifier, images):
        asked.append(images)
        return before(classifier, images)

    monkeypatch.setattr(type(classifier), "probabilities", counted)
    slide(classifier, mosaic_of(reflectivity), stride=8)
    blank = [not image.any() for images in asked for image in images]
    assert sum(blank) == 1
    assert len(blank) < 80  # of 165


def test_branches_and_two_flattenings_cannot_share():
    image = keras.Input((20, 20, 1))
    both = layers.Concatenate()([layers.Conv2D(2, 3)(image), layers.Conv2D(2, 3)(image)])
    branched = keras.Model(image, layers.Dense(2, activation="softmax")(layers.Flatten()(both)))
    assert read_plan(Network.of_model(branched)) == (
        "a layer is not known to the engine, or feeds several others"
    )
    pooled = keras.Sequential(
        [
            keras.Input((20, 20, 1)),
            layers.Conv2D(2, 3),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    assert "does not flatten" in read_plan(Network.of_model(pooled))


def test_a_functional_chain_is_read_like_a_sequential_one():
    image = keras.Input((20, 20, 1))
    values = layers.MaxPooling2D(2)(layers.Conv2D(2, 3, activation="relu")(image))
    model = keras.Model(image, layers.Dense(2, activation="softmax")(layers.Flatten()(values)))
    plan = read_plan(Network.of_model(model))
    assert isinstance(plan, Plan)
    assert [(stage.window, stage.filters, stage.pool) for stage in plan.stages] == [((3, 3), 2, 2)]


@pytest.mark.parametrize(
    ("pools", "stride"),
    [((3, 3, 3), 9), ((3,), 9), ((2, 2, 2, 2), 8), ((5,), 10), ((7, 2), 7), ((13,), 8), ((1,), 8)],
)
def test_the_stride_is_the_multiple_of_the_pools_nearest_to_eight(pools, stride):
    weights = np.zeros((3, 3, 1, 1), np.float32), np.zeros(1, np.float32)
    stages = [Stage(*weights, pool=pool) for pool in pools]
    assert Plan(stages).stride_near(8) == stride


def test_unless_told_the_stride_is_what_shares_most():
    shared = classifier_of(NETWORKS["relu"]())
    plan = read_plan(shared.network)
    assert slide(shared, mosaic_of(noise((60, 60)))).attrs["stride"] == plan.stride_near(8)
    assert slide(shared, mosaic_of(noise((60, 60))), stride=8).attrs["stride"] == 8


def test_boxes_that_do_not_overlap_are_asked_one_by_one():
    classifier = classifier_of(NETWORKS["relu"]())
    check(classifier, noise((130, 170)), 43, computed="box by box: boxes this far apart")


def test_shifts_of_an_axis():
    # Boxes of 136 every 8: after a 3 x 3 convolution and a pool of 3, three shifts of every
    # third box, 8 pooled cells apart; a box holds (136 - 2) // 3 = 44 of them.
    axis = Axis(step=8, count=158, extent=136)
    assert (axis.size, axis.shifts(3), axis.shifts(2)) == (1392, 3, 1)
    assert axis.pooled(kernel=3, pool=3) == Axis(step=8, count=53, extent=44)
    assert axis.pooled(kernel=1, pool=4) == Axis(step=2, count=158, extent=34)


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(1)
    return classifier_of(chain(layers.Conv2D(3, 3), layers.MaxPooling2D(3)))


def test_places_time_and_coverage_come_with_the_field(small):
    coverage = np.random.default_rng(1).random(NATIONAL.shape) < 0.7
    time = np.datetime64("2019-06-10T00:00")
    whole = make_mosaic(
        np.full(NATIONAL.shape, 30.0), coverage, time=time, source="test", simulated=True
    )
    part = whole.isel(y=slice(400, 470), x=slice(700, 790))
    field = slide(small, part, stride=11)
    assert field["probability"].dims == ("y", "x", "mode")
    assert field.sizes == {"y": 3, "x": 5, "mode": 4}
    npt.assert_allclose(field["probability"].sum("mode"), 1, atol=1e-5)
    # The box at row 1, column 2 begins at cell (400 + 11, 700 + 22) and holds 40 x 43 cells.
    npt.assert_allclose(field["y"][1], (411 + 19.5) * PIXEL_KM)
    npt.assert_allclose(field["x"][2], (722 + 21) * PIXEL_KM)
    share = part["coverage"].values[11 : 11 + 40, 22 : 22 + 43].mean()
    npt.assert_allclose(field["coverage"][1, 2], share, atol=1e-6)
    assert field["coverage"].dtype == field["probability"].dtype == np.float32
    assert field["time"].values == time
    assert field.attrs["simulated"] == 1
    assert field.attrs["source"] == "test"
    # Turned about, it is the same part.
    southward = slide(small, part.isel(y=slice(None, None, -1)), stride=11)
    xr.testing.assert_identical(southward, field)
    with pytest.raises(InputError, match="does not go from cell to cell"):
        slide(small, whole.isel(y=slice(None, None, 2)), stride=11)


def test_a_mosaic_of_plain_arrays_gives_a_field_of_them(small):
    reflectivity = np.zeros(NATIONAL.shape, np.uint8)
    reflectivity[300:420, 500:640] = noise((120, 140))
    coverage = np.ones(NATIONAL.shape, bool)
    mosaic = Mosaic(reflectivity, coverage, np.datetime64("NaT", "ns"), "noise", simulated=True)
    plain, dataset = slide(small, mosaic), slide(small, mosaic.to_xarray())
    assert isinstance(plain, Field)
    xr.testing.assert_identical(plain.to_xarray(), dataset)
    assert plain.simulated
    assert np.isnat(plain.time)


@pytest.mark.slow
def test_the_centre_of_a_square_box_is_where_boxes_have_it():
    keras.utils.set_random_seed(1)
    square = classifier_of(chain(layers.Conv2D(3, 3), layers.MaxPooling2D(3), size=(40, 40)))
    field = slide(square, mosaic_of(noise((60, 60))), stride=10)
    longitude, latitude = NATIONAL.box_centre(20, 10, size=40)
    npt.assert_allclose(field["longitude"][1, 2], longitude)
    npt.assert_allclose(field["latitude"][1, 2], latitude)


def test_a_mosaic_without_coverage_or_time_has_none(small):
    field = slide(small, mosaic_of(noise((40, 43))))
    assert field.sizes == {"y": 1, "x": 1, "mode": 4}
    assert "coverage" not in field
    assert "time" not in field.coords


def test_a_mosaic_smaller_than_the_box_is_refused(small):
    with pytest.raises(
        InputError, match="has 39 x 60 cells, fewer than the network's box of 40 x 43"
    ):
        slide(small, mosaic_of(noise((39, 60))))
    with pytest.raises(InputError, match="has 60 x 42 cells"):
        slide(small, mosaic_of(noise((60, 42))))


@pytest.mark.parametrize("stride", [0, -3, 2.5, True, "8"])
def test_a_stride_that_is_no_number_of_cells_is_refused(small, stride):
    with pytest.raises(InputError, match=r"stride is .* give whole cells, 1 or more"):
        slide(small, mosaic_of(noise((50, 50))), stride=stride)


def test_what_is_no_mosaic_is_refused(small):
    with pytest.raises(InputError, match="given a ndarray without reflectivity"):
        slide(small, noise((50, 50)))
    boxes = xr.Dataset({"reflectivity": (("storm", "y", "x"), noise((2, 50, 50)))})
    with pytest.raises(InputError, match=r"dimensions \('storm', 'y', 'x'\), not \('y', 'x'\)"):
        slide(small, boxes)
    with pytest.raises(InputError, match=r"The mosaic to slide over: .*200"):
        slide(small, mosaic_of(np.full((50, 50), 200, np.uint8)))


@pytest.mark.slow
def test_orientations_and_temperature_are_those_of_boxes_asked_one_by_one(share_always):
    inner = layers.Conv2D(6, 3, activation="relu"), layers.MaxPooling2D(3)
    plain = classifier_of(chain(*inner, size=(40, 40)))
    values = mostly_blank((70, 93), 3)
    check(trusted(plain), values, 7)
    before, after = (slide(c, mosaic_of(values), stride=7) for c in (plain, trusted(plain)))
    assert np.abs(before["probability"] - after["probability"]).max() > 1e-3


@pytest.mark.slow
def test_networks_that_cannot_share_are_turned_and_tempered_too():
    padded = chain(layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D(3), size=(40, 40))
    check(trusted(classifier_of(padded)), noise((60, 70)), 9, computed="box by box")
