"""Feature maps and activations equal Keras's own; their cells lie where the pixels are."""

import numpy as np
import numpy.testing as npt
import pytest

from stormlens import insight
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.insight import _features, _fields
from stormlens.models import Classifier, build
from stormlens.models._keras import import_keras
from stormlens.stormbox import MODES

pytestmark = pytest.mark.usefixtures("fixed_start")

SIZE = 24


def boxes(n=5, size=SIZE, **options):
    images = np.random.default_rng(0).integers(0, 75, (n, size, size)).astype(np.uint8)
    return make_dataset(images, np.arange(n) % 3, source="test", **options)


def network():
    return build("chapter-relu", input_shape=(SIZE, SIZE, 1), seed=3)


@pytest.fixture(scope="module")
def classifier():
    return Classifier(network(), "chapter-relu", MODES, 2.0, 74.0, {"training_simulated": True})


def by_hand(dataset, layer):
    """Keras's own way: a model from the input to the layer, predicting scaled images."""
    keras, model = import_keras(), network()
    scaled = (dataset["reflectivity"].values[..., None].astype(np.float32) - 2) / 72
    part = keras.Model(model.inputs[0], model.layers[layer].output)
    return part.predict(scaled, verbose=0)


def test_feature_maps_are_keras_own(classifier):
    dataset = boxes(simulated=True)
    maps = insight.feature_maps(classifier, dataset)
    assert maps.dims == ("storm", "row", "column", "filter")
    assert maps.dtype == np.float32
    npt.assert_allclose(maps, by_hand(dataset, 0), atol=1e-6)
    assert maps["unid"].values.tolist() == dataset["unid"].values.tolist()
    assert maps.attrs["simulated"] == maps.attrs["simulated_training"] == 1
    assert maps.attrs["layer"] == classifier.model.layers[0].name


def test_maps_of_the_chapters_network_have_the_chapters_shape():
    whole = Classifier(build("chapter-relu"), "chapter-relu")
    maps = insight.feature_maps(whole, boxes(1, 136))
    assert maps.shape == (1, 134, 134, 32)
    npt.assert_allclose(maps["y"][[0, -1]], [5.625, 504.375])  # the middles of pixels 1 and 134


def test_any_layer_gives_its_activations_flat(classifier):
    dataset = boxes()
    for layer in (2, 3, 4, -1):
        expected = by_hand(dataset, layer).reshape(5, -1)
        npt.assert_allclose(insight.activations(classifier, dataset, layer), expected, atol=1e-6)


def test_the_end_of_the_network_is_the_chapters_last_figure(classifier):
    dataset = boxes()
    ends = insight.inside(classifier, dataset)
    npt.assert_allclose(ends["hidden"], by_hand(dataset, -2), atol=1e-5)
    npt.assert_allclose(ends["probability"], by_hand(dataset, -1), atol=1e-6)
    npt.assert_array_equal(ends["hidden"], insight.features(classifier, dataset))
    assert ends["mode"].values.tolist() == list(MODES)
    assert ends.attrs["simulated_training"] == 1


def test_a_batch_more_or_less_changes_nothing(classifier, monkeypatch):
    dataset = boxes(7)
    whole = insight.feature_maps(classifier, dataset)
    monkeypatch.setattr(_features, "_BATCH", 4)  # the second batch is padded
    npt.assert_allclose(insight.feature_maps(classifier, dataset), whole, atol=1e-6)


def test_weights_trained_on_are_seen():
    own = Classifier(network(), "chapter-relu")
    before = insight.feature_maps(own, boxes(1))
    own.model.layers[0].set_weights([np.zeros((3, 3, 1, 32)), np.full(32, 2.0)])
    after = insight.feature_maps(own, boxes(1))
    assert (before != 2).any()
    npt.assert_array_equal(after, 2)


def test_means_by_mode_are_plain_means(classifier):
    dataset = boxes(7)
    maps = insight.feature_maps(classifier, dataset)
    means = insight.mean_by_mode(maps, dataset)
    assert means.dims == ("mode", "row", "column", "filter")
    assert means["mode"].values.tolist() == list(MODES[:3])
    assert means["count"].values.tolist() == [3, 2, 2]
    npt.assert_allclose(means.sel(mode="QLCS"), maps.values[[1, 4]].mean(0), atol=1e-6)
    streamed = insight.mean_feature_maps(classifier, dataset)
    npt.assert_allclose(streamed, means, atol=1e-6)
    npt.assert_array_equal(streamed["count"], means["count"])
    npt.assert_array_equal(streamed["y"], maps["y"])


