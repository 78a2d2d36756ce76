"""What the columns of a file are: which holds the tokens, the parts of speech, the tags.

``corpus.columns`` and ``corpus.separator`` name them; what is ``auto`` there is proposed from
the first lines of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.spans import ROLES
from ner_mx.errors import ConfigError
from ner_mx.untyped import ReadOnlyValues

# How many lines are looked at.
SAMPLED = 20_000

_SPACES = re.compile(r"[ \t]+")
_PREFIXED = re.compile(rf"[{''.join(ROLES)}]-\S.*|O|o")
# Syntactic chunks and clauses have prefixes, too: they are no entities (CoNLL-2000, CoNLL-2001).
CHUNKS = {"NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "S"}
# The largest number of parts of speech, and of entity types without prefixes, that is believed.
MOST_POS, MOST_TYPES = 150, 60
# Columns of CoNLL-2012, whose number varies with the predicates of a sentence.
CONLL_2012 = {"token": 3, "pos": 4, "tag": 10}
_BRACKETS = re.compile(r"\([^()*\s]+\*?\)?|\*\)?|\([^()*\s]+\)")
# Tags in the last column of CoNLL-U: name=B-LOC, NE=B-LOC.
_MISC_TAG = re.compile(r"(?:^|\|)(?:name|ner|ne|entity)=(O|[A-Z]-[^|]+)(?=\||$)", re.IGNORECASE)


def split_at_spaces(line: str) -> List[str]:
    """The fields between spaces or tabs.

    ``str.split`` also splits at no-break spaces and other characters that tokens may contain.
    """
    return _SPACES.split(line.strip(" \t"))


SEPARATORS: Dict[str, Callable[[str], List[str]]] = {
    "whitespace": split_at_spaces,
    "tab": lambda line: line.split("\t"),
    "space": lambda line: line.split(" "),
}


class Layout(NamedTuple):
    """How the lines of a file are read.

    separator : a key of :data:`SEPARATORS`.
    width : the number of columns; None if it varies.
    token, pos, tag : positions of columns, counted from 0.
    notation : of the tag column: ``tags``, ``brackets`` (CoNLL-2012) or ``misc`` (CoNLL-U).
    proposed : what was found, as settings below ``corpus`` that would say the same.
    """

    separator: str
    width: Optional[int]
    token: int
    pos: Optional[int]
    tag: int
    notation: str = "tags"
    proposed: ReadOnlyValues = {}


def find_layout(rows: Sequence[str], settings: Corpus) -> Layout:
    """The layout of a file.

    Parameters
    ----------
    rows : lines with a token each, and empty lines between sentences; the first :data:`SAMPLED` are enough.

    Raises
    ------
    ConfigError : a column is ``auto`` and cannot be told from the others; the message proposes keys to set.
    """
    separator = _separator(rows, settings)
    table = Table([[SEPARATORS[separator](line) for line in sentence] for sentence in _sentences(rows)])
    columns = settings.columns
    if table.width < 2:
        return Layout(separator, table.width, 0, None, 0)
    if "auto" not in (columns.token, columns.pos, columns.tag):
        named = _explicit(settings, table.width)
        notation = _notation(table, named[2])
        return Layout(separator, table.width if notation != "brackets" else None, *named, notation)
    found = _conll_2012(table) or _propose(table)
    token = _chosen(columns.token, found.token, table.width)
    tag = _chosen(columns.tag, found.tag, table.width)
    pos = found.pos if columns.pos == "auto" else None if columns.pos is None else _chosen(
        columns.pos, found.pos, table.width)
    if token is None or tag is None:
        missing = "token" if token is None else "tag"
        raise ConfigError(
            f"expected a column of {missing}s that can be told from the others, found {table.described()}; set "
            f"corpus.columns.{missing} to its number, counted from 0")
    if columns.pos == "auto" and pos in (token, tag):
        pos = None
    notation = _notation(table, tag)
    return Layout(separator, table.width if notation != "brackets" else None, token, pos, tag, notation,
                  {"columns.token": token, "columns.pos": pos, "columns.tag": tag, "separator": separator})


# A line of more fields is no token with its annotation.
MOST_COLUMNS = 1000


class Table:
    """The fields of the lines of some sentences.

    Attributes
    ----------
    width : the most frequent number of fields.
    """

    def __init__(self, sentences: List[List[List[str]]]):
        self.sentences = sentences
        widths = [len(row) for sentence in sentences for row in sentence]
        # Among equals, that of the first line.
        self.width = Counter(widths).most_common(1)[0][0] if widths else 0
        if self.width > MOST_COLUMNS:
            raise ConfigError(f"expected columns, found {self.width:,} of them; is it text?")
        self.columns: List[List[str]] = [
            [row[place] for sentence in sentences for row in sentence if len(row) > place]
            for place in range(self.width)]

    def distinct(self, place: int) -> set[str]:
        """The different values of a column."""
        return set(self.columns[place])

    def counts_up(self, place: int) -> bool:
        """Whether a column numbers the tokens of each sentence, or of the file, from 0 or 1."""
        if not self.columns[place] or not all(map(_is_index, self.columns[place])):
            return False
        lists = [[row[place] for row in sentence if len(row) > place and row[place].isdecimal()]
                 for sentence in self.sentences]
        steps = [int(after) - int(before) for numbers in lists for before, after in zip(numbers, numbers[1:])]
        return not steps or sum(step == 1 for step in steps) >= 0.95 * len(steps)

    def is_constant(self, place: int) -> bool:
        """Whether a column has one value in each sentence, such as the name of its document."""
        longer = [sentence for sentence in self.sentences if len(sentence) > 1]
        return bool(longer) and all(len({row[place] for row in sentence if len(row) > place}) == 1
                                    for sentence in longer)

    def described(self) -> str:
        """The columns with their first values, for a message."""
        shown = [f"{place}: {', '.join(dict.fromkeys(column[:40]))[:24]}"
                 for place, column in enumerate(self.columns)]
        return f"{self.width} columns ({'; '.join(shown)})" if shown else "no lines"


def _is_index(value: str) -> bool:
    """Whether a value numbers a token, a range of tokens (``3-4``) or an empty node (``3.1``)."""
    return re.fullmatch(r"\d{1,9}(?:[-.]\d{1,9})?", value) is not None


def _sentences(rows: Sequence[str]) -> Iterator[List[str]]:
    current: List[str] = []
    for line in [*rows, ""]:
        if line.strip():
            current.append(line)
        elif current:
            yield current
            current = []


def _separator(rows: Sequence[str], settings: Corpus) -> str:
    if settings.separator != "auto":
        return settings.separator
    filled = [line for line in rows if line.strip()]
    # Tabs separate if each line has as many of them: fields may then hold spaces.
    counts = {line.rstrip("\r\n").count("\t") for line in filled}
    return "tab" if len(counts) == 1 and counts != {0} else "whitespace"


def _explicit(settings: Corpus, width: int) -> Tuple[int, Optional[int], int]:
    columns = settings.columns
    return (_chosen(columns.token, None, width) or 0,
            None if columns.pos is None else _chosen(columns.pos, None, width),
            _chosen(columns.tag, None, width) or 0)


def _chosen(key: object, found: Optional[int], width: int) -> Optional[int]:
    """The column that a key names, counted from the beginning; for ``auto``, the one that was found."""
    return key % width if isinstance(key, int) and -width <= key < width else key if isinstance(key, int) else found


def _notation(table: Table, tag: int) -> str:
    """How the tags of a column are written."""
    if not 0 <= tag < table.width:
        return "tags"
    values = table.distinct(tag)
    if any("(" in value for value in values) and all(_BRACKETS.fullmatch(value) for value in values):
        return "brackets"
    is_features = any(_MISC_TAG.search(value) for value in values) and not any(map(_PREFIXED.fullmatch, values))
    return "misc" if is_features else "tags"


class _Proposal(NamedTuple):
    token: Optional[int]
    pos: Optional[int]
    tag: Optional[int]


def _conll_2012(table: Table) -> Optional[_Proposal]:
    """CoNLL-2012: a document, its part, the number of the word, the word, ..., entities in brackets, ..."""
    if table.width < 12 or not table.counts_up(2) or not table.is_constant(0):
        return None
    values = table.distinct(CONLL_2012["tag"])
    if all(_BRACKETS.fullmatch(value) for value in values):
        return _Proposal(CONLL_2012["token"], CONLL_2012["pos"], CONLL_2012["tag"])
    return None


def _propose(table: Table) -> _Proposal:
    indices = {place for place in range(table.width) if table.counts_up(place)}
    tag = _tag_column(table, indices)
    tags = {place for place in range(table.width) if _is_tag_column(table, place)}
    others = indices | tags
    candidates = [place for place in range(table.width) if place != tag and place not in others
                  and not (table.width > 2 and table.is_constant(place))]
    # Lemmas have fewer values than their words; among equals, the first column.
    token = max(candidates, key=lambda place: (len(table.distinct(place)), -place), default=None)
    pos = next((place for place in range(table.width) if place in candidates and token is not None
                and place > token and _is_pos_column(table, place, token)), None)
    return _Proposal(token, pos, tag)


def _tag_column(table: Table, indices: set[int]) -> Optional[int]:
    """The column of entity tags: with prefixes, in the features of CoNLL-U, in brackets, or types without prefixes."""
    prefixed = [place for place in range(table.width) if _is_tag_column(table, place)
                and not _types(table.distinct(place)) <= CHUNKS]
    if prefixed:
        # Of several, such as outer and inner entities, the one with more entities; among equals, the last.
        return max(prefixed, key=lambda place: (sum(tag not in ("O", "o") for tag in table.columns[place]), place))
    for place in range(table.width):
        if any(_MISC_TAG.search(value) for value in table.distinct(place)):
            return place
    plain = [place for place in range(table.width) if place not in indices and _is_plain_tag_column(table, place)]
    if plain:
        return plain[-1]
    # Of two or three columns, the last is that of the tags, whatever is wrong with them.
    return table.width - 1 if table.width <= 3 else None


def _is_tag_column(table: Table, place: int) -> bool:
    values = table.distinct(place)
    matching = sum(_PREFIXED.fullmatch(value.strip()) is not None for value in table.columns[place])
    # A few typing errors do not make it another column.
    return (any(value.strip()[1:2] == "-" for value in values)
            and matching >= 0.98 * len(table.columns[place]) and matching > 0)


def _is_plain_tag_column(table: Table, place: int) -> bool:
    """Whether most values are O (in a file without entities, all), and the others a few names of types."""
    values = table.distinct(place)
    outside = sum(value.strip() == "O" for value in table.columns[place])
    return len(values) <= MOST_TYPES and 2 * outside > len(table.columns[place])


def _types(values: set[str]) -> set[str]:
    return {value.strip()[2:] for value in values if value.strip()[1:2] == "-"}


def _is_pos_column(table: Table, place: int, token: int) -> bool:
    """Whether a column is one of parts of speech: few values, capital letters or signs, none a number."""
    values = table.distinct(place)
    if len(values) > MOST_POS or all(map(_is_index, values)) or values <= {"_", "O"}:
        return False
    named = [value for value in table.columns[place] if any(map(str.isalpha, value))]
    capital = sum(value[0].isupper() or not value[0].isalpha() for value in named)
    repeated = len(values) <= 0.3 * len(table.distinct(token))
    features = sum("=" in value or "|" in value for value in values) > 0.5 * len(values)
    return bool(named) and not features and (capital >= 0.95 * len(named) or repeated)


def tags_of_brackets(cells: Sequence[str]) -> List[str]:
    """The IOB2 tags of entities in brackets, as in CoNLL-2012.

    >>> tags_of_brackets(["(ORG*", "*)", "*", "(GPE)"])
    ['B-ORG', 'I-ORG', 'O', 'B-GPE']
    """
    tags, label = [], ""
    for cell in cells:
        begins = cell.startswith("(")
        if begins:
            label = cell.strip("()*")
        tags.append(f"{'B' if begins else 'I'}-{label}" if label else "O")
        if cell.endswith(")"):
            label = ""
    return tags


def tag_of_misc(cell: str) -> str:
    """The tag among the features of a cell of CoNLL-U; ``O`` if there is none.

    >>> tag_of_misc("SpaceAfter=No|name=B-LOC")
    'B-LOC'
    """
    match = _MISC_TAG.search(cell)
    return match.group(1) if match else "O"
