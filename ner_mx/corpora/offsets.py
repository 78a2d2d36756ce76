"""Entities as character offsets in a text, and as tags of its tokens."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from ner_mx.corpora.schemes import convert, tags_of
from ner_mx.corpora.sentence import Sentence
from ner_mx.corpora.spans import Span, spans_of
from ner_mx.corpora.tokenizer import Token
from ner_mx.corpora.tokenizer import sentences as split_sentences
from ner_mx.errors import CorpusError, shown

# How many spans off token borders are named; all are counted.
LISTED = 20


# The tokens of a sentence and their tags.
Tagged = Tuple[Tuple[str, ...], Tuple[str, ...]]


def tagged_text(text: str, spans: Sequence[Span], path: Path, number: Optional[int], widened: List[str],
                parts: Optional[List[List[Token]]] = None) -> Iterator[Tagged]:
    """The sentences of a text as tokens and IOB2 tags.

    A span that does not fall on token borders is widened to the tokens that it
    touches, and no sentence ends inside a span, so that no entity is lost.

    Parameters
    ----------
    spans : in characters, in order, none over another.
    number : the line that stands in an error.
    widened : takes the spans that were widened.
    parts : the text's sentences; it is split if they are not given.

    Raises
    ------
    CorpusError : a span over blanks, or two over one token.
    """
    place = str(path) if number is None else f"line {number}"
    for tokens, inside in _with_spans(text, spans, path, number, parts or split_sentences(text)):
        entities: List[Span] = []
        for span in inside:
            touched = [index for index, token in enumerate(tokens)
                       if token.start < span.end and token.end > span.start]
            first, last = touched[0], touched[-1]
            if tokens[first].start != span.start or tokens[last].end != span.end:
                widened.append(f"{place}: {shown(text[span.start:span.end], 30)}")
            if entities and first < entities[-1].end:
                raise CorpusError(path, number, (
                    f"expected one entity a token, found two at {shown(tokens[first].text)}; "
                    "keep one of them"))
            entities.append(Span(first, last + 1, span.label))
        yield tuple(token.text for token in tokens), tags_of(entities, len(tokens), "IOB2")


def _with_spans(text: str, spans: Sequence[Span], path: Path, number: Optional[int],
                parts: List[List[Token]]) -> Iterator[Tuple[List[Token], Sequence[Span]]]:
    """The sentences of a text, each with its spans; sentences that share a span are one."""
    starts = [span.start for span in spans]
    first = 0  # of the spans that no sentence has had
    current: List[Token] = []
    for place, tokens in enumerate(parts):
        current = current + tokens
        following = parts[place + 1][0].start if place + 1 < len(parts) else len(text) + 1
        end = bisect_left(starts, following, first)
        # None is over another, so the last that begins here ends last.
        if end > first and spans[end - 1].end > following:
            continue
        inside, first = spans[first:end], end
        for span in inside:
            if not text[span.start:span.end].strip():
                raise CorpusError(path, number, f"expected a span over a word, found blanks at {span.start}")
        yield current, inside
        current = []


def widening(widened: Sequence[str]) -> Counter:
    """The warning that counts widened spans and lists the first."""
    warnings: Counter = Counter()
    if widened:
        examples = "; ".join(widened[:LISTED]) + ("; …" if len(widened) > LISTED else "")
        warnings[f"spans off token borders, widened to whole tokens: {examples}"] = len(widened)
    return warnings


def documents(sentences: Sequence[Sentence]) -> Iterator[List[Sentence]]:
    """The sentences of each document."""
    for _, group in groupby(sentences, key=lambda sentence: (sentence.source, sentence.document)):
        yield list(group)


def plain_text(document: Sequence[Sentence]) -> Tuple[str, List[List[List[int]]], List[Span]]:
    """A document as text: tokens parted by blanks, sentences by line ends.

    Returns
    -------
    The text, [start, end] of each token of each sentence, and the entities, in characters.
    """
    lines, places, entities, position = [], [], [], 0
    for sentence in document:
        line = []
        for token in sentence.tokens:
            line.append([position, position + len(token)])
            position += len(token) + 1
        for span in spans_of(convert(sentence.tags or (), "IOB2")):
            entities.append(Span(line[span.start][0], line[span.end - 1][1], span.label))
        lines.append(" ".join(sentence.tokens))
        places.append(line)
    return "\n".join(lines), places, entities
