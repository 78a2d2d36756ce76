"""The data objects that every format produces."""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterType
from typing import List, NamedTuple, Optional, Tuple

# Reasons with their counts: what was skipped, repaired or widened while reading.
Warnings = CounterType[str]


class Sentence(NamedTuple):
    """Tokens with their annotation.

    tokens : the words as they are in the corpus.
    tags : one tag per token, in the corpus' own scheme; None for text without annotation.
    pos : one part-of-speech tag per token, or None.
    source : the file it comes from.
    line : the 1-based line of its first token in that file (0 if there are no lines).
    document : a number shared by the sentences of one document of a file.
    title : the document's name, if there is a list of names; else "".
    """

    tokens: Tuple[str, ...]
    tags: Optional[Tuple[str, ...]] = None
    pos: Optional[Tuple[str, ...]] = None
    source: str = ""
    line: int = 0
    document: int = 0
    title: str = ""

    @property
    def gold(self) -> Tuple[str, ...]:
        """The tags; O for every token of text without annotation."""
        return self.tags if self.tags is not None else ("O",) * len(self.tokens)


class Reading(NamedTuple):
    """What a format reads: the sentences, and what it skipped or repaired.

    warnings : counts by a phrase that says what happened.
    """

    sentences: List[Sentence]
    warnings: Warnings


def no_warnings() -> Warnings:
    """An empty counter of warnings."""
    return Counter()
