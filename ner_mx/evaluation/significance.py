"""Whether chance explains the difference between two sets of scores."""

from __future__ import annotations

import statistics
from typing import List, NamedTuple, Sequence

import numpy as np

from ner_mx.data.spans import spans_of
from ner_mx.evaluation.scores import Tags


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


def entity_counts(gold: Tags, predicted: Tags) -> np.ndarray:
    """(sentences, 3) int64: the entities of each sentence that are gold, found, and correct."""
    rows = []
    for gold_tags, predicted_tags in zip(gold, predicted):
        expected, found = set(spans_of(gold_tags)), set(spans_of(predicted_tags))
        rows.append((len(expected), len(found), len(expected & found)))
    return np.array(rows, np.int64).reshape(-1, 3)


def paired_bootstrap(counts: np.ndarray, others: np.ndarray, samples: int = 2000, seed: int = 1) -> float:
    """The two-sided p of the difference in F1 of two taggers on the same sentences.

    Sentences are drawn with replacement; p is the share of draws whose difference
    is farther from the observed one than that is from 0 (Berg-Kirkpatrick et al. 2012).

    Parameters
    ----------
    counts, others : of the two taggers, see :func:`entity_counts`.
    """
    random = np.random.RandomState(seed)
    observed = _difference(counts.sum(axis=0), others.sum(axis=0))
    farther = 0
    for _ in range(samples):
        drawn = np.bincount(random.randint(len(counts), size=len(counts)), minlength=len(counts))
        difference = _difference(drawn @ counts, drawn @ others)
        farther += abs(difference - observed) >= abs(observed)
    return (farther + 1) / (samples + 1)


def approximate_randomization(counts: np.ndarray, others: np.ndarray, samples: int = 2000, seed: int = 1) -> float:
    """The two-sided p of the difference in F1 of two taggers on the same sentences.

    The outputs of the two are exchanged at random, sentence by sentence; p is the share of exchanges whose difference
    is at least the observed one (Noreen 1989; Yeh 2000).

    Parameters
    ----------
    counts, others : of the two taggers, see :func:`entity_counts`.
    """
    random = np.random.RandomState(seed)
    total, observed = counts.sum(axis=0) + others.sum(axis=0), abs(_difference(counts.sum(axis=0), others.sum(axis=0)))
    larger = 0
    for _ in range(samples):
        exchanged = random.randint(2, size=len(counts)).astype(bool)
        drawn = np.where(exchanged[:, None], others, counts).sum(axis=0)
        larger += abs(_difference(drawn, total - drawn)) >= observed - 1e-12
    return (larger + 1) / (samples + 1)


def _difference(totals: np.ndarray, others: np.ndarray) -> float:
    return float(_f1(totals) - _f1(others))


def _f1(totals: np.ndarray) -> np.ndarray:
    gold, found, correct = totals
    return 2 * correct / np.maximum(1, gold + found)
