"""Whether entities with a probability of 0.9 are right nine times in ten."""

from __future__ import annotations

from typing import Collection, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ner_mx.data.spans import spans_of
from ner_mx.decoding.scoring import Scorer, scored_batches
from ner_mx.features.encoded import Encoded
from ner_mx.untyped import Values

BINS = 10
# The range of temperatures; below the first, all probabilities would be 0 or 1.
COLDEST, WARMEST = 0.25, 4.0


def reliability(probability: np.ndarray, correct: np.ndarray) -> List[Dict[str, float]]:
    """Entities in bins of similar probability.

    Parameters
    ----------
    probability : (E,) of each predicted entity.
    correct : (E,) bool, whether it is in the gold.

    Returns
    -------
    For each of ten bins of equal width that is not empty: ``count``, the mean
    ``probability``, and ``precision``, the share that is correct.
    """
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    return [{"count": int(inside.sum()), "probability": float(probability[inside].mean()),
             "precision": float(correct[inside].mean())}
            for inside in (bins == number for number in range(BINS)) if inside.any()]


def expected_calibration_error(probability: np.ndarray, correct: np.ndarray) -> float:
    """The mean distance of probability and precision over the bins, weighted by their counts.

    Guo et al. 2017, equation 3.  0 if nothing was predicted.
    """
    if not len(probability):
        return 0.0
    return sum(bin["count"] * abs(bin["probability"] - bin["precision"])
               for bin in reliability(probability, correct)) / len(probability)


def log_loss(probability: np.ndarray, correct: np.ndarray) -> float:
    """The mean negative log-likelihood of being right or wrong."""
    # In double precision a probability may round to 1.
    inside = np.clip(probability, 1e-9, 1 - 1e-9)
    return float(-np.where(correct, np.log(inside), np.log1p(-inside)).mean())


class ConfidenceScores:
    """The probabilities of the entities that a network predicts, compared with the gold.

    Parameters
    ----------
    scorer : computes emissions.
    encoded : the sentences, with the annotation that is to be read.
    gold : their tags.
    size : sentences per batch.
    unscored : types whose entities do not count.
    """

    def __init__(self, scorer: Scorer, encoded: Encoded, gold: Sequence[Sequence[str]], size: int,
                 unscored: Collection[str] = ()):
        self._decoder, self._unscored = scorer.decoder(), frozenset(unscored)
        self._gold = [set(spans_of(tags)) for tags in gold]
        self._batches = [(batch.sentence, batch.length, emissions)
                         for batch, emissions in scored_batches(scorer, encoded, size)]

    def at(self, temperature: float, half: Optional[int] = None) -> Tuple[np.ndarray, np.ndarray]:
        """(E,) probabilities of the predicted entities, and (E,) bool whether each is correct.

        Parameters
        ----------
        half : 0 or 1 for every other sentence alone; None for all.
        """
        decoder = self._decoder.at(temperature)
        predicted = [(scored.probability, scored.span in self._gold[index])
                     for sentences, length, emissions in self._batches
                     for index, spans in zip(sentences, decoder.spans(emissions, length))
                     if half is None or index % 2 == half
                     for scored in spans if scored.span.label not in self._unscored]
        return (np.array([probability for probability, _ in predicted], float),
                np.array([correct for _, correct in predicted], bool))

    def checked_temperature(self) -> float:
        """:meth:`fit_temperature`; 1 if one that was fitted on half of the sentences is worse than 1 on the others."""
        fitted = self.fit_temperature(half=0)
        if not len(self.at(1.0, half=1)[0]) or log_loss(*self.at(fitted, half=1)) > log_loss(*self.at(1.0, half=1)):
            return 1.0
        return self.fit_temperature()

    def fit_temperature(self, steps: int = 12, half: Optional[int] = None) -> float:
        """The temperature with the smallest log-loss; 1 if none is better, or nothing is predicted.

        A golden-section search over the logarithm; 12 steps leave an interval of 1 %.
        """
        ratio = (5 ** 0.5 - 1) / 2
        low, high = np.log(COLDEST), np.log(WARMEST)
        losses: Dict[float, float] = {}

        def loss(place: float) -> float:
            if place not in losses:
                losses[place] = log_loss(*self.at(float(np.exp(place)), half))
            return losses[place]

        if not len(self.at(1.0, half)[0]):
            return 1.0
        for _ in range(steps):
            left, right = high - ratio * (high - low), low + ratio * (high - low)
            if loss(left) < loss(right):
                high = right
            else:
                low = left
        best = (low + high) / 2
        return float(np.exp(best)) if loss(best) < loss(0.0) else 1.0


def calibration(scores: ConfidenceScores, temperature: float) -> Values:
    """The figures of a split, before and after its scores are divided by a temperature."""
    result = {}
    for name, value in (("before", 1.0), ("after", temperature)):
        probability, correct = scores.at(value)
        result[name] = {"temperature": value, "bins": reliability(probability, correct),
                        "expected_calibration_error": expected_calibration_error(probability, correct)}
    return result