def test_the_end_of_the_network_is_averaged_whole(classifier):
    dataset = boxes(6)
    ends = insight.inside(classifier, dataset)
    means = insight.mean_by_mode(ends, dataset)
    assert means["probability"].dims == ("mode", "answer")
    npt.assert_allclose(means["hidden"][0], ends["hidden"].values[[0, 3]].mean(0), atol=1e-6)
    assert means.attrs["simulated_training"] == 1


def test_boxes_beyond_memory_are_refused(classifier, monkeypatch):
    monkeypatch.setattr(_features, "_MOST_BYTES", 200_000)
    with pytest.raises(InputError, match=r"0.1 MiB a box.* for 5 boxes; take at most 3 at a time"):
        insight.feature_maps(classifier, boxes())
    assert insight.mean_feature_maps(classifier, boxes()).sizes["mode"] == 3


def test_what_cannot_be_looked_at_says_why(classifier):
    dataset = boxes()
    for wrong, sentence in (
        (dataset.isel(storm=0), r"not \('storm', 'y', 'x'\). Choose one storm"),
        (dataset.isel(storm=[]), "holds no box"),
        (dataset["reflectivity"], "a DataArray without reflectivity"),
        (boxes(1, 25), "images are 25 x 25 pixels; 24 x 24 are needed"),
    ):
        with pytest.raises(InputError, match=sentence):
            insight.feature_maps(classifier, wrong)
    with pytest.raises(InputError, match=r"gives \(6,\) values a box, which are no maps"):
        insight.feature_maps(classifier, dataset, -1)
    with pytest.raises(InputError, match="no layer 12"):
        insight.activations(classifier, dataset, 12)
    maps = insight.activations(classifier, dataset, -1)
    with pytest.raises(InputError, match="do not belong to the 4 storms"):
        insight.mean_by_mode(maps, dataset.isel(storm=slice(4)))
    with pytest.raises(InputError, match="in another order"):
        insight.mean_by_mode(maps, dataset.isel(storm=slice(None, None, -1)))
    with pytest.raises(InputError, match="no labels"):
        insight.mean_by_mode(maps, dataset.drop_vars("mode"))


def test_a_network_without_convolution_offers_its_activations():
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Flatten(),
            layers.Dense(6, kernel_initializer="zeros", activation="softmax"),
        ]
    )
    with pytest.raises(InputError, match="no convolutional layer; name another that gives maps"):
        insight.feature_maps(Classifier(model, None), boxes())


def one_pixel_sees(part, size):
    """Middles of what each cell of a column of maps answers to, from its gradient."""
    import jax

    def cell(image, row):
        return part(image, training=False)[0, row, part.output_shape[2] // 2].sum()

    image = np.full((1, size, size, 1), 0.5, np.float32)
    middles = []
    for row in range(part.output_shape[1]):
        seen = np.flatnonzero(np.abs(jax.grad(cell)(image, row)[0, :, :, 0]).sum(1))
        middles.append((seen[0] + seen[-1]) / 2)
    return np.array(middles)


@pytest.mark.slow
def test_cells_lie_in_the_middle_of_what_they_see():
    keras = import_keras()
    layers = keras.layers
    ones = {"kernel_initializer": "ones"}
    model = keras.Sequential(
        [
            keras.Input((31, 31, 1)),
            layers.Conv2D(1, 3, **ones),
            layers.ReLU(),
            layers.AveragePooling2D(2),
            layers.ZeroPadding2D(((1, 2), (0, 0))),
            layers.Conv2D(1, 3, dilation_rate=2, **ones),
            layers.Cropping2D(1),
            layers.Conv2D(1, 3, strides=2, padding="same", **ones),
        ]
    )
    centres = _fields.cell_centres(model, 0)
    assert len(centres) == model.output_shape[1] == 6
    # At the box's edge a cell sees less than its window.
    npt.assert_allclose(centres[1:-1], one_pixel_sees(model, 31)[1:-1], atol=0.51)
    npt.assert_allclose(np.diff(centres), 4.0)


def test_enlarged_maps_have_cells_between_pixels_and_unknown_layers_spread_them():
    keras = import_keras()
    layers = keras.layers
    double = keras.Sequential([keras.Input((6, 6, 1)), layers.UpSampling2D(2)])
    npt.assert_allclose(_fields.cell_centres(double, 1), np.arange(12) / 2 - 0.25)
    unknown = keras.Sequential([keras.Input((6, 6, 1)), layers.Resizing(3, 3)])
    npt.assert_allclose(_fields.cell_centres(unknown, 0), [0.5, 2.5, 4.5])
