"""JSONL of doccano and other tools: one text per line, its entities as character offsets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.offsets import documents_of, plain_text, tagged_text, widening
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.spans import Span
from ner_mx.data.text_files import read_lines
from ner_mx.data.tokenizer import Token
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register

TEXT_KEYS = ("text", "data")
LABEL_KEYS = ("label", "labels", "entities", "spans")


@register.format("doccano")
class Doccano(Format):
    """One JSON object per line, each a document."""

    suffixes = (".jsonl",)

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read a JSONL export, or what ``ner-mx predict`` and ``tag`` write.

        Documents are split into sentences and tokens.  A span that does not fit the
        token borders is widened to the tokens that it overlaps, and no sentence ends
        inside a span, so that no entity of the gold is lost; widened spans are counted
        and the first are listed.

        Raises
        ------
        CorpusError : a line is not a JSON object, has no text or labels, or its spans
            overlap (widened or not), are empty or exceed the text.
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
            text, spans = _parse_record(record, path, number)
            for tokens, tags in tagged_text(text, spans, path, number, widened, _own_tokens(record, text)):
                result.append(Sentence(tokens, tags, None, str(path), 0, number))
        if not result:
            raise CorpusError(path, None, "expected annotated texts, found none")
        return Reading(result, widening(widened))

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write one document per line for doccano's JSONL import, with its tokens in a field of our own."""
        lines = []
        for document in documents_of(sentences):
            text, offsets, spans = plain_text(document)
            lines.append(json.dumps({"text": text, "label": [list(span) for span in spans],
                                     "sentences": offsets}, ensure_ascii=False) + "\n")
        write_text(path, "".join(lines))
        return no_warnings()


def _own_tokens(record: Any, text: str) -> Optional[List[List[Token]]]:
    """The tokens that :meth:`Doccano.write` stores, if they are complete; else None."""
    try:
        sentences = [[Token(start, end, text[start:end]) for start, end in sentence]
                     for sentence in record["sentences"]]
        flat = [token for sentence in sentences for token in sentence]
        ordered = all(token.end <= following.start for token, following in zip(flat, flat[1:]))
        inside = all(0 <= token.start < token.end <= len(text) for token in flat)
        # Every character but white space is in a token.
        covered = "".join("".join(token.text for token in flat).split()) == "".join(text.split())
        return sentences if ordered and inside and covered and flat and all(sentences) else None
    except (KeyError, TypeError, ValueError):
        return None


def _parse_record(record: Any, path: Path, number: int) -> Tuple[str, List[Span]]:
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
            f"{' or '.join(LABEL_KEYS)}, found the keys {', '.join(map(str, record))[:80] or '(none)'}"))
    for what, content in (("text", text), ("labels", json.dumps(labels, ensure_ascii=False))):
        if any("\ud800" <= character <= "\udfff" for character in content):
            raise CorpusError(path, number, f"expected {what}, found half of a surrogate pair")
    spans = sorted(_parse_span(label, text, path, number) for label in labels)
    for span, following in zip(spans, spans[1:]):
        if following.start < span.end:
            raise CorpusError(path, number, (
                f"expected spans that do not overlap, found {span.start}-{span.end} {span.label} and "
                f"{following.start}-{following.end} {following.label}; keep one of them"))
    return text, spans


def _parse_span(given: Any, text: str, path: Path, number: int) -> Span:
    label = given
    if isinstance(given, dict):  # the keys of doccano, of ner-mx predict and of other tools
        label = [given.get(f"{end}_offset", given.get(end)) for end in ("start", "end")]
        label.append(given.get("label"))
    if (not isinstance(label, list) or len(label) != 3 or not isinstance(label[2], str)
            or not label[2].strip() or any(type(offset) is not int for offset in label[:2])):
        raise CorpusError(path, number, f"expected [start, end, label], found {shown(json.dumps(given))}")
    start, end, name = label
    if not 0 <= start < end <= len(text):
        raise CorpusError(path, number, f"expected offsets inside the text of {len(text)} "
                                        f"characters, found {start} to {end}")
    return Span(start, end, name)
