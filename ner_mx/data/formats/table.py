"""Tables whose header names the columns (CSV, TSV, with semicolons): a row per token, or a row per sentence."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from functools import partial
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.compression import content_suffix
from ner_mx.data.formats import Format, PlaceOfTag
from ner_mx.data.formats.gmb import Gmb
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.table_layout import Layout, Row, named_columns, place_of_field, table_header, table_layout, table_rows
from ner_mx.data.text_files import read_text
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register

COLUMNS = ("document_id", "sentence_id", "word", "pos", "tag")
# Strings without a comma between them, as numpy prints arrays: Python would make one string of them.
ADJACENT = re.compile(r"""(['"])\s+\1""")
# So many rows are looked at to see whether a row holds a sentence.
LOOKED_AT = 200


@register.format("table")
class Table(Format):
    """A header, and then one token per row with the id of its sentence, or one sentence per row.

    A sentence in one row has its tokens and its tags separated by spaces, or as lists: ``['EU', 'left']``.
    """

    holds_pos = True

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read the table.

        Raises
        ------
        CorpusError : columns of tokens and tags are not found, a row is cut short, a token or tag is empty, a sentence
            has fewer tags than tokens, or nothing says where sentences end.
        """
        text, warnings = read_text(path, settings.encoding), no_warnings()
        header, delimiter = table_header(path, text)
        layout = table_layout(path, header, settings)
        rows = table_rows(path, text, delimiter, len(header), [layout.token, layout.tag], warnings)
        if not any(row.fields for row in rows):
            raise CorpusError(path, None, "expected annotated rows, found only the header")
        if any(_holds_sentence(row, layout) for row in rows[:LOOKED_AT] if row.fields):
            sentences = [_whole_sentence(path, row, layout) for row in rows if row.fields]
        else:
            sentences = list(_sentences_of_tokens(path, rows, layout))
        # No columns are proposed for other files of the corpus: each has a header of its own.
        return Reading(_with_documents(sentences, rows, layout), warnings)

    def place_of_tag(self, path: Path, settings: Corpus) -> Optional[PlaceOfTag]:
        """The field of the tag of each line."""
        header, delimiter = table_header(path, read_text(path, settings.encoding))
        return partial(place_of_field, delimiter, table_layout(path, header, settings).tag)

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write one token per row, in UTF-8."""
        left_out = set()
        if not any(sentence.pos for sentence in sentences):
            left_out.add("pos")
        if len({(sentence.source, sentence.document) for sentence in sentences}) <= 1:
            left_out.add("document_id")
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, [name for name in COLUMNS if name not in left_out], extrasaction="ignore",
                                lineterminator="\n")
        writer.writeheader()
        for number, sentence in enumerate(sentences, start=1):
            document = " ".join([sentence.title or Path(sentence.source).stem, str(sentence.document)]).strip()
            pos = sentence.pos or ("",) * len(sentence.tokens)
            writer.writerows(dict(zip(COLUMNS, (document, number, *row)))
                             for row in zip(sentence.tokens, pos, sentence.gold))
        write_text(path, buffer.getvalue())
        return no_warnings()

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether a header names tokens and tags, and the rest is no columns with empty lines between sentences."""
        columns = named_columns(beginning)
        if columns is None or Gmb().recognizes(path, beginning):
            return False
        if content_suffix(path) == ".csv" or columns.sentence is not None:
            return True
        lines = beginning.splitlines()
        return len(lines) > 1 and all("[" in line for line in lines[1:3])


def _sentences_of_tokens(path: Path, rows: Sequence[Row], layout: Layout) -> Iterator[Sentence]:
    """Sentences from one token per row; the id of a sentence stands on its first row or on all."""
    if layout.sentence is None and all(row.fields for row in rows):
        raise CorpusError(path, 1, "expected a column with the ids of sentences, such as sentence_id, or empty lines "
                                   "between sentences, found neither")
    tokens: List[Tuple[Row, str, str]] = []
    current = None
    for row in rows:
        if not row.fields:
            current = None if layout.sentence is None else current
            continue
        for role, column in (("token", layout.token), ("tag", layout.tag)):
            if not row.fields[column]:
                raise CorpusError(path, row.line, f"expected a {role}, found nothing")
        key = _sentence_key(path, row, layout, current)
        if key != current and tokens:
            yield _sentence(path, tokens, layout)
            tokens = []
        current = key
        tokens.append((row, row.fields[layout.token], row.fields[layout.tag]))
    yield _sentence(path, tokens, layout)


def _sentence_key(path: Path, row: Row, layout: Layout, current: Optional[Tuple[str, str]]) -> Tuple[str, str]:
    """What the rows of a sentence have in common."""
    before = current[0] if current else ""
    document = before if layout.document is None else row.fields[layout.document] or before
    if layout.sentence is None:
        return document, current[1] if current else str(row.line)
    identifier = row.fields[layout.sentence]
    if identifier:
        return document, identifier
    if current is None:
        raise CorpusError(path, row.line, "expected the id of a sentence on the first row, found nothing")
    return document, current[1]


def _sentence(path: Path, tokens: Sequence[Tuple[Row, str, str]], layout: Layout) -> Sentence:
    rows, words, tags = zip(*tokens)
    pos = None if layout.pos is None else tuple(row.fields[layout.pos] for row in rows)
    lines = [row.line for row in rows]
    return Sentence(words, tags, pos if pos and all(pos) else None, str(path), lines[0],
                    line_per_token=lines == list(range(lines[0], lines[0] + len(lines))))


def _holds_sentence(row: Row, layout: Layout) -> bool:
    """Whether a row has a list of tags, or several that are as many as its tokens."""
    tokens, tags = row.fields[layout.token], row.fields[layout.tag]
    return tags.startswith("[") or len(tokens.split()) in {len(tags.split()), len(tags.split(","))} - {1}


def _whole_sentence(path: Path, row: Row, layout: Layout) -> Sentence:
    """A sentence in one row.

    Raises
    ------
    CorpusError : it has no tokens, or as many tags as tokens are not found.
    """
    tokens, tags = _items(path, row, layout.token), _items(path, row, layout.tag)
    if len(tags) == 1 != len(tokens) and not row.fields[layout.tag].startswith("["):
        tags = [tag.strip() for tag in row.fields[layout.tag].split(",")]
    if not tokens or not all(tokens) or not all(tags) or len(tokens) != len(tags):
        raise CorpusError(path, row.line, f"expected a tag for each token, found {len(tokens)} tokens and {len(tags)} "
                                          "tags; tokens are separated by spaces, or a list")
    pos = [] if layout.pos is None else _items(path, row, layout.pos)
    return Sentence(tuple(tokens), tuple(tags), tuple(pos) if len(pos) == len(tokens) and all(pos) else None,
                    str(path), row.line)


def _items(path: Path, row: Row, column: int) -> List[str]:
    """The items of a field: a list of JSON or Python, or words separated by white space."""
    field = row.fields[column]
    if not field.startswith("["):
        return field.split()
    for parse in (json.loads, ast.literal_eval):
        try:
            items = parse(field)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(items, list) and all(isinstance(item, str) for item in items) and not ADJACENT.search(field):
            return [item.strip() for item in items]
    raise CorpusError(path, row.line, f"expected a list such as ['EU', 'left'], found {shown(field)}")


def _with_documents(sentences: List[Sentence], rows: Sequence[Row], layout: Layout) -> List[Sentence]:
    """The same sentences with the numbers of their documents, if a column names these."""
    if layout.document is None:
        return sentences
    names = {row.line: row.fields[layout.document] for row in rows if row.fields}
    result: List[Sentence] = []
    number, last = -1, None
    for sentence in sentences:
        name = names[sentence.line] or last
        if not result or name != last:
            number, last = number + 1, name
        result.append(sentence._replace(document=number))
    return result
