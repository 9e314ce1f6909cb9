"""Plugins are found by name, imported when asked for, and named where they cannot be used."""

import sys

import pytest

from stormlens.errors import InputError
from stormlens.models import ADDED_NETWORKS, list_models, model_info, network_from

NETWORK = """
from stormlens.models import network
from stormlens.models.blocks import Dense, Flatten

@network("plain-dense", "One dense layer")
def plain_dense(n_classes):
    return [Flatten(), Dense(n_classes, "softmax")]
"""


def test_a_network_is_listed_and_found_with_its_package(package):
    package("some-nets", NETWORK, networks={"plain-dense": "some_nets:plain_dense"})
    assert list_models()[-1].name == "plain-dense"
    assert model_info("plain-dense").description == "One dense layer"
    assert network_from("plain-dense") == {"package": "some-nets", "version": "1.0"}
    assert network_from("lenet5") is None


def test_names_are_known_without_an_import(package):
    package("some-nets", NETWORK, networks={"plain-dense": "some_nets:plain_dense"})
    assert ADDED_NETWORKS.names() == ["plain-dense"]
    with pytest.raises(InputError, match="Did you mean 'plain-dense'"):
        model_info("plaindense")
    model_info("lenet5")
    assert "some_nets" not in sys.modules
    model_info("plain-dense")
    assert "some_nets" in sys.modules


@pytest.mark.parametrize(
    ("source", "entry", "why"),
    [
        ("import nowhere_to_be_found", "x", "cannot be imported .ModuleNotFoundError: No module"),
        ("raise SystemExit(3)", "x", "cannot be imported .SystemExit: 3"),
        ("1 / 0", "x", "cannot be imported .ZeroDivisionError"),
        ("", "x", "cannot be imported .AttributeError"),
        ("x = [1]", "x", "is a list; its author has to make it a stormlens.models.Architecture"),
        (NETWORK, "plain_dense", "calls itself 'plain-dense'; both names"),
        (
            "from stormlens.models import Architecture\nx = Architecture('net', '', None)",
            "x",
            "has no function that gives its layers",
        ),
    ],
)
def test_what_cannot_be_used_is_named_and_takes_nothing_away(package, source, entry, why):
    package("bad-nets", source, networks={"net": f"bad_nets:{entry}"})
    sentence = rf"The network net of package bad-nets 1.0 is left out: it {why}"
    with pytest.raises(InputError, match=sentence):
        model_info("net")
    (fault,) = ADDED_NETWORKS.faults()
    assert "bad-nets 1.0" in fault
    assert fault.endswith(".")
    assert [model.name for model in list_models()][:2] == ["chapter-linear", "chapter-relu"]
    ((plugin, told),) = ADDED_NETWORKS.listed()
    assert (plugin.name, told) == ("net", fault)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("lenet5", "has the name of one of Stormlens's own networks, which stays in use"),
        ("Capital", "has no name that can be used: give lower-case letters"),
        ("a" * 61, "has no name that can be used"),
    ],
)
def test_a_name_that_cannot_be_had_is_refused_without_an_import(package, name, why):
    package("bad-nets", "1 / 0", networks={name: "bad_nets:net"})
    assert ADDED_NETWORKS.names() == []
    (fault,) = ADDED_NETWORKS.faults()
    assert why in fault
    assert "ZeroDivisionError" not in fault
    assert model_info("lenet5").description.startswith("LeNet-5")


def test_of_two_packages_with_one_name_the_first_keeps_it(package):
    named = {"networks": {"plain-dense": "b_nets:plain_dense"}}
    package("b-nets", NETWORK, **named)
    package("a-nets", NETWORK, networks={"plain-dense": "a_nets:plain_dense"})
    assert network_from("plain-dense") == {"package": "a-nets", "version": "1.0"}
    (fault,) = ADDED_NETWORKS.faults()
    assert "of package b-nets 1.0 is left out: it has a name that package a-nets uses too" in fault
