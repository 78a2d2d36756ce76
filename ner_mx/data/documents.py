"""Texts with entities as character offsets: what annotation tools export."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.data.tokenizers import Token
from ner_mx.untyped import Json, Values


class TextSpan(NamedTuple):
    """An entity in a text: ``text[start:end]``.

    start, end : in characters; in a file, their unit may be another.
    surface : the words of the entity, if the file repeats them.
    place : of the span, if it does not stand with its text, such as ``a.ann:3``.
    """

    start: int
    end: int
    label: str
    surface: Optional[str] = None
    place: str = ""


class Document(NamedTuple):
    """A text with its entities.

    source : the file that it comes from.
    line : where it begins, counted from 1; None if the file holds this document alone.
    sentences : the tokens that the file itself gives, by sentence; None if there are none.
    identifier : the document's id, or the name of its file; None if it has none.
    metadata : the document's other fields, which only formats of the same family can hold.
    """

    text: str
    spans: Sequence[TextSpan] = ()
    source: str = ""
    line: Optional[int] = None
    sentences: Optional[List[List[Token]]] = None
    identifier: Json = None
    metadata: Values = {}

    def place(self, span: Optional[TextSpan] = None) -> str:
        """Where the document or one of its spans stands, for messages."""
        if span is not None and span.place:
            return span.place
        return self.source if self.line is None else f"{self.source}:{self.line}"


def document_of(sentences: Sequence[Sentence]) -> Document:
    """A document from its sentences: the text they were found in, or their tokens separated by spaces.

    In a text that is made here, sentences are lines.
    """
    origin = sentences[0].origin
    if origin is not None and all(sentence.origin is origin for sentence in sentences):
        offsets = [list(sentence.offsets) for sentence in sentences]
        text, identifier, metadata = origin.text, origin.identifier, origin.metadata
    else:
        text, offsets = _joined(sentences)
        identifier, metadata = sentences[0].title or None, {}
    spans, tokens = [], []
    for sentence, places in zip(sentences, offsets):
        for span in spans_of(convert_tags(sentence.gold, "IOB2")):
            spans.append(TextSpan(places[span.start][0], places[span.end - 1][1], span.label))
        tokens.append([Token(start, end, text[start:end]) for start, end in places])
    return Document(text, spans, sentences[0].source, None, tokens, identifier, metadata)


def _joined(sentences: Sequence[Sentence]) -> tuple[str, List[List[tuple[int, int]]]]:
    offsets, position = [], 0
    for sentence in sentences:
        places = []
        for token in sentence.tokens:
            places.append((position, position + len(token)))
            position += len(token) + 1
        offsets.append(places)
    return "\n".join(" ".join(sentence.tokens) for sentence in sentences), offsets
