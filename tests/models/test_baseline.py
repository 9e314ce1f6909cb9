"""Baselines: equal to scikit-learn, and a sentence for arrays that are no baseline."""

import shutil

import numpy as np
import numpy.testing as npt
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.features import TABLE_VERSION, describe, measure_images
from stormlens.models import Classifier, FeatureModel, list_models, prepared, slide
from stormlens.stormbox import Mosaic
from stormlens.training import FeatureOptions, Recipe, fit

BASELINES = ["features-logistic", "features-boosted"]
CLASSES = ("calm", "weak", "line", "never seen")


def boxes(seed, count=90, classes=3, shape=(24, 24)):
    """Images whose class shows in how much echo there is, and how it lies."""
    rng = np.random.default_rng(seed)
    codes = np.arange(count) % classes
    images = rng.integers(0, 30, (count, *shape))
    for image, code in zip(images, codes, strict=True):
        row = rng.integers(2, shape[0] - 3)
        if code == 1:
            image[row : row + 2, 5:9] = rng.integers(40, 60)
        elif code == 2:
            image[row, :] = rng.integers(38, 60)
    return make_dataset(images, codes, classes=CLASSES, source="drawn", simulated=True)


@pytest.fixture(scope="module")
def splits():
    return {"train": boxes(0), "validation": boxes(1, 30)}


@pytest.fixture(scope="module", params=BASELINES)
def trained(request, splits, tmp_path_factory):
    run = tmp_path_factory.mktemp(request.param) / "run"
    return fit(small(request.param), splits, run, progress=False), run


@pytest.fixture(scope="module")
def runs(splits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for model in BASELINES:
        fit(small(model), splits, folder / model, progress=False)
    return folder


def small(model, **changes):
    boosted = {"learning_rate": 0.1, "features": FeatureOptions(rounds=20, smallest_leaf=5)}
    return Recipe("small", model, **({**boosted, **changes} if "boosted" in model else changes))


def judge(model, table, codes, seed=0, class_weight=None):
    """The same learner of scikit-learn, as its own user would ask it."""
    if model == "features-logistic":
        given = prepared(table)
        mean, scale = given.mean(axis=0), given.std(axis=0)
        scale[scale == 0] = 1
        learner = LogisticRegression(C=1.0, max_iter=10_000, class_weight=class_weight)
        learner.fit((given - mean) / scale, codes)
        return lambda other: learner.predict_proba((prepared(other) - mean) / scale)
    learner = HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=20, max_leaf_nodes=4, max_depth=32, min_samples_leaf=5,
        l2_regularization=1.0, early_stopping=False, random_state=seed, class_weight=class_weight,
    )  # fmt: skip
    with threadpool_limits(1):
        return learner.fit(table, codes).predict_proba


@pytest.mark.slow
@pytest.mark.parametrize("model", BASELINES)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_are_those_of_scikit_learn(model, classes, weighted):
    train, other = boxes(3, 80, classes), boxes(4, 40, 3)
    recipe = small(model, class_weights=weighted)
    classifier = fit(recipe, {"train": train}, progress=False).classifier
    tables = [measure_images(held["reflectivity"].values) for held in (train, other)]
    due = judge(model, tables[0], train["mode"].values, 0, "balanced" if weighted else None)
    found = classifier.predict(other)["probability"].values
    npt.assert_allclose(found[:, :classes], due(tables[1]), atol=1e-6)
    assert (found[:, classes:] == 0).all()
    npt.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    exact = classifier.network.of_features(tables[1])
    npt.assert_allclose(exact[:, :classes], due(tables[1]), atol=1e-12)


def test_trees_follow_values_at_the_thresholds_as_scikit_learn_does(splits):
    """A feature that equals a threshold goes left."""
    model = fit(small("features-boosted"), splits, progress=False).classifier.network
    held = splits["train"]
    table = measure_images(held["reflectivity"].values)
    due = judge("features-boosted", table, held["mode"].values)
    tensors = model.tensors()
    inner = np.flatnonzero(tensors["left"] != np.arange(len(tensors["left"])))
    tried = np.repeat(table[:1], len(inner), axis=0)
    tried[np.arange(len(inner)), tensors["feature"][inner]] = tensors["threshold"][inner]
    npt.assert_allclose(model.of_features(tried)[:, :3], due(tried), atol=1e-12)


