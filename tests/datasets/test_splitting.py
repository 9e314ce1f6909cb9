"""Splits keep days whole, classes in proportion, and every split filled."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.datasets import make_dataset
from stormlens.datasets._splitting import assign_splits, days, stratify
from stormlens.errors import InputError
from stormlens.stormbox import SPLITS


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), min_size=3, max_size=120),
    st.integers(0, 5),
)
def test_no_group_is_divided_and_no_split_is_empty(images, seed):
    codes, groups = np.array(images).T
    _, groups = np.unique(groups, return_inverse=True)
    if groups.max() < 2:
        with pytest.raises(InputError, match="cannot be divided"):
            stratify(codes, groups, seed, where="folder")
        return
    split = stratify(codes, groups, seed, where="folder")
    assert set(split) == set(SPLITS)
    for group in np.unique(groups):
        assert len(set(split[groups == group])) == 1
    npt.assert_array_equal(split, stratify(codes, groups, seed, where="folder"))


@pytest.mark.parametrize("seed", range(4))
def test_single_images_are_stratified_to_the_image(seed):
    codes = np.repeat([0, 1, 2], [200, 100, 20])
    split = stratify(codes, np.arange(320), seed, where="folder")
    for code, expected in ((0, (140, 30, 30)), (1, (70, 15, 15)), (2, (14, 3, 3))):
        npt.assert_array_equal([np.sum(split[codes == code] == s) for s in SPLITS], expected)


def test_a_class_of_three_reaches_every_split():
    codes = np.repeat([0, 1], [50, 3])
    split = stratify(codes, np.arange(53), 0, where="folder")
    assert set(split[codes == 1]) == set(SPLITS)


def test_the_seed_decides():
    codes = np.zeros(100, int)
    first, second = (stratify(codes, np.arange(100), seed, where="") for seed in (0, 1))
    assert (first != second).any()
    with pytest.raises(InputError, match="seed is -1"):
        stratify(codes, np.arange(100), -1, where="")


def test_days_are_utc_and_unknown_times_stand_alone():
    times = np.array(["2011-04-04T23:59", "NaT", "2011-04-04T00:00", "2011-04-05", "NaT"], "M8[ns]")
    groups = days(times)
    assert groups[0] == groups[2]
    assert len(set(groups)) == 4
    assert set(groups) == {0, 1, 2, 3}


def boxes(times):
    return make_dataset(np.zeros((len(times), 2, 2)), [0] * len(times), time=times, source="hand")


def test_archive_years_decide_where_they_fill_every_split():
    dataset = assign_splits(boxes(["2016-05-01", "2000-01-01", "2012-03-01"]), 0, where="folder")
    assert dataset.split.values.tolist() == ["test", "train", "validation"]
    assert dataset.attrs["split_rule"].startswith("years of the archive")


@pytest.mark.parametrize(
    "times",
    [
        ["2016-05-01", "2000-01-01", "2001-03-01"],  # no validation year
        ["2016-05-01", "2000-01-01", "2012-03-01", "2020-01-01"],  # after the archive
        ["2016-05-01", "2000-01-01", "2012-03-01", "NaT"],  # a time unknown
    ],
)
def test_days_decide_where_years_cannot(times):
    dataset = assign_splits(boxes(times), 0, where="folder")
    assert set(dataset.split.values) == set(SPLITS)
    assert dataset.attrs["split_rule"].startswith("stratified")
