"""What a file of word vectors is read with, and what is read from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
from pydantic import Field, model_validator

from ner_mx.config import INPUT, Section
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.errors import CorpusError

NOT_FINITE, DUPLICATED, EMPTY = "words with a number that is not finite", "duplicated words", "empty words"


class VectorSettings(Section):
    """How pretrained word vectors are read.

    path : GloVe's text, word2vec's text or ``.bin``, a matrix as ``.npy``, or the folder of SENNA's two files.
    words : the words of a ``.npy`` file, one per row of the matrix: lines of text, or a Parquet file.
    encoding : of the words.
    limit : the maximum number of words to read, from the beginning of the file.
    scale : rescale the vectors to this standard deviation.
    """

    path: Annotated[Optional[str], INPUT] = None
    words: Annotated[Optional[str], INPUT] = None
    encoding: str = "utf-8"
    limit: Optional[int] = Field(None, ge=1)
    scale: Optional[float] = Field(None, gt=0)

    @model_validator(mode="after")
    def _words_belong_to_a_matrix(self) -> VectorSettings:
        if self.words is not None and self.path is not None and not self.path.lower().endswith(".npy"):
            raise ValueError("words are of a matrix: set path to a .npy file")
        return self

    def input_files(self, name: str) -> Dict[str, Path]:
        """One file, or two: words and numbers."""
        if self.path is None:
            return {}
        path = Path(self.path)
        files = [*(senna_files(path) if path.is_dir() else [path]), *([Path(self.words)] if self.words else [])]
        return {file.name: file for file in files}


def senna_files(folder: Path) -> Tuple[Path, Path]:
    """The files of SENNA's words and of their vectors: in the folders as published, or in ``folder`` itself."""
    words, vectors = folder / "hash" / "words.lst", folder / "embeddings" / "embeddings.txt"
    return (words, vectors) if words.is_file() else (folder / "words.lst", folder / "embeddings.txt")


class WordVectors(NamedTuple):
    """words : in the order of the file, without duplicates.  matrix : (words, dimension) float32.

    warnings : counts of skipped lines by reason.
    """

    words: List[str]
    matrix: np.ndarray
    warnings: Warnings


def usable(path: Path, words: List[str], matrix: np.ndarray) -> WordVectors:
    """Vectors without empty words, duplicates and rows with numbers that are not finite.

    Raises
    ------
    CorpusError : no word is left.
    """
    warnings = no_warnings()
    seen = {""}
    # The largest and the smallest number of a row are enough, and need no second matrix.
    finite = (np.isfinite(matrix.max(axis=1)) & np.isfinite(matrix.min(axis=1)) if matrix.size
              else np.zeros(len(words), bool))
    keep = []
    for row, word in enumerate(words):
        if not finite[row]:
            warnings[NOT_FINITE] += 1
        elif word in seen:
            warnings[DUPLICATED if word else EMPTY] += 1
        else:
            seen.add(word)
            keep.append(row)
    if not keep:
        raise CorpusError(path, None, "expected words with finite numbers, found nothing")
    if len(keep) == len(words):
        return WordVectors(words, matrix, warnings)
    return WordVectors([words[row] for row in keep], matrix[keep], warnings)