@pytest.mark.slow
def test_a_run_answers_as_the_training_left_it(trained, splits):
    fitted, run = trained
    loaded = Classifier.load(run)
    again = fit(Recipe.from_toml((run / "recipe.toml").read_text(), name="a"), splits).classifier
    for images in (splits["validation"], boxes(9, 7)):
        first = fitted.classifier.predict(images)["probability"].values
        npt.assert_array_equal(loaded.predict(images)["probability"].values, first)
        npt.assert_array_equal(again.predict(images)["probability"].values, first)
    assert not list(run.glob("*.pkl"))
    assert loaded.network.parameters == fitted.classifier.network.parameters > 0


def test_probabilities_do_not_hang_on_what_is_asked_beside(trained, splits):
    classifier, images = trained[0].classifier, splits["validation"]["reflectivity"].values
    together = classifier.probabilities(images)
    alone = np.concatenate([classifier.probabilities(image[None]) for image in images])
    npt.assert_array_equal(together, alone)


def test_blank_full_and_small_images_have_probabilities(trained):
    for value in (0, 1, 5, 40, 80):
        answers = trained[0].classifier.probabilities(np.full((2, 24, 24), value, np.uint8))
        npt.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    assert trained[0].classifier.probabilities(np.zeros((0, 24, 24), np.uint8)).shape == (0, 4)


