import numpy as np
import numpy.testing as npt
import pytest

from stormlens.errors import InputError
from stormlens.models import build, list_models, model_info

# Parameter counts: the chapter's and the notebook's summaries; LeNet-5 by hand below.
PUBLISHED = {"chapter-linear": 7_931_078, "chapter-relu": 7_931_078, "svrimg-3conv": 355_718}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameter_counts_are_the_published_ones(name, parameters):
    assert build(name).count_params() == parameters


def test_lenet_on_its_own_image_size_has_the_parameters_of_a_hand_count():
    convolutions = (25 * 1 + 1) * 6 + (25 * 6 + 1) * 16 + (25 * 16 + 1) * 120
    dense = (120 + 1) * 84 + (84 + 1) * 10
    model = build("lenet5", input_shape=(32, 32, 1), n_classes=10)
    assert model.count_params() == convolutions + dense


def test_weight_shapes_of_the_chapter_network_are_the_chapters():
    shapes = [tuple(w.shape) for w in build("chapter-relu").weights]
    assert shapes == [(3, 3, 1, 32), (32,), (61952, 128), (128,), (128, 6), (6,)]


def test_alexnet_halves_the_map_as_the_paper_does():
    shapes = [layer.output.shape[1:] for layer in build("alexnet").layers]
    assert shapes[0] == (34, 34, 96)  # 136 / 4
    assert (16, 16, 256) in shapes
    assert shapes[-1] == (6,)


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


def test_unknown_model_suggests_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'chapter-relu'"):
        model_info("chapter_relu")


def test_images_too_small_for_the_layers_are_refused():
    with pytest.raises(InputError, match="20 x 20 pixels are too small for model svrimg-3conv"):
        build("svrimg-3conv", input_shape=(20, 20, 1))


def test_every_model_has_one_line_of_description():
    models = list_models()
    assert {"chapter-linear", "chapter-relu", "svrimg-3conv", "lenet5", "alexnet"} <= {
        model.name for model in models
    }
    assert all(model.description and "\n" not in model.description for model in models)


def test_without_a_seed_kernels_are_zero():
    model = build("lenet5", input_shape=(32, 32, 1), seed=None)
    assert all((np.asarray(weight) == 0).all() for weight in model.get_weights())
