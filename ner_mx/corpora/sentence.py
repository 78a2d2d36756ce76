"""The one shape in which every reader hands over its corpus."""

from __future__ import annotations

from collections import Counter
from typing import List, NamedTuple, Optional, Tuple


class Sentence(NamedTuple):
    """Tokens with their annotation.

    tokens : the words as they stand in the corpus.
    tags : one tag a token, in the corpus' own scheme; None for unannotated text.
    pos : one part-of-speech tag a token, or None.
    source : the file it came from.
    line : the 1-based line of its first token in that file (0 where there are no lines).
    document : a number shared by the sentences of one document of a file.
    title : that document's name, where there is a list of them; "" otherwise.
    """

    tokens: Tuple[str, ...]
    tags: Optional[Tuple[str, ...]]
    pos: Optional[Tuple[str, ...]]
    source: str
    line: int
    document: int
    title: str = ""


class Reading(NamedTuple):
    """What a reader found: the sentences, and what it had to pass over or mend.

    warnings : how often each thing happened, under a sentence that says what.
    """

    sentences: List[Sentence]
    warnings: Counter
