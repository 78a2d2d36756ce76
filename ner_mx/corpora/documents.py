"""The names of documents, from a list beside the corpus: genre-wise results hang on them.

OntoNotes in columns marks where documents begin, but not which they are; a
second file lists their names, such as ``bc/cnn/00/cnn_0000``.
"""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

from ner_mx.config import Documents
from ner_mx.corpora.sentence import Reading
from ner_mx.corpora.text import read_lines
from ner_mx.errors import CorpusError

AUTO = "auto"


def with_titles(reading: Reading, path: Path, settings: Documents, encoding: str) -> Reading:
    """Give the sentences of one part the names of their documents.

    Where ``settings.names`` is ``auto``, the list is looked for: a file beside
    the part's whose name begins like its own, with as many names as there are
    documents.  None found is a warning, since everything but genres works.

    Raises
    ------
    CorpusError : the list that is named is not there, or has more or fewer
        names than there are documents.
    """
    if settings.names is None:
        return reading
    documents = list(dict.fromkeys(sentence.document for sentence in reading.sentences))
    warnings = reading.warnings.copy()
    if settings.names == AUTO:
        titles = _found(path, len(documents))
        if titles is None:
            kept = (f", and what corpus.documents.leave_out names ({', '.join(settings.leave_out)}) stays in"
                    if settings.leave_out else "")
            warnings[f"parts without a list of their documents' names (a file beside {path.name} whose name "
                     f"begins with {path.stem}); they have no genres{kept}"] += 1
            return Reading(reading.sentences, warnings)
    else:
        place = path.with_name(settings.names.replace("{stem}", path.stem).replace("{name}", path.name))
        titles = _names(place, encoding)
        if len(titles) != len(documents):
            raise CorpusError(place, None, f"expected the names of {len(documents)} documents as in "
                                           f"{path.name}, found {len(titles)}")
    title = dict(zip(documents, titles))
    sentences = [sentence._replace(title=title[sentence.document]) for sentence in reading.sentences]
    kept = [sentence for sentence in sentences if not sentence.title.startswith(tuple(settings.leave_out))]
    if len(kept) < len(sentences):
        warnings[f"sentences of documents that corpus.documents.leave_out names "
                 f"({', '.join(settings.leave_out)})"] += len(sentences) - len(kept)
    return Reading(kept, warnings)


def genre(title: str) -> str:
    """The first part of a document's name.

    >>> genre("bc/cnn/00/cnn_0000")
    'bc'
    """
    return title.partition("/")[0]


def _names(path: Path, encoding: str) -> List[str]:
    return [line.strip() for line in read_lines(path, encoding) if line.strip()]


def _found(path: Path, count: int) -> Optional[List[str]]:
    """The names in the first file beside ``path`` that can only be its list."""
    for place in sorted(path.parent.iterdir()):
        if place.name.startswith(path.stem) and place != path and place.is_file():
            try:
                names = _names(place, "utf-8")
            except CorpusError:
                continue
            if len(names) == count and not any(len(name.split()) > 1 for name in names):
                return names
    return None
