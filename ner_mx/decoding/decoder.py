"""A network's scores to tags and entities, in the way the configuration says."""

from __future__ import annotations

from copy import copy
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from ner_mx.config import Decoding
from ner_mx.corpora.spans import Span, spans_of
from ner_mx.decoding.lattice import (
    Lattice,
    constraints,
    forbid_open_end,
    open_tags,
    span_probability,
    sum_paths,
    viterbi,
)


class ScoredSpan(NamedTuple):
    """An entity and the probability of exactly that entity under the model."""

    span: Span
    probability: float


class Decoder:
    """Turns emissions into tags.

    Parameters
    ----------
    tags : the names of the K tags.
    settings : the method, and whether ill-formed sequences are forbidden.
    transitions, start : learned scores, (K, K) and (K,), or None.
    constrained : False for tags that are no BILOU tags (parts of speech).
    temperature : what scores are divided by before they become probabilities
        (Guo et al. 2017, section 4.2); it changes no tag.
    """

    def __init__(self, tags: Sequence[str], settings: Decoding,
                 transitions: Optional[np.ndarray] = None, start: Optional[np.ndarray] = None,
                 constrained: bool = True, temperature: float = 1.0):
        self.temperature = temperature
        self.tags = list(tags)
        self.method = settings.method
        size = len(self.tags)
        self._learnt = transitions is not None or start is not None
        self.transitions = np.zeros((size, size), np.float32) if transitions is None else transitions
        self.start = np.zeros(size, np.float32) if start is None else start
        self.valid_only = settings.method == "viterbi" and settings.valid_only and constrained
        if self.valid_only:
            self._open = open_tags(self.tags)
            allowed, allowed_start = constraints(self.tags)
            self.transitions = self.transitions + allowed
            self.start = self.start + allowed_start

    def _closed(self, emissions: np.ndarray, length: np.ndarray) -> np.ndarray:
        return forbid_open_end(emissions, length, self._open) if self.valid_only else emissions

    def rows(self, emissions: np.ndarray, length: np.ndarray) -> List[np.ndarray]:
        """The tags of N sentences as rows; emissions are (T, N, K)."""
        if self.method == "argmax":
            best = emissions.argmax(axis=2)
            return [best[:size, row] for row, size in enumerate(length)]
        closed = self._closed(emissions, length)
        if self._learnt:
            return viterbi(closed, self.transitions, self.start, length)
        return self._best_valid(closed, length)

    def _best_valid(self, emissions: np.ndarray, length: np.ndarray) -> List[np.ndarray]:
        """The best sequence where transitions only forbid.

        If each token's best tag makes a sequence that is allowed, none is
        better; only the others need the search.
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
        """The probabilities of N sentences' tags."""
        if self.temperature != 1.0:
            emissions = emissions / self.temperature
        return sum_paths(self._closed(emissions, length), self.transitions / self.temperature,
                         self.start / self.temperature, length)

    def at(self, temperature: float) -> Decoder:
        """The same decoder with another temperature."""
        other = copy(self)
        other.temperature = temperature
        return other

    def names(self, rows: np.ndarray) -> List[str]:
        """The names of one sentence's tags."""
        return [self.tags[row] for row in rows]

    def spans(self, emissions: np.ndarray, length: np.ndarray) -> List[List[ScoredSpan]]:
        """The entities of N sentences, each with its probability.

        The probability is that of the tags that the entity has in the decoded
        sequence, by forward-backward over the same lattice.
        """
        decoded = self.rows(emissions, length)
        found = [spans_of(self.names(tags)) for tags in decoded]
        result: List[List[ScoredSpan]] = [[] for _ in found]
        # A sentence without entities needs no lattice.
        some = [row for row, spans in enumerate(found) if spans]
        if some:
            lattice = self.lattice(emissions[:, some], length[some])
            for place, row in enumerate(some):
                result[row] = [ScoredSpan(span, span_probability(
                    lattice, place, span.start, decoded[row][span.start:span.end].tolist()))
                    for span in found[row]]
        return result
