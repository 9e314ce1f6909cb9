"""McNemar's test, the swap test by day and Holm's correction, against exact enumerations."""

import itertools

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stormlens.errors import InputError
from stormlens.verification import holm, mcnemar, swap_test

rights = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def _pair(b, c, both=5, neither=3):
    first = [1] * b + [0] * c + [1] * both + [0] * neither
    second = [0] * b + [1] * c + [1] * both + [0] * neither
    return first, second


@given(rights)
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_scipys_two_sided_binomial_test(pairs):
    first, second = np.transpose(pairs)
    result = mcnemar(first, second)
    assert result.b == sum(a and not b for a, b in pairs)
    assert result.c == sum(b and not a for a, b in pairs)
    n = result.b + result.c
    npt.assert_allclose(result.p, stats.binomtest(result.b, n).pvalue if n else 1, rtol=1e-9)


def test_mcnemar_keeps_its_digits_far_out():
    first, second = _pair(400, 150)
    npt.assert_allclose(mcnemar(first, second).p, stats.binomtest(400, 550).pvalue, rtol=1e-9)
    many = mcnemar(*_pair(30_500, 29_500)).p  # and where factorials overflow
    npt.assert_allclose(many, stats.binomtest(30_500, 60_000).pvalue, rtol=1e-6)


def test_classifiers_that_never_differ_have_p_1():
    result = mcnemar([1, 1, 0], [1, 1, 0])
    assert (result.b, result.c, result.p) == (0, 0, 1.0)
    assert swap_test([1, 1, 0], [1, 1, 0], [0, 0, 1]) == 1
    assert mcnemar([], []).p == 1
    assert mcnemar(*_pair(4, 4)).p == 1  # an even share is no evidence, and p no more than 1


def _enumerated(first, second, group):
    """Share of all 2**groups swaps whose difference is as far from 0."""
    ahead = np.bincount(group, weights=np.subtract(first, second, dtype=int))
    signs = np.array(list(itertools.product((-1, 1), repeat=ahead.size)))
    return np.mean(np.abs(signs @ ahead) >= abs(ahead.sum()))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=1))
@settings(max_examples=60, deadline=None)
def test_the_swap_test_is_the_enumeration_of_all_swaps(boxes):
    first, second, group = np.transpose(boxes).astype(int)
    npt.assert_allclose(swap_test(first, second, group), _enumerated(first, second, group))


def test_the_swap_test_is_scipys_exact_permutation_test_of_days():
    rng = np.random.default_rng(3)
    group = rng.integers(0, 9, 60)
    first, second = rng.random((2, 60)) < [[0.9], [0.6]]
    days = [np.bincount(group, weights=right) for right in (first, second)]
    expected = stats.permutation_test(
        days, lambda a, b: (a - b).sum(), permutation_type="samples", n_resamples=np.inf
    )
    npt.assert_allclose(swap_test(first, second, group), expected.pvalue)


@given(rights)
@settings(max_examples=30, deadline=None)
def test_with_one_box_a_day_the_swap_test_is_mcnemars(pairs):
    first, second = np.transpose(pairs)
    npt.assert_allclose(swap_test(first, second, np.arange(len(pairs))), mcnemar(first, second).p)


def test_boxes_of_one_day_are_one_piece_of_evidence():
    first, second = _pair(12, 0)
    assert mcnemar(first, second).p < 0.001
    assert (
        swap_test(first, second, np.zeros(20, int)) == 1
    )  # a single day can be swapped only whole


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1, 0], [1], "2 answers and 1"),
        ([1, 2], [1, 0], "one true or false for each box"),
        ([1, np.nan], [1, 0], "one true or false for each box"),
        ([[1]], [1], "one true or false for each box"),
    ],
)
def test_answers_that_are_neither_right_nor_wrong_are_refused(first, second, message):
    with pytest.raises(InputError, match=message):
        mcnemar(first, second)


@pytest.mark.parametrize(
    ("group", "message"), [([0], "1 groups do not fit"), ([0, -1], "from 0"), ([0, 0.5], "from 0")]
)
def test_groups_that_are_none_are_refused(group, message):
    with pytest.raises(InputError, match=message):
        swap_test([1, 0], [0, 1], group)


def _closed_test(p):
    """Holm as the closed test of Bonferroni: the worst of all families that a test is in."""
    sets = [
        family
        for size in range(1, len(p) + 1)
        for family in itertools.combinations(range(len(p)), size)
    ]
    return [
        min(1, max(len(family) * min(p[j] for j in family) for family in sets if i in family))
        for i in range(len(p))
    ]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
@settings(max_examples=60, deadline=None)
def test_holm_is_the_closed_test_of_bonferroni(p):
    npt.assert_allclose(holm(p), _closed_test(p), atol=1e-12)


def test_holm_by_hand():
    # Sorted .005, .01, .03, .04 times 4, 3, 2, 1 is .02, .03, .06, .04; none below those before it.
    npt.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_could_not_be_tested():
    npt.assert_array_equal(holm([0.02, np.nan, 0.5]), [0.04, np.nan, 0.5])
    assert holm([]).size == 0


@pytest.mark.parametrize("p", [[1.5], [-0.1], [[0.5]]])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(InputError, match="p-values from 0 to 1"):
        holm(p)
