"""The data objects that every format produces."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from ner_mx.untyped import ReadOnlyValues

if TYPE_CHECKING:
    from ner_mx.data.documents import Document

# [start, end) of a token in a text, in characters.
Offsets = Tuple[int, int]


class Warnings(Counter):
    """Counts of what was skipped, repaired or left out, by the reason; each with the place of its first case.

    Attributes
    ----------
    first : the place of the first case by reason, such as ``train.txt:118``, where it is known.
    """

    def __init__(self, *counts: Any) -> None:
        self.first: Dict[str, str] = {}
        super().__init__(*counts)

    def add(self, reason: str, place: str = "", count: int = 1) -> None:
        """Count a case; ``place`` is kept if it is the first."""
        if count:
            self[reason] += count
            if place:
                self.first.setdefault(reason, place)

    def update(self, *others: Any, **counts: int) -> None:
        """Add the counts of others; the places of this object come first."""
        super().update(*others, **counts)
        for other in others:
            if isinstance(other, Warnings):
                self.first = {**other.first, **self.first}

    def described(self) -> Dict[str, int]:
        """The counts, with the place of the first case in the reason."""
        return {f"{reason}, first in {self.first[reason]}" if reason in self.first else reason: count
                for reason, count in self.items() if count}

    def copy(self) -> Warnings:
        """A copy."""
        result = Warnings()
        result.update(self)
        return result

    def __add__(self, other: Any) -> Warnings:
        result = self.copy()
        result.update(other)
        return result

    def __pos__(self) -> Warnings:
        result = Warnings({reason: count for reason, count in self.items() if count > 0})
        result.first = dict(self.first)
        return result


class Sentence(NamedTuple):
    """Tokens with their annotation.

    tokens : the words as they are in the corpus.
    tags : one tag per token, in the corpus' own scheme; None for text without annotation.
    pos : one part-of-speech tag per token, or None.
    source : the file it comes from.
    line : the 1-based line of its first token in that file (0 if there are no lines).
    document : a number shared by the sentences of one document of a file.
    line_per_token : whether each token has a line of its own.
    title : the document's name, if there is a list of names; else "".
    origin : the text that the tokens were found in; None if the corpus has tokens alone.
    offsets : of each token in the text of ``origin``.
    """

    tokens: Tuple[str, ...]
    tags: Optional[Tuple[str, ...]] = None
    pos: Optional[Tuple[str, ...]] = None
    source: str = ""
    line: int = 0
    document: int = 0
    title: str = ""
    line_per_token: bool = False
    origin: Optional[Document] = None
    offsets: Tuple[Offsets, ...] = ()

    @property
    def gold(self) -> Tuple[str, ...]:
        """The tags; O for every token of text without annotation."""
        return self.tags if self.tags is not None else ("O",) * len(self.tokens)

    def place(self, token: int = 0) -> str:
        """Where a token stands, for messages: ``train.txt:118``."""
        if not self.line:
            return self.source
        return f"{self.source}:{self.line + (token if self.line_per_token else 0)}"


class Reading(NamedTuple):
    """What a format reads: the sentences, and what it skipped or repaired.

    warnings : counts by a phrase that says what happened.
    proposed : the settings below ``corpus`` that were found in the file, by dotted key.
    """

    sentences: List[Sentence]
    warnings: Warnings
    proposed: ReadOnlyValues = {}


def no_warnings() -> Warnings:
    """An empty counter of warnings."""
    return Warnings()
