"""A configuration to a processed corpus: what ``preprocess.py`` does."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ner_mx import __version__
from ner_mx.config import Config, Corpus
from ner_mx.corpora.annotation import annotated
from ner_mx.corpora.documents import genre
from ner_mx.corpora.schemes import convert
from ner_mx.corpora.sentence import Sentence
from ner_mx.corpora.splits import all_sentences, corpus_files, duplicates, read_parts
from ner_mx.corpora.statistics import counts
from ner_mx.errors import ConfigError, CorpusError
from ner_mx.features.encoder import Encoder
from ner_mx.features.lexicon_files import read_lexicons
from ner_mx.features.processed import FORMAT, META, Processed, folder_of, making_of, write_processed
from ner_mx.features.vectors import (
    HOW_FOUND,
    WordVectors,
    find,
    fitting_dimension,
    how_found,
    read_vectors,
    senna_files,
)
from ner_mx.features.words import normal_form
from ner_mx.files import read_json, sha256


def preprocess(config: Config) -> Processed:
    """Read, check, count, encode and write a corpus.

    Returns
    -------
    What was written to ``data/processed/<corpus.name>/``.

    Raises
    ------
    CorpusError, ConfigError : before anything is written.
    """
    divided = read_parts(config.corpus)
    parts, scheme, found_warnings = annotated(divided.parts, config.corpus)
    warnings = divided.warnings + found_warnings
    if config.features.pos.use and any(sentence.pos is None for sentence in all_sentences(parts)):
        raise ConfigError("features.pos.use: expected a corpus with POS tags, found none in "
                          f"{config.corpus.path}; set features.pos.use to false, or corpus.columns.pos")
    vectors = read_vectors(config.features.vectors) if config.features.vectors.path else None
    if vectors:
        fitting_dimension(config, vectors.matrix.shape[1])
        warnings.update({f"vectors: {reason}": count for reason, count in vectors.warnings.items()})
    if not any(tag != "O" for sentence in parts["train"] for tag in sentence.tags or ()):
        raise CorpusError(config.corpus.path, None, "expected entities in the training part, found none; "
                                                    "see corpus.columns.tag and corpus.types")
    lexicons = read_lexicons(config.features, config.corpus.split_digits)
    learnt = [*parts["train"], *(parts["dev"] if config.training.use_dev else ())]
    encoder = Encoder.learnt(config.features, learnt, vectors.words if vectors else (), lexicons)
    encoded = {name: encoder.encode(sentences) for name, sentences in parts.items()}
    part_counts = {name: counts(sentences) for name, sentences in parts.items()}
    for name, count in part_counts.items():
        unseen = sorted(set(count["types"]) - {tag[2:] for tag in encoder.tags if tag != "O"})
        if unseen:
            warnings[f"entities in {name} of types that training never shows "
                     f"({', '.join(unseen)}); they cannot be found and count as missed"] = sum(
                         count["types"][label] for label in unseen)
    rows = _vector_rows(encoder, vectors)
    matrix, known = _table(vectors, rows, config) if vectors else (None, None)
    meta = {
        "format": FORMAT,
        "version": __version__,
        "making": making_of(config),
        "path": str(Path(config.corpus.path).resolve()),
        "sources": {name: sha256(path) for name, path in _sources(divided.files, config).items()},
        "scheme": scheme.scheme,
        "counts": part_counts,
        "duplicates": duplicates(parts),
        "unknown_words": {name: _share_unknown(part.word[part.form])
                          for name, part in encoded.items() if name != "train"},
        "coverage": {name: _coverage(sentences, vectors, rows, encoder)
                     for name, sentences in parts.items()}
        if vectors else {},
        "tables": {"words": len(encoder.words), "characters": len(encoder.characters),
                   "pos": len(encoder.pos), "tags": len(encoder.tags),
                   "vectors": 0 if known is None else int(known.sum())},
        "lexicons": {f"{source} {category}": {
            "entries": len(lexicon.exact),
            **{name: float((part.lexicon[:, number] > 0).mean()) for name, part in encoded.items()}}
            for number, (source, category, lexicon) in enumerate(lexicons)},
        "warnings": dict(warnings),
    }
    gold = {name: [list(convert(sentence.tags or ("O",) * len(sentence.tokens), "IOB2"))
                   for sentence in parts[name]] for name in ("dev", "test")}
    genres = {name: [genre(sentence.title) for sentence in parts[name]] for name in gold
              if any(sentence.title for sentence in parts[name])}
    processed = Processed(encoder, encoded, gold, matrix, known, genres, meta)
    write_processed(folder_of(config), processed)
    return processed


def _vector_rows(encoder: Encoder, vectors: Optional[WordVectors]) -> np.ndarray:
    """(words,) which row of the vectors each row of the word table takes, -1 for none.

    The normal form is looked up first; failing that, the first word of the
    file that has this normal form (``Rome`` for ``rome``).
    """
    rows = np.full(len(encoder.words), -1)
    if not vectors:
        return rows
    places = {word: position for position, word in enumerate(vectors.words)}
    for word, row in encoder.words.rows.items():
        rows[row] = find(places, word)
    for position, word in enumerate(vectors.words):
        row = encoder.words.row(normal_form(word, encoder.features))
        if rows[row] < 0 and row > 1:
            rows[row] = position
    return rows


def _table(vectors: WordVectors, rows: np.ndarray, config: Config) -> Tuple[np.ndarray, np.ndarray]:
    """The word table that the vectors give, (words, dimension), and which of its rows they fill."""
    known = rows >= 0
    matrix = np.zeros((len(rows), vectors.matrix.shape[1]), np.float32)
    matrix[known] = vectors.matrix[rows[known]]
    if config.features.vectors.scale:
        spread = matrix[known].std()
        if not spread:
            raise ConfigError("features.vectors.scale: expected numbers that differ, found one alone in "
                              f"{config.features.vectors.path}; take other vectors")
        matrix *= config.features.vectors.scale / spread
    return matrix, known


def corpus_sources(files: Sequence[Path], settings: Corpus) -> Dict[str, Path]:
    """The files of a corpus, each under its place below ``corpus.path``.

    A part that is named by an absolute path, and lies elsewhere, is under its name.
    """
    root = Path(settings.path)
    return {str(path.relative_to(root)) if root.is_dir() and root in path.parents else path.name: path
            for path in files}


def _sources(files: Sequence[Path], config: Config) -> Dict[str, Path]:
    """The files that go in."""
    sources = corpus_sources(files, config.corpus)
    if config.features.vectors.path:
        path = Path(config.features.vectors.path)
        sources.update({file.name: file for file in (senna_files(path) if path.is_dir() else [path])})
    for name, lexicon in config.features.lexicons.items():
        path = Path(lexicon.path)
        for file in [path] if path.is_file() else [path / name for name in lexicon.files.values()]:
            sources[f"{name}/{file.name}"] = file
    return sources


def changed_source(made: Dict[str, str], config: Config) -> Optional[str]:
    """The first file that is another now than when a processed corpus or a run was made; None if none is.

    Files that are no longer there are not asked for: a processed corpus stands without them.

    Parameters
    ----------
    made : the SHA-256 of each file that went in.
    """
    try:
        files = corpus_files(config.corpus)
    except CorpusError:
        files = []
    for name, path in _sources(files, config).items():
        if path.is_file() and made.get(name) != _sha256(path, path.stat().st_mtime_ns):
            return name
    return None


@cache
def _sha256(path: Path, changed: int) -> str:
    return sha256(path)


def is_current(config: Config) -> bool:
    """Whether the processed corpus of a configuration stands, in today's format and from the files of now."""
    meta = folder_of(config) / META
    if not meta.is_file():
        return False
    made = read_json(meta)
    return (isinstance(made, dict) and made.get("format") == FORMAT
            and changed_source(made["sources"], config) is None)


