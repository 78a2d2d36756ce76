"""Tokens split before and after every digit, as Chiu & Nichols 2016 do for OntoNotes (section 3.1).

OntoNotes has entities that begin or end inside a token such as ``1990-92``.
"""

from __future__ import annotations

import re
from typing import List, Sequence

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import tags_of

_PIECE = re.compile(r"\d|\D+")


def pieces(token: str) -> List[str]:
    """The pieces of a token.

    >>> pieces("1990-92")
    ['1', '9', '9', '0', '-', '9', '2']
    """
    return _PIECE.findall(token)


def split_tokens(tokens: Sequence[str]) -> List[str]:
    """The pieces of all tokens.

    >>> split_tokens(["Boeing", "747"])
    ['Boeing', '7', '4', '7']
    """
    return [piece for token in tokens for piece in pieces(token)]


def origins(tokens: Sequence[str]) -> List[int]:
    """For each piece, the index of the token it comes from."""
    return [number for number, token in enumerate(tokens) for _ in pieces(token)]


def split_at_digits(sentence: Sentence) -> Sentence:
    """The sentence in pieces: entities cover all pieces of their tokens, POS tags are repeated."""
    source = origins(sentence.tokens)
    if len(source) == len(sentence.tokens):
        return sentence
    first = [source.index(number) for number in range(len(sentence.tokens))] + [len(source)]
    tags = sentence.tags
    if tags is not None:
        spans = [Span(first[span.start], first[span.end], span.label) for span in spans_of(tags)]
        tags = tags_of(spans, len(source), "IOB2")
    return sentence._replace(
        tokens=tuple(split_tokens(sentence.tokens)), tags=tags,
        pos=tuple(sentence.pos[number] for number in source) if sentence.pos else None)


def merged_spans(spans: Sequence[Span], tokens: Sequence[str]) -> List[Span]:
    """Spans over pieces as spans over the tokens that they overlap."""
    source = origins(tokens)
    return [Span(source[span.start], source[span.end - 1] + 1, span.label) for span in spans]
