"""Tokens in pieces, which are what a network reads, and entities of pieces as those of whole tokens again.

Chiu & Nichols 2016 split tokens before and after every digit, as OntoNotes has entities that begin or end inside a
token such as ``1990-92`` (section 3.1).  Other systems read characters.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Sequence, Tuple

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import tags_of

_DIGIT = re.compile(r"\d|\D+")

# Between the characters of two tokens.
BLANK = " "
# The pieces that are read of a token at most; no name is longer.
MOST = 256


class Pieces:
    """Each token in pieces.

    Attributes
    ----------
    between : pieces between two tokens, which belong to an entity if both do.
    """

    between: Tuple[str, ...] = ()

    def of_token(self, token: str) -> List[str]:
        """The pieces of a token; at least one, and at most ``MOST``."""
        raise NotImplementedError

    def merged(self, inside: int, first: bool, size: int) -> bool:
        """Whether a token is part of an entity.

        Parameters
        ----------
        inside : its pieces in the entity, at least one.  first : whether its first piece is among them.
        size : its pieces.
        """
        raise NotImplementedError

    def split(self, tokens: Sequence[str]) -> List[str]:
        """The pieces of a sentence."""
        return [piece for number, token in enumerate(tokens)
                for piece in (*(self.between if number else ()), *self.of_token(token))]

    def bounds(self, tokens: Sequence[str]) -> List[Tuple[int, int]]:
        """Where the pieces of each token begin and end."""
        result, end = [], -len(self.between)
        for token in tokens:
            begin = end + len(self.between)
            end = begin + len(self.of_token(token))
            result.append((begin, end))
        return result

    def split_sentence(self, sentence: Sentence) -> Sentence:
        """The sentence in pieces: entities cover all pieces of their tokens, POS tags are repeated."""
        pieces, bounds = self.split(sentence.tokens), self.bounds(sentence.tokens)
        if len(pieces) == len(sentence.tokens):
            return sentence
        tags = sentence.tags
        if tags is not None:
            spans = [Span(bounds[span.start][0], bounds[span.end - 1][1], span.label) for span in spans_of(tags)]
            tags = tags_of(spans, len(pieces), "IOB2")
        pos = tuple(tag for number, (tag, (begin, end)) in enumerate(zip(sentence.pos, bounds))
                    for tag in [tag] * (end - begin + (len(self.between) if number else 0))) if sentence.pos else None
        return sentence._replace(tokens=tuple(pieces), tags=tags, pos=pos)

    def merge(self, spans: Sequence[Span], tokens: Sequence[str]) -> List[Optional[Span]]:
        """Spans over pieces as spans over tokens; None for one that covers too little of every token."""
        bounds = self.bounds(tokens)
        result: List[Optional[Span]] = []
        for span in spans:
            covered = [number for number, (begin, end) in enumerate(bounds)
                       if begin < span.end and span.start < end and self.merged(
                           min(end, span.end) - max(begin, span.start), span.start <= begin, end - begin)]
            result.append(Span(covered[0], covered[-1] + 1, span.label) if covered else None)
        return result


class DigitPieces(Pieces):
    """Digits alone, and what is between them.

    >>> DigitPieces().split(["Boeing", "747-8"])
    ['Boeing', '7', '4', '7', '-', '8']
    """

    def of_token(self, token: str) -> List[str]:
        """The pieces."""
        return _DIGIT.findall(token)[:MOST]

    def merged(self, inside: int, first: bool, size: int) -> bool:
        """A token is part of every entity that it overlaps."""
        return True


class VotingCharacters(Pieces):
    """Characters; a token is part of an entity that has most of its characters.

    >>> VotingCharacters().split(["Mr", "X"])
    ['M', 'r', ' ', 'X']
    """

    between = (BLANK,)

    def of_token(self, token: str) -> List[str]:
        """The characters."""
        return list(token[:MOST])

    def merged(self, inside: int, first: bool, size: int) -> bool:
        """Whether it is more than half."""
        return 2 * inside > size


class FirstCharacters(VotingCharacters):
    """Characters; a token is part of an entity that has its first character."""

    def merged(self, inside: int, first: bool, size: int) -> bool:
        """Whether the first is there."""
        return first


CHARACTERS: Dict[str, Pieces] = {"vote": VotingCharacters(), "first": FirstCharacters()}


def pieces_of(split_digits: bool, characters: Optional[str]) -> Optional[Pieces]:
    """The pieces that a network reads, see ``corpus.split_digits`` and ``corpus.characters``; None for tokens."""
    if characters:
        return CHARACTERS[characters]
    return DigitPieces() if split_digits else None
