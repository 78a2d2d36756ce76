"""The table of readers, and the way from a configuration to sentences.

To add a format, write ``read(path, settings) -> Reading`` in a file of its own
and add a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, Optional, Union

from ner_mx.config import Corpus
from ner_mx.corpora.arrays import read_npy
from ner_mx.corpora.brat import read_brat
from ner_mx.corpora.conll import read_conll
from ner_mx.corpora.docbin import read_docbin
from ner_mx.corpora.doccano import read_doccano
from ner_mx.corpora.gmb import read_gmb
from ner_mx.corpora.sentence import Reading
from ner_mx.corpora.un import read_un
from ner_mx.errors import ConfigError, CorpusError

READERS: Dict[str, Callable[[Path, Corpus], Reading]] = {
    "conll": read_conll,
    "gmb": read_gmb,
    "un": read_un,
    "doccano": read_doccano,
    "npy": read_npy,
    "brat": read_brat,
    "spacy": read_docbin,
}


# What stands in the place of a part of speech where a format wants one and there is none.
NO_POS = ("_", "")


def read(path: Path, settings: Corpus) -> Reading:
    """Read one part of a corpus with the reader that the settings name.

    A column of parts of speech that holds none is no column.

    Raises
    ------
    ConfigError : there is no such reader.
    CorpusError : the file is not what the reader expects.
    """
    if settings.reader not in READERS:
        raise ConfigError(f"corpus.reader: expected one of {', '.join(READERS)}, "
                          f"found {settings.reader!r}")
    reading = READERS[settings.reader](path, settings)
    if all(part in NO_POS for sentence in reading.sentences for part in sentence.pos or ()):
        return reading._replace(sentences=[one._replace(pos=None) for one in reading.sentences])
    return reading


def locate(settings: Corpus, names: Optional[Union[str, List[str]]]) -> Optional[Path]:
    """The path of one part: ``corpus.path`` itself if it is a file, else the first name in it.

    Raises
    ------
    CorpusError : none of the names is there.
    """
    root = Path(settings.path)
    if names is None:
        return None
    if root.is_file() or _is_pair(root):
        return root
    if not root.exists():
        raise CorpusError(root, None, "expected a corpus, found nothing; set corpus.path")
    candidates = [names] if isinstance(names, str) else names
    for name in candidates:
        path = root / name
        if is_there(path):
            return path
    raise CorpusError(root, None, f"expected {' or '.join(candidates)} in this folder, found none; "
                                  "set corpus.path or the names under corpus")


def is_there(path: Path) -> bool:
    """Whether there is something to read: a file, a folder, or a pair of arrays that share the name."""
    return path.exists() or _is_pair(path)


def _is_pair(path: Path) -> bool:
    """Whether ``path`` is what the names of a pair of arrays share."""
    return bool(path.name) and path.with_name(f"{path.name}.texts.npy").exists()
