"""What was published on the archive, against what its authors and others printed of it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from stormlens.experiment._published import (
    ARCHIVE_CONFUSION,
    Published,
    always_qlcs,
    elsewhere,
    of_archive,
    of_chapter,
)
from stormlens.stormbox import SPLIT_COUNTS


@pytest.fixture(scope="module")
def archive():
    return {entry.score: entry for entry in of_archive()}


def test_the_archives_matrix_is_of_its_test_split():
    assert tuple(np.sum(ARCHIVE_CONFUSION, axis=1)) == SPLIT_COUNTS["test"]


@pytest.mark.parametrize(
    ("score", "printed", "decimals"),
    [
        ("accuracy", 0.8867, 4),
        ("hss", 0.825, 3),
        ("macro_f1", 0.58, 2),
        ("Cellular pod", 0.974, 3),
        ("Cellular far", 0.191, 3),
        ("QLCS pod", 0.954, 3),
        ("QLCS far", 0.020, 3),
        ("Tropical pod", 0.970, 3),
        ("Tropical far", 0.220, 3),
        ("Other pod", 0.091, 3),
        ("Other far", 0.0, 3),
        ("Noise pod", 0.0, 3),
        ("Missing pod", 0.50, 2),
        ("Missing far", 0.25, 2),
    ],
)
def test_scores_of_the_archives_matrix_are_those_that_were_printed(
    archive, score, printed, decimals
):
    assert round(archive[score].value, decimals) == printed


def test_noise_was_never_answered_and_has_no_far(archive):
    assert "Noise far" not in archive


def test_the_interval_of_its_accuracy_is_the_published_one(archive):
    accuracy = archive["accuracy"]
    assert (round(accuracy.low, 3), round(accuracy.high, 3)) == (0.846, 0.918)
    assert math.isnan(archive["hss"].low)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_scipys(case):
    right, boxes = case
    found = Published.share("test", "accuracy", right / boxes, boxes)
    expected = binomtest(right, boxes).proportion_ci(method="wilson")
    assert found.low == pytest.approx(expected.low, abs=1e-6)
    assert found.high == pytest.approx(expected.high, abs=1e-6)


def test_places_are_seen_from_the_interval():
    published = Published("test", "accuracy", 0.8, 100, 0.7, 0.9)
    places = {value: published.place(value) for value in (0.69, 0.7, 0.8, 0.9, 0.91)}
    assert list(places.values()) == ["below", "inside", "inside", "inside", "above"]
    assert published.place(math.nan) is None
    assert Published("test", "hss", 0.8, 100).place(0.8) is None


def test_a_chapters_accuracies_are_of_training_and_validation():
    train, validation = of_chapter(0.931, 0.782)
    assert (train.split, train.boxes, train.value) == ("train", 1331, 0.931)
    assert (validation.split, validation.boxes, validation.value) == ("validation", 110, 0.782)


def test_always_qlcs_and_others_results():
    assert round(always_qlcs().value, 3) == 0.507
    values = [row["value"] for result in elsewhere() for row in result["published"]]
    assert values == [0.886, 0.81, 0.758]
    assert elsewhere()[1]["published"][0]["boxes"] is None
