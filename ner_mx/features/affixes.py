"""The first and the last characters of a word, as strings (Ratnaparkhi 1996, section 2).

A suffix such as ``-stan`` has a vector of its own here, which little data trains sooner than filters over characters.
"""

from __future__ import annotations

from typing import Annotated, List

from pydantic import Field

from ner_mx.config import RESULT, LookupSettings
from ner_mx.data.normalization import fold_digits
from ner_mx.features.feature import TypeLookup
from ner_mx.registry import register

SHORTEST = 2


class AffixSettings(LookupSettings):
    """The section ``features.affixes``.

    longest : prefixes and suffixes of 2 to so many characters are read.
    min_count : rarer ones, counted in tokens of the training data, are unknown.
    dimension : of the vector of each prefix and each suffix.
    """

    longest: int = Field(4, ge=SHORTEST, le=10)
    min_count: int = Field(3, ge=1)
    dimension: Annotated[int, RESULT] = Field(10, ge=1)


@register.feature("affixes")
class Affixes(TypeLookup):
    """Prefixes and suffixes in their case, digits folded; those of a shorter word are the word."""

    Settings = AffixSettings
    rank = 25
    on_by_default = True

    @property
    def columns(self) -> int:  # type: ignore[override]
        """A prefix and a suffix of each length."""
        return 2 * int(self.settings.longest - SHORTEST + 1)

    def values(self, word: str) -> List[str]:
        """A prefix and a suffix of each length, marked as such."""
        word = fold_digits(word, self.features.digits)
        return [affix for length in range(SHORTEST, self.settings.longest + 1)
                for affix in (f"{length}<{word[:length]}", f"{length}>{word[-length:]}")]
