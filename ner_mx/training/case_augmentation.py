"""Training sentences in another case, so that a tagger also works on text without capitals, or in capitals alone."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional

import numpy as np

from ner_mx.config import CaseAugmentation
from ner_mx.features.encoded import Encoded
from ner_mx.features.encoder import Encoder

# How a word is changed, by the key of the configuration.
CHANGES: Dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "title": str.title}


class CaseCopies(NamedTuple):
    """Copies of S sentences in several cases, one after the other.

    encoded : the sentences as they are, followed by a copy for each case.
    targets : (tokens of all copies,) their classes.
    shares : (copies,) the probability with which a sentence is taken from each.
    soft : (tokens, K) the probabilities that teachers give the classes of a token, the same for each copy;
        None without teachers.
    """

    encoded: Encoded
    targets: np.ndarray
    shares: np.ndarray
    soft: Optional[np.ndarray] = None

    def drawn(self, sentences: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Indices of sentences, each replaced by that of a copy at random."""
        if len(self.shares) == 1:
            return sentences
        count = len(self.encoded) // len(self.shares)
        drawn: np.ndarray = sentences + count * random.choice(len(self.shares), len(sentences), p=self.shares)
        return drawn


def with_case_copies(encoder: Encoder, encoded: Encoded, targets: np.ndarray,
                     settings: CaseAugmentation, soft: Optional[np.ndarray] = None) -> CaseCopies:
    """The sentences of a training set with their copies; without augmentation, the sentences alone."""
    chosen = {name: share for name, share in settings if share}
    copies: List[Encoded] = [changed_case(encoder, encoded, name) for name in chosen]
    every = encoded
    for copy in copies:
        every = every.followed_by(copy)
    shares = np.array([1.0 - sum(chosen.values()), *chosen.values()])
    return CaseCopies(every, np.concatenate([targets] * len(shares)), shares, soft)


def changed_case(encoder: Encoder, encoded: Encoded, case: str) -> Encoded:
    """The same sentences in lower case, capitals or title case (a key of :data:`CHANGES`)."""
    change = CHANGES[case]
    return encoder.with_words(encoded, [change(word) for word in encoded.word_types()])
