"""Mean boxes: plain, and probability-matched as Ebert (2001) describes."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stormlens import insight
from stormlens.datasets import make_dataset
from stormlens.errors import InputError


def test_a_small_example_worked_by_hand():
    # Three members. All values from the top: 9 8 7 6 6 5 4 3 2 1 0 0; every third: 9 6 4 1.
    members = [[[9, 1], [0, 6]], [[3, 8], [2, 6]], [[0, 7], [5, 4]]]
    # Their mean, in thirds: 12 16 7 16; the two of 16 tie and go by place.
    npt.assert_array_equal(insight.probability_matched_mean(members), [[4, 9], [1, 6]])


def test_a_storm_that_wanders_keeps_its_strength():
    members = np.zeros((4, 5, 5), np.uint8)
    for i in range(4):
        members[i, 2, i] = 50
    matched = insight.probability_matched_mean(members)
    assert members.mean(0).max() == 12.5
    assert matched.max() == 50
    assert (matched == 50).sum() == 1  # one pixel of each member in the pool, one kept of four
    assert matched.dtype == np.uint8


@given(
    arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 80))
)
@settings(max_examples=50, deadline=None)
def test_it_has_the_members_values_and_the_means_order(members):
    matched = insight.probability_matched_mean(members).ravel()
    pool = sorted(members.ravel().tolist(), reverse=True)
    assert sorted(matched.tolist(), reverse=True) == pool[:: len(members)]
    mean = members.astype(int).sum(0).ravel()
    higher = mean[:, None] > mean[None, :]
    assert (matched[:, None] >= matched[None, :])[higher].all()


@given(arrays(np.uint8, (1, 4, 4), elements=st.integers(0, 80)))
@settings(max_examples=20, deadline=None)
def test_of_one_box_it_is_the_box(members):
    npt.assert_array_equal(insight.probability_matched_mean(members), members[0])


def labelled():
    images = np.random.default_rng(0).integers(0, 75, (6, 8, 8)).astype(np.uint8)
    return make_dataset(images, [0, 1, 0, 3, 1, 0], source="test", simulated=True)


def test_means_of_each_mode():
    dataset = labelled()
    images = dataset["reflectivity"].values
    means = insight.mean_boxes(dataset)
    assert means["mode"].values.tolist() == ["Cellular", "QLCS", "Other"]
    assert means["count"].values.tolist() == [3, 2, 1]
    npt.assert_allclose(means["mean"].sel(mode="QLCS"), images[[1, 4]].mean(0), rtol=1e-6)
    npt.assert_array_equal(
        means["pmm"].sel(mode="Cellular"), insight.probability_matched_mean(images[[0, 2, 5]])
    )
    assert (means["pmm"].dtype, means.attrs["simulated"]) == (np.uint8, 1)
    npt.assert_array_equal(means["y"], dataset["y"])


def test_the_mean_of_all_boxes_or_of_a_mode():
    dataset = labelled()
    images = dataset["reflectivity"].values
    npt.assert_allclose(insight.mean_box(dataset), images.mean(0), rtol=1e-6)
    npt.assert_allclose(insight.mean_box(dataset, "Other"), images[3], rtol=1e-6)
    assert insight.mean_box(dataset.drop_vars("mode")).attrs["units"] == "dBZ"


def test_the_archives_composites_are_as_strong_as_single_storms(shared_data):
    # What the archive's authors drew: intensities of single storms, no plain mean reaches them.
    composites = np.load(shared_data / "svrimg" / "composites_1996_2011.npz")["composites"]
    squall_line = np.load(shared_data / "svrimg" / "five_images_20110404.npy")
    squall_line = squall_line.reshape(-1, 136, 136)
    matched = insight.probability_matched_mean(squall_line)
    assert matched.max() > squall_line.mean(0).max()
    assert composites[1].max() > 60 > squall_line.mean(0).max()


def test_what_cannot_be_averaged_says_why():
    dataset = labelled()
    with pytest.raises(InputError, match=r"'QLC'\. Did you mean 'QLCS'"):
        insight.mean_box(dataset, "QLC")
    with pytest.raises(InputError, match="no box of mode Tropical"):
        insight.mean_box(dataset, "Tropical")
    with pytest.raises(InputError, match="no labels"):
        insight.mean_boxes(dataset.drop_vars("mode"))
    with pytest.raises(InputError, match="holds no box"):
        insight.mean_box(dataset.isel(storm=[]))
    with pytest.raises(InputError, match=r"shape \(2, 2\) are not \(n, y, x\)"):
        insight.probability_matched_mean([[1, 2], [3, 4]])
    with pytest.raises(InputError, match="no numbers; write 0 for no echo"):
        insight.probability_matched_mean([[[np.nan]]])
