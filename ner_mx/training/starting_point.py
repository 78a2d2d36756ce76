"""A trained network as the beginning of another one: its words, types and parameters, and what a new corpus adds."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, FrozenSet, List, NamedTuple, Sequence

import numpy as np

from ner_mx.config import Config
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import tags_of
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.errors import ConfigError, RunError
from ner_mx.features.encoded import Encoded
from ner_mx.features.encoder import Encoder
from ner_mx.features.feature import TokenLookup
from ner_mx.files import read_json, sha256
from ner_mx.models.layers.device_arrays import first_copy
from ner_mx.preprocessing.processed_corpus import ProcessedCorpus
from ner_mx.training.callbacks.checkpointing import BEST
from ner_mx.training.run_evaluation import load_recognizer
from ner_mx.training.run_folder import finished_metrics, read_run_config
from ner_mx.training.trainable import Trainable
from ner_mx.untyped import Values

log = logging.getLogger(__name__)

# What a run notes about the run that it started from.
NOTE = "from.json"
# Sections of the configuration that decide the shapes of parameters, and keys below them that need not be the same.
SHAPING = ("features", "model", "loss")
FREE = ("features.words.vectors", "features.words.min_count", "features.words.max_size", "features.words.dropout",
        "features.pos.tagger", "features.characters.dropout", "features.transformer.cache", "model.dropout")


class StartingPoint(NamedTuple):
    """corpus : with the words and types of the earlier run, too.  apply : copies its parameters into a network.

    kept : the types of the earlier run that the corpus does not annotate.
    note : for the folder of the run.
    """

    corpus: ProcessedCorpus
    apply: Callable[[Trainable], None]
    kept: FrozenSet[str]
    note: Values


def starting_point(run: Path, corpus: ProcessedCorpus, config: Config) -> StartingPoint:
    """Prepare a corpus for training that starts from the best network of a run.

    Words, characters and tags of the earlier run keep their parameters; those that are new begin as in any training.
    Where the corpus does not annotate a type of the earlier run at all, the earlier network annotates it in the
    training sentences, so that it is not unlearned.

    Raises
    ------
    RunError : the run is not finished, or cannot be read.
    ConfigError : the two networks have different features or shapes, or types cannot be kept.
    """
    finished_metrics(run)
    earlier = read_run_config(run)
    _check_alike(earlier, config, run)
    if corpus.soft is not None:
        raise ConfigError("--from: expected a corpus without teachers, found one of ner-mx distill")
    recognizer = load_recognizer(run, config.run.device)
    old, new = recognizer.encoder, corpus.encoder
    encoder = old.grown(new)
    kept = frozenset(old.entity_types) - frozenset(new.entity_types)
    splits = {name: _encoded_again(split, new, encoder) for name, split in corpus.splits.items()}
    if kept:
        if config.corpus.characters:
            raise ConfigError(f"--from: expected a corpus with all types of {run}, found one without "
                              f"{', '.join(sorted(kept))}; a network that reads characters cannot keep them")
        log.info("the corpus does not annotate %s: the earlier network does where it is trained on; these types are "
                 "not scored", ", ".join(sorted(kept)))
        for name in ("train", "dev") if config.training.use_dev else ("train",):
            splits[name] = _with_kept(splits[name], encoder, recognizer, kept)
    grown = corpus._replace(encoder=encoder, splits=splits,
                            pretrained={name: _reordered(arrays, new, encoder, name)
                                        for name, arrays in corpus.pretrained.items()},
                            meta={**corpus.meta, "kept_types": sorted(kept)})
    scorer = recognizer.scorer
    assert isinstance(scorer, Trainable)
    parameters = {name: first_copy(parameter).asnumpy() for name, parameter in scorer.parameters().items()}

    def apply(model: Trainable) -> None:
        _copy(parameters, old, model, encoder)

    return StartingPoint(grown, apply, kept, {"run": str(run.resolve()), "best_params_sha256": sha256(run / BEST)})


def starting_point_of(run: Path, corpus: ProcessedCorpus, config: Config) -> StartingPoint:
    """What a run that goes on has started from.

    Raises
    ------
    RunError : the network is not there any more.
    """
    note = read_json(run / NOTE)
    point = starting_point(Path(note["run"]), corpus, config)
    if point.note["best_params_sha256"] != note["best_params_sha256"]:
        raise RunError(f"{note['run']}: expected the network that {run} started from, found another; start a new run "
                       "--from it")
    return point


def _check_alike(earlier: Config, config: Config, run: Path) -> None:
    """Check that the parameters of two networks have the same shapes but for words and types."""
    before, now = (dict(_leaves(one.model_dump(mode="json"))) for one in (earlier, config))
    for key in sorted({*before, *now}):
        free = any(key == prefix or key.startswith(f"{prefix}.") for prefix in FREE)
        if key.split(".")[0] in SHAPING and not free and before.get(key) != now.get(key):
            raise ConfigError(f"{key}: expected {before.get(key)!r} as in {run}, found {now.get(key)!r}; a network "
                              "that starts from another one has its features and sizes")


def _leaves(values: Values, prefix: str = "") -> List[tuple[str, object]]:
    result: List[tuple[str, object]] = []
    for key, value in values.items():
        result += _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return result


def _encoded_again(split: Encoded, new: Encoder, encoder: Encoder) -> Encoded:
    """A split that was encoded with the new corpus' own encoder, with the grown one."""
    tags = np.array([encoder.tags.index(tag) for tag in new.tags] + [-1], np.int32)  # -1 stays -1
    result = replace(encoder.with_words(split, split.word_types()), tags=tags[split.tags])
    for feature in new.features:
        if isinstance(feature, TokenLookup):
            grown = encoder.feature(feature.name)
            assert isinstance(grown, TokenLookup)
            ids = np.array([0, 1, *grown.vocabulary.ids(feature.vocabulary.to_json()), -1], np.int32)
            result = result.with_token_array(feature.name, ids[split.by_token[feature.name]])
    return result