@pytest.mark.parametrize("model", BASELINES)
def test_images_of_8_pixels_and_of_one_are_learnt(model):
    for side in (8, 1):
        images = np.random.default_rng(0).integers(0, 80, (40, side, side))
        images[20:] //= 8
        train = make_dataset(images, np.arange(40) // 20, classes=("a", "b"), source="drawn")
        classifier = fit(small(model), {"train": train}, progress=False).classifier
        right = classifier.predict(train)["probability"].values.argmax(axis=1) == train["mode"]
        assert right.mean() > 0.8


def test_eight_orientations_are_averaged(splits):
    recipe = small("features-logistic", orientations=8)
    classifier = fit(recipe, splits, progress=False).classifier
    images = splits["validation"]["reflectivity"].values[:3]
    views = [np.rot90(view, k, (1, 2)) for view in (images, images[..., ::-1]) for k in range(4)]
    due = np.mean([classifier.network.probabilities(view, (0, 1)) for view in views], axis=0)
    npt.assert_allclose(classifier.probabilities(images), due, atol=1e-6)


def damaged(tensors, **changes):
    return {**tensors, **{name: change(tensors[name]) for name, change in changes.items()}}


def put(place, value):
    def change(held):
        held = held.copy()
        held[place] = value
        return held

    return change


LAST = len(describe())
COMMON = [
    ({"learnt": lambda held: held[::-1]}, "learnt holds no rising class codes"),
    ({"learnt": put(-1, 4)}, "learnt holds no rising class codes"),
    ({"learnt": put(0, -1)}, "learnt holds no rising class codes"),
    ({"learnt": lambda held: held[:0]}, "learnt holds no rising class codes"),
    ({"learnt": lambda held: held.astype(np.int32)}, "the arrays are not those of features-"),
    ({"table": put(0, TABLE_VERSION + 1)}, "another table of features"),
    ({"table": put(1, LAST + 1)}, "another table of features"),
]
LOGISTIC = [
    ({"scale": put(0, 0.0)}, "scale holds values that are not above 0"),
    ({"scale": put(0, np.nan)}, "scale holds values that are not finite"),
    ({"mean": lambda held: held[1:]}, r"mean has shape \(\d+,\)"),
    ({"coefficients": lambda held: held[:, 1:]}, "coefficients has shape"),
    ({"coefficients": lambda held: held[1:]}, "coefficients has shape"),
    ({"coefficients": lambda held: held.astype(np.float32)}, "the arrays are not those"),
    ({"intercepts": lambda held: held[1:]}, "intercepts has shape"),
    ({"intercepts": put(0, np.inf)}, "intercepts holds values that are not finite"),
]
BOOSTED = [
    ({"left": put(0, 0)}, "a node leads back or nowhere"),
    ({"left": put(0, -1)}, "a node leads back or nowhere"),
    ({"right": put(0, 2**40)}, "a node leads back or nowhere"),
    ({"right": put(-1, 0)}, "a node leads back or nowhere"),
    ({"feature": put(0, LAST)}, "a node asks for no feature"),
    ({"feature": put(0, -1)}, "a node asks for no feature"),
    ({"roots": put((0, 0), -1)}, "a root is no node"),
    ({"roots": put((0, 0), 2**62)}, "a root is no node"),
    ({"roots": lambda held: held[:, :0]}, "roots has shape"),
    ({"roots": lambda held: held[1:]}, "roots has shape"),
    ({"roots": lambda held: held.ravel()}, "the arrays are not those"),
    ({"value": lambda held: held[1:]}, "value has other nodes than feature"),
    ({"value": put(0, np.nan)}, "value holds values that are not finite"),
    ({"threshold": lambda held: held[1:]}, "threshold has other nodes"),
    ({"base": lambda held: held[1:]}, "base has another number of classes"),
]


@pytest.mark.parametrize(
    ("model", "changes", "sentence"),
    [(model, *case) for model in BASELINES for case in COMMON]
    + [("features-logistic", *case) for case in LOGISTIC]
    + [("features-boosted", *case) for case in BOOSTED],
)
def test_a_damaged_file_of_weights_is_told_in_a_sentence(model, changes, sentence, runs, tmp_path):
    shutil.copytree(runs / model, tmp_path / "run")
    path = tmp_path / "run" / "weights.safetensors"
    tensors = damaged(load_file(path), **changes)
    with pytest.raises(InputError, match=sentence):
        FeatureModel(model, (24, 24, 1), 4, tensors)
    save_file({name: np.ascontiguousarray(held) for name, held in tensors.items()}, path)
    with pytest.raises(InputError, match=r"weights\.safetensors.* train again"):
        Classifier.load(tmp_path / "run")


def test_a_deep_chain_of_nodes_is_refused():
    count = 200
    own = np.arange(count)
    tensors = {
        "table": np.array([TABLE_VERSION, LAST]),
        "learnt": np.array([0, 1]),
        "base": np.zeros(2),
        "roots": np.zeros((2, 1), np.int64),
        "feature": np.zeros(count, np.int64),
        "threshold": np.zeros(count),
        "left": np.minimum(own + 1, count - 1),
        "right": np.minimum(own + 2, count - 1),
        "value": np.zeros(count),
    }
    with pytest.raises(InputError, match="more than 64 levels"):
        FeatureModel("features-boosted", (24, 24, 1), 2, tensors)


def test_other_arrays_and_other_files_are_refused(trained, tmp_path):
    tensors = trained[0].classifier.network.tensors()
    for wrong in ({**tensors, "more": np.zeros(1)}, {"table": tensors["table"]}, {}):
        with pytest.raises(InputError, match="the arrays are not those of"):
            FeatureModel(trained[0].classifier.architecture, (24, 24, 1), 4, wrong)


def test_huge_numbers_end_in_a_sentence(splits):
    classifier = fit(small("features-logistic"), splits, progress=False).classifier
    tensors = classifier.network.tensors()
    tensors["coefficients"] = np.full_like(tensors["coefficients"], 1e308)
    tensors["scale"] = np.full_like(tensors["scale"], 1e-300)
    classifier.network = FeatureModel("features-logistic", (24, 24, 1), 4, tensors)
    with pytest.raises(InputError, match="answers with what is no number"):
        classifier.predict(splits["validation"])


def test_what_only_a_network_has_is_refused_in_a_sentence(trained):
    network = trained[0].classifier.network
    for ask in (
        lambda: network.model,
        lambda: network.forward((0, 1), 0),
        lambda: network.steps_by_layer(),
        lambda: network.scores(np.zeros((1, 24, 24), np.float32), (0, 1)),
    ):
        with pytest.raises(InputError, match="is no network"):
            ask()
    assert network.steps is None
    assert "features" in network.why_none
    assert [layer.parameters for layer in network.layers()] == [0, network.parameters]


def test_a_baseline_slides_box_by_box(trained):
    classifier = trained[0].classifier
    values = np.random.default_rng(0).integers(0, 60, (899, 1399)).astype(np.uint8)
    mosaic = Mosaic(values, np.ones(values.shape, bool), np.datetime64("NaT", "ns"), "drawn")
    field = slide(classifier, mosaic, stride=400)
    assert "box by box" in field.computed
    first = classifier.probabilities(values[None, :24, :24])
    npt.assert_allclose(field.probability[0, 0], first[0], atol=1e-6)


def test_baselines_stand_in_the_list_of_models_behind_the_networks():
    kinds = [model.is_network for model in list_models()]
    assert [model.name for model in list_models() if not model.is_network] == BASELINES
    assert kinds == sorted(kinds, reverse=True)
