"""Scores of sentences in batches, whatever engine computes them, and what is made of the scores of each sentence."""

from __future__ import annotations

from typing import Callable, Dict, Iterable, Iterator, List, Optional, Protocol, Sequence, Tuple, TypeVar

import numpy as np

from ner_mx.decoding.decoder import Decoder
from ner_mx.errors import ScoresError
from ner_mx.features.batch import Batch, collate
from ner_mx.features.batching import plan_batches
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Feature

Item = TypeVar("Item")

# The limit of the characters in a batch, padding included, so that a very long word needs no memory.
CELLS = 1 << 19
# The limit of the tokens in a batch, padding included: each takes several kilobytes in an LSTM.
TOKENS = 1 << 12

# Beyond it, sums over a sentence could become infinite.
MAX_SCORE = 1e20


class Scorer(Protocol):
    """What computes emissions: MXNet's network, or onnxruntime's."""

    @property
    def features(self) -> Sequence[Feature]:
        """The features whose arrays a batch must hold."""

    def prepared(self, encoded: Encoded) -> Encoded:
        """The same sentences with arrays that are computed for all of them at once."""

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, N, K) the scores of a batch."""

    def decoder(self) -> Decoder:
        """What turns them into tags."""


def plan_scoring(features: Sequence[Feature], encoded: Encoded, size: int) -> Iterator[np.ndarray]:
    """Indices of at most ``size`` sentences of similar length each; fewer if they or their words are long."""
    longest = encoded.longest_types({name: feature.cells for feature in features for name in feature.by_type})
    waiting = plan_batches(encoded.lengths, size, "sorted")[::-1]
    while waiting:
        sentences = waiting.pop()
        lengths = encoded.lengths[sentences]
        too_large = len(sentences) * lengths.max() > TOKENS or longest[sentences].max() * lengths.sum() > CELLS
        if len(sentences) > 1 and too_large:
            waiting += np.array_split(sentences, 2)[::-1]
        else:
            yield sentences


def scored_batches(scorer: Scorer, encoded: Encoded, size: int) -> Iterator[Tuple[Batch, np.ndarray]]:
    """Batches of at most ``size`` sentences, with their emissions.

    Raises
    ------
    ScoresError : see :func:`_checked_scores`.
    """
    encoded = scorer.prepared(encoded)
    for sentences in plan_scoring(scorer.features, encoded, size):
        batch = collate(scorer.features, encoded, sentences)
        yield batch, _checked_scores(scorer.emissions(batch))


def _checked_scores(emissions: np.ndarray) -> np.ndarray:
    """Scores that can be added.

    Raises
    ------
    ScoresError : a score is not a number, or too large.
    """
    if not np.abs(emissions).max(initial=0) <= MAX_SCORE:  # true for NaN, too
        raise ScoresError(f"expected scores within {MAX_SCORE:g}, found larger ones, or none that are numbers; the "
                          "weights of the model are damaged: train it again")
    return emissions


Work = Callable[[Batch, np.ndarray], List[Item]]
Map = Callable[..., Iterable[List[Item]]]


def for_each_sentence(scorer: Scorer, encoded: Encoded, size: int, work: Work[Item],
                      run: Optional[Map[Item]] = None) -> List[Item]:
    """What ``work`` computes for the sentences of each batch, in the order of the sentences.

    Parameters
    ----------
    work : (batch, emissions) -> one item per sentence.
    run : ``map``, or that of a thread pool.

    Raises
    ------
    ScoresError : see :func:`_checked_scores`.
    """

    def scored(sentences: np.ndarray) -> List[Item]:
        batch = collate(scorer.features, encoded, sentences)
        return work(batch, _checked_scores(scorer.emissions(batch)))

    encoded = scorer.prepared(encoded)
    batches = list(plan_scoring(scorer.features, encoded, size))
    items: Dict[int, Item] = {}
    for sentences, values in zip(batches, (run or map)(scored, batches)):
        items.update(zip(sentences.tolist(), values))
    return [items[index] for index in range(len(encoded))]


def decode_split(scorer: Scorer, encoded: Encoded, size: int,
                 run: Optional[Map[np.ndarray]] = None) -> List[np.ndarray]:
    """The decoded tag ids of each sentence."""
    decoder = scorer.decoder()
    return for_each_sentence(scorer, encoded, size,
                             lambda batch, emissions: decoder.decode(emissions, batch.length), run)
