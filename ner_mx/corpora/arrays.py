"""A pair of numpy arrays: ``NAME.texts.npy`` and ``NAME.labels.npy``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import List

import numpy as np

from ner_mx.config import Corpus
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.errors import CorpusError


def read_npy(path: Path, settings: Corpus) -> Reading:
    """Read ``path`` + ``.texts.npy`` and ``.labels.npy``.

    Each is an array of strings: one-dimensional, a sentence an element with
    its tokens (or tags) parted by blanks, or two-dimensional, a row a sentence,
    filled up with empty strings.  Object arrays are refused: they are pickles.

    Raises
    ------
    CorpusError : a missing or damaged file, another type than strings, arrays
        or sentences of unequal length.
    """
    texts, labels = (path.with_name(f"{path.name}.{part}.npy") for part in ("texts", "labels"))
    tokens, tags = _rows(texts), _rows(labels)
    if len(tokens) != len(tags):
        raise CorpusError(labels, None, f"expected {len(tokens)} rows as in {texts.name}, "
                                        f"found {len(tags)}")
    sentences: List[Sentence] = []
    for index, (row, row_tags) in enumerate(zip(tokens, tags)):
        if len(row) != len(row_tags):
            raise CorpusError(labels, None, f"row {index}: expected {len(row)} labels for as many "
                                            f"tokens, found {len(row_tags)}")
        if row:
            sentences.append(Sentence(tuple(row), tuple(row_tags), None, str(texts), 0, 0))
    if not sentences:
        raise CorpusError(texts, None, "expected annotated sentences, found none")
    return Reading(sentences, Counter())


def _rows(path: Path) -> List[List[str]]:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise CorpusError(path, None, "expected a file, found none; set corpus.path") from None
    except Exception as error:  # numpy raises many kinds for one damaged file
        raise CorpusError(path, None, f"expected an array of strings, found: {error}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind != "U" or array.ndim not in (1, 2):
        raise CorpusError(path, None, (
            "expected an array of strings with one or two dimensions, found "
            + (f"{array.dtype} with {array.ndim}" if isinstance(array, np.ndarray) else "an archive")))
    if array.ndim == 1:
        return [text.split() for text in array.tolist()]
    rows = []
    for index, row in enumerate(array.tolist()):
        filled = len("".join("x" if text else " " for text in row).rstrip())
        if not all(row[:filled]):
            raise CorpusError(path, None, f"row {index}: expected empty strings at its end alone, "
                                          "found one between others")
        rows.append(row[:filled])
    return rows
