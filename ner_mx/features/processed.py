"""The folder between the two scripts: a corpus as arrays, with all that made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

from ner_mx.config import Config, difference
from ner_mx.errors import RunError
from ner_mx.features.encoder import Encoded, Encoder
from ner_mx.features.lexicon_files import from_arrays, to_arrays
from ner_mx.files import read_arrays, read_json, replacing_folder, stranger, write_arrays, write_json

FORMAT = 4
PARTS = ("train", "dev", "test")
META = "meta.json"
FILES = {META, "vocab.json", "genres.json", "gold.npz", "vectors.npz", "lexicons.npz",
         *(f"{part}.npz" for part in PARTS)}


class Processed(NamedTuple):
    """What ``preprocess.py`` makes and ``train.py`` reads.

    parts : train, dev and test as arrays.
    gold : the IOB2 tags of the sentences of dev and test.  Scoring works on
        these, so a type that training never showed still counts.
    vectors : (words, dimension) float32 with rows of zeros where ``known`` is
        False, or None.
    known : (words,) bool, the words that have a pretrained vector, or None.
    genres : by part, the genre of each sentence where documents have names.
    meta : sources with their SHA-256, counts, the configuration.
    """

    encoder: Encoder
    parts: Dict[str, Encoded]
    gold: Dict[str, List[List[str]]]
    vectors: Optional[np.ndarray]
    known: Optional[np.ndarray]
    genres: Dict[str, List[str]]
    meta: Dict[str, Any]


def folder_of(config: Config) -> Path:
    """Where a configuration's processed corpus lies."""
    return Path(config.corpus.processed) / config.corpus.name


def making_of(config: Config) -> Dict[str, Any]:
    """The part of a configuration that decides what is in the folder."""
    making = config.model_dump(mode="json", include={"corpus", "features"})
    # Where the corpus lay is no matter any more: its hashes are in meta.json, itself in the folder.
    for key in ("processed", "name", "path"):
        del making["corpus"][key]
    making["training"] = {"use_dev": config.training.use_dev}  # what is learnt fills the tables
    return making


def write_processed(folder: Path, processed: Processed) -> None:
    """Write the folder beside its place and move it there when it is complete.

    A full disk or a crash leaves an earlier folder of the name as it was.

    Raises
    ------
    RunError : something that is no processed corpus stands in its place.
    """
    other = stranger(folder, FILES)
    if other:
        raise RunError(f"{folder}: expected a processed corpus or nothing, found {other}; "
                       "set corpus.name or corpus.processed")
    with replacing_folder(folder) as temporary:
        for name, part in processed.parts.items():
            write_arrays(temporary / f"{name}.npz", part.arrays())
        tables = processed.encoder.to_json()
        gold_tags = sorted({tag for part in processed.gold.values() for tags in part for tag in tags})
        rows = {tag: row for row, tag in enumerate(gold_tags)}
        write_arrays(temporary / "gold.npz", {
            name: np.array([rows[tag] for tags in part for tag in tags], np.int32)
            for name, part in processed.gold.items()})
        write_json(temporary / "vocab.json", {**tables, "gold_tags": gold_tags})
        write_json(temporary / "genres.json", processed.genres)
        if processed.vectors is not None and processed.known is not None:
            write_arrays(temporary / "vectors.npz",
                         {"vectors": processed.vectors, "known": processed.known})
        write_arrays(temporary / "lexicons.npz", to_arrays(processed.encoder.lexicons))
        write_json(temporary / META, processed.meta)


def read_processed(config: Config) -> Processed:
    """Read the folder that belongs to ``config``.

    Raises
    ------
    RunError : there is none, it is damaged, or another configuration made it
        (the key that differs is named).
    """
    folder = folder_of(config)
    remedy = "run preprocess.py with the same arguments"
    if not (folder / META).is_file():
        raise RunError(f"{folder}: expected a processed corpus, found none; {remedy}")
    meta = read_json(folder / META, remedy)
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise RunError(f"{folder}: expected format {FORMAT}, found another; {remedy}")
    differs = difference(meta.get("making", {}), making_of(config))
    if differs:
        raise RunError(f"{folder}: was made by another configuration, {differs} now; {remedy}")
    tables = read_json(folder / "vocab.json", remedy)
    encoder = Encoder.from_json(config.features, tables,
                                from_arrays(read_arrays(folder / "lexicons.npz", remedy)))
    try:
        parts = {name: Encoded(**read_arrays(folder / f"{name}.npz", remedy)) for name in PARTS}
        gold = {}
        for name, rows in read_arrays(folder / "gold.npz", remedy).items():
            tags = [tables["gold_tags"][row] for row in rows]
            gold[name] = [tags[start:end] for start, end
                          in zip(parts[name].bounds[:-1], parts[name].bounds[1:])]
        vectors = known = None
        if config.features.vectors.path:
            arrays = read_arrays(folder / "vectors.npz", remedy)
            vectors, known = arrays["vectors"], arrays["known"]
        genres = read_json(folder / "genres.json", remedy)
        return Processed(encoder, parts, gold, vectors, known, genres, meta)
    except (TypeError, KeyError, IndexError) as error:
        raise RunError(f"{folder}: expected the arrays of this version, found others ({error}); "
                       f"{remedy}") from None
