"""Word vectors from a file of any layout."""

from __future__ import annotations

from pathlib import Path

from ner_mx.data.compression import content_suffix
from ner_mx.errors import CorpusError
from ner_mx.resources.vectors.binary import read_binary
from ner_mx.resources.vectors.kinds import check_kind
from ner_mx.resources.vectors.pairs import read_matrix, read_senna
from ner_mx.resources.vectors.settings import VectorSettings, WordVectors
from ner_mx.resources.vectors.text import read_text_vectors


def read_vectors(settings: VectorSettings) -> WordVectors:
    """Read vectors in the layout that the path implies.

    A folder is SENNA's, see :func:`~ner_mx.resources.vectors.settings.senna_files`.  A name that ends in ``.npy``
    is a matrix, whose words are in ``settings.words``; one that ends in ``.bin`` is
    word2vec's binary format.  Anything else is text.  Text and binary may be
    compressed (.gz, .bz2, .xz, .zst).

    Raises
    ------
    CorpusError : the file is missing, cannot be read, is in another encoding,
        is truncated, or has no usable line.
    UserError : a library that the file needs is not installed.
    """
    path = Path(str(settings.path))
    if not path.exists():
        raise CorpusError(path, None, "expected a file or folder of vectors, found nothing; "
                                      "set features.words.vectors.path")
    if path.is_dir():
        return read_senna(path, settings)
    if path.suffix.lower() == ".npy":
        return read_matrix(path, settings)
    check_kind(path)
    if content_suffix(path) == ".bin":
        return read_binary(path, settings)
    return read_text_vectors(path, settings)
