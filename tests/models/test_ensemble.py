import json
import math

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import entropy

from stormlens.boxes import to_geojson
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import (
    MOST_MEMBERS,
    Classifier,
    Confidence,
    Ensemble,
    Network,
    calibrate,
    disagreement,
    name_modes,
    slide,
)
from stormlens.stormbox import MODES, Boxes, Mosaic, Predictions

SHAPE = (20, 20, 1)


def networks(count, architecture="svrimg-3conv", shape=(136, 136, 1), classes=6):
    return [Network.untrained(architecture, shape, classes, seed) for seed in range(count)]


def ensemble_of(members, **changes):
    held = Ensemble(networks(members, "chapter-relu", SHAPE))
    return Classifier(held, "chapter-relu", minimum=0.0, maximum=80.0, **changes)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 81, (9, 20, 20), np.uint8)


def boxes_of(images):
    return Boxes(images, {"unid": np.array([f"{i}" for i in range(len(images))])}, "noise", True)


def lone(member):
    return Classifier(member, "chapter-relu", minimum=0.0, maximum=80.0)


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(2, 5), st.integers(1, 4), st.integers(2, 6)),
        elements=st.floats(0, 1),
    )
)
def test_disagreement_is_the_mutual_information(weights):
    weights = weights + 1e-3 * (weights.sum(-1, keepdims=True) == 0)
    probability = weights / weights.sum(-1, keepdims=True)
    found = disagreement(probability)
    # By its definition as a divergence from the product of the marginals, in SciPy's terms.
    mean = np.broadcast_to(probability.mean(0), probability.shape)
    due = entropy(probability, mean, axis=-1).mean(0)
    npt.assert_allclose(found, due, atol=1e-6)
    assert found.dtype == np.float32
    most = math.log(min(probability.shape[0], probability.shape[-1]))
    assert (found >= 0).all()
    assert (found <= most + 1e-6).all()


def test_networks_that_agree_in_doubt_do_not_disagree():
    npt.assert_array_equal(disagreement(np.full((4, 3, 6), 1 / 6, np.float32)), 0)


def test_the_answer_is_the_mean_of_the_members(images):
    classifier = ensemble_of(3)
    answers = [lone(member).probabilities(images) for member in classifier.network.members]
    npt.assert_allclose(classifier.probabilities(images), np.mean(answers, 0), rtol=1e-6)
    npt.assert_allclose(
        classifier.network.probabilities(images, (0.0, 80.0)), np.mean(answers, 0), rtol=1e-6
    )
    npt.assert_array_equal(classifier.member_probabilities(images), answers)
    told = classifier.predict(boxes_of(images))
    npt.assert_array_equal(told.disagreement, disagreement(np.stack(answers)))
    assert told.disagreement.max() > 0
    assert told.model == "chapter-relu, ensemble of 3"
    assert classifier.network.parameters == 3 * classifier.network.members[0].parameters


def test_one_network_has_no_disagreement(images):
    told = lone(networks(1, "chapter-relu", SHAPE)[0]).predict(boxes_of(images))
    assert told.disagreement is None
    assert "disagreement" not in told.to_xarray()
    assert told.model == "chapter-relu"


def test_eight_orientations_are_averaged_before_members_are_compared(images):
    eight = ensemble_of(2, orientations=8)
    members = [
        Classifier(m, "chapter-relu", minimum=0.0, maximum=80.0, orientations=8)
        for m in eight.network.members
    ]
    answers = np.stack([member.probabilities(images) for member in members])
    told = eight.predict(boxes_of(images))
    npt.assert_allclose(told.probability, answers.mean(0), rtol=1e-6)
    npt.assert_allclose(told.disagreement, disagreement(answers), atol=1e-7)
    turned = eight.predict(boxes_of(np.rot90(images, axes=(1, 2))))
    npt.assert_allclose(turned.disagreement, told.disagreement, atol=1e-6)


def test_predictions_keep_it_as_a_dataset_and_as_geojson(images):
    told = ensemble_of(2).predict(boxes_of(images))
    again = Predictions.from_xarray(told.to_xarray())
    npt.assert_array_equal(again.disagreement, told.disagreement)
    assert told.to_xarray()["disagreement"].attrs["units"] == "nat"
    dataset = make_dataset(images, np.zeros(9, int), source="noise", simulated=True)
    given = ensemble_of(2).predict(dataset)
    placed = to_geojson(given, name_modes(given).tolist())["features"]
    values = [feature["properties"]["disagreement"] for feature in placed]
    npt.assert_allclose(values, given["disagreement"], atol=1e-4)
    # What was predicted before is no coordinate of the boxes.
    before = dataset.assign_coords(disagreement=given["disagreement"])
    npt.assert_array_equal(ensemble_of(2).predict(before)["disagreement"], given["disagreement"])


def test_it_is_written_and_read(images, tmp_path):
    classifier = ensemble_of(3)
    classifier.save(tmp_path)
    again = Classifier.load(tmp_path)
    assert len(again.network.members) == 3
    npt.assert_array_equal(again.probabilities(images), classifier.probabilities(images))
    assert json.loads((tmp_path / "classifier.json").read_text())["members"] == 3
    copy = again.network.copy()
    npt.assert_array_equal(
        copy.probabilities(images, (0.0, 80.0)), again.network.probabilities(images, (0.0, 80.0))
    )


