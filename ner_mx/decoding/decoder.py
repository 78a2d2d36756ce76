"""Emissions to tags, entities and probabilities, as the configuration says."""

from __future__ import annotations

from copy import copy
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx.config import Decoding
from ner_mx.data.spans import Span, spans_of
from ner_mx.decoding.alternatives import SpanSums, best_paths
from ner_mx.decoding.constraints import constraints_of, forbid_open_end
from ner_mx.decoding.lattice import Lattice, path_score, span_probability, sum_paths, viterbi


class ScoredSpan(NamedTuple):
    """An entity and the probability of exactly this entity under the model."""

    span: Span
    probability: float


class Reading(NamedTuple):
    """The entities of a whole sentence, and the probability of exactly these."""

    spans: Tuple[Span, ...]
    probability: float


class Decoder:
    """Turns emissions into tags.

    Parameters
    ----------
    tags : the names of the K tags.
    settings : the method, whether ill-formed sequences are forbidden, and what is taken from the score of O before
        the tags are chosen; probabilities are those of the scores as they are.
    transitions, start : learned scores, (K, K) and (K,), or None.
    encoding : of the tags; None for classes that are not entity tags (parts of speech).
    temperature : what scores are divided by before they become probabilities
        (Guo et al. 2017, section 4.2); it does not change the decoded tags.
    """

    def __init__(self, tags: Sequence[str], settings: Decoding,
                 transitions: Optional[np.ndarray] = None, start: Optional[np.ndarray] = None,
                 encoding: Optional[str] = "BILOU", temperature: float = 1.0):
        self.temperature = temperature
        self.tags = list(tags)
        self.method = settings.method
        size = len(self.tags)
        self._learned = transitions is not None or start is not None
        self.transitions = np.zeros((size, size), np.float32) if transitions is None else transitions
        self.start = np.zeros(size, np.float32) if start is None else start
        penalty = settings.outside_penalty
        self.outside_penalty = 0.0 if penalty == "auto" or encoding is None else float(penalty)
        self.valid_only = settings.method == "viterbi" and settings.valid_only and encoding is not None
        if self.valid_only:
            assert encoding is not None
            constraints = constraints_of(self.tags, encoding)
            self._open_tags = constraints.open_tags
            self.transitions = self.transitions + constraints.transitions
            self.start = self.start + constraints.start

    def _closed(self, emissions: np.ndarray, length: np.ndarray) -> np.ndarray:
        return forbid_open_end(emissions, length, self._open_tags) if self.valid_only else emissions

    def decode(self, emissions: np.ndarray, length: np.ndarray) -> List[np.ndarray]:
        """The tags of N sentences as ids; emissions are (T, N, K)."""
        if self.outside_penalty and "O" in self.tags:
            emissions = emissions.copy()
            emissions[:, :, self.tags.index("O")] -= self.outside_penalty
        if self.method == "argmax":
            best = emissions.argmax(axis=2)
            return [best[:size, row] for row, size in enumerate(length)]
        closed = self._closed(emissions, length)
        if self._learned:
            return viterbi(closed, self.transitions, self.start, length)
        return self._best_valid(closed, length)

    def _best_valid(self, emissions: np.ndarray, length: np.ndarray) -> List[np.ndarray]:
        """The best sequence if transitions only forbid.

        If the best tags of the tokens form an allowed sequence, none is better; only
        the other sentences need the search.
        """
        best = emissions.argmax(axis=2)  # (T, N)
        steps = np.arange(1, len(best))[:, None]
        follows = np.isfinite(self.transitions[best[:-1], best[1:]]) | (steps >= length)
        allowed = np.isfinite(self.start[best[0]]) & follows.all(axis=0)
        result = [best[:size, row] for row, size in enumerate(length)]
        others = np.flatnonzero(~allowed)
        if len(others):
            longest = length[others].max()
            searched = viterbi(emissions[:longest, others], self.transitions, self.start, length[others])
            for row, tags in zip(others, searched):
                result[row] = tags
        return result

    def lattice(self, emissions: np.ndarray, length: np.ndarray) -> Lattice:
        """The probabilities of the tags of N sentences."""
        if self.temperature != 1.0:
            emissions = emissions / self.temperature
        return sum_paths(self._closed(emissions, length), self.transitions / self.temperature,
                         self.start / self.temperature, length)

    def at(self, temperature: float) -> Decoder:
        """The same decoder with another temperature."""
        other = copy(self)
        other.temperature = temperature
        return other

    def with_outside_penalty(self, penalty: float) -> Decoder:
        """The same decoder that takes another number from the score of O, if its classes are entity tags."""
        other = copy(self)
        other.outside_penalty = penalty
        return other

    def names(self, ids: np.ndarray) -> List[str]:
        """The names of the tags of one sentence."""
        return [self.tags[index] for index in ids]

    def spans(self, emissions: np.ndarray, length: np.ndarray) -> List[List[ScoredSpan]]:
        """The entities of N sentences, each with its probability.

        The probability is that of the tags that the entity has in the decoded
        sequence, by forward-backward over the same lattice.
        """
        decoded = self.decode(emissions, length)
        spans = [spans_of(self.names(tags)) for tags in decoded]
        result: List[List[ScoredSpan]] = [[] for _ in spans]
        # A sentence without entities needs no lattice.
        rows = [row for row, entities in enumerate(spans) if entities]
        if rows:
            lattice = self.lattice(emissions[:, rows], length[rows])
            for place, row in enumerate(rows):
                result[row] = [ScoredSpan(span, span_probability(
                    lattice, place, span.start, decoded[row][span.start:span.end].tolist()))
                    for span in spans[row]]
        return result

    def likely_spans(self, emissions: np.ndarray, length: np.ndarray, threshold: float) -> List[List[ScoredSpan]]:
        """Every entity of N sentences whose probability is at least ``threshold``, on the best path or not.

        They may overlap.
        """
        return [[ScoredSpan(span, probability) for span, probability in sums.likely(threshold)]
                for sums in self.span_sums(self.lattice(emissions, length), length)]

    def span_sums(self, lattice: Lattice, length: np.ndarray) -> List[SpanSums]:
        """The probabilities of all entities of N sentences."""
        return [SpanSums(lattice, row, int(size), self.tags) for row, size in enumerate(length)]

    def readings(self, emissions: np.ndarray, length: np.ndarray, count: int) -> List[List[Reading]]:
        """The ``count`` best readings of each of N sentences, the best first; fewer if there are no others.

        Tag sequences that read the same are one reading; there are such only if ill-formed sequences are not
        forbidden, and then the probability is that of the best of them together.
        """
        closed = self._closed(emissions / self.temperature, length)
        transitions, start = self.transitions / self.temperature, self.start / self.temperature
        log_z = sum_paths(closed, transitions, start, length).log_z
        result = []
        for row, size in enumerate(length):
            readings: Dict[Tuple[Span, ...], float] = {}
            wanted = count
            while True:
                paths = best_paths(closed[:size, row], transitions, start, wanted)
                readings.clear()
                for path in paths:
                    spans = tuple(spans_of(self.names(path.tags)))
                    readings[spans] = readings.get(spans, 0.0) + float(np.exp(path.score - log_z[row]))
                if self.valid_only or len(readings) >= count or len(paths) < wanted:
                    break
                wanted *= 2
            result.append([Reading(spans, min(1.0, probability)) for spans, probability
                           in sorted(readings.items(), key=lambda item: -item[1]) if probability > 0][:count])
        return result

    def best_probability(self, emissions: np.ndarray, length: np.ndarray, lattice: Lattice) -> np.ndarray:
        """(N,) the probability of the decoded tags of each sentence as a whole."""
        decoded = self.decode(emissions, length)
        tags = np.zeros(emissions.shape[:2], np.int64)
        for row, ids in enumerate(decoded):
            tags[:len(ids), row] = ids
        closed = self._closed(emissions / self.temperature, length)
        scores = path_score(closed, self.transitions / self.temperature, self.start / self.temperature, length, tags)
        return np.asarray(np.exp(np.minimum(0.0, scores - lattice.log_z)))

    def marginals(self, emissions: np.ndarray, length: np.ndarray) -> List[np.ndarray]:
        """The probability of each tag at each token of N sentences, (tokens, K) each; rows sum to 1."""
        marginals = self.lattice(emissions, length).marginals()
        return [marginals[:size, row] for row, size in enumerate(length)]
