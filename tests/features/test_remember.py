"""Tables of boxes measured before are the same, and are measured once."""

import numpy as np
import numpy.testing as npt

from stormlens import features
from stormlens.features import _measure
from stormlens.features._remember import each_once


def some_boxes(n=5, size=24):
    return np.random.default_rng(3).integers(0, 60, (n, size, size)).astype(np.uint8)


def test_a_remembered_table_is_the_measured_one():
    images = some_boxes()
    due = features.measure_images(images)
    with features.remembering():
        npt.assert_array_equal(features.measure_images(images[2:]), due[2:])
        npt.assert_array_equal(features.measure_images(images[::-1]), due[::-1])


def test_each_image_is_measured_once(monkeypatch):
    counted = []
    table = _measure._table

    def counting(images):
        counted.append(len(images))
        return table(images)

    monkeypatch.setattr(_measure, "_table", counting)
    images = some_boxes()
    with features.remembering():
        features.measure_images(images[:3])
        with features.remembering():  # as one block
            features.measure_images(np.concatenate([images, images]))
    assert counted == [3, 2]
    features.measure_images(images)
    assert counted == [3, 2, 5]  # the block has ended


def test_images_of_the_same_bytes_but_other_sizes_are_others():
    flat = np.zeros((1, 4, 9), np.uint8)
    with features.remembering():
        for images in (flat, flat.reshape(1, 6, 6)):
            rows = each_once(images, lambda given: np.full((len(given), 1), given.shape[1]))
            assert rows[0, 0] == images.shape[1]


def test_no_image_is_no_row():
    with features.remembering():
        assert len(features.measure_images(np.zeros((0, 24, 24), np.uint8))) == 0
