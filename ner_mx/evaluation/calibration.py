"""Whether an entity said to be right with probability 0.9 is right nine times in ten."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from ner_mx.corpora.spans import spans_of
from ner_mx.decoding.recogniser import Network, scored
from ner_mx.features.encoder import Encoded

BINS = 10
# Where a temperature is looked for; below the first, probabilities would be all 0 or 1.
COLDEST, WARMEST = 0.25, 4.0


def reliability(probability: np.ndarray, correct: np.ndarray) -> List[Dict[str, float]]:
    """Entities in bins of like probability.

    Parameters
    ----------
    probability : (E,) of each entity found.
    correct : (E,) bool, whether the gold has it.

    Returns
    -------
    For each of ten bins of equal width that is not empty: ``count``, the mean
    ``probability``, and ``precision``, the fraction that is correct.
    """
    which = np.minimum((probability * BINS).astype(int), BINS - 1)
    return [{"count": int(inside.sum()), "probability": float(probability[inside].mean()),
             "precision": float(correct[inside].mean())}
            for inside in (which == number for number in range(BINS)) if inside.any()]


def expected_calibration_error(probability: np.ndarray, correct: np.ndarray) -> float:
    """The mean distance of probability and precision over the bins, weighted by their counts.

    Guo et al. 2017, equation 3.  0 where nothing was found.
    """
    if not len(probability):
        return 0.0
    return sum(one["count"] * abs(one["probability"] - one["precision"])
               for one in reliability(probability, correct)) / len(probability)


def log_loss(probability: np.ndarray, correct: np.ndarray) -> float:
    """The mean negative log-likelihood of being right or wrong."""
    # In double precision a probability may round to 1.
    inside = np.clip(probability, 1e-9, 1 - 1e-9)
    return float(-np.where(correct, np.log(inside), np.log1p(-inside)).mean())


class Judge:
    """The entities that a network finds in annotated sentences, held against the gold.

    Parameters
    ----------
    network : computes emissions.
    encoded : the sentences, with the parts of speech that are to be read.
    gold : their tags.
    width, size : of the character convolution, and of a batch.
    """

    def __init__(self, network: Network, encoded: Encoded, gold: Sequence[Sequence[str]], width: int,
                 size: int):
        self._decoder = network.decoder()
        self._gold = [set(spans_of(tags)) for tags in gold]
        self._batches = [(batch.sentence, batch.length, emissions)
                         for batch, emissions in scored(network, encoded, width, size)]

    def at(self, temperature: float) -> Tuple[np.ndarray, np.ndarray]:
        """(E,) probabilities of the entities found, and (E,) bool whether each is correct."""
        decoder = self._decoder.at(temperature)
        found = [(one.probability, one.span in self._gold[number])
                 for sentences, length, emissions in self._batches
                 for number, spans in zip(sentences, decoder.spans(emissions, length)) for one in spans]
        return np.array([one for one, _ in found], float), np.array([two for _, two in found], bool)

    def fit(self, steps: int = 12) -> float:
        """The temperature with the least log-loss; 1 where none is better or nothing is found.

        A golden-section search over the logarithm; 12 steps leave an interval of 1 %.
        """
        ratio = (5 ** 0.5 - 1) / 2
        low, high = np.log(COLDEST), np.log(WARMEST)
        losses: Dict[float, float] = {}

        def loss(place: float) -> float:
            if place not in losses:
                losses[place] = log_loss(*self.at(float(np.exp(place))))
            return losses[place]

        if not len(self.at(1.0)[0]):
            return 1.0
        for _ in range(steps):
            one, two = high - ratio * (high - low), low + ratio * (high - low)
            if loss(one) < loss(two):
                high = two
            else:
                low = one
        best = (low + high) / 2
        return float(np.exp(best)) if loss(best) < loss(0.0) else 1.0


def calibration(judge: Judge, temperature: float) -> Dict[str, Any]:
    """The figures of a part, before and after its scores are divided by a temperature."""
    result = {}
    for name, value in (("before", 1.0), ("after", temperature)):
        probability, correct = judge.at(value)
        result[name] = {"temperature": value, "bins": reliability(probability, correct),
                        "expected_calibration_error": expected_calibration_error(probability, correct)}
    return result
