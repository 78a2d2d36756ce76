"""The Kaggle "Annotated Corpus for NER" (an extract of the Groningen Meaning Bank)."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from itertools import repeat
from pathlib import Path
from typing import List

import numpy as np
import pandas as pd

from ner_mx.config import Corpus
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.corpora.text import read_text
from ner_mx.errors import CorpusError

COLUMNS = ("Sentence #", "Word", "POS", "Tag")


def read_gmb(path: Path, settings: Corpus) -> Reading:
    """Read the CSV: a row a token, ``Sentence #`` set on the first row of a sentence or on all.

    A sentence's line is the row of its first token (the header is line 1); no
    field of this corpus holds a line break.

    Raises
    ------
    CorpusError : no CSV, a missing column, a row cut short, an empty word, rows
        before the first sentence.
    """
    text = read_text(path, settings.encoding)
    try:
        with warnings.catch_warnings():
            # Rows longer than the header: by default the first columns would become an index.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # The words None, NA and nan are words: nothing stands for a missing value.
            table = pd.read_csv(io.StringIO(text.rstrip()), dtype=str, keep_default_na=False,
                                na_filter=False, index_col=False, skip_blank_lines=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning,
            ValueError) as error:
        raise CorpusError(path, None, f"expected a CSV with rows as long as its header, found: "
                                      f"{' '.join(str(error).split())}") from None
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise CorpusError(path, 1, (
            f"expected the columns {', '.join(COLUMNS)}, found {', '.join(map(str, table.columns))[:80]};"
            f" missing: {', '.join(missing)}"))
    if table.empty:
        raise CorpusError(path, None, "expected annotated rows, found only the header")
    first, words, pos, tags = (table[column].to_numpy(dtype=object) for column in COLUMNS)
    # A row with fewer fields is filled with NaN, the one thing here that is no string.
    for values, column in zip((first, words, pos, tags), COLUMNS):
        odd = [row for row, value in enumerate(values)
               if type(value) is not str or (not value.strip() and column in ("Word", "Tag"))]
        if odd:
            raise CorpusError(path, odd[0] + 2, f"expected a value in {column}, found none")
    if not first[0]:
        raise CorpusError(path, 2, "expected a value in Sentence # on the first row, found none")
    # Some copies of the corpus repeat the sentence's id on each of its rows.
    ids = pd.Series(first).mask(first == "").ffill().to_numpy()
    starts = np.flatnonzero(np.append([True], ids[1:] != ids[:-1]))
    bounds = np.append(starts, len(words)).tolist()
    word_list, pos_list, tag_list = words.tolist(), pos.tolist(), tags.tolist()
    sentences: List[Sentence] = [
        Sentence(tuple(word_list[start:end]), tuple(tag_list[start:end]),
                 tuple(pos_list[start:end]), source, start + 2, index)
        for index, (start, end, source) in enumerate(zip(bounds, bounds[1:], repeat(str(path))))]
    return Reading(sentences, Counter())
