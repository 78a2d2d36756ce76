"""JSON of Hugging Face's datasets: a list of tokens and a list of tags, which may be numbers, in each record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.formats.doccano import has_keys
from ner_mx.data.json_records import read_records
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.span_values import whole_number
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register
from ner_mx.untyped import Json, Values

TOKEN_KEYS = ("tokens", "words")
TAG_KEYS = ("ner_tags", "tags", "ner", "labels", "label")
POS_KEYS = ("pos_tags", "pos", "xpos", "upos")
# The keys under which a record or file keeps the names of its numbered tags.
NAME_KEYS = ("tag_names", "ner_tag_names", "label_names", "label_list", "id2label", "names")
INFO_FILES = ("dataset_info.json", "dataset_infos.json")


@register.format("huggingface")
class HuggingFace(Format):
    """An array of records, or one per line."""

    holds_pos = True

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read the records.

        The names of numbered tags come from ``corpus.tag_names``, from a list in the file, or
        from ``dataset_info.json`` beside it.

        Raises
        ------
        CorpusError : a record has no tokens or tags, or numbered tags have no names.
        """
        records = read_records(path, settings.encoding)
        names: Optional[List[str]] = settings.tag_names
        sentences: List[Sentence] = []
        for number, (line, record) in enumerate(records):
            tokens, tags = _columns(record, path, line)
            if any(type(tag) is int for tag in tags):
                names = names or tag_names(record, path)
                tags = [_named(tag, names, path, line) for tag in tags]
            if tokens:
                sentences.append(Sentence(tuple(tokens), tuple(tags), _pos(record, len(tokens)), str(path), line,
                                          _document(record, number)))
        if not sentences:
            raise CorpusError(path, None, "expected annotated sentences, found nothing")
        # Lines are those of records: a token has no line of its own.
        return Reading(sentences, no_warnings())

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write one record per line, with tags as text."""
        lines = []
        for number, sentence in enumerate(sentences):
            record: Values = {"id": str(number), "tokens": list(sentence.tokens), "ner_tags": list(sentence.gold)}
            if sentence.pos:
                record["pos_tags"] = list(sentence.pos)
            lines.append(json.dumps(record, ensure_ascii=False) + "\n")
        write_text(path, "".join(lines))
        return no_warnings()

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the first record has tokens and tags, and no text with spans."""
        return has_keys(beginning, TOKEN_KEYS, TAG_KEYS) and not has_keys(beginning, ("spans", "tokenized_text"))


def _columns(record: Json, path: Path, line: int) -> Tuple[List[str], List[Any]]:
    tokens = tags = None
    if isinstance(record, dict):
        tokens = next((record[key] for key in TOKEN_KEYS if isinstance(record.get(key), list)), None)
        tags = next((record[key] for key in TAG_KEYS if isinstance(record.get(key), list)), None)
    if tokens is None or tags is None:
        raise CorpusError(path, line, f"expected tokens and ner_tags, found {shown(json.dumps(record))}")
    if len(tokens) != len(tags):
        raise CorpusError(path, line, f"expected {len(tokens)} tags for as many tokens, found {len(tags)}")
    if not all(isinstance(token, str) and token for token in tokens):
        raise CorpusError(path, line, "expected tokens of at least one character, found another value")
    if not all(isinstance(tag, (str, int)) and not isinstance(tag, bool) for tag in tags):
        raise CorpusError(path, line, "expected tags as text or numbers, found another value")
    return tokens, tags


def tag_names(record: Json, path: Path) -> Optional[List[str]]:
    """The names of numbered tags, from the record itself or from the description of the data set beside the file."""
    values = [record]
    for name in INFO_FILES:
        try:
            values.append(json.loads(path.with_name(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError):
            continue
    for value in values:
        names = _find_names(value, 0)
        if names:
            return names
    return None


def _find_names(value: Json, depth: int) -> Optional[List[str]]:
    """The first list of tag names anywhere in a value."""
    if not isinstance(value, dict) or depth > 8:
        return None
    for key in NAME_KEYS:
        names = value.get(key)
        if isinstance(names, dict):
            names = [names[number] for number in sorted(names, key=lambda number: whole_number(number) or 0)]
        if isinstance(names, list) and "O" in names and all(isinstance(name, str) for name in names):
            return names
    return next((names for child in value.values() for names in [_find_names(child, depth + 1)] if names), None)


def _named(tag: Json, names: Optional[List[str]], path: Path, line: int) -> str:
    if isinstance(tag, str):
        return tag
    if names is None:
        raise CorpusError(path, line, "expected the names of numbered tags, found nothing; set corpus.tag_names to "
                                      "their list, such as [O, B-PER, I-PER]")
    if not 0 <= tag < len(names):
        raise CorpusError(path, line, f"expected tags from 0 to {len(names) - 1}, as there are names, found {tag}")
    return names[tag]


def _pos(record: Values, length: int) -> Optional[Tuple[str, ...]]:
    for key in POS_KEYS:
        pos = record.get(key)
        if isinstance(pos, list) and len(pos) == length and all(isinstance(tag, str) and tag for tag in pos):
            return tuple(pos)
    return None


def _document(record: Values, number: int) -> int:
    document = record.get("document_id", record.get("doc_id"))
    return document if isinstance(document, int) else number
