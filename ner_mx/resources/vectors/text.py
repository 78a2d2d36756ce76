"""Word vectors as text: GloVe's lines, and word2vec's with a header."""

from __future__ import annotations

import io
import re
from collections import Counter
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Optional, Tuple

import numpy as np

from ner_mx.data.bounded_lines import bounded_lines
from ner_mx.data.compression import opened
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.errors import CorpusError, shown
from ner_mx.resources.vectors.settings import DUPLICATED, NOT_FINITE, VectorSettings, WordVectors

CHUNK, CHUNK_CHARACTERS = 20000, 1 << 26
# The characters of a line; a vector of 10,000 numbers has a tenth.
LONGEST = 1 << 20

# A larger share of bad lines is an error, in a file that is large enough to tell.
TOLERATED = 0.05
TELLING = 50
_SPACES = re.compile(" {2,}")
# What stands for a byte that cannot be decoded.
_SURROGATE = re.compile("[\udc80-\udcff]")

# Why a line is skipped.
TOO_FEW, NO_NUMBER = "lines with too few numbers", "lines with something that is not a number"
DECIMAL_COMMAS, UNDECODABLE = "lines with decimal commas", "lines in another encoding"
TOO_LONG, NUL = f"lines of more than {LONGEST:,} characters", "lines with NUL characters"
BAD_LINES = (TOO_FEW, NO_NUMBER, DECIMAL_COMMAS, TOO_LONG, NUL)


def read_text_vectors(path: Path, settings: VectorSettings) -> WordVectors:
    """Read lines of the form ``word number number ...``.

    A word may contain spaces: the numbers are counted from the end.  A first
    line of two integers is word2vec's header.  Lines with too few numbers (a
    truncated file), with something that is not a number, or with a duplicated
    word are skipped and counted.
    """
    warnings = no_warnings()
    words: List[str] = []
    blocks: List[np.ndarray] = []
    seen = set()
    lines = 0
    with _lines(path, settings) as (header, stream):
        dimension = 0
        for block in _blocks(stream):
            if not dimension:
                dimension = _dimension(path, block)
                if header and header[1] != dimension:
                    raise CorpusError(path, 1, f"expected a header that announces {dimension} numbers "
                                               f"per word, found {header[1]}; download the file again")
            lines += len(block)
            block_words, values = _parsed(block, dimension, warnings)
            keep = []
            for index, word in enumerate(block_words):
                if word in seen:
                    warnings[DUPLICATED] += 1
                else:
                    seen.add(word)
                    keep.append(index)
                    words.append(word)
            blocks.append(values[keep])
    if warnings[UNDECODABLE] > TOLERATED * lines:
        raise CorpusError(path, None, f"expected {settings.encoding}, found {warnings[UNDECODABLE]:,} of {lines:,} "
                                      "lines in another encoding; set features.words.vectors.encoding")
    if not words:
        raise CorpusError(path, None, "expected lines of a word and its numbers, found nothing of the kind"
                          + _looks_like(warnings))
    bad = sum(warnings[reason] for reason in BAD_LINES)
    if lines >= TELLING and bad > TOLERATED * lines:
        raise CorpusError(path, None, f"expected lines of a word and {dimension} numbers, found {bad:,} others among "
                                      f"{lines:,}{_looks_like(warnings)}")
    if header and not settings.limit and lines < header[0]:
        warnings["words that the header announces and the file lacks"] = header[0] - lines
    return WordVectors(words, np.concatenate(blocks), warnings)


def _blocks(lines: Iterable[str]) -> Iterator[List[str]]:
    """Lines in lists of at most ``CHUNK`` lines and about ``CHUNK_CHARACTERS`` characters."""
    block: List[str] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if len(block) == CHUNK or size > CHUNK_CHARACTERS:
            yield block
            block, size = [], 0
    if block:
        yield block


