"""Files of a big corpus, record by record: what is read of each format, and what is written for it.

A record keeps what stood in the file, so that nothing of it is lost in what
is written.  One that cannot be read has a reason instead of a text.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from ner_mx.corpora.conll import DOCUMENT_MARKER
from ner_mx.corpora.spans import Span
from ner_mx.errors import CorpusError, UserError
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
        return 1 + (len(self.text) if self.text is not None else sum(map(len, self.tokens)))


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


def _decoded(line: bytes) -> Record:
    try:
        text = line.decode("utf-8")
        return Record(text, text)
    except UnicodeDecodeError as error:
        return Record(line.decode("utf-8", "replace"), problem=(
            f"expected UTF-8, found byte {line[error.start]:#04x} at {error.start}"))


def _read_text(stream: BinaryIO) -> Iterator[Record]:
    return map(_decoded, _lines(stream))


def _read_jsonl(stream: BinaryIO) -> Iterator[Record]:
    for line in _lines(stream):
        record = _decoded(line)
        if record.problem:
            yield record
            continue
        try:
            value = json.loads(record.content)
            text = value[TEXT]
            text.encode("utf-8")
            yield Record(value, text)
        except (ValueError, RecursionError) as error:
            yield record._replace(text=None, problem=f"expected JSON of whole characters, found: {error}")
        except (TypeError, KeyError, AttributeError):
            yield record._replace(text=None, problem=f'expected an object with a string under "{TEXT}"')


def _json_line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


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
        decoded = _decoded(line)
        problem = problem or decoded.problem
        if decoded.content.strip():
            lines.append(decoded.content)
        elif lines:
            yield _sentence(lines, problem)
            lines, problem = [], ""
    if lines:
        yield _sentence(lines, problem)


def _sentence(lines: List[str], problem: str) -> Record:
    if problem:
        return Record(lines, problem=problem)
    return Record(lines, tokens=[line.split()[0] for line in lines if not _is_marker(line)])


def _is_marker(line: str) -> bool:
    return line.split()[0] == DOCUMENT_MARKER


def _write_conll(record: Record, spans: Sequence[Span]) -> bytes:
    tags = ["O"] * len(record.tokens)
    for start, end, label in spans:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    waiting = iter(tags)
    lines = []
    for line in record.content:
        gap = "\t" if "\t" in line else " "
        lines.append(f"{line.rstrip()}{gap}{'O' if _is_marker(line) else next(waiting)}\n")
    return "".join([*lines, "\n"]).encode("utf-8")


FORMS: Dict[str, Form] = {
    "text": Form(_read_text, _write_text, ".jsonl"),
    "jsonl": Form(_read_jsonl, _write_jsonl, ".jsonl"),
    "conll": Form(_read_conll, _write_conll, ".conll"),
}
SUFFIXES = {".txt": "text", ".text": "text", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
            ".conll": "conll", ".conllu": "conll", ".iob": "conll", ".iob2": "conll", ".tsv": "conll",
            ".parquet": "parquet"}
PACKED = (".gz", ".zst", ".bz2", ".xz")


def form_of(path: Path, form: Optional[str]) -> Optional[str]:
    """The format of a file by its suffix, where it is not given; None where the suffix is no help."""
    plain = path.with_suffix("") if path.suffix in PACKED else path
    return form or SUFFIXES.get(plain.suffix.lower())


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """A file to read, unpacked where its suffix says so, and the file itself, whose place is progress.

    Raises
    ------
    CorpusError : it cannot be read, or is damaged.
    """
    try:
        with open(path, "rb") as raw, _unpacked(path, raw) as stream:
            yield io.BufferedReader(stream, 1 << 20) if path.suffix in PACKED else stream, raw
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise CorpusError(path, None, f"expected a readable file, found: {error}") from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise CorpusError(path, None, f"expected a packed file, found damage: {error}") from None


def _unpacked(path: Path, raw: BinaryIO) -> Any:
    if path.suffix == ".zst":
        return _zstandard().ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    return {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(path.suffix, _as_it_is)(raw)


@contextmanager
def _as_it_is(raw: BinaryIO) -> Iterator[BinaryIO]:
    yield raw


def packed(content: bytes, suffix: str) -> bytes:
    """Content as one member of a packed file; members follow one another.

    The same content gives the same bytes: no time stands in them.
    """
    if suffix == ".zst":
        return _zstandard().ZstdCompressor(level=3).compress(content)
    pack = {".gz": lambda content: gzip.compress(content, 6, mtime=0), ".bz2": bz2.compress,
            ".xz": lzma.compress}.get(suffix)
    return pack(content) if pack else content


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise UserError('a .zst file needs zstandard: pip install "ner-mx[corpora]"') from None
    return zstandard
