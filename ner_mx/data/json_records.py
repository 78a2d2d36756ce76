"""The records of a JSON file: one object per line, or an array of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator, List, NamedTuple

from ner_mx.data.text_files import read_text
from ner_mx.errors import CorpusError, first_line
from ner_mx.untyped import Json

# The keys under which files that are one object keep their records.
LISTS = ("data", "examples", "documents", "records", "train")


class JsonRecord(NamedTuple):
    """A value with the line on which it begins."""

    line: int
    value: Json


def read_records(path: Path, encoding: str) -> List[JsonRecord]:
    """The records of a file.

    Raises
    ------
    CorpusError : the file is not JSON, or holds no records.
    """
    text = read_text(path, encoding).replace("\r\n", "\n").replace("\r", "\n")
    records = list(_of_lines(text, path) if is_lines(text) else _of_document(text, path))
    if len(records) == 1 and text.lstrip().startswith("{"):
        records = _inner_records(records[0])
    if not records:
        raise CorpusError(path, None, "expected annotated records, found an empty list")
    return records


def is_lines(text: str) -> bool:
    """Whether each line is a record of its own, and not part of one document."""
    lines = [line for line in text[:1 << 20].split("\n") if line.strip()]
    if not lines or not _is_complete(lines[0]):
        return False
    # A list on a single line is a list of records, unless it is one record itself: ["text", {...}].
    return len(lines) > 1 or not lines[0].lstrip().startswith("[") or _is_pair(json.loads(lines[0]))


def _is_complete(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _of_lines(text: str, path: Path) -> Iterator[JsonRecord]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield JsonRecord(number, json.loads(line))
            except (ValueError, RecursionError) as error:
                raise CorpusError(path, number, f"expected a JSON value, found: {first_line(error)}") from None


def _of_document(text: str, path: Path) -> Iterator[JsonRecord]:
    """The elements of an array, or of the array that an object holds."""
    decoder = json.JSONDecoder()
    try:
        if not text.lstrip().startswith("["):
            yield JsonRecord(1, json.loads(text))
            return
        position, line = text.index("[") + 1, 1
        counted = 0
        while True:
            position = _skipped(text, position)
            if text[position:position + 1] in ("]", ""):
                break
            line += text.count("\n", counted, position)
            counted = position
            value, position = decoder.raw_decode(text, position)
            yield JsonRecord(line, value)
        json.loads(text)  # what stands between and behind the elements
    except json.JSONDecodeError as error:
        raise CorpusError(path, error.lineno, f"expected JSON, found: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise CorpusError(path, None, f"expected JSON, found: {first_line(error)}") from None


def _skipped(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position


def _inner_records(record: JsonRecord) -> List[JsonRecord]:
    """The records that an object holds under one of :data:`LISTS`, each with the object's other fields; or itself."""
    value = record.value
    if not isinstance(value, dict):
        return [record]
    if "text" in value or "tokens" in value:
        return [record]
    for key in LISTS:
        inner = value.get(key)
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            others = {name: field for name, field in value.items() if name != key}
            return [JsonRecord(record.line, {**others, **child} if isinstance(child, dict) else child)
                    for child in inner]
    return [record]


def _is_pair(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)
