"""Entities as character offsets in a text, to tags of its tokens."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from itertools import groupby
from typing import Iterator, List, NamedTuple, Sequence, Tuple

from ner_mx.data.documents import Document, TextSpan
from ner_mx.data.sentence import Offsets, Sentence
from ner_mx.data.span_checks import SpanChecker
from ner_mx.data.spans import Span
from ner_mx.data.tag_schemes import tags_of
from ner_mx.data.tokenizers import Token
from ner_mx.errors import shown

# How many widened spans a warning lists; all are counted.
LISTED = 20


class TaggedTokens(NamedTuple):
    """A sentence of a text: its tokens, their IOB2 tags, and their offsets."""

    tokens: Tuple[str, ...]
    tags: Tuple[str, ...]
    offsets: Tuple[Offsets, ...]


class SpanTagger:
    """Turns the checked spans of documents into tags of their tokens.

    A span that does not fit the token borders is widened to the tokens that it
    overlaps, and no sentence ends inside a span, so that no entity is lost.
    """

    def __init__(self, checker: SpanChecker):
        self._checker = checker
        self._widened: List[str] = []

    def tagged(self, document: Document, sentences: List[List[Token]]) -> Iterator[TaggedTokens]:
        """The sentences of a document; those that share a span are joined."""
        for tokens, spans in _with_spans(document, sentences):
            starts, ends = [token.start for token in tokens], [token.end for token in tokens]
            widened = [self._on_tokens(document, span, starts, ends) for span in spans]
            kept = self._checker.without_overlaps(document, widened, partial(_words, document.text, tokens))
            tags = tags_of([Span(span.start, span.end, span.label) for span in kept], len(tokens), "IOB2")
            yield TaggedTokens(tuple(token.text for token in tokens), tags, tuple(zip(starts, ends)))

    def _on_tokens(self, document: Document, span: TextSpan, starts: List[int], ends: List[int]) -> TextSpan:
        first = bisect_left(ends, span.start + 1)
        last = max(first, bisect_left(starts, span.end) - 1)
        if (starts[first], ends[last]) != (span.start, span.end):
            self._widened.append(f"{document.place(span)}: {shown(document.text[span.start:span.end], 30)}")
        return span._replace(start=first, end=last + 1)

    def finish(self) -> None:
        """Count the widened spans, and list the first."""
        if self._widened:
            examples = "; ".join(self._widened[:LISTED]) + ("; …" if len(self._widened) > LISTED else "")
            self._checker.warnings.add(
                f"spans that do not fit the token borders, widened to whole tokens: {examples}",
                count=len(self._widened))


def _words(text: str, tokens: List[Token], span: TextSpan) -> str:
    """The text of a span of tokens."""
    return text[tokens[span.start].start:tokens[span.end - 1].end]


def _with_spans(document: Document,
                sentences: List[List[Token]]) -> Iterator[Tuple[List[Token], Sequence[TextSpan]]]:
    """The sentences of a text, each with its spans; sentences that share a span are joined."""
    spans = document.spans
    starts = [span.start for span in spans]
    first = 0  # of the spans that belong to no sentence yet
    current: List[Token] = []
    for index, tokens in enumerate(sentences):
        current += tokens
        following = sentences[index + 1][0].start if index + 1 < len(sentences) else len(document.text) + 1
        end = bisect_left(starts, following, first)
        # There are no overlaps, so the last span that begins here ends last.
        if end > first and spans[end - 1].end > following:
            continue
        yield current, spans[first:end]
        first, current = end, []


def documents_of(sentences: Sequence[Sentence]) -> Iterator[List[Sentence]]:
    """The sentences of each document."""
    for _, group in groupby(sentences, key=lambda sentence: (sentence.source, sentence.document)):
        yield list(group)
