"""Column files: a token a line, an empty line after each sentence."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List

from ner_mx.config import Corpus
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.corpora.text import read_lines
from ner_mx.errors import CorpusError, shown

DOCUMENT_MARKER = "-DOCSTART-"

_BLANKS = re.compile(r"[ \t]+")


def _whitespace(line: str) -> List[str]:
    # str.split() also cuts at no-break spaces and other characters that tokens may hold.
    return _BLANKS.split(line.strip(" \t"))


def without_blanks(token: str) -> str:
    """A token that blanks will part from others: those inside it become underscores."""
    return "_".join(token.split()) or "_"


def in_column(token: str) -> str:
    """A token as the first column of a line; one that is the sign between documents gets an underscore."""
    token = without_blanks(token)
    return f"{token}_" if token == DOCUMENT_MARKER else token


SEPARATORS: Dict[str, Callable[[str], List[str]]] = {
    "whitespace": _whitespace,
    "tab": lambda line: line.split("\t"),
    "space": lambda line: line.split(" "),
}


def read_conll(path: Path, settings: Corpus) -> Reading:
    """Read one column file.

    ``-DOCSTART-`` lines part documents, whether they stand before or after
    theirs.  Lines of blanks part sentences.  Where ``settings.comment`` is set,
    lines that begin with it are passed over.

    Raises
    ------
    CorpusError : no line, a single column, a line with more or fewer columns
        than the first, an empty token, or a column that is not there.
    """
    split = SEPARATORS[settings.separator]
    sentences: List[Sentence] = []
    rows: List[List[str]] = []
    width = 0
    where: Dict[str, int] = {}
    document = first_line = 0
    source = str(path)

    def finish() -> None:
        if rows:
            columns = list(zip(*rows))
            sentences.append(Sentence(
                columns[where["token"]], columns[where["tag"]],
                columns[where["pos"]] if "pos" in where else None,
                source, first_line, document))
            rows.clear()

    comment = settings.comment
    for number, line in enumerate(read_lines(path, settings.encoding), start=1):
        if not line or line.isspace():
            finish()
            continue
        if comment and line.startswith(comment):
            continue
        fields = split(line)
        if fields[0] == DOCUMENT_MARKER:
            finish()
            document += 1
            continue
        if len(fields) != width:
            if width:
                raise CorpusError(path, number, (
                    f"expected {width} columns as in the lines before, found {len(fields)}: "
                    f"{shown(line)}; mend the line, or set corpus.separator"))
            width = len(fields)
            if width < 2:
                raise CorpusError(path, number, (
                    f"expected at least 2 columns, found 1: {shown(line)}; a line holds a token "
                    "and its tag; see corpus.separator"))
            where = column_positions(settings, width, path, number)
        if not fields[where["token"]]:
            raise CorpusError(path, number, f"expected a token, found an empty one: {shown(line)}")
        if not rows:
            first_line = number
        rows.append(fields)
    finish()
    if not sentences:
        raise CorpusError(path, None, "expected annotated sentences, found none")
    return Reading(sentences, Counter())


def column_positions(settings: Corpus, width: int, path: Path, line: int) -> Dict[str, int]:
    """The positions of the named columns among ``width``, counted from 0.

    Raises
    ------
    CorpusError : a position that is not there, or one that two names share.
    """
    positions: Dict[str, int] = {}
    for name, position in settings.columns:
        if position is None:
            continue
        if not -width <= position < width:
            raise CorpusError(path, line, (
                f"expected a column {position} for {name}, found {width} columns (0 to {width - 1}); "
                f"set corpus.columns.{name}"))
        positions[name] = position % width
    for name, position in positions.items():
        twins = [other for other in positions if positions[other] == position and other != name]
        if twins:
            remedy = ("set corpus.columns.pos to null and features.pos.use to false"
                      if "pos" in (name, twins[0]) else "set corpus.columns")
            raise CorpusError(path, line, (
                f"expected {name} and {twins[0]} in columns of their own, found both in column "
                f"{position} of {width}; {remedy}"))
    return positions
