import numpy as np
import pytest
import xarray as xr

from stormlens import datasets
from stormlens.datasets import make_boxes, make_dataset
from stormlens.errors import InputError
from stormlens.features import describe, measure, measure_images


@pytest.fixture(scope="module")
def storms():
    return datasets.load("simulated", "validation", count=12)


def test_a_table_says_what_it_holds_and_of_which_storms(storms):
    table = measure(storms)
    assert table["features"].dims == ("storm", "feature")
    assert table["features"].dtype == np.float64
    assert table["feature"].values.tolist() == [feature.name for feature in describe()]
    assert table["unit"].sel(feature="core_length").item() == "km"
    for name in ("unid", "time", "latitude", "longitude"):
        np.testing.assert_array_equal(table[name].values, storms[name].values)
    assert table.attrs["simulated"] == 1
    np.testing.assert_array_equal(
        table["features"].values, measure_images(storms["reflectivity"].values)
    )


def test_labels_are_neither_needed_nor_looked_at(storms):
    unlabelled = storms.drop_vars("mode")
    xr.testing.assert_identical(measure(storms), measure(unlabelled))


def test_plain_boxes_give_the_same(storms):
    images = storms["reflectivity"].values
    boxes = make_boxes(images, source="plain", simulated=True)
    table = measure(boxes)
    np.testing.assert_array_equal(table["features"].values, measure_images(images))
    assert table.attrs["source"] == "plain"
    assert measure(make_dataset(images, source="plain")).attrs["simulated"] == 0


@pytest.mark.parametrize("shape", [(0, 136, 136), (2, 1, 1), (3, 8, 8), (2, 1, 40), (1, 300, 20)])
def test_images_of_any_size_and_number_are_measured(shape):
    images = np.random.default_rng(0).integers(0, 80, shape, np.uint8)
    table = measure_images(images)
    assert table.shape == (shape[0], len(describe()))
    assert np.isfinite(table).all()


def test_digits_are_measured_as_if_they_were_dbz():
    digits = datasets.load("digits", "test")
    assert np.isfinite(measure(digits)["features"].values).all()


def test_what_is_no_container_is_told_in_a_sentence(storms):
    with pytest.raises(InputError, match="measure was given a ndarray without reflectivity"):
        measure(np.zeros((2, 136, 136)))
    with pytest.raises(InputError, match="Reflectivity has dimensions"):
        measure(storms.transpose("y", "x", "storm"))
    with pytest.raises(InputError, match="Boxes to measure"):
        measure(storms.assign(reflectivity=storms["reflectivity"].astype(int) + 200))


def test_features_are_described_once_each_in_plain_words():
    names = [feature.name for feature in describe()]
    assert len(set(names)) == len(names)
    for feature in describe():
        assert feature.low < feature.high
        assert feature.meaning.endswith(".")
        assert feature.unit in ("1", "km", "km2", "1/km", "dBZ")
