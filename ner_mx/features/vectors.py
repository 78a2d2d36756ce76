"""Pretrained word vectors from files: GloVe's text, word2vec's text and binary, SENNA's pair."""

from __future__ import annotations

import io
from collections import Counter
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from ner_mx.config import Config, Vectors
from ner_mx.corpora.packing import SUFFIXES, opened
from ner_mx.corpora.text import read_lines
from ner_mx.errors import ConfigError, CorpusError, shown
from ner_mx.features.words import fold_digits

CHUNK = 20000

# Why a word is passed over.
NOT_FINITE, TWICE, EMPTY = "words with a number that is not finite", "words that stood before", "empty words"


class WordVectors(NamedTuple):
    """words : in the order of the file, each once.  matrix : (words, dimension) float32.

    warnings : what was passed over, by reason, with its count.
    """

    words: List[str]
    matrix: np.ndarray
    warnings: Counter


def read_vectors(settings: Vectors) -> WordVectors:
    """Read vectors in the layout that the path shows.

    A folder is SENNA's, see :func:`senna_files`.  A name that ends in ``.bin``
    is word2vec's binary.  Anything else is text.  Either may be packed
    (.gz, .bz2, .xz, .zst).

    Raises
    ------
    CorpusError : the file is missing, cannot be read, is in another encoding,
        is cut short, or has no usable line.
    """
    path = Path(str(settings.path))
    if not path.exists():
        raise CorpusError(path, None, "expected a file or folder of vectors, found none; "
                                      "set features.vectors.path")
    if path.is_dir():
        return _read_senna(path, settings)
    if (path.with_suffix("") if path.suffix in SUFFIXES else path).suffix == ".bin":
        return _read_binary(path, settings)
    return _read_text(path, settings)


def fitting_dimension(config: Config, found: int) -> int:
    """The word dimension of a network on vectors of ``found`` numbers.

    Raises
    ------
    ConfigError : the configuration asks for another.
    """
    wanted = config.network.word_dimension
    if wanted not in (None, found):
        raise ConfigError(f"features.vectors.path: expected vectors of {wanted} numbers, as "
                          f"network.word_dimension says, found {found} in {config.features.vectors.path}; "
                          "set network.word_dimension to null or take other vectors")
    return found


def senna_files(folder: Path) -> Tuple[Path, Path]:
    """Where SENNA's words and their numbers lie, line by line: as it is published, or side by side."""
    words, numbers = folder / "hash" / "words.lst", folder / "embeddings" / "embeddings.txt"
    return (words, numbers) if words.is_file() else (folder / "words.lst", folder / "embeddings.txt")


def _read_senna(folder: Path, settings: Vectors) -> WordVectors:
    """One word a line in the first file, its numbers on the same line of the second."""
    word_file, number_file = senna_files(folder)
    words = read_lines(word_file, settings.encoding, "features.vectors", "words")[:settings.limit]
    numbers = read_lines(number_file, "ascii", "features.vectors", "numbers")[:settings.limit]
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
    return _usable(number_file, words, matrix)


def _read_binary(path: Path, settings: Vectors) -> WordVectors:
    """word2vec's binary: a line with both sizes, then each word, a blank and its float32 numbers."""
    with opened(path) as (file, raw):
        head = file.readline(100).split()
        if len(head) != 2 or not all(part.isdigit() for part in head):
            raise CorpusError(path, 1, "expected word2vec's binary header of two numbers, found none")
        count, dimension = int(head[0]), int(head[1])
        wanted = min(count, settings.limit or count)
        if not wanted or not dimension:
            raise CorpusError(path, 1, f"expected words with numbers, found {count} of {dimension} numbers")
        words: List[str] = []
        try:
            matrix = np.empty((wanted, dimension), np.float32)
            for row in range(wanted):
                word = b"".join(iter(lambda: file.read(1).replace(b" ", b""), b"")).lstrip(b"\n")
                data = file.read(4 * dimension)
                if len(data) < 4 * dimension:
                    raise CorpusError(path, None, f"expected {count} words, found the file cut short after "
                                                  f"{row}; fetch it again")
                words.append(word.decode(settings.encoding))
                matrix[row] = np.frombuffer(data, "<f4")
        except (UnicodeError, LookupError) as error:
            raise CorpusError(path, None, f"expected {settings.encoding}, found: {error}; "
                                          "set features.vectors.encoding") from None
        except (MemoryError, ValueError):
            raise CorpusError(path, 1, f"expected vectors that fit into memory, found {count} x {dimension}; "
                                       "set features.vectors.limit") from None
        if wanted == count and file.read(2).strip(b"\n"):
            raise CorpusError(path, None, f"expected the end after {count} words of {dimension} numbers, "
                                          "found more; a file of text must not be named .bin")
    return _usable(path, words, matrix)


def _usable(path: Path, words: List[str], matrix: np.ndarray) -> WordVectors:
    """Vectors without empty words, words that stood before and rows with numbers that are not finite.

    Raises
    ------
    CorpusError : nothing is left.
    """
    warnings: Counter = Counter()
    seen = {""}
    # The largest and the smallest number of a row tell it, and take no second matrix.
    finite = (np.isfinite(matrix.max(axis=1)) & np.isfinite(matrix.min(axis=1)) if matrix.size
              else np.zeros(len(words), bool))
    keep = []
    for row, word in enumerate(words):
        if not finite[row]:
            warnings[NOT_FINITE] += 1
        elif word in seen:
            warnings[TWICE if word else EMPTY] += 1
        else:
            seen.add(word)
            keep.append(row)
    if not keep:
        raise CorpusError(path, None, "expected words with finite numbers, found none")
    if len(keep) == len(words):
        return WordVectors(words, matrix, warnings)
    return WordVectors([words[row] for row in keep], matrix[keep], warnings)


