import jax
import numpy as np
import numpy.testing as npt
import pytest

from stormlens.errors import InputError
from stormlens.models import Network, build, import_keras, list_models, model_info
from stormlens.models._registry import first_weights

# Parameter counts: the chapter's and the notebook's summaries; LeNet-5 by hand below.
PUBLISHED = {"chapter-linear": 7_931_078, "chapter-relu": 7_931_078, "svrimg-3conv": 355_718}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameter_counts_are_the_published_ones(name, parameters):
    assert build(name).count_params() == parameters


@pytest.mark.slow
def test_lenet_on_its_own_image_size_has_the_parameters_of_a_hand_count():
    convolutions = (25 * 1 + 1) * 6 + (25 * 6 + 1) * 16 + (25 * 16 + 1) * 120
    dense = (120 + 1) * 84 + (84 + 1) * 10
    model = build("lenet5", input_shape=(32, 32, 1), n_classes=10)
    assert model.count_params() == convolutions + dense


def test_weight_shapes_of_the_chapter_network_are_the_chapters():
    shapes = [tuple(w.shape) for w in build("chapter-relu").weights]
    assert shapes == [(3, 3, 1, 32), (32,), (61952, 128), (128,), (128, 6), (6,)]


@pytest.mark.slow
def test_alexnet_halves_the_map_as_the_paper_does():
    shapes = [layer.output.shape[1:] for layer in build("alexnet").layers]
    assert shapes[0] == (34, 34, 96)  # 136 / 4
    assert (16, 16, 256) in shapes
    assert shapes[-1] == (6,)


def test_storm_residual_has_the_layers_and_parameters_of_a_hand_count():
    model = build("storm-residual")
    pooled = sum((9 * c + 1) * f for c, f in ((1, 16), (16, 32), (32, 64), (64, 128)))
    blocks = sum(2 * (9 * c + 1) * c for c in (64, 128))
    assert model.count_params() == pooled + blocks + (2 * 128 + 1) * 6
    assert 4 * model.count_params() < 2_000_000  # bytes of its weights
    shapes = [layer.output.shape[1:] for layer in model.layers]
    assert shapes == [
        *[(134, 134, 16), (67, 67, 16), (65, 65, 32), (32, 32, 32), (30, 30, 64), (15, 15, 64)],
        *[(15, 15, 64), (13, 13, 128), (6, 6, 128), (6, 6, 128), (256,), (256,), (6,)],
    ]


@pytest.mark.slow
def test_a_new_residual_layer_is_relu_alone_and_a_trained_one_is_not():
    from stormlens.models._layers import Residual

    values = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)
    layer = Residual()
    npt.assert_array_equal(layer(values), np.maximum(values, 0))
    layer.second.bias.assign([1.0, 2.0, 3.0])
    npt.assert_allclose(layer(values), np.maximum(values + np.arange(1, 4), 0), rtol=1e-6)