def _looks_like(warnings: Warnings) -> str:
    """The end of a message that says what a file looks like."""
    if warnings[DECIMAL_COMMAS]:
        return "; the numbers have decimal commas: write them with points"
    return f"; most are {max(BAD_LINES, key=lambda reason: warnings[reason])}" if any(
        warnings[reason] for reason in BAD_LINES) else ""


@contextmanager
def _lines(path: Path, settings: VectorSettings) -> Iterator[Tuple[Optional[Tuple[int, int]], Iterator[str]]]:
    """word2vec's header (words, dimension) if there is one, and the lines after it that are not empty."""
    number = 0

    def lines(first: List[str], file: Iterable[str]) -> Iterator[str]:
        nonlocal number
        # Some files separate the word from its numbers by a tab.
        for line in islice(chain(first, file), settings.limit):
            number += 1
            line = line.rstrip("\r\n\t ").replace("\t", " ")
            if "  " in line:  # aligned columns; a word does not hold two spaces
                line = _SPACES.sub(" ", line)
            if line:
                yield line

    try:
        # newline="\n": words may contain U+0085 and similar characters, and one may be a carriage return.
        with opened(path) as (stream, _), \
                io.TextIOWrapper(stream, encoding=settings.encoding, newline="\n", errors="surrogateescape") as file:
            every_line = bounded_lines(file, LONGEST)
            first = next(every_line, "").lstrip("\ufeff")
            header = header_sizes(first.split(None, 2))
            yield header, lines([] if header else [first], every_line)
    except LookupError:
        raise CorpusError(path, None, f"expected a known encoding in features.words.vectors.encoding, "
                                      f"found {settings.encoding!r}") from None
    except UnicodeError as error:
        raise CorpusError(path, None, f"expected {settings.encoding} after line {number}, found: {error}; "
                                      "set features.words.vectors.encoding") from None


def header_sizes(header: List[str]) -> Optional[Tuple[int, int]]:
    """The two numbers of word2vec's header, words and dimension; None for another line."""
    if len(header) != 2 or not all(size.isascii() and size.isdigit() and len(size) <= 20 for size in header):
        return None
    return int(header[0]), int(header[1])


def _dimension(path: Path, block: List[str]) -> int:
    """The most common count of numbers among the first lines."""
    counts = Counter(line.count(" ") for line in block[:1000] if " " in line)
    if not counts:
        raise CorpusError(path, 1, "expected a word and its numbers, separated by spaces, "
                                   f"found {shown(block[0])}")
    return counts.most_common(1)[0][0]


def _parsed(block: List[str], dimension: int,
            warnings: Warnings) -> Tuple[List[str], np.ndarray]:
    """The words of the valid lines and their vectors, (words, dimension) float32."""
    words, numbers = [], []
    for line in block:
        if len(line) > LONGEST:
            warnings[TOO_LONG] += 1
            continue
        if "\0" in line:
            warnings[NUL] += 1
            continue
        if not line.isascii() and _SURROGATE.search(line):
            warnings[UNDECODABLE] += 1
            continue
        fields = line.rsplit(" ", dimension)
        if len(fields) != dimension + 1 or not fields[0]:
            warnings[TOO_FEW] += 1
            continue
        words.append(fields[0])
        numbers.append(fields[1:])
    try:
        values = _numbers(numbers).reshape(len(words), dimension)
        if np.isfinite(values).all():
            return words, values
    except ValueError:
        pass
    valid_words, valid = [], []
    for word, row in zip(words, numbers):
        try:
            values = _numbers(row)
        except ValueError:
            warnings[DECIMAL_COMMAS if any("," in number for number in row) else NO_NUMBER] += 1
            continue
        if not np.isfinite(values).all():
            warnings[NOT_FINITE] += 1
            continue
        valid_words.append(word)
        valid.append(values)
    return valid_words, np.array(valid, dtype=np.float32).reshape(len(valid), dimension)


def _numbers(texts: List[Any]) -> np.ndarray:
    """Texts as float32; numbers that are too large for it become infinite."""
    with np.errstate(over="ignore"):
        return np.array(texts, dtype=np.float32)
