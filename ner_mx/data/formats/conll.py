"""Column files: one token per line, an empty line after each sentence."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import ClassVar, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.column_layout import (
    SAMPLED,
    SEPARATORS,
    Layout,
    find_layout,
    tag_of_misc,
    tags_of_brackets,
)
from ner_mx.data.formats import Format, PlaceOfTag
from ner_mx.data.offsets import documents_of
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.text_files import read_lines
from ner_mx.errors import ConfigError, CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register

DOCUMENT_MARKER = "-DOCSTART-"
WHITE_SPACE = "tokens with white space inside, replaced by underscores"
MARKERS = f"tokens {DOCUMENT_MARKER}, which would separate documents, written with an underscore"
COMMENTS = "comment lines, skipped"
HEADERS = "header lines, skipped"
RANGES = "lines of token ranges or empty nodes (1-2, 3.1), skipped"

# Lines that begin a document in CoNLL-U and CoNLL-2012.
_NEW_DOCUMENT = re.compile(r"# ?newdoc\b|#begin document\b", re.IGNORECASE)
_END_DOCUMENT = re.compile(r"#end document\b", re.IGNORECASE)
# What columns of tokens and of tags are called in header lines.
TOKEN_NAMES = frozenset(["token", "tokens", "word", "words", "form", "text"])
TAG_NAMES = frozenset(["tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "entity", "iob", "bio"])
_RANGE = re.compile(r"\d+[-.]\d+")


# The fields of a line by the separator of its columns.
FIELDS = {"whitespace": re.compile(r"[^ \t]+"), "tab": re.compile(r"(?<![^\t])[^\t]*"),
          "space": re.compile(r"(?<![^ ])[^ ]*")}


def without_spaces(text: str) -> str:
    """Text for a column that spaces separate from others: white space becomes underscores."""
    return "_".join(text.split()) or "_"


def in_column(token: str) -> str:
    """A token for the first column of a line; a token that is the document marker gets an underscore."""
    token = without_spaces(token)
    return f"{token}_" if token.upper() == DOCUMENT_MARKER else token


@register.format("conll")
class Conll(Format):
    """Columns of CoNLL's shared tasks, of CoNLL-U, and those of other projects."""

    suffixes: ClassVar[Tuple[str, ...]] = (".conll", ".txt", ".tsv", ".iob2", ".bio", ".bioes", ".bilou", ".ner")
    holds_pos = True

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read one column file.

        ``-DOCSTART-`` lines separate documents, whether they come before or after
        theirs; so do ``# newdoc`` and ``#begin document``.  Lines of white space separate
        sentences.  Comments stand before the first token of a sentence.

        Raises
        ------
        CorpusError : there are no lines, a single column, a line with another number of
            columns than the first, an empty token, or a column that does not exist.
        """
        lines = read_lines(path, settings.encoding)
        warnings = no_warnings()
        rows = _Rows(path, lines, settings, warnings)
        sentences = [_sentence(block, rows.layout, path) for block in rows]
        if not sentences:
            raise CorpusError(path, None, "expected annotated sentences, found nothing")
        return Reading(sentences, warnings, rows.layout.proposed)

    def place_of_tag(self, path: Path, settings: Corpus) -> Optional[PlaceOfTag]:
        """The column of the tags; None if they are in another notation."""
        layout = _Rows(path, read_lines(path, settings.encoding), settings, no_warnings()).layout
        if layout.notation != "tags":
            return None
        fields = FIELDS[layout.separator]

        def place(line: str) -> Tuple[int, int]:
            spans = [match.span() for match in fields.finditer(line.rstrip("\r"))]
            return spans[layout.tag] if -len(spans) <= layout.tag < len(spans) else (0, 0)

        return place

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
                    warnings[MARKERS if token.upper() == DOCUMENT_MARKER else WHITE_SPACE] += word != token
                    lines.append(f"{word} {without_spaces(part_of_speech)} {tag}")
                lines.append("")
        write_text(path, "\n".join(lines) + "\n")
        return +warnings


class _Block(NamedTuple):
    """The lines of a sentence, split into fields."""

    rows: List[List[str]]
    first_line: int
    document: int


class _Line(NamedTuple):
    """A line that is not a comment; ``text`` is empty between sentences, ``is_marker`` begins a document."""

    number: int
    text: str
    is_marker: bool = False


class _Rows:
    """The sentences of a column file, with the layout of its columns."""

    def __init__(self, path: Path, lines: List[str], settings: Corpus, warnings: Warnings):
        self._path, self._settings, self._warnings = path, settings, warnings
        self._lines = list(_content(path, lines, settings, warnings))
        sample = [line.text for line in islice(self._lines, SAMPLED) if not line.is_marker]
        first = next((line for line in self._lines if line.text and not line.is_marker), None)
        if first is None:
            raise CorpusError(path, None, "expected annotated sentences, found nothing")
        try:
            self.layout = find_layout(sample, settings)
        except ConfigError as error:
            raise CorpusError(path, None, str(error)) from None
        self._check_positions(first)

    def __iter__(self) -> Iterator[_Block]:
        """The blocks of lines between empty lines."""
        split = SEPARATORS[self.layout.separator]
        rows: List[List[str]] = []
        document = first_line = 0
        for line in [*self._lines, _Line(0, "")]:
            if not line.text or line.is_marker:
                if rows:
                    yield _Block(rows, first_line, document)
                    rows = []
                document += line.is_marker
                continue
            fields = split(line.text)
            if _RANGE.fullmatch(fields[0]) and self.layout.token > 0:
                self._warnings.add(RANGES, f"{self._path}:{line.number}")
                continue
            self._check_fields(fields, line, rows)
            if not rows:
                first_line = line.number
            rows.append(fields)

    def _check_fields(self, fields: List[str], line: _Line, rows: List[List[str]]) -> None:
        # Where the number of columns varies, it is the same in a sentence.
        width = self.layout.width or (len(rows[0]) if rows else max(self.layout.tag + 1, len(fields)))
        if len(fields) != width:
            raise CorpusError(self._path, line.number, (
                f"expected {width} columns as in the lines before, found {len(fields)}: "
                f"{shown(line.text)}; correct the line, or set corpus.separator"))
        if not fields[self.layout.token]:
            raise CorpusError(self._path, line.number, f"expected a token, found an empty one: {shown(line.text)}")

    def _check_positions(self, first: _Line) -> None:
        """Check the columns against the first line.

        Raises
        ------
        CorpusError : there is a single column, a position does not exist, or two names share one.
        """
        width = len(SEPARATORS[self.layout.separator](first.text))
        if width < 2:
            raise CorpusError(self._path, first.number, (
                f"expected at least 2 columns, found 1: {shown(first.text)}; a line holds a token "
                "and its tag; see corpus.separator"))
        positions: Dict[str, int] = {}
        for name in ("token", "pos", "tag"):
            position = getattr(self.layout, name)
            if position is None:
                continue
            if not -width <= position < width:
                raise CorpusError(self._path, first.number, (
                    f"expected a column {position} for {name}, found {width} columns (0 to {width - 1}); "
                    f"set corpus.columns.{name}"))
            twin = next((other for other, place in positions.items() if place == position), None)
            if twin:
                remedy = ("set corpus.columns.pos to null and features.pos.use to false"
                          if "pos" in (name, twin) else "set corpus.columns")
                raise CorpusError(self._path, first.number, (
                    f"expected {twin} and {name} in columns of their own, found both in column "
                    f"{position} of {width}; {remedy}"))
            positions[name] = position


def _content(path: Path, lines: List[str], settings: Corpus, warnings: Warnings) -> Iterator[_Line]:
    """The lines without comments; marks of documents and empty lines are kept."""
    inside = False  # a sentence: what begins with the sign of comments there is a token
    for number, line in enumerate(lines, start=1):
        line = line.lstrip("\ufeff")  # of a file that was joined to others
        if not line or line.isspace():
            if inside:  # one for any number of them
                yield _Line(number, "")
            inside = False
        elif _is_marker(line):
            inside = False
            yield _Line(number, line, True)
        elif not inside and _is_header(line):
            warnings.add(HEADERS, f"{path}:{number}")
        elif _is_comment(line, settings.comment, inside):
            if _NEW_DOCUMENT.match(line):
                yield _Line(number, line, True)
            elif _END_DOCUMENT.match(line):
                yield _Line(number, "")
            warnings.add(COMMENTS, f"{path}:{number}")
        else:
            inside = True
            yield _Line(number, line)


def _is_marker(line: str) -> bool:
    """Whether a line marks the beginning of a document, in whichever column."""
    return DOCUMENT_MARKER in line.upper() and any(
        field.upper() == DOCUMENT_MARKER for field in SEPARATORS["whitespace"](line)[:4])


def _is_header(line: str) -> bool:
    """Whether a line names the columns: ``token label``."""
    fields = [field.lower() for field in SEPARATORS["tab" if "\t" in line else "whitespace"](line)]
    return len(fields) > 1 and fields[-1] in TAG_NAMES and not TOKEN_NAMES.isdisjoint(fields)


def _is_comment(line: str, comment: Optional[str], inside: bool) -> bool:
    if comment is None or inside:
        return False
    if comment != "auto":
        return line.startswith(comment)
    if not line.startswith("#"):
        return False
    fields = SEPARATORS["tab" if "\t" in line else "whitespace"](line)
    # "# NN O" is a token, "# sent_id = 3" is none: the last field of a token is a tag.
    return not (len(fields) > 1 and fields[0] == "#" and (fields[-1] == "O" or fields[-1][1:2] == "-"))


def _sentence(block: _Block, layout: Layout, path: Path) -> Sentence:
    columns: List[Tuple[str, ...]] = list(zip(*block.rows))
    tags = columns[layout.tag]
    if layout.notation == "brackets":
        tags = tuple(tags_of_brackets(tags))
    elif layout.notation == "misc":
        tags = tuple(map(tag_of_misc, tags))
    return Sentence(columns[layout.token], tags, None if layout.pos is None else columns[layout.pos], str(path),
                    block.first_line, block.document, line_per_token=True)
