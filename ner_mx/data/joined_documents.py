"""The sentences of a document as one: networks then read a token with all that is around it in the document."""

from __future__ import annotations

from itertools import groupby
from typing import List, Sequence

from ner_mx.data.sentence import Sentence
from ner_mx.data.tag_schemes import convert_tags


def joined_documents(sentences: Sequence[Sentence]) -> List[Sentence]:
    """One sentence for each document, with tags in IOB2; neighbours of one document and file are joined."""
    return [_joined(list(group)) for _, group in groupby(
        sentences, key=lambda sentence: (sentence.source, sentence.document))]


def _joined(sentences: List[Sentence]) -> Sentence:
    first = sentences[0]
    if len(sentences) == 1:
        return first
    pos = [sentence.pos for sentence in sentences]
    return Sentence(
        tuple(token for sentence in sentences for token in sentence.tokens),
        tuple(tag for sentence in sentences for tag in convert_tags(sentence.gold, "IOB2")),
        tuple(tag for tags in pos for tag in tags or ()) if all(pos) else None,
        first.source, first.line, first.document, first.title)
