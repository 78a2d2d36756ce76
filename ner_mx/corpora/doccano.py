"""doccano's JSONL and its kin: a text a line, its entities as character offsets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.corpora.offsets import documents, plain_text, tagged_text, widening
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.corpora.spans import Span
from ner_mx.corpora.text import read_lines
from ner_mx.corpora.tokenizer import Token
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text

TEXT_KEYS = ("text", "data")
LABEL_KEYS = ("label", "labels", "entities", "spans")


def read_doccano(path: Path, settings: Corpus) -> Reading:
    """Read a JSONL export, or what ``ner-mx predict`` and ``tag`` write; each line is a document.

    Documents are split into sentences and tokens.

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
        for tokens, tags in tagged_text(text, spans, path, number, widened, _sentences(record, text)):
            result.append(Sentence(tokens, tags, None, str(path), 0, number))
    if not result:
        raise CorpusError(path, None, "expected annotated texts, found none")
    return Reading(result, widening(widened))


def _sentences(record: Any, text: str) -> Optional[List[List[Token]]]:
    """The tokens that :func:`write_doccano` keeps, if they are whole; else the text is split anew."""
    try:
        places = [[Token(start, end, text[start:end]) for start, end in sentence]
                  for sentence in record["sentences"]]
        flat = [token for sentence in places for token in sentence]
        ordered = all(one.end <= two.start for one, two in zip(flat, flat[1:]))
        good = ordered and all(0 <= token.start < token.end <= len(text) for token in flat)
        # Every character but blanks is in a token.
        covered = "".join("".join(token.text for token in flat).split()) == "".join(text.split())
        return places if good and covered and flat and all(places) else None
    except (KeyError, TypeError, ValueError):
        return None


def write_doccano(sentences: Sequence[Sentence], path: Path) -> Counter:
    """Write a document a line, for doccano's JSONL import; its tokens stand in a field of our own."""
    lines = []
    for document in documents(sentences):
        text, places, spans = plain_text(document)
        lines.append(json.dumps({"text": text, "label": [list(span) for span in spans],
                                 "sentences": places}, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))
    return Counter()


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
    if any("\ud800" <= character <= "\udfff" for character in json.dumps(labels, ensure_ascii=False)):
        raise CorpusError(path, number, "expected labels, found half of a surrogate pair")
    for given in labels:
        label = given
        if isinstance(given, dict):  # doccano's names, or those of ner-mx predict and of other tools
            label = [given.get(f"{end}_offset", given.get(end)) for end in ("start", "end")]
            label.append(given.get("label"))
        if (not isinstance(label, list) or len(label) != 3 or not isinstance(label[2], str)
                or not label[2].strip() or any(type(offset) is not int for offset in label[:2])):
            raise CorpusError(path, number, f"expected [start, end, label], found {shown(json.dumps(given))}")
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
