"""One contract for every source: the same container, splits and sentences."""

import numpy as np
import pytest

from stormlens.datasets import (
    class_names,
    fetch,
    info,
    is_simulated,
    list_sources,
    load,
    load_splits,
    make_dataset,
    validate,
    write_netcdf,
)
from stormlens.errors import InputError
from stormlens.stormbox import SPLIT_COUNTS, SPLITS


@pytest.fixture(params=["svrimg", "simulated", "digits", "folder", "netcdf"])
def source(request, tmp_path):
    """Each source with options that keep it small: name, options."""
    if request.param == "svrimg":
        request.getfixturevalue("server")
        request.getfixturevalue("cache")
    if request.param == "simulated":
        return "simulated", {"count": 3}
    if request.param == "folder":
        for name in ("a", "b"):
            (tmp_path / "mine" / name).mkdir(parents=True)
            np.save(tmp_path / "mine" / name / f"{name}.npy", np.zeros((5, 8, 8)))
        return tmp_path / "mine", {}
    if request.param == "netcdf":
        boxes = make_dataset(np.zeros((9, 8, 8)), [0, 1, 2] * 3, source="mine")
        return str(write_netcdf(boxes, tmp_path / "mine.nc")), {}
    return request.param, {}


def test_every_source_keeps_the_contract(source):
    name, options = source
    dataset = load(name, **options)
    assert dataset.reflectivity.dims == ("storm", "y", "x")
    assert dataset.reflectivity.dtype == np.uint8
    assert validate(dataset).equals(dataset)
    assert {"unid", "time", "latitude", "longitude", "split"} <= set(dataset.coords)
    assert set(dataset.split.values) == set(SPLITS)
    assert is_simulated(dataset) == (name == "simulated")
    assert len(set(dataset.unid.values)) == dataset.sizes["storm"]


def test_splits_of_every_source_add_up(source):
    name, options = source
    whole, parts = load(name, **options), load_splits(name, **options)
    assert list(parts) == list(SPLITS)
    assert sum(part.sizes["storm"] for part in parts.values()) == whole.sizes["storm"]
    for split, part in parts.items():
        assert part.equals(load(name, split, **options))
        assert set(part.split.values) == {split}
        assert class_names(part) == class_names(whole)


def test_info_of_every_source_counts_what_it_loads(source):
    name, options = source
    found = info(name, **options)
    dataset = load(name, **options)
    assert found.classes == class_names(dataset)
    assert found.simulated == (name == "simulated")
    assert list(found.counts) == list(SPLITS)
    if name == "svrimg":  # described as published, not as on the small server
        assert found.total == 1741
        assert tuple(found.counts["test"].values()) == SPLIT_COUNTS["test"]
        assert found.years["validation"] == (2012, 2013)
        assert "Haberlie" in found.citation
        assert "GridRad" in found.citation
    else:
        assert found.total == dataset.sizes["storm"]


def test_info_of_unlabelled_boxes(tmp_path):
    path = write_netcdf(make_dataset(np.zeros((2, 8, 8)), source="mine"), tmp_path / "m.nc")
    assert info(path).counts == {"all": {"unlabelled": 2}}


def test_sources_are_listed(server, cache):
    before = {source.name: source for source in list_sources()}
    simulated = {"simulated", "simulated-wide", "simulated-held-out", "simulated-v1"}
    assert {name for name, source in before.items() if source.simulated} == simulated
    assert set(before) == {"svrimg", "digits"} | simulated
    assert not before["svrimg"].cached
    assert before["simulated"].offline
    assert before["simulated"].simulated
    assert len(fetch("svrimg")) == 4
    assert fetch("digits") == []
    assert {source.name: source.cached for source in list_sources()}["svrimg"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: load("digit"), r"Unknown dataset 'digit'. Did you mean 'digits'\? Or give a path"),
        (lambda: load("digits", "trian"), "Unknown split 'trian'. Did you mean 'train'"),
        (
            lambda: load("digits", seeds=1),
            "Unknown option of 'digits': 'seeds'. Did you mean 'seed'",
        ),
        (lambda: load("no/such/folder"), "no/such/folder does not exist"),
        (lambda: load("mine.nc"), r"mine\.nc does not exist"),
        (lambda: load(__file__), r"test_load\.py is no NetCDF file"),
        (lambda: fetch("svrim"), "Did you mean 'svrimg'"),
        (lambda: fetch("svrimg", ["tables"]), "Unknown part of svrimg 'tables'"),
        (lambda: fetch("svrimg", seed=1), "Unknown option of 'svrimg': 'seed'"),
        (lambda: info("svrimg", seed=1), "Unknown option of 'svrimg': 'seed'"),
    ],
)
def test_unknown_names_get_the_nearest(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_folder_may_not_hide_a_named_source(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("digits").sizes["storm"] == 1797
    with pytest.raises(InputError, match="digits holds no sub-folders"):
        load("./digits")


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0"])
def test_a_seed_is_a_whole_number_even_where_it_decides_nothing(tmp_path, seed):
    boxes = make_dataset(np.zeros((3, 8, 8)), [0, 1, 2], source="mine")
    path = write_netcdf(boxes.assign_coords(split=("storm", list(SPLITS))), tmp_path / "mine.nc")
    with pytest.raises(InputError, match="0 or more"):
        load(path, seed=seed)


def test_boxes_without_labels_are_not_trained_on(tmp_path):
    boxes = make_dataset(np.zeros((3, 8, 8)), source="mine")
    path = write_netcdf(boxes.assign_coords(split=("storm", list(SPLITS))), tmp_path / "mine.nc")
    with pytest.raises(InputError, match=r"mine\.nc has no labels"):
        load_splits(path)
