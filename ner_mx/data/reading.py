"""From a configuration to the sentences of a file, in whichever format it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional

from ner_mx.config import Corpus
from ner_mx.data.cleaning import cleaned
from ner_mx.data.detection import AUTO, format_of
from ner_mx.data.sentence import Reading
from ner_mx.errors import CorpusError
from ner_mx.untyped import ReadOnlyValues

# Formats that want a part of speech write one of these if there is none.
NO_POS = ("_", "")


def read(path: Path, settings: Corpus) -> Reading:
    """Read one split of a corpus in the format that the settings name, or in that of its content.

    White space and invisible characters at the edges of tokens and tags are removed.  A
    column of placeholders for parts of speech counts as no column.

    Raises
    ------
    CorpusError : the file is not what the format expects.
    """
    chosen = format_of(path, settings)
    reading = cleaned(chosen.read(path, settings))
    if settings.reader == AUTO:
        reading = reading._replace(proposed={"reader": chosen.name, **reading.proposed})
    if all(pos in NO_POS for sentence in reading.sentences for pos in sentence.pos or ()):
        return reading._replace(sentences=[sentence._replace(pos=None) for sentence in reading.sentences])
    return reading


def with_proposed(settings: Corpus, proposed: ReadOnlyValues, path: Path) -> Corpus:
    """The settings with those that were found in another file of the corpus, if this one is of its format.

    The columns of a small file are then those of the large one, which says more of them.
    """
    if not proposed or (settings.reader == AUTO and format_of(path, settings).name != proposed["reader"]):
        return settings
    columns = {key.partition(".")[2]: value for key, value in proposed.items() if key.startswith("columns.")}
    others = {key: value for key, value in proposed.items() if "." not in key}
    return settings.model_copy(update={**others, "columns": settings.columns.model_copy(update=columns)})


def shown_settings(proposed: ReadOnlyValues) -> str:
    """Proposed settings for people: ``reader=conll, columns.token=0``."""
    return ", ".join(f"{key}={'null' if value is None else value}" for key, value in proposed.items())


def locate(settings: Corpus, names: Any) -> Optional[Path]:
    """The path of one split: ``corpus.path`` itself if it is the corpus, else the first of the names in it.

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
    if is_single(settings):
        return root
    if not root.exists():
        raise CorpusError(root, None, "expected a corpus, found nothing; set corpus.path")
    candidates: List[str] = [names] if isinstance(names, str) else names
    for name in candidates:
        if format_of(root / name, settings).exists(root / name):
            return root / name
    raise CorpusError(root, None, f"expected {' or '.join(candidates)} in this folder, found nothing of that "
                                  "name; set corpus.path or the names under corpus")


def is_single(settings: Corpus) -> bool:
    """Whether ``corpus.path`` is one corpus to be split, and not a folder with a file for each split."""
    root = Path(settings.path)
    if not root.is_dir():
        return root.is_file() or format_of(root, settings).exists(root)
    names = [name for key in (settings.train, settings.dev, settings.test) if key
             for name in ([key] if isinstance(key, str) else key)]
    return not any((root / name).exists() for name in names) and format_of(root, settings).recognizes(root, "")
