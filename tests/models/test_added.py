"""Networks of other packages: what they may be made of, and runs that were trained with them."""

import json
import sys

import numpy as np
import numpy.testing as npt
import pytest

from stormlens.errors import InputError
from stormlens.models import Classifier, Network, build, network_from

SOURCE = """
from stormlens.models import network
from stormlens.models.blocks import *

@network("own", "A network of another package")
def own(n_classes):
    {body}
"""
BODY = 'return [Conv(4, 3, "relu"), MaxPool(2), MeanAndMax(), Dense(n_classes, "softmax")]'
SHAPE = (20, 20, 1)


def install(package, body=BODY, name="own-nets"):
    module = name.replace("-", "_")
    return package(name, SOURCE.format(body=body), networks={"own": f"{module}:own"})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return 1 / 0", r"fails at 6 classes \(ZeroDivisionError: division by zero\)"),
        ("return 3", r"fails at 6 classes \(TypeError"),
        ("return []", r'the last layer is not Dense\(6, "softmax"\)'),
        ('return [Flatten(), Dense(5, "softmax")]', r'the last layer is not Dense\(6, "softmax"\)'),
        ("return [Flatten(), Dense(n_classes)]", r'the last layer is not Dense\(6, "softmax"\)'),
        ('return [Flatten(), "dense"]', "layer 2, str, is none of stormlens.models.blocks"),
        ('return [Dense(n_classes, "softmax")]', "layer 1, Dense, takes values in a row"),
        ("return [Flatten(), Conv(4, 3)]", "layer 2, Conv, takes a map"),
        ('return [Conv(4, 3, "gelu")]', "layer 1, Conv, has activation 'gelu'"),
        ("return [Conv(4, 0)]", "layer 1, Conv, has size 0"),
        ("return [Conv(4, 3, strides=0)]", "layer 1, Conv, has strides 0"),
        ("return [Conv(4.0, 3)]", "layer 1, Conv, has filters 4.0"),
        ("return [Conv(4, 3, padding='full')]", "layer 1, Conv, has padding 'full'"),
        ("return [Dropout(1)]", "layer 1, Dropout, has rate 1"),
        ("return [Flatten(), Dense(10**9)]", "layer 2, Dense, has units 1000000000"),
    ],
)
def test_layers_that_cannot_be_used_are_named(package, body, why):
    install(package, body)
    with pytest.raises(InputError, match=rf"network own of package own-nets 1\.0 .*{why}"):
        Network.untrained("own", SHAPE, 6, seed=0)


def test_images_too_small_for_it_are_told_as_of_ours(package):
    install(package)
    for side in (2, 3):
        with pytest.raises(InputError, match=rf"^Images of {side} x {side} pixels are too small"):
            Network.untrained("own", (side, side, 1), 6, seed=0)


@pytest.fixture
def run(package, tmp_path):
    """A run folder of a classifier of the network, and what it says of some boxes."""
    install(package)
    classifier = Classifier(
        build("own", input_shape=SHAPE, seed=3),
        "own",
        provenance={"network_from": network_from("own")},
    )
    images = np.random.default_rng(0).integers(0, 60, (5, 20, 20)).astype(np.uint8)
    return classifier.save(tmp_path / "run"), images, classifier.probabilities(images)


def uninstall(package, tmp_path):
    """Installing another package afresh forgets the first."""
    (tmp_path / "site" / "own_nets-1.0.dist-info" / "entry_points.txt").write_text("")
    sys.modules.pop("own_nets")
    package("other", "")


def test_a_run_comes_back_with_its_package(run):
    folder, images, due = run
    loaded = Classifier.load(folder)
    npt.assert_allclose(loaded.probabilities(images), due, atol=1e-6)
    assert loaded.provenance["network_from"] == {"package": "own-nets", "version": "1.0"}


def test_a_run_without_its_package_names_it(run, package, tmp_path):
    uninstall(package, tmp_path)
    sentence = (
        r"run was trained with the network own of package own-nets 1\.0, which is not installed\. "
        "Install it where this Python finds it: pip install own-nets"
    )
    with pytest.raises(InputError, match=sentence):
        Classifier.load(run[0])


def test_a_run_whose_package_is_broken_says_why(run, package, tmp_path):
    sys.modules.pop("own_nets")
    (tmp_path / "site" / "own_nets.py").write_text("import nowhere_to_be_found")
    package("other", "")
    with pytest.raises(InputError, match="run cannot be read: The network own of package own-nets"):
        Classifier.load(run[0])


def test_a_network_of_that_name_of_another_package_is_not_taken(run, package, tmp_path):
    uninstall(package, tmp_path)
    install(package, name="their-nets")
    with pytest.raises(InputError, match="here own is that of package their-nets"):
        Classifier.load(run[0])


def test_weights_that_another_version_has_not_are_told_with_the_version(run, package, tmp_path):
    sys.modules.pop("own_nets")
    (tmp_path / "site" / "own_nets.py").write_text(SOURCE.format(body=BODY.replace("4", "5")))
    package("other", "")
    with pytest.raises(InputError, match=r"than model own of package own-nets 1\.0 has"):
        Classifier.load(run[0])


@pytest.mark.parametrize("origin", [3, "text", {}, {"package": ["a"] * 1000, "version": "\x1b"}])
def test_a_card_that_lies_about_the_package_ends_in_a_sentence(tmp_path, origin):
    model = build("chapter-linear", input_shape=SHAPE, seed=0)
    folder = Classifier(model, "chapter-linear", provenance={"network_from": origin}).save(
        tmp_path / "run"
    )
    assert (
        json.loads((folder / "classifier.json").read_text())["provenance"]["network_from"] == origin
    )
    if isinstance(origin, dict):
        with pytest.raises(InputError, match="is not installed") as caught:
            Classifier.load(folder)
        assert len(str(caught.value)) < 600
    else:
        Classifier.load(folder)
