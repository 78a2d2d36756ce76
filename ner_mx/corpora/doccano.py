"""doccano's JSONL: a text a line, its entities as character offsets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, List, Tuple

from ner_mx.config import Corpus
from ner_mx.corpora.schemes import tags_of
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.corpora.spans import Span
from ner_mx.corpora.text import read_lines
from ner_mx.corpora.tokenizer import Token
from ner_mx.corpora.tokenizer import sentences as split_sentences
from ner_mx.errors import CorpusError, shown

TEXT_KEYS = ("text", "data")
LABEL_KEYS = ("label", "labels", "entities")

# How many spans off token borders are named; all are counted.
LISTED = 20


def read_doccano(path: Path, settings: Corpus) -> Reading:
    """Read a JSONL export; each line is a document, split into sentences and tokens.

    A span that does not fall on token borders is widened to the tokens that it
    touches, and no sentence ends inside a span, so that no entity of the gold
    is lost; widened spans are counted and the first are listed.

    Raises
    ------
    CorpusError : a line that is no JSON object, has no text or labels, or whose
        spans overlap (widened or not), are empty or leave the text.
    """
    result: List[Sentence] = []
    widened: List[str] = []
    for number, line in enumerate(read_lines(path, settings.encoding), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(path, number, f"expected a JSON object, found: {error}") from None
        text, spans = _record(record, path, number)
        for tokens, inside in _sentences_with_spans(text, spans, path, number):
            entities: List[Span] = []
            for span in inside:
                touched = [index for index, token in enumerate(tokens)
                           if token.start < span.end and token.end > span.start]
                first, last = touched[0], touched[-1]
                if tokens[first].start != span.start or tokens[last].end != span.end:
                    widened.append(f"line {number}: {shown(text[span.start:span.end], 30)}")
                if entities and first < entities[-1].end:
                    raise CorpusError(path, number, (
                        f"expected one entity a token, found two at {shown(tokens[first].text)}; "
                        "keep one of them"))
                entities.append(Span(first, last + 1, span.label))
            result.append(Sentence(tuple(token.text for token in tokens),
                                   tags_of(entities, len(tokens), "IOB2"),
                                   None, str(path), 0, number))
    if not result:
        raise CorpusError(path, None, "expected annotated texts, found none")
    warnings: Counter = Counter()
    if widened:
        examples = "; ".join(widened[:LISTED]) + ("; …" if len(widened) > LISTED else "")
        warnings[f"spans off token borders, widened to whole tokens: {examples}"] = len(widened)
    return Reading(result, warnings)


def _sentences_with_spans(text: str, spans: List[Span], path: Path,
                          number: int) -> Iterator[Tuple[List[Token], List[Span]]]:
    """The sentences of a text, each with its spans; sentences that share a span are one."""
    waiting = list(spans)
    current: List[Token] = []
    parts = split_sentences(text)
    for place, tokens in enumerate(parts):
        current = current + tokens
        following = parts[place + 1][0].start if place + 1 < len(parts) else len(text) + 1
        if any(span.start < following < span.end for span in waiting):
            continue
        inside = [span for span in waiting if span.start < following]
        waiting = waiting[len(inside):]
        for span in inside:
            if not text[span.start:span.end].strip():
                raise CorpusError(path, number, f"expected a span over a word, found blanks at {span.start}")
        yield current, inside
        current = []


def _record(record: Any, path: Path, number: int) -> Tuple[str, List[Span]]:
    """The text of one line and its spans in order, in characters."""
    if not isinstance(record, dict):
        raise CorpusError(path, number, f"expected a JSON object, found {shown(json.dumps(record))}")
    text = next((record[key] for key in TEXT_KEYS if isinstance(record.get(key), str)), None)
    lists = [key for key in LABEL_KEYS if isinstance(record.get(key), list)]
    if len(lists) > 1:
        raise CorpusError(path, number, f"expected one list of labels, found {' and '.join(lists)}")
    labels = record[lists[0]] if lists else None
    if text is None or labels is None:
        raise CorpusError(path, number, (
            f"expected a string under {' or '.join(TEXT_KEYS)} and a list under "
            f"{' or '.join(LABEL_KEYS)}, found the keys {', '.join(map(str, record))[:80] or 'none'}"))
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise CorpusError(path, number, "expected text, found half of a surrogate pair")
    spans: List[Span] = []
    for label in labels:
        if isinstance(label, dict):
            label = [label.get("start_offset"), label.get("end_offset"), label.get("label")]
        if (not isinstance(label, list) or len(label) != 3 or not isinstance(label[2], str)
                or not label[2] or any(type(offset) is not int for offset in label[:2])):
            raise CorpusError(path, number, f"expected [start, end, label], found {shown(json.dumps(label))}")
        start, end, name = label
        if not 0 <= start < end <= len(text):
            raise CorpusError(path, number, f"expected offsets inside the text of {len(text)} "
                                            f"characters, found {start} to {end}")
        spans.append(Span(start, end, name))
    spans.sort()
    for one, two in zip(spans, spans[1:]):
        if two.start < one.end:
            raise CorpusError(path, number, (
                f"expected spans that do not overlap, found {one.start}-{one.end} {one.label} and "
                f"{two.start}-{two.end} {two.label}; keep one of them"))
    return text, spans
