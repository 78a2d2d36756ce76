"""The names of documents, from a file beside the corpus; results by genre need them.

OntoNotes in columns marks where documents begin, but does not name them; a
second file lists their names, such as ``bc/cnn/00/cnn_0000``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional

from ner_mx.config import Documents
from ner_mx.data.sentence import Reading
from ner_mx.data.text_files import read_lines
from ner_mx.errors import CorpusError

AUTO = "auto"


def with_titles(reading: Reading, path: Path, settings: Documents, encoding: str) -> Reading:
    """Give the sentences of one split the names of their documents.

    If ``settings.names`` is ``auto``, the list is a file beside the split's whose
    name begins with the same stem and whose lines are names.  If there is no
    such file, a warning says so, since everything but genres works.

    Raises
    ------
    CorpusError : the named list does not exist, or has another number of names
        than there are documents.
    """
    if settings.names is None:
        return reading
    warnings = reading.warnings.copy()
    numbers = list(dict.fromkeys(sentence.document for sentence in reading.sentences))
    lists = name_lists(path, settings, encoding)
    if settings.names == AUTO:
        if not lists:
            kept = (f", and the documents of corpus.documents.leave_out ({', '.join(settings.leave_out)}) are kept"
                    if settings.leave_out else "")
            warnings[f"splits without a list of document names (a file beside {path.name} whose name "
                     f"begins with {path.stem}); they have no genres{kept}"] += 1
            return reading._replace(warnings=warnings)
        place = next((place for place in lists if _titles(numbers, _names(place, encoding))), lists[0])
    else:
        place = lists[0]
    names = _names(place, encoding)
    title = _titles(numbers, names)
    if title is None:
        raise CorpusError(place, None, f"expected the names of {len(numbers)} documents as in {path.name}, "
                                       f"found {len(names)}; correct the list, or set corpus.documents.names")
    sentences = [sentence._replace(title=title[sentence.document]) for sentence in reading.sentences]
    left = [sentence for sentence in sentences if not sentence.title.startswith(tuple(settings.leave_out))]
    if len(left) < len(sentences):
        warnings[f"sentences left out, of the documents of corpus.documents.leave_out "
                 f"({', '.join(settings.leave_out)})"] += len(sentences) - len(left)
    return reading._replace(sentences=left, warnings=warnings)


def name_lists(path: Path, settings: Documents, encoding: str) -> List[Path]:
    """The files that may list the document names of one split; a file that is named need not exist."""
    if settings.names is None:
        return []
    if settings.names == AUTO:
        return _lists_beside(path, encoding)
    return [path.with_name(settings.names.replace("{stem}", path.stem).replace("{name}", path.name))]


def genre(title: str) -> str:
    """The genre: the first component of a document's name.

    >>> genre("bc/cnn/00/cnn_0000")
    'bc'
    """
    return title.partition("/")[0]


def _titles(numbers: List[int], names: List[str]) -> Optional[Dict[int, str]]:
    """The name of each document by its number; None if the numbers of names and documents differ.

    A document without sentences may have a name, too.
    """
    for counted in (numbers, range(min(numbers), max(numbers) + 1)):
        if len(names) == len(counted):
            return dict(zip(counted, names))
    return None


def _names(path: Path, encoding: str) -> List[str]:
    """The names in a list, in order."""
    return [line.strip() for line in read_lines(path, encoding, "corpus", "names") if line.strip()]


def _lists_beside(path: Path, encoding: str) -> List[Path]:
    """The files that may be the list of a split: ``STEM.documents``, or else every file of names with a genre."""
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
