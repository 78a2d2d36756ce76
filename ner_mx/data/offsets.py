"""Entities as character offsets in a text, and as tags of its tokens."""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.data.sentence import Sentence, Warnings, no_warnings
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import convert_tags, tags_of
from ner_mx.data.tokenizer import Token, split_sentences
from ner_mx.errors import CorpusError, shown

# How many widened spans a warning lists; all are counted.
LISTED = 20


# The tokens of a sentence and their tags.
Tagged = Tuple[Tuple[str, ...], Tuple[str, ...]]


def tagged_text(text: str, spans: Sequence[Span], path: Path, line: Optional[int], widened: List[str],
                sentences: Optional[List[List[Token]]] = None) -> Iterator[Tagged]:
    """The sentences of a text as tokens and IOB2 tags.

    A span that does not fit the token borders is widened to the tokens that it
    overlaps, and no sentence ends inside a span, so that no entity is lost.

    Parameters
    ----------
    spans : in characters, in order, without overlaps.
    line : for the error.
    widened : receives the spans that were widened.
    sentences : of the text; it is split if they are not given.

    Raises
    ------
    CorpusError : a span covers white space alone, or two cover one token.
    """
    place = str(path) if line is None else f"line {line}"
    for tokens, inside in _with_spans(text, spans, path, line, sentences or split_sentences(text)):
        entities: List[Span] = []
        for span in inside:
            overlapped = [index for index, token in enumerate(tokens)
                          if token.start < span.end and token.end > span.start]
            first, last = overlapped[0], overlapped[-1]
            if tokens[first].start != span.start or tokens[last].end != span.end:
                widened.append(f"{place}: {shown(text[span.start:span.end], 30)}")
            if entities and first < entities[-1].end:
                raise CorpusError(path, line, (
                    f"expected one entity per token, found two at {shown(tokens[first].text)}; "
                    "keep one of them"))
            entities.append(Span(first, last + 1, span.label))
        yield tuple(token.text for token in tokens), tags_of(entities, len(tokens), "IOB2")


def _with_spans(text: str, spans: Sequence[Span], path: Path, line: Optional[int],
                sentences: List[List[Token]]) -> Iterator[Tuple[List[Token], Sequence[Span]]]:
    """The sentences of a text, each with its spans; sentences that share a span are joined."""
    starts = [span.start for span in spans]
    first = 0  # of the spans that belong to no sentence yet
    current: List[Token] = []
    for index, tokens in enumerate(sentences):
        current = current + tokens
        following = sentences[index + 1][0].start if index + 1 < len(sentences) else len(text) + 1
        end = bisect_left(starts, following, first)
        # There are no overlaps, so the last span that begins here ends last.
        if end > first and spans[end - 1].end > following:
            continue
        inside, first = spans[first:end], end
        for span in inside:
            if not text[span.start:span.end].strip():
                raise CorpusError(path, line, f"expected a span over a word, found white space at {span.start}")
        yield current, inside
        current = []


def widening(widened: Sequence[str]) -> Warnings:
    """The warning that counts widened spans and lists the first."""
    warnings = no_warnings()
    if widened:
        examples = "; ".join(widened[:LISTED]) + ("; …" if len(widened) > LISTED else "")
        warnings[f"spans that do not fit the token borders, widened to whole tokens: {examples}"] = len(widened)
    return warnings


def documents_of(sentences: Sequence[Sentence]) -> Iterator[List[Sentence]]:
    """The sentences of each document."""
    for _, group in groupby(sentences, key=lambda sentence: (sentence.source, sentence.document)):
        yield list(group)


class PlainText(NamedTuple):
    """A document as text.

    offsets : [start, end] of each token of each sentence.  entities : in characters.
    """

    text: str
    offsets: List[List[List[int]]]
    entities: List[Span]


def plain_text(document: Sequence[Sentence]) -> PlainText:
    """A document as text: tokens separated by spaces, sentences by line ends."""
    lines, offsets, entities, position = [], [], [], 0
    for sentence in document:
        places = []
        for token in sentence.tokens:
            places.append([position, position + len(token)])
            position += len(token) + 1
        for span in spans_of(convert_tags(sentence.gold, "IOB2")):
            entities.append(Span(places[span.start][0], places[span.end - 1][1], span.label))
        lines.append(" ".join(sentence.tokens))
        offsets.append(places)
    return PlainText("\n".join(lines), offsets, entities)
