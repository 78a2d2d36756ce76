"""How unsure a network is of a sentence, exactly from its lattice."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence

import numpy as np

from ner_mx.decoding.decoder import Decoder, ScoredSpan
from ner_mx.decoding.lattice import sequence_entropy
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.decoding.scoring import for_each_sentence
from ner_mx.features.batch import Batch
from ner_mx.features.encoded import Encoded

# Entities that are less likely add no expected error worth counting.
LEAST = 0.01


class Uncertainty(NamedTuple):
    """What a network says of a sentence.

    entities : of its best reading, with their probabilities.
    likely : every entity with a probability of at least :data:`LEAST`.
    best : the probability of the best reading as a whole.
    entropy : of the distribution over readings, in nats.
    token_entropy : of the tags of each token, in nats.
    """

    entities: List[ScoredSpan]
    likely: List[ScoredSpan]
    best: float
    entropy: float
    token_entropy: List[float]

    @property
    def expected_errors(self) -> float:
        """How many entities of the best reading are expected to be wrong, and how many others to be missed."""
        best = {span for span, _ in self.entities}
        return (sum(1 - probability for _, probability in self.entities)
                + sum(probability for span, probability in self.likely if span not in best))


def uncertainties(recognizer: Recognizer, sentences: Sequence[Sequence[str]]) -> List[Uncertainty]:
    """How unsure a network is of tokenized sentences.

    Raises
    ------
    ValueError : the network splits tokens, or a sentence is longer than a window.
    """
    recognizer.check_whole(sentences)
    return read_uncertainties(recognizer, recognizer.encode_tokens(sentences))


def read_uncertainties(recognizer: Recognizer, encoded: Encoded) -> List[Uncertainty]:
    """The same of encoded sentences."""
    decoder = recognizer.scorer.decoder()

    def work(batch: Batch, emissions: np.ndarray) -> List[Uncertainty]:
        return _of_batch(decoder, batch, emissions)

    return for_each_sentence(recognizer.scorer, encoded, recognizer.size, work)


def _of_batch(decoder: Decoder, batch: Batch, emissions: np.ndarray) -> List[Uncertainty]:
    lattice = decoder.lattice(emissions, batch.length)
    entropy = sequence_entropy(lattice)
    marginals = lattice.marginals()
    tokens = -(marginals * np.log(np.maximum(marginals, 1e-300))).sum(axis=2)  # (T, N)
    entities = decoder.spans(emissions, batch.length)
    best = decoder.best_probability(emissions, batch.length, lattice)
    result = []
    for row, (size, sums) in enumerate(zip(batch.length, decoder.span_sums(lattice, batch.length))):
        likely = [ScoredSpan(span, probability) for span, probability in sums.likely(LEAST)]
        result.append(Uncertainty(entities[row], likely, float(best[row]), float(entropy[row]),
                                  tokens[:size, row].tolist()))
    return result
