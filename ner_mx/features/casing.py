"""The capitalisation of a word: the paper's five classes (Chiu & Nichols 2016, section 2.4)."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence, Tuple

import numpy as np

from ner_mx.config import Features
from ner_mx.data.unicode_text import visible
from ner_mx.features.batch import Layout
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Arrays, Feature, Lookup, TypeValue
from ner_mx.registry import register

CASINGS = ("noinfo", "lowercase", "allCaps", "upperInitial", "mixedCaps")


def casing(word: str) -> int:
    """The index in :data:`CASINGS` of the capitalisation of a word.

    >>> [CASINGS[casing(word)] for word in ("NATO", "Rome", "the", "McVeigh", "1996", "A")]
    ['allCaps', 'upperInitial', 'lowercase', 'mixedCaps', 'noinfo', 'allCaps']
    """
    if word.islower():
        return 1
    if word.isupper():
        return 2
    lower = word.lower()
    if lower == word.upper():
        return 0
    if word[0].isupper() and word[1:] == lower[1:]:
        return 3
    return 4


@register.feature("casing")
class Casing(Lookup):
    """A table with one row per class; there is nothing to fit."""

    rank = 30
    on_by_default = True
    of_word_type = True

    @property
    def size(self) -> int:
        """The number of classes."""
        return len(CASINGS)

    @property
    def by_type(self) -> Tuple[str, ...]:
        """One class per word type."""
        return (self.name,)

    def encode_type(self, word: str) -> Tuple[TypeValue, ...]:
        """The class of a word."""
        return (casing(word),)

    def facts(self, tokens: Sequence[str], place: int) -> Dict[str, str]:
        """The class."""
        return {"casing": CASINGS[casing(visible(tokens[place]))]}

    def collate(self, encoded: Encoded, layout: Layout) -> Arrays:
        """(T, N) int32 classes."""
        return {self.name: layout.laid_out(np.asarray(encoded.by_type[self.name])[layout.word_type])}

    @classmethod
    def restore(cls, features: Features, state: Any, arrays: Mapping[str, np.ndarray]) -> Feature:
        """There is no state."""
        return cls(features)
