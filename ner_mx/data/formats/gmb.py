"""The Kaggle "Annotated Corpus for NER" (an extract of the Groningen Meaning Bank)."""

from __future__ import annotations

import csv
import io
import warnings
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from ner_mx.config import Corpus
from ner_mx.data.formats import Format, PlaceOfTag
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.table_layout import BARE_QUOTES
from ner_mx.data.text_files import read_text
from ner_mx.errors import CorpusError
from ner_mx.files import write_text
from ner_mx.registry import register

COLUMNS = ("Sentence #", "Word", "POS", "Tag")
MOST_COLUMNS = 1000


@register.format("gmb")
class Gmb(Format):
    """A CSV with one token per row; ``Sentence #`` is set on the first row of a sentence or on all."""

    suffixes = (".csv",)
    holds_pos = True

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read the CSV.

        The line of a sentence is the row of its first token (the header is line 1);
        no field of this corpus contains a line break.

        Raises
        ------
        CorpusError : the file is not a CSV, a column is missing, a row is cut short, a word is
            empty, or there are rows before the first sentence.
        """
        import pandas as pd

        found = no_warnings()
        first, words, pos, tags = _columns(path, settings, found)
        # Some copies of the corpus repeat the id of a sentence on each of its rows.
        ids = pd.Series(first).mask(first == "").ffill().to_numpy()
        starts = np.flatnonzero(np.append([True], ids[1:] != ids[:-1]))
        bounds = np.append(starts, len(words)).tolist()
        word_list, pos_list, tag_list = words.tolist(), pos.tolist(), tags.tolist()
        sentences: List[Sentence] = [
            Sentence(tuple(word_list[start:end]), tuple(tag_list[start:end]),
                     tuple(pos_list[start:end]), source, start + 2, index, line_per_token=True)
            for index, (start, end, source) in enumerate(zip(bounds, bounds[1:], repeat(str(path))))]
        return Reading(sentences, found)

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the header names the columns."""
        return all(column in beginning.split("\n", 1)[0] for column in COLUMNS)

    def place_of_tag(self, path: Path, settings: Corpus) -> Optional[PlaceOfTag]:
        """The last field of each line, if that is the column of the tags."""
        header = read_text(path, settings.encoding).partition("\n")[0]
        if header.strip().strip('"').rpartition(",")[2].strip('"') != COLUMNS[-1]:
            return None
        return _last_field

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write the columns of the Kaggle corpus, in UTF-8."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, sentence in enumerate(sentences, start=1):
            pos = sentence.pos or ("",) * len(sentence.tokens)
            for place, row in enumerate(zip(sentence.tokens, pos, sentence.gold)):
                writer.writerow((f"Sentence: {number}" if place == 0 else "", *row))
        write_text(path, buffer.getvalue())
        return no_warnings()


def _last_field(line: str) -> Tuple[int, int]:
    """The place of the last field of a line without its quotation marks; no tag has a comma."""
    content = line.rstrip()
    start = content.rfind(",") + 1
    quoted = content[start:start + 1] == '"'
    return start + quoted, len(content) - quoted


def _columns(path: Path, settings: Corpus, found: Warnings) -> List[np.ndarray]:
    """The four columns as arrays of strings, checked."""
    table = _table(path, read_text(path, settings.encoding), found)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise CorpusError(path, 1, (
            f"expected the columns {', '.join(COLUMNS)}, found {', '.join(map(str, table.columns))[:80]};"
            f" missing: {', '.join(missing)}; other tables need a header that names tokens and tags, such as "
            "sentence_id,word,tag"))
    if table.empty:
        raise CorpusError(path, None, "expected annotated rows, found only the header")
    columns = [table[column].to_numpy(dtype=object) for column in COLUMNS]
    # A row with too few fields is filled with NaN, the only values here that are not strings.
    for values, column in zip(columns, COLUMNS):
        odd = [row for row, value in enumerate(values)
               if type(value) is not str or (not value.strip() and column in ("Word", "Tag"))]
        if odd:
            raise CorpusError(path, odd[0] + 2, f"expected a value in {column}, found nothing")
    if not columns[0][0]:
        raise CorpusError(path, 2, "expected a value in Sentence # on the first row, found nothing")
    return columns


def _table(path: Path, text: str, found: Warnings) -> Any:
    """The table, with quotes as the rule of CSV has them, or else as characters like any others.

    Two bare quotes some rows apart would make one field of all that is between them.
    """
    problem = None
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        try:
            table = _parsed(path, text, quoting)
        except CorpusError as error:
            problem = problem or error
            continue
        swallowed = _swallowed_row(table)
        if swallowed is None:
            found.add(BARE_QUOTES, str(path), int(quoting == csv.QUOTE_NONE))
            return table
        problem = problem or CorpusError(path, _line_of_row(text, swallowed), (
            "expected a row per token, found a field that holds rows; is there a bare quotation mark? "
            'Write it as """"'))
    assert problem is not None
    raise problem


def _swallowed_row(table: Any) -> Optional[int]:
    """The first row with a line break or the beginning of a sentence inside a field."""
    for column in [name for name in COLUMNS[1:] if name in table.columns]:
        values = table[column]
        rows = values.str.contains(r"[\n\r]|Sentence:", regex=True, na=False)
        if rows.any():
            return int(rows.to_numpy().argmax())
    return None


def _line_of_row(text: str, row: int) -> int:
    """The line on which a row of the table begins; the header is line 1."""
    reader = csv.reader(io.StringIO(text))
    line = 1
    with suppress(csv.Error):  # a field beyond the library's limit
        for number, _ in enumerate(reader):
            if number == row + 1:
                break
            line = reader.line_num + 1
    return line


def _parsed(path: Path, text: str, quoting: int) -> Any:
    import pandas as pd

    if text.split("\n", 1)[0].count(",") > MOST_COLUMNS:
        raise CorpusError(path, 1, f"expected at most {MOST_COLUMNS} columns, found more")
    try:
        with warnings.catch_warnings():
            # Rows longer than the header: by default their first columns would become an index.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # The words None, NA and nan are words: nothing stands for a missing value.
            return pd.read_csv(io.StringIO(text.rstrip()), dtype=str, keep_default_na=False, quoting=quoting,
                               na_filter=False, index_col=False, skip_blank_lines=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning,
            ValueError) as error:
        raise CorpusError(path, None, f"expected a CSV with rows as long as its header, found: "
                                      f"{' '.join(str(error).split())}") from None
