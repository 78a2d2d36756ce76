"""The formats of large corpora: how a record is read, and how a tagged record is written.

A record keeps its original content, so that the output loses nothing.  A record
that cannot be read has a reason instead of a text.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from ner_mx.data import compression
from ner_mx.data.bounded_lines import LONGEST_LINE, TOO_LONG, bounded_lines, is_too_long
from ner_mx.data.column_layout import SEPARATORS
from ner_mx.data.formats.conll import DOCUMENT_MARKER
from ner_mx.data.spans import Span
from ner_mx.decoding.entities import Entity
from ner_mx.errors import CorpusError
from ner_mx.strict_json import parse_json
from ner_mx.untyped import Json, Values

# The keys of a JSON object and the columns of a table.
TEXT, ENTITIES = "text", "entities"


class CorpusRecord(NamedTuple):
    """A text, or a tokenized sentence, with its original content.

    content : a line (text, JSONL), a row of a table or the lines of a sentence (CoNLL).
    text : the text to tag; None for a tokenized sentence and for a bad record.
    tokens : the tokens of a CoNLL sentence.
    problem : why the record cannot be read; "" if it can.
    """

    content: Json
    text: Optional[str] = None
    tokens: Sequence[str] = ()
    problem: str = ""

    @property
    def size(self) -> int:
        """Characters, by which records are divided into chunks."""
        if self.text is not None:
            return 1 + len(self.text)
        return 1 + (len(self.content) if isinstance(self.content, str) else sum(map(len, self.content or ())))


_TAG = re.compile(r"O|[BILOUSE]-\S+")

LONG_SENTENCE = f"expected sentences of at most {LONGEST_LINE:,} characters, found a longer one; separate them"

# How many characters or lines of a bad record are kept for inspection.
MAX_KEPT = 1000


class RecordFormat(NamedTuple):
    """A format: how records are read, how a record is written with its spans or entities, the suffix of the output."""

    read: Callable[[BinaryIO], Iterator[CorpusRecord]]
    write: Callable[[CorpusRecord, Sequence[Any]], bytes]
    suffix: str


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their line ends and without a byte-order mark."""
    for number, line in enumerate(bounded_lines(stream)):
        if number == 0 and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        yield line.rstrip(b"\r\n")


def decode_line(line: bytes) -> CorpusRecord:
    """A line as a text, or the reason why it cannot be one."""
    try:
        if is_too_long(line):
            return CorpusRecord(line[:4 * MAX_KEPT].decode("utf-8", "replace")[:MAX_KEPT], problem=TOO_LONG)
        text = line.decode("utf-8")
        if "\0" in text:
            return CorpusRecord(text[:MAX_KEPT], problem="expected text, found a NUL character; is it UTF-16?")
        return CorpusRecord(text, text)
    except UnicodeDecodeError as error:
        return CorpusRecord(line[:4 * MAX_KEPT].decode("utf-8", "replace")[:MAX_KEPT], problem=(
            f"expected UTF-8, found byte {line[error.start]:#04x} at {error.start}"))


def _read_text(stream: BinaryIO) -> Iterator[CorpusRecord]:
    return map(decode_line, _lines(stream))


def _read_jsonl(stream: BinaryIO) -> Iterator[CorpusRecord]:
    for line in _lines(stream):
        record = decode_line(line)
        if record.problem:
            yield record
            continue
        problem, shortened = "", record._replace(content=record.content[:MAX_KEPT], text=None)
        try:
            value = parse_json(record.content)
            text = value[TEXT]
            text.encode("utf-8")
            if ENTITIES in value:
                problem = f'expected no "{ENTITIES}" yet, found some; rename the key'
        except ValueError as error:
            problem = f"expected valid JSON, found: {error}"
        except (TypeError, KeyError, AttributeError):
            problem = f'expected an object with a string under "{TEXT}"'
        yield shortened._replace(problem=problem) if problem else CorpusRecord(record.content, text)


def _json_line(value: Values) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only hold as an escape
        return json.dumps(value).encode("ascii") + b"\n"


def entities_to_json(entities: Sequence[Entity]) -> List[Values]:
    """Entities as JSON values, their probabilities rounded to five decimal places."""
    return [{**entity._asdict(), "score": round(entity.score, 5)} for entity in entities]


