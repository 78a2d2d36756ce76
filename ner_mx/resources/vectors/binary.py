"""word2vec's binary format."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import BinaryIO, List

import numpy as np

from ner_mx.data.compression import opened
from ner_mx.errors import CorpusError
from ner_mx.resources.vectors.settings import VectorSettings, WordVectors, usable
from ner_mx.resources.vectors.text import header_sizes

# The bytes of a word.
LONGEST_WORD = 1 << 13


def read_binary(path: Path, settings: VectorSettings) -> WordVectors:
    """word2vec's binary format: a line with both sizes, then each word, a space and its float32 numbers."""
    with opened(path) as (file, raw):
        header = file.readline(100).split()
        sizes = header_sizes([number.decode("ascii", "replace") for number in header])
        if sizes is None:
            raise CorpusError(path, 1, "expected the header of two numbers of word2vec's binary format, "
                                       "found something else")
        count, dimension = sizes
        limit = min(count, settings.limit or count)
        if not limit or not dimension:
            raise CorpusError(path, 1, f"expected words with numbers, found {count} of {dimension} numbers")
        words: List[str] = []
        try:
            matrix = np.empty((limit, dimension), np.float32)
            for row in range(limit):
                word = _word(path, file)
                data = file.read(4 * dimension)
                if len(data) < 4 * dimension:
                    raise CorpusError(path, None, f"expected {count} words, found a file truncated after "
                                                  f"{row}; download it again")
                words.append(word.decode(settings.encoding))
                matrix[row] = np.frombuffer(data, "<f4")
        except (UnicodeError, LookupError) as error:
            raise CorpusError(path, None, f"expected {settings.encoding}, found: {error}; "
                                          "set features.words.vectors.encoding") from None
        except (MemoryError, ValueError, OverflowError):
            raise CorpusError(path, 1, f"expected vectors that fit into memory, found {count} x {dimension}; "
                                       "set features.words.vectors.limit") from None
        if limit == count and file.read(2).strip(b"\n"):
            raise CorpusError(path, None, f"expected the end after {count} words of {dimension} numbers, "
                                          "found more; a text file must not be named .bin")
    return usable(path, words, matrix)


def _word(path: Path, file: BinaryIO) -> bytes:
    """The bytes up to a space.

    Raises
    ------
    CorpusError : the word is longer than ``LONGEST_WORD``.
    """
    word = b"".join(islice(iter(lambda: file.read(1).replace(b" ", b""), b""), LONGEST_WORD + 1)).lstrip(b"\n")
    if len(word) > LONGEST_WORD:
        raise CorpusError(path, None, f"expected words of at most {LONGEST_WORD:,} bytes, found a longer one; is it "
                                      "another format?")
    return word
