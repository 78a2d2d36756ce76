"""Vectors in two files: the words in one, the numbers in the same order in the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np

from ner_mx.data.text_files import read_lines
from ner_mx.errors import CorpusError, UserError, first_line, install
from ner_mx.resources.vectors.settings import VectorSettings, WordVectors, senna_files, usable


def read_senna(folder: Path, settings: VectorSettings) -> WordVectors:
    """One word per line in the first file, its numbers on the same line of the second."""
    word_file, number_file = senna_files(folder)
    words = read_lines(word_file, settings.encoding, "features.words.vectors", "words")[:settings.limit]
    numbers = read_lines(number_file, "ascii", "features.words.vectors", "numbers")[:settings.limit]
    if len(words) != len(numbers):
        raise CorpusError(number_file, None, f"expected {len(words)} lines as in words.lst, "
                                             f"found {len(numbers)}")
    rows = [line.split() for line in numbers]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise CorpusError(number_file, number, f"expected {len(rows[0])} numbers as on line 1, "
                                                   f"found {len(row)}")
    try:
        matrix = np.array(rows, dtype=np.float32)
    except ValueError as error:
        raise CorpusError(number_file, None, f"expected numbers, found: {error}") from None
    return usable(number_file, words, matrix)


def read_matrix(path: Path, settings: VectorSettings) -> WordVectors:
    """A matrix in numpy's format, (words, dimension), and a file of its words.

    Raises
    ------
    CorpusError : a file is missing or damaged, or they differ in length.
    UserError : pyarrow, which reads Parquet, is not installed.
    """
    if settings.words is None:
        raise CorpusError(path, None, "expected a file of its words, found no name of one; "
                                      "set features.words.vectors.words")
    try:
        # Mapped: a limit reads no more, and a header that promises too much is an error.
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, MemoryError, OverflowError) as error:
        raise CorpusError(path, None, f"expected a matrix in numpy's format, found: {first_line(error)}") from None
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.dtype.kind != "f" or not matrix.size:
        kind = f"one of {matrix.dtype} of the shape {matrix.shape}" if isinstance(matrix, np.ndarray) else "several"
        raise CorpusError(path, None, f"expected a matrix of floats, (words, dimension), found {kind}")
    word_file = Path(settings.words)
    words = _words(word_file, settings)
    if len(words) != len(matrix):
        raise CorpusError(word_file, None, f"expected {len(matrix):,} words, one per row of {path.name}, "
                                           f"found {len(words):,}")
    with np.errstate(over="ignore"):  # larger floats become infinite, and are counted
        return usable(path, words[:settings.limit], matrix[:settings.limit].astype(np.float32))


def _words(path: Path, settings: VectorSettings) -> List[str]:
    if path.suffix.lower() not in (".parquet", ".pq"):
        return read_lines(path, settings.encoding, "features.words.vectors", "words")
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{path}: Parquet needs pyarrow; {install('corpora')}") from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read([field.name for field in file.schema_arrow if _is_text(field.type)])
            columns = [number for number, field in enumerate(table.schema) if _is_text(field.type)]
            if len(columns) != 1:
                raise CorpusError(path, None, f"expected one column of strings, found {len(columns)}")
            words = table.column(columns[0]).to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CorpusError(path, None, f"expected words in Parquet, found: {first_line(error)}") from None
    return [word or "" for word in words]


def _is_text(kind: Any) -> bool:
    """Whether a type of Parquet's is text, categories of text included."""
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind))
