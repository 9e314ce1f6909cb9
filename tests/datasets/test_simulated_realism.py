"""Simulated boxes against what is published of the real ones, and against easy answers."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stormlens.datasets._simulated import load_simulated, simulate
from stormlens.stormbox import CODES, MODES

THRESHOLDS = (5, 20, 35, 40, 50)
# Share of pixels at or above each threshold, mean over SVRIMG's 1,741 labelled boxes.
PUBLISHED = {
    "Cellular": (0.343, 0.119, 0.027, 0.016, 0.004),
    "QLCS": (0.616, 0.334, 0.106, 0.045, 0.005),
    "Tropical": (0.623, 0.375, 0.087, 0.021, 0.000),
    "Other": (0.425, 0.162, 0.028, 0.010, 0.001),
    "Noise": (0.564, 0.131, 0.028, 0.014, 0.003),
    "Missing": (0.162, 0.064, 0.014, 0.006, 0.001),
}
# The table is rounded to three places; where it reads 0.000 or 0.001, a third says nothing.
ROUNDING = 0.001
MAXIMA = {"Cellular": 72, "QLCS": 70, "Tropical": 61, "Other": 63, "Noise": 69, "Missing": 67}
BOXES = 240


@pytest.fixture(scope="module")
def by_mode():
    # Over half of the Missing boxes are blank, so twice as many are needed for a steady mean.
    codes = np.repeat(np.arange(6), [BOXES] * 5 + [2 * BOXES])
    images = simulate(codes, seed=11).reflectivity.values
    return {mode: images[codes == code] for mode, code in CODES.items()}


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_reflectivity_shares_are_within_a_third_of_the_real_ones(by_mode, mode):
    shares = np.array([(by_mode[mode] >= threshold).mean() for threshold in THRESHOLDS])
    published = np.array(PUBLISHED[mode])
    assert (np.abs(shares - published) <= published / 3 + ROUNDING).all(), shares.round(4)


@pytest.mark.parametrize("mode", MODES)
def test_highest_reflectivity_is_near_the_real_one(by_mode, mode):
    assert abs(int(by_mode[mode].max()) - MAXIMA[mode]) <= 7


@pytest.mark.parametrize(("mode", "maximum"), [("Cellular", 61), ("QLCS", 55), ("Tropical", 51)])
def test_maximum_of_a_box_is_as_a_rule_that_of_a_real_one(by_mode, mode, maximum):
    assert abs(np.median(by_mode[mode].max(axis=(1, 2))) - maximum) <= 3


def test_weakest_echo_is_as_common_as_in_real_boxes(by_mode):
    # About 6 % of the pixels of real boxes lie at 1 to 4 dBZ.
    storms = np.concatenate([by_mode["Cellular"], by_mode["QLCS"], by_mode["Tropical"]])
    assert 0.03 < ((storms >= 1) & (storms <= 4)).mean() < 0.08


def test_lines_are_longer_than_cells(by_mode):
    lines, cells = (np.median([_length(box) for box in by_mode[m]]) for m in ("QLCS", "Cellular"))
    assert lines > 27  # over 100 km
    assert lines > 2 * cells


def test_lines_run_most_often_from_south_south_west_to_north_north_east(by_mode):
    bearings = np.array([_bearing(box) for box in by_mode["QLCS"]])
    doubled = np.deg2rad(2 * bearings)  # an axis has no front: 10 and 190 degrees are one
    mean = np.rad2deg(np.arctan2(np.sin(doubled).mean(), np.cos(doubled).mean())) / 2
    assert 5 < mean < 45


def test_tropical_shields_fill_the_middle_without_strong_cores(by_mode):
    middle = (slice(None), slice(34, 102), slice(34, 102))
    assert (by_mode["Tropical"][middle] >= 20).mean() > 0.5
    assert (by_mode["Cellular"][middle] >= 20).mean() < 0.35


def test_a_cell_stands_at_the_report(by_mode):
    middle = by_mode["Cellular"][:, 55:81, 55:81].max(axis=(1, 2))
    assert (middle >= 40).mean() > 0.9


def test_missing_boxes_are_partly_or_wholly_blank(by_mode):
    echo = (by_mode["Missing"] > 0).mean(axis=(1, 2))
    assert 0.35 < (echo == 0).mean() < 0.65
    assert np.median(echo[echo > 0]) < 0.5


def test_what_is_missing_leaves_a_large_blank_that_whole_boxes_seldom_have(by_mode):
    partly = by_mode["Missing"][by_mode["Missing"].any(axis=(1, 2))]
    assert (np.array([_blank(box) for box in partly]) > 0.25).mean() > 0.9
    for mode in ("Cellular", "QLCS", "Tropical", "Other"):
        assert (np.array([_blank(box) for box in by_mode[mode]]) > 0.25).mean() < 0.25


@pytest.mark.slow
def test_four_pixel_statistics_do_not_solve_the_task():
    train, test = load_simulated("train"), load_simulated("test")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(_statistics(train), train["mode"].values)
    assert model.score(_statistics(test), test["mode"].values) <= 0.80


def _statistics(dataset):
    images = dataset["reflectivity"].values
    space = (1, 2)
    return np.stack(
        [
            images.mean(space),
            images.max(space),
            (images >= 5).mean(space),
            (images >= 40).mean(space),
        ],
        axis=1,
    )


def _blank(box):
    """Share of pixels with no echo for four pixels around."""
    return (ndimage.maximum_filter(box, 9) == 0).mean()


def _largest(box):
    labels, count = ndimage.label(box >= 40, structure=np.ones((3, 3)))
    if count == 0:
        return np.zeros((2, 0))
    largest = 1 + np.argmax(np.bincount(labels.ravel())[1:])
    return np.array(np.nonzero(labels == largest), dtype=float)


def _length(box):
    """Length in pixels of the largest region at or above 40 dBZ, as a uniform bar's."""
    place = _largest(box)
    return 0.0 if place.shape[1] < 3 else np.sqrt(12 * np.linalg.eigvalsh(np.cov(place))[-1])


def _bearing(box):
    """Bearing in degrees of the long axis of the pixels at or above 40 dBZ."""
    place = np.array(np.nonzero(box >= 40), dtype=float)
    if place.shape[1] < 3:
        return 0.0
    north, east = np.linalg.eigh(np.cov(place))[1][:, -1]
    return np.rad2deg(np.arctan2(east, north))
