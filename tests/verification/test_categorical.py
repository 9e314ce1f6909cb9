"""Scores from counts, against scikit-learn, `scores`, Wilks's tables and the archive's matrix."""

import itertools

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scores.categorical import BasicContingencyManager
from sklearn import metrics

from stormlens.errors import InputError
from stormlens.stormbox import CODES
from stormlens.verification import (
    accuracy,
    bias,
    confusion_matrix,
    csi,
    f1,
    far,
    gerrity,
    hss,
    macro_f1,
    peirce,
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
# Finley's tornadoes of 1884: 28 hits, 72 false alarms, 23 misses, 2680 neither (Wilks 2019, ch. 9).
FINLEY = np.array([[28, 23], [72, 2680]])

# Goldsmith's freezing rain, snow and rain (Wilks 2019, ch. 9); his rows are the forecasts.
GOLDSMITH = np.array([[50, 91, 71], [47, 2364, 170], [54, 205, 3288]]).T
NAN = np.nan

codes = st.lists(st.integers(0, 3), min_size=1, max_size=40)


tables = st.integers(2, 5).flatmap(
    lambda k: st.lists(st.integers(0, 40), min_size=k * k, max_size=k * k).map(
        lambda cells: np.reshape(cells, (k, k))
    )
)


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


@pytest.mark.slow
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
    for score in (accuracy, pod, far, csi, f1, macro_f1, hss, peirce, gerrity, bias):
        npt.assert_array_equal(score(stack), np.stack([score(one) for one in stack]))


def test_counts_of_chunks_add_up():
    rng = np.random.default_rng(0)
    truth, answer = rng.integers(0, 6, (2, 500))
    chunks = [confusion_matrix(truth[i : i + 90], answer[i : i + 90], 6) for i in range(0, 500, 90)]
    npt.assert_array_equal(np.sum(chunks, axis=0), confusion_matrix(truth, answer, 6))


@pytest.mark.parametrize(
    ("truth", "answer", "message"),
    [
        ([0, 1], [0], "2 true labels and 1 answers"),
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


def test_finleys_tornadoes_as_wilks_scores_them():
    npt.assert_allclose(accuracy(FINLEY), 0.966, atol=5e-4)
    npt.assert_allclose(csi(FINLEY)[0], 0.228, atol=5e-4)
    npt.assert_allclose(bias(FINLEY)[0], 1.96, atol=5e-3)
    npt.assert_allclose(far(FINLEY)[0], 0.720, atol=5e-4)
    npt.assert_allclose(pod(FINLEY)[0], 0.549, atol=5e-4)
    npt.assert_allclose(hss(FINLEY), 0.355, atol=5e-4)
    npt.assert_allclose(peirce(FINLEY), 0.523, atol=5e-4)


def test_goldsmiths_freezing_rain():
    npt.assert_allclose(bias(GOLDSMITH), [212 / 151, 2581 / 2660, 3547 / 3529])
    npt.assert_allclose(hss(GOLDSMITH), 0.805, atol=5e-4)
    npt.assert_allclose(peirce(GOLDSMITH), 0.811, atol=5e-4)
    npt.assert_allclose(gerrity(GOLDSMITH), 0.572, atol=5e-4)


@given(st.lists(st.integers(1, 500), min_size=4, max_size=4))
@settings(max_examples=40, deadline=None)
def test_two_classes_agree_with_scores(counts):
    hits, misses, false_alarms, neither = counts
    table = np.array([[hits, misses], [false_alarms, neither]])
    names = ("tp_count", "fn_count", "fp_count", "tn_count")
    entries = dict(zip(names, map(xr.DataArray, map(float, counts)), strict=True))
    theirs = BasicContingencyManager({**entries, "total_count": xr.DataArray(float(sum(counts)))})
    npt.assert_allclose(peirce(table), theirs.peirce_skill_score(), atol=1e-12)
    npt.assert_allclose(
        gerrity(table), theirs.peirce_skill_score(), atol=1e-12
    )  # the same for two classes
    npt.assert_allclose(hss(table), theirs.heidke_skill_score(), atol=1e-12)
    npt.assert_allclose(bias(table)[0], theirs.frequency_bias())
    npt.assert_allclose(csi(table)[0], theirs.critical_success_index())
    npt.assert_allclose(far(table)[0], theirs.false_alarm_ratio())
    npt.assert_allclose(pod(table)[0], theirs.probability_of_detection())


def _by_weights(table):
    """Gerrity's score from his scoring weights (Wilks 2019, ch. 9)."""
    k = len(table)
    joint = table / table.sum()
    below = np.cumsum(joint.sum(1))[:-1]
    odds = (1 - below) / below  # D of Wilks
    weights = np.empty((k, k))
    for i, j in itertools.product(range(k), repeat=2):
        low, high = min(i, j), max(i, j)
        weights[i, j] = (1 / odds[:low]).sum() - (high - low) + odds[high:].sum()
    return (joint * weights).sum() / (k - 1)


@given(tables)
@settings(max_examples=80, deadline=None)
def test_gerrity_is_the_sum_of_his_weights(table):
    score = gerrity(table)
    if table[0].sum() == 0 or table[-1].sum() == 0:
        assert np.isnan(score)
    else:
        npt.assert_allclose(score, _by_weights(table), atol=1e-9)


def test_gerrity_rewards_the_rare_more():
    # One more box of the rare class right beats one more of the common class.
    table = np.array([[5, 5], [50, 140]])
    rare, common = np.add(table, [[1, -1], [0, 0]]), np.add(table, [[0, 0], [-1, 1]])
    assert gerrity(rare) - gerrity(table) > 10 * (gerrity(common) - gerrity(table))


def test_gerrity_depends_on_the_order_and_peirce_does_not():
    order = [2, 0, 1, 3, 4, 5]
    shuffled = PUBLISHED[np.ix_(order, order)]
    npt.assert_allclose(peirce(shuffled), peirce(PUBLISHED))
    npt.assert_allclose(gerrity(PUBLISHED, order), gerrity(shuffled))
    assert gerrity(PUBLISHED, order) != gerrity(PUBLISHED)
    npt.assert_allclose(gerrity(PUBLISHED, order[::-1]), gerrity(PUBLISHED, order))


def test_scores_of_the_published_matrix_over_all_orders():
    npt.assert_allclose(peirce(PUBLISHED), 0.817, atol=5e-4)
    npt.assert_allclose(gerrity(PUBLISHED), 0.619, atol=5e-4)
    orders = [gerrity(PUBLISHED, order) for order in itertools.permutations(range(6))]
    npt.assert_allclose([min(orders), max(orders)], [0.417, 0.913], atol=5e-4)


@given(tables, st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_a_constant_answer_has_no_skill(table, answer):
    constant = np.zeros_like(table)
    constant[:, answer % len(table)] = table.sum(1)
    for score in (peirce, gerrity):
        value = score(constant)
        assert np.isnan(value) or abs(value) < 1e-9


def test_a_perfect_answer_scores_1_and_only_one_class_is_no_question():
    perfect = np.diag([3, 1, 7])
    assert peirce(perfect) == gerrity(perfect) == 1
    assert np.isnan([peirce([[4]]), gerrity([[4]]), peirce([[3, 1], [0, 0]])]).all()
    assert np.isnan(gerrity(np.zeros((3, 3))))


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [1, 2, 3]])
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(InputError, match="every code from 0 to 2 once"):
        gerrity(np.ones((3, 3)), order)
