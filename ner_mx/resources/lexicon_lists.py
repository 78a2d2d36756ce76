"""Read lexicons from files of known names: lists such as SENNA's, or a CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Dict, List, Literal, Mapping, NamedTuple, Sequence

import numpy as np

from ner_mx.config import INPUT, Section
from ner_mx.data.normalization import normal_form
from ner_mx.data.pieces import DigitPieces
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.data.text_files import read_lines, read_text
from ner_mx.data.tokenizers.rules import Rules
from ner_mx.errors import CorpusError, RunError, shown
from ner_mx.resources.lexicon_matching import MAX_WORDS, Lexicon

# The names of the category in which a partial match may be a single token (the paper, section 2.3.3).
PERSON = ("PER", "PERS", "PERSON")


class LexiconSource(Section):
    """A source of known names: a folder with a list for each category, or a CSV.

    partial : match prefixes and suffixes of entries, too.
    positions : whether features are BIOES positions, or only say that a token matches.
    """

    path: Annotated[str, INPUT]
    files: Dict[str, str] = {"PER": "ner.per.lst", "ORG": "ner.org.lst", "LOC": "ner.loc.lst",
                             "MISC": "ner.misc.lst"}
    encoding: str = "utf-8"
    partial: bool = False
    positions: Literal["bioes", "yes-no"] = "bioes"

    def input_files(self, name: str) -> Dict[str, Path]:
        """The files of the source by a name that tells them from those of other sources."""
        path = Path(self.path)
        files = [path] if path.is_file() else [path / file for file in self.files.values()]
        return {f"{name}/{file.name}": file for file in files}


class Category(NamedTuple):
    """The entries of one category of one source."""

    source: str
    category: str
    lexicon: Lexicon


class ReadLexicons(NamedTuple):
    """What is read.  warnings : counts of skipped entries by reason."""

    categories: List[Category]
    warnings: Warnings


TOKENIZER = Rules()
# Tokens that only a tokenizer separates from the word before them.
SIGNS = frozenset([",", ".", "!", "?", ":", ";", "'s", "'", ")", "''"])


def read_lexicons(sources: Mapping[str, LexiconSource], digits: str,
                  split_digits: bool = False) -> ReadLexicons:
    """Read every source, category by category; entries of more than ``MAX_WORDS`` words are no names and are skipped.

    Parameters
    ----------
    sources : by name.
    digits : how digits are folded, see :func:`~ner_mx.data.normalization.fold_digits`.
    split_digits : split entries at digits, as ``corpus.split_digits`` splits the sentences;
        entries with digits would not match otherwise.

    Raises
    ------
    CorpusError : a file is missing or in another encoding, or a category is empty.
    """
    result: List[Category] = []
    warnings = no_warnings()
    for name, source in sources.items():
        for category, entries in _entries(name, source).items():
            names = _tokenized(_short(entries, warnings, f"{name} {category}"))
            if split_digits:
                names = _short(list(map(DigitPieces().split, names)), warnings, f"{name} {category}")
            forms = [lookup_form(words, digits) for words in names]
            result.append(Category(name, category, Lexicon.of(forms, source.partial,
                                                              single=category.upper() in PERSON)))
    return ReadLexicons(result, warnings)


def _short(entries: List[List[str]], warnings: Warnings, category: str) -> List[List[str]]:
    """The entries that may be names; longer ones are counted."""
    short = [entry for entry in entries if len(entry) <= MAX_WORDS]
    if len(short) < len(entries):
        warnings[f"entries of {category} with more than {MAX_WORDS} words; they are skipped"] += (
            len(entries) - len(short))
    return short


def _tokenized(entries: List[List[str]]) -> List[List[str]]:
    """Entries as they are written, and as sentences are tokenized where that differs: ``Yahoo!`` is two tokens.

    A list in which a sign or an ending stands by itself is tokenized already.
    """
    if any(word in SIGNS for entry in entries for word in entry):
        return entries
    tokenized = [[token.text for token in TOKENIZER.tokens(" ".join(entry))] for entry in entries]
    return [*entries, *(tokens for entry, tokens in zip(entries, tokenized)
                        if tokens != entry and len(tokens) <= MAX_WORDS)]


def lookup_form(words: Sequence[str], digits: str) -> List[str]:
    """Words in the form in which lexicons and sentences are compared: lower case, digits folded."""
    return [normal_form(word, digits, lower=True) for word in words]


def _entries(name: str, source: LexiconSource) -> Dict[str, List[List[str]]]:
    """The entries of a source as sequences of words, by category."""
    path, settings = Path(source.path), f"features.lexicons.sources.{name}"
    if path.is_file():
        return _parse_csv(read_text(path, source.encoding, settings, "entries and categories"), path)
    result = {}
    for category, file in source.files.items():
        lines = read_lines(path / file, source.encoding, settings, f"entries of {category}")
        result[category] = [line.split() for line in lines if line.strip()]
    return result


def _parse_csv(text: str, path: Path) -> Dict[str, List[List[str]]]:
    """The entries of a CSV with the columns entry and category, by category.

    Raises
    ------
    CorpusError : a line is not as expected, or there are no entries.
    """
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
                                                         f"{shown(', '.join(row))}; complete or remove the line")
            result.setdefault(row[category].strip(), []).append(row[entry].split())
    except csv.Error as error:
        raise CorpusError(path, reader.line_num, f"expected a CSV, found: {error}") from None
    if not result:
        raise CorpusError(path, None, "expected entries, found nothing")
    return result


def lexicon_arrays(lexicons: Sequence[Category]) -> Dict[str, np.ndarray]:
    """Lexicons as named arrays, to be stored with a corpus or a model."""
    arrays: Dict[str, np.ndarray] = {}
    for number, (source, category, lexicon) in enumerate(lexicons):
        arrays[f"{number} name"] = np.array([source, category])
        arrays[f"{number} longest"] = np.array(lexicon.longest)
        for name in ("exact", "prefixes", "suffixes"):
            arrays[f"{number} {name}"] = getattr(lexicon, name)
    return arrays


def lexicons_from_arrays(arrays: Mapping[str, np.ndarray]) -> List[Category]:
    """The reverse of :func:`lexicon_arrays`.

    Raises
    ------
    RunError : the arrays are not those of lexicons.
    """
    result: List[Category] = []
    try:
        while f"{len(result)} name" in arrays:
            number = len(result)
            source, category = arrays[f"{number} name"].tolist()
            result.append(Category(source, category, Lexicon.restored(
                *(arrays[f"{number} {name}"] for name in ("exact", "prefixes", "suffixes", "longest")))))
    except (KeyError, ValueError, TypeError) as error:
        raise RunError(f"expected the arrays of lexicons, found something else ({error}); preprocess again") from None
    return result
