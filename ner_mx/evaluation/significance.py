"""Whether chance explains the difference between two sets of scores."""

from __future__ import annotations

import statistics
from typing import List, NamedTuple, Sequence


class Comparison(NamedTuple):
    """Two-sided tests of two samples of scores.

    difference : of the means.  welch : p of Welch's t test.
    ranks : p of the Wilcoxon rank-sum test, exact if no two scores are equal.
    """

    difference: float
    welch: float
    ranks: float


def compare_samples(scores: Sequence[float], others: Sequence[float]) -> Comparison:
    """Compare the scores of two sets of runs, such as the seeds of two experiments."""
    from scipy import stats

    distinct = len({*scores, *others}) == len(scores) + len(others)
    return Comparison(
        statistics.mean(scores) - statistics.mean(others), _welch(scores, others),
        float(stats.mannwhitneyu(scores, others, method="exact" if distinct else "asymptotic").pvalue))


def _welch(scores: Sequence[float], others: Sequence[float]) -> float:
    """p of Welch's t test; without any deviation in the two samples, their means are equal or certainly differ."""
    from scipy import stats

    means = [statistics.mean(sample) for sample in (scores, others)]
    deviations = [statistics.stdev(sample) for sample in (scores, others)]
    if not any(deviations):
        return float(means[0] == means[1])
    return float(stats.ttest_ind_from_stats(means[0], deviations[0], len(scores), means[1], deviations[1],
                                            len(others), equal_var=False).pvalue)


def holm(values: Sequence[float]) -> List[float]:
    """The p values of several tests, adjusted for their number (Holm 1979)."""
    result, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        result[place] = highest
    return result
