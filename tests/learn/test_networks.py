"""Classifiers as the pages read them: the same numbers, and a sentence for what cannot be."""

import json

import numpy as np
import numpy.testing as npt
import pytest
from safetensors.numpy import load

from stormlens.engine import Engine, Step
from stormlens.errors import InputError
from stormlens.learn._networks import own_network, shipped_network
from stormlens.models import Classifier, build, import_keras, shipped_folder

CLASSES = ("rain", "shine")
keras = import_keras()


def content(held):
    return held() if callable(held) else held.read_bytes()


def own_model(*layers):
    keras.utils.set_random_seed(2)
    return keras.Sequential([keras.Input((24, 20, 1)), *layers])


def read_steps(files):
    """Steps of an own network, from its files alone."""
    network = json.loads(content(files["own/network.json"]))
    tensors = load(content(files["own/weights.safetensors"]))
    steps = []
    for given in network["steps"]:
        arrays = {part: tensors[given[part]] for part in ("kernel", "bias") if part in given}
        steps.append(
            Step(
                given["kind"],
                *(tuple(given[name]) for name in ("window", "strides", "dilation")),
                given["groups"],
                tuple(given["padding"]),
                activation=given["activation"],
                constants=tuple(np.inf if c is None else c for c in given["constants"]),
                **arrays,
            )
        )
    return network, steps


def test_the_shipped_classifier_is_served_as_it_lies_and_says_that_it_knows_simulated_storms():
    files = shipped_network()
    assert (
        content(files["shipped/weights.safetensors"])
        == (shipped_folder() / "weights.safetensors").read_bytes()
    )
    (entry,) = json.loads(content(files["networks.json"]))
    assert entry["id"] == "shipped"
    assert entry["folder"] == "networks/shipped"
    card = json.loads(content(files["shipped/classifier.json"]))
    assert card["provenance"]["training_simulated"] is True


def test_a_network_of_the_zoo_has_its_card_and_weights():
    classifier = Classifier(
        build("chapter-linear", seed=1), "chapter-linear", provenance={"training_simulated": False}
    )
    files = own_network(classifier, "Mine")
    assert sorted(files) == [
        "networks.json",
        "own/classifier.json",
        "own/weights.safetensors",
        "shipped/classifier.json",
        "shipped/weights.safetensors",
    ]
    own, shipped = json.loads(content(files["networks.json"]))
    assert (own["title"], shipped["id"]) == ("Mine", "shipped")
    card = json.loads(content(files["own/classifier.json"]))
    assert card["provenance"]["training_simulated"] is False
    tensors = load(content(files["own/weights.safetensors"]))
    for name, values in classifier.network.tensors().items():
        npt.assert_array_equal(tensors[name], values)


def test_a_trained_run_is_served_with_the_digest_of_the_weights_as_they_are_served(tmp_path):
    run = Classifier(build("chapter-relu", seed=3), "chapter-relu").save(tmp_path / "run")
    files = own_network(Classifier.load(run), "Mine")
    for name in ("classifier.json", "weights.safetensors"):
        (tmp_path / name).write_bytes(content(files[f"own/{name}"]))
    again = Classifier.load(tmp_path)  # which compares the digest
    npt.assert_array_equal(
        again.network.tensors()["000.kernel"], Classifier.load(run).network.tensors()["000.kernel"]
    )


@pytest.mark.slow
def test_steps_of_an_own_chain_give_what_keras_gives():
    model = own_model(
        keras.layers.Conv2D(5, 3, padding="same", name="first"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.ReLU(negative_slope=0.1, name="leak"),
        keras.layers.MaxPooling2D(2, name="pool"),
        keras.layers.SeparableConv2D(4, 3, activation="elu", name="second"),
        keras.layers.Dropout(0.3, name="drop"),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(2, activation="softmax", name="answer"),
    )
    rng = np.random.default_rng(0)
    model.get_layer("norm").set_weights([rng.uniform(0.5, 2, 5) for _ in range(4)])
    files = own_network(Classifier(model, None, CLASSES, 0, 60), "Mine")
    network, steps = read_steps(files)
    images = rng.random((3, 24, 20, 1), np.float32)
    due = np.asarray(model(images, training=False))
    npt.assert_allclose(Engine(steps, (24, 20, 1))(images), due, atol=1e-6)
    assert network["classes"] == list(CLASSES)
    assert (network["minimum"], network["maximum"]) == (0, 60)
    held = {layer["name"]: layer for layer in network["layers"]}
    assert list(held) == [layer.name for layer in model.layers]
    assert held["second"]["kind"] == "SeparableConv2D"
    assert held["second"]["steps"] == [4, 6]
    assert held["drop"]["steps"] == [6, 6]
    assert held["pool"]["shape"] == [12, 10, 5]
    json.loads(content(files["own/network.json"]), parse_constant=pytest.fail)  # no Infinity


def test_a_layer_that_the_engine_does_not_know_is_named():
    model = own_model(
        keras.layers.Flatten(),
        keras.layers.UnitNormalization(name="strange"),
        keras.layers.Dense(2, activation="softmax"),
    )
    sentence = r"Layer 'strange' \(UnitNormalization\) is not known to the engine"
    with pytest.raises(InputError, match=sentence):
        own_network(Classifier(model, None, CLASSES), "Mine")


def test_a_model_that_is_no_chain_is_told_by_the_layer_where_it_parts():
    images = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten(name="parting")(images)
    both = [keras.layers.Dense(2, activation="relu")(flat) for _ in range(2)]
    model = keras.Model(images, keras.layers.Softmax()(keras.layers.Add(name="joining")(both)))
    with pytest.raises(InputError, match=r"no chain of layers: layer 'parting' feeds several"):
        own_network(Classifier(model, None, CLASSES), "Mine")