@pytest.mark.parametrize("members", [0, -1, 65, 1000, 2, "3", True, 2.0])
def test_a_card_of_another_number_of_members_is_refused(tmp_path, members):
    ensemble_of(3).save(tmp_path)
    path = tmp_path / "classifier.json"
    card = json.loads(path.read_text()) | {"members": members}
    path.write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"members is|holds other weights than 2 of model"):
        Classifier.load(tmp_path)


def test_damaged_weights_of_one_member_are_refused(tmp_path):
    from safetensors.numpy import load_file, save_file

    ensemble_of(2).save(tmp_path)
    path = tmp_path / "weights.safetensors"
    tensors = load_file(path)
    name = "01/002.kernel"
    for change in (np.full_like(tensors[name], np.nan), tensors[name][:1].copy()):
        save_file({**tensors, name: change}, path)
        with pytest.raises(InputError, match=r"not finite|other weights than 2 of model"):
            Classifier.load(tmp_path)
    del tensors[name]
    save_file(tensors, path)
    with pytest.raises(InputError, match="other weights than 2 of model chapter-relu has"):
        Classifier.load(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged"):
        Classifier.load(tmp_path)


def test_a_number_or_kind_of_networks_that_is_none_is_refused():
    for count in (0, 1, MOST_MEMBERS + 1):
        with pytest.raises(InputError, match=f"2 to 64 networks; {count} are given"):
            Ensemble(networks(1, "chapter-relu", SHAPE) * count)
    one, other = networks(1, "chapter-relu", SHAPE), networks(1, "chapter-relu", (21, 20, 1))
    with pytest.raises(InputError, match="images of other sizes"):
        Ensemble([*one, *other])


def test_models_of_the_users_own_answer_as_one_but_are_not_saved(images, tmp_path):
    from stormlens.models import import_keras

    keras = import_keras()
    models = [
        keras.Sequential(
            [
                keras.Input(SHAPE),
                keras.layers.Flatten(),
                keras.layers.Dense(6, activation="softmax"),
            ]
        )
        for _ in range(2)
    ]
    classifier = Classifier(Ensemble([Network.of_model(model) for model in models]), None)
    answers = [Classifier(model, None).probabilities(images) for model in models]
    npt.assert_allclose(classifier.probabilities(images), np.mean(answers, 0), rtol=1e-5)
    with pytest.raises(InputError, match="ensemble of 2 networks"):
        classifier.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_one_layer_shows_is_refused_in_a_sentence():
    from stormlens.insight import grad_cam
    from stormlens.learn._networks import own_network

    classifier = ensemble_of(2)
    assert classifier.network.steps is None
    assert classifier.network.why_none == "an ensemble of 2 networks answers"
    assert len(classifier.network.layers()) == len(classifier.network.members[0].layers())
    dataset = make_dataset(np.zeros((1, 20, 20), np.uint8), np.zeros(1, int), source="none")
    for ask in (
        lambda: classifier.model,
        classifier.network.steps_by_layer,
        lambda: own_network(classifier, "mine"),
        lambda: grad_cam(classifier, dataset),
    ):
        with pytest.raises(InputError, match=r"ensemble of 2 networks.*--teacher"):
            ask()


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["svrimg-3conv", "storm-residual"])
def test_it_slides_as_its_members_do(architecture):
    classifier = Classifier(Ensemble(networks(2, architecture)), architecture)
    reflectivity = np.zeros((150, 160), np.uint8)
    reflectivity[40:90, 50:120] = 45
    mosaic = Mosaic(
        reflectivity, np.ones((150, 160), bool), np.datetime64("NaT", "ns"), "drawn", simulated=True
    )
    found = slide(classifier, mosaic, stride=9)
    shares = architecture == "svrimg-3conv"
    assert found.computed.startswith("shared" if shares else "box by box: ")
    due = [
        slide(Classifier(member, architecture), mosaic, stride=9).probability
        for member in classifier.network.members
    ]
    npt.assert_allclose(found.probability, np.mean(due, 0), atol=1e-5)
    assert found.model == f"{architecture}, ensemble of 2"


def test_a_confidence_is_of_the_mean(images):
    rng = np.random.default_rng(1)
    many = rng.integers(0, 81, (60, 20, 20), np.uint8)
    dataset = make_dataset(many, rng.integers(0, 6, 60), source="noise", simulated=True)
    classifier = ensemble_of(2)
    classifier.confidence = calibrate(classifier, dataset)
    assert isinstance(classifier.confidence, Confidence)
    told = classifier.predict(boxes_of(images))
    raw = classifier.member_probabilities(images)
    npt.assert_allclose(told.probability, classifier.confidence.temper(raw.mean(0)), rtol=1e-5)
    npt.assert_array_equal(told.disagreement, disagreement(raw))
    assert told.novelty is not None
    assert told.plausible is not None
    assert told.plausible.shape == (9, len(MODES))