def _share_unknown(rows: np.ndarray) -> float:
    return float((rows == 1).mean())


def _coverage(sentences: Sequence[Sentence], vectors: WordVectors, rows: np.ndarray,
              encoder: Encoder) -> Dict[str, float]:
    """The shares of tokens by how the vector that the network sees was found."""
    found: Counter = Counter()
    for token, count in Counter(token for sentence in sentences for token in sentence.tokens).items():
        row = rows[encoder.words.row(normal_form(token, encoder.features))]
        found[how_found(token, vectors.words[row] if row >= 0 else None)] += count
    return {how: found[how] / sum(found.values()) for how in HOW_FOUND}


def summary(meta: Dict[str, Any]) -> str:
    """What ``preprocess.py`` prints, from ``meta.json``."""
    parts = meta["counts"]
    types: List[str] = sorted({label for count in parts.values() for label in count["types"]})
    rows = [["", "sentences", "tokens", "documents", "longest", "entities", *types]]
    for name, count in parts.items():
        rows.append([name, *(f"{count[key]:,}" for key in (
            "sentences", "tokens", "documents", "longest_sentence", "entities")),
            *(f"{count['types'].get(label, 0):,}" for label in types)])
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join([row[0].ljust(widths[0]),
                        *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
             for row in rows]
    tables = meta["tables"]
    lines += ["",
              f"tag scheme      {meta['scheme']}",
              f"tables          {tables['words']:,} words, {tables['characters']:,} characters, "
              f"{tables['pos']:,} POS tags, {tables['tags']:,} tags"
              + (f"; {tables['vectors']:,} words with vectors" if tables["vectors"] else ""),
              "unknown words   " + ", ".join(f"{share:.2%} of {name}" for name, share
                                             in meta["unknown_words"].items())]
    for name, coverage in meta["coverage"].items():
        lines.append(f"vectors, {name:<7}" + ", ".join(f"{share:.2%} {how}"
                                                      for how, share in coverage.items()))
    for name, counted in meta["lexicons"].items():
        lines.append(f"lexicon {name:<7} {counted['entries']:,} entries; matched: " + ", ".join(
            f"{counted[part]:.2%} of {part}" for part in parts))
    lines.append("duplicates      " + ", ".join(f"{count:,} {'within ' if ' ' not in name else ''}{name}"
                                                for name, count in meta["duplicates"].items()))
    lines += [f"warning         {count:,} {what}" for what, count in meta["warnings"].items()]
    return "\n".join(lines)
