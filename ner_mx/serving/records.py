"""Files of a big corpus, record by record: what is read of each format, and what is written for it.

A record keeps what stood in the file, so that nothing of it is lost in what
is written.  One that cannot be read has a reason instead of a text.
"""

from __future__ import annotations

import json
import math
import re
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from ner_mx.corpora import packing
from ner_mx.corpora.conll import DOCUMENT_MARKER, SEPARATORS
from ner_mx.corpora.spans import Span
from ner_mx.runtime.text import Entity

# What a JSON object or a table calls its text and its entities.
TEXT, ENTITIES = "text", "entities"


class Record(NamedTuple):
    """A text, or a tokenised sentence, with what stood in the file.

    content : a line (text), an object (JSONL), the lines of a sentence (CoNLL).
    text : to find entities in; None where there are tokens or a problem.
    tokens : of a CoNLL sentence.
    problem : why it cannot be read; "" where it can.
    """

    content: Any
    text: Optional[str] = None
    tokens: Sequence[str] = ()
    problem: str = ""

    @property
    def size(self) -> int:
        """Characters, for dividing records into chunks."""
        if self.text is not None:
            return 1 + len(self.text)
        return 1 + (len(self.content) if isinstance(self.content, str) else sum(map(len, self.content or ())))


# What is nested deeper is refused: it could be read, and then not be written, or not cross to a worker.
DEEPEST = 100
_TAG = re.compile(r"O|[BILOUSE]-\S+")

# So much of what cannot be read is kept, to be looked at.
KEPT = 1000


class Form(NamedTuple):
    """A format: how records are read, how a tagged one is written, and the suffix of what is written."""

    read: Callable[[BinaryIO], Iterator[Record]]
    write: Callable[[Record, Sequence[Any]], bytes]
    suffix: str


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends; a byte-order mark is no part of the first."""
    for number, line in enumerate(stream):
        if number == 0 and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        yield line.rstrip(b"\r\n")


def decoded(line: bytes) -> Record:
    """A text, or why it is none."""
    try:
        text = line.decode("utf-8")
        return Record(text, text)
    except UnicodeDecodeError as error:
        return Record(line[:4 * KEPT].decode("utf-8", "replace")[:KEPT], problem=(
            f"expected UTF-8, found byte {line[error.start]:#04x} at {error.start}"))


def _read_text(stream: BinaryIO) -> Iterator[Record]:
    return map(decoded, _lines(stream))


def _read_jsonl(stream: BinaryIO) -> Iterator[Record]:
    for line in _lines(stream):
        record = decoded(line)
        if record.problem:
            yield record
            continue
        problem, cut = "", record._replace(content=record.content[:KEPT], text=None)
        try:
            value = json.loads(record.content, parse_float=_finite, parse_constant=_finite)
            if record.content.count("[") + record.content.count("{") > DEEPEST and _is_deep(value):
                raise ValueError(f"lists in lists more than {DEEPEST} deep")
            text = value[TEXT]
            text.encode("utf-8")
            if ENTITIES in value:
                problem = f'expected no "{ENTITIES}" yet, found some; rename them'
        except (ValueError, RecursionError) as error:
            problem = f"expected JSON of whole characters, found: {error}"
        except (TypeError, KeyError, AttributeError):
            problem = f'expected an object with a string under "{TEXT}"'
        yield cut._replace(problem=problem) if problem else Record(value, text)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [child for one in level if isinstance(one, (list, dict))
                 for child in (one.values() if isinstance(one, dict) else one)]
    return bool(level)


def _finite(number: str) -> float:
    """A number that JSON can be written with again."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number}, which is no number of JSON")
    return value


def _json_line(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold as an escape alone
        return json.dumps(value).encode("ascii") + b"\n"


def entities_of(entities: Sequence[Entity]) -> List[Dict[str, Any]]:
    """Entities as they are written; five places of a probability are more than it is worth."""
    return [{**entity._asdict(), "score": round(entity.score, 5)} for entity in entities]


def _write_text(record: Record, entities: Sequence[Entity]) -> bytes:
    return _json_line({TEXT: record.text, ENTITIES: entities_of(entities)})


def _write_jsonl(record: Record, entities: Sequence[Entity]) -> bytes:
    return _json_line({**record.content, ENTITIES: entities_of(entities)})


def _read_conll(stream: BinaryIO) -> Iterator[Record]:
    lines: List[str] = []
    problem = ""
    for line in _lines(stream):
        one = decoded(line)
        problem = problem or one.problem
        if one.content and not one.content.isspace():
            lines.append(one.content)
        elif lines:
            yield _sentence(lines, problem)
            lines, problem = [], ""
    if lines:
        yield _sentence(lines, problem)


def _sentence(lines: List[str], problem: str) -> Record:
    tokens = [token for token in map(_first_column, lines) if token != DOCUMENT_MARKER]
    if not problem and not all(tokens):
        problem = "expected a word in the first column, found none"
    if problem:
        return Record([line[:KEPT] for line in lines[:KEPT]], problem=problem)
    return Record(lines, tokens=tokens)


def _first_column(line: str) -> str:
    return SEPARATORS["tab" if "\t" in line else "whitespace"](line)[0]


def _write_conll(record: Record, spans: Sequence[Span]) -> bytes:
    tags = ["O"] * len(record.tokens)
    for start, end, label in spans:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    waiting = iter(tags)
    lines = []
    for line in record.content:
        tag = "O" if _first_column(line) == DOCUMENT_MARKER else next(waiting)
        # A column may be empty where tabs part them.
        lines.append(f"{line}\t{tag}\n" if "\t" in line else f"{line.rstrip(' ')} {tag}\n")
    return "".join([*lines, "\n"]).encode("utf-8")


FORMS: Dict[str, Form] = {
    "text": Form(_read_text, _write_text, ".jsonl"),
    "jsonl": Form(_read_jsonl, _write_jsonl, ".jsonl"),
    "conll": Form(_read_conll, _write_conll, ".conll"),
}
SUFFIXES = {".txt": "text", ".text": "text", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
            ".conll": "conll", ".iob": "conll", ".iob2": "conll", ".tsv": "conll",
            ".parquet": "parquet"}


def form_of(path: Path, form: Optional[str]) -> Optional[str]:
    """The format of a file by its suffix, where it is not given; None where the suffix is no help."""
    plain = path.with_suffix("") if path.suffix in packing.SUFFIXES else path
    return form or SUFFIXES.get(plain.suffix.lower())


def looks_like_columns(path: Path) -> bool:
    """Whether the first lines of a file are words in columns with tags behind them."""
    with packing.opened(path) as (stream, _):
        lines = [line.decode("utf-8", "replace").split() for line in islice(_lines(stream), 50)]
    lines = [line for line in lines if line]
    tagged = sum(len(line) > 1 and _TAG.fullmatch(line[-1]) is not None for line in lines)
    return bool(lines) and tagged == len(lines)
