import numpy as np
import numpy.testing as npt
import panel as pn
import pytest

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.learn import _network_microscope
from stormlens.learn._network_lens import BLANK, SILENT, gallery, tile_columns
from stormlens.learn._network_microscope import NetworkMicroscope
from stormlens.models import Classifier
from stormlens.models._keras import import_keras
from stormlens.plots import MODE_COLOURS

SIZE = 24
keras = import_keras()


def conv(filters, name, **options):
    return keras.layers.Conv2D(filters, 3, name=name, kernel_initializer="zeros", **options)


def dense(units, **options):
    return keras.layers.Dense(units, kernel_initializer="zeros", **options)


def with_weights(model):
    """Weights from NumPy, as to draw them with Keras takes seconds to compile."""
    rng = np.random.default_rng(7)
    for held in model.weights:
        held.assign(rng.normal(0, 0.2, held.shape).astype(np.float32))
    return model


def small_network():
    layers = keras.layers
    return with_weights(
        keras.Sequential(
            [
                keras.Input((SIZE, SIZE, 1)),
                conv(5, "first"),
                layers.MaxPooling2D(2, name="pool"),
                conv(7, "second", activation="relu", use_bias=False),
                layers.SpatialDropout2D(0.5, name="drop"),
                layers.Flatten(name="flat"),
                dense(9, activation="tanh", name="hidden"),
                layers.Dropout(0.5, name="drop_units"),
                dense(6, activation="softmax", name="answer"),
            ]
        )
    )


@pytest.fixture
def classifier():
    return Classifier(small_network(), None, minimum=3.0, maximum=60.0)


@pytest.fixture
def boxes():
    images = np.random.default_rng(0).integers(0, 75, (4, SIZE, SIZE)).astype(np.uint8)
    images[2] = 0
    return make_dataset(images, [1, 0, 5, 2], source="SIMULATED noise", simulated=True)


@pytest.fixture
def microscope(classifier, boxes):
    return NetworkMicroscope(classifier, boxes)


def by_hand(classifier, box):
    """Outputs of all layers by name, each layer called on what the one before gave."""
    values = (box.astype(np.float32)[None, ..., None] - 3) / 57
    found = {}
    for layer in classifier.model.layers:
        values = layer(values, training=False) if "drop" in layer.name else layer(values)
        found[layer.name] = np.asarray(values)[0]
    return found


@pytest.mark.parametrize("storm", [0, 3])
def test_every_layer_gives_what_keras_gives(classifier, boxes, microscope, storm):
    microscope.storm = storm
    expected = by_hand(classifier, boxes["reflectivity"].values[storm])
    assert list(microscope.view.maps) == ["first", "pool", "second", "drop"]
    for name, maps in microscope.view.maps.items():
        npt.assert_allclose(maps, expected[name], rtol=1e-4, atol=1e-5)
    npt.assert_allclose(microscope.view.hidden, expected["hidden"], rtol=1e-4, atol=1e-5)
    npt.assert_allclose(microscope.view.probabilities, expected["answer"], rtol=1e-4)
    npt.assert_allclose(microscope.units.source.data["value"], expected["hidden"], atol=1e-5)
    npt.assert_allclose(microscope.chances.source.data["chance"], expected["answer"], rtol=1e-4)


def test_layer_and_filter_choose_the_map_that_is_shown(classifier, boxes, microscope):
    microscope.layer = "second"
    microscope.filter = 6
    expected = by_hand(classifier, boxes["reflectivity"].values[0])["second"][..., 6]
    npt.assert_allclose(microscope.map.source.data["image"][0], expected, rtol=1e-4, atol=1e-5)
    assert microscope.map.mapper.low == 0
    assert microscope.map.mapper.high == pytest.approx(expected.max(), rel=1e-4)
    assert microscope.map.figure.title.text == "Filter 6 of second: 9 x 9"


def test_the_widgets_move_the_microscope(microscope):
    view = microscope.__panel__()
    storm, filter = view.select(pn.widgets.IntSlider)
    (layer,) = view.select(pn.widgets.Select)
    assert list(layer.options) == [
        "first: Conv2D, 22 x 22, 5 filters",
        "pool: MaxPooling2D, 11 x 11, 5 filters",
        "second: Conv2D, 9 x 9, 7 filters",
        "drop: SpatialDropout2D, 9 x 9, 7 filters",
    ]
    layer.value = "second"
    assert filter.end == 6
    filter.value, storm.value = 6, 3
    assert (microscope.layer, microscope.filter, microscope.storm) == ("second", 6, 3)
    layer.value = "first"
    assert (filter.value, filter.end) == (4, 4)


