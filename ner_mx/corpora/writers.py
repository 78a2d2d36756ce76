"""The table of writers, and the way from one format to another.

To add a format, write ``write(sentences, path) -> Counter`` of warnings and add a row.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from ner_mx.config import Corpus
from ner_mx.corpora.annotation import annotated
from ner_mx.corpora.brat import write_brat
from ner_mx.corpora.conll import DOCUMENT_MARKER, in_column, without_blanks
from ner_mx.corpora.docbin import write_docbin
from ner_mx.corpora.doccano import write_doccano
from ner_mx.corpora.offsets import documents
from ner_mx.corpora.readers import READERS, is_there, read
from ner_mx.corpora.schemes import convert as convert_tags
from ner_mx.corpora.sentence import Sentence
from ner_mx.corpora.spans import spans_of
from ner_mx.errors import ConfigError, CorpusError, RunError, UserError
from ner_mx.files import replacing, write_text

BLANKS = "tokens with blanks inside, which became underscores"
MARKERS = f"tokens {DOCUMENT_MARKER}, which would part documents and got an underscore"
MERGED = "entities that follow one of their type at once, from which {} does not tell them apart"


def write_conll(sentences: Sequence[Sentence], path: Path) -> Counter:
    """Write a token a line: word, part of speech (``_`` where there is none), tag."""
    warnings: Counter = Counter()
    lines: List[str] = []
    for document in documents(sentences):
        lines += [f"{DOCUMENT_MARKER} _ O", ""]
        for sentence in document:
            pos = sentence.pos or ("_",) * len(sentence.tokens)
            for token, part, tag in zip(sentence.tokens, pos, sentence.tags or ("O",) * len(pos)):
                word = in_column(token)
                warnings[MARKERS if token == DOCUMENT_MARKER else BLANKS] += word != token
                lines.append(f"{word} {without_blanks(part)} {tag}")
            lines.append("")
    write_text(path, "\n".join(lines) + "\n")
    return +warnings


def write_gmb(sentences: Sequence[Sentence], path: Path) -> Counter:
    """Write the columns of the Kaggle corpus, in UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("Sentence #", "Word", "POS", "Tag"))
    for number, sentence in enumerate(sentences, start=1):
        pos = sentence.pos or ("",) * len(sentence.tokens)
        tags = sentence.tags or ("O",) * len(pos)
        for place, row in enumerate(zip(sentence.tokens, pos, tags)):
            writer.writerow((f"Sentence: {number}" if place == 0 else "", *row))
    write_text(path, buffer.getvalue())
    return Counter()


def write_npy(sentences: Sequence[Sentence], path: Path) -> Counter:
    """Write ``NAME.texts.npy`` and ``NAME.labels.npy``: a sentence an element, tokens parted by blanks."""
    warnings: Counter = Counter()
    texts = []
    for sentence in sentences:
        words = [without_blanks(token) for token in sentence.tokens]
        warnings[BLANKS] += sum(word != token for word, token in zip(words, sentence.tokens))
        texts.append(" ".join(words))
    labels = [" ".join(sentence.tags or ("O",) * len(sentence.tokens)) for sentence in sentences]
    # Both are complete before either takes its name: one alone would not fit an earlier other.
    with replacing(_array(path, "texts")) as new_texts, replacing(_array(path, "labels")) as new_labels:
        for values, temporary in ((texts, new_texts), (labels, new_labels)):
            with open(temporary, "wb") as file:
                np.save(file, np.array(values, dtype=np.str_), allow_pickle=False)
    return +warnings


def _array(path: Path, part: str) -> Path:
    return path.with_name(f"{path.name}.{part}.npy")


WRITERS: Dict[str, Callable[[Sequence[Sentence], Path], Counter]] = {
    "conll": write_conll, "gmb": write_gmb, "doccano": write_doccano, "brat": write_brat,
    "spacy": write_docbin, "npy": write_npy}
SUFFIXES = {".conll": "conll", ".txt": "conll", ".iob": "conll", ".tsv": "conll", ".csv": "gmb",
            ".jsonl": "doccano", ".spacy": "spacy", ".npy": "npy", "": "brat"}


class Converted(NamedTuple):
    """What a conversion came to."""

    sentences: int
    tokens: int
    scheme: str
    warnings: Counter


def convert(source: Path, target: Path, settings: Corpus, reader: Optional[str] = None,
            writer: Optional[str] = None, scheme: str = "IOB2", overwrite: bool = False) -> Converted:
    """Write a corpus in another format.

    Parameters
    ----------
    settings : how the source is read.
    reader, writer : by the suffixes if not given; a pair of arrays goes by the name they share.
    scheme : of the tags that are written.

    Raises
    ------
    CorpusError : the source is not what its reader expects.
    """
    reader, writer = reader or _by_suffix(source, "--from"), writer or _by_suffix(target, "--to")
    if writer not in WRITERS:
        raise ConfigError(f"--to: expected one of {', '.join(WRITERS)}, found {writer!r}")
    if reader not in READERS:
        raise ConfigError(f"--from: expected one of {', '.join(READERS)}, found {reader!r}")
    source, target = _shared_name(source), _shared_name(target)
    if not is_there(source):
        raise CorpusError(source, None, "expected an annotated corpus, found none")
    arrays = [_array(target, part) for part in ("texts", "labels")] if writer == "npy" else []
    taken = [path for path in arrays or [target] if path.exists()]
    if taken and not overwrite:
        raise RunError(f"{taken[0]}: holds something already; choose another name, or give --overwrite")
    reading = read(source, settings.model_copy(update={"reader": reader}))
    found = annotated({"all": reading.sentences}, settings)
    merged: Counter = Counter()
    sentences = []
    for sentence in found.parts["all"]:
        before = sentence.tags or ("O",) * len(sentence.tokens)
        tags = convert_tags(before, scheme)
        merged[MERGED.format(scheme)] += len(spans_of(before)) - len(spans_of(tags))
        sentences.append(sentence._replace(tags=tags))
    target.parent.mkdir(parents=True, exist_ok=True)
    warnings = reading.warnings + found.warnings + merged + WRITERS[writer](sentences, target)
    return Converted(len(sentences), sum(len(sentence.tokens) for sentence in sentences),
                     found.scheme.scheme, warnings)


def _by_suffix(path: Path, option: str) -> str:
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: expected a suffix among {', '.join(filter(None, SUFFIXES))}, found "
                        f"{path.suffix!r}; say what it is with {option}")
    return SUFFIXES[path.suffix]


def _shared_name(path: Path) -> Path:
    """What the names of a pair of arrays share."""
    for ending in (".texts.npy", ".labels.npy", ".npy"):
        if path.name.endswith(ending):
            return path.with_name(path.name[:-len(ending)])
    return path
