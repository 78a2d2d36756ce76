"""Significance against values by hand, scipy called directly, and every division of the scores."""

from itertools import combinations
from statistics import mean

import numpy as np
import pytest
from scipy import stats

from ner_mx.evaluation.significance import compare_samples, holm


@pytest.mark.parametrize("values, adjusted", [
    ([], []),
    ([0.03], [0.03]),
    # 4 * 0.005, 3 * 0.01, 2 * 0.03, and 1 * 0.04, which must not be less than the one before it.
    ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
    # Equal values: 3 * 0.02 for one, 2 * 0.02 for the other, which must not be less.
    ([0.02, 0.02, 0.5], [0.06, 0.06, 0.5]),
    # No adjusted value is more than 1.
    ([0.6, 0.9, 0.7], [1.0, 1.0, 1.0]),
    ([0.0, 1.0], [0.0, 1.0]),
    # 5 * 0.001, 4 * 0.012, 3 * 0.02, at least that, 1 * 0.2.
    ([0.001, 0.012, 0.02, 0.03, 0.2], [0.005, 0.048, 0.06, 0.06, 0.2]),
])
def test_holm_equals_values_by_hand(values, adjusted):
    assert holm(values) == pytest.approx(adjusted, abs=1e-15)


def test_holm_keeps_the_order_and_rejects_as_the_step_down_procedure():
    random = np.random.RandomState(5)
    for size in (2, 5, 9):
        for _ in range(50):
            values = random.uniform(size=size) ** 4
            adjusted = np.array(holm(values.tolist()))
            assert (adjusted >= values).all() and (adjusted <= 1).all()
            order = np.argsort(values)
            assert (np.diff(adjusted[order]) >= 0).all()
            for level in (0.01, 0.05, 0.2):
                # Step down: reject while the k-th smallest of m values is at most level / (m - k).
                rejected = set()
                for rank, index in enumerate(order):
                    if values[index] > level / (size - rank):
                        break
                    rejected.add(index)
                assert set(np.flatnonzero(adjusted <= level)) == rejected


def rank_sum_by_enumeration(scores, others):
    """The two-sided exact p: how many divisions of all scores are at least as extreme as this one."""
    ranks = {value: rank for rank, value in enumerate(sorted([*scores, *others]), start=1)}
    observed = sum(ranks[value] for value in scores)
    sums = np.array([sum(chosen) for chosen in combinations(ranks.values(), len(scores))])
    return min(1.0, 2 * min((sums <= observed).mean(), (sums >= observed).mean()))


SIZES = [(2, 2), (3, 5), (5, 3), (4, 4), (2, 6), (6, 6)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_rank_sum_test_is_exact(sizes):
    random = np.random.RandomState(sum(sizes))
    for shift in (0.0, 0.5, 1.0, 10.0):
        scores = (random.normal(size=sizes[0]) + shift).tolist()
        others = random.normal(size=sizes[1]).tolist()
        assert compare_samples(scores, others).ranks == pytest.approx(
            rank_sum_by_enumeration(scores, others), abs=1e-12)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_tests_equal_scipy(sizes):
    random = np.random.RandomState(7)
    for shift in (0.0, 1.0, -3.0):
        scores = (random.normal(scale=2, size=sizes[0]) + shift).tolist()
        others = random.normal(size=sizes[1]).tolist()
        comparison = compare_samples(scores, others)
        assert comparison.difference == pytest.approx(mean(scores) - mean(others), abs=1e-12)
        welch = stats.ttest_ind(scores, others, equal_var=False).pvalue
        assert comparison.welch == pytest.approx(welch, abs=1e-12)
        # Student's test, which takes the variances for equal, is another.
        assert comparison.welch != pytest.approx(stats.ttest_ind(scores, others).pvalue, rel=1e-6)
        exact = stats.mannwhitneyu(scores, others, method="exact").pvalue
        assert comparison.ranks == pytest.approx(exact, abs=1e-12)


def test_welch_equals_the_formula():
    scores, others = [0.90, 0.91, 0.93, 0.92], [0.88, 0.90, 0.87]
    errors = [np.var(sample, ddof=1) / len(sample) for sample in (scores, others)]
    t = (mean(scores) - mean(others)) / np.sqrt(sum(errors))
    freedom = sum(errors) ** 2 / (errors[0] ** 2 / 3 + errors[1] ** 2 / 2)
    assert compare_samples(scores, others).welch == pytest.approx(2 * stats.t.sf(abs(t), freedom), abs=1e-12)


def test_equal_scores_make_the_rank_sum_test_asymptotic():
    scores, others = [0.90, 0.91, 0.93, 0.92], [0.88, 0.90, 0.87, 0.91]
    asymptotic, exact = (stats.mannwhitneyu(scores, others, method=method).pvalue
                         for method in ("asymptotic", "exact"))
    assert compare_samples(scores, others).ranks == pytest.approx(asymptotic, abs=1e-12)
    assert asymptotic != pytest.approx(exact, abs=1e-3)
    # Equal scores within one sample count, too.
    scores, others = [0.90, 0.90, 0.93], [0.88, 0.87, 0.91]
    asymptotic = stats.mannwhitneyu(scores, others, method="asymptotic").pvalue
    assert compare_samples(scores, others).ranks == pytest.approx(asymptotic, abs=1e-12)


def test_the_order_of_the_samples_changes_only_the_sign():
    scores, others = [0.90, 0.91, 0.93, 0.92], [0.88, 0.895, 0.87]
    comparison, reverse = compare_samples(scores, others), compare_samples(others, scores)
    assert reverse.difference == -comparison.difference < 0
    assert reverse.welch == pytest.approx(comparison.welch) and reverse.ranks == pytest.approx(comparison.ranks)


@pytest.mark.parametrize("scores, others, p", [([0.9, 0.9], [0.9, 0.9], 1.0), ([0.9, 0.9], [0.8, 0.8], 0.0)])
def test_samples_without_deviation_are_equal_or_certainly_differ(scores, others, p):
    comparison = compare_samples(scores, others)
    assert comparison.difference == pytest.approx(mean(scores) - mean(others)) and comparison.welch == p