def test_global_mean_and_max_stand_side_by_side():
    from stormlens.models._layers import GlobalMeanMax

    values = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)
    expected = np.concatenate([values.mean((1, 2)), values.max((1, 2))], 1)
    npt.assert_allclose(GlobalMeanMax()(values), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_storm_residual_survives_a_keras_file(tmp_path):
    model = build("storm-residual", input_shape=(64, 64, 1))
    model.layers[6].second.kernel.assign(np.full((3, 3, 64, 64), 1e-3))
    model.save(tmp_path / "model.keras")
    again = import_keras().saving.load_model(tmp_path / "model.keras", safe_mode=True)
    images = np.random.default_rng(0).random((2, 64, 64, 1)).astype(np.float32)
    npt.assert_array_equal(again(images), model(images))


def test_local_response_normalisation_follows_the_papers_formula():
    from stormlens.models._layers import LocalResponseNormalization

    values = np.random.default_rng(0).normal(size=(2, 3, 3, 7)).astype(np.float32) * 50
    expected = np.empty_like(values)
    for i in range(7):
        near = values[..., max(0, i - 2) : min(6, i + 2) + 1]
        expected[..., i] = values[..., i] / (2 + 1e-4 * (near**2).sum(-1)) ** 0.75
    npt.assert_allclose(LocalResponseNormalization()(values), expected, rtol=1e-5)


def test_initial_weights_depend_on_the_seed_alone():
    first, again, other = (build("svrimg-3conv", seed=s).get_weights() for s in (1, 1, 2))
    for one, two, three in zip(first, again, other, strict=True):
        npt.assert_array_equal(one, two)
        if one.ndim > 1:
            assert not np.array_equal(one, three)


@pytest.mark.slow
@pytest.mark.parametrize("name", [model.name for model in list_models() if model.is_network])
@pytest.mark.parametrize("seed", [0, 1, 12_345_678])
def test_first_weights_are_those_that_keras_draws(name, seed):
    kind = {"input_shape": (64, 64, 1), "n_classes": 4, "seed": seed}
    drawn, judge = first_weights(name, **kind), build(name, **kind).get_weights()
    for one, two in zip(drawn, judge, strict=True):
        npt.assert_array_equal(np.asarray(one), two)


@pytest.mark.slow
@pytest.mark.parametrize("name", [model.name for model in list_models() if model.is_network])
def test_layers_known_by_name_are_those_of_keras(name):
    import_keras().utils.clear_session()  # it numbers the layers of a process
    judge = Network.of_model(build(name, seed=None))
    network = Network.untrained(name, (136, 136, 1), 6, seed=0)
    assert network.layers() == judge.layers()
    assert network.parameters == judge.parameters
    assert not network.is_loaded


def test_unknown_model_suggests_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'chapter-relu'"):
        model_info("chapter_relu")


def test_images_too_small_for_the_layers_are_refused():
    with pytest.raises(InputError, match="20 x 20 pixels are too small for model svrimg-3conv"):
        build("svrimg-3conv", input_shape=(20, 20, 1))


@pytest.mark.parametrize("name", [model.name for model in list_models() if model.is_network])
def test_images_that_are_called_too_small_shrink_to_nothing(name):
    with pytest.raises(InputError, match="3 x 64 pixels are too small"):
        build(name, input_shape=(3, 64, 1), seed=None)
    keras = import_keras()
    layers = [block.keras(keras, keras.initializers.Zeros) for block in model_info(name).layers(6)]
    with pytest.raises(ValueError, match="output size would be zero or negative"):
        keras.Sequential([keras.Input((3, 64, 1)), *layers])


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"input_shape": (30, 30)}, r"input_shape is \(30, 30\); give \(rows, columns, channels\)"),
        ({"input_shape": (0, 30, 1)}, "each a whole number from 1 to 4096"),
        ({"input_shape": (30, 4097, 1)}, "each a whole number from 1 to 4096"),
        ({"input_shape": (30.0, 30, 1)}, "input_shape is"),
        ({"input_shape": (True, 30, 1)}, "input_shape is"),
        ({"input_shape": 30}, "input_shape is 30"),
        ({"n_classes": 0}, "n_classes is 0; give a whole number of 1 or more"),
        ({"n_classes": 2.0}, "n_classes is 2.0"),
    ],
)
def test_sizes_that_cannot_be_are_named(sizes, sentence):
    with pytest.raises(InputError, match=sentence):
        build("chapter-linear", **sizes)


def test_sizes_may_be_numbers_of_numpy():
    assert build("lenet5", input_shape=tuple(np.array([32, 32, 1])), n_classes=np.int64(3))


def test_every_model_has_one_line_of_description():
    models = list_models()
    assert {
        *("chapter-linear", "chapter-relu", "svrimg-3conv", "storm-residual", "lenet5", "alexnet")
    } <= {model.name for model in models}
    assert all(model.description and "\n" not in model.description for model in models)


def test_without_a_seed_kernels_are_zero():
    model = build("lenet5", input_shape=(32, 32, 1), seed=None)
    assert all((np.asarray(weight) == 0).all() for weight in model.get_weights())


@pytest.mark.slow
def test_first_weights_are_in_single_precision_where_jax_has_double():
    jax.config.update("jax_enable_x64", True)
    try:
        weights = first_weights("chapter-linear", (30, 30, 1), 3, seed=0)
    finally:
        jax.config.update("jax_enable_x64", False)
    assert {weight.dtype for weight in weights} == {np.dtype("float32")}