def _read_text(path: Path, settings: Vectors) -> WordVectors:
    """Read ``word number number ...`` lines.

    A token may hold blanks: the numbers are counted from the end.  A first
    line of two whole numbers is word2vec's header.  A line with too few
    numbers (a file cut off at its end), with something that is no number, or
    with a word that stood before is passed over and counted.
    """
    warnings: Counter = Counter()
    words: List[str] = []
    blocks: List[np.ndarray] = []
    seen = set()
    lines = 0
    with _lines(path, settings) as (header, stream):
        dimension = 0
        for block in iter(lambda: list(islice(stream, CHUNK)), []):
            if not dimension:
                dimension = _dimension(path, block)
                if header and header[1] != dimension:
                    raise CorpusError(path, 1, f"expected {dimension} numbers a word announced, as they "
                                               f"follow, found {header[1]}; fetch the file again")
            lines += len(block)
            rows, values = _parsed(block, dimension, warnings)
            keep = []
            for index, word in enumerate(rows):
                if word in seen:
                    warnings[TWICE] += 1
                else:
                    seen.add(word)
                    keep.append(index)
                    words.append(word)
            blocks.append(values[keep])
    if not words:
        raise CorpusError(path, None, "expected lines of a word and its numbers, found none")
    if header and not settings.limit and lines < header[0]:
        warnings["words that the first line announces and the file has not"] = header[0] - lines
    return WordVectors(words, np.concatenate(blocks), warnings)


@contextmanager
def _lines(path: Path, settings: Vectors) -> Iterator[Tuple[Optional[Tuple[int, int]], Iterator[str]]]:
    """word2vec's header (words, dimension) where there is one, and the lines behind it that are not blank."""
    number = 0

    def lines(first: List[str], file: Iterable[str]) -> Iterator[str]:
        nonlocal number
        # Some files part the word from its numbers with a tab.
        for line in islice(chain(first, file), settings.limit):
            number += 1
            line = line.rstrip("\r\n\t ").replace("\t", " ")
            if line:
                yield line

    try:
        # newline="\n": tokens may hold U+0085 and its kin, and one may be a carriage return.
        with opened(path) as (stream, _), \
                io.TextIOWrapper(stream, encoding=settings.encoding, newline="\n") as file:
            first = file.readline().lstrip("\ufeff")
            head = first.split()
            if len(head) == 2 and all(part.isdecimal() for part in head):
                yield (int(head[0]), int(head[1])), lines([], file)
            else:
                yield None, lines([first], file)
    except LookupError:
        raise CorpusError(path, None, f"expected a known encoding in features.vectors.encoding, "
                                      f"found {settings.encoding!r}") from None
    except UnicodeError as error:
        raise CorpusError(path, None, f"expected {settings.encoding} after line {number}, found: {error}; "
                                      "set features.vectors.encoding") from None


def _dimension(path: Path, block: List[str]) -> int:
    """The commonest count of numbers among the first lines."""
    counts = Counter(line.count(" ") for line in block[:1000] if " " in line)
    if not counts:
        raise CorpusError(path, 1, "expected a word and its numbers, parted by blanks, "
                                   f"found {shown(block[0])}")
    return counts.most_common(1)[0][0]


def _parsed(block: List[str], dimension: int,
            warnings: Counter) -> Tuple[List[str], np.ndarray]:
    """The words of the good lines and their numbers, (words, dimension) float32."""
    words, numbers = [], []
    for line in block:
        parts = line.rsplit(" ", dimension)
        if len(parts) != dimension + 1 or not parts[0]:
            warnings["lines with too few numbers"] += 1
            continue
        words.append(parts[0])
        numbers.append(parts[1:])
    try:
        values = _numbers(numbers).reshape(len(words), dimension)
        if np.isfinite(values).all():
            return words, values
    except ValueError:
        pass
    good_words, good = [], []
    for word, row in zip(words, numbers):
        try:
            values = _numbers(row)
        except ValueError:
            warnings["lines with something that is no number"] += 1
            continue
        if not np.isfinite(values).all():
            warnings[NOT_FINITE] += 1
            continue
        good_words.append(word)
        good.append(values)
    return good_words, np.array(good, dtype=np.float32).reshape(len(good), dimension)


def _numbers(texts: List[Any]) -> np.ndarray:
    """Texts as float32; what is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return np.array(texts, dtype=np.float32)


HOW_FOUND = ("exact", "lower-cased", "digits folded", "missing")


def how_found(token: str, word: Optional[str]) -> str:
    """How a token came to the vector of ``word`` (None: it has none), one of :data:`HOW_FOUND`."""
    if word is None:
        return "missing"
    return "exact" if word == token else "lower-cased" if word.lower() == token.lower() else "digits folded"


def find(rows: Dict[str, int], word: str) -> int:
    """The row of ``word`` as it stands, lower-cased, or with its digits folded; -1 if it is missing."""
    lower = word.lower()
    for form in (word, lower, fold_digits(word, "run"), fold_digits(lower, "run"),
                 fold_digits(word, "each"), fold_digits(lower, "each")):
        if form in rows:
            return rows[form]
    return -1
