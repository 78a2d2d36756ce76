"""What is often found in the place of a file of word vectors."""

from __future__ import annotations

import codecs
from pathlib import Path

from ner_mx.data.compression import opened
from ner_mx.errors import CorpusError

# What else a file may begin with, and what to do about it.
KINDS = (
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself with git lfs pull"),
    (b"PK\x03\x04", "a zip archive; unpack it"),
    (b"\x93NUMPY", "a numpy array; name it .npy, and set features.words.vectors.words to the file of its words"),
    (b"<!DOCTYPE", "a page of HTML; download the file itself"), (b"<html", "a page of HTML; download the file itself"),
    (codecs.BOM_UTF16_LE, "UTF-16; convert it to UTF-8"), (codecs.BOM_UTF16_BE, "UTF-16; convert it to UTF-8"),
    (b"\x89HDF", "an HDF5 file; export its vectors as text"), (b"\x80\x02", "a pickle, which is not read; export its "
                                                                             "vectors as text"),
    (b"\x80\x04", "a pickle, which is not read; export its vectors as text"))


def check_kind(path: Path) -> None:
    """Check that a file is not something else that is often found in the place of vectors.

    Raises
    ------
    CorpusError
    """
    if len(path.suffixes) > 1 and path.suffixes[-2] == ".tar" or path.suffix in (".tar", ".tgz", ".zip", ".7z"):
        raise CorpusError(path, None, "expected vectors, found an archive; unpack it")
    with opened(path) as (stream, _):
        beginning = stream.read(512)
    for start, found in KINDS:
        if beginning.lstrip()[:len(start)].lower() == start.lower():
            raise CorpusError(path, None, f"expected vectors, found {found}")
    if beginning[257:262] == b"ustar":
        raise CorpusError(path, None, "expected vectors, found a tar archive; unpack it")
