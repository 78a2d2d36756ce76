"""From a configuration to a processed corpus: what ``preprocess.py`` does."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx import __version__
from ner_mx.config import Config, features_fingerprint
from ner_mx.data.annotation import check_annotation
from ner_mx.data.document_titles import genre
from ner_mx.data.fixed_length import of_fixed_length
from ner_mx.data.long_sentences import without_long_sentences
from ner_mx.data.plausibility import implausible
from ner_mx.data.raw_text import compare_tokens, raw_documents
from ner_mx.data.reading import shown_settings
from ner_mx.data.sentence import Sentence, Warnings, no_warnings
from ner_mx.data.splits import SplitCorpus, Splits, all_sentences, duplicates, read_splits
from ner_mx.data.statistics import counts
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import CorpusError
from ner_mx.features.encoder import Encoder
from ner_mx.files import sha256
from ner_mx.preprocessing.processed_corpus import FORMAT, ProcessedCorpus, corpus_folder, write_processed
from ner_mx.preprocessing.source_files import source_files
from ner_mx.registry import register
from ner_mx.untyped import ReadOnlyValues, Values


class Teaching(NamedTuple):
    """What teachers add to a corpus, see :mod:`ner_mx.distillation`.

    sentences : without annotation, which are trained on, too.
    probabilities : (tags, annotated sentences) -> (tokens, K) float16, first of the tokens of ``sentences``.
    sources : the files of teachers and texts by name, with their SHA-256.
    """

    sentences: Sequence[Sentence]
    probabilities: Callable[[List[str], Sequence[Sentence]], np.ndarray]
    sources: Dict[str, str]


def process(config: Config, teaching: Optional[Teaching] = None,
            corpus: Optional[SplitCorpus] = None) -> ProcessedCorpus:
    """Read, check, count, encode and write a corpus.

    Parameters
    ----------
    teaching : what teachers add; None without teachers.
    corpus : other splits of the files of the configuration, such as parts of them; None reads those that it names.

    Returns
    -------
    What was written to ``data/processed/<corpus.name>/``.

    Raises
    ------
    CorpusError, ConfigError : before anything is written.
    """
    corpus = corpus or read_splits(config.corpus)
    complete, words, scheme, warnings = check_annotation(corpus.splits, config.corpus)
    warnings = corpus.warnings + warnings + implausible(complete["train"])
    splits = {name: of_fixed_length(sentences, config.corpus.cut, config.corpus.pad, warnings)
              for name, sentences in complete.items()}
    split_counts = {name: counts(sentences) for name, sentences in splits.items()}
    resolved = _resolved(config, splits, split_counts["train"]["entities"])
    config = config.updated(resolved)
    for name in config.features.active():
        register.feature[name].check(config.features, all_sentences(splits), config.corpus.path)
    if not any(tag != "O" for sentence in splits["train"] for tag in sentence.gold):
        raise CorpusError(config.corpus.path, None, "expected entities in the training data, found nothing; "
                                                    "see corpus.columns.tag and corpus.types")
    extra = teaching.sentences if teaching else []
    trained_on = [*splits["train"], *(splits["dev"] if config.training.use_dev else ()), *extra]
    encoder = Encoder.fit(config.features, trained_on, config.corpus.split_digits)
    for feature in encoder.features:
        warnings.update({f"{feature.name}: {reason}": count
                         for reason, count in feature.warnings.described().items()})
    train = without_long_sentences(splits["train"], warnings)
    encoded = {name: encoder.encode([*extra, *train] if name == "train" else sentences)
               for name, sentences in splits.items()}
    warnings.update(_unseen_types(split_counts, encoder))
    meta = {
        **_origin(config, corpus.files, teaching), "resolved": resolved, "annotated": len(train),
        "scheme": scheme.scheme, "counts": split_counts, "duplicates": duplicates(splits), "tags": len(encoder.tags),
        "features": {feature.name: feature.statistics(splits, encoded) for feature in encoder.features},
        "warnings": warnings.described(), "proposed": corpus.proposed,
        "raw_text": {name: compare_tokens(words[name], config.corpus.tokenizer)._asdict()
                     for name in ("dev", "test")},
    }
    gold = {name: [list(convert_tags(sentence.gold, "IOB2")) for sentence in splits[name]]
            for name in ("dev", "test")}
    pretrained = {feature.name: arrays for feature in encoder.features for arrays in [feature.pretrained()]
                  if arrays}
    texts = {name: raw_documents(words[name]) for name in ("dev", "test")}
    soft = teaching.probabilities(encoder.tags, train) if teaching else None
    processed = ProcessedCorpus(config, encoder, encoded, gold, pretrained, _genres(splits), texts, meta, soft)
    write_processed(corpus_folder(config), processed)
    return processed


def _origin(config: Config, files: Sequence[Path], teaching: Optional[Teaching]) -> Values:
    """What a processed corpus was made from, and by what."""
    sources = {name: sha256(path) for name, path in source_files(files, config).items()}
    return {"format": FORMAT, "version": __version__, "fingerprint": features_fingerprint(config),
            "path": str(Path(config.corpus.path).resolve()), "split": config.corpus.split.model_dump(mode="json"),
            "sources": {**sources, **(teaching.sources if teaching else {})}}


# Sentences of a batch below so many entities to learn from, and from there on: little data needs more updates, and
# large batches keep several threads busy.
BATCH_SIZES, LARGE_BATCH = ((2500, 8), (10000, 16), (40000, 32)), 64


def _resolved(config: Config, splits: Splits, entities: int) -> Values:
    """Values by dotted key for what the configuration leaves to the corpus, which has so many entities in train."""
    sentences = all_sentences(splits)
    result: Values = {f"features.{name}.use": register.feature[name].is_possible(sentences)
                      for name, settings in config.features.settings().items() if settings.use == "auto"}
    if config.training.batch_size == "auto":
        result["training.batch_size"] = next(
            (size for below, size in BATCH_SIZES if entities < below), LARGE_BATCH)
    return result


def _genres(splits: Splits) -> Dict[str, List[str]]:
    """The genre of each sentence of dev and test, if documents have names."""
    return {name: [genre(sentence.title) for sentence in splits[name]] for name in ("dev", "test")
            if any(sentence.title for sentence in splits[name])}


def _unseen_types(split_counts: Mapping[str, Values], encoder: Encoder) -> Warnings:
    """Warnings for entities of types that the training data lacks."""
    warnings = no_warnings()
    for name, count in split_counts.items():
        unseen = sorted(set(count["types"]) - set(encoder.entity_types))
        if unseen:
            warnings[f"entities in {name} of types that the training data lacks ({', '.join(unseen)}); they "
                     "cannot be found and count as missed"] = sum(count["types"][label] for label in unseen)
    return warnings


def summary(meta: ReadOnlyValues) -> str:
    """What ``preprocess.py`` prints, from ``meta.json``."""
    lines = _count_table(meta["counts"])
    sizes = [f"{statistics['size']:,} {register.feature[name].unit}"
             for name, statistics in meta["features"].items() if register.feature[name].unit]
    described: List[Tuple[str, str]] = [("tag scheme", meta["scheme"]),
                                        ("vocabularies", ", ".join([*sizes, f"{meta['tags']:,} tags"]))]
    for name, statistics in meta["features"].items():
        described += register.feature[name].summary(statistics)
    described.append(("duplicates", ", ".join(
        f"{count:,} {'within ' if ' ' not in name else ''}{name}" for name, count in meta["duplicates"].items())))
    described += [(f"raw text, {name}", _tokenization(figures)) for name, figures in meta["raw_text"].items()]
    described += [("read as", f"{name}: {shown_settings(settings)}") for name, settings in meta["proposed"].items()]
    described += [("warning", f"{count:,} {reason}") for reason, count in meta["warnings"].items()]
    return "\n".join([*lines, "", *(f"{label:<15} {text}" for label, text in described)])


def _tokenization(figures: ReadOnlyValues) -> str:
    """What the tokenizer makes of a split, against the tokens and sentences of the corpus."""
    def share(equal: str, total: str) -> str:
        return f"{figures[equal] / max(1, figures[total]):.2%} of the {total}"

    return (f"the tokenizer finds {share('equal_tokens', 'tokens')} and {share('equal_sentences', 'sentences')}; "
            f"{figures['impossible']:,} of {figures['spans']:,} entities do not fit its tokens")


def _count_table(split_counts: Mapping[str, Values]) -> List[str]:
    """The counts of each split, aligned in columns."""
    types: List[str] = sorted({label for count in split_counts.values() for label in count["types"]})
    rows = [["", "sentences", "tokens", "documents", "longest", "entities", *types]]
    for name, count in split_counts.items():
        rows.append([name, *(f"{count[key]:,}" for key in (
            "sentences", "tokens", "documents", "longest_sentence", "entities")),
            *(f"{count['types'].get(label, 0):,}" for label in types)])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join([row[0].ljust(widths[0]),
                       *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]) for row in rows]
