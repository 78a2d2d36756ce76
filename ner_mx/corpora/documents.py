"""The names of documents, from a list beside the corpus: genre-wise results hang on them.

OntoNotes in columns marks where documents begin, but not which they are; a
second file lists their names, such as ``bc/cnn/00/cnn_0000``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional

from ner_mx.config import Documents
from ner_mx.corpora.sentence import Reading
from ner_mx.corpora.text import read_lines
from ner_mx.errors import CorpusError

AUTO = "auto"


def with_titles(reading: Reading, path: Path, settings: Documents, encoding: str) -> Reading:
    """Give the sentences of one part the names of their documents.

    Where ``settings.names`` is ``auto``, the list is looked for: a file beside
    the part's whose name begins like its own and whose lines are names.  None
    found is a warning, since everything but genres works.

    Raises
    ------
    CorpusError : the list that is named is not there, or the list has more or
        fewer names than there are documents.
    """
    if settings.names is None:
        return reading
    warnings = reading.warnings.copy()
    numbers = list(dict.fromkeys(sentence.document for sentence in reading.sentences))
    lists = name_lists(path, settings, encoding)
    if settings.names == AUTO:
        if not lists:
            kept = (f", and what corpus.documents.leave_out names ({', '.join(settings.leave_out)}) stays in"
                    if settings.leave_out else "")
            warnings[f"parts without a list of their documents' names (a file beside {path.name} whose name "
                     f"begins with {path.stem}); they have no genres{kept}"] += 1
            return Reading(reading.sentences, warnings)
        place = next((place for place in lists if _titles(numbers, _names(place, encoding))), lists[0])
    else:
        place = lists[0]
    names = _names(place, encoding)
    title = _titles(numbers, names)
    if title is None:
        raise CorpusError(place, None, f"expected the names of {len(numbers)} documents as in {path.name}, "
                                       f"found {len(names)}; mend the list, or set corpus.documents.names")
    sentences = [sentence._replace(title=title[sentence.document]) for sentence in reading.sentences]
    kept = [sentence for sentence in sentences if not sentence.title.startswith(tuple(settings.leave_out))]
    if len(kept) < len(sentences):
        warnings[f"sentences of documents that corpus.documents.leave_out names "
                 f"({', '.join(settings.leave_out)})"] += len(sentences) - len(kept)
    return Reading(kept, warnings)


def name_lists(path: Path, settings: Documents, encoding: str) -> List[Path]:
    """The files that may list the documents' names of one part; the one that is named need not be there."""
    if settings.names is None:
        return []
    if settings.names == AUTO:
        return _lists_beside(path, encoding)
    return [path.with_name(settings.names.replace("{stem}", path.stem).replace("{name}", path.name))]


def genre(title: str) -> str:
    """The first part of a document's name.

    >>> genre("bc/cnn/00/cnn_0000")
    'bc'
    """
    return title.partition("/")[0]


def _titles(numbers: List[int], names: List[str]) -> Optional[Dict[int, str]]:
    """The name of each document by its number; None if there are more or fewer names than documents.

    A document without a sentence, which has a number and nothing else, may have a name, too.
    """
    for counted in (numbers, range(min(numbers), max(numbers) + 1)):
        if len(names) == len(counted):
            return dict(zip(counted, names))
    return None


def _names(path: Path, encoding: str) -> List[str]:
    return [line.strip() for line in read_lines(path, encoding, "corpus", "names") if line.strip()]


def _lists_beside(path: Path, encoding: str) -> List[Path]:
    """The files that may be the list of a part: ``STEM.documents``, or else all of names with a genre."""
    conventional = path.with_name(f"{path.stem}.documents")
    if conventional.is_file():
        return [conventional]
    return [place for place in sorted(path.parent.iterdir())
            if place.name.startswith(path.stem) and place != path and _is_list(place, encoding)]


def _is_list(place: Path, encoding: str) -> bool:
    try:
        return all("/" in name and len(name.split()) == 1 for name in _names(place, encoding))
    except CorpusError:
        return False
