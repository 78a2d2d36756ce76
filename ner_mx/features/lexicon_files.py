"""Files of known names to lexicons: the paper's SENNA lists, plain text, CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ner_mx.config import Features, LexiconSource
from ner_mx.corpora.digits import cut
from ner_mx.corpora.text import read_lines, read_text
from ner_mx.errors import CorpusError, RunError, shown
from ner_mx.features.lexicon import Lexicon
from ner_mx.features.words import fold_digits

# The names of the category of which a single token may be matched partially (the paper, on lexicons).
PERSON = ("PER", "PERS", "PERSON")


class Category(NamedTuple):
    """One lexicon feature: the entries of one category of one source."""

    source: str
    category: str
    lexicon: Lexicon


def read_lexicons(features: Features, split_digits: bool = False) -> List[Category]:
    """Read every source that the configuration names, category by category.

    ``split_digits`` cuts the entries as ``corpus.split_digits`` cuts the sentences: else none of them
    that holds a digit would match.

    Raises
    ------
    CorpusError : a file is missing, is in another encoding, or a category is empty.
    """
    result = []
    for name, source in features.lexicons.items():
        for category, entries in _entries(name, source).items():
            result.append(Category(name, category, Lexicon.of(
                (known_form(cut(entry) if split_digits else entry, features) for entry in entries),
                source.partial, single=category.upper() in PERSON)))
    return result


def known_form(words: Sequence[str], features: Features) -> List[str]:
    """Words as lexicons and sentences meet: in lower case, digits folded as everywhere else."""
    return [fold_digits(word, features.digits).lower() for word in words]


def _entries(name: str, source: LexiconSource) -> Dict[str, List[List[str]]]:
    path, settings = Path(source.path), f"features.lexicons.{name}"
    if path.is_file():
        return _csv(read_text(path, source.encoding, settings, "entries and categories"), path)
    result = {}
    for category, file in source.files.items():
        lines = read_lines(path / file, source.encoding, settings, f"entries of {category}")
        result[category] = [line.split() for line in lines if line.strip()]
    return result


def _csv(text: str, path: Path) -> Dict[str, List[List[str]]]:
    """A CSV with the columns entry and category; ``path`` stands in errors."""
    reader = csv.reader(io.StringIO(text, newline=""))
    result: Dict[str, List[List[str]]] = {}
    try:
        header = next(reader, ["nothing"])
        if not {"entry", "category"} <= set(header):
            raise CorpusError(path, 1, f"expected the columns entry and category, found "
                                       f"{shown(', '.join(header))}")
        entry, category = header.index("entry"), header.index("category")
        for row in reader:
            if len(row) != len(header):
                raise CorpusError(path, reader.line_num, f"expected {len(header)} fields, found {len(row)}")
            if not row[entry].strip() or not row[category].strip():
                raise CorpusError(path, reader.line_num, f"expected an entry and its category, found "
                                                         f"{shown(', '.join(row))}; fill or drop the line")
            result.setdefault(row[category].strip(), []).append(row[entry].split())
    except csv.Error as error:
        raise CorpusError(path, reader.line_num, f"expected a CSV, found: {error}") from None
    if not result:
        raise CorpusError(path, None, "expected entries, found none")
    return result


def to_arrays(lexicons: Sequence[Category]) -> Dict[str, np.ndarray]:
    """Lexicons as named arrays, to be kept with a corpus or a network."""
    arrays = {}
    for number, (source, category, lexicon) in enumerate(lexicons):
        arrays[f"{number} name"] = np.array([source, category])
        arrays[f"{number} longest"] = np.array(lexicon.longest)
        for part in ("exact", "prefixes", "suffixes"):
            arrays[f"{number} {part}"] = getattr(lexicon, part)
    return arrays


def from_arrays(arrays: Dict[str, np.ndarray]) -> List[Category]:
    """The reverse of :func:`to_arrays`.

    Raises
    ------
    RunError : the arrays are others.
    """
    result = []
    try:
        while f"{len(result)} name" in arrays:
            number = len(result)
            source, category = arrays[f"{number} name"].tolist()
            parts: Tuple[np.ndarray, ...] = tuple(
                arrays[f"{number} {part}"] for part in ("exact", "prefixes", "suffixes"))
            result.append(Category(source, category, Lexicon(*parts, int(arrays[f"{number} longest"]))))
    except (KeyError, ValueError) as error:
        raise RunError(f"expected the arrays of lexicons, found others ({error}); preprocess again") from None
    return result
