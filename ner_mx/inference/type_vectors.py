"""The vectors of word types: computed once per type, and kept for the frequent ones."""

from __future__ import annotations

import os
from threading import Lock
from typing import Callable, Dict, List, Sequence

import numpy as np

from ner_mx.decoding.scoring import plan_scoring
from ner_mx.features.batch import Batch, collate
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Feature

# The bytes that a cache of vectors takes at most, and the longest word in it, in bytes of UTF-8.
CACHE, LONGEST_CACHED = 1 << 24, 64
# The types that are computed at once.
TYPES = 512


class TypeVectors:
    """The vectors of word types from the features that depend on the type alone.

    Several threads may use it at once, and a process that was forked.

    Parameters
    ----------
    vectors : a batch to (T, N, D) float32, the vectors of its tokens.
    features : whose arrays it reads, all of them of the word type alone.
    width : D.
    """

    def __init__(self, vectors: Callable[[Batch], np.ndarray], features: Sequence[Feature], width: int):
        self._vectors, self._features, self._width = vectors, features, width
        self._reset()

    def _reset(self) -> None:
        self._process, self._lock = os.getpid(), Lock()
        self._rows: Dict[bytes, int] = {}
        # Memory that is not written yet is taken by no one.
        self._table = np.empty((max(1, CACHE // (4 * self._width)), self._width), np.float32)

    def __call__(self, encoded: Encoded) -> np.ndarray:
        """(V, D) float32, the vectors of V word types.

        Raises
        ------
        ScoresError : they cannot be computed.
        """
        if self._process != os.getpid():  # another thread of the parent may have held the lock
            self._reset()
        words = _words(encoded)
        result = np.empty((len(words), self._width), np.float32)
        with self._lock:
            rows = np.fromiter((self._rows.get(word, -1) for word in words), np.int64, len(words))
            known = rows >= 0
            result[known] = self._table[rows[known]]
        missing = np.flatnonzero(~known)
        if len(missing):
            alone = encoded.types_alone(missing)
            for chosen in plan_scoring(self._features, alone, TYPES):
                result[missing[chosen]] = self._vectors(collate(self._features, alone, chosen))[0]
            with self._lock:
                self._keep(words, missing, result)
        return result

    def _keep(self, words: Sequence[bytes], types: np.ndarray, vectors: np.ndarray) -> None:
        """Add the vectors of some types to the cache; a full one is emptied, and soon has the frequent words again."""
        new = {words[index]: index for index in types.tolist()
               if len(words[index]) <= LONGEST_CACHED and words[index] not in self._rows}
        chosen = list(new.items())[:len(self._table)]
        if len(self._rows) + len(chosen) > len(self._table):
            self._rows.clear()
        for row, (word, index) in enumerate(chosen, start=len(self._rows)):
            self._table[row] = vectors[index]
            self._rows[word] = row


def _words(encoded: Encoded) -> List[bytes]:
    """The word types in UTF-8."""
    text = encoded.text.values.tobytes()
    bounds = encoded.text.bounds.tolist()
    return [text[start:end] for start, end in zip(bounds, bounds[1:])]
