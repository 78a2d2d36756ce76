"""JSONL of doccano and other tools: one text per line, its entities as character offsets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Iterator, List, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.documents import Document
from ner_mx.data.formats import TextFormat
from ner_mx.data.json_records import JsonRecord, read_records
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.data.span_values import span_of
from ner_mx.data.tokenizers import Token
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register
from ner_mx.untyped import Values

TEXT_KEYS = ("text", "data")
LABEL_KEYS = ("label", "labels", "entities", "spans")
TOKENS = "sentences"  # a key of our own: the offsets of the tokens of each sentence

NOT_ACCEPTED = "records that were rejected or ignored by their annotators, left out"
SPANS_NOT_ACCEPTED = "spans that were rejected or ignored by their annotators, left out"
NOT_APPROVED = "records that nobody approved, in a file where others are approved, left out"
EMPTY = "records with an empty list of labels, read as text without entities"


@register.format("doccano")
class Doccano(TextFormat):
    """One JSON object per line, each a document; an array of them is read, too."""

    suffixes: ClassVar[Tuple[str, ...]] = (".jsonl", ".ndjson")

    def documents(self, path: Path, settings: Corpus, warnings: Warnings) -> Iterator[Document]:
        """The records of a JSONL export, of Prodigy's, or of what ``ner-mx predict`` and ``tag`` write."""
        records = read_records(path, settings.encoding)
        approved = any(isinstance(record.value, dict) and is_approved(record.value) for record in records)
        for record in records:
            place = f"{path}:{record.line}"
            values = record.value
            if not isinstance(values, dict):
                raise CorpusError(path, record.line, f"expected a JSON object, found {shown(json.dumps(values))}")
            if values.get("answer", "accept") != "accept":
                warnings.add(NOT_ACCEPTED, place)
            elif approved and not is_approved(values):
                warnings.add(NOT_APPROVED, place)
            else:
                yield _document(record, path, settings, warnings)

    def write_documents(self, documents: Sequence[Document], path: Path) -> Warnings:
        """Write one document per line for doccano's JSONL import, with its tokens in a field of our own."""
        lines = []
        for document in documents:
            record: Values = {**({} if document.identifier is None else {"id": document.identifier}),
                              "text": document.text,
                              "label": [[span.start, span.end, span.label] for span in document.spans],
                              **document.metadata}
            if document.sentences:
                record[TOKENS] = [[[token.start, token.end] for token in sentence] for sentence in document.sentences]
            lines.append(json.dumps(record, ensure_ascii=False) + "\n")
        write_text(path, "".join(lines))
        return no_warnings()

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the first record has a text and labels."""
        return has_keys(beginning, TEXT_KEYS, LABEL_KEYS) and '"answer"' not in beginning


def is_approved(record: Values) -> bool:
    """Whether a record says that somebody approved it, as doccano's exports do."""
    return bool(record.get("annotation_approver") or record.get("is_confirmed") or record.get("approved"))


def has_keys(beginning: str, *alternatives: Sequence[str]) -> bool:
    """Whether JSON begins with an object that has one key of each list."""
    stripped = beginning.lstrip()
    if not stripped.startswith(("{", "[")) or "{" not in stripped[:200]:
        return False
    return all(any(f'"{key}"' in stripped for key in keys) for keys in alternatives)


def _document(record: JsonRecord, path: Path, settings: Corpus, warnings: Warnings) -> Document:
    values = dict(record.value)
    text_key = next((key for key in TEXT_KEYS if isinstance(values.get(key), str)), None)
    label_key = _label_key(values, path, record.line, settings.label_key)
    if text_key is None or label_key is None:
        raise CorpusError(path, record.line, (
            f"expected a string under {' or '.join(TEXT_KEYS)} and a list under "
            f"{' or '.join(LABEL_KEYS)}, found the keys {', '.join(map(str, values))[:80] or '(none)'}"))
    text, labels = values.pop(text_key), values.pop(label_key)
    place = f"{path}:{record.line}"
    if not labels:
        warnings.add(EMPTY, place)
    accepted = [label for label in labels if not isinstance(label, dict) or label.get("answer", "accept") == "accept"]
    warnings.add(SPANS_NOT_ACCEPTED, place, len(labels) - len(accepted))
    spans = [span_of(label, path, record.line, warnings) for label in accepted]
    sentences = _tokens(values, text, settings)
    for key in (TOKENS, "tokens", "answer"):
        values.pop(key, None)
    return Document(text, spans, str(path), record.line, sentences, values.pop("id", None), values)


def _label_key(values: Values, path: Path, line: int, chosen: Optional[str]) -> Optional[str]:
    """The key of the labels.

    Raises
    ------
    CorpusError : there are several, and the configuration does not choose one.
    """
    lists = [key for key in (LABEL_KEYS if chosen is None else (chosen,)) if isinstance(values.get(key), list)]
    # Prodigy writes an empty list if nothing was annotated; an empty list beside labels says nothing.
    filled = [key for key in lists if values[key]] or lists[:1]
    if len(filled) > 1:
        raise CorpusError(path, line, f"expected one list of labels, found {' and '.join(filled)}; choose one with "
                                      "corpus.label_key")
    if not filled and values.get("answer") == "accept":  # Prodigy leaves the key out where there is no entity
        values["spans"] = []
        return "spans"
    return filled[0] if filled else None


def _in_order(pairs: Sequence[Sequence[int]], text: str) -> bool:
    """Whether offsets are those of tokens one after the other; others could repeat the text many times."""
    position = 0
    for start, end in pairs:
        if type(start) is not int or type(end) is not int or not position <= start <= end <= len(text):
            return False
        position = end
    return True


def _tokens(values: Values, text: str, settings: Corpus) -> Optional[List[List[Token]]]:
    """The tokens that :meth:`Doccano.write_documents` stores by sentence, or Prodigy in a list; None without any."""
    try:
        if TOKENS in values:
            if not _in_order([offsets for sentence in values[TOKENS] for offsets in sentence], text):
                return None
            return [[Token(start, end, text[start:end]) for start, end in sentence] for sentence in values[TOKENS]]
        pairs = [(int(token["start"]), int(token["end"])) for token in values["tokens"]]
        if not _in_order(pairs, text):
            return None
        tokens = [Token(start, end, text[start:end]) for start, end in pairs]
        visible = [token for token in tokens if token.text.strip()]
        return settings.tokenizer.split(visible, text) if visible else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