def _write_text(record: CorpusRecord, entities: Sequence[Entity]) -> bytes:
    return _json_line({TEXT: record.text, ENTITIES: entities_to_json(entities)})


def _write_jsonl(record: CorpusRecord, entities: Sequence[Entity]) -> bytes:
    # The entities are added to the line as it is: numbers, doubled keys and escapes stay what they are.
    added = _json_line({ENTITIES: entities_to_json(entities)}).decode("utf-8")
    return f"{record.content.rstrip()[:-1].rstrip()}, {added[1:]}".encode()


def _read_conll(stream: BinaryIO) -> Iterator[CorpusRecord]:
    lines: List[str] = []
    problem, size = "", 0
    for line in _lines(stream):
        record = decode_line(line)
        size += len(record.content)
        problem = problem or record.problem or (LONG_SENTENCE if size > LONGEST_LINE else "")
        if record.content and not record.content.isspace():
            # Of a bad sentence, only the beginning is kept.
            if not problem or len(lines) < MAX_KEPT:
                lines.append(record.content)
        elif lines:
            yield _sentence(lines, problem)
            lines, problem, size = [], "", 0
    if lines:
        yield _sentence(lines, problem)


def _sentence(lines: List[str], problem: str) -> CorpusRecord:
    tokens = [token for token in map(_first_column, lines) if token != DOCUMENT_MARKER]
    if not problem and not all(tokens):
        problem = "expected a word in the first column, found nothing"
    if problem:
        return CorpusRecord([line[:MAX_KEPT] for line in lines[:MAX_KEPT]], problem=problem)
    return CorpusRecord(lines, tokens=tokens)


def _first_column(line: str) -> str:
    return SEPARATORS["tab" if "\t" in line else "whitespace"](line)[0]


def _write_conll(record: CorpusRecord, spans: Sequence[Span]) -> bytes:
    tags = ["O"] * len(record.tokens)
    for start, end, label in spans:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    remaining = iter(tags)
    lines = []
    for line in record.content:
        tag = "O" if _first_column(line) == DOCUMENT_MARKER else next(remaining)
        # Columns separated by tabs may be empty.
        lines.append(f"{line}\t{tag}\n" if "\t" in line else f"{line.rstrip(' ')} {tag}\n")
    return "".join([*lines, "\n"]).encode("utf-8")


FORMATS: Dict[str, RecordFormat] = {
    "text": RecordFormat(_read_text, _write_text, ".jsonl"),
    "jsonl": RecordFormat(_read_jsonl, _write_jsonl, ".jsonl"),
    "conll": RecordFormat(_read_conll, _write_conll, ".conll"),
}
SUFFIXES = {".txt": "text", ".text": "text", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
            ".conll": "conll", ".iob": "conll", ".iob2": "conll", ".bio": "conll", ".bioes": "conll",
            ".parquet": "parquet"}


def detect_format(path: Path, file_format: Optional[str]) -> Optional[str]:
    """The format of a file: as given, or by its suffix; None for an unknown suffix."""
    if file_format:
        return file_format
    suffix = compression.content_suffix(path)
    # Tables of any kind are called .tsv; columns with tags are what is tagged.
    if suffix == ".tsv":
        return "conll" if path.is_file() and looks_like_columns(path) else None
    return SUFFIXES.get(suffix)


def is_json_array(path: Path) -> bool:
    """Whether a file begins as an array of JSON, and not with a record on its first line."""
    try:
        with compression.opened(path) as (stream, _):
            return stream.read(1000).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    except CorpusError:
        return False


def looks_like_columns(path: Path) -> bool:
    """Whether the first lines of a file are columns that end with a tag; a damaged file's are not."""
    try:
        with compression.opened(path) as (stream, _):
            lines = [line.decode("utf-8", "replace").split() for line in islice(_lines(stream), 50)]
    except CorpusError:  # it is reported when it is read
        return False
    lines = [line for line in lines if line]
    tagged = sum(len(line) > 1 and _TAG.fullmatch(line[-1]) is not None for line in lines)
    return bool(lines) and tagged == len(lines)
