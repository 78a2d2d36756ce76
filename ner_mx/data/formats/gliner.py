"""GLiNER's JSON: tokens with entities as the numbers of their first and last token."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import List, Sequence

from ner_mx.config import Corpus
from ner_mx.data.documents import Document, TextSpan
from ner_mx.data.formats import Format
from ner_mx.data.formats.doccano import has_keys
from ner_mx.data.json_records import read_records
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.span_checks import SpanChecker
from ner_mx.data.span_values import whole_number
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import convert_tags, tags_of
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register
from ner_mx.untyped import Json


@register.format("gliner")
class Gliner(Format):
    """``{"tokenized_text": [...], "ner": [[first, last, label]]}``, in an array or one per line."""

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read the records; the last token of an entity is part of it.

        Raises
        ------
        CorpusError : a record has no tokens, an entity is outside them, or entities overlap.
        """
        warnings = no_warnings()
        checker = SpanChecker(settings.overlaps, warnings)
        sentences: List[Sentence] = []
        for number, (line, record) in enumerate(read_records(path, settings.encoding)):
            tokens = record.get("tokenized_text") if isinstance(record, dict) else None
            entities = record.get("ner") if isinstance(record, dict) else None
            if not isinstance(tokens, list) or not isinstance(entities, list) or not all(
                    isinstance(token, str) and token for token in tokens):
                raise CorpusError(path, line, "expected tokenized_text and ner, found " + shown(json.dumps(record)))
            if not tokens:
                continue
            document = Document(" ".join(tokens), (), str(path), line)
            spans = list(dict.fromkeys(_span(entity, len(tokens), path, line) for entity in entities))
            kept = checker.without_overlaps(document, spans, partial(_words, tokens))
            tags = tags_of([Span(span.start, span.end, span.label) for span in kept], len(tokens), "IOB2")
            sentences.append(Sentence(tuple(tokens), tags, None, str(path), line, number))
        checker.finish()
        if not sentences:
            raise CorpusError(path, None, "expected annotated sentences, found nothing")
        return Reading(sentences, warnings)

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write an array with a record per sentence."""
        lines = []
        for sentence in sentences:
            spans = spans_of(convert_tags(sentence.gold, "IOB2"))
            lines.append(json.dumps({"tokenized_text": list(sentence.tokens),
                                     "ner": [[span.start, span.end - 1, span.label] for span in spans]},
                                    ensure_ascii=False))
        write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")
        return no_warnings()

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the first record has both keys."""
        return has_keys(beginning, ("tokenized_text",), ("ner",))


def _words(tokens: Sequence[str], span: TextSpan) -> str:
    return " ".join(tokens[span.start:span.end])


def _span(entity: Json, length: int, path: Path, line: int) -> TextSpan:
    numbers = [whole_number(value) for value in entity[:2]] if isinstance(entity, list) and len(entity) == 3 else []
    if len(numbers) != 2 or None in numbers or not isinstance(entity[2], str) or not entity[2].strip():
        raise CorpusError(path, line, f"expected [first, last, label], found {shown(json.dumps(entity))}")
    first, last = (number for number in numbers if number is not None)
    if not 0 <= first <= last < length:
        raise CorpusError(path, line, f"expected tokens among the {length} of the sentence, found {first} to {last}")
    return TextSpan(first, last + 1, entity[2])
