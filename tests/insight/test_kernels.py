"""Weights have the chapter's shapes; kernels are Keras's, applied as SciPy applies them."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import signal

from stormlens import concepts, insight
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import Classifier, build
from stormlens.models._keras import import_keras

pytestmark = pytest.mark.usefixtures("fixed_start")

# The chapter's tenth kernel, as it prints it.
CHAPTERS = np.array(
    [
        [-0.12400948, -0.01722287, 0.01742088],
        [0.14529574, 0.07023787, -0.04028447],
        [0.01201739, -0.10779794, -0.08515602],
    ]
)


@pytest.fixture(scope="module")
def model():
    return build("svrimg-3conv", input_shape=(64, 64, 1), seed=2)


@pytest.mark.parametrize("name", ["chapter-linear", "chapter-relu"])
def test_weights_have_the_chapters_shapes(name):
    model = build(name)
    listed = insight.weights(model)
    shapes = [(3, 3, 1, 32), (32,), (61952, 128), (128,), (128, 6), (6,)]
    assert [weight.shape for weight in listed] == shapes
    assert [weight.shape for weight in listed] == [array.shape for array in model.get_weights()]
    assert [weight.parameters for weight in listed] == [288, 32, 7929856, 128, 768, 6]
    assert [weight.name for weight in listed] == ["kernel", "bias"] * 3
    assert listed[0].layer == model.layers[0].name


def test_weights_of_nested_models_name_their_path():
    keras = import_keras()
    block = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 3, kernel_initializer="zeros", name="conv"),
        ],
        name="block",
    )
    model = keras.Sequential([keras.Input((8, 8, 1)), block, keras.layers.BatchNormalization()])
    assert {weight.layer for weight in insight.weights(model)} == {
        "block/conv",
        model.layers[-1].name,
    }


def test_kernels_are_the_layers_own(model):
    kernels = insight.kernels(model)
    kernel, _ = model.layers[0].get_weights()
    assert kernels.dims == ("filter", "channel", "row", "column")
    assert kernels.shape == (32, 1, 3, 3)
    npt.assert_array_equal(kernels[9, 0], kernel[:, :, 0, 9])
    npt.assert_array_equal(insight.kernel(model, 9), kernel[:, :, 0, 9])
    deeper = model.layers[3].get_weights()[0]
    npt.assert_array_equal(insight.kernel(model, 5, layer=3, channel=7), deeper[:, :, 7, 5])
    classifier = Classifier(model, None, provenance={"training_simulated": True})
    assert insight.kernels(classifier).attrs["simulated_training"] == 1


def test_kernels_of_a_transposed_layer_have_its_filters_first():
    keras = import_keras()
    model = keras.Sequential(
        [keras.Input((8, 8, 2)), keras.layers.Conv2DTranspose(5, 3, kernel_initializer="zeros")]
    )
    assert insight.kernels(model).shape == (5, 2, 3, 3)


def test_kernels_that_do_not_exist_say_so(model):
    for ask, sentence in (
        ({"filter": 32}, "has no filter 32; they go from 0 to 31"),
        ({"channel": 1}, "has no channel 1; they go from 0 to 0"),
        ({"layer": -1}, "is of kind Dense; a look at its kernels needs a convolutional one"),
        ({"layer": "con"}, "Unknown layer 'con'"),
    ):
        with pytest.raises(InputError, match=sentence):
            insight.kernel(model, **ask)
    keras = import_keras()
    apart = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            keras.layers.SeparableConv2D(
                5, 3, depthwise_initializer="zeros", pointwise_initializer="zeros"
            ),
        ]
    )
    with pytest.raises(InputError, match="kind SeparableConv2D, which has no kernel for each"):
        insight.kernels(apart)


def test_applied_kernels_are_scipys_and_keras_own():
    image = np.random.default_rng(0).integers(0, 75, (12, 15)).astype(np.uint8)
    box = make_dataset(image[None], source="test", simulated=True).isel(storm=0)
    asked = {"learnt": CHAPTERS, "edge": concepts.kernels(3)["edge"]}
    laid = insight.apply_kernels(box, asked)
    turned = insight.apply_kernels(box, asked, flip=True)
    for name, kernel in asked.items():
        npt.assert_allclose(
            laid.sel(kernel=name), signal.correlate(image.astype(float), kernel, "valid"), atol=1e-9
        )
        npt.assert_allclose(
            turned.sel(kernel=name),
            signal.convolve(image.astype(float), kernel, "valid"),
            atol=1e-9,
        )
    layer = import_keras().layers.Conv2D(1, 3, kernel_initializer="zeros")
    layer.build((None, 12, 15, 1))
    layer.set_weights([CHAPTERS[:, :, None, None], np.zeros(1)])
    keras_own = layer(image[None, ..., None].astype(np.float32))[0, ..., 0]
    npt.assert_allclose(laid.sel(kernel="learnt"), keras_own, rtol=1e-4, atol=1e-3)
    npt.assert_array_equal(laid["y"], box["y"][1:-1])
    assert (laid.attrs["operation"], turned.attrs["operation"]) == ("correlation", "convolution")
    assert laid.attrs["simulated"] == 1


def test_results_know_whether_they_are_reflectivity():
    found = insight.apply_kernels(np.ones((5, 5)), concepts.kernels(3))
    averages = set(found["kernel"].values[found["averages"].values])
    assert {"identity", "blur", "gaussian"} <= averages
    assert not averages & {"edge", "sharpen", "laplacian"}
    npt.assert_array_equal(found.sel(kernel="identity"), 1)


def test_kernels_that_do_not_fit_say_why():
    box = np.zeros((5, 5))
    for given_box, asked, sentence in (
        (np.zeros((2, 5, 5)), {"a": CHAPTERS}, r"shape \(2, 5, 5\). Choose one"),
        (box, {}, "no kernel to pass over"),
        (box, {"even": np.ones((2, 2))}, "'even' has shape .* odd numbers of rows and columns"),
        (box, {"a": CHAPTERS, "b": np.ones((5, 5))}, "'a' and 'b' have shapes"),
    ):
        with pytest.raises(InputError, match=sentence):
            insight.apply_kernels(given_box, asked)


CLASSICAL = concepts.kernels(3)


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("factor", [3.0, -0.1])
def test_a_classical_kernel_is_known_however_it_lies(name, turns, factor):
    asked = factor * np.rot90(CLASSICAL[name], turns)
    best = insight.resemblance(asked)[0]
    # Where a kernel is another one's turn or mirror, either name is right.
    npt.assert_allclose(abs(best.correlation), 1, atol=1e-9)
    npt.assert_allclose(
        np.sign(best.correlation) * best.kernel / np.linalg.norm(best.kernel),
        asked / np.linalg.norm(asked),
        atol=1e-9,
    )


def test_a_position_is_told_as_it_looks_north_up():
    lit_north = np.rot90(CLASSICAL["edge"], 1, axes=(1, 0))
    # The chapter's edge kernel is bright in the east; a quarter counter-clockwise, in the north,
    # which is the last row.
    assert lit_north[-1].tolist() == [1, 10, 1]
    best = insight.resemblance(lit_north)[0]
    assert (best.name, best.turns, best.flipped) == ("edge", 1, False)


def test_the_measure_is_cosine_by_hand():
    found = {match.name: match for match in insight.resemblance(CHAPTERS)}
    blur = CHAPTERS.sum() / (3 * np.linalg.norm(CHAPTERS))
    npt.assert_allclose(found["blur"].correlation, blur)
    centre = CHAPTERS[1, 1] / np.linalg.norm(CHAPTERS)
    npt.assert_allclose(found["identity"].correlation, centre)
    strengths = [abs(match.correlation) for match in insight.resemblance(CHAPTERS)]
    assert strengths == sorted(strengths, reverse=True)
    # The chapter asks whether it looks like anything: no more than noise does.
    assert strengths[0] < insight.by_chance(3)


@given(arrays(float, (3, 3), elements=st.floats(-1, 1, width=16)))
@settings(max_examples=40, deadline=None)
def test_likeness_holds_for_a_kernel_turned_mirrored_or_stretched(kernel):
    if not kernel.any():
        return
    expected = {match.name: abs(match.correlation) for match in insight.resemblance(kernel)}
    for other in (np.rot90(kernel), kernel[::-1], concepts.flip(kernel), -2 * kernel):
        found = {match.name: abs(match.correlation) for match in insight.resemblance(other)}
        npt.assert_allclose([found[name] for name in expected], list(expected.values()), atol=1e-6)


def test_every_kernel_of_a_layer_is_named(model):
    kernels = insight.kernels(model, 3)
    found = insight.layer_resemblance(model, 3)
    assert found["name"].dims == ("filter", "channel")
    for place in ((0, 0), (63, 31), (7, 3)):
        best = insight.resemblance(kernels.values[place])[0]
        one = found.isel(filter=place[0], channel=place[1])
        npt.assert_allclose(abs(one["correlation"]), abs(best.correlation), atol=1e-6)
        assert one["name"] == best.name
    assert 0.6 < found.attrs["by_chance"] < 0.95


def test_a_kernel_of_zeros_resembles_nothing(model):
    keras = import_keras()
    empty = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, kernel_initializer="zeros")]
    )
    found = insight.layer_resemblance(empty)
    assert (found["name"] == "none").all()
    assert found["correlation"].isnull().all()
    with pytest.raises(InputError, match="resembles nothing"):
        insight.resemblance(np.zeros((3, 3)))


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (1, 1), (9,)])
def test_kernels_without_a_classical_one_beside_them_say_so(shape):
    with pytest.raises(InputError, match="must be square and of odd size"):
        insight.resemblance(np.ones(shape))


def test_chance_is_what_noise_reaches():
    noise = np.random.default_rng(5).standard_normal((200, 3, 3))
    strongest = [abs(insight.resemblance(kernel)[0].correlation) for kernel in noise]
    assert 0.9 < np.mean(np.array(strongest) < insight.by_chance(3)) < 1
    assert insight.by_chance(5) < insight.by_chance(3)  # larger noise is like nothing
