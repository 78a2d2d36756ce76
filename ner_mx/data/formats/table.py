"""Tables whose header names the columns (CSV, TSV, with semicolons): a row per token, or a row per sentence."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.compression import content_suffix
from ner_mx.data.formats import Format
from ner_mx.data.formats.gmb import Gmb
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.text_files import read_text
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register

# What columns are called, the usual names first; upper case, spaces and signs but # do not count.
NAMES = {
    "token": ("word", "token", "words", "tokens", "form", "text", "sentence"),
    "tag": ("tag", "tags", "nertag", "nertags", "ner", "label", "labels", "wordlabels", "entity", "bio", "iob"),
    "pos": ("pos", "postag", "postags", "xpos", "upos"),
    "sentence": ("sentence#", "sentenceid", "sentenceidx", "sentenceindex", "sentenceno", "sentencenumber", "sentid",
                 "sentno", "sentence"),
    "document": ("documentid", "docid", "document", "doc", "articleid", "article", "file", "filename")}
FIELD = re.compile(r"[\w #.-]*")
DELIMITERS = (",", "\t", ";")
# Strings without a comma between them, as numpy prints arrays: Python would make one string of them.
ADJACENT = re.compile(r"""(['"])\s+\1""")
# So many rows are looked at to see whether a row holds a sentence.
LOOKED_AT = 200
BARE_QUOTES = "file whose quotation marks are no CSV quoting, read as characters"
COLUMNS = ("document_id", "sentence_id", "word", "pos", "tag")


class Row(NamedTuple):
    """A row of the table: the line where it begins, counted from 1, and its fields."""

    line: int
    fields: List[str]


class Layout(NamedTuple):
    """The numbers of the columns by what they hold; None for those that the table has not."""

    token: int
    tag: int
    pos: Optional[int]
    sentence: Optional[int]
    document: Optional[int]


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
        header, delimiter = _header(path, text)
        layout = _layout(path, header, settings)
        rows = _rows(path, text, delimiter, len(header), [layout.token, layout.tag], warnings)
        if not rows:
            raise CorpusError(path, None, "expected annotated rows, found only the header")
        if any(_holds_sentence(row, layout) for row in rows[:LOOKED_AT] if row.fields):
            sentences = [_whole_sentence(path, row, layout) for row in rows if row.fields]
        else:
            sentences = list(_sentences_of_tokens(path, rows, layout))
        proposed = {"columns.token": layout.token, "columns.pos": layout.pos, "columns.tag": layout.tag}
        return Reading(_with_documents(sentences, rows, layout), warnings, proposed)

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
        columns = _named_columns(beginning)
        if columns is None or Gmb().recognizes(path, beginning):
            return False
        if content_suffix(path) == ".csv" or columns.sentence is not None:
            return True
        lines = beginning.splitlines()
        return len(lines) > 1 and all("[" in line for line in lines[1:3])


def _header(path: Path, text: str) -> Tuple[List[str], str]:
    """The fields of the first line, and the delimiter that gives the most of them."""
    first = text.split("\n", 1)[0].rstrip("\r")
    try:
        split = {delimiter: next(csv.reader([first], delimiter=delimiter)) for delimiter in DELIMITERS}
    except (csv.Error, StopIteration):
        raise CorpusError(path, 1, f"expected a header with the names of columns, found {shown(first)}") from None
    delimiter = max(DELIMITERS, key=lambda candidate: len(split[candidate]))
    return split[delimiter], delimiter


def _layout(path: Path, header: Sequence[str], settings: Corpus) -> Layout:
    """The columns: those of ``corpus.columns``, or those with the usual names.

    Raises
    ------
    CorpusError : tokens or tags are not found, or a number is beyond the table.
    """
    places = _places(header)
    for role in ("token", "pos", "tag"):
        given = getattr(settings.columns, role)
        if isinstance(given, int):
            if not -len(header) <= given < len(header):
                raise CorpusError(path, 1, f"expected a column {given} for {role}, found {len(header)} columns; set "
                                           f"corpus.columns.{role}")
            places[role] = given % len(header)
        elif given is None:
            places.pop(role, None)
    for role in ("token", "tag"):
        if role not in places:
            raise CorpusError(path, 1, (
                f"expected a column of {role}s, called {', '.join(NAMES[role][:3])} or the like, found "
                f"{shown(', '.join(header))}; set corpus.columns.{role} to its number, counted from 0"))
    return Layout(places["token"], places["tag"], *(places.get(role) for role in ("pos", "sentence", "document")))


def _places(header: Sequence[str]) -> Dict[str, int]:
    """The column of each role whose name is known; no column has two roles."""
    plain = [re.sub(r"[^a-z0-9#]", "", name.lower()) for name in header]
    result: Dict[str, int] = {}
    for role, names in NAMES.items():
        place = next((plain.index(name) for name in names
                      if name in plain and plain.index(name) not in result.values()), None)
        if place is not None:
            result[role] = place
    return result


def _named_columns(beginning: str) -> Optional[Layout]:
    """The columns of a text that begins with a header which names tokens and tags."""
    first = beginning.split("\n", 1)[0].rstrip("\r")
    for delimiter in DELIMITERS:
        names = [name.strip().strip('"') for name in first.split(delimiter)]
        places = _places(names)
        if len(names) > 1 and all(map(FIELD.fullmatch, names)) and {"token", "tag"} <= set(places):
            return Layout(places["token"], places["tag"],
                          *(places.get(role) for role in ("pos", "sentence", "document")))
    return None


def _rows(path: Path, text: str, delimiter: str, width: int, checked: Sequence[int],
          warnings: Warnings) -> List[Row]:
    """The rows below the header, quoted as CSV says, or else with quotation marks as characters like any others.

    A bare quotation mark at the beginning of a field would swallow the rows up to the next one.

    Raises
    ------
    CorpusError : a row has more or fewer fields than the header.
    """
    problem: Optional[CorpusError] = None
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        try:
            rows = list(_parsed(path, text, delimiter, width, quoting))
        except CorpusError as error:
            problem = problem or error
            continue
        swallowed = next((row for row in rows for column in checked
                          if row.fields and "\n" in row.fields[column]), None)
        if swallowed is None:
            warnings.add(BARE_QUOTES, str(path), int(quoting == csv.QUOTE_NONE))
            return rows
        problem = problem or CorpusError(path, swallowed.line, (
            "expected a field on one line, found one that holds rows; is there a bare quotation mark? "
            'Write it as """"'))
    assert problem is not None
    raise problem


def _parsed(path: Path, text: str, delimiter: str, width: int, quoting: Any) -> Iterator[Row]:
    """The rows below the header; one without fields for an empty line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
    line = 1
    try:
        for fields in reader:
            first, line = line, reader.line_num + 1
            if first == 1:
                continue
            fields = [field.strip() for field in fields]
            if not any(fields):
                yield Row(first, [])
            elif len(fields) != width:
                raise CorpusError(path, first, f"expected {width} fields, as in the header, found {len(fields)}")
            else:
                yield Row(first, fields)
    except csv.Error as error:
        raise CorpusError(path, line, f"expected a row of a table, found: {error}") from None


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
    return Sentence(words, tags, pos if pos and all(pos) else None, str(path), rows[0].line)


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
