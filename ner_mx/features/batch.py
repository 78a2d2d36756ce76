"""Encoded sentences to batches of rectangular arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Dict, Optional, Sequence, Tuple

import numpy as np

from ner_mx.features.encoded import Encoded

if TYPE_CHECKING:
    from ner_mx.features.feature import Feature

# The array of a batch that has the vectors of the word types of its tokens, (T, N, D) float32.
WORD_VECTORS = "word_vectors"


@dataclass(frozen=True)
class Batch:
    """N sentences of at most T tokens; time comes first, as recurrent operators want it, and padding is 0.

    sentence : (N,) int64, which sentences of the split these are.
    length : (N,) int32, tokens per sentence.
    arrays : by name, those of the features, (T, N, ...) for a lookup, and :data:`WORD_VECTORS` where there are any.
    targets : (T, N) int32, the classes to learn, -1 in padding and where there is no annotation; None
        outside training.
    soft : (T, N, K) float32, the probabilities that teachers give the classes, 0 in padding; None without.
    """

    sentence: np.ndarray
    length: np.ndarray
    arrays: Dict[str, np.ndarray]
    targets: Optional[np.ndarray] = None
    soft: Optional[np.ndarray] = None

    def __getitem__(self, name: str) -> np.ndarray:
        """The array of this name; ``length`` is one of them."""
        return self.length if name == "length" else self.arrays[name]

    @property
    def tokens(self) -> int:
        """The number of real tokens."""
        return int(self.length.sum())

    def with_arrays(self, arrays: Dict[str, np.ndarray]) -> Batch:
        """The same sentences with some arrays added or replaced."""
        return replace(self, arrays={**self.arrays, **arrays})


class Layout:
    """The places of the tokens of N sentences in arrays of shape (T, N).

    sentence : (N,) indices of the sentences.
    length : (N,) int64.
    real : (T, N) bool, False in padding.
    token : (T, N) int64, the index of each token in the split; 0 in padding.
    """

    def __init__(self, encoded: Encoded, sentence: np.ndarray):
        self._encoded = encoded
        self.sentence = sentence
        self.length = encoded.lengths[sentence]
        steps = np.arange(self.length.max())[:, None]
        self.real = steps < self.length
        self.token = np.where(self.real, encoded.bounds[sentence] + steps, 0)

    @cached_property
    def word_type(self) -> np.ndarray:
        """(T, N) int32, the word type of each token."""
        return self._encoded.word_type[self.token]

    @cached_property
    def distinct(self) -> Tuple[np.ndarray, np.ndarray]:
        """(U,) the distinct word types of the batch, and (T, N) int32 the index in them of each token."""
        distinct, index = np.unique(self.word_type[self.real], return_inverse=True)
        local = np.zeros(self.real.shape, np.int32)
        local[self.real] = index
        return distinct, local

    def laid_out(self, values: np.ndarray, padding: int = 0) -> np.ndarray:
        """Values of shape (T, N, ...) as int32, with ``padding`` where there is no token."""
        real = self.real.reshape(self.real.shape + (1,) * (values.ndim - 2))
        return np.where(real, values, padding).astype(np.int32)


def collate(features: Sequence[Feature], encoded: Encoded, sentence: np.ndarray,
            targets: Optional[np.ndarray] = None, soft: Optional[np.ndarray] = None) -> Batch:
    """Make a batch of the chosen sentences.

    Parameters
    ----------
    features : whose arrays the batch holds.
    sentence : (N,) indices of the sentences.
    targets : (tokens,) the classes to learn.
    soft : (tokens, K) the probabilities of teachers; sentences after these are copies of them, in order.
    """
    layout = Layout(encoded, sentence)
    arrays: Dict[str, np.ndarray] = {}
    for feature in features:
        arrays.update(feature.collate(encoded, layout))
    if encoded.word_vectors is not None:
        arrays[WORD_VECTORS] = np.take(encoded.word_vectors, layout.word_type, axis=0)
        arrays[WORD_VECTORS][~layout.real] = 0
    laid_out = None if targets is None else layout.laid_out(targets[layout.token], padding=-1)
    shares = None if soft is None else np.where(
        layout.real[:, :, None], soft[layout.token % len(soft)], 0).astype(np.float32)
    return Batch(sentence, layout.length.astype(np.int32), arrays, laid_out, shares)
