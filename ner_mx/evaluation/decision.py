"""How readily a tagger should say that a token belongs to an entity: chosen by F1, apart from its probabilities.

A network that is trained by likelihood decides for the most probable tags.  The best F1 needs another decision where
entities are hard to find: an entity is worth predicting above half of the F1 that can be reached (Lipton et al. 2014,
theorem 1), which is below one half.  What is chosen here is one number, taken from the score of O.
"""

from __future__ import annotations

from typing import Callable, List, Sequence

import numpy as np

from ner_mx.data.spans import spans_of
from ner_mx.decoding.scoring import Scorer, scored_batches
from ner_mx.features.encoded import Encoded

# What is tried, in natural logarithms of the odds.
PENALTIES = np.arange(-8, 17) / 4

Named = Callable[[np.ndarray, List[np.ndarray]], List[List[str]]]


def best_outside_penalty(scorer: Scorer, encoded: Encoded, gold: Sequence[Sequence[str]], size: int,
                         named: Named) -> float:
    """The penalty on O with the best F1; 0 unless one that is chosen on half of the sentences helps on the others.

    Parameters
    ----------
    scorer : computes emissions.
    encoded, gold : the sentences, and their tags.
    size : sentences per batch.
    named : (S,) sentences, decoded ids of each -> its tags, as they are scored.
    """
    counts = _counts(scorer, encoded, gold, size, named)  # (penalties, sentences, 3)
    if counts.shape[1] < 2 or not counts[:, :, 2].any():
        return 0.0
    halves = [counts[:, half::2].sum(axis=1) for half in (0, 1)]
    none = int(np.flatnonzero(PENALTIES == 0)[0])
    crossed = sum(other[_best(half)] for half, other in (halves, halves[::-1]))
    if _f1(crossed) <= _f1(sum(half[none] for half in halves)):
        return 0.0
    return float(PENALTIES[_best(halves[0] + halves[1])])


def _counts(scorer: Scorer, encoded: Encoded, gold: Sequence[Sequence[str]], size: int,
            named: Named) -> np.ndarray:
    """(penalties, sentences, 3): entities that are predicted and correct, predicted, and annotated."""
    decoders = [scorer.decoder().with_outside_penalty(float(penalty)) for penalty in PENALTIES]
    entities = [set(spans_of(tags)) for tags in gold]
    counts = np.zeros((len(decoders), len(entities), 3))
    for batch, emissions in scored_batches(scorer, encoded, size):
        for row, decoder in enumerate(decoders):
            for sentence, tags in zip(batch.sentence, named(
                    batch.sentence, decoder.decode(emissions, batch.length))):
                predicted = set(spans_of(tags))
                counts[row, sentence] = (len(predicted & entities[sentence]), len(predicted), len(entities[sentence]))
    return counts


def _best(counts: np.ndarray) -> int:
    """The place of the penalty whose F1 is best, averaged with its neighbours against chance."""
    scores = np.pad(_f1(counts), 1, mode="edge")
    return int(np.argmax(scores[:-2] + scores[1:-1] + scores[2:]))


def _f1(counts: np.ndarray) -> np.ndarray:
    """(..., 3) counts -> (...) F1."""
    correct, predicted, annotated = np.moveaxis(counts, -1, 0)
    result: np.ndarray = 2 * correct / np.maximum(predicted + annotated, 1)
    return result
