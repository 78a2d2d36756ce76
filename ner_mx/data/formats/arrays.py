"""A pair of numpy arrays: ``NAME.texts.npy`` and ``NAME.labels.npy``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import List, Sequence

import numpy as np

from ner_mx.array_files import check_code_points
from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.formats.conll import WHITE_SPACE, without_spaces
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.errors import CorpusError, first_line
from ner_mx.files import replacing
from ner_mx.registry import register

PARTS = ("texts", "labels")


@register.format("npy")
class Arrays(Format):
    """Two arrays of strings whose files share a name."""

    suffixes = (".npy",)

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read ``path`` + ``.texts.npy`` and ``.labels.npy``.

        Each is one-dimensional, a sentence per element with its tokens (or tags)
        separated by white space, or two-dimensional, a sentence per row, filled up with
        empty strings.  Object arrays are refused: they are pickles.

        Raises
        ------
        CorpusError : a file is missing or damaged, holds another type than strings, or
            arrays or sentences differ in length.
        """
        texts, labels = self.files(path)
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
                sentences.append(Sentence(tuple(row), tuple(row_tags), source=str(texts)))
        if not sentences:
            raise CorpusError(texts, None, "expected annotated sentences, found nothing")
        return Reading(sentences, no_warnings())

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write both arrays, one-dimensional."""
        warnings = no_warnings()
        texts = []
        for sentence in sentences:
            words = [without_spaces(token) for token in sentence.tokens]
            warnings[WHITE_SPACE] += sum(word != token for word, token in zip(words, sentence.tokens))
            texts.append(" ".join(words))
        labels = [" ".join(sentence.gold) for sentence in sentences]
        text_file, label_file = self.files(path)
        # Both are complete before either is renamed: one alone would not fit an earlier other.
        with replacing(text_file) as new_texts, replacing(label_file) as new_labels:
            for values, temporary in ((texts, new_texts), (labels, new_labels)):
                # Not into the file itself: numpy says of a full disk only how many bytes are missing.
                content = io.BytesIO()
                np.save(content, np.array(values, dtype=np.str_), allow_pickle=False)
                temporary.write_bytes(content.getbuffer())
        return +warnings

    def files(self, path: Path) -> List[Path]:
        """Both files; ``path`` is the name that they share, or one of them."""
        name = path.name
        for ending in (".texts.npy", ".labels.npy", ".npy"):
            if name.endswith(ending):
                name = name[:-len(ending)]
                break
        return [path.with_name(f"{name}.{part}.npy") for part in PARTS] if name else []

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the name is that of a pair."""
        return not path.exists() and self.exists(path)

    def exists(self, path: Path) -> bool:
        """Whether there is the array of texts."""
        return any(file.exists() for file in self.files(path)[:1])

    def written(self, path: Path) -> List[Path]:
        """Both files."""
        return self.files(path)


def _rows(path: Path) -> List[List[str]]:
    """The strings of each row of an array."""
    try:
        # An archive, which is no array, would keep a file of its own open.
        with open(path, "rb") as file:
            array = np.load(file, allow_pickle=False)
        if isinstance(array, np.ndarray):
            check_code_points(array)
    except FileNotFoundError:
        raise CorpusError(path, None, "expected a file, found nothing; set corpus.path") from None
    except Exception as error:  # numpy raises many kinds of errors for damaged files
        raise CorpusError(path, None, f"expected an array of strings, found: {first_line(error)}") from None
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
            raise CorpusError(path, None, f"row {index}: expected empty strings only at its end, "
                                          "found one between others")
        rows.append(row[:filled])
    return rows
