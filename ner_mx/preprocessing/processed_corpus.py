"""The folder between the two scripts: a corpus as arrays, with everything that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

from ner_mx.array_files import read_arrays, write_arrays
from ner_mx.config import Config, difference, features_fingerprint
from ner_mx.data.raw_text import RawDocument, from_json, to_json
from ner_mx.data.splits import SPLITS
from ner_mx.errors import RunError
from ner_mx.features.encoded import Encoded
from ner_mx.features.encoder import Encoder
from ner_mx.files import (
    read_json,
    replacing_folder,
    unexpected_entry,
    write_json,
)
from ner_mx.preprocessing.source_files import changed_source
from ner_mx.untyped import ReadOnlyValues, Values

FORMAT = 6
META = "meta.json"
# What training keeps beside the corpus, see ner_mx.training.encoder_outputs.
OUTPUT_FOLDER = "encoder"
SOFT = "teachers.npy"
FILES = {META, SOFT, "vocab.json", "genres.json", "texts.json", "gold.npz", "features.npz",
         "pretrained.npz", *(f"{name}.npz" for name in SPLITS)}
REMEDY = "preprocess the corpus with the same settings"


class ProcessedCorpus(NamedTuple):
    """What ``preprocess`` makes and ``train`` reads.

    config : the configuration it was made with.
    splits : train, dev and test as arrays.
    gold : the IOB2 tags of the sentences of dev and test.  Scoring works on
        these, so a type that the training data lacks still counts.
    pretrained : by feature, arrays from which parameters start.
    genres : by split, the genre of each sentence, if documents have names.
    texts : the documents of dev and test as raw text.
    soft : (tokens of train, K) float16, the probabilities that teachers give the tags; None without teachers.
        Text that teachers alone have annotated comes before the annotated sentences.
    meta : the sources with their SHA-256, counts, the fingerprint of the configuration.
    """

    config: Config
    encoder: Encoder
    splits: Dict[str, Encoded]
    gold: Dict[str, List[List[str]]]
    pretrained: Dict[str, Dict[str, np.ndarray]]
    genres: Dict[str, List[str]]
    texts: Dict[str, List[RawDocument]]
    meta: Values
    soft: Optional[np.ndarray] = None

    @property
    def folder(self) -> Path:
        """Where it is stored."""
        return corpus_folder(self.config)


def corpus_folder(config: Config) -> Path:
    """The folder of the processed corpus of a configuration."""
    return Path(config.corpus.processed) / config.corpus.name


def write_processed(folder: Path, corpus: ProcessedCorpus) -> None:
    """Write the folder under a temporary name and rename it when it is complete.

    A full disk or a crash leaves an earlier folder of the name as it was.

    Raises
    ------
    RunError : the place is taken by something that is not a processed corpus.
    """
    other = unexpected_entry(folder, FILES, (OUTPUT_FOLDER,))
    if other:
        raise RunError(f"{folder}: expected a processed corpus or nothing, found {other}; "
                       "set corpus.name or corpus.processed")
    with replacing_folder(folder) as temporary:
        for name, split in corpus.splits.items():
            write_arrays(temporary / f"{name}.npz", split.arrays())
        gold_tags = sorted({tag for split in corpus.gold.values() for tags in split for tag in tags})
        ids = {tag: index for index, tag in enumerate(gold_tags)}
        write_arrays(temporary / "gold.npz", {
            name: np.array([ids[tag] for tags in split for tag in tags], np.int32)
            for name, split in corpus.gold.items()})
        write_json(temporary / "vocab.json", {**corpus.encoder.to_json(), "gold_tags": gold_tags})
        write_json(temporary / "genres.json", corpus.genres)
        write_json(temporary / "texts.json", {name: to_json(texts) for name, texts in corpus.texts.items()})
        write_arrays(temporary / "features.npz", corpus.encoder.arrays())
        write_arrays(temporary / "pretrained.npz", {
            f"{feature}/{name}": array
            for feature, arrays in corpus.pretrained.items() for name, array in arrays.items()})
        if corpus.soft is not None:
            with open(temporary / SOFT, "wb") as file:
                np.lib.format.write_array(file, corpus.soft, allow_pickle=False)  # type: ignore[no-untyped-call]
        write_json(temporary / META, corpus.meta)


def read_processed(config: Config) -> ProcessedCorpus:
    """Read the folder that belongs to ``config``.

    Raises
    ------
    RunError : it does not exist, is damaged, or was made with other settings
        (the key that differs is named).
    """
    folder = corpus_folder(config)
    if not (folder / META).is_file():
        raise RunError(f"{folder}: expected a processed corpus, found nothing; {REMEDY}")
    meta = read_json(folder / META, REMEDY)
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise RunError(f"{folder}: expected format {FORMAT}, found another; {REMEDY}")
    config = as_resolved(config, meta)
    differs = difference(meta.get("fingerprint", {}), features_fingerprint(config))
    if differs:
        raise RunError(f"{folder}: was made with other settings, {differs} now; {REMEDY}")
    vocabulary = read_json(folder / "vocab.json", REMEDY)
    try:
        encoder = Encoder.restore(config.features, vocabulary, read_arrays(folder / "features.npz", REMEDY))
        splits = {name: Encoded.from_arrays(read_arrays(folder / f"{name}.npz", REMEDY)) for name in SPLITS}
        gold = {}
        for name, ids in read_arrays(folder / "gold.npz", REMEDY).items():
            tags = [vocabulary["gold_tags"][index] for index in ids]
            gold[name] = [tags[start:end] for start, end
                          in zip(splits[name].bounds[:-1], splits[name].bounds[1:])]
        pretrained: Dict[str, Dict[str, np.ndarray]] = {}
        for stored, array in read_arrays(folder / "pretrained.npz", REMEDY).items():
            feature, _, name = stored.partition("/")
            pretrained.setdefault(feature, {})[name] = array
        genres = read_json(folder / "genres.json", REMEDY)
        texts = {name: from_json(value) for name, value in read_json(folder / "texts.json", REMEDY).items()}
        return ProcessedCorpus(config, encoder, splits, gold, pretrained, genres, texts, meta,
                               _read_soft(folder / SOFT, len(splits["train"].word_type), len(encoder.tags)))
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise RunError(f"{folder}: expected the arrays of this version, found others ({error}); "
                       f"{REMEDY}") from None


def _read_soft(path: Path, tokens: int, tags: int) -> Optional[np.ndarray]:
    """The probabilities of teachers, mapped; None if there are none.

    Raises
    ------
    ValueError : they are damaged, or of another corpus.
    """
    if not path.is_file():
        return None
    soft = np.load(path, mmap_mode="r", allow_pickle=False)
    if soft.shape != (tokens, tags) or soft.dtype != np.float16:
        raise ValueError(f"{path.name} of another shape")
    return soft


def as_resolved(config: Config, meta: ReadOnlyValues) -> Config:
    """The configuration with what it leaves to the corpus, as ``preprocess`` found it."""
    left = {key: value for key, value in meta.get("resolved", {}).items() if _value(config, key) == "auto"}
    return config.updated(left) if left else config


def with_resolved(config: Config, run: Config) -> Config:
    """The configuration with what it leaves to the corpus, as a run has it."""
    keys = ("training.batch_size", *(f"features.{name}.use" for name in config.features.settings()))
    left = {key: _value(run, key) for key in keys if _value(config, key) == "auto"}
    return config.updated(left) if left else config


def _value(config: Config, key: str) -> Any:
    """The value of a dotted key; None if there is no such key."""
    section: Any = config
    for part in key.split("."):
        section = getattr(section, part, None)
    return section


def is_current(config: Config) -> bool:
    """Whether the processed corpus of a configuration exists in today's format, made from today's files."""
    path = corpus_folder(config) / META
    if not path.is_file():
        return False
    meta = read_json(path)
    return (isinstance(meta, dict) and meta.get("format") == FORMAT
            and changed_source(meta["sources"], config) is None)


def check_current(corpus: ProcessedCorpus, config: Config) -> None:
    """Check that the files of a configuration are those that its processed corpus was made from.

    Files that no longer exist are ignored.

    Raises
    ------
    RunError : one has changed.
    """
    changed = changed_source(corpus.meta["sources"], config)
    if changed:
        raise RunError(f"{corpus_folder(config)}: was made from another {changed} than there is now (corpus.path "
                       f"was {corpus.meta['path']}, and is {config.corpus.path}); {REMEDY}")
