"""The vectors of word types: computed once per type, and kept for the frequent ones."""

from __future__ import annotations

from threading import Lock
from typing import Callable, Dict, List, Sequence

import numpy as np

from ner_mx.decoding.recognizer import plan_scoring
from ner_mx.features.batch import Batch, collate
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Feature

# The bytes that a cache of vectors takes at most, and the longest word in it, in bytes of UTF-8.
CACHE, LONGEST_CACHED = 1 << 24, 64
# The types that are computed at once.
TYPES = 512


class TypeVectors:
    """The vectors of word types from the features that depend on the type alone.

    Several threads may use it at once.

    Parameters
    ----------
    vectors : a batch to (T, N, D) float32, the vectors of its tokens.
    features : whose arrays it reads, all of them of the word type alone.
    """

    def __init__(self, vectors: Callable[[Batch], np.ndarray], features: Sequence[Feature]):
        self._vectors, self._features = vectors, features
        self._lock = Lock()
        self._rows: Dict[bytes, int] = {}
        self._table = np.zeros((0, 0), np.float32)

    def __call__(self, encoded: Encoded) -> np.ndarray:
        """(V, D) float32, the vectors of V word types.

        Raises
        ------
        ScoresError : they cannot be computed.
        """
        words = _words(encoded)
        with self._lock:
            rows = np.fromiter((self._rows.get(word, -1) for word in words), np.int64, len(words))
            known = self._table[rows[rows >= 0]]
        missing = np.flatnonzero(rows < 0)
        if not len(missing):
            return known
        computed = self._computed(encoded, missing)
        result = np.empty((len(words), computed.shape[1]), np.float32)
        result[rows >= 0], result[missing] = known if len(known) else 0, computed
        with self._lock:
            self._keep([words[index] for index in missing], computed)
        return result

    def _computed(self, encoded: Encoded, types: np.ndarray) -> np.ndarray:
        """(types, D) float32."""
        alone = encoded.types_alone(types)
        parts, order = [], []
        for chosen in plan_scoring(self._features, alone, TYPES):
            parts.append(self._vectors(collate(self._features, alone, chosen))[0])
            order.append(chosen)
        result = np.concatenate(parts)
        result[np.concatenate(order)] = result.copy()
        return result

    def _keep(self, words: Sequence[bytes], vectors: np.ndarray) -> None:
        """Add vectors to the cache; a full one is emptied, and frequent words are soon in it again."""
        if not self._table.size:
            self._table = np.empty((max(1, CACHE // (4 * vectors.shape[1])), vectors.shape[1]), np.float32)
        short = [place for place, word in enumerate(words) if len(word) <= LONGEST_CACHED and word not in self._rows]
        short = short[:len(self._table)]
        if len(self._rows) + len(short) > len(self._table):
            self._rows.clear()
        first = len(self._rows)
        self._table[first:first + len(short)] = vectors[short]
        self._rows.update((words[place], first + number) for number, place in enumerate(short))


def _words(encoded: Encoded) -> List[bytes]:
    """The word types in UTF-8."""
    text = encoded.text.values.tobytes()
    bounds = encoded.text.bounds.tolist()
    return [text[start:end] for start, end in zip(bounds, bounds[1:])]