def _with_kept(split: Encoded, encoder: Encoder, recognizer: Recognizer, kept: FrozenSet[str]) -> Encoded:
    """Sentences with entities of the kept types, where the network finds them and nothing else is."""
    tokens = split.tokens()
    ids = {tag: place for place, tag in enumerate(encoder.tags)}
    tags = split.tags.copy()
    for start, words, found in zip(split.bounds, tokens, recognizer.tag_batch(tokens)):
        own = spans_of([encoder.tags[index] for index in split.tags[start:start + len(words)]])
        added = [span for span, _ in found if span.label in kept and not _overlaps(span, own)]
        if added:
            tags[start:start + len(words)] = [ids[tag] for tag in tags_of(
                sorted([*own, *added]), len(words), encoder.settings.tag_encoding)]
    return replace(split, tags=tags)


def _overlaps(span: Span, others: Sequence[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)


def _reordered(arrays: Dict[str, np.ndarray], new: Encoder, encoder: Encoder, name: str) -> Dict[str, np.ndarray]:
    """Pretrained vectors by the ids of the grown encoder; words that only the earlier run knows have none."""
    feature, grown = new.feature(name), encoder.feature(name)
    if not hasattr(feature, "vocabulary"):
        return arrays  # of a checkpoint, which does not grow
    places = [0, 1, *grown.vocabulary.ids(feature.vocabulary.to_json())]  # type: ignore[attr-defined]
    result = {}
    for key, array in arrays.items():
        result[key] = np.zeros((len(grown.vocabulary), *array.shape[1:]), array.dtype)  # type: ignore[attr-defined]
        result[key][places] = array
    return result


def _copy(parameters: Dict[str, np.ndarray], old: Encoder, model: Trainable, encoder: Encoder) -> None:
    """Copy what the earlier network learned; new words and tags keep their initial parameters."""
    names = {feature.name for feature in encoder.features}
    tags = np.array([encoder.tags.index(tag) for tag in old.tags])
    for name, parameter in model.parameters().items():
        if name == "loss.weights":  # computed from the new corpus
            continue
        before, now = parameters[name], first_copy(parameter).asnumpy()
        if name.split(".")[1] in names:
            place = np.ix_(*map(np.arange, before.shape))  # tables grow at their end
        else:
            place = np.ix_(*[tags if size == len(old.tags) and other == len(encoder.tags) else np.arange(size)
                             for size, other in zip(before.shape, now.shape)])
        if any(index.max(initial=-1) >= size for index, size in zip(place, now.shape)):
            raise RunError(f"{name}: expected a parameter that can grow, found {before.shape} and {now.shape}")
        now[place] = before
        parameter.set_data(now)
