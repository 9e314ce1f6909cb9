"""Scores from counts, against scikit-learn and the archive's published confusion matrix."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from stormlens.errors import InputError
from stormlens.stormbox import CODES
from stormlens.verification import (
    accuracy,
    confusion_matrix,
    csi,
    f1,
    far,
    hss,
    macro_f1,
    pod,
    wilson_interval,
)

# Rows true, columns predicted, codes 0-5: SVRIMG authors' notebook, 300 test images.
PUBLISHED = np.array(
    [
        [76, 1, 1, 0, 0, 0],
        [4, 145, 2, 0, 0, 1],
        [0, 1, 32, 0, 0, 0],
        [3, 0, 6, 1, 0, 1],
        [0, 0, 0, 0, 0, 2],
        [11, 1, 0, 0, 0, 12],
    ]
)
NAN = np.nan

codes = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@st.composite
def labels(draw):
    truth = draw(codes)
    answer = draw(st.lists(st.integers(0, 3), min_size=len(truth), max_size=len(truth)))
    return truth, answer


def test_published_overall_scores():
    npt.assert_allclose(accuracy(PUBLISHED), 266 / 300)
    npt.assert_allclose(hss(PUBLISHED), 0.825, atol=5e-4)
    npt.assert_allclose(macro_f1(PUBLISHED), 0.58, atol=5e-3)
    npt.assert_allclose(pod(PUBLISHED).mean(), 0.581, atol=5e-4)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (pod, [0.974, 0.954, 0.970, 0.091, 0.0, 0.5]),
        (far, [0.191, 0.020, 0.220, 0.0, NAN, 0.250]),
        (csi, [0.792, 0.935, 0.762, 0.091, 0.0, 0.429]),
    ],
)
def test_published_scores_of_each_mode(score, expected):
    npt.assert_allclose(score(PUBLISHED), expected, atol=5e-4)


def test_far_and_pod_by_hand():
    npt.assert_allclose(far(PUBLISHED)[CODES["Cellular"]], 18 / 94)  # 94 answered, 18 were not
    npt.assert_allclose(pod(PUBLISHED)[CODES["QLCS"]], 145 / 152)


def test_a_mode_never_answered_has_no_far_and_one_never_seen_no_pod():
    assert np.isnan(far(PUBLISHED)[CODES["Noise"]])  # undefined, not perfect
    counts = [[3, 0, 1], [0, 0, 0], [0, 0, 2]]
    assert np.isnan([pod(counts)[1], far(counts)[1], csi(counts)[1], f1(counts)[1]]).all()


def test_nothing_counted_gives_nan_everywhere():
    empty = np.zeros((2, 2))
    assert np.isnan([accuracy(empty), hss(empty), macro_f1(empty)]).all()
    assert np.isnan(hss([[5, 0], [0, 0]]))  # one mode, always answered: chance is perfect too


def test_constant_answers_have_no_skill():
    npt.assert_allclose(hss([[0, 78], [0, 152]]), 0)


def test_published_wilson_interval():
    low, high = wilson_interval(266, 300)
    npt.assert_allclose([low, high], [0.846, 0.918], atol=5e-4)


def test_wilson_interval_stays_inside_0_to_1_and_is_nan_without_trials():
    low, high = wilson_interval([0, 2, 0], [2, 2, 0])
    npt.assert_allclose(low[:2], [0, 2 / (2 + 1.959964**2)], atol=1e-12)
    npt.assert_allclose(high[:2], [1.959964**2 / (2 + 1.959964**2), 1], atol=1e-12)
    assert np.isnan([low[2], high[2]]).all()


@given(labels())
@settings(max_examples=60, deadline=None)
def test_agrees_with_scikit_learn(pair):
    truth, answer = pair
    counts = confusion_matrix(truth, answer, 4)
    every = list(range(4))
    npt.assert_array_equal(counts, metrics.confusion_matrix(truth, answer, labels=every))
    npt.assert_allclose(accuracy(counts), metrics.accuracy_score(truth, answer))
    npt.assert_allclose(
        macro_f1(counts), metrics.f1_score(truth, answer, average="macro", zero_division=0)
    )
    if len(set(truth) | set(answer)) > 1:
        kappa = metrics.cohen_kappa_score(truth, answer)
        npt.assert_allclose(hss(counts), kappa, atol=1e-12)
    precision, recall, harmonic, _ = metrics.precision_recall_fscore_support(
        truth, answer, labels=every, zero_division=np.nan
    )
    npt.assert_allclose(pod(counts), recall)
    npt.assert_allclose(1 - far(counts), precision)
    npt.assert_allclose(f1(counts), harmonic)
    jaccard = metrics.jaccard_score(truth, answer, labels=every, average=None, zero_division=0)
    npt.assert_allclose(np.nan_to_num(csi(counts)), jaccard)


def test_stacks_of_matrices_score_like_each_alone():
    stack = np.stack([PUBLISHED, PUBLISHED.T, np.zeros((6, 6))])
    for score in (accuracy, pod, far, csi, f1, macro_f1, hss):
        npt.assert_array_equal(score(stack), np.stack([score(one) for one in stack]))


def test_counts_of_chunks_add_up():
    rng = np.random.default_rng(0)
    truth, answer = rng.integers(0, 6, (2, 500))
    chunks = [confusion_matrix(truth[i : i + 90], answer[i : i + 90], 6) for i in range(0, 500, 90)]
    npt.assert_array_equal(np.sum(chunks, axis=0), confusion_matrix(truth, answer, 6))


@pytest.mark.parametrize(
    ("truth", "answer", "message"),
    [
        ([0, 1], [0], "2 true labels stand against 1 answers"),
        ([0, 9], [0, 1], "truth 1 is 9, no class code; codes run 0 to 5"),
        ([0.0, np.nan], [0, 1], "truth 1 is nan"),
        ([0, 1], [0, -1], "predicted 1 is -1"),
        ([[0]], [0], r"truth has shape \(1, 1\)"),
    ],
)
def test_labels_that_cannot_be_counted_are_refused(truth, answer, message):
    with pytest.raises(InputError, match=message):
        confusion_matrix(truth, answer, 6)


def test_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        accuracy(np.ones((2, 3)))
