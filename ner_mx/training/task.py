"""What is learned: entity tags, or an annotation that raw text lacks.  The loop needs to know no more."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from ner_mx.config import Config
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags, tags_of
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.decoding.entity_rules import EntityRules
from ner_mx.evaluation.scores import evaluate
from ner_mx.evaluation.unscored_types import without_types
from ner_mx.features.feature import Feature, TokenLookup
from ner_mx.preprocessing.processed_corpus import ProcessedCorpus


class Task(NamedTuple):
    """Classes to learn and a measure to judge by.

    classes : the names of the K classes.
    targets : by split, (tokens,) int32 ids of the classes.
    encoding : of the classes, if they are entity tags whose order matters; else None.
    measure : the name of the measure.
    score : (split, decoded ids of each sentence) -> the measure, a fraction.
    config : the configuration of the model that learns this.
    """

    classes: List[str]
    targets: Dict[str, np.ndarray]
    encoding: Optional[str]
    measure: str
    score: Callable[[str, List[np.ndarray]], float]
    config: Config


def entity_task(corpus: ProcessedCorpus, config: Config) -> Task:
    """Entities, judged by the micro F1 of whole entities."""
    tags, kept = corpus.encoder.tags, corpus.meta.get("kept_types", ())

    def score(split: str, ids: List[np.ndarray]) -> float:
        return evaluate(corpus.gold[split], without_types(predicted_tags(tags, ids), kept)).micro.f1

    return Task(tags, {name: split.tags for name, split in corpus.splits.items()},
                config.features.tag_encoding, "entity F1", score, config)


def predicted_tags(tags: Sequence[str], ids: Sequence[np.ndarray]) -> List[List[str]]:
    """Decoded ids as IOB2 tags."""
    return [list(convert_tags([tags[index] for index in sentence], "IOB2")) for sentence in ids]


def with_rules(rules: Optional[EntityRules], tokens: Sequence[Sequence[str]],
               predicted: List[List[str]]) -> List[List[str]]:
    """Predicted tags in IOB2 after the rules; the same without any."""
    if rules is None:
        return predicted
    result = []
    for words, tags in zip(tokens, predicted):
        found = rules.applied(words, [ScoredSpan(span, 1.0) for span in spans_of(tags)])
        result.append(list(tags_of([span for span, _ in found], len(words), "IOB2")))
    return result


def tagger_config(config: Config, feature: Feature) -> Config:
    """The configuration of the tagger that predicts a feature for raw text."""
    tagger = feature.settings.tagger
    # Of an encoder, a small tagger has no need, as long as there is something else to read.
    others = set(config.features.active()) - {feature.name, "transformer"}
    without = {"features.transformer.use": False} if others else {}
    config = config.updated({
        **without,
        f"features.{feature.name}.use": False, "loss.name": "cross-entropy", "loss.weights": "none",
        "decoding.method": "argmax", "training.epochs": tagger.epochs, "training.patience": None,
        "training.normalise": "tokens", "training.use_dev": False})
    return config.model_copy(update={"model": config.model.auxiliary(tagger.units)})


def annotation_task(corpus: ProcessedCorpus, config: Config, feature: Feature) -> Task:
    """An annotation that raw text lacks, judged by accuracy."""
    assert isinstance(feature, TokenLookup)
    name = feature.name

    def score(split: str, ids: List[np.ndarray]) -> float:
        return float((np.concatenate(ids) == corpus.splits[split].by_token[name]).mean())

    return Task(feature.vocabulary.items,
                {split: encoded.by_token[name] for split, encoded in corpus.splits.items()}, None,
                f"{feature.predicted_as} accuracy", score, tagger_config(config, feature))
