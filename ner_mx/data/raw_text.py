"""A split as raw text: documents as they were or restored from their tokens, and how they are tokenized."""

from __future__ import annotations

from collections import Counter
from typing import Iterable, List, NamedTuple, Sequence, Tuple

from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.data.detokenizer import restore_text
from ner_mx.data.offsets import documents_of
from ner_mx.data.sentence import Offsets, Sentence
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.data.tokenizers import Token, is_complete
from ner_mx.untyped import Json

# start and end in characters, and the type.
CharacterSpan = Tuple[int, int, str]


class RawDocument(NamedTuple):
    """A text with its gold entities in characters."""

    text: str
    spans: List[CharacterSpan]


class Tokenization(NamedTuple):
    """How the tokenizer's reading of texts differs from that of their corpus.

    tokens, sentences : of the corpus.  equal_tokens, equal_sentences : those that the tokenizer finds, too.
    spans : gold entities.  impossible : those that begin or end inside a token, or cross a border of sentences.
    """

    tokens: int
    equal_tokens: int
    sentences: int
    equal_sentences: int
    spans: int
    impossible: int


class _Located(NamedTuple):
    """A text with the offsets of its sentences' tokens, and its entities."""

    document: RawDocument
    offsets: List[Tuple[Offsets, ...]]


def raw_documents(sentences: Sequence[Sentence]) -> List[RawDocument]:
    """The documents of a split as texts: as they were where the corpus has them, else restored from their tokens."""
    return [located.document for located in _located(sentences)]


def _located(sentences: Sequence[Sentence]) -> Iterable[_Located]:
    for group in documents_of(sentences):
        origin = group[0].origin
        if origin is None:
            text, offsets = restore_text([sentence.tokens for sentence in group])
            yield _Located(RawDocument(text, _spans(group, offsets)), offsets)
        elif is_complete(origin.text, [[Token(start, end, origin.text[start:end]) for start, end in sentence.offsets]
                                       for sentence in group]):
            spans = [(span.start, span.end, span.label) for span in origin.spans]
            yield _Located(RawDocument(origin.text, spans), [sentence.offsets for sentence in group])
        else:  # a document whose other sentences are in another split
            for sentence in group:
                first, last = sentence.offsets[0][0], sentence.offsets[-1][1]
                offsets = [tuple((start - first, end - first) for start, end in sentence.offsets)]
                yield _Located(RawDocument(origin.text[first:last], _spans([sentence], offsets)), offsets)


def _spans(sentences: Sequence[Sentence], offsets: Sequence[Sequence[Offsets]]) -> List[CharacterSpan]:
    return [(places[span.start][0], places[span.end - 1][1], span.label)
            for sentence, places in zip(sentences, offsets)
            for span in spans_of(convert_tags(sentence.gold, "IOB2"))]


def compare_tokens(sentences: Sequence[Sentence], tokenizer: TokenizerSettings) -> Tokenization:
    """How a tokenizer reads the texts of a split, against the tokens of the corpus."""
    counts: Counter[str] = Counter()
    for document, offsets in _located(sentences):
        ours = [[(token.start, token.end) for token in tokens] for tokens in tokenizer.sentences(document.text)]
        tokens = {place for places in ours for place in places}
        borders = {(places[0][0], places[-1][1]) for places in ours}
        counts["tokens"] += sum(map(len, offsets))
        counts["equal_tokens"] += sum(place in tokens for places in offsets for place in places)
        counts["sentences"] += len(offsets)
        counts["equal_sentences"] += sum((places[0][0], places[-1][1]) in borders for places in offsets)
        counts["spans"] += len(document.spans)
        counts["impossible"] += impossible_spans(document, ours)
    return Tokenization(**{name: counts[name] for name in Tokenization._fields})


def impossible_spans(document: RawDocument, sentences: Sequence[Sequence[Offsets]]) -> int:
    """The number of entities that are not whole tokens of one sentence."""
    starts = {start: number for number, places in enumerate(sentences) for start, _ in places}
    ends = {end: number for number, places in enumerate(sentences) for _, end in places}
    return sum(start not in starts or starts[start] != ends.get(end) for start, end, _ in document.spans)


def to_json(documents: Sequence[RawDocument]) -> Json:
    """Documents as JSON values."""
    return [[document.text, [list(span) for span in document.spans]] for document in documents]


def from_json(value: Json) -> List[RawDocument]:
    """The reverse of :func:`to_json`."""
    return [RawDocument(text, [(start, end, label) for start, end, label in spans]) for text, spans in value]
