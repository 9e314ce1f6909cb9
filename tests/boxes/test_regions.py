"""Regions of touching cells, held against SciPy's labelling."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from stormlens.boxes._regions import find_regions
from stormlens.stormbox import NATIONAL


def by_labels(mask):
    """Cells, first and last row and column, and mean of SciPy's regions, in its order."""
    labels, n = ndimage.label(mask, structure=np.ones((3, 3)))
    cells = np.bincount(labels[mask], minlength=n + 1)[1:]
    slices = np.array(
        [[(axis.start, axis.stop - 1) for axis in held] for held in ndimage.find_objects(labels)],
        int,
    ).reshape(n, 2, 2)
    sums = [np.bincount(labels[mask], at, n + 1)[1:] for at in np.nonzero(mask)]
    return cells, slices[..., 0], slices[..., 1], np.stack(sums, axis=1) / cells[:, np.newaxis]


def assert_as_scipy(mask):
    for found, expected in zip(find_regions(mask), by_labels(mask), strict=True):
        npt.assert_array_equal(found, expected)


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.booleans()))
def test_regions_are_scipys_in_its_order(mask):
    assert_as_scipy(mask)


@pytest.mark.parametrize("share", [0.02, 0.4, 0.6, 0.98])
def test_regions_of_a_whole_mosaic_of_noise(share):
    assert_as_scipy(np.random.default_rng(7).random(NATIONAL.shape) < share)


def test_a_spiral_is_one_region():
    mask = np.zeros((41, 41), bool)
    for ring in range(0, 20, 2):
        mask[ring, ring : 41 - ring] = mask[40 - ring, ring : 41 - ring] = True
        mask[ring : 41 - ring, 40 - ring] = mask[ring + 2 : 41 - ring, ring] = True
        mask[ring + 2, ring : ring + 2] = True
    assert_as_scipy(mask)
    assert len(find_regions(mask).cells) == 1


def test_no_cell_is_no_region():
    assert [len(part) for part in find_regions(np.zeros((3, 4), bool))] == [0] * 4
