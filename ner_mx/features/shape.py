"""The shape of a word: ``Xx-0`` for ``Boeing-747`` (Collins 2002, section 2.2)."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Literal, Union

from pydantic import Field

from ner_mx.config import RESULT, LookupSettings
from ner_mx.features.feature import TypeLookup
from ner_mx.registry import register

# A shape keeps so many characters of its beginning.
LONGEST = 12


class ShapeSettings(LookupSettings):
    """The section ``features.shape``: rarer shapes than ``min_count`` tokens of the training data are unknown."""

    use: Union[bool, Literal["auto"]] = False
    min_count: int = Field(2, ge=1)
    dimension: Annotated[int, RESULT] = Field(16, ge=1)


def shape(word: str) -> str:
    """The kinds of the characters of a word, at most two of a kind in a row.

    >>> [shape(word) for word in ("Rome", "NATO", "McVeigh", "@user_12", "10:30")]
    ['Xxx', 'XX', 'XxXxx', '@xx_00', '00:00']
    """
    kinds = ("X" if character.isupper() else "x" if character.islower() else "0" if character.isdigit() else character
             for character in word)
    return "".join(kind * min(2, len(list(run))) for kind, run in groupby(kinds))[:LONGEST]


@register.feature("shape")
class Shape(TypeLookup):
    """The shape as a string."""

    Settings = ShapeSettings
    rank = 35
    on_by_default = True

    def value(self, word: str) -> str:
        """The shape."""
        return shape(word)
