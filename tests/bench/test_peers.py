"""Peers build the same network from its description: their probabilities are Keras's own."""

from importlib import import_module

import numpy.testing as npt
import pytest
from runtimes import import_openvino

from stormlens.bench._contenders import PEERS
from stormlens.bench._job import Job
from stormlens.bench._prepare import write_images, write_networks
from stormlens.bench._stormlens import boxes, chapter_augmentation, network
from stormlens.models._keras import import_keras

MODELS = ("chapter-relu", "svrimg-3conv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import_keras()  # on JAX, before a peer imports it on its own
    path = tmp_path_factory.mktemp("arrays")
    write_images(path, *boxes(40))
    return path


def job(folder, task, model, layers=()):
    return Job("a peer", task, "", str(folder), model, tuple(layers), chapter_augmentation())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "model"),
    [("keras", "chapter-relu")]
    + [(m, name) for m in ("torch", "onnxruntime", "openvino") for name in MODELS],
)
def test_predictions_are_those_of_keras(folder, module, model):
    import_openvino() if module == "openvino" else pytest.importorskip(module)
    graphs = module in ("onnxruntime", "openvino")
    if graphs:
        pytest.importorskip("onnx")
    layers = write_networks(folder, [model], graphs=graphs)[model]
    task = job(folder, "predict", model, layers)
    expected = network(model).predict(task.scaled, verbose=0)
    given = import_module(f"stormlens.bench._{module}_peer").start(task)()
    npt.assert_allclose(given, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["keras", "torch"])
def test_an_epoch_of_training_reaches_its_end(folder, module):
    pytest.importorskip(module)
    layers = write_networks(folder, ["chapter-linear"], graphs=False)["chapter-linear"]
    epoch = import_module(f"stormlens.bench._{module}_peer").start(
        job(folder, "train", "chapter-linear", layers)
    )
    assert epoch() is None


@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
def test_the_generator_takes_the_chapters_ranges(folder):
    start = import_module("stormlens.bench._generator_peer").start
    assert start(job(folder, "augment", ""))() is None


def test_every_peer_has_a_home_of_its_own_kind():
    for peer in PEERS:
        assert peer.home.startswith("stormlens.bench._")
        assert set(peer.tasks) <= {"train", "augment", "predict"}
        assert peer.modules