def test_a_notebook_is_sent_the_plots(microscope, monkeypatch):
    sent = []
    monkeypatch.setattr(pn.io, "push_notebook", sent.append)
    view = microscope.__panel__()
    for name, value in [("filter", 2), ("layer", "second"), ("storm", 1)]:
        sent.clear()
        setattr(microscope, name, value)
        assert sent == [view]


def test_signed_maps_have_a_scale_centred_on_zero(classifier, boxes, microscope):
    expected = by_hand(classifier, boxes["reflectivity"].values[0])["first"][..., 0]
    assert expected.min() < 0  # a linear convolution
    mapper = microscope.map.mapper
    assert mapper.high == -mapper.low == pytest.approx(np.abs(expected).max(), rel=1e-4)


def test_a_layer_with_fewer_filters_moves_the_choice_to_its_last(microscope):
    microscope.layer = "second"
    microscope.filter = 6
    microscope.layer = "pool"
    assert microscope.filter == 4
    assert microscope.param.filter.bounds == (0, 4)
    microscope.layer = "drop"
    assert microscope.param.filter.bounds == (0, 6)


def test_a_new_box_keeps_layer_and_filter(classifier, boxes, microscope):
    microscope.param.update(layer="pool", filter=3)
    microscope.storm = 1
    expected = by_hand(classifier, boxes["reflectivity"].values[1])["pool"][..., 3]
    npt.assert_allclose(microscope.map.source.data["image"][0], expected, rtol=1e-4, atol=1e-5)
    shown = microscope.box.data["image"][0]
    raw = boxes["reflectivity"].values[1].astype(float)
    npt.assert_array_equal(shown, np.where(raw == 0, np.nan, raw))


def test_weights_trained_since_are_looked_at(classifier, boxes, microscope):
    for held in classifier.model.weights:
        held.assign(np.asarray(held.value) * 0.5)
    microscope.storm = 3
    expected = by_hand(classifier, boxes["reflectivity"].values[3])["answer"]
    npt.assert_allclose(microscope.view.probabilities, expected, rtol=1e-4)


def test_a_click_on_a_tile_picks_its_filter(microscope):
    columns, count = microscope.gallery.columns, microscope.gallery.count
    assert count == 5
    for i in range(count):
        x, y = (microscope.gallery.tiles.data[axis][i] for axis in "xy")
        microscope.pick(x + 0.3, y - 0.3)
        assert microscope.filter == i
        assert list(microscope.gallery.chosen.data["x"]) == [x]
    microscope.pick(columns + 0.5, 0.5)
    microscope.pick(0.5, -0.5)
    microscope.pick(-0.5, 0.5)
    assert microscope.filter == 4


def test_kernels_are_those_of_the_keras_layers(classifier, microscope):
    first = np.asarray(classifier.model.get_layer("first").kernel.value)
    bias = np.asarray(classifier.model.get_layer("first").bias.value)
    for layer in ("first", "pool"):  # pooling keeps filters apart
        microscope.param.update(layer=layer, filter=2)
        npt.assert_array_equal(microscope.kernel.weights, first[:, :, 0, 2])
        assert (microscope.kernel.layer, microscope.kernel.channels) == ("first", 1)
        assert microscope.kernel.bias == bias[2]
    written = microscope.weights.numbers.data
    assert len(written["weight"]) == 9
    for x, y, text in zip(written["x"], written["y"], written["weight"], strict=True):
        assert text == f"{first[int(y), int(x), 0, 2]:.3f}"


def test_of_many_channels_the_strongest_is_shown_and_named(classifier, microscope):
    second = np.asarray(classifier.model.get_layer("second").kernel.value)
    microscope.param.update(layer="drop", filter=4)
    channel = np.abs(second[..., 4]).max(axis=(0, 1)).argmax()
    npt.assert_array_equal(microscope.kernel.weights, second[:, :, channel, 4])
    assert microscope.kernel.bias is None
    assert f"One of 5 kernels, for as many channels: that of channel {channel}" in (
        microscope.kernel_words.object
    )


def test_a_functional_networks_mixed_filters_have_no_kernel(boxes):
    image = keras.Input((SIZE, SIZE, 1))
    one, other = (conv(4, name)(image) for name in ("one", "other"))
    both = keras.layers.Add(name="both")([one, other])
    answer = keras.layers.GlobalAveragePooling2D(name="mean")(both)
    model = with_weights(keras.Model(image, dense(6, activation="softmax")(answer)))
    microscope = NetworkMicroscope(Classifier(model, None), boxes, layer="both")
    assert microscope.kernel is None
    assert "No single convolution" in microscope.kernel_words.object
    assert list(microscope.weights.source.data["image"]) == []
    npt.assert_allclose(
        microscope.view.maps["both"],
        microscope.view.maps["one"] + microscope.view.maps["other"],
        rtol=1e-4,
        atol=1e-6,
    )
    assert microscope.lens.hidden.name == "mean"
    microscope.layer = "other"
    assert microscope.kernel.layer == "other"


