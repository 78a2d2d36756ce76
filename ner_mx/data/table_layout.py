"""The header and the rows of a table: its delimiter, its quoting, and which columns hold what."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.sentence import Warnings
from ner_mx.errors import CorpusError, shown

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
BARE_QUOTES = "file whose quotation marks are no CSV quoting, read as characters"


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


def table_header(path: Path, text: str) -> Tuple[List[str], str]:
    """The fields of the first line, and the delimiter that gives the most of them."""
    first = text.split("\n", 1)[0].rstrip("\r")
    try:
        split = {delimiter: next(csv.reader([first], delimiter=delimiter, skipinitialspace=True))
                 for delimiter in DELIMITERS}
    except (csv.Error, StopIteration):
        raise CorpusError(path, 1, f"expected a header with the names of columns, found {shown(first)}") from None
    delimiter = max(DELIMITERS, key=lambda candidate: len(split[candidate]))
    return split[delimiter], delimiter


def table_layout(path: Path, header: Sequence[str], settings: Corpus) -> Layout:
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
    return _layout_of(places)


def _layout_of(places: Dict[str, int]) -> Layout:
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


def named_columns(beginning: str) -> Optional[Layout]:
    """The columns of a text that begins with a header which names tokens and tags."""
    first = beginning.split("\n", 1)[0].rstrip("\r")
    for delimiter in DELIMITERS:
        names = [name.strip().strip('"') for name in first.split(delimiter)]
        places = _places(names)
        if len(names) > 1 and all(map(FIELD.fullmatch, names)) and {"token", "tag"} <= set(places):
            return _layout_of(places)
    return None


def table_rows(path: Path, text: str, delimiter: str, width: int, checked: Sequence[int],
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
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, skipinitialspace=True)
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


def place_of_field(delimiter: str, column: int, line: str) -> Tuple[int, int]:
    """Where a field of a line begins and ends, without its quotation marks; nowhere if there is no such field."""
    borders, quoted = [-1], False
    for place, character in enumerate(line):
        quoted ^= character == '"'
        if character == delimiter and not quoted:
            borders.append(place)
    if column >= len(borders):
        return 0, 0
    borders.append(len(line))
    field = line[borders[column] + 1:borders[column + 1]]
    start = borders[column] + 1 + len(field) - len(field.lstrip(' "'))
    return start, start + len(field.strip(' "\r'))
