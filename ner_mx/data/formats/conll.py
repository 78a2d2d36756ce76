"""Column files: one token per line, an empty line after each sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.offsets import documents_of
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.text_files import read_lines
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register

DOCUMENT_MARKER = "-DOCSTART-"
WHITE_SPACE = "tokens with white space inside, replaced by underscores"
MARKERS = f"tokens {DOCUMENT_MARKER}, which would separate documents, written with an underscore"

_SPACES = re.compile(r"[ \t]+")


def _split_at_spaces(line: str) -> List[str]:
    # str.split() also splits at no-break spaces and other characters that tokens may contain.
    return _SPACES.split(line.strip(" \t"))


SEPARATORS: Dict[str, Callable[[str], List[str]]] = {
    "whitespace": _split_at_spaces,
    "tab": lambda line: line.split("\t"),
    "space": lambda line: line.split(" "),
}


def without_spaces(text: str) -> str:
    """Text for a column that spaces separate from others: white space becomes underscores."""
    return "_".join(text.split()) or "_"


def in_column(token: str) -> str:
    """A token for the first column of a line; a token that is the document marker gets an underscore."""
    token = without_spaces(token)
    return f"{token}_" if token == DOCUMENT_MARKER else token


class Positions(NamedTuple):
    """The positions of the named columns, counted from 0."""

    token: int
    pos: Optional[int]
    tag: int


@register.format("conll")
class Conll(Format):
    """Columns of CoNLL's shared tasks, and those of other projects."""

    suffixes = (".conll", ".txt", ".iob", ".tsv")

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read one column file.

        ``-DOCSTART-`` lines separate documents, whether they come before or after
        theirs.  Lines of white space separate sentences.  Lines that begin with
        ``settings.comment`` are skipped.

        Raises
        ------
        CorpusError : there are no lines, a single column, a line with another number of
            columns than the first, an empty token, or a column that does not exist.
        """
        sentences: List[Sentence] = []
        for block in _blocks(path, settings):
            columns = list(zip(*block.rows))
            sentences.append(Sentence(
                columns[block.positions.token], columns[block.positions.tag],
                None if block.positions.pos is None else columns[block.positions.pos],
                str(path), block.first_line, block.document))
        if not sentences:
            raise CorpusError(path, None, "expected annotated sentences, found none")
        return Reading(sentences, no_warnings())

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write word, part of speech (``_`` if there is none) and tag."""
        warnings = no_warnings()
        lines: List[str] = []
        for document in documents_of(sentences):
            lines += [f"{DOCUMENT_MARKER} _ O", ""]
            for sentence in document:
                pos = sentence.pos or ("_",) * len(sentence.tokens)
                for token, part_of_speech, tag in zip(sentence.tokens, pos, sentence.gold):
                    word = in_column(token)
                    warnings[MARKERS if token == DOCUMENT_MARKER else WHITE_SPACE] += word != token
                    lines.append(f"{word} {without_spaces(part_of_speech)} {tag}")
                lines.append("")
        write_text(path, "\n".join(lines) + "\n")
        return +warnings


class _Block(NamedTuple):
    """The lines of a sentence, split into fields."""

    rows: List[List[str]]
    positions: Positions
    first_line: int
    document: int


def _blocks(path: Path, settings: Corpus) -> Iterator[_Block]:
    """The blocks of lines between empty lines."""
    split = SEPARATORS[settings.separator]
    rows: List[List[str]] = []
    width = document = first_line = 0
    positions = Positions(0, None, 0)
    for number, line in enumerate([*read_lines(path, settings.encoding), ""], start=1):
        is_blank = not line or line.isspace()
        if settings.comment and not is_blank and line.startswith(settings.comment):
            continue
        fields = [] if is_blank else split(line)
        is_marker = not is_blank and fields[0] == DOCUMENT_MARKER
        if not fields or is_marker:
            if rows:
                yield _Block(rows, positions, first_line, document)
                rows = []
            document += is_marker
            continue
        if not width:
            width = len(fields)
            positions = column_positions(settings, width, path, number, line)
        _check_fields(fields, width, positions, path, number, line)
        if not rows:
            first_line = number
        rows.append(fields)


def _check_fields(fields: List[str], width: int, positions: Positions, path: Path, number: int,
                  line: str) -> None:
    if len(fields) != width:
        raise CorpusError(path, number, (
            f"expected {width} columns as in the lines before, found {len(fields)}: "
            f"{shown(line)}; correct the line, or set corpus.separator"))
    if not fields[positions.token]:
        raise CorpusError(path, number, f"expected a token, found an empty one: {shown(line)}")


def column_positions(settings: Corpus, width: int, path: Path, number: int, line: str) -> Positions:
    """The positions of the named columns among ``width``.

    Raises
    ------
    CorpusError : there is a single column, a position does not exist, or two names share one.
    """
    if width < 2:
        raise CorpusError(path, number, (
            f"expected at least 2 columns, found 1: {shown(line)}; a line holds a token "
            "and its tag; see corpus.separator"))
    positions: Dict[str, int] = {}
    for name, position in settings.columns:
        if position is None:
            continue
        if not -width <= position < width:
            raise CorpusError(path, number, (
                f"expected a column {position} for {name}, found {width} columns (0 to {width - 1}); "
                f"set corpus.columns.{name}"))
        positions[name] = position % width
    for name, position in positions.items():
        twins = [other for other in positions if positions[other] == position and other != name]
        if twins:
            remedy = ("set corpus.columns.pos to null and features.pos.use to false"
                      if "pos" in (name, twins[0]) else "set corpus.columns")
            raise CorpusError(path, number, (
                f"expected {name} and {twins[0]} in columns of their own, found both in column "
                f"{position} of {width}; {remedy}"))
    return Positions(positions["token"], positions.get("pos"), positions["tag"])
