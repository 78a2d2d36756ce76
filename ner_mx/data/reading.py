"""From a configuration to the sentences of a file, in whichever format it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.sentence import Reading
from ner_mx.errors import CorpusError
from ner_mx.registry import register

# Formats that want a part of speech write one of these if there is none.
NO_POS = ("_", "")


def format_named(name: str) -> Format:
    """The format of this name.

    Raises
    ------
    ConfigError : there is no such format.
    """
    chosen: Format = register.format[name]()
    return chosen


def format_of(settings: Corpus) -> Format:
    """The format in which a corpus is read."""
    return format_named(settings.reader)


def formats_by_suffix() -> Dict[str, str]:
    """The names of the formats by the suffixes of their files; ``""`` is that of a folder."""
    return {suffix: name for name in register.format.names() for suffix in register.format[name].suffixes}


def read(path: Path, settings: Corpus) -> Reading:
    """Read one split of a corpus in the format that the settings name.

    A column of placeholders for parts of speech counts as no column.

    Raises
    ------
    CorpusError : the file is not what the format expects.
    """
    reading = format_of(settings).read(path, settings)
    if all(pos in NO_POS for sentence in reading.sentences for pos in sentence.pos or ()):
        return reading._replace(sentences=[sentence._replace(pos=None) for sentence in reading.sentences])
    return reading


def locate(settings: Corpus, names: Any) -> Optional[Path]:
    """The path of one split: ``corpus.path`` itself if it is a file, else the first of the names in it.

    Parameters
    ----------
    names : a name, a list of names of which the first that exists counts, or None.

    Raises
    ------
    CorpusError : none of the names exists.
    """
    root = Path(settings.path)
    if names is None:
        return None
    reader = format_of(settings)
    if root.is_file() or (not root.exists() and reader.exists(root)):
        return root
    if not root.exists():
        raise CorpusError(root, None, "expected a corpus, found nothing; set corpus.path")
    candidates: List[str] = [names] if isinstance(names, str) else names
    for name in candidates:
        if reader.exists(root / name):
            return root / name
    raise CorpusError(root, None, f"expected {' or '.join(candidates)} in this folder, found nothing of that "
                                  "name; set corpus.path or the names under corpus")