def test_the_gallery_is_laid_out_from_the_top_left():
    rng = np.random.default_rng(1)
    maps = rng.uniform(0, 5, (4, 3, 5))
    maps[..., 3] = 0
    image = gallery(maps, columns=2)
    assert image.shape == (3 * 4, 2 * 3)
    for i in range(5):
        down, across = divmod(i, 2)
        tile = image[(2 - down) * 4 : (3 - down) * 4, across * 3 : across * 3 + 3]
        largest = maps[..., i].max()
        expected = np.rint(maps[..., i] / largest * 253) if largest else np.full((4, 3), SILENT)
        npt.assert_array_equal(tile, expected)
    npt.assert_array_equal(image[:4, 3:], BLANK)


def test_a_signed_gallery_puts_zero_in_the_middle():
    maps = np.zeros((2, 2, 1))
    maps[0, 0], maps[1, 1] = -2, 1
    npt.assert_array_equal(gallery(maps, 1), [[0, 126], [126, 190]])


def test_large_maps_are_averaged_not_thinned_out():
    maps = np.zeros((9, 9, 1))
    maps[4, 4] = 9
    small = gallery(maps, 1, most=3)
    assert small.shape == (3, 3)
    npt.assert_array_equal(small, 253 * np.eye(3)[[1]].T @ np.eye(3)[[1]])


@pytest.mark.parametrize("count", [1, 2, 5, 32, 128, 384])
def test_tiles_are_as_large_as_can_be(count):
    def side(columns):
        return min(600 / columns, 270 / np.ceil(count / columns))

    assert side(tile_columns(count, 600, 270)) == max(side(c) for c in range(1, count + 1))


def test_probabilities_have_the_colours_of_the_modes(microscope):
    data = microscope.chances.source.data
    assert dict(zip(data["name"], data["colour"], strict=True)) == MODE_COLOURS


def test_label_and_answer_are_told_with_their_colours(microscope):
    for storm, label in enumerate(["QLCS", "Cellular", "Missing", "Tropical"]):
        microscope.storm = storm
        answer = microscope.classifier.classes[microscope.view.probabilities.argmax()]
        words = microscope.words.object
        assert f"color:{MODE_COLOURS[label]}" in words
        assert words.index(f"<b>{answer}</b>") < words.rindex(f"<b>{label}</b>")
        assert ("right" in words) == (answer == label)
        assert f"Storm {storm}: {label} (simulated)" == microscope._map.title.text


def test_unlabelled_boxes_are_shown_without_a_verdict(classifier, boxes):
    microscope = NetworkMicroscope(classifier, boxes.drop_vars("mode"))
    assert "label" not in microscope.words.object
    assert "wrong" not in microscope.words.object


def test_random_weights_are_called_random(boxes, monkeypatch):
    asked = []

    def small_instead(name, seed):
        asked.append((name, seed))
        return small_network()

    monkeypatch.setattr(_network_microscope, "build", small_instead)
    microscope = NetworkMicroscope(dataset=boxes, seed=3)
    assert asked == [("chapter-relu", 3)]
    assert microscope.random_weights
    assert "random weights" in microscope.words.object
    assert "chapter-relu (seed 3) has learnt nothing" in microscope.words.object
    assert "wrong" not in microscope.words.object


def test_training_on_simulated_storms_is_said(classifier, boxes):
    assert "trained on simulated" not in NetworkMicroscope(classifier, boxes).words.object
    classifier.provenance["training_simulated"] = True
    words = NetworkMicroscope(classifier, boxes).words.object
    assert "trained on simulated storms" in words
    assert "random" not in words


def test_bad_input_gets_its_sentence(classifier, boxes, storms):
    with pytest.raises(InputError, match=r"Classifier, as stormlens\.fit .* not at a Sequential"):
        NetworkMicroscope(classifier.model, boxes)
    with pytest.raises(InputError, match="images are 136 x 136 pixels; 24 x 24 are needed"):
        NetworkMicroscope(classifier, storms)
    with pytest.raises(InputError, match="Did you mean 'second'"):
        NetworkMicroscope(classifier, boxes, layer="secnod")
    with pytest.raises(InputError, match="no filter 5; they go from 0 to 4"):
        NetworkMicroscope(classifier, boxes, filter=5)
    with pytest.raises(InputError, match="no storm 4; they go from 0 to 3"):
        NetworkMicroscope(classifier, boxes, storm=4)


def test_a_network_without_maps_is_refused(boxes):
    layers = [keras.layers.Flatten(), dense(6, activation="softmax")]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 1)), *layers])
    with pytest.raises(InputError, match=r"No layer of model .* gives maps"):
        NetworkMicroscope(Classifier(model, None), boxes)
